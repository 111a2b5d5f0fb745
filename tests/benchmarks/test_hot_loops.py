"""The hot loops make no more calls than they did when these limits were written, with a
margin of an eighth.

Where a change makes one of them cheaper, lower its limit; where it must make one
dearer, say why in the change.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from rbtlive.core.shown.bar_data import BarData
from rbtlive.core.state.marks import Marks
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.model.events import Event
from rbtlive.runtime import garbage_collection as collector
from rbtlive.runtime.engine.event_queue import EventQueue
from tests.benchmarks.counting import (
    Crossover,
    CrossoverOfIndicators,
    EverySixthDay,
    LimitEverySixthDay,
    calls_per_bar,
    calls_per_bar_of_a_stream,
    calls_per_columnar_run,
    calls_per_daily_order,
    calls_per_event,
    calls_per_order,
    calls_per_priced_order,
    calls_per_read,
    calls_per_row_of_a_live_stream,
    calls_per_session,
)
from tests.benchmarks.crowd import KINDS, calls_per_order_of_a_crowd

HISTORIES_A_BAR = 17.0
INDICATORS_A_BAR = 5.7
AN_ORDER = 68.4
A_STOP = 88.8
A_LIMIT = 86.4
A_RESTING_BAR = 0.1
A_DAILY_ORDER = 131.8
A_DAILY_LIMIT = 135.3
ONE_OF_MANY = 22.6
ONE_OF_MANY_WITH_NEWS = 29.5
ITS_METRICS = 17.0
A_SESSION = 7.3
AN_EVENT = 41.0
A_STREAMED_BAR = 26.0
A_ROW_OF_A_LIVE_STREAM = 98.0
A_COLUMNAR_RUN = 518.0


@pytest.fixture(autouse=True)
def _no_collection_falls_into_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "COLLECT_AFTER", 1_000_000)


def test_a_bar_with_two_histories_stays_within_its_calls() -> None:
    assert calls_per_bar(Crossover) <= HISTORIES_A_BAR


def test_a_bar_with_two_indicators_stays_within_its_calls() -> None:
    assert calls_per_bar(CrossoverOfIndicators) <= INDICATORS_A_BAR


def test_an_order_stays_within_its_calls() -> None:
    assert calls_per_order(Crossover) <= AN_ORDER


def test_stops_and_limits_stay_within_their_calls() -> None:
    stop, limit, bar = calls_per_priced_order()

    assert stop <= A_STOP
    assert limit <= A_LIMIT
    assert bar <= A_RESTING_BAR


def test_an_order_of_a_run_over_days_stays_within_its_calls() -> None:
    trading, metrics = calls_per_daily_order(EverySixthDay)
    limit, _ = calls_per_daily_order(LimitEverySixthDay)

    assert trading <= A_DAILY_ORDER
    assert limit <= A_DAILY_LIMIT
    assert metrics <= ITS_METRICS


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_many_orders_stays_within_its_calls_whatever_happens_to_another(
    kind: str,
) -> None:
    limit = ONE_OF_MANY if kind == "plain" else ONE_OF_MANY_WITH_NEWS

    assert calls_per_order_of_a_crowd(kind) <= limit


def test_a_session_of_ten_positions_stays_within_its_calls() -> None:
    assert calls_per_session() <= A_SESSION


def test_an_event_of_a_session_stays_within_its_calls() -> None:
    assert calls_per_event() <= AN_EVENT


def test_a_bar_of_a_stream_stays_within_its_calls() -> None:
    assert calls_per_bar_of_a_stream() <= A_STREAMED_BAR


def test_a_row_of_a_live_stream_stays_within_its_calls() -> None:
    assert calls_per_row_of_a_live_stream() <= A_ROW_OF_A_LIVE_STREAM


def test_a_run_of_a_columnar_sweep_stays_within_its_calls() -> None:
    assert calls_per_columnar_run() <= A_COLUMNAR_RUN


# What most strategies ask at each bar; the bar itself is 2 of each.
@pytest.mark.parametrize(
    ("limit", "read"),
    [
        (9, lambda context, _data, asset: context.portfolio.positions[asset].amount),
        (
            12.5,
            lambda context, _data, _asset: [p.amount for p in context.portfolio.positions.values()],
        ),
        (
            12.5,
            lambda context, _data, _asset: [
                position.amount for _, position in context.portfolio.positions.items()
            ],
        ),
        (13.5, lambda context, _data, asset: context.portfolio.positions[asset].last_sale_price),
        (6.8, lambda _context, data, asset: data.current([asset], "close")),
        (8, lambda _context, data, asset: data.current(asset, ["open", "close"])),
        (8.5, lambda _context, data, asset: data.current(asset, "close") * 0.98 < 50.5),
        (29.5, lambda _context, data, asset: data.history(asset, "close", 1, "1d")),
        (7.9, lambda _context, data, asset: data.window(asset, "close", 1)),
        (4.6, lambda _context, data, asset: data.can_trade(asset)),
        # A call of it asks which thread calls: what a thread records, no replay finds.
        (8, lambda context, _data, _asset: context.record(a=1, b=2, c=3)),
        (13.5, lambda context, _data, _asset: context.portfolio.portfolio_value),
        (6.8, lambda context, _data, _asset: context.portfolio.cash),
        (14.7, lambda context, _data, _asset: context.account.leverage),
        (12.5, lambda context, _data, _asset: context.get_datetime()),
        (11.5, lambda context, _data, asset: context.order_target_percent(asset, 0.00999)),
        (9.5, lambda context, _data, asset: context.order_target(asset, 10)),
    ],
    ids=[
        "position",
        "loop",
        "items",
        "last_sale_price",
        "list",
        "fields",
        "floats",
        "days",
        "array",
        "can_trade",
        "record",
        "value",
        "cash",
        "leverage",
        "datetime",
        "same_percent",
        "same_target",
    ],
)
def test_what_is_asked_at_every_bar_stays_within_its_calls(limit: float, read: Any) -> None:
    assert calls_per_read(read) <= limit


def test_counting_twice_gives_the_same_number() -> None:
    assert calls_per_bar(CrossoverOfIndicators) == calls_per_bar(CrossoverOfIndicators)


def test_a_slower_step_of_every_bar_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = BarData.current

    def slow(data: BarData, assets: Any, fields: Any) -> Any:
        known: dict[str, Any] = {}
        for name in ("open", "high", "low", "close"):
            known[name] = str.upper(name)
        return quick(data, assets, fields)

    monkeypatch.setattr(BarData, "current", slow)

    assert calls_per_bar(CrossoverOfIndicators) > INDICATORS_A_BAR


def test_a_second_look_at_every_event_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = EventQueue.put

    def slow(queue: EventQueue, event: Event) -> None:
        event.model_copy()
        quick(queue, event)

    monkeypatch.setattr(EventQueue, "put", slow)

    assert calls_per_event() > AN_EVENT


def test_a_copy_of_every_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = OrderManager.let_one_wait

    def slow(orders: OrderManager, *facts: Any, **more: Any) -> str:
        copy.deepcopy(more)
        return quick(orders, *facts, **more)

    monkeypatch.setattr(OrderManager, "let_one_wait", slow)

    assert calls_per_order(Crossover) > AN_ORDER


def test_prices_that_every_close_makes_exact_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Marks.mark_row_unseen

    def slow(marks: Marks) -> bool:
        for number in marks.places().tolist():
            Decimal(repr(number))
        return quick(marks)

    monkeypatch.setattr(Marks, "mark_row_unseen", slow)

    assert calls_per_session() > A_SESSION
