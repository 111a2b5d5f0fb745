"""What strategies read: views, bars, and the shapes numbers are shown in."""
