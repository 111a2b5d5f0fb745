"""Where slices come from while a session runs."""
