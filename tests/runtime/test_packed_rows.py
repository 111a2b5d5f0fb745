"""Packed rows come back as they were, and take little room."""

import random
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.model.bar import Bar
from rbtlive.model.events import MarketDataEvent, column_slice
from rbtlive.model.slice_columns import Names, SliceColumns
from rbtlive.runtime.journal.codec import (
    SliceText,
    canonical_json,
    datetime_text,
    decode_event,
    encode_event,
    parse_datetime,
)
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.packing import MOST_BYTES, pack, unpack
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.runtime.packed_journals import START, begin, slice_of

TEXTS = st.text(max_size=12)

PRICES = st.one_of(
    st.decimals(0, 10**7, places=2),
    st.decimals(0, 10**16, allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal(0), Decimal("1E+3"), Decimal("1E-12"), Decimal("0.10"), Decimal(7)]),
)


@st.composite
def bars_of(draw, when):
    found = {}
    for symbol in draw(st.lists(st.one_of(st.sampled_from("ABC"), TEXTS), max_size=3)):
        low, first, last, high = sorted(draw(st.tuples(PRICES, PRICES, PRICES, PRICES)))
        found[symbol or "A"] = Bar(
            symbol=symbol or "A",
            timestamp=when - timedelta(minutes=draw(st.sampled_from([0, 0, 0, 5]))),
            open=first,
            high=high,
            low=low,
            close=last,
            volume=draw(PRICES),
        )
    return found


@st.composite
def rows(draw):
    found = []
    for number in range(draw(st.integers(1, 6))):
        when = draw(st.datetimes(timezones=st.just(UTC)))
        if draw(st.booleans()):
            event = MarketDataEvent(timestamp=when, bars=draw(bars_of(when)))
            facts = ("input", "MarketDataEvent", datetime_text(when), encode_event(event))
        else:
            value = draw(st.one_of(TEXTS, st.integers(), st.dictionaries(TEXTS, TEXTS)))
            kinds = ("note", draw(st.sampled_from(["Note", "MarketDataEvent"])))
            facts = (*kinds, datetime_text(when), canonical_json(value))
        found.append((17 + number, *facts, draw(st.integers(-(2**60), 2**60))))
    return found


@settings(deadline=None, max_examples=60)
@given(rows())
def test_every_row_comes_back_as_it_was(given_rows):
    packed = pack(given_rows)

    again = unpack(packed, first=17)

    assert again == given_rows
    for row in again:
        if type(row[4]) is SliceText:
            when = parse_datetime(row[3])
            assert row[4].event(when) == decode_event(row[2], timestamp=when, payload=str(row[4]))
    others = [row for row in again if type(row[4]) is not SliceText]
    assert unpack(packed, first=17, with_bars=False) == others


@pytest.mark.parametrize(
    "payload",
    [
        '{"bars":{"A":{"close":"1.50","high":"2","low":"1","open":"1","volume":"1"}}}',
        '{"bars":{"A":{"close":"01","high":"2","low":"1","open":"1","volume":"1"}}}',
        '{"bars":{"\\u0041":{"close":"1","high":"2","low":"1","open":"1","volume":"1"}}}',
        '{"bars":{"A":{"close":"1","high":"2","low":"1","open":"1","volume":"1"},}}',
        '{"bars":{,"A":{"close":"1","high":"2","low":"1","open":"1","volume":"1"}}}',
        '{"bars":{"A":{"close":"1","high":"2","low":"1","open":"1","volume":"-1"}}}',
        '{"bars":{}}}}',
        "{}",
        "",
    ],
)
def test_what_only_looks_like_a_slice_comes_back_as_it_was(payload):
    when = datetime_text(START)
    good = encode_event(slice_of(0, ["A"], random.Random(1)))
    given_rows = [
        (1, "input", "MarketDataEvent", when, good, 0),
        (2, "input", "MarketDataEvent", when, payload, 0),
        (3, "input", "MarketDataEvent", "no time", good, 0),
    ]

    assert unpack(pack(given_rows), first=1) == given_rows


@pytest.mark.parametrize("part", ["facts", "bars"])
@pytest.mark.parametrize(
    "content",
    [b"", b"no zlib", zlib.compress(b"{}\n[]"), zlib.compress(bytes(MOST_BYTES + 1), 1)],
)
def test_what_was_not_packed_here_is_refused_within_bounds(part, content):
    packed = pack(
        [
            (1, "input", "MarketDataEvent", datetime_text(START), encode_event(event), 0)
            for event in [slice_of(0, ["A"], random.Random(1))]
        ]
    )

    with pytest.raises(ValueError, match=r"unpack|says|cut|substring|Expecting"):
        unpack(packed._replace(**{part: content}), first=1)


def test_a_bar_takes_at_most_fifteen_bytes(tmp_path):
    chance = random.Random(7)
    for symbols, minutes in ((1, 6_000), (10, 1_000), (600, 12)):
        names = [f"S{number:04d}" for number in range(symbols)]
        journal = begin(StateFolder(tmp_path / str(symbols)))
        size = 0
        for minute in range(minutes):
            journal.append_event(slice_of(minute, names, chance))
            if minute % 10 == 0:
                journal.commit()
                while journal.pack():
                    pass
        journal.close()
        with closing(sqlite3.connect(journal.path)) as connection:
            packed, size = connection.execute(
                "SELECT max(last), sum(length(facts) + length(bars) + 100) FROM blocks"
            ).fetchone()

        assert minutes - packed < 1_000
        assert size / (packed * symbols) < 15


@given(
    prices=st.lists(
        st.floats(0, 1e14) | st.sampled_from([0.0, 0.1, 1e-7, 123456789.123456, 1e13, 1 / 3]),
        min_size=1,
        max_size=12,
    ),
    wide=st.booleans(),
)
@settings(deadline=None)
def test_floats_that_slices_were_made_of_pack_as_their_texts_do(prices, wide):
    with Journal.in_memory() as journal:
        for number, price in enumerate(prices):
            when = START + timedelta(minutes=number)
            value = {"open": price, "high": price, "low": price, "close": price, "volume": 7.0}
            if wide:
                names = Names(["B", "A"])
                columns = SliceColumns(when, names, np.array([[price] * 2] * 4 + [[7.0, 0.5]]))
                journal.append_event(column_slice(columns))
            else:
                journal.append_event(
                    MarketDataEvent.of({"symbol": "A", "timestamp": when, **value})
                )
        journal.commit()
        rows = list(journal.rows())
        floats = journal._unpacked.floats

        assert unpack(pack(rows, floats), first=1) == unpack(pack(rows), first=1) == rows
        assert set(floats) <= {row.seq for row in rows}
        assert floats or not all(price == 0 or price >= 1e-30 for price in prices)
