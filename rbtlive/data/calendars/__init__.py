"""Exchange hours, and the order of slices."""
