"""An order that has filled in part and is replaced: it goes on for both parts together."""

import asyncio

from rbtlive.model.events import OrderReplacedEvent
from tests.brokers.alpaca_session import connected, order
from tests.venue.process import VenueProcess, until, within


def test_a_replacement_counts_what_has_filled_before_it():
    venue = VenueProcess(
        "--start",
        "2005-01-03",
        "--end",
        "2005-01-31",
        "--slippage",
        "basis-points",
        "--cash",
        "1000000000",
    )

    async def replace():
        async with connected(venue) as (broker, reported):
            await broker.submit_order(order("900000", limit="500"), client_order_id="RUN-1")
            before = await broker.find_order("RUN-1")
            await asyncio.to_thread(
                venue.request,
                f"/v2/orders/{before.broker_order_id}",
                method="PATCH",
                body={"qty": "900010", "limit_price": "501"},
                keys=True,
            )
            await until(lambda: any(isinstance(one, OrderReplacedEvent) for one in reported))
            (replaced,) = (one for one in reported if isinstance(one, OrderReplacedEvent))
            return before, replaced, await broker.find_order("RUN-1")

    try:
        before, replaced, after = within(replace())
    finally:
        assert venue.stop() == ""

    assert 0 < before.filled < before.amount
    assert replaced.order_id == "RUN-1"
    assert (replaced.amount, replaced.limit) == (900_010, 501)
    assert (after.amount, after.broker_order_id) == (900_010, replaced.broker_order_id)
