"""One answer of a broker that is false and well formed: a run asks again before it
believes it, and an honest change still counts at the first look that sees it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.brokers.base import BrokerAccount
from rbtlive.model.order_facts import OrderState
from tests.builders import Gated, daily_frame, run, until
from tests.faults.test_broker_answers import messages
from tests.faults.test_broker_surprises import trading
from tests.runtime.test_engine_broker import BookBroker, Buyer


class LiesOnce(BookBroker):
    """Changes one answer of a method: the first one after `lie` became true.

    Args:
        method: The method.
        change: Makes the false answer of the true one.
        number: The number of the answer to change, without `lie`.
    """

    def __init__(self, method, change, *, number=0):
        super().__init__()
        self.lie, self.lied, self.asked = (lambda: False), False, 0
        real = getattr(BookBroker, method)

        async def answered(*args, **options):
            truth = await real(self, *args, **options)
            self.asked += 1
            if self.lied or not (self.asked == number or self.lie()):
                return truth
            self.lied = True
            return change(truth)

        setattr(self, method, answered)


async def looks(engine, count=3):
    polls = engine.link.polls
    await until(lambda: engine.failure or engine.link.polls >= polls + count)


def watched(broker, work):
    """Run an engine, and return what it held for outside's, first to last, and its
    messages.
    """
    written = []

    async def recorded(engine, bar):
        await work(engine)
        rows = engine.journal.rows()
        written.extend(row.data() for row in rows if row.type == "HeldOutside")
        written.append({s: str(n) for s, n in engine.link.watch.outside.items()})

    _engine, reported = run(trading(broker, recorded))
    return written, messages(reported)


def test_a_false_position_of_an_asset_that_is_not_traded_is_not_believed():
    broker = LiesOnce("positions", lambda held: held | {"ZZZ": Decimal(7)})

    async def work(engine):
        broker.lie = lambda: True
        await looks(engine)
        assert broker.lied

    assert watched(broker, work) == ([{}, {}], [])


def test_a_position_that_is_missing_from_one_answer_stays_outside():
    broker = LiesOnce("positions", lambda held: {})
    broker.held = {"ZZZ": Decimal(7)}

    async def work(engine):
        broker.lie = lambda: True
        await looks(engine)
        assert broker.lied

    assert watched(broker, work) == ([{"ZZZ": "7"}, {"ZZZ": "7"}], [])


def test_an_honest_change_counts_at_the_first_look_that_sees_it():
    broker = LiesOnce("positions", lambda held: held)

    async def work(engine):
        await looks(engine, 1)
        broker.held = {"ZZZ": Decimal(3)}
        await looks(engine, 2)  # one may be under way

    assert watched(broker, work) == ([{}, {"ZZZ": "3"}, {"ZZZ": "3"}], [])


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("held", "lie"),
    [({}, {"ZZZ": Decimal(7)}), ({}, {"AAA": Decimal(-4)}), ({"ZZZ": Decimal(7)}, {})],
)
def test_a_false_answer_at_the_start_does_not_decide_what_is_outside(held, lie, number):
    broker = LiesOnce("positions", lambda _held: lie, number=number)
    broker.held = held

    texts = {symbol: str(amount) for symbol, amount in held.items()}

    assert watched(broker, looks) == ([texts, texts], [])


def test_an_account_that_never_rests_lets_a_run_begin():
    class Restless(BookBroker):
        asked = 0

        async def positions(self):
            self.asked += 1
            return {"ZZZ": Decimal(self.asked)}

    written, said = watched(Restless(), looks)

    assert all("ZZZ" in outside for outside in written)
    assert not said


def test_false_cash_at_the_first_look_is_not_what_later_looks_are_compared_with():
    broker = LiesOnce("account", lambda account: replace(account, cash=Decimal(5)))

    async def work(engine):
        # cash is first compared once no order is open
        broker.lie = lambda: not engine.core.state.orders.get_active_orders()
        await broker.cancel_order(client_order_id=broker.sent[0])
        await until(lambda: broker.lied)
        await looks(engine, 4)

    assert watched(broker, work)[1] == []


def test_cash_is_compared_in_the_bar_in_which_the_last_order_closed():
    broker = BookBroker()

    async def work(engine):
        await broker.cancel_order(client_order_id=broker.sent[0])
        await looks(engine)
        broker.account = lambda: _poorer(BookBroker.account(broker))
        await looks(engine, 5)

    (said,) = watched(broker, work)[1]

    assert "cash changed by -500 that no order and no activity explains" in said


async def _poorer(asked):
    account = await asked
    return replace(account, cash=account.cash - 500)


# -- cash that never rests -----------------------------------------------------------


class Moving(BookBroker):
    """Its cash moves at every answer: by turns up and down, or a little further down.

    Attributes:
        lost: What is missing.
    """

    def __init__(self, step):
        super().__init__()
        self.step, self.answers, self.lost = step, 0, Decimal(0)

    async def account(self):
        self.answers += 1
        cash = 77_000 + self.step(self.answers) - self.lost
        return BrokerAccount(cash=cash, equity=Decimal(80_000))


def up_and_down(number):
    return Decimal(number % 7 + number % 5) - 5


def saids(broker, lose, looks_before=60, looks_after=60):
    async def work(engine):
        await broker.cancel_order(client_order_id=broker.sent[0])
        await looks(engine, looks_before)
        broker.lost = Decimal(lose)
        await looks(engine, looks_after)

    return watched(broker, work)[1]


def test_moving_cash_is_not_reported_as_long_as_nothing_is_missing():
    assert saids(Moving(up_and_down), 0) == []


def test_what_is_missing_from_moving_cash_is_found():
    (said,) = saids(Moving(up_and_down), 500)

    assert "cash changed by at least -49" in said
    assert "and moves at every look, that no order and no activity explains" in said


def test_cash_that_drains_at_every_look_is_found():
    said = saids(Moving(lambda number: Decimal(-3 * number)), 0, looks_after=200)

    assert all("cash changed by at least -" in one for one in said)
    assert 1 < len(said) < 6, "it is reported as it grows"


def test_cash_is_compared_while_an_order_rests():
    broker = BookBroker()

    async def work(engine):
        await looks(engine, 4)
        broker.account = lambda: _poorer(BookBroker.account(broker))
        await looks(engine, 4)
        assert engine.core.state.orders.get_active_orders()

    (said,) = watched(broker, work)[1]

    assert "cash changed by -500 that no order and no activity explains" in said


def test_money_set_aside_for_a_resting_order_is_not_missing():
    class SetsAside(BookBroker):
        async def account(self):
            asked = sum(o.amount for o in self.book.values() if o.state is OrderState.PENDING)
            return BrokerAccount(cash=77_000 - 50 * asked, equity=Decimal(80_000))

    broker = SetsAside()

    async def work(engine):
        await looks(engine, 6)
        await broker.cancel_order(client_order_id=broker.sent[0])
        await looks(engine, 6)

    assert watched(broker, work)[1] == []


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    "lie",
    [
        {"cash": Decimal(1), "equity": Decimal(1)},
        {"equity": Decimal(900_000)},
        {"equity": Decimal(80_900)},  # nothing is held, so no price has moved it
    ],
)
def test_a_false_answer_at_the_start_does_not_decide_a_runs_capital(tmp_path, lie, number):
    broker = LiesOnce("account", lambda account: replace(account, **lie), number=number)

    async def attached():
        feed = Gated(daily_frame(), 2)
        session = rbt.attach(Buyer, broker, feed=feed, data=daily_frame(), journal=tmp_path / "j")
        await until(lambda: session.state != "starting")
        capital = session.portfolio.starting_cash
        await session.stop()
        return capital

    assert run(attached()) == 80_000
