"""A person changes a resting order at the broker: under a new id, or under the same
one, and it fills before or after a look. For the run it is the same order.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.model.order_facts import OrderState
from tests.builders import run, until
from tests.faults.test_broker_answers import messages
from tests.faults.test_broker_surprises import held, order, trading
from tests.faults.test_changed_cash import Honest
from tests.faults.test_false_answers import looks


class Limited(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.placed = False

    def handle_data(self, context, data):
        if not context.placed:
            context.placed = True
            self.order(self.symbol("AAA"), 10, limit_price=45)


def amended(change, fills, *, looked=True, strategy=Limited):
    """Return an engine whose resting order a person changed, and that then filled."""
    broker = Honest()

    async def work(engine, bar):
        await looks(engine)
        broker._change(broker.sent[0], **change)
        if looked:
            await looks(engine)
        for number, amount in enumerate(fills):
            broker.fill(broker.sent[0], amount, execution_id=f"x{number}")
        await until(lambda: engine.failure or not order(engine).is_open)
        await looks(engine, 4)

    engine, reported = run(trading(broker, work, strategy=strategy))
    assert messages(reported) == []
    assert engine.core.state.trading_state == "running"
    return engine


@pytest.mark.parametrize("looked", [True, False])
@pytest.mark.parametrize("change", [{}, {"broker_order_id": "b9"}], ids=["same", "new"])
@pytest.mark.parametrize("fills", [(20,), (8, 12)])
def test_an_order_that_was_made_larger_fills_with_its_new_amount(change, fills, looked):
    engine = amended({"amount": Decimal(20), **change}, fills, looked=looked)

    assert (order(engine).amount, order(engine).filled, held(engine)) == (20, 20, 20)
    assert order(engine).state is OrderState.FILLED


def test_an_order_that_was_made_smaller_under_its_id_is_filled_with_less():
    engine = amended({"amount": Decimal(6)}, (6,))

    assert (order(engine).amount, order(engine).filled) == (6, 6)
    assert order(engine).state is OrderState.FILLED


def test_a_price_that_was_changed_under_the_same_id_is_followed():
    engine = amended({"limit": Decimal("49.5")}, (10,))

    assert (order(engine).limit, order(engine).state) == (Decimal("49.5"), OrderState.FILLED)


def test_a_broker_that_reports_no_prices_changes_none():
    engine = amended({"limit": None}, (10,))

    assert order(engine).limit == 45


def test_an_order_that_is_cancelled_with_what_was_filled_as_its_amount_is_cancelled():
    broker = Honest()

    async def work(engine, bar):
        await looks(engine)
        broker.fill(broker.sent[0], 4)
        broker._change(broker.sent[0], amount=Decimal(4), state=OrderState.CANCELED)
        await until(lambda: engine.failure or not order(engine).is_open)

    engine, _reported = run(trading(broker, work))

    assert (order(engine).amount, order(engine).filled) == (10, 4)
    assert order(engine).state is OrderState.CANCELED


def test_an_adapter_may_stream_that_an_order_was_replaced():
    broker = Honest()

    async def work(engine, bar):
        client_id = broker.sent[0]
        broker._change(client_id, amount=Decimal(15), broker_order_id="b9")
        broker.tell(
            rbt.OrderReplacedEvent(
                timestamp=broker.book[client_id].updated_at,
                order_id=client_id,
                amount=Decimal(15),
                broker_order_id="b9",
            )
        )
        broker.fill(client_id, 15)
        await until(lambda: engine.failure or held(engine) == 15)

    engine, reported = run(trading(broker, work))

    assert messages(reported) == []
    assert order(engine).state is OrderState.FILLED
