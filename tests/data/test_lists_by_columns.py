"""A list of bars gives the same slices, and the same complaints, whether it is judged by
columns or bar by bar.
"""

from __future__ import annotations

import copy
import pickle
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import rbtlive as rbt
from rbtlive.data.bars.bar_table import BarTable
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.list_judge import ListJudge
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import OHLCV
from rbtlive.model.events import MarketDataEvent, trusted_slice
from rbtlive.model.interval import Interval
from rbtlive.runtime.journal.codec import encode_event
from rbtlive.runtime.journal.journal import Journal

CALENDAR = get_calendar("24/7")
BEGIN = datetime(2024, 1, 2, 23, 50, tzinfo=UTC)
SYMBOLS = [f"S{number:02d}" for number in range(24)]
FIRST = CALENDAR.number(BEGIN.date())
NUMBERS = ("open", "high", "low", "close", "volume")

ODD = {
    "nan": lambda row: row | {"close": float("nan")},
    "infinite": lambda row: row | {"high": float("inf")},
    "negative": lambda row: row | {"volume": -1.0},
    "minus zero": lambda row: row | {"volume": -0.0},
    "zero": lambda row: row | {"volume": 0},
    "crossed": lambda row: row | {"low": 900.0},
    "text": lambda row: row | {"open": "10.5"},
    "no number": lambda row: row | {"open": "ten"},
    "flag": lambda row: row | {"volume": True},
    "none": lambda row: row | {"close": None},
    "decimal": lambda row: row | {"close": Decimal("10.125")},
    "large": lambda row: row | {"volume": 10**40},
    "whole": lambda row: row | {"volume": (1 << 53) + 1},
    "numpy": lambda row: row | {"high": np.float64(99.25), "volume": np.int64(7)},
    "single": lambda row: row | {"high": np.float32(99.1)},
    "lower case": lambda row: row | {"symbol": row["symbol"].lower()},
    "unknown": lambda row: row | {"symbol": "NOPE"},
    "no symbol": lambda row: row | {"symbol": 7},
    "other minute": lambda row: row | {"timestamp": row["timestamp"] - timedelta(minutes=1)},
    "more fields": lambda row: row | {"vwap": 10.0},
    "less fields": lambda row: {k: v for k, v in row.items() if k != "low"},
}


def rows_at(minute, chance, symbols=SYMBOLS):
    rows = []
    for symbol in symbols:
        first, last = (round(chance.uniform(1, 100), 2) for _ in range(2))
        values = (first, max(first, last) + 0.5, min(first, last), last, chance.randint(0, 10**6))
        rows.append(
            {"symbol": symbol, "timestamp": BEGIN + timedelta(minutes=minute)}
            | dict(zip(NUMBERS, values, strict=True))
        )
    return rows


def shapes(chance, rows):
    """The rows as their senders may have them."""
    kind = chance.choice(["plain", "plain", "odd", "odd", "doubled", "stamps", "bars", "events"])
    if kind == "odd":
        for _ in range(chance.choice([1, 1, 2, 20])):
            at = chance.randrange(len(rows))
            rows[at] = ODD[chance.choice(list(ODD))](rows[at])
    elif kind == "doubled":
        rows.append(dict(chance.choice(rows)))
        rows.append(chance.choice(rows) | {"close": 0.001, "low": 0.001})
    elif kind == "stamps":
        make = chance.choice([pd.Timestamp, datetime.isoformat, np.datetime64])
        stamp = rows[0]["timestamp"]
        given = make(stamp.replace(tzinfo=None)) if make is np.datetime64 else make(stamp)
        rows = [row | {"timestamp": given} for row in rows]
    elif kind == "bars":
        if chance.random() < 0.5:
            rows = [row | {"volume": Decimal(row["volume"])} for row in rows]
        rows = [rbt.Bar(**row) for row in rows]
    elif kind == "events":
        bars = {row["symbol"]: rbt.Bar(**row) for row in rows}
        return MarketDataEvent(timestamp=rows[0]["timestamp"], bars=bars)
    return tuple(rows) if chance.random() < 0.3 else rows


def stream(seed):
    chance = random.Random(seed)
    minute = 0
    for _ in range(12):
        minute += chance.choice([1, 1, 1, 1, 0, 2, -1])
        symbols = chance.sample(SYMBOLS, chance.choice([24, 24, 20, 5]))
        yield shapes(chance, rows_at(minute, chance, symbols))


def outcome(items, *, wanted=None, expected=None, latest=None, labels="end"):
    builder = SliceBuilder(
        SlotAxis(CALENDAR, frequency="1m", labels=labels),
        symbols=[*SYMBOLS, "EXTRA"],
        wants=None if wanted is None else wanted.__contains__,
        after=BEGIN,
        expected=expected,
        latest=latest,
    )
    events = [event for item in items for event in builder.add(copy.deepcopy(item))]
    events += builder.finish()
    slices = [(e.timestamp, encode_event(e)) for e in events if isinstance(e, MarketDataEvent)]
    said = Counter(
        (e.event_type, getattr(e, "message", str(getattr(e, "bar", None))))
        for e in events
        if not isinstance(e, MarketDataEvent)
    )
    return slices, said, builder.bars, builder.skipped, builder.revised, builder.quarantined


OPTIONS = [
    {},
    {"wanted": set(SYMBOLS[:7])},
    {"expected": SYMBOLS},
    {"latest": lambda: BEGIN + timedelta(minutes=5)},
    {"labels": "start"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "wanted", "expected", "now", "start"])
@pytest.mark.parametrize("seed", range(12))
def test_lists_are_judged_by_columns_as_bar_by_bar(monkeypatch, seed, options):
    items = list(stream(seed))

    by_columns = outcome(items, **options)
    monkeypatch.setattr(ListJudge, "judge", lambda _self, _items: None)

    assert by_columns == outcome(items, **options)


def test_ordinary_lists_are_judged_by_columns():
    chance = random.Random(1)
    builder = SliceBuilder(SlotAxis(CALENDAR, frequency="1m"), symbols=SYMBOLS, after=BEGIN)

    lists = [rows_at(1, chance), [rbt.Bar(**row) for row in rows_at(2, chance)]]
    lists.append([ODD["nan"](row) if n == 3 else row for n, row in enumerate(rows_at(3, chance))])
    slices = [event for given in lists for event in builder.add(given)]

    made = [event.columns is not None for event in slices if isinstance(event, MarketDataEvent)]
    assert made == [True, True, True]


def again(event):
    return pickle.loads(pickle.dumps(event))


def slice_of_columns():
    builder = SliceBuilder(SlotAxis(CALENDAR, frequency="1m"), symbols=SYMBOLS, after=BEGIN)
    (event,) = builder.add(rows_at(1, random.Random(3)))
    assert event.columns is not None
    return event


@pytest.mark.parametrize(
    "seen",
    [repr, dict, copy.copy, copy.deepcopy, MarketDataEvent.model_copy, again,
     MarketDataEvent.model_dump, MarketDataEvent.model_dump_json, lambda event: event == event],
)  # fmt: skip
def test_a_slice_of_columns_is_an_event_like_any_other(seen):
    event = slice_of_columns()
    rows = rows_at(1, random.Random(3))
    plain = trusted_slice(event.timestamp, {row["symbol"]: rbt.Bar.of(row) for row in rows})

    assert seen(event) == seen(plain)
    assert event == plain
    assert plain == slice_of_columns()


def test_a_journal_shows_a_slice_of_columns_that_is_not_committed_yet():
    event = slice_of_columns()
    journal = Journal.in_memory()

    journal.append_event(event)

    (row,) = journal.rows()
    assert row.payload == encode_event(event)
    assert row.event() == event
    journal.commit()
    assert [kept.payload for kept in journal.rows()] == [encode_event(event)]
    journal.close()


@pytest.mark.parametrize("width", [1, 3, 700])
def test_a_table_that_grows_keeps_its_rows_and_blanks_the_others(width):
    minutes = 4_000 if width < 10 else 1_500
    table = BarTable(
        interval=Interval.parse("1m"),
        calendar=CALENDAR,
        first_session=FIRST,
        last_session=FIRST - 1,
        symbols=tuple(f"A{number}" for number in range(width)),
        frozen=False,
    )
    chance = random.Random(width)
    first_us, kept = int(CALENDAR.opens_us[FIRST]), {}

    for minute in range(1, minutes):
        if chance.random() < 0.2:
            continue
        us, index = first_us + minute * 60_000_000, chance.randrange(width)
        values = tuple(float(minute + place) for place in range(5))
        row = table.append(CALENDAR.session_of_us(us), us, {index: values})
        kept[row] = index, values

    for row in range(table.rows):
        index, values = kept.get(row, (0, (np.nan, np.nan, np.nan, np.nan, 0.0)))
        for field, value in zip(OHLCV, values, strict=True):
            line = table.values(field, row, row + 1)[0]
            empty = np.full(width, 0.0 if field == "volume" else np.nan)
            empty[index] = value
            np.testing.assert_array_equal(line, empty)
