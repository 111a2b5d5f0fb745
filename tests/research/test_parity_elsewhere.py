"""Parity of a session whose orders went to a broker elsewhere: its fills are compared,
not fed to the backtest.
"""

from __future__ import annotations

from decimal import Decimal

import rbtlive as rbt
from rbtlive.model.order_facts import OrderState
from tests.builders import Churn, Gated, minute_frame, run, same, until
from tests.runtime.test_engine_broker import BookBroker, order_of, trading


def test_prices_of_a_broker_are_costs_and_no_difference(tmp_path):
    broker = BookBroker()

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)
        broker.fill(broker.sent[0], 4)
        broker.fill(broker.sent[0], 6, execution_id="x2")
        await until(lambda: order_of(session).state is OrderState.FILLED)
        for _bar in range(5):
            await bar()

    session = run(trading(tmp_path, broker, work))

    report = session.parity()
    assert report.identical
    assert (report.orders_compared, report.fills_compared) == (1, 2)
    assert (report.executions.compared, report.costs.compared) == (1, 1)
    backtest = session.replay().fills
    worth = sum(backtest["price"] * backtest["amount"])
    assert report.costs.price_difference == 50 * 10 - worth
    assert rbt.open_session("Buyer", journal=tmp_path).parity() == report


def test_an_order_that_was_filled_in_part_is_a_difference_of_executions(tmp_path):
    broker = BookBroker()

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)
        broker.fill(broker.sent[0], 4)
        await until(lambda: order_of(session).state is OrderState.PARTIALLY_FILLED)
        await bar()
        await bar()
        await until(lambda: order_of(session).state is OrderState.CANCELED)
        await bar()

    session = run(trading(tmp_path, broker, work))

    report = session.parity()
    assert (report.identical, report.decisions.identical) == (False, True)
    assert report.first_difference.field == "order 1 (AAA)"
    assert report.first_difference.session == "canceled (cancelled by the strategy), 4 of 10"
    assert report.first_difference.backtest == "filled, 10 of 10"


def test_orders_after_the_last_closed_session_are_compared_too(tmp_path):
    """A live session that is looked at during its first day has closed nothing yet."""
    bars = minute_frame(1)
    feed = Gated(rbt.PolarsDataPortal.coerce(bars, frequency="1m"), 50)

    async def looked_at():
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, frequency="1m", journal=tmp_path)
        await until(lambda: session.engine.meters.events >= 50 and not session.queue_depth)
        report = session.parity()
        await session.stop()
        return report

    report = run(looked_at())

    assert report.identical
    assert report.orders_compared > 3
    assert report.fills_compared > 3


def test_fills_between_two_sessions_are_of_the_second_one(tmp_path):
    """An order that is sent at a close fills before the next bar comes, and is to be
    found in a recorded run too.
    """
    broker = BookBroker()

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)
        broker.fill(broker.sent[0], 10)
        await until(lambda: order_of(session).state is OrderState.FILLED)
        await bar()

    session = run(trading(tmp_path, broker, work))

    live, read = session.result(), rbt.open_session("Buyer", journal=tmp_path).result()
    assert same(live, read)
    assert read.transactions["amount"].to_list() == [10]
    assert read.orders["status"].to_list() == ["filled"]
    assert [len(day) for day in live.to_zipline()["transactions"]] == [0, 1]


def test_the_backtest_of_a_real_account_begins_with_its_money(tmp_path):
    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)

    session = run(trading(tmp_path, BookBroker(), work))

    assert session.replay().performance["portfolio_value"][0] == 80_000
    assert session.engine.core.state.settings.capital_base == Decimal(80_000)
