"""Frames and files as typed columns: read, checked, refused with the place."""
