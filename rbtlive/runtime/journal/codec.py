"""Encode facts as canonical JSON, one text per value, and decode them.

The rule: equal values give equal bytes. Keys are sorted, there are no spaces, decimals
are plain text, date-times are UTC with microseconds, and everything outside ASCII is
escaped. Reading builds known classes only and runs no code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from itertools import chain
from json import JSONDecoder, JSONEncoder
from json.encoder import encode_basestring_ascii as _quoted
from operator import itemgetter
from typing import Any

from pydantic import BaseModel, ValidationError

from rbtlive.errors import JournalCorrupt, JournalVersion
from rbtlive.model.arrays import np
from rbtlive.model.bar import BAR_DEFAULTS, OHLCV, Bar, PlainRow, aware_utc, trusted_bar
from rbtlive.model.events import (
    EVENT_TYPES,
    SLICE_DEFAULTS,
    Event,
    MarketDataEvent,
    trusted_slice,
)
from rbtlive.model.number import Number
from rbtlive.model.slice_columns import SliceColumns

_scan: Any = vars(JSONDecoder())["scan_once"]  # `json.loads` takes twice as long to reach it
_has_text_keys = frozenset({str}).issuperset
_is_plain = frozenset({str, int, bool, type(None), Decimal, Number, datetime}).issuperset
_numbers_of = itemgetter(*OHLCV)
_ENVELOPE = frozenset({"timestamp", "priority", "event_type"})
_MOST_KNOWN = 1 << 14
_known: dict[str, tuple[Decimal, float]] = {}
_NAMES_OF_A_BAR = {*OHLCV, "symbol", "timestamp"}
_UNREADABLE = (ValidationError, ValueError, TypeError, KeyError, AttributeError, InvalidOperation)
_CONSTANTS = {None: "null", True: "true", False: "false"}
_TWO_DIGITS = tuple(f"{number:02d}" for number in range(60))
_MOST_DATES = 4096
_dates: dict[int, str] = {}


Cells = list[tuple[str, str, str, str, str, str, str]]
"""A slice as texts: symbol in quotes, symbol, close, high, low, open, volume."""

SliceFloats = tuple[tuple[str, ...], Sequence[tuple[float, ...]]]
"""Sorted symbols; open, high, low, close and volume of each, as floats. The slice's
text has their shortest decimals.
"""


class SliceText(str):
    """The result of `encode_event` for a slice. It knows its parts, so that its event
    is built without parsing the text.
    """

    __slots__ = ("_cells",)
    _cells: Cells

    @classmethod
    def of(cls, cells: Cells) -> SliceText:
        """Return the text of these bars."""
        bars = [
            f'{in_quotes}:{{"close":"{last}","high":"{high}","low":"{low}","open":"{first}",'
            f'"volume":"{volume}"}}'
            for in_quotes, _symbol, last, high, low, first, volume in cells
        ]
        text = cls(f'{{"bars":{{{",".join(bars)}}}}}')
        text._cells = cells
        return text

    def event(self, timestamp: datetime) -> MarketDataEvent:
        """Return the slice with this time.

        Raises:
            JournalCorrupt: it contains something other than bars.
        """
        known = _known.get
        bars = {}
        for _in_quotes, symbol, last, high, low, first, volume in self._cells:
            opened, highest = known(first) or _learn(first), known(high) or _learn(high)
            lowest, closed = known(low) or _learn(low), known(last) or _learn(last)
            traded = known(volume) or _learn(volume)
            if lowest[0] > highest[0]:
                event = decode_event("MarketDataEvent", timestamp=timestamp, payload=str(self))
                assert isinstance(event, MarketDataEvent)
                return event
            bars[symbol] = trusted_bar(
                {
                    "symbol": symbol,
                    "timestamp": timestamp,
                    "open": opened[0],
                    "high": highest[0],
                    "low": lowest[0],
                    "close": closed[0],
                    "volume": traded[0],
                    "_floats": (opened[1], highest[1], lowest[1], closed[1], traded[1]),
                }
            )
        return trusted_slice(timestamp, bars)


def canonical_json(value: object) -> str:
    """Return the canonical JSON text of a value.

    Decimals, date-times, dates and non-finite floats become strings; sequences become
    arrays; enumerations become their values; models and dataclasses become objects of
    their fields.

    Raises:
        TypeError: `value` contains something without a canonical form, or a mapping
            whose keys are not strings.
        ValueError: a date-time is naive.
    """
    scalar = _scalar_text(value)
    if scalar is not None:
        return scalar
    if _is_flat(value):
        return _plain_text(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(
                    f"a mapping in the journal must have strings as keys: was {key!r:.100}; use "
                    "str(key)"
                )
        return (
            "{"
            + ",".join(f"{_quoted(key)}:{canonical_json(value[key])}" for key in sorted(value))
            + "}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    if isinstance(value, BaseModel):
        return canonical_json(dict(value))
    if is_dataclass(value) and not isinstance(value, type):
        return canonical_json({field.name: getattr(value, field.name) for field in fields(value)})
    raise TypeError(
        f"{type(value).__name__} has no canonical form for the journal: was {value!r:.100}; "
        "use numbers, strings, dates, lists and mappings"
    )


def decimal_text(value: Decimal) -> str:
    """Return the canonical text of a decimal: no exponent, no trailing zeros, `-0` as
    `0`.
    """
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def datetime_text(moment: datetime) -> str:
    """Return an aware date-time as `2005-01-03T21:00:00.000000Z`."""
    if moment.tzinfo is not UTC:
        moment = aware_utc(moment)
    day = moment.toordinal()
    date_text = _dates.get(day)
    if date_text is None:  # `isoformat` takes four times as long as all the rest
        if len(_dates) >= _MOST_DATES:
            _dates.clear()
        date_text = _dates[day] = moment.date().isoformat()
    two = _TWO_DIGITS
    clock = f"{date_text}T{two[moment.hour]}:{two[moment.minute]}:{two[moment.second]}"
    us = moment.microsecond
    return f"{clock}.{us:06d}Z" if us else clock + ".000000Z"


def _text_of(value: Decimal | datetime) -> str:
    return datetime_text(value) if isinstance(value, datetime) else decimal_text(value)


# The same result as `canonical_json` for values that are `_is_flat`, without a call per
# value.
_plain_text = JSONEncoder(
    sort_keys=True, separators=(",", ":"), check_circular=False, default=_text_of
).encode


def parse_datetime(text: str) -> datetime:
    """Return the date-time of a text written by `datetime_text`."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is UTC else aware_utc(moment)


def columns_text(columns: SliceColumns) -> str:
    """Return the canonical JSON of a slice in columns, equal to `encode_event` of its
    event.
    """
    names, made, moment = columns.names, columns.made, columns.timestamp
    if made is not None:
        symbols = [names.symbols[place] for place in names.order]
        bars = [_bar_text(symbol, made[symbol], moment) for symbol in symbols]
    else:
        opens, highs, lows, closes, volumes = map(_number_texts, columns.values.tolist())
        bars = [
            f'{names.quoted[at]}:{{"close":"{closes[at]}","high":"{highs[at]}",'
            f'"low":"{lows[at]}","open":"{opens[at]}","volume":"{volumes[at]}"}}'
            for at in names.order
        ]
    return f'{{"bars":{{{",".join(bars)}}}}}'


# The canonical texts of finite, non-negative floats.
def _number_texts(values: list[float]) -> list[str]:
    texts = list(map(repr, values))
    joined = "\n".join(texts) + "\n"
    if "e" in joined:
        return [decimal_text(Decimal(text)) for text in texts]
    return joined.replace(".0\n", "\n").split("\n")


# Canonical texts of floats are cached: `repr` takes five times as long as a look-up.
class _Texts(dict[float, str]):
    def __missing__(self, value: float) -> str:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        text = self[value] = _number_texts([value])[0]
        return text


_known_texts = _Texts()


def encode_event(event: Event) -> str:
    """Return the canonical JSON of an event without its type and time.

    A bar's symbol and time are written only if they differ from its key and the event's
    time, an optional field only if it is set.
    """
    if type(event) is MarketDataEvent:
        bars = event.bars
        moment = event.timestamp
        if len(bars) == 1:
            ((symbol, bar),) = bars.items()
            text = _bar_text(symbol, bar, moment)
        else:
            text = ",".join(_bar_text(symbol, bars[symbol], moment) for symbol in sorted(bars))
        return f'{{"bars":{{{text}}}{_added_text(event, _SLICE_ADDED) if _SLICE_ADDED else ""}}}'
    optional = event.written_if_set
    return canonical_json(
        {
            name: value
            for name, value in event
            if name not in _ENVELOPE and (name not in optional or value not in (None, ""))
        }
    )


def plain_row(event: MarketDataEvent) -> PlainRow | None:
    """Return the content of a slice of one plain bar, or None for any other slice."""
    facts = event.__dict__
    if _HAS_MORE:
        return None
    if "_row" in facts:
        return facts["_row"]  # type: ignore[no-any-return]
    bars = facts["bars"]
    if len(bars) != 1:
        return None
    ((symbol, bar),) = bars.items()
    values = bar.__dict__
    if not (
        "_plain" in values
        and values["timestamp"] is facts["timestamp"]
        and values["symbol"] == symbol
    ):
        return None
    return symbol, values["_floats"]


def plain_texts(bars: Sequence[PlainRow]) -> list[str]:
    """Return the `encode_event` texts of slices of one plain bar each."""
    numbers = map(_known_texts.__getitem__, chain.from_iterable([floats for _, floats in bars]))
    begins = {name: f'{{"bars":{{{_quoted(name)}:{{"close":"' for name, _ in bars}
    opens, highs, lows, closes, volumes = (numbers,) * len(OHLCV)
    return [
        f'{begins[name]}{last}","high":"{high}","low":"{low}","open":"{first}",'
        f'"volume":"{volume}"}}}}}}'
        for (name, _), first, high, low, last, volume in zip(
            bars, opens, highs, lows, closes, volumes, strict=False
        )
    ]


def decode_event(type_name: str, *, timestamp: datetime, payload: str) -> Event:
    """Return the event of a text written by `encode_event`.

    Raises:
        JournalVersion: no event has this type.
        JournalCorrupt: the payload does not describe an event of this type.
    """
    kind = EVENT_TYPES.get(type_name)
    if kind is None:
        raise JournalVersion(
            f"the journal holds an event of type {type_name!r:.80}, which this version does not "
            "know; "
            "open it with the version of rbtlive that wrote it"
        )
    try:
        facts, end = _scan(payload, 0)
        if end != len(payload):
            raise ValueError(f"something follows the facts: {payload[end:]:.40}")
        if kind is MarketDataEvent:
            bars = _bars(facts.pop("bars"), timestamp)
            if facts:
                return kind(timestamp=timestamp, bars=bars, **facts)
            return trusted_slice(timestamp, bars)
        return kind(timestamp=timestamp, **facts)
    except (*_UNREADABLE, StopIteration) as error:
        raise JournalCorrupt(
            f"the journal holds a {type_name} at {datetime_text(timestamp)} that cannot be read: "
            f"{error}; "
            "restore the file from a copy, or attach with fresh=True"
        ) from error


def _is_flat(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return _is_plain(map(type, value.values())) and _has_text_keys(map(type, value))
    return (kind is list or kind is tuple) and _is_plain(map(type, value))


def _scalar_text(value: object) -> str | None:
    if value is None or value is True or value is False:
        return _CONSTANTS[value]
    if isinstance(value, Enum):
        return canonical_json(value.value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Decimal):
        return f'"{decimal_text(value)}"'
    if isinstance(value, np.generic):
        return canonical_json(value.item())
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value) if math.isfinite(value) else f'"{Decimal(value)}"'
    if isinstance(value, datetime):
        return f'"{datetime_text(value)}"'
    if isinstance(value, date):
        return f'"{value.isoformat()}"'
    return None


def _bar_text(symbol: str, bar: Bar, moment: datetime) -> str:
    facts = bar.__dict__
    text = (
        f'"close":"{facts["close"]!s}","high":"{facts["high"]!s}","low":"{facts["low"]!s}",'
        f'"open":"{facts["open"]!s}",'
    )
    if '0"' in text or "E" in text:  # text of any other form is already canonical
        text = (
            f'"close":"{decimal_text(bar.close)}","high":"{decimal_text(bar.high)}",'
            f'"low":"{decimal_text(bar.low)}","open":"{decimal_text(bar.open)}",'
        )
    if facts["symbol"] != symbol:
        text += f'"symbol":{_quoted(bar.symbol)},'
    if facts["timestamp"] is not moment and facts["timestamp"] != moment:
        text += f'"timestamp":"{datetime_text(bar.timestamp)}",'
    added = _added_text(bar, BAR_DEFAULTS) if BAR_DEFAULTS else ""
    return f'{_quoted(symbol)}:{{{text}"volume":"{decimal_text(facts["volume"])}"{added}}}'


# Fields with a default that a slice or bar has in addition to those written below;
# written unless they have the default.
_SLICE_ADDED = {name: default for name, default in SLICE_DEFAULTS.items() if name not in _ENVELOPE}


_HAS_MORE = bool(BAR_DEFAULTS or _SLICE_ADDED)


def _added_text(model: BaseModel, added: dict[str, Any]) -> str:
    values = model.__dict__
    return "".join(
        f",{_quoted(name)}:{canonical_json(values[name])}"
        for name, default in added.items()
        if values[name] != default
    )


def _bars(facts: dict[str, Any], moment: datetime) -> dict[str, Bar]:
    return {symbol: _bar(symbol, values, moment) for symbol, values in facts.items()}


def _bar(symbol: str, values: dict[str, str], moment: datetime) -> Bar:
    first, high, low, last, volume = _numbers_of(values)
    known = _known.get
    opened, highest = known(first) or _learn(first), known(high) or _learn(high)
    lowest, closed = known(low) or _learn(low), known(last) or _learn(last)
    traded = known(volume) or _learn(volume)
    stamp = values.get("timestamp")
    bar = {
        "symbol": values.get("symbol", symbol),
        "timestamp": moment if stamp is None else parse_datetime(stamp),
        "open": opened[0],
        "high": highest[0],
        "low": lowest[0],
        "close": closed[0],
        "volume": traded[0],
        "_floats": (opened[1], highest[1], lowest[1], closed[1], traded[1]),
    }
    added = () if len(values) == len(OHLCV) else values.keys() - _NAMES_OF_A_BAR
    if lowest[0] <= highest[0] and not added:
        return trusted_bar(bar)
    del bar["_floats"]
    # The model validates added fields and words the errors.
    return Bar(**bar, **{name: values[name] for name in added})


# Numbers repeat: the decimal and float of each text are built and checked once.
def _learn(text: str) -> tuple[Decimal, float]:
    exact = Decimal(text)
    if not (exact >= 0 and exact.is_finite()):
        raise ValueError(f"a price or volume must be finite and not negative: was {text:.40}")
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    pair = _known[text] = (exact, float(exact))
    return pair
