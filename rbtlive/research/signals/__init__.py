"""Strategies declared as expressions, and computed for many parameters at once."""
