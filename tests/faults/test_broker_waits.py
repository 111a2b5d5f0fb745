"""Commands that wait for a broker that is late: each is sent once, in an order that holds."""

from __future__ import annotations

import asyncio

import pytest

from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.broker import order_sender
from tests.builders import run, until
from tests.faults.test_broker_surprises import order, trading
from tests.runtime.test_engine_broker import BookBroker


@pytest.mark.parametrize("answered_after", [1, 2])
def test_a_command_that_is_answered_while_cancels_pass_it_lets_the_queue_go_on(
    monkeypatch, answered_after
):
    monkeypatch.setattr(order_sender, "SILENCE_S", 0.01)
    monkeypatch.setattr(order_sender, "WATCH_EVERY_S", 0.005)

    class Late(BookBroker):
        """Answers the fourth order while it takes a cancel."""

        def __init__(self):
            super().__init__()
            self.answer = asyncio.Event()

        async def submit_order(self, order, *, client_order_id):
            answer = await super().submit_order(order, client_order_id=client_order_id)
            if len(self.sent) == 4:
                await self.answer.wait()
            return answer

        async def cancel_order(self, *, client_order_id):
            await super().cancel_order(client_order_id=client_order_id)
            if len(self.cancels) == answered_after:
                self.answer.set()
                for _ in range(20):
                    await asyncio.sleep(0)

    broker = Late()

    async def work(engine, bar):
        act = engine.account_side.call
        act(lambda context, data: [context.order(context.symbol("BBB"), n) for n in (5, 6, 7)])
        await until(lambda: engine.failure or len(broker.sent) == 4)
        act(lambda context, data: [context.cancel_order(n) for n in "123"])
        await until(lambda: engine.failure or not any(order(engine, n).is_open for n in "123"))

    engine, _reported = run(trading(broker, work))

    assert engine.failure is None
    assert [order(engine, n).state for n in "123"] == [OrderState.CANCELED] * 3
    assert sorted(sent[-1] for sent in broker.cancels) == ["1", "2", "3"]
