"""Recorded runs: reading, replaying and rehearsing them."""
