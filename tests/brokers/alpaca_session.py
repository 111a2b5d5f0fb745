"""A broker at the venue of the tests, and what it reported."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

from rbtlive.brokers import AlpacaBroker
from rbtlive.data.feeds.as_feed import Backoff
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import OrderFillEvent
from tests.venue.process import KEY, SECRET

QUICK = Backoff(initial_s=0.02, limit_s=0.1)


def broker_at(venue, **settings):
    return AlpacaBroker(KEY, SECRET, url_override=venue.url, backoff=QUICK, **settings)


def order(amount, *, symbol="IBM", limit=None, stop=None):
    return SubmitOrder(
        order_id="1",
        symbol=symbol,
        amount=Decimal(amount),
        limit=None if limit is None else Decimal(limit),
        stop=None if stop is None else Decimal(stop),
    )


@asynccontextmanager
async def connected(venue, **settings):
    """Yield a connected broker and the list of what it tells."""
    broker = broker_at(venue, **settings)
    await broker.connect()
    reported = []

    async def listen():
        async for event in broker.events():
            reported.append(event)  # noqa: PERF401 - others read it while it grows

    listening = asyncio.create_task(listen())
    try:
        yield broker, reported
    finally:
        await broker.disconnect()
        await listening
        await broker._http.close()


def fills(reported):
    return [event for event in reported if isinstance(event, OrderFillEvent)]


def kinds(reported):
    return [type(event).__name__ for event in reported]
