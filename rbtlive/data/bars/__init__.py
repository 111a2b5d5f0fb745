"""Bars in memory and on disk, and the market built from them."""
