"""The record of a run: its file, header, lock, rows, and who writes them."""
