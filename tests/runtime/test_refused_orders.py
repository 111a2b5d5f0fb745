"""Orders that are refused: each kind is heard of once, counted, and halts if asked to."""

from __future__ import annotations

import pytest

import rbtlive as rbt
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import OrderRefused
from rbtlive.model.events import OrderUpdateEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.clock import SystemClock
from tests.builders import Gated, daily_frame, processed, run, slices, until, whole
from tests.runtime.test_engine_broker import BookBroker, Inbox


class Insistent(rbt.TradingAlgorithm):
    """Orders anew at every bar."""

    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        self.order(self.symbol("AAA"), 10)


class Refusing(BookBroker):
    """Refuses orders, at once or a moment after it has accepted them."""

    def __init__(self, *, later=False, kinds=1, accepts=(), reports=1):
        super().__init__()
        self.later, self.kinds, self.accepts, self.asked = later, kinds, accepts, 0
        self.reports = reports

    async def submit_order(self, order, *, client_order_id):
        self.asked += 1
        if self.asked in self.accepts:
            return await super().submit_order(order, client_order_id=client_order_id)
        kind = "abcdefghij"[self.asked % self.kinds]
        reason = f"no buying power of kind {kind}: {self.asked * 1000.5} is left"
        if not self.later:
            raise OrderRefused(reason)
        number = await super().submit_order(order, client_order_id=client_order_id)
        self._change(client_order_id, state=OrderState.REJECTED, reason=reason)
        for status in (OrderState.PENDING, *[OrderState.REJECTED] * self.reports):
            self.tell(
                OrderUpdateEvent(
                    timestamp=SystemClock().now(),
                    order_id=client_order_id,
                    status=status,
                    reason=reason,
                )
            )
        return number


async def refused(folder, broker, bars=8, **options):
    """Let a strategy order at so many bars, and stop once each order has its answer."""
    source, days = Inbox(), iter(slices(daily_frame(bars)))
    session = rbt.attach(
        Insistent,
        broker,
        feed=source,
        data=PolarsDataPortal(daily_frame(bars)),
        journal=folder,
        **options,
    )
    await until(lambda: session.state != "starting")
    for number, day in enumerate(days, 1):
        source.items.put_nowait(day)
        await until(lambda: session.engine.failure or session.context.bars == number)  # noqa: B023
        await until(lambda: all(_is_answered(order) for order in session.engine.order_manager))
    await session.stop()
    return session


def _is_answered(order):
    return order.state not in {OrderState.CREATED, OrderState.SUBMITTED, OrderState.UNKNOWN}


def reported_by(session):
    return [line for line in session.logs if "refused" in line or "denied" in line]


@pytest.mark.parametrize("later", [False, True])
def test_a_refusal_is_heard_of_once_and_its_count_at_the_end(tmp_path, later):
    session = run(refused(tmp_path, Refusing(later=later)))

    orders = session.result().orders
    first, *more = reported_by(session)
    assert orders["status"].to_list() == ["rejected"] * 8
    assert orders["reason"][7].endswith("no buying power of kind a: 8004.0 is left")
    assert first.startswith("warning: 1 order refused by the broker, ")
    assert "no buying power of kind a: 1000.5 is left (order 1: 10 AAA)" in first
    assert more[-1].startswith("warning: 8 orders refused by the broker so far, ")
    assert more[-1].endswith("8004.0 is left (AAA)")
    assert len(more) <= 3


def test_a_refusal_that_is_reported_again_is_counted_once(tmp_path):
    session = run(refused(tmp_path, Refusing(later=True, reports=3)))

    assert session.engine.refusals.total == 8
    assert reported_by(session)[-1].startswith("warning: 8 orders refused by the broker so far, ")


def test_each_kind_of_refusal_is_heard_of(tmp_path):
    session = run(refused(tmp_path, Refusing(kinds=4)))

    for kind in "abcd":
        assert (
            sum(
                "1 order refused by the broker" in line and f"kind {kind}" in line
                for line in session.logs
            )
            == 1
        )


@pytest.mark.parametrize("later", [False, True])
def test_so_many_refusals_in_a_row_trip_the_breaker(tmp_path, later):
    limits = rbt.Breakers(refusals_in_a_row=3)

    session = run(refused(tmp_path, Refusing(later=later), breakers=limits))

    assert session.trading_state == "halted"
    assert "3 orders in a row were refused, the last: " in session.engine.core.state.halt_reason
    assert session.engine.broker.asked == 3
    assert session.result().denied.height == 5
    assert sum("trading is halted" in line for line in session.logs) == 1


@pytest.mark.parametrize("later", [False, True])
def test_an_order_that_is_accepted_and_stays_so_ends_the_row(tmp_path, later):
    limits = rbt.Breakers(refusals_in_a_row=3)

    session = run(refused(tmp_path, Refusing(later=later, accepts=(3, 6)), breakers=limits))

    assert session.trading_state == "running"
    assert session.engine.broker.asked == 8


def test_what_a_journal_tells_again_is_not_logged_again(tmp_path, caplog):
    class Failing(Insistent):
        def handle_data(self, context, data):
            super().handle_data(context, data)
            raise ZeroDivisionError

    async def pieces():
        first = rbt.attach(
            Failing,
            rbt.PaperBroker(),
            feed=Gated(daily_frame(8), 5),
            journal=tmp_path,
            max_errors=2,
        )
        await processed(first, 5)
        await first.stop()
        before = len(caplog.records)
        second = await whole(
            Failing, tmp_path, feed=rbt.ReplayFeed(daily_frame(8)), max_errors=2, log_level="error"
        )
        return second, caplog.records[before:]

    session, records = run(pieces())

    assert sum("a callback failed" in line for line in session.logs) == 8
    assert sum("a callback failed" in record.getMessage() for record in records) == 3
    assert session.engine.refusals.total == 3
