"""The account's cash changes beside the run's orders: what an exact fact explains is no
error, what the broker corrected is booked, and the rest is said once, with its cause.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.brokers.base import BrokerActivity, BrokerOrder
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.broker.broker_link import LinkSettings
from rbtlive.runtime.clock import SystemClock
from tests.builders import Gated, daily_frame, run, until
from tests.faults.test_broker_answers import messages
from tests.faults.test_broker_surprises import held, order, trading
from tests.faults.test_false_answers import looks
from tests.runtime.test_engine_broker import BookBroker, Buyer


class Honest(BookBroker):
    """Its cash is what its book and its activities make.

    Attributes:
        extra: Cash that came without either.
        news: Its activities, whose money is in `extra`.
    """

    def __init__(self):
        super().__init__()
        self.extra, self.news = Decimal(0), []

    async def account(self):
        spent = sum(
            one.amount * one.price + one.commission
            for known in self.book.values()
            for one in known.executions
        )
        return replace(await super().account(), cash=77_000 - spent + self.extra)

    async def activities(self):
        return list(self.news)

    def pay(self, amount, *, kind="dividend"):
        self.news.append(
            BrokerActivity(
                activity_id=f"a{len(self.news)}",
                kind=kind,
                amount=Decimal(amount),
                at=SystemClock().now(),
                symbol="AAA",
            )
        )

    def trade(self, symbol, amount):
        """Let a person trade."""
        name = f"hand{len(self.book)}"
        self.book[name] = BrokerOrder(
            client_order_id=name,
            broker_order_id=name,
            symbol=symbol,
            amount=Decimal(amount),
            filled=Decimal(0),
            average_price=None,
            state=OrderState.PENDING,
            updated_at=SystemClock().now(),
        )
        self.fill(name, amount, execution_id=f"{name}x")


def after_a_fill(broker, change, *, policy="halt"):
    """Return an engine, and what it reported after its order filled and `change`."""

    async def work(engine, bar):
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or held(engine) == 10)
        await looks(engine, 6)
        await change(engine)
        await looks(engine, 6)

    engine, reported = run(trading(broker, work, policy=policy))
    return engine, messages(reported)


@pytest.mark.parametrize("symbol", ["BBB", "ZZZ"])
def test_cash_that_a_person_spent_on_another_asset_is_explained(symbol):
    broker = Honest()

    async def bought(engine):
        broker.trade(symbol, 6)

    _engine, said = after_a_fill(broker, bought)

    assert said == []


def test_a_trade_explains_a_change_once():
    broker = Honest()

    async def bought_and_lost(engine):
        broker.trade("ZZZ", 6)
        await looks(engine, 6)
        broker.extra -= 300

    _engine, said = after_a_fill(broker, bought_and_lost)

    assert ["cash changed by -300" in one for one in said] == [True]


def test_an_activity_explains_money_that_was_reported_before_it():
    broker = Honest()

    async def paid(engine):
        broker.extra += Decimal("12.34")
        await looks(engine, 6)
        broker.pay("12.34")

    engine, said = after_a_fill(broker, paid)

    assert ["cash changed by 12.34" in one for one in said] == [True]
    assert engine.portfolio.cash == 77_000 + 3_000 - 500 + Decimal("12.34")


def test_an_activity_whose_money_has_not_come_is_the_cause_that_is_named():
    broker = Honest()

    async def announced(engine):
        broker.pay("12.34")
        await looks(engine, 6)
        broker.extra += Decimal("12.34")

    _engine, said = after_a_fill(broker, announced)

    (one,) = said
    assert "it is the dividend of AAA, 12.34 (activity a0), which account() does not show" in one


@pytest.mark.parametrize(
    ("correction", "less"),
    [({"commission": Decimal("1.5")}, "1.5"), ({"price": Decimal("50.1")}, "1")],
)
def test_costs_that_the_broker_corrects_later_are_booked(correction, less):
    broker = Honest()

    async def corrected(engine):
        (one,) = broker.book[broker.sent[0]].executions
        broker._change(broker.sent[0], executions=(replace(one, **correction),))

    engine, said = after_a_fill(broker, corrected)

    assert said == []
    assert engine.portfolio.cash == 80_000 - 500 - Decimal(less)
    assert [(one.kind, one.cash) for one in engine.core.state.record.adjustments] == [
        ("fee", -Decimal(less))
    ]
    assert engine.portfolio.conservation_error() == 0


def test_other_costs_in_the_orders_alone_correct_nothing():
    class NoCommissions(Honest):
        async def find_order(self, client_order_id):
            known = await super().find_order(client_order_id)
            done = tuple(replace(one, commission=Decimal(3)) for one in known.executions)
            return replace(known, executions=done)

    async def nothing(engine):
        pass

    engine, said = after_a_fill(NoCommissions(), nothing)

    assert said == []
    assert engine.portfolio.cash == 79_500


def test_cash_that_keeps_changing_is_said_less_and_less_with_its_sum():
    broker = Honest()

    async def converted(engine):
        for _time in range(5):
            broker.extra += Decimal("0.35")
            await looks(engine, 5)

    _engine, said = after_a_fill(broker, converted)

    assert len(said) == 3
    assert "3 such changes are 1.05 in all; account() must count cash of the run's" in said[-1]


def test_following_the_broker_books_what_a_person_sold_at_its_price():
    broker = Honest()

    async def sold(engine):
        broker.trade("AAA", -6)
        done = broker.book["hand1"].executions[0]
        broker._change("hand1", executions=(replace(done, price=Decimal(55)),))
        await until(lambda: engine.failure or held(engine) == 4)

    engine, said = after_a_fill(broker, sold, policy="follow")

    assert said == []
    assert engine.portfolio.cash == 80_000 - 500 + 330


# -- while a session is stopped ------------------------------------------------------


@pytest.fixture
def quick_looks(monkeypatch):
    monkeypatch.setitem(LinkSettings.__init__.__kwdefaults__, "poll_s", 0.01)


def resumed(folder, broker, change):
    """Return the lines of a session before and after it was stopped for a change."""
    options = {"data": daily_frame(), "journal": folder, "name": "paused"}

    async def life():
        first = rbt.attach(Buyer, broker, feed=Gated(daily_frame(), 1), **options)
        await until(lambda: first.engine.failure or broker.book)
        broker.fill(broker.sent[0], 10)
        await until(lambda: first.engine.failure or order(first.engine).filled == 10)
        await first.stop()
        change()
        again = rbt.attach(Buyer, broker, feed=Gated(daily_frame(), 1), **options)
        await until(
            lambda: again.engine.failure or (again.engine.link and again.engine.link.polls > 6)
        )
        cash = again.portfolio.cash
        await again.stop()
        return cash, [line for line in again.logs if "cash" in line]

    return run(life())


@pytest.mark.usefixtures("quick_looks")
def test_cash_that_changed_while_the_session_was_stopped_is_said_with_its_amount(tmp_path):
    broker = Honest()

    def lose():
        broker.extra -= Decimal("123.45")

    cash, lines = resumed(tmp_path, broker, lose)

    (line,) = lines
    assert "cash changed by -123.45 that no order and no activity explains" in line
    assert "it came while the session was stopped: compare the broker's statement" in line
    assert cash == 79_500


@pytest.mark.usefixtures("quick_looks")
def test_what_is_known_to_have_changed_cash_while_the_session_was_stopped_is_no_error(tmp_path):
    broker = Honest()

    def known():
        broker.trade("ZZZ", 6)
        broker.extra += 7
        broker.pay(7)

    cash, lines = resumed(tmp_path, broker, known)

    assert [line for line in lines if "explains" in line] == []
    assert cash == 79_507


@pytest.mark.usefixtures("quick_looks")
def test_an_unchanged_account_is_resumed_without_a_word(tmp_path):
    cash, lines = resumed(tmp_path, Honest(), lambda: None)

    assert (cash, lines) == (79_500, [])
