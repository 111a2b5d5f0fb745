"""What strategies read: views, bars, and the presenters that shape numbers."""
