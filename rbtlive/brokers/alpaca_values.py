"""Checked values from Alpaca's answers: texts, numbers, sides, times.

The rule: an uncertain value raises `Untranslatable`, which names the field and shows
the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from rbtlive.errors import BrokerError

LONGEST_ID: Final = 128
_LARGEST_EXPONENT: Final = 15
_MOST_DIGITS: Final = 28  # digits that any decimal context accepts without rounding


class Untranslatable(BrokerError):  # noqa: N818 - named for its meaning
    """A message of the broker cannot be translated with certainty."""


def as_object(body: object, what: str) -> Mapping[str, Any]:
    """Return an answer, which must be an object.

    Raises:
        Untranslatable: it is not an object.
    """
    if not isinstance(body, Mapping):
        raise Untranslatable(f"{what} must be an object: was {type(body).__name__}")
    return body


def as_list(body: object, what: str) -> list[Any]:
    """Return an answer, which must be a list.

    Raises:
        Untranslatable: it is not a list.
    """
    if not isinstance(body, list):
        raise Untranslatable(f"{what} must be a list: was {type(body).__name__}")
    return body


def read_text(body: Mapping[str, Any], name: str) -> str:
    """Return a field, which must be a string.

    Raises:
        Untranslatable: it is not a string.
    """
    value = body.get(name)
    if (
        not isinstance(value, str)
        or not value
        or len(value) > LONGEST_ID
        or not value.isprintable()
    ):
        raise Untranslatable(
            f"{name} must be text of 1 to {LONGEST_ID} characters: was {shown(value)}"
        )
    return value


def printable(value: object) -> str:
    """Return the printable part of a text; an empty text for other values."""
    text = value if isinstance(value, str) else ""
    return (
        "".join(c if c.isprintable() else " " for c in text[:300])
        .encode("utf-8", "replace")
        .decode()
    )


def read_sign(body: Mapping[str, Any]) -> int:
    """Return 1 for a buy side, -1 for a sell side.

    Raises:
        Untranslatable: it is neither.
    """
    side = body.get("side")
    if side == "buy":
        return 1
    if isinstance(side, str) and side in {"sell", "sell_short"}:
        return -1
    raise Untranslatable(f"side must be buy or sell: was {shown(side)}")


def as_decimal(value: object, name: str) -> Decimal:
    """Return a value, which must be a number, exactly as written.

    Raises:
        Untranslatable: it is not a number, or of a size that no broker writes.
    """
    number: Decimal | None = None
    if isinstance(value, str) and not (value.isascii() and "_" not in value):
        pass  # Python accepts other digits, and _ between them, which no broker writes
    elif isinstance(value, (str, int, float, Decimal)) and not isinstance(value, bool):
        try:
            number = Decimal(repr(value) if isinstance(value, float) else value)
        except (InvalidOperation, ValueError):
            number = None
    if (
        number is None
        or not number.is_finite()
        or not -_MOST_DIGITS <= number.adjusted() <= _LARGEST_EXPONENT
        or len(number.as_tuple().digits) > _MOST_DIGITS
    ):
        raise Untranslatable(f"{name} must be a number: was {shown(value)}")
    return number


def read_number(body: Mapping[str, Any], name: str) -> Decimal:
    """Return a field, which must be a number, not negative.

    Raises:
        Untranslatable: it is not such a number.
    """
    number = as_decimal(body.get(name), name)
    if number < 0:
        raise Untranslatable(f"{name} must not be negative: was {number}")
    return number


def read_positive(body: Mapping[str, Any], name: str) -> Decimal:
    """Return a field, which must be a number above zero.

    Raises:
        Untranslatable: it is not such a number.
    """
    number = as_decimal(body.get(name), name)
    if number <= 0:
        raise Untranslatable(f"{name} must be greater than zero: was {number}")
    return number


def optional_number(body: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a field that is either missing or a non-negative number."""
    return None if body.get(name) is None else read_number(body, name)


def read_moment(body: Mapping[str, Any], *names: str) -> datetime:
    """Return the first field of several that is present, which must be a time; UTC.

    Raises:
        Untranslatable: it is not a time.
    """
    value = next((body[name] for name in names if body.get(name) is not None), None)
    return as_moment(value, names[0])


def as_moment(value: object, name: str) -> datetime:
    """Return a time from the wire, UTC.

    Raises:
        Untranslatable: it is not a time.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise Untranslatable(f"{name} must be an RFC 3339 time: was {shown(value)}")


def shown(value: object) -> str:
    """Return a value in the form that a message shows."""
    return (
        ascii(value)[:60] if isinstance(value, (str, int, float, Decimal)) else type(value).__name__
    )
