"""Sessions at a real venue process, whose cell is run again, and which the broker has
said no to.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

import rbtlive as rbt
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.order_facts import OrderState
from tests.brokers.alpaca_session import broker_at
from tests.builders import daily_frame, run, slices
from tests.builders import until as hold
from tests.runtime.test_engine_broker import BookBroker, Buyer, Inbox
from tests.venue.process import until, within

EVE = datetime(2024, 1, 2, 20, 0, tzinfo=UTC)


def history():
    """Return some minutes of the day before the venue's bars begin."""
    rows = [
        {"timestamp": EVE + timedelta(minutes=n), "symbol": symbol, "open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 1e4}
        for n in range(5) for symbol in ("AAA", "BBB")
    ]  # fmt: skip
    frame = pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))
    return PolarsDataPortal.coerce(frame, frequency="1m")


class OneABar(rbt.TradingAlgorithm):
    """Buys a share a bar."""

    def initialize(self, context):
        """Take the asset."""
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        """Buy."""
        self.order(context.asset, 1)


async def seen(venue, session, count):
    """Move the venue until a session has seen so many bars, and all its orders have
    arrived.
    """
    given = session.engine.feed._given
    while len(session.engine.core.state.orders) < count:
        before = given.reach_us
        await asyncio.to_thread(venue.advance)
        # A venue that runs ahead of the session fills its orders at later minutes.
        await until(lambda before=before: given.reach_us != before)
    await until(lambda: all(o.broker_order_id for o in session.engine.core.state.orders))


def test_a_cell_that_is_run_again_with_the_same_broker_trades_on_over_one_connection(
    minute_venue, tmp_path
):
    broker = broker_at(minute_venue)
    options = {"data": history(), "frequency": "1m", "journal": tmp_path, "name": "again"}

    async def trade():
        first = rbt.attach(OneABar, broker, **options)
        await until(lambda: broker.feed._given.reach_us is not None)
        await seen(minute_venue, first, 2)
        for _time in range(3):
            session = rbt.attach(OneABar, broker, **options)
            await until(
                lambda session=session: session.engine.failure or session.state == "running"
            )
            await seen(minute_venue, session, len(first.engine.core.state.orders) + 1)
        await session.stop()
        return first.state, session

    first_state, session = within(trade(), seconds=30)

    _status, orders = minute_venue.request(
        "/v2/orders?status=all&limit=500&direction=asc", keys=True
    )
    assert first_state == session.state == "stopped"
    ids = [f"{session.engine.journal.run_id}-{o.id}" for o in session.engine.core.state.orders]
    assert [o["client_order_id"] for o in orders] == ids
    assert broker._stream is None


class Strict(BookBroker):
    """A broker that keeps what it refuses, with its reason."""

    async def submit_order(self, order, *, client_order_id):
        """Take the order down as refused, and die before anybody hears of it."""
        self.answer = "accept"
        await super().submit_order(order, client_order_id=client_order_id)
        self.book[client_order_id] = replace(
            self.book[client_order_id], state=OrderState.REJECTED, reason="no shares to borrow"
        )
        self.session.engine.abandon()
        await asyncio.Event().wait()  # the answer does not come any more


def test_a_refusal_that_was_lost_with_the_process_is_found_with_its_reason(tmp_path):
    broker = Strict()
    options = {"data": PolarsDataPortal(daily_frame()), "journal": tmp_path}

    async def refused():
        source = Inbox()
        source.items.put_nowait(slices(daily_frame(8))[0])
        broker.session = session = rbt.attach(Buyer, broker, feed=source, **options)
        await session.wait()
        broker.session = None
        again = rbt.attach(Buyer, broker, feed=Inbox(), **options)
        order = lambda: again.engine.core.state.orders.get_order("1")  # noqa: E731
        await hold(lambda: again.engine.failure or (order() and not order().is_open))
        await again.stop()
        return order(), again.context.calls

    order, calls = run(refused())

    assert (order.state, order.reason) == (OrderState.REJECTED, "no shares to borrow")
    assert calls == [("reject", "1", "no shares to borrow")]
    assert len(broker.sent) == 1
