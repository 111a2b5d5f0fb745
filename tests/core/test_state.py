"""A core's state as plain facts: complete, canonical, and the same again after a round
trip.
"""

from __future__ import annotations

import decimal
import json
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.core.serialization import (
    capture,
    order_facts,
    order_of,
    recorded_fact,
    restore,
    session_facts,
    session_of,
)
from rbtlive.core.state.order import Order
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import MarketDataEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.backtest import new_core, prepare_settings
from rbtlive.runtime.journal.codec import canonical_json
from tests.builders import Churn, daily_frame, minute_frame, slices

NOON = datetime(2017, 1, 3, 17, tzinfo=UTC)


def core_of(strategy, bars, frequency):
    portal = PolarsDataPortal.coerce(bars, frequency=frequency, calendar=None)
    asked = dict.fromkeys(("start", "end", "params", "benchmark", "commission", "slippage"))
    asked |= {"capital_base": 100_000, "frames": "polars", "zipline_quirks": False}
    return new_core(
        strategy, portal, prepare_settings(portal, frequency=frequency, **asked), preload=False
    )


def events_of(bars):
    return [
        MarketDataEvent(timestamp=s[0].timestamp, bars={bar.symbol: bar for bar in s})
        for s in slices(bars)
    ]


def nothing(_context, _data):
    """Do nothing."""


def test_every_field_of_an_order_survives():
    asset = PolarsDataPortal(daily_frame()).assets[0]
    order = Order(
        "7", asset, Decimal("10.5"), NOON, NOON, Decimal("1.25"), Decimal(2), Decimal(-3), Decimal("0.1"),
        OrderState.PARTIALLY_FILLED, True, True, "why", "b1", 4, "asked", True,
    )  # fmt: skip

    back = order_of(json.loads(json.dumps(order_facts(order))), {asset.symbol: asset})

    assert {f.name: getattr(back, f.name) for f in fields(Order)} == {
        f.name: getattr(order, f.name) for f in fields(Order)
    }


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.1, 0.1),
        (Decimal("0.1"), 0.1),
        ("x", "x"),
        ([1], "[1]"),
    ],
)
def test_recorded_variables_stay_numbers_where_they_are_some(value, fact):
    assert recorded_fact(value) == fact


def test_a_sessions_row_and_its_transactions_survive():
    core = core_of(Churn, daily_frame(8), "1d")
    core.acknowledge(core.start())
    for event in events_of(daily_frame(8)):
        core.acknowledge(core.process(event))
    assets = {asset.symbol: asset for asset in core.state.assets}
    taken = 0

    for row in core.state.record.sessions:
        facts = json.loads(canonical_json(session_facts(row, core.state.record.transactions)))
        back, transactions = session_of(facts, assets, taken)
        assert (
            transactions
            == core.state.record.transactions[row.transactions[0] : row.transactions[1]]
        )
        assert back.transactions == row.transactions
        assert back.positions == row.positions
        assert {
            f: getattr(back, f) for f in facts if f.endswith(("cash", "value", "pnl", "returns"))
        } == {f: getattr(row, f) for f in facts if f.endswith(("cash", "value", "pnl", "returns"))}
        taken += len(transactions)
    assert taken > 5


@pytest.mark.parametrize(
    ("frequency", "seen"), [("1d", 0), ("1d", 5), ("1d", 12), ("1m", 1), ("1m", 37), ("1m", 389)]
)
def test_a_restored_core_is_the_one_it_was_taken_from_and_goes_on_as_it(frequency, seen):
    bars = daily_frame(20) if frequency == "1d" else minute_frame(1)
    events = events_of(bars)
    whole = core_of(Churn, bars, frequency)
    whole.acknowledge(whole.start())
    for event in events[:seen]:
        whole.acknowledge(whole.process(event))
    state = json.loads(canonical_json(capture(whole.state)))

    copy = core_of({"__name__": "s", "handle_data": nothing}, bars, frequency)
    for event in events[:seen]:
        copy.take_in(event)
    copy.state.record.transactions = list(whole.state.record.transactions)
    restore(copy.state, state, whole.state.record.sessions)
    copy.acknowledge(copy.start())

    assert json.loads(canonical_json(capture(copy.state))) == state
    assert copy.state.now == whole.state.now or seen == 0
    whole.state.paused = copy.state.paused = True  # from here on no strategy decides anything
    for event in events[seen : seen + 40]:
        for core in (whole, copy):
            core.acknowledge(core.process(event))
    one, other = capture(whole.state), capture(copy.state)
    assert canonical_json(one) == canonical_json(other)
    assert [t.price for t in whole.state.record.transactions] == [
        t.price for t in copy.state.record.transactions
    ]


def test_a_state_is_the_same_whatever_the_decimal_context_it_is_taken_and_restored_in():
    bars = daily_frame(8)
    whole = core_of(Churn, bars, "1d")
    whole.acknowledge(whole.start())
    for event in events_of(bars):
        whole.acknowledge(whole.process(event))
    expected = capture(whole.state)
    copy = core_of({"__name__": "s", "handle_data": nothing}, bars, "1d")
    for event in events_of(bars):
        copy.take_in(event)
    copy.state.record.transactions = list(whole.state.record.transactions)

    with decimal.localcontext(prec=4):
        taken = capture(whole.state)
        restore(copy.state, json.loads(canonical_json(taken)), whole.state.record.sessions)

    assert taken == expected
    assert Decimal(expected["books"]["previous_pnl"]) != 0
    assert json.loads(canonical_json(capture(copy.state))) == json.loads(canonical_json(expected))


def test_a_state_holds_nothing_that_json_cannot():
    core = core_of(Churn, daily_frame(8), "1d")
    core.acknowledge(core.start())
    for event in events_of(daily_frame(8)):
        core.acknowledge(core.process(event))

    text = json.dumps(capture(core.state))

    assert json.loads(text) == capture(core.state)
    assert rbt.TradingAlgorithm.__name__ not in text
