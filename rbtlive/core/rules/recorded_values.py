"""Values that `record()` keeps: they can be shown, stored and compared later.

The rule: an exception from the user's own value class is raised in the callback that
records the value, and nowhere else.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from rbtlive.model.foreign_text import as_utf8
from rbtlive.model.number import Number

PLAIN: Final = frozenset({type(None), bool, float, Number, date, datetime})
"""Types whose values are kept unchanged."""
MOST: Final = 1 << 62
"""Whole numbers below this are kept without checking their length."""
MOST_CHARACTERS: Final = 100_000
MOST_LEVELS: Final = 20
MOST_BITS: Final = 14_000
"""Limit of a whole number: Python writes no more than 4,300 digits."""


def kept_value(value: object) -> Any:
    """Return a value in the form that is kept: subclasses of text and numbers become
    plain ones; any other value must be showable.

    Raises:
        ValueError: it is too large to be kept.
        Exception: whatever the value raises when it is shown.
    """
    if isinstance(value, str):
        return _kept_text(str.__getitem__(value, slice(None)))  # a plain string, whatever its class
    if isinstance(value, int):
        return _kept_number(value)
    if isinstance(value, Decimal):  # a signalling NaN raises wherever it is read
        return value if not value.is_snan() else Decimal("NaN")
    if isinstance(value, float):
        return value if type(value).__module__ == "numpy" else float.__add__(value, 0.0)
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        _walk(value, MOST_LEVELS)
    elif hasattr(value, "item") and not hasattr(value, "__len__"):
        value.item()
    if len(repr(value)) > MOST_CHARACTERS * 10:
        raise ValueError(
            f"a recorded value must not be longer than {MOST_CHARACTERS * 10:,} characters: was "
            f"a {type(value).__name__}; record a number that sums it up"
        )
    return value


# Reading a container raises its exceptions now, not later.
def _walk(value: Any, levels: int) -> None:
    if levels == 0:
        raise ValueError(f"a recorded value must not be nested deeper than {MOST_LEVELS} levels")
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    for part in parts:
        if isinstance(part, (list, tuple, dict, set, frozenset)):
            _walk(part, levels - 1)


def _kept_text(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"a recorded text must not be longer than {MOST_CHARACTERS:,} characters: has "
            f"{len(text):,}; record a part of it"
        )
    if text.isascii():
        return text
    return as_utf8(text)


def _kept_number(value: int) -> int:
    if int.bit_length(value) > MOST_BITS:
        raise ValueError(
            f"a recorded number must not have more than {MOST_BITS:,} bits: has "
            f"{int.bit_length(value):,}; record it as a float"
        )
    return value if type(value).__module__ in {"builtins", "numpy"} else int.__add__(value, 0)
