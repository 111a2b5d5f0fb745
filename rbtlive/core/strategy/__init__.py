"""A user's strategy, and the functions it calls."""
