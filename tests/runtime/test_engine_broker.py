"""The engine with a broker elsewhere: what is sent, what is written first, and what
becomes of each answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.brokers.base import BrokerAccount, BrokerExecution, BrokerOrder
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import BrokerError, OrderRefused
from rbtlive.model.events import Event, OrderFillEvent, OrderUpdateEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.clock import SystemClock
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.builders import Silent, daily_frame, defined, processed, run, slices, until

BUYER = """
class Buyer(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.calls, context.bars = [], 0
    def handle_data(self, context, data):
        context.bars += 1
        if context.bars == 1:
            self.order(self.symbol("AAA"), 10)
        if context.bars == 3:
            for orders in self.get_open_orders().values():
                for order in orders:
                    self.cancel_order(order)
    def on_order_fill(self, context, order, transaction):
        context.calls.append(("fill", order.id, int(transaction.amount)))
    def on_order_cancel(self, context, order, reason):
        context.calls.append(("cancel", order.id, reason))
    def on_order_reject(self, context, order, reason):
        context.calls.append(("reject", order.id, reason))
"""
Buyer = defined(BUYER, "Buyer")


class BookBroker(rbt.BrokerAdapter):
    """A broker with a book of its own, which does what a test tells it.

    Attributes:
        book: Its orders by client order id, oldest first.
        answer: What becomes of the next submission: "accept", "refuse", "lose" (it
            arrives, the answer does not) or "drop".
        sent: Client order ids in the order in which they arrived or should have.
    """

    name = "book"

    def __init__(self, answer="accept"):
        self.book, self.sent, self.cancels = {}, [], []
        self.answer = answer
        self.held = {}
        self.connected = 0
        self.written = []
        self.session = None
        self._events = asyncio.Queue()

    async def connect(self):
        self.connected += 1

    async def disconnect(self):
        self.connected -= 1

    async def submit_order(self, order, *, client_order_id):
        self.sent.append(client_order_id)
        if self.session is not None:  # what others can read of the journal at this moment
            with open_run(
                StateFolder(self.session._launch.folder.path), self.session.name
            ) as recorded:
                self.written.append(
                    [row.data()["order_id"] for row in recorded.rows() if row.type == "SubmitOrder"]
                )
        await asyncio.sleep(0)
        if self.answer == "refuse":
            raise OrderRefused("not enough buying power")
        if self.answer != "drop":
            self.book[client_order_id] = BrokerOrder(
                client_order_id=client_order_id,
                broker_order_id=f"b{len(self.book)}",
                symbol=order.symbol,
                amount=order.amount,
                filled=Decimal(0),
                average_price=None,
                state=OrderState.PENDING,
                updated_at=SystemClock().now(),
                limit=order.limit,
                stop=order.stop,
            )
        if self.answer in {"lose", "drop"}:
            raise TimeoutError("no answer")
        return self.book[client_order_id].broker_order_id

    async def cancel_order(self, *, client_order_id):
        self.cancels.append(client_order_id)
        self._change(client_order_id, state=OrderState.CANCELED)
        self.tell(
            OrderUpdateEvent(
                timestamp=SystemClock().now(), order_id=client_order_id, status=OrderState.CANCELED
            )
        )

    def fill(self, client_order_id, amount, *, execution_id="x1", reports=1):
        """Fill an order, and tell of it so many times."""
        now, order = SystemClock().now(), self.book[client_order_id]
        execution = BrokerExecution(
            execution_id=execution_id, amount=Decimal(amount), price=Decimal(50), at=now
        )
        filled = order.filled + execution.amount
        state = OrderState.FILLED if filled == order.amount else OrderState.PARTIALLY_FILLED
        self._change(
            client_order_id, filled=filled, state=state, executions=(*order.executions, execution)
        )
        self.held[order.symbol] = self.held.get(order.symbol, Decimal(0)) + execution.amount
        for _time in range(reports):
            self.tell(
                OrderFillEvent(
                    timestamp=now,
                    order_id=client_order_id,
                    execution_id=execution_id,
                    amount=execution.amount,
                    price=execution.price,
                )
            )

    def _change(self, client_order_id, **facts):
        order = self.book[client_order_id]
        values = {name: getattr(order, name) for name in BrokerOrder.__dataclass_fields__}
        self.book[client_order_id] = BrokerOrder(**{**values, **facts})

    def tell(self, event: Event):
        self._events.put_nowait(event)

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self._events.get()

    async def find_order(self, client_order_id):
        return self.book.get(client_order_id)

    async def orders(self, *, prefix="", open_only=False):
        return [
            order
            for name, order in self.book.items()
            if name.startswith(prefix)
            and (not open_only or order.state in {OrderState.PENDING, OrderState.PARTIALLY_FILLED})
        ]

    async def positions(self):
        return {symbol: amount for symbol, amount in self.held.items() if amount}

    async def account(self):
        return BrokerAccount(cash=Decimal(77_000), equity=Decimal(80_000))


class Inbox:
    """A live source that a test feeds."""

    def __init__(self):
        self.items = asyncio.Queue()

    async def __aiter__(self):
        while True:
            yield await self.items.get()


async def trading(folder, broker, work):
    """Attach, let the strategy see one bar and send its order, do the work, and stop."""
    source, days = Inbox(), iter(slices(daily_frame(8)))
    session = rbt.attach(
        Buyer, broker, feed=source, data=PolarsDataPortal(daily_frame()), journal=folder
    )
    broker.session = session

    async def bar():
        source.items.put_nowait(next(days))
        bars = session.context.bars
        await until(lambda: session.engine.failure or session.context.bars > bars)

    await until(lambda: session.state != "starting")
    await bar()
    await until(lambda: session.engine.failure or broker.sent)
    try:
        await work(session, bar)
    finally:
        await session.stop()
    return session


def order_of(session, number="1"):
    return session.engine.order_manager.get_order(number)


def test_an_intent_is_on_the_disk_before_the_broker_hears_of_it(tmp_path):
    broker = BookBroker()

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)

    session = run(trading(tmp_path, broker, work))

    assert broker.sent == [f"{session.engine.journal.run_id}-1"]
    assert broker.written == [["1"]]
    assert order_of(session).broker_order_id == "b0"
    assert broker.connected == 0
    assert session.state == "stopped"


def test_the_account_of_a_real_broker_is_the_capital_base(tmp_path):
    async def work(session, bar):
        assert session.portfolio.portfolio_value == 80_000

    run(trading(tmp_path, BookBroker(), work))


def test_a_fill_is_booked_once_however_often_it_is_reported(tmp_path):
    broker = BookBroker()

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)
        broker.fill(broker.sent[0], 4, reports=3)
        broker.fill(broker.sent[0], 6, execution_id="x2", reports=2)
        await until(lambda: order_of(session).state is OrderState.FILLED)
        await bar()

    session = run(trading(tmp_path, broker, work))

    assert session.context.calls == [("fill", "1", 4), ("fill", "1", 6)]
    assert session.engine.portfolio.amount_of(session.engine.core.state.assets[0]) == 10
    assert session.portfolio.cash == 80_000 - 500


def test_a_refusal_is_a_reject_and_nothing_rests(tmp_path):
    broker = BookBroker("refuse")

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.REJECTED)
        await bar()

    session = run(trading(tmp_path, broker, work))

    assert session.context.calls == [("reject", "1", "not enough buying power")]
    assert broker.sent == [f"{session.engine.journal.run_id}-1"]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_time_out_leaves_the_outcome_unknown_and_nothing_is_sent_twice(tmp_path, arrived):
    broker = BookBroker("lose" if arrived else "drop")

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.UNKNOWN)
        assert any("TimeoutError" in line for line in session.logs) or await _logged(session)
        await bar()

    session = run(trading(tmp_path, broker, work))

    assert len(broker.sent) == 1
    assert len(broker.book) == arrived
    assert session.context.calls == []


async def _logged(session):
    await until(lambda: any("TimeoutError" in line for line in session.logs))
    return True


def test_a_cancel_is_asked_for_once_and_ends_the_order_when_it_is_answered(tmp_path):
    broker = BookBroker()

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)
        await bar()
        await bar()
        await until(lambda: order_of(session).state is OrderState.CANCELED)
        await bar()

    session = run(trading(tmp_path, broker, work))

    assert broker.cancels == broker.sent
    assert session.context.calls == [("cancel", "1", "cancelled by the strategy")]


def test_kill_is_confirmed_by_asking_the_broker(tmp_path):
    broker, reports = BookBroker(), []

    async def work(session, bar):
        await until(lambda: order_of(session).state is OrderState.PENDING)
        reports.append(await session.kill())

    run(trading(tmp_path, broker, work))

    assert reports[0].confirmed
    assert [order.state for order in broker.book.values()] == [OrderState.CANCELED]


def test_a_run_that_is_carried_on_learns_what_happened_meanwhile(tmp_path):
    broker = BookBroker()

    async def pieces():
        async def work(session, bar):
            await until(lambda: order_of(session).state is OrderState.PENDING)

        await trading(tmp_path, broker, work)
        broker.fill(broker.sent[0], 10, reports=0)
        broker.session = None
        again = rbt.attach(
            Buyer, broker, feed=Silent([]), data=PolarsDataPortal(daily_frame()), journal=tmp_path
        )
        await processed(again, 0)
        await until(lambda: again.engine.failure or order_of(again).state is OrderState.FILLED)
        await again.stop()
        return again

    session = run(pieces())

    assert len(broker.sent) == 1
    assert session.engine.portfolio.amount_of(session.engine.core.state.assets[0]) == 10
    assert ("fill", "1", 10) in session.context.calls


def test_an_adapter_whose_account_is_none_is_named(tmp_path):
    class Careless(BookBroker):
        async def account(self):
            return None

    async def opened():
        session = rbt.attach(
            Buyer, Careless(), feed=rbt.ReplayFeed(daily_frame(3)), journal=tmp_path
        )
        await session.wait()

    with pytest.raises(BrokerError, match=r"account\(\) of Careless must return a BrokerAccount"):
        run(opened())
