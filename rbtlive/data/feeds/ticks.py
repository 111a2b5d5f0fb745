"""Convert a source's trade, of any type, to a tick.

The rule: a tick has a symbol, a time, a price above zero and a size; a trade with only
one possible meaning is accepted, and any other is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.bar_rows import RefusedBar, finite_number, moment_of_stamp, shown
from rbtlive.model.arrays import np
from rbtlive.model.number import to_decimal

_SYMBOL: Final = ("symbol", "sym", "ticker", "s")
_TIME: Final = ("timestamp", "time", "datetime", "at", "ts", "t")
_PRICE: Final = ("price", "last", "p")
_SIZE: Final = ("size", "quantity", "qty", "amount", "volume", "q", "v")
_EPOCH_UNITS: Final = ((1e9, 1e11, 10**6), (1e12, 1e14, 10**3), (1e15, 1e17, 1))
"""Units of numbers since 1970: from, to, microseconds each. Seconds, milliseconds and
microseconds of the years 2001 to 5138 do not overlap; larger numbers are nanoseconds.
"""
_NANOSECONDS: Final = 1e18
_LARGEST: Final = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Tick:
    """One trade: symbol ("" if the source names none), µs UTC, price, size."""

    symbol: str
    us: int
    price: Decimal
    size: Decimal


def tick_of(item: object) -> Tick:
    """Return a trade.

    Args:
        item: A mapping, a dataclass, a model, a named tuple or any object with such
            attributes; or a plain tuple of symbol, time, price and size in any order,
            in which the first number is the price.

    Raises:
        RefusedBar: it is not a trade.
    """
    named = _mapping_of(item)
    if named is not None:
        symbol, stamp = _first(named, _SYMBOL), _stamp(named)
        price, size = _first(named, _PRICE), _first(named, _SIZE)
    elif isinstance(item, (tuple, list)):
        symbol, stamp, price, size = _by_kind(item)
    else:
        raise RefusedBar("wrong_type", f"a trade is expected: was {type(item).__name__}")
    if symbol is not None and not isinstance(symbol, str):
        raise RefusedBar("wrong_type", f"symbol must be a string: was {shown(symbol)}")
    exact_size = finite_number("size", 0 if size is None else size)
    exact_price = finite_number("price", price)
    if not 0 < exact_price < _LARGEST or not 0 <= exact_size < _LARGEST:
        raise RefusedBar(
            "invalid",
            "a trade needs a price above zero and a size not below: were "
            f"{exact_price!s:.40} and {exact_size!s:.40}",
        )
    return Tick(symbol or "", _us(stamp), exact_price, exact_size)


def _mapping_of(item: object) -> Mapping[Any, Any] | None:
    if isinstance(item, Mapping):
        return item
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return {name: getattr(item, name) for name in item._fields}
    if isinstance(item, BaseModel):
        return dict(item)
    if is_dataclass(item) and not isinstance(item, type):
        return {field.name: getattr(item, field.name) for field in fields(item)}
    if isinstance(item, (tuple, list)) or not hasattr(item, "price"):
        return None
    names = (*_SYMBOL, *_TIME, *_PRICE, *_SIZE)
    return {name: getattr(item, name) for name in names if hasattr(item, name)}


def _first(named: Mapping[Any, Any], names: tuple[str, ...]) -> Any:
    return next((named[name] for name in names if named.get(name) is not None), None)


# Of several names for the time, the first with a valid time: ccxt gives both a number
# and a text.
def _stamp(named: Mapping[Any, Any]) -> Any:
    given = [named[name] for name in _TIME if named.get(name) is not None]
    return next((one for one in given if isinstance(one, datetime)), given[0] if given else None)


def _by_kind(item: tuple[Any, ...] | list[Any]) -> tuple[Any, Any, Any, Any]:
    texts = [one for one in item if isinstance(one, str)]
    times = [one for one in item if isinstance(one, (datetime, np.datetime64))]
    numbers = [one for one in item if _is_number(one)]
    if len(times) != 1 or len(texts) > 1 or not 1 <= len(numbers) <= 2:
        raise RefusedBar(
            "wrong_type",
            "a tuple must hold a symbol, a date-time, a price and a size, the price first of "
            f"the two: was {shown(item)}",
        )
    return next(iter(texts), None), times[0], numbers[0], (*numbers[1:], None)[0]


def _is_number(value: object) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, (int, float, Decimal, np.integer, np.floating))


def _us(stamp: object) -> int:
    if _is_number(stamp):
        return _us_of_number(float(stamp), stamp)  # type: ignore[arg-type]
    moment = moment_of_stamp(stamp)
    if not isinstance(moment, datetime):
        raise RefusedBar("wrong_type", f"a trade needs a time, not a date: was {shown(stamp)}")
    return us_of(moment)


def _us_of_number(value: float, given: Any) -> int:
    for least, most, factor in _EPOCH_UNITS:
        if least <= value < most:
            return int(to_decimal(given) * factor)
    if _NANOSECONDS <= value < 10 * _NANOSECONDS:
        return int(given) // 1000
    raise RefusedBar("wrong_type", f"a time must be a date-time: was {shown(given)}")


def stamp_text(us: int) -> str:
    """Return a tick's time for messages, even one outside the range of date-times."""
    try:
        return datetime_of(us).isoformat()
    except (OverflowError, ValueError):
        return f"{us} µs after 1970"
