"""Bars in memory and on disk, and the market made of them."""
