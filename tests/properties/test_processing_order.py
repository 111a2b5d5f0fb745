"""Whatever comes in whatever order: priorities hold, state comes first, and nothing
that fails changes what is decided.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.core.serialization import capture, restore
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.backtest import new_core, prepare_settings
from rbtlive.runtime.engine.dispatcher import EventDispatcher
from rbtlive.runtime.engine.event_queue import EventQueue
from rbtlive.runtime.journal.codec import canonical_json
from tests.builders import daily_frame, slices

BARS = daily_frame(12)
EVENTS = [
    MarketDataEvent(timestamp=s[0].timestamp, bars={bar.symbol: bar for bar in s})
    for s in slices(BARS)
]
PORTAL = PolarsDataPortal(BARS)
NOON = datetime(2017, 1, 3, 17, tzinfo=UTC)
few = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

KINDS = [
    lambda n: OperatorEvent(timestamp=NOON, action="pause"),
    lambda n: CircuitBreakerEvent(timestamp=NOON, name="b", reason=str(n)),
    lambda n: SystemErrorEvent(timestamp=NOON, message=str(n), source="s"),
    lambda n: OrderFillEvent(
        timestamp=NOON, order_id="1", execution_id=str(n), amount=Decimal(1), price=Decimal(1)
    ),
    lambda n: OrderRejectEvent(timestamp=NOON, order_id="1", reason=str(n)),
    lambda n: OrderUpdateEvent(
        timestamp=NOON, order_id="1", status=OrderState.PENDING, reason=str(n)
    ),
    lambda n: ScheduledTriggerEvent(timestamp=NOON, name=str(n)),
    lambda n: MarketDataEvent(timestamp=NOON + timedelta(minutes=n), bars={}),
]


@few
@given(st.lists(st.one_of(st.integers(0, len(KINDS) - 1), st.none()), max_size=60))
def test_events_leave_by_priority_and_within_one_in_the_order_they_came(steps):
    queue, waiting = EventQueue(1000), []
    for number, kind in enumerate(steps):
        if kind is not None:
            event = KINDS[kind](number)
            queue.put(event)
            waiting.append(event)
        elif waiting:
            first = min(
                waiting, key=lambda event: event.priority
            )  # the earliest of those that go first
            assert queue.get() is first
            waiting.remove(first)
        assert len(queue) == len(waiting) == sum(queue.depth_by_priority().values())


class Scripted(rbt.TradingAlgorithm):
    """Does at each bar what it was asked to do, and checks that what it hears of has been
    booked.
    """

    script: tuple = ()

    def initialize(self, context):
        context.bars = 0
        context.heard = {}

    def handle_data(self, context, data):
        acts = self.script[context.bars % len(self.script)] if self.script else ()
        context.bars += 1
        for kind, amount in acts:
            asset = self.symbol("AAA" if kind % 2 else "BBB")
            if kind < 2:
                self.order(asset, amount)
            elif kind < 4:
                self.order(
                    asset, amount, limit_price=float(data.current(asset, "price")) + amount / 50
                )
            elif kind < 6:
                self.order_target(asset, amount)
            else:
                for order in self.get_open_orders(asset):
                    self.cancel_order(order)

    def on_order_fill(self, context, order, transaction):
        heard = context.heard
        heard[transaction.asset] = heard.get(transaction.asset, 0) + transaction.amount
        booked = sum(
            t.amount for t in context._run.record.transactions if t.asset == transaction.asset
        )
        held = context.portfolio.positions[transaction.asset].amount
        assert held == booked, "the portfolio has every fill before the strategy hears of any"
        assert order.filled != 0

    def on_order_cancel(self, context, order, reason):
        assert order.status == 2
        assert order.id not in {o.id for orders in self.get_open_orders().values() for o in orders}


acts = st.lists(st.tuples(st.integers(0, 7), st.integers(-120, 120)), max_size=4)
scripts = st.lists(acts.map(tuple), min_size=1, max_size=6).map(tuple)


def core_of(script, **more) -> TradingCore:
    asked = dict.fromkeys(("start", "end", "benchmark", "commission", "slippage"))
    asked |= {
        "capital_base": 100_000,
        "frames": "polars",
        "zipline_quirks": False,
        "frequency": "1d",
    }
    return new_core(
        Scripted,
        PORTAL,
        prepare_settings(PORTAL, params={"script": script}, **asked),
        preload=False,
        **more,
    )


def drive(core, events=EVENTS):
    core.acknowledge(core.start())
    for event in events:
        core.acknowledge(core.process(event))
        assert core.state.portfolio.conservation_error() == 0
    return core


def facts(core):
    return canonical_json(capture(core.state)), [
        (t.dt, t.order_id, t.amount, t.price) for t in core.state.record.transactions
    ]


@few
@given(scripts)
def test_no_strategy_hears_of_a_fill_that_its_portfolio_has_not(script):
    core = drive(core_of(script))

    sums = {}
    for transaction in core.state.record.transactions:
        sums[transaction.asset] = sums.get(transaction.asset, 0) + transaction.amount
    assert core.context.heard == sums


@few
@given(scripts)
def test_one_slice_after_the_other_decides_what_all_bars_at_once_decide(script):
    one_by_one = drive(core_of(script))

    result = rbt.backtest(Scripted, BARS, params={"script": script})

    fills = [(t.order_id, t.price, t.amount) for t in one_by_one.state.record.transactions]
    assert fills == list(result.transactions.select("order_id", "price", "amount").rows())
    assert one_by_one.state.portfolio.cash == result.context._run.portfolio.cash


@few
@given(scripts, st.integers(1, 11))
def test_what_comes_later_changes_nothing_that_was_decided(script, cut):
    raised = [
        event.model_copy(
            update={
                "bars": {
                    name: bar.model_copy(
                        update={f: getattr(bar, f) * 3 for f in ("open", "high", "low", "close")}
                    )
                    for name, bar in event.bars.items()
                }
            }
        )
        for event in EVENTS[cut:]
    ]

    one, other = drive(core_of(script), EVENTS[:cut]), core_of(script)
    drive(other, [*EVENTS[:cut], *raised])

    moment = EVENTS[cut - 1].timestamp
    assert [o.created for o in one.state.orders] == [
        o.created for o in other.state.orders if o.created <= moment
    ]
    assert facts(one)[1] == [fact for fact in facts(other)[1] if fact[0] <= moment]


@few
@given(scripts, st.integers(1, 11))
def test_a_core_restored_at_any_moment_goes_on_as_the_one_it_was_taken_from(script, cut):
    whole = drive(core_of(script), EVENTS[:cut])
    state = capture(whole.state)

    copy = core_of(())
    for event in EVENTS[:cut]:
        copy.take_in(event)
    copy.state.record.transactions = list(whole.state.record.transactions)
    restore(copy.state, state, whole.state.record.sessions)

    copy.acknowledge(copy.start())
    assert canonical_json(capture(copy.state)) == canonical_json(state)
    whole.strategy._algorithm.script = ()  # from here on neither does anything more
    for event in EVENTS[cut:]:
        for core in (whole, copy):
            core.acknowledge(core.process(event))
    assert facts(whole) == facts(copy)


@few
@given(scripts, st.lists(st.integers(0, 3), max_size=5))
def test_failing_handlers_change_nothing_that_is_decided(script, places):
    plain, watched = drive(core_of(script)), core_of(script)
    troubles: list[Event] = []
    dispatcher = EventDispatcher(sink=troubles.append)

    def failing(_event):
        raise RuntimeError("trouble")

    handlers = [lambda event, _n=number: failing(event) for number in places]
    for handler in handlers[: len(handlers) // 2]:
        dispatcher.register_handler(MarketDataEvent, handler)
    dispatcher.register_handler(
        MarketDataEvent, lambda event: watched.acknowledge(watched.process(event)), critical=True
    )
    for handler in handlers[len(handlers) // 2 :]:
        dispatcher.register_handler(MarketDataEvent, handler)

    watched.acknowledge(watched.start())
    for event in EVENTS:
        dispatcher.dispatch_now(event)

    assert facts(watched) == facts(plain)
    assert len(troubles) == dispatcher.failed == len(places) * len(EVENTS)
    assert all(isinstance(trouble, SystemErrorEvent) for trouble in troubles)
