"""Convert a source's row, of any type, to a bar.

The rule: a row becomes a checked bar, or one sentence that says why not. A row with
only one possible meaning is accepted; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.errors import InvalidBar
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV, Bar, floats_of, plain_bar_of
from rbtlive.model.foreign_text import as_utf8, text_of
from rbtlive.model.number import to_decimal

REQUIRED: Final = ("symbol", "timestamp", *OHLCV)
_STAMPS: Final = ("timestamp", "date", "datetime", "time", "index")
_LARGEST_EXPONENT: Final = 30
_MOST_DIGITS: Final = 38
_MOST_FIELDS: Final = 1_000
_MESSAGE_LIMIT: Final = 500
_ORDINARY: Final = re.compile(r"(?:\d{1,15}(?:\.\d{1,15})?(?: |$)){5}")
_NANOSECOND_UNITS: Final = ("generic", "Y", "M", "W", "D")


class RefusedBar(InvalidBar):
    """A bar that is left out.

    Attributes:
        reason: The kind of reason, one word.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class OutsideSession(RefusedBar):
    """A bar whose stamp is in no slice.

    Attributes:
        moment: The stamp.
    """

    def __init__(self, message: str, moment: datetime | date) -> None:
        super().__init__("outside_session", message)
        self.moment = moment


def in_order_of_time(items: list[object] | tuple[object, ...]) -> list[object] | None:
    """Return rows in time order if a symbol appears twice with different stamps; None
    if they may be one slice.
    """
    stamps: dict[object, object] = {}
    for item in items:
        if not isinstance(item, (Bar, dict)):
            return None
        row = item if isinstance(item, dict) else item.__dict__
        symbol, stamp = row.get("symbol"), row.get("timestamp")
        if not isinstance(symbol, str) or not isinstance(stamp, (datetime, date)):
            return None
        if stamps.setdefault(symbol, stamp) != stamp:
            break
    else:
        return None
    try:
        return sorted(items, key=_stamp_of)
    except (
        TypeError,
        KeyError,
        AttributeError,
    ):  # some have no stamp, or stamps of different types
        return None


def _stamp_of(item: Any) -> Any:
    return item["timestamp"] if isinstance(item, dict) else item.timestamp


def is_row(item: object) -> bool:
    """Say whether a tuple is one named row, not a list of rows."""
    return isinstance(item, tuple) and hasattr(item, "_fields")


def is_bare_row(items: list[object] | tuple[object, ...]) -> bool:
    """Say whether a list is one unnamed row of numbers, as in ccxt."""
    return len(items) >= len(OHLCV) and all(
        isinstance(one, (int, float, Decimal)) for one in items[: len(OHLCV) + 1]
    )


def facts_of(item: object, known: Mapping[str, str] | None) -> dict[str, Any]:
    """Return symbol, timestamp, prices and volume of a row.

    Args:
        item: A Bar, a mapping, a pandas Series, a named tuple, a NumPy record, a
            dataclass or a pydantic model. Names may be in any case; a pandas Series or
            named tuple may have its time in the index; with only one symbol in the
            session, the symbol may be missing.
        known: The known symbols by their upper-case spelling; None accepts any.

    Raises:
        RefusedBar: it is not a bar, or has another symbol.
    """
    if isinstance(item, Bar):
        values: dict[str, Any] = dict(item)
    else:
        try:
            row = _mapping_of(item)
            found = None if row is None else _required_of(row, known)
        except RefusedBar:
            raise
        except Exception as error:  # a row of a foreign class may fail in any way
            what = f"{type(error).__name__}: {text_of(error):.80}"
            raise RefusedBar("wrong_type", f"it cannot be read: {what}") from error
        if found is None:
            raise RefusedBar("wrong_type", _not_a_row(item))
        values = found
    symbol = values["symbol"]
    if not isinstance(symbol, str) or not symbol or not _is_encodable(symbol):
        raise RefusedBar("wrong_type", f"symbol must be a string: was {shown(symbol)}")
    if known is not None:
        if symbol.upper() not in known:
            raise RefusedBar(
                "unknown_symbol", f"symbol {shown(symbol)} is not among the session's assets"
            )
        values["symbol"] = known[symbol.upper()]
    return values


def _mapping_of(item: object) -> Mapping[Any, Any] | None:
    found: Mapping[Any, Any] | None = None
    if isinstance(item, Mapping):
        found = item
    elif is_row(item):
        row: Any = item
        names: tuple[str, ...] = row._fields
        found = dict(zip(names, row, strict=False))
    elif isinstance(item, BaseModel):
        found = dict(item)
    elif is_dataclass(item) and not isinstance(item, type):
        found = {field.name: getattr(item, field.name) for field in fields(item)}
    elif isinstance(item, np.void) and item.dtype.names:
        record: Any = item
        found = {name: record[name] for name in item.dtype.names}
    elif _is_series(item):
        series: Any = item
        found = dict(zip(series.index, series.array, strict=True))
        if isinstance(series.name, date):
            found = {"index": series.name, **found}
    return found


# Detects a row of a pandas frame without importing pandas.
def _is_series(item: object) -> bool:
    kind = type(item)
    return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "Series"


def _not_a_row(item: object) -> str:
    kind = type(item)
    if kind.__name__ in {"DataFrame", "LazyFrame"}:
        return (
            f"a bar or a list of bars is expected: was a whole {kind.__name__}; yield its rows, "
            "e.g. `for row in frame.iter_rows(named=True)` or `frame.to_dict('records')`"
        )
    return f"a bar, a mapping or a list of them is expected: was {kind.__name__}"


def _required_of(row: Mapping[Any, Any], known: Mapping[str, str] | None) -> dict[str, Any]:
    if not all(name in row for name in REQUIRED):
        row = _renamed(row, known)
    missing = [name for name in REQUIRED if name not in row]
    if missing:
        raise RefusedBar(
            "wrong_type", f"a bar needs {', '.join(REQUIRED)}: {', '.join(missing)} missing"
        )
    return {name: _plain(row[name]) for name in REQUIRED}


# Accepts names in any case, other names for the time, and a missing symbol if there is
# only one.
def _renamed(row: Mapping[Any, Any], known: Mapping[str, str] | None) -> Mapping[Any, Any]:
    if len(row) > _MOST_FIELDS:
        return row
    lower = {name.lower(): value for name, value in row.items() if isinstance(name, str)}
    found: dict[str, Any] = {name: lower[name] for name in REQUIRED if name in lower}
    found |= {name: row[name] for name in REQUIRED if name in row}
    if "timestamp" not in found:
        stamp = next((lower[name] for name in _STAMPS if name in lower), None)
        if isinstance(stamp, (date, np.datetime64, str)):
            found["timestamp"] = stamp
    if "symbol" not in found and known is not None and len({*known.values()}) == 1:
        found["symbol"] = next(iter(known.values()))
    return found


def _plain(value: object) -> object:
    # Fields of NumPy records are NumPy scalars.
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        return value.item()
    return value


def moment_of_stamp(stamp: object) -> datetime | date:
    """Return a stamp as a date-time in UTC, or as a session label.

    Raises:
        RefusedBar: it has no time zone, or is not a time.
    """
    if isinstance(stamp, str):
        try:
            stamp = datetime.fromisoformat(stamp)
        except ValueError:
            raise RefusedBar(
                "wrong_type", f"timestamp {shown(stamp)} is not an ISO 8601 date-time"
            ) from None
    elif isinstance(stamp, np.datetime64):
        stamp = _of_numpy(stamp)
    if isinstance(stamp, datetime):
        if stamp.tzinfo is None or stamp.utcoffset() is None:
            raise RefusedBar("wrong_type", f"timestamp must carry a time zone: was {shown(stamp)}")
        try:
            return datetime_of(us_of(stamp))  # a plain date-time in UTC, whatever its subclass
        except (OverflowError, ValueError):
            raise RefusedBar(
                "wrong_type", f"timestamp {shown(stamp)} is beyond the supported range"
            ) from None
    if isinstance(stamp, date):
        return stamp
    raise RefusedBar(
        "wrong_type", f"timestamp must be a date-time: was {shown(stamp)} ({type(stamp).__name__})"
    )


# NumPy's instants have no zone and count as UTC; a day is a label.
def _of_numpy(stamp: np.datetime64) -> object:
    unit = np.datetime_data(stamp.dtype)[0]
    if np.isnat(stamp):
        return stamp
    if unit in _NANOSECOND_UNITS:
        return stamp.astype("datetime64[D]").item()
    found = stamp.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) else stamp


def plain_bar(item: dict[str, Any] | Bar) -> Bar | None:
    """Return a bar of ordinary floats, whose decimals need no check; None for any
    other.
    """
    if not isinstance(item, dict):
        ordinary = item.is_plain or _is_ordinary(item)
        return item if ordinary and 0.0 not in floats_of(item)[:4] else None
    try:
        bar = plain_bar_of(
            item if len(item) == len(REQUIRED) else {name: item[name] for name in REQUIRED}
        )
    except KeyError:
        return None
    return None if bar is None or 0.0 in floats_of(bar)[:4] else bar


# Whether a bar's decimals need no check: numbers written in full, and not too long.
def _is_ordinary(bar: Bar) -> bool:
    facts = bar.__dict__
    numbers = [facts[name] for name in OHLCV]
    text = " ".join(map(str, numbers))
    return (
        set(map(type, numbers)) == {Decimal}
        and _ORDINARY.fullmatch(text) is not None
        and facts["low"] <= facts["high"]
        and type(facts["timestamp"]) is datetime
        and facts["timestamp"].tzinfo is UTC
        and type(facts["symbol"]) is str
        and facts["symbol"].isascii()
    )


def checked_bar(values: dict[str, Any]) -> Bar:
    """Return a checked bar from its values.

    Raises:
        RefusedBar: a value is not a number, not finite or too large to trade, or the
            values are inconsistent; a price is zero.
    """
    for name in OHLCV:
        values[name] = _tradable(name, values[name])
    try:
        bar = Bar(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}, was {shown(first['input'])}" if where else first["msg"]
        raise RefusedBar("invalid", reason) from None
    zero = next((name for name in OHLCV[:4] if not values[name]), None)
    if zero is not None:
        raise RefusedBar("invalid", f"{zero} must be above zero: 0 is no price")
    return bar


def finite_number(name: str, value: object) -> Decimal:
    """Return a value as an exact number.

    Raises:
        RefusedBar: it is not a number, or not finite.
    """
    try:
        number = Decimal(value) if isinstance(value, str) else to_decimal(value)
    except (TypeError, InvalidOperation):
        raise RefusedBar("wrong_type", f"{name} must be a number: was {shown(value)}") from None
    if not number.is_finite():
        raise RefusedBar("invalid", f"{name} must be finite: was {number}")
    return number


def _tradable(name: str, value: object) -> Decimal:
    number = finite_number(name, value)
    if number and (
        abs(number.adjusted()) > _LARGEST_EXPONENT or len(number.as_tuple().digits) > _MOST_DIGITS
    ):
        raise RefusedBar("invalid", f"{name} is beyond what can be traded: was {shown(value)}")
    return number or Decimal(0)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def described(item: object) -> str:
    """Return a row's name in messages."""
    if isinstance(item, Bar):
        return f"bar of {shown(item.symbol)} at {item.timestamp.isoformat()}"
    if isinstance(item, Mapping):
        with suppress(Exception):  # reading a foreign class's attributes may fail
            return f"bar of {shown(item['symbol'])} at {shown(item.get('timestamp'))}"
    return shown(item)


def shown(value: object) -> str:
    """Return a short one-line text of any value."""
    if isinstance(value, datetime):
        return str(value)
    try:
        return " ".join(f"{value!r:.80}".split())
    except BaseException as error:  # noqa: BLE001 - a source's value may even fail to print
        return f"(unprintable {type(value).__name__}: {type(error).__name__})"


def clean(text: str) -> str:
    """Return a message in a form that can be journaled."""
    return as_utf8(text[:_MESSAGE_LIMIT])


def names_of(symbols: Iterable[str] | None) -> dict[str, str] | None:
    """Return symbols by their upper-case spelling; None stays None."""
    return None if symbols is None else {symbol.upper(): symbol for symbol in symbols}
