"""Translate Alpaca's market data: bars and trades from the stream, bars from the
archive.

The rule: Alpaca stamps a bar with its start, this package with its END; this module
converts one to the other. Source: Alpaca's reference for Market Data v2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from rbtlive.brokers.alpaca_http import AlpacaHttp
from rbtlive.brokers.alpaca_places import CRYPTO, DataPlace, zone_of
from rbtlive.brokers.alpaca_values import Untranslatable, as_moment
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.errors import InvalidSetting
from rbtlive.model.interval import DAY, MINUTE, Interval

PAGE: Final = 10_000
MOST_PAGES: Final = 10_000
SYMBOLS_AT_ONCE: Final = 100
TIMEFRAMES: Final = {MINUTE: "1Min", DAY: "1Day"}
_FIELDS: Final = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
_MINUTE: Final = timedelta(minutes=1)

BarFacts = dict[str, Any]
"""A bar in a feed's form: `symbol`, `timestamp` (END of a minute, or a session's
label), prices and volume.
"""


@dataclass(frozen=True, slots=True)
class Trade:
    """A public trade: symbol, price per share, shares, and time, UTC."""

    symbol: str
    price: Decimal
    size: Decimal
    at: datetime


def read_bar(body: Mapping[str, Any], *, symbol: object, interval: Interval) -> BarFacts:
    """Return a bar in a feed's form; the feed checks its numbers.

    Raises:
        Untranslatable: it has no time.
    """
    began = as_moment(body.get("t"), "t")
    stamp: datetime | date = (
        began + _MINUTE if interval.intraday else _label_of(began, zone_of(symbol))
    )
    return {"symbol": symbol, "timestamp": stamp} | {
        name: body.get(short) for name, short in _FIELDS.items()
    }


# Until July 2025, Alpaca's daily crypto bars began at midnight in Chicago: such a bar
# ends hours after the session that its date names.
def _label_of(began: datetime, zone: tzinfo) -> date:
    local = began.astimezone(zone)
    if zone is CRYPTO.zone and local.time() != time():
        raise Untranslatable("a daily bar of crypto must begin at midnight UTC")
    return local.date()


def read_trade(body: Mapping[str, Any]) -> Trade:
    """Return a trade.

    Raises:
        Untranslatable: it is not a trade.
    """
    symbol = body.get("S")
    try:
        price, size = (Decimal(str(body.get(name))) for name in ("p", "s"))
    except InvalidOperation:
        raise Untranslatable("a trade must have a price and a size") from None
    if (
        not isinstance(symbol, str)
        or not price.is_finite()
        or not size.is_finite()
        or price <= 0
        or size < 0
    ):
        raise Untranslatable("a trade must have a symbol, a price and a size")
    return Trade(symbol, price, size, as_moment(body.get("t"), "t"))


async def archived_bars(
    http: AlpacaHttp,
    symbols: Iterable[str],
    *,
    interval: Interval,
    start: datetime,
    end: datetime | None,
    place: DataPlace,
) -> list[BarFacts]:
    """Return the bars that began between two moments, ordered by time, then symbol.

    Raises:
        BrokerError: they could not be fetched.
    """
    found: list[BarFacts] = []
    names = sorted(set(symbols))
    for first in range(0, len(names), SYMBOLS_AT_ONCE):
        query = {
            "symbols": ",".join(names[first : first + SYMBOLS_AT_ONCE]),
            "timeframe": TIMEFRAMES[interval],
            "start": _wire_time(start),
            "limit": str(PAGE),
            "sort": "asc",
        } | dict(place.query)
        if end is not None:
            query["end"] = _wire_time(end)
        for _page in range(MOST_PAGES):
            body = await http.get(place.bars, query=query)
            found += _bars_of(body, interval)
            token = body.get("next_page_token")
            if not token:
                break
            if str(token) == query.get("page_token"):
                raise Untranslatable("the archive names the same page as the next one again")
            query["page_token"] = str(token)
    return sorted(found, key=lambda bar: (str(bar["timestamp"]), str(bar["symbol"])))


def latest_slot_us(
    body: object, *, axis: SlotAxis, is_settled: Callable[[date, SlotAxis], bool]
) -> int:
    """Return the END of the last finished slice, by the latest bars of some symbols; 0
    if there are none.

    Args:
        body: The parsed JSON of the latest bars.
        axis: The slices of the calendar.
        is_settled: Says whether the daily bar of a session is final.

    Raises:
        Untranslatable: the answer has another form.
    """
    bars = body.get("bars") if isinstance(body, Mapping) else None
    if not isinstance(bars, Mapping):
        raise Untranslatable("the latest bars must be an object by symbol")
    ends = [0]
    for symbol, one in bars.items():
        if isinstance(one, Mapping):
            stamp = read_bar(one, symbol=symbol, interval=axis.interval)["timestamp"]
            slot_us = axis.slot_of(stamp)
            if isinstance(stamp, datetime):
                ends.append(us_of(stamp))
            elif slot_us is not None:
                ends.append(slot_us if is_settled(stamp, axis) else slot_us - 1)
    return max(ends)


def _bars_of(body: object, interval: Interval) -> list[BarFacts]:
    bars = body.get("bars") if isinstance(body, Mapping) else None
    if bars is None and isinstance(body, Mapping) and "bars" in body:
        return []
    if not isinstance(bars, Mapping) or not all(isinstance(part, list) for part in bars.values()):
        raise Untranslatable("the archive's answer must hold lists of bars by symbol")
    return [
        read_bar(one, symbol=symbol, interval=interval)
        for symbol, part in bars.items()
        for one in part
        if isinstance(one, Mapping)
    ]


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_of(value: datetime | date | str, name: str, *, last: bool = False) -> datetime:
    """Return a moment in UTC; a day means its first moment, or its last one.

    Raises:
        InvalidSetting: it is not a date or time.
    """
    try:
        found = (
            datetime.fromisoformat(value) if isinstance(value, str) and len(value) > 10 else value
        )
        found = date.fromisoformat(found) if isinstance(found, str) else found
    except ValueError:
        raise InvalidSetting(
            f"{name} must be a date or a time like '2024-01-31': was {value!r}"
        ) from None
    if isinstance(found, datetime):
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    begin = datetime(found.year, found.month, found.day, tzinfo=UTC)
    return begin + timedelta(days=1, microseconds=-1) if last else begin


def floats_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its numbers as floats."""
    return {
        name: float(value) if isinstance(value, (int, Decimal)) else value
        for name, value in row.items()
    }
