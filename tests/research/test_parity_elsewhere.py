"""Parity of a session whose orders went to a broker elsewhere: its fills are compared,
not fed to the backtest.
"""

from __future__ import annotations

from decimal import Decimal

import rbtlive as rbt
from rbtlive.model.order import OrderState
from tests.builders import run, same, until
from tests.runtime.test_engine_broker import BookBroker, order_of, trading


def test_fills_of_a_broker_are_a_difference_and_no_error(tmp_path):
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
    assert not report.identical
    assert report.orders_compared == 1
    assert report.first_difference is not None
    assert report.first_difference.field.startswith("fill 1 of order 1")
    assert rbt.open_session("Buyer", journal=tmp_path).parity() == report


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

    told, read = session.result(), rbt.open_session("Buyer", journal=tmp_path).result()
    assert same(told, read)
    assert read.transactions["amount"].to_list() == [10]
    assert read.orders["status"].to_list() == ["filled"]
    assert [len(day) for day in told.to_zipline()["transactions"]] == [0, 1]


def test_the_backtest_of_a_real_account_begins_with_its_money(tmp_path):
    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)

    session = run(trading(tmp_path, BookBroker(), work))

    assert session.replay().performance["portfolio_value"][0] == 80_000
    assert session.engine.core.state.settings.capital_base == Decimal(80_000)
