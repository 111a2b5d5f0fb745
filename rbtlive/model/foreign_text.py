"""Texts of values from users or sources: they may fail to print, or not be valid
UTF-8.

The rule: a value that cannot be shown is replaced by a sentence saying so; getting a
text never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any


def text_of(value: object, write: Callable[[Any], str] = str) -> str:
    """Return a value's text, or a sentence saying that it has none.

    Args:
        value: Any value.
        write: The function that makes the text, e.g. `repr`.
    """
    try:
        return write(value)
    except BaseException as unprintable:  # noqa: BLE001 - around code of a user or a source
        return f"(its text cannot be shown: {type(unprintable).__name__})"


def as_utf8(text: str) -> str:
    """Return a text that UTF-8 can encode: a lone surrogate becomes its escape. An
    ordinary text is returned as it is, so that `is` tells that nothing had to change.
    """
    if type(text) is str and text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def notes_of(failure: object) -> list[str]:
    """Return the notes of an exception that are strings; users may have added
    anything.
    """
    try:
        notes = getattr(failure, "__notes__", None)
    except Exception:  # noqa: BLE001 - a user's class decides what it returns
        return []
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


def add_note(failure: BaseException, note: str) -> None:
    """Add a note to an exception, if it accepts notes."""
    with suppress(Exception):
        failure.add_note(note)
