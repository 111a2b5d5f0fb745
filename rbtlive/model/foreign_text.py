"""Texts of values that somebody else wrote: they may fail to print, or not be UTF-8.

The rule: what cannot be shown says so in its place; asking for a text never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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


def notes_of(failure: object) -> list[str]:
    """Return the notes of an exception that are texts: others may have written
    anything there.
    """
    try:
        notes = getattr(failure, "__notes__", None)
    except Exception:  # noqa: BLE001 - a class of somebody else's decides what it gives
        return []
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


def add_note(failure: BaseException, note: str) -> None:
    """Add a note to an exception, if it takes one."""
    with suppress(Exception):
        failure.add_note(note)
