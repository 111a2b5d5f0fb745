"""Canonical JSON: equal values give equal bytes, and what is read back is what was
written.
"""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.errors import JournalCorrupt, JournalVersion
from rbtlive.model.bar import Bar
from rbtlive.model.events import (
    CircuitBreakerEvent,
    MarketDataEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    Priority,
    ScheduledTriggerEvent,
    SystemErrorEvent,
    trusted_slice,
)
from rbtlive.model.number import Number, plain_text
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.journal.codec import (
    canonical_json,
    datetime_text,
    decimal_text,
    decode_event,
    encode_event,
    parse_datetime,
    plain_row,
    plain_texts,
)

NOW = datetime(2020, 1, 2, 21, tzinfo=UTC)
OF_NOW = {"symbol": "AAA", "timestamp": NOW}
moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
numbers = st.decimals(
    min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False, places=8
) | st.sampled_from(
    [Decimal("1E+3"), Decimal("0E-7"), Decimal("-0"), Decimal("1.50"), Decimal("1E-12")]
)
texts = st.text(max_size=20)
hostile = st.sampled_from(
    ['"', "\\", "\x00\x1f", "\u2028", "</script>", "', (select 1)); --", "ä€😀", "{}[],:"]
)


@st.composite
def bars(draw, symbol=None, moment=None):
    low, high = sorted((draw(numbers), draw(numbers)))
    return Bar(
        symbol=draw(texts | hostile) if symbol is None or draw(st.integers(0, 9)) == 0 else symbol,
        timestamp=draw(moments) if moment is None or draw(st.integers(0, 9)) == 0 else moment,
        open=draw(numbers),
        high=high,
        low=low,
        close=draw(numbers),
        volume=draw(numbers),
    )


@st.composite
def slices(draw):
    moment = draw(moments)
    symbols = draw(st.lists(texts | hostile, max_size=4, unique=True))
    return MarketDataEvent(
        timestamp=moment, bars={s: draw(bars(symbol=s, moment=moment)) for s in symbols}
    )


texts_ = texts | hostile
events = st.one_of(
    slices(),
    st.builds(
        OrderFillEvent,
        timestamp=moments,
        order_id=texts_,
        execution_id=texts_,
        amount=numbers,
        price=numbers,
    ),
    st.builds(OrderRejectEvent, timestamp=moments, order_id=texts_, reason=texts_),
    st.builds(
        OrderUpdateEvent,
        timestamp=moments,
        order_id=texts_,
        status=st.sampled_from(list(OrderState)),
        reason=texts_,
        broker_order_id=st.none() | texts_,
    ),
    st.builds(ScheduledTriggerEvent, timestamp=moments, name=texts_),
    st.builds(SystemErrorEvent, timestamp=moments, message=texts_, source=texts_),
    st.builds(CircuitBreakerEvent, timestamp=moments, name=texts_, reason=texts_),
    st.builds(
        OperatorEvent,
        timestamp=moments,
        action=st.sampled_from(["halt", "kill", "pause", "flatten", "close"]),
        order_id=texts_,
        symbol=texts_,
        at_most=st.none() | st.dictionaries(texts_, numbers, max_size=2),
        reason=texts_,
    ),
)


def priced(price):
    """Return a slice of one bar made of a float."""
    facts = {
        "symbol": "A",
        "timestamp": NOW,
        "volume": 1e6,
        **dict.fromkeys(("open", "high", "low", "close"), price),
    }
    return MarketDataEvent.of(facts)


def decoded(event):
    return decode_event(event.event_type, timestamp=event.timestamp, payload=encode_event(event))


@given(events)
def test_an_event_read_back_is_the_event_that_was_written(event):
    again = decoded(event)

    assert again == event
    assert again.model_dump() == event.model_dump()
    assert encode_event(again) == encode_event(event)


@given(events)
def test_what_is_written_is_canonical_json(event):
    text = encode_event(event)

    plain = json.loads(text)
    assert text == json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert text.isascii()


@given(slices() | st.floats(0, 10**9).map(priced))
def test_every_number_of_a_bar_has_its_one_plain_text(event):
    written = json.loads(encode_event(event))["bars"]

    for symbol, bar in event.bars.items():
        for name in ("open", "high", "low", "close", "volume"):
            assert written[symbol][name] == plain_text(getattr(bar, name))


@given(moments, st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=9))]))
def test_a_moment_has_the_text_of_its_iso_form_in_utc(moment, zone):
    text = datetime_text(moment.astimezone(zone))

    assert text == moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert parse_datetime(text) == moment


@given(slices())
def test_the_order_in_which_symbols_came_does_not_show(event):
    backwards = MarketDataEvent(timestamp=event.timestamp, bars=dict(reversed(event.bars.items())))

    assert encode_event(backwards) == encode_event(event)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
    | numbers
)
def test_decimals_have_one_plain_text(number):
    assert decimal_text(number) == plain_text(number)
    assert Decimal(decimal_text(number)) == number
    assert decimal_text(Number(number)) == decimal_text(number)


def test_a_bar_says_only_what_its_slice_does_not():
    bar = Bar(
        symbol="A", timestamp=NOW, open=1.50, high="2E+1", low=1, close=0.1, volume=1_000_000.0
    )

    text = encode_event(MarketDataEvent(timestamp=NOW, bars={"A": bar}))

    assert (
        text
        == '{"bars":{"A":{"close":"0.1","high":"20","low":"1","open":"1.5","volume":"1000000"}}}'
    )


def test_a_bar_with_another_symbol_or_time_than_its_place_says_so():
    bar = Bar(
        symbol="B", timestamp=NOW - timedelta(minutes=1), open=1, high=1, low=1, close=1, volume=0
    )

    text = encode_event(MarketDataEvent(timestamp=NOW, bars={"A": bar}))

    assert '"symbol":"B","timestamp":"2020-01-02T20:59:00.000000Z"' in text


@dataclass
class Facts:
    b: object
    a: object


def test_every_kind_of_value_has_its_text():
    value = {
        "z": [True, None, 3, 0.1, float("nan"), float("-inf"), "é\ud800"],
        "decimal": Decimal("1.10"),
        "moment": datetime(2020, 1, 2, 22, tzinfo=timezone(timedelta(hours=1))),
        "day": date(2020, 1, 2),
        "enum": (Priority.MARKET_DATA, OrderState.FILLED),
        "numpy": [np.int64(3), np.float64(0.5), np.bool_(True)],
        "facts": Facts(b=1, a=2),
        "event": OperatorEvent(timestamp=NOW, action="halt"),
    }

    assert canonical_json(value) == (
        '{"day":"2020-01-02","decimal":"1.1","enum":[5,"filled"],'
        '"event":{"action":"halt","at_most":null,"event_type":"OperatorEvent","order_id":"",'
        '"priority":0,"reason":"","symbol":"","timestamp":"2020-01-02T21:00:00.000000Z"},'
        '"facts":{"a":2,"b":1},"moment":"2020-01-02T21:00:00.000000Z","numpy":[3,0.5,true],'
        '"z":[true,null,3,0.1,"NaN","-Infinity","\\u00e9\\ud800"]}'
    )


texts = st.text(st.characters())
plain = st.none() | st.booleans() | st.integers() | texts | moments
plain |= st.decimals(allow_nan=False, allow_infinity=False, places=4) | numbers.map(Number)


@given(st.dictionaries(texts, plain) | st.lists(plain))
def test_plain_facts_have_the_text_that_they_have_among_others(facts):
    text = canonical_json(facts)

    if isinstance(facts, dict):
        one_by_one = (
            f"{canonical_json(key)}:{canonical_json(facts[key])}" for key in sorted(facts)
        )
        assert text == "{" + ",".join(one_by_one) + "}"
    else:
        assert text == "[" + ",".join(map(canonical_json, facts)) + "]"


@pytest.mark.parametrize(
    "facts",
    [dict.fromkeys(map(str, range(400)), "x"), list(range(400)), tuple(map(str, range(400)))],
    ids=["mapping", "list", "tuple"],
)
def test_plain_facts_are_written_without_a_call_for_each(facts):
    calls = []
    sys.setprofile(lambda _frame, event, _what: calls.append(event) if event == "call" else None)
    try:
        canonical_json(facts)
    finally:
        sys.setprofile(None)

    assert len(calls) < 20


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, b"bytes", [print], Facts])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(TypeError, match=r"canonical form|strings as keys"):
        canonical_json(value)


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        datetime_text(datetime(2020, 1, 2))  # noqa: DTZ001


def test_an_unknown_type_of_event_is_a_matter_of_version():
    with pytest.raises(JournalVersion, match="NewsEvent"):
        decode_event("NewsEvent", timestamp=NOW, payload="{}")


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("MarketDataEvent", "{}"),
        ("MarketDataEvent", '{"bars":{"A":{"close":"1"}}}'),
        (
            "MarketDataEvent",
            '{"bars":{"A":{"close":"1","high":"1","low":"2","open":"1","volume":"1"}}}',
        ),
        (
            "MarketDataEvent",
            '{"bars":{"A":{"close":"NaN","high":"3","low":"2","open":"1","volume":"1"}}}',
        ),
        (
            "MarketDataEvent",
            '{"bars":{"A":{"close":"x","high":"3","low":"2","open":"1","volume":"1"}}}',
        ),
        (
            "MarketDataEvent",
            '{"bars":{"A":{"close":"-1","high":"3","low":"2","open":"1","volume":"1"}}}',
        ),
        ("MarketDataEvent", '{"bars":{"A":[1]}}'),
        ("MarketDataEvent", '{"bars":[1]}'),
        ("OrderFillEvent", '{"order_id":"1"}'),
        ("OperatorEvent", '{"action":"__import__(\'os\')"}'),
        ("OperatorEvent", "[1]"),
        ("OperatorEvent", "not json"),
        ("OperatorEvent", '{"action":"halt"} '),
        ("OperatorEvent", '{"action":"halt"}{}'),
        ("OperatorEvent", ""),
        (
            "MarketDataEvent",
            '{"bars":{"A":{"close":"1","high":"3","low":"2","open":"1","volume":"Infinity"}}}',
        ),
    ],
)
def test_a_payload_that_describes_no_event_is_corrupt(kind, payload):
    with pytest.raises(JournalCorrupt, match=kind):
        decode_event(kind, timestamp=NOW, payload=payload)


prices = st.one_of(
    st.just(0.0),
    st.integers(0, 10**7).map(lambda cents: cents / 100),
    st.floats(1e-30, 1e30, allow_nan=False),
)


@given(prices, prices, prices, st.one_of(st.integers(0, 2**52), prices))
def test_a_slice_of_one_bar_of_floats_has_the_text_of_its_decimals(first, second, last, volume):
    low, high = sorted((first, second))
    facts = {"symbol": 'A"b', "timestamp": NOW, "open": first, "high": high, "low": low}
    event = MarketDataEvent.of({**facts, "close": last, "volume": volume})

    row = plain_row(event)
    made = trusted_slice(NOW, dict(event.bars))

    assert plain_texts([row, row]) == [encode_event(event)] * 2
    assert row == plain_row(made) == ('A"b', event.bars['A"b'].floats())


def test_a_slice_that_says_more_than_one_bar_of_floats_is_not_written_at_a_glance():
    bar = Bar.of(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0) | OF_NOW)
    exact = bar.model_copy()

    for bars in ({}, {"AAA": exact}, {"BBB": bar}, {"AAA": bar, "BBB": bar}):
        assert plain_row(MarketDataEvent(timestamp=NOW, bars=bars)) is None
    later = NOW + timedelta(minutes=1)
    assert plain_row(MarketDataEvent(timestamp=later, bars={"AAA": bar})) is None
