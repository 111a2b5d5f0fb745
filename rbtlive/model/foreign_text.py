"""Texts of values that somebody else wrote: they may fail to print, or not be UTF-8.

The rule: what cannot be shown says so in its place; asking for a text never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def text_of(value: object, write: Callable[[Any], str] = str) -> str:
    """Return a value's text, or a sentence that says that it has none.

    Args:
        value: Anything.
        write: What makes the text, e.g. `repr`.
    """
    try:
        return write(value)
    except BaseException as unprintable:  # noqa: BLE001 - around code of a user or a source
        return f"(its text cannot be shown: {type(unprintable).__name__})"


def as_utf8(text: str) -> str:
    """Return a text as UTF-8 can hold it: half a character becomes its escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
