"""Numbers of things in words.

The rule: what is counted stands in the singular where there is one.
"""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: "1 order", "2 orders"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
