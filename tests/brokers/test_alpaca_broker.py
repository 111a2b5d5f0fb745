"""The adapter trades at a real venue process, which goes wrong in every way it can be
reported to.
"""

import asyncio
import os
import sys
from decimal import Decimal

import pytest

from rbtlive.brokers.alpaca_http import NoAnswer
from rbtlive.data.feeds.as_feed import Backoff
from rbtlive.errors import BrokerError, InvalidSetting, MissingExtra, OrderRefused
from rbtlive.model.events import OrderFillEvent, OrderUpdateEvent, SystemErrorEvent
from rbtlive.model.order_facts import OrderState
from tests.brokers.alpaca_session import QUICK, broker_at, connected, fills, order
from tests.venue.process import KEY, until, within

CASES = int(os.environ.get("RBTLIVE_FAULT_CASES", "60"))
"""How many submits and disconnects go wrong; more by setting the variable."""


def test_an_order_is_placed_filled_and_found_with_its_execution(venue):
    async def trade():
        async with connected(venue) as (broker, reported):
            broker_id = await broker.submit_order(order(-5), client_order_id="RUN-1")
            await until(lambda: fills(reported))
            return (
                broker_id,
                reported,
                await broker.find_order("RUN-1"),
                await broker.positions(),
                await broker.account(),
            )

    broker_id, reported, found, positions, account = within(trade())

    accepted, fill = reported
    assert isinstance(accepted, OrderUpdateEvent)
    assert (accepted.order_id, accepted.status, accepted.broker_order_id) == (
        "RUN-1",
        OrderState.PENDING,
        broker_id,
    )
    assert isinstance(fill, OrderFillEvent)
    assert (fill.order_id, fill.amount, fill.price, fill.commission) == (
        "RUN-1",
        -5,
        Decimal("97.75"),
        0,
    )
    assert (found.state, found.amount, found.filled, found.average_price) == (
        OrderState.FILLED,
        -5,
        -5,
        Decimal("97.75"),
    )
    (execution,) = found.executions
    assert (execution.execution_id, execution.amount, execution.price, execution.at) == (
        fill.execution_id,
        fill.amount,
        fill.price,
        fill.timestamp,
    )
    assert positions == {"IBM": Decimal(-5)}
    assert (account.cash, account.equity, account.currency) == (
        Decimal("100488.75"),
        Decimal(100_000),
        "USD",
    )


@pytest.mark.parametrize(
    ("limit", "stop", "kind"),
    [
        (None, None, "market"),
        ("50.5", None, "limit"),
        (None, "150.25", "stop"),
        ("160", "150", "stop_limit"),
    ],
)
def test_prices_say_what_type_an_order_is(venue, limit, stop, kind):
    async def place():
        async with connected(venue) as (broker, _reported):
            await broker.submit_order(order(1, limit=limit, stop=stop), client_order_id="RUN-1")
            return await broker.find_order("RUN-1")

    found = within(place())

    assert (
        venue.request("/v2/orders:by_client_order_id?client_order_id=RUN-1", keys=True)[1]["type"]
        == kind
    )
    assert (found.limit, found.stop) == (limit and Decimal(limit), stop and Decimal(stop))


def test_whole_shares_stand_until_cancelled_and_parts_of_a_share_for_the_day(venue):
    async def place():
        async with connected(venue) as (broker, _reported):
            await broker.submit_order(order(2, limit=50), client_order_id="whole")
            await broker.submit_order(order("0.123456789", limit=50), client_order_id="part")
        async with connected(venue, time_in_force="day") as (broker, _reported):
            await broker.submit_order(order(2, limit=50), client_order_id="day")

    within(place())

    _status, orders = venue.request("/v2/orders?status=open", keys=True)
    assert {o["client_order_id"]: (o["time_in_force"], o["qty"]) for o in orders} == {
        "whole": ("gtc", "2"),
        "part": ("day", "0.123456789"),
        "day": ("day", "2"),
    }


def test_a_cancelled_order_says_so_and_cancelling_an_ended_one_is_no_error(venue):
    async def cancel():
        async with connected(venue) as (broker, reported):
            await broker.submit_order(order(1, limit=50), client_order_id="RUN-1")
            await broker.cancel_order(client_order_id="RUN-1")
            await until(lambda: len(reported) == 2)
            await broker.cancel_order(client_order_id="RUN-1")
            return reported, await broker.find_order("RUN-1")

    reported, found = within(cancel())

    assert [event.status for event in reported] == [OrderState.PENDING, OrderState.CANCELED]
    assert found.state is OrderState.CANCELED


def test_a_broker_that_did_not_place_an_order_cancels_it_by_its_client_id(venue):
    venue.place("RUN-1", type="limit", limit_price="50")

    async def cancel():
        async with connected(venue) as (broker, _reported):
            await broker.cancel_order(client_order_id="RUN-1")
            with pytest.raises(BrokerError, match="does not know it"):
                await broker.cancel_order(client_order_id="RUN-2")

    within(cancel())

    assert venue.control("state")["open_orders"] == 0


def test_a_no_is_distinguished_from_no_answer(venue):
    async def submit():
        async with connected(venue) as (broker, _reported):
            with pytest.raises(OrderRefused, match="insufficient buying power"):
                await broker.submit_order(order(1_000_000), client_order_id="RUN-1")
            with pytest.raises(OrderRefused, match="not found"):
                await broker.submit_order(order(1, symbol="NONE"), client_order_id="RUN-2")
            return await broker.find_order("RUN-1")

    assert within(submit()) is None


def test_orders_are_listed_by_prefix_oldest_first(venue):
    for number in range(3):
        venue.place(f"RUN-{number}", type="limit", limit_price=str(50 + number))
    venue.place("by hand")

    async def look():
        async with connected(venue) as (broker, _reported):
            ours = await broker.orders(prefix="RUN-")
            venue.place("RUN-3")
            again = await broker.orders(prefix="RUN-")
            return ours, again, await broker.orders(), await broker.orders(open_only=True)

    ours, again, everything, resting = within(look())

    assert [o.client_order_id for o in ours] == ["RUN-0", "RUN-1", "RUN-2"]
    assert [o.client_order_id for o in again] == ["RUN-0", "RUN-1", "RUN-2", "RUN-3"]
    assert [o.client_order_id for o in everything] == [
        "RUN-0",
        "RUN-1",
        "RUN-2",
        "by hand",
        "RUN-3",
    ]
    assert [o.client_order_id for o in resting] == ["RUN-0", "RUN-1", "RUN-2"]


def test_more_orders_than_a_page_are_listed_once_each(venue, monkeypatch):
    monkeypatch.setattr("rbtlive.brokers.alpaca_orders.PAGE", 3)
    for number in range(10):
        venue.place(f"RUN-{number}", type="limit", limit_price="50", qty="1")

    async def look():
        async with connected(venue) as (broker, _reported):
            return await broker.orders(prefix="RUN-")

    assert [o.client_order_id for o in within(look())] == [f"RUN-{n}" for n in range(10)]


# -- outcomes that are not known -----------------------------------------------------

LOST_BEFORE = [
    {"kind": "reset_before"},
    {"kind": "error", "status": 503},
]
LOST_AFTER = [
    {"kind": "reset_after"},
    {"kind": "error_after", "status": 502},
    {"kind": "error_after", "status": 504},
    {"kind": "delay_after", "delay_s": 2.0},
]


@pytest.mark.parametrize("fault", LOST_BEFORE, ids=lambda f: f["kind"])
def test_a_submit_that_was_lost_on_its_way_is_unknown_and_not_sent_again(venue, fault):
    venue.faults(fault | {"where": "submit"})

    async def submit():
        async with connected(venue, timeout_s=0.5) as (broker, _reported):
            with pytest.raises(NoAnswer):
                await broker.submit_order(order(5), client_order_id="RUN-1")
            return await broker.find_order("RUN-1")

    assert within(submit()) is None
    assert venue.hits() == [1]
    assert venue.control("state")["orders"] == 0


def test_a_submit_beyond_the_rate_limit_is_sent_again_under_its_own_id(venue):
    venue.faults({"kind": "rate_limit", "where": "submit", "count": 3})

    async def submit():
        async with connected(venue) as (broker, _reported):
            broker._http._backoff = Backoff(initial_s=0.01, limit_s=0.02)
            placed = await broker.submit_order(order(5), client_order_id="RUN-1")
            found = await broker.find_order("RUN-1")
            return placed, found.broker_order_id

    placed, found = within(submit())

    assert placed == found
    assert venue.hits() == [3]
    assert venue.control("state")["orders"] == 1


@pytest.mark.parametrize("fault", LOST_AFTER, ids=lambda f: f"{f['kind']} {f.get('status', '')}")
def test_a_submit_whose_answer_was_lost_is_found_and_never_doubled(venue, fault):
    venue.faults(fault | {"where": "submit", "count": 1})

    async def submit():
        async with connected(venue, timeout_s=0.5) as (broker, reported):
            with pytest.raises(NoAnswer):
                await broker.submit_order(order(5), client_order_id="RUN-1")
            await until(lambda: fills(reported))
            found = await broker.find_order("RUN-1")
            again = await broker.submit_order(
                order(5), client_order_id="RUN-1"
            )  # sent after all: the id is taken
            return found, again, await broker.positions()

    found, again, positions = within(submit())

    assert (found.state, found.filled) == (OrderState.FILLED, 5)
    assert again == found.broker_order_id
    assert positions == {"IBM": Decimal(5)}
    assert venue.control("state")["orders"] == 1


def test_many_submits_that_went_wrong_double_nothing_and_lose_nothing(venue):
    venue.faults(
        {"kind": "reset_after", "where": "submit", "probability": 0.3, "seed": 1},
        {"kind": "error_after", "where": "submit", "probability": 0.3, "seed": 2},
        {"kind": "reset_before", "where": "submit", "probability": 0.2, "seed": 3},
        {"kind": "drop", "where": "trade_updates", "probability": 0.8, "seed": 4},
    )

    async def trade():
        arrived, lost = set(), set()
        async with connected(venue) as (broker, _reported):
            for number in range(CASES):
                name = f"RUN-{number}"
                try:
                    await broker.submit_order(order(1 if number % 2 else -1), client_order_id=name)
                    arrived.add(name)
                except NoAnswer:
                    (lost if await broker.find_order(name) is None else arrived).add(name)
            booked = await broker.orders(prefix="RUN-")
            return arrived, lost, booked, await broker.positions()

    arrived, lost, booked, positions = within(trade(), seconds=120)

    assert lost
    assert len(arrived) + len(lost) == CASES
    assert sorted(o.client_order_id for o in booked) == sorted(arrived)
    assert sum(o.filled for o in booked) == positions.get("IBM", 0)


def test_an_id_that_is_taken_by_another_order_is_a_no(venue):
    venue.place("RUN-1", qty="3")

    async def submit():
        async with connected(venue) as (broker, _reported):
            with pytest.raises(OrderRefused, match="taken by another order"):
                await broker.submit_order(order(5), client_order_id="RUN-1")

    within(submit())


def test_an_answer_for_another_order_is_no_answer(venue):
    async def submit():
        async with connected(venue) as (broker, _reported):
            answered = await broker._http.once("GET", "/v2/account")
            with pytest.raises(BrokerError):
                broker._placed(answered, "RUN-1")

    within(submit())


@pytest.mark.parametrize(
    "fault",
    [{"kind": "error"}, {"kind": "rate_limit"}, {"kind": "reset_before"}, {"kind": "reset_after"}],
    ids=lambda f: f["kind"],
)
@pytest.mark.parametrize("where", ["orders", "account", "cancel"])
def test_questions_and_cancels_are_asked_again(venue, fault, where):
    venue.place("RUN-1", type="limit", limit_price="50")

    async def ask():
        async with connected(venue) as (broker, _reported):
            await broker.find_order("RUN-1")
            broker._http._backoff = QUICK
            await asyncio.to_thread(venue.faults, fault | {"where": where, "count": 2})
            await broker.account()
            await broker.find_order("RUN-1")
            await broker.cancel_order(client_order_id="RUN-1")

    within(ask())

    assert venue.hits() == [2]
    assert venue.control("state")["open_orders"] == 0


def test_a_question_without_an_answer_ends_in_an_error(venue):
    async def ask():
        async with connected(venue) as (broker, _reported):
            broker._http._backoff = QUICK
            await asyncio.to_thread(venue.faults, {"kind": "error", "where": "rest", "status": 500})
            with pytest.raises(BrokerError, match="HTTP status 500"):
                await broker.account()

    within(ask())


# -- the stream ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop", "silence"])
def test_fills_the_stream_lost_are_found_by_asking(venue, kind):
    async def trade():
        async with connected(venue) as (broker, reported):
            await asyncio.to_thread(venue.faults, {"kind": kind, "where": "trade_updates"})
            await broker.submit_order(order(5), client_order_id="RUN-1")
            return list(reported), await broker.find_order("RUN-1")

    reported, found = within(trade())

    assert reported == []
    assert [execution.amount for execution in found.executions] == [5]


def test_a_doubled_fill_has_one_execution_id(venue):
    async def trade():
        async with connected(venue) as (broker, reported):
            await asyncio.to_thread(venue.faults, {"kind": "duplicate", "where": "trade_updates"})
            await broker.submit_order(order(5), client_order_id="RUN-1")
            await until(lambda: len(reported) == 4)
            return reported

    reported = within(trade())

    assert len(fills(reported)) == 2
    assert len({fill.execution_id for fill in fills(reported)}) == 1


def test_a_fill_may_come_before_its_acceptance(venue):
    async def trade():
        async with connected(venue) as (broker, reported):
            await asyncio.to_thread(
                venue.faults,
                {"kind": "reorder", "where": "trade_updates", "event": "new", "count": 1},
            )
            await broker.submit_order(order(5), client_order_id="RUN-1")
            await until(lambda: len(reported) == 2)
            return reported

    fill, accepted = within(trade())

    assert isinstance(fill, OrderFillEvent)
    assert accepted.status is OrderState.PENDING


def test_late_updates_come_late_and_whole(venue):
    async def trade():
        async with connected(venue) as (broker, reported):
            await asyncio.to_thread(
                venue.faults, {"kind": "delay", "where": "trade_updates", "delay_s": 0.2}
            )
            await broker.submit_order(order(5), client_order_id="RUN-1")
            early = list(reported)
            await until(lambda: fills(reported))
            return early, reported

    early, reported = within(trade())

    assert early == []
    assert [type(event) for event in reported] == [OrderUpdateEvent, OrderFillEvent]


@pytest.mark.parametrize("how", ["disconnect", "restart", "fault"])
def test_a_broken_stream_is_opened_again_and_says_so(venue, how):
    async def trade():
        async with connected(venue) as (broker, reported):
            if how == "fault":
                await asyncio.to_thread(
                    venue.faults,
                    {"kind": "disconnect", "where": "trade_updates", "event": "new", "count": 1},
                )
                await broker.submit_order(order(1, limit=50), client_order_id="lost")
            else:
                await asyncio.to_thread(venue.control, how)
            await until(lambda: broker.stats()["reconnects"] == 1)
            await broker.submit_order(order(5), client_order_id="RUN-1")
            await until(lambda: fills(reported))
            return reported

    reported = within(trade())

    broke, back = [event for event in reported if isinstance(event, SystemErrorEvent)]
    assert "broke" in broke.message
    assert "is back" in back.message
    assert [fill.order_id for fill in fills(reported)] == ["RUN-1"]


def test_disconnects_lose_no_subscription(venue):
    async def survive():
        async with connected(venue) as (broker, reported):
            broker._stream._backoff = type(QUICK)(initial_s=0.001, limit_s=0.002)
            for number in range(CASES):
                await asyncio.to_thread(venue.control, "disconnect")
                await until(
                    lambda number=number: broker.stats()["reconnects"] == number + 1, every=0.001
                )
            await broker.submit_order(order(5), client_order_id="RUN-1")
            await until(lambda: fills(reported))

    within(survive(), seconds=120)


# -- settings ------------------------------------------------------------------------


def test_wrong_keys_are_reported_at_connect(venue):
    broker = broker_at(venue)
    wrong = type(broker)(KEY, "another", url_override=venue.url)

    async def connect():
        with pytest.raises(BrokerError, match="keys were refused"):
            await wrong.connect()
        await wrong.disconnect()

    within(connect())


def test_a_venue_that_is_not_there_is_reported_at_connect():
    async def connect():
        from rbtlive.brokers import AlpacaBroker

        broker = AlpacaBroker("a", "b", url_override="http://127.0.0.1:9")
        broker._http._backoff = QUICK
        with pytest.raises(BrokerError, match="ClientConnectorError"):
            await broker.connect()
        await broker.disconnect()

    within(connect())


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    from rbtlive.brokers import AlpacaBroker

    monkeypatch.setitem(sys.modules, "aiohttp", None)

    with pytest.raises(MissingExtra, match=r"rbtlive\[alpaca\]"):
        within(AlpacaBroker("a", "b").connect())


def test_paper_is_the_default_and_nothing_else_differs(monkeypatch):
    from rbtlive.brokers import AlpacaBroker

    paper, live = AlpacaBroker("a", "b"), AlpacaBroker("a", "b", paper=False)

    assert paper.url == "https://paper-api.alpaca.markets"
    assert live.url == "https://api.alpaca.markets"
    with pytest.raises(InvalidSetting, match="paper must be True"):
        AlpacaBroker("a", "b", paper="no")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "ftp://127.0.0.1",
        "https://user:pass@example.org",
        "example.org",
        "https://h/?q=1",
    ],
)
def test_keys_are_not_sent_to_an_address_that_may_be_listened_to(url):
    from rbtlive.brokers import AlpacaBroker

    with pytest.raises(InvalidSetting, match="url_override must be an https"):
        AlpacaBroker("a", "b", url_override=url)
