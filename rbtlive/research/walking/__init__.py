"""Parameters chosen in one span of time and tested in the next."""
