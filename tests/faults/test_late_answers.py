"""A broker's lists are not of one moment: an order that it accepted is listed later, a
fill is booked before the positions and the cash show it, an ended order is listed no
more. None of this is a difference, until it lasts.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.model.order_facts import OrderState
from tests.builders import run, until
from tests.faults.test_broker_answers import messages
from tests.faults.test_broker_surprises import held, order, trading
from tests.faults.test_false_answers import looks
from tests.runtime.test_engine_broker import BookBroker

LATE_LOOKS = 2
"""So many answers are old: as many as make a difference count."""


class Late(BookBroker):
    """Gives old answers, each a number of times.

    Attributes:
        late: The old answer and the number of times, by method: "orders", "positions"
            or "cash".
    """

    def __init__(self):
        super().__init__()
        self.late = {}

    def _old(self, method, current):
        answer, times = self.late.get(method, (None, 0))
        if times:
            self.late[method] = answer, times - 1
        return answer if times else current

    async def orders(self, **which):
        return self._old("orders", await super().orders(**which))

    async def find_order(self, client_order_id):
        known = await super().find_order(client_order_id)
        return None if self.late.get("orders", (None, 0))[1] else known

    async def positions(self):
        return self._old("positions", await super().positions())

    async def account(self):
        there = 77_000 - sum(50 * amount for amount in self.held.values())
        return replace(await super().account(), cash=self._old("cash", Decimal(there)))


def test_an_order_that_is_accepted_and_listed_a_moment_later_is_no_difference():
    class ListsLater(Late):
        async def submit_order(self, order, *, client_order_id):
            known = await super().submit_order(order, client_order_id=client_order_id)
            # One look may end before the order is accepted here.
            self.late["orders"] = [], LATE_LOOKS + 1
            return known

    broker = ListsLater()

    async def work(engine, bar):
        await until(lambda: engine.failure or not broker.late["orders"][1])
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or held(engine) == 10)
        await looks(engine, 4)

    engine, reported = run(trading(broker, work))

    assert messages(reported) == []
    assert engine.core.state.trading_state == "running"


@pytest.mark.parametrize("answer", [{"positions": {}}, {"cash": Decimal(77_000)}])
def test_positions_and_cash_that_show_a_fill_a_moment_later_do_not_differ(answer):
    broker = Late()

    async def work(engine, bar):
        await looks(engine, 4)
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or held(engine) == 10)
        broker.late = {method: (old, LATE_LOOKS) for method, old in answer.items()}
        await looks(engine, 8)

    engine, reported = run(trading(broker, work))

    assert messages(reported) == []
    assert engine.core.state.trading_state == "running"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"orders": []}, "order 1 (AAA): is pending here and unknown at the broker"),
        ({"positions": {}}, "position of AAA: is 10 here and 0 at the broker"),
    ],
)
def test_an_answer_that_stays_old_halts(answer, said):
    broker = Late()

    async def work(engine, bar):
        broker.late = {method: (old, 1_000_000) for method, old in answer.items()}
        if "positions" in answer:
            broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or engine.core.state.trading_state == "halted")

    _engine, reported = run(trading(broker, work))

    assert messages(reported) == [said]


@pytest.mark.parametrize("filled", [4, 10])
def test_an_ended_order_that_is_listed_no_more_is_asked_for(filled):
    class ListsOpenOnes(Late):
        async def orders(self, *, prefix="", open_only=False):
            return await super().orders(prefix=prefix, open_only=True)

        def tell(self, event):
            """Says nothing."""

    broker = ListsOpenOnes()

    async def work(engine, bar):
        await looks(engine, 2)
        broker.fill(broker.sent[0], filled)
        if filled < 10:
            broker._change(broker.sent[0], state=OrderState.EXPIRED, reason="day order")
        await until(lambda: engine.failure or not order(engine).is_open)
        await looks(engine, 4)

    engine, reported = run(trading(broker, work))

    assert messages(reported) == []
    assert (held(engine), order(engine).filled) == (filled, filled)
    ended = OrderState.FILLED if filled == 10 else OrderState.EXPIRED
    assert order(engine).state is ended


def test_a_fill_that_is_on_its_way_when_cash_is_first_compared_is_no_change_of_cash():
    class FillsInsteadOfCancelling(Late):
        async def cancel_order(self, *, client_order_id):
            tell, self.tell = self.tell, lambda _event: None
            self.fill(client_order_id, 10)
            self.tell = tell
            self.tell(
                rbt.OrderUpdateEvent(
                    timestamp=self.book[client_order_id].updated_at,
                    order_id=client_order_id,
                    status=OrderState.CANCELED,
                )
            )

    broker = FillsInsteadOfCancelling()

    async def work(engine, bar):
        await bar()
        await bar()
        await until(lambda: engine.failure or held(engine) == 10)
        await looks(engine, 8)

    engine, reported = run(trading(broker, work))

    assert messages(reported) == []
    assert order(engine).state is OrderState.FILLED
