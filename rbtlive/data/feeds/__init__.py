"""Feeds: sources of slices for a running session."""
