"""Parameters chosen in one span of time and tried in the next."""
