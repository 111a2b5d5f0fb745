"""What happens inside a bar and inside a session, in which order, and that state comes
before strategy.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.api import date_rules, time_rules
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.finance.commission import PerTrade
from rbtlive.finance.slippage import NoSlippage
from rbtlive.model.commands import CancelOrder, SubmitOrder
from rbtlive.model.events import (
    CircuitBreakerEvent,
    MarketDataEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
)
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.backtest import new_core, prepare_settings
from tests.builders import daily_frame, minute_frame, run, same, slices, whole


class Diary(rbt.TradingAlgorithm):
    """Writes down what it is called for, and what its portfolio looked like then."""

    script: dict = {}  # noqa: RUF012 - a parameter: what to do at which bar

    def initialize(self, context):
        context.diary, context.bars = [], 0
        self.schedule_function(
            self.second, date_rules.every_day(), time_rules.market_close(minutes=1)
        )
        self.schedule_function(
            self.third, date_rules.every_day(), time_rules.market_close(minutes=1)
        )

    def note(self, context, what):
        held = {
            asset.symbol: int(p.amount)
            for asset, p in context.portfolio.positions.items()
            if p.amount
        }
        context.diary.append((context.bars, what, held))

    def before_trading_start(self, context, data):
        self.note(context, "morning")

    def handle_data(self, context, data):
        context.bars += 1
        self.note(context, "bar")
        for act in self.script.get(context.bars, ()):
            act(self, context)

    def second(self, context, data):
        self.note(context, "second")

    def third(self, context, data):
        self.note(context, "third")

    def on_order_fill(self, context, order, transaction):
        self.note(context, f"fill {order.id}: {int(transaction.amount)}, {order.status.name}")

    def on_order_cancel(self, context, order, reason):
        self.note(context, f"cancel {order.id}: {reason}")

    def on_order_reject(self, context, order, reason):
        self.note(context, f"reject {order.id}: {reason}")


def core_of(strategy, bars, *, frequency="1d", simulated=True, **settings) -> TradingCore:
    portal = PolarsDataPortal.coerce(bars, frequency=frequency, calendar=None)
    asked = dict.fromkeys(("start", "end", "params", "benchmark"))
    asked |= {"capital_base": 1_000_000, "frames": "polars", "zipline_quirks": False}
    asked |= {"slippage": NoSlippage(), "commission": PerTrade(1), **settings}
    chosen = prepare_settings(portal, frequency=frequency, **asked)
    core = new_core(strategy, portal, chosen, preload=False, simulated=simulated)
    core.start()
    return core


def events_of(bars) -> list[MarketDataEvent]:
    return [
        MarketDataEvent(timestamp=one[0].timestamp, bars={bar.symbol: bar for bar in one})
        for one in slices(bars)
    ]


def scripted(script, bars, **settings):
    core = core_of(Diary, bars, params={"script": script}, **settings)
    for event in events_of(bars):
        core.acknowledge(core.process(event))
    return core


def buy(symbol, amount, **prices):
    return lambda algorithm, _context: algorithm.order(algorithm.symbol(symbol), amount, **prices)


def cancel(order_id):
    return lambda algorithm, _context: algorithm.cancel_order(order_id)


def test_a_day_goes_morning_fills_callbacks_scheduled_in_order_of_registration():
    core = scripted({1: [buy("AAA", 10), buy("BBB", 5), buy("AAA", -3)]}, daily_frame(2))

    assert core.context.diary == [
        (0, "morning", {}),
        (1, "bar", {}),
        (1, "second", {}),
        (1, "third", {}),
        (1, "morning", {}),
        (1, "fill 1: 10, FILLED", {"AAA": 7, "BBB": 5}),
        (1, "fill 3: -3, FILLED", {"AAA": 7, "BBB": 5}),
        (1, "fill 2: 5, FILLED", {"AAA": 7, "BBB": 5}),
        (2, "bar", {"AAA": 7, "BBB": 5}),
        (2, "second", {"AAA": 7, "BBB": 5}),
        (2, "third", {"AAA": 7, "BBB": 5}),
    ]


def test_notices_come_in_the_order_in_which_things_happened():
    core = scripted(
        {
            1: [buy("AAA", 10), buy("BBB", 5, limit_price=1)],
            2: [cancel("2"), buy("AAA", 1), cancel("3")],
        },
        daily_frame(3),
    )

    happened = [what for _bar, what, _held in core.context.diary if what[:4] in {"fill", "canc"}]
    assert happened == [
        "fill 1: 10, FILLED",
        "cancel 2: cancelled by the strategy",
        "cancel 3: cancelled by the strategy",
    ]
    following = core.context.diary[
        [what for _b, what, _h in core.context.diary].index(happened[1]) :
    ]
    assert [what for _bar, what, _held in following[:3]] == [happened[1], happened[2], "second"]


def test_all_transactions_of_a_bar_are_booked_before_all_its_commissions(monkeypatch):
    seen = []

    def watched(name):
        book = getattr(Portfolio, name)

        def booked(portfolio, what, *args, **facts):
            assets = [asset for asset, _ in what] if name == "book_commissions" else [what]
            seen.extend((name, asset.symbol) for asset in assets)
            return book(portfolio, what, *args, **facts)

        return booked

    for name in ("book_transaction", "book_commissions"):
        monkeypatch.setattr(Portfolio, name, watched(name))

    scripted({1: [buy("AAA", 10), buy("AAA", -10), buy("BBB", 5)]}, daily_frame(2))

    assert seen == [
        ("book_transaction", "AAA"),
        ("book_transaction", "AAA"),
        ("book_transaction", "BBB"),
        ("book_commissions", "AAA"),
        ("book_commissions", "AAA"),
        ("book_commissions", "BBB"),
    ]


def test_an_order_never_fills_on_the_bar_it_was_placed_on():
    core = scripted({number: [buy("AAA", number)] for number in range(1, 6)}, daily_frame(6))

    orders = {order.id: order for order in core.state.orders}
    for fill in core.state.record.transactions:
        assert fill.dt > orders[fill.order_id].created
    assert len(core.state.record.transactions) == 5


def test_a_session_of_minutes_has_one_morning_and_scheduled_functions_at_their_minute():
    bars = minute_frame(2, every=1)
    core = scripted({3: [buy("AAA", 1)]}, bars, frequency="1m")

    diary = core.context.diary
    assert [bar for bar, what, _held in diary if what == "morning"] == [0, 390]
    assert [bar for bar, what, _held in diary if what == "second"] == [389, 779]
    assert [bar for bar, what, _held in diary if what.startswith("fill")] == [3]
    assert len(core.state.record.sessions) == 2


def test_commands_leave_only_when_the_event_is_done_and_in_their_order():
    bars = daily_frame(3)
    core = core_of(
        Diary,
        bars,
        simulated=False,
        params={"script": {1: [buy("AAA", 1), buy("BBB", 2)], 2: [cancel("1")]}},
    )
    first, second, _third = events_of(bars)

    assert core.process(first) == [
        SubmitOrder(order_id="1", symbol="AAA", amount=Decimal(1)),
        SubmitOrder(order_id="2", symbol="BBB", amount=Decimal(2)),
    ]
    assert [order.state for order in core.state.orders] == [
        OrderState.SUBMITTED,
        OrderState.SUBMITTED,
    ]
    assert core.process(second) == [CancelOrder(order_id="1")]


def at(event, seconds=1):
    return event.timestamp + timedelta(seconds=seconds)


def remote():
    """Return a core whose two orders rest at a venue elsewhere, and the bar they were
    placed on.
    """
    bars = daily_frame(4)
    core = core_of(
        Diary, bars, simulated=False, params={"script": {1: [buy("AAA", 10), buy("BBB", 5)]}}
    )
    first = events_of(bars)[0]
    core.process(first)
    return core, first, events_of(bars)[1:]


def fill(event, order_id, amount, execution_id, **facts):
    return OrderFillEvent(
        timestamp=at(event),
        order_id=order_id,
        execution_id=execution_id,
        amount=Decimal(amount),
        price=Decimal(50),
        **facts,
    )


def test_a_fill_from_a_venue_is_booked_before_the_strategy_hears_of_it():
    core, first, _later = remote()

    core.process(fill(first, "1", 4, "x1", commission=Decimal("0.5")))

    assert core.context.diary[-1] == (1, "fill 1: 4, PARTIALLY_FILLED", {"AAA": 4})
    assert core.state.portfolio.cash == 1_000_000 - 200 - Decimal("0.5")
    assert core.state.portfolio.conservation_error() == 0


def test_an_execution_is_booked_once_however_often_it_is_reported():
    core, first, _later = remote()
    for _time in range(3):
        core.process(fill(first, "1", 4, "x1"))

    assert core.state.portfolio.amount_of(core.state.assets[0]) == 4
    assert len(core.state.record.transactions) == 1
    assert [what for _b, what, _h in core.context.diary].count("fill 1: 4, PARTIALLY_FILLED") == 1


def test_a_fill_that_crossed_a_cancel_is_booked_too():
    core, first, _later = remote()
    core.process(
        OrderUpdateEvent(
            timestamp=at(first), order_id="1", status=OrderState.CANCELED, reason="by the venue"
        )
    )
    core.process(fill(first, "1", 4, "x1"))

    order = core.state.orders.get_order("1")
    assert order.state is OrderState.CANCELED
    assert order.filled == 4
    assert core.state.portfolio.amount_of(core.state.assets[0]) == 4
    assert [what for _b, what, _h in core.context.diary][-2:] == [
        "cancel 1: by the venue",
        "fill 1: 4, CANCELED",
    ]


def test_rejects_and_updates_of_a_venue_reach_the_strategy_once():
    core, first, _later = remote()
    for _time in range(2):
        core.process(OrderRejectEvent(timestamp=at(first), order_id="2", reason="no such symbol"))
        core.process(
            OrderUpdateEvent(
                timestamp=at(first), order_id="1", status=OrderState.EXPIRED, reason="day over"
            )
        )

    calls = [what for _b, what, _h in core.context.diary][3:]
    assert calls == ["third", "reject 2: no such symbol", "cancel 1: day over"]
    assert [core.state.orders.get_order(i).state for i in "12"] == [
        OrderState.EXPIRED,
        OrderState.REJECTED,
    ]


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        (False, OrderState.CANCELED, "canceled by the broker"),
        (False, OrderState.EXPIRED, "expired by the broker"),
        (True, OrderState.CANCELED, "cancelled by the operator"),
        (True, OrderState.EXPIRED, "expired by the broker"),
    ],
)
def test_an_end_that_a_venue_reports_without_a_reason_has_one(asked, status, reason):
    core, first, _later = remote()
    if asked:
        core.process(OperatorEvent(timestamp=at(first), action="cancel", order_id="1"))
    core.process(OrderUpdateEvent(timestamp=at(first), order_id="1", status=status))

    assert core.state.orders.get_order("1").reason == reason
    assert core.context.diary[-1][1] == f"cancel 1: {reason}"


def test_why_an_outcome_was_not_known_is_forgotten_once_it_is():
    core, first, _later = remote()
    for order_id in "12":
        core.process(
            OrderUpdateEvent(
                timestamp=at(first),
                order_id=order_id,
                status=OrderState.UNKNOWN,
                reason="no answer",
            )
        )
    core.process(fill(first, "1", 4, "x1"))
    core.process(OrderUpdateEvent(timestamp=at(first), order_id="2", status=OrderState.PENDING))

    assert [core.state.orders.get_order(i).reason for i in "12"] == [None, None]


def test_what_a_venue_says_late_does_not_take_an_order_back():
    core, first, _later = remote()
    core.process(fill(first, "1", 10, "x1"))
    core.process(
        OrderUpdateEvent(
            timestamp=at(first), order_id="1", status=OrderState.PENDING, broker_order_id="b7"
        )
    )

    assert core.state.orders.get_order("1").state is OrderState.FILLED
    assert core.state.orders.get_order("1").broker_order_id == "b7"


def test_a_breaker_halts_and_denials_carry_its_reason():
    bars = daily_frame(4)
    core = core_of(Diary, bars, params={"script": {2: [buy("AAA", 1)], 4: [buy("AAA", 2)]}})
    events = events_of(bars)
    core.process(events[0])
    core.process(CircuitBreakerEvent(timestamp=at(events[0]), name="drawdown", reason="12 % lost"))

    assert core.process(events[1]) == []

    assert core.state.trading_state == "halted"
    assert [(o.id, o.reason) for o in core.state.orders.denied.values()] == [
        ("1", "drawdown: 12 % lost")
    ]
    assert core.context.diary[-3][1] == "reject 1: drawdown: 12 % lost"
    core.process(OperatorEvent(timestamp=at(events[1]), action="resume"))
    core.process(events[2])
    assert core.process(events[3]) == [SubmitOrder(order_id="2", symbol="AAA", amount=Decimal(2))]


def test_reducing_takes_only_orders_that_make_a_position_smaller():
    bars = daily_frame(4)
    script = {
        1: [buy("AAA", 10)],
        3: [buy("AAA", 1), buy("BBB", -1), buy("AAA", -11), buy("AAA", -10)],
    }
    core = core_of(Diary, bars, params={"script": script})
    events = events_of(bars)
    for event in events[:2]:
        core.acknowledge(core.process(event))
    core.process(OperatorEvent(timestamp=at(events[1]), action="reduce"))

    commands = core.process(events[2])

    assert [command.amount for command in commands] == [Decimal(-10)]
    assert len(core.state.orders.denied) == 3


def test_triggers_open_and_close_a_session_without_a_bar():
    bars = daily_frame(2)
    core = core_of(Diary, bars)
    events = events_of(bars)
    core.process(events[0])
    core.process(ScheduledTriggerEvent(timestamp=at(events[1], -3600), name="session_start"))
    assert core.state.session_open
    core.process(ScheduledTriggerEvent(timestamp=at(events[1], -1800), name="before_trading_start"))

    assert [what for _b, what, _h in core.context.diary].count("morning") == 2
    core.process(events[1])
    assert [what for _b, what, _h in core.context.diary].count("morning") == 2
    assert len(core.state.record.sessions) == 2


def test_a_core_that_failed_takes_no_more():
    bars = daily_frame(3)
    core = core_of(Diary, bars, params={"script": {1: [lambda *_args: 1 / 0]}})
    events = events_of(bars)
    with pytest.raises(ZeroDivisionError):
        core.process(events[0])

    with pytest.raises(errors.EngineStopped, match="failed on an earlier event"):
        core.process(events[1])


def test_bars_never_go_back():
    bars = daily_frame(3)
    core = core_of(Diary, bars)
    events = events_of(bars)
    core.process(events[1])

    with pytest.raises(errors.InvariantBroken, match="bars must not go back"):
        core.process(events[0])


def test_a_slice_outside_of_the_calendar_is_refused():
    core = core_of(Diary, daily_frame(3))
    weekend = events_of(daily_frame(4))[3].timestamp + timedelta(days=1)

    with pytest.raises(errors.OutsideCalendar, match="lies in no session of XNYS"):
        core.process(MarketDataEvent(timestamp=weekend, bars={}))


class Early(rbt.TradingAlgorithm):
    """Buys before its second session opens, as only `batch_market_order` may."""

    amount = 100

    def before_trading_start(self, context, data):
        context.mornings = getattr(context, "mornings", 0) + 1
        if context.mornings == 2:
            self.batch_market_order({self.symbol("AAA"): self.amount})


@pytest.mark.parametrize(("amount", "fills"), [(10, [10]), (100, [60, 40])])
def test_a_batch_of_the_morning_fills_on_the_first_bar_as_far_as_its_volume_goes(
    tmp_path, amount, fills
):
    params = {"amount": amount}

    backtested = rbt.backtest(Early, daily_frame(6), params=params)
    session = run(whole(Early, tmp_path, feed=rbt.ReplayFeed(daily_frame(6)), params=params))

    assert backtested.transactions["amount"].to_list() == fills
    assert backtested.transactions["dt"][0].date() == date(2017, 1, 4)
    assert same(session.result(), backtested)
