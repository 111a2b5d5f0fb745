"""Counts in words.

The rule: the noun is singular for one.
"""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a count with its noun: "1 order", "2 orders"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
