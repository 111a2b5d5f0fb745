"""Recorded runs: read, replayed, rehearsed."""
