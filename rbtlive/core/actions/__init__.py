"""What acts on a run's state: orders, fills, sessions, callbacks, operators."""
