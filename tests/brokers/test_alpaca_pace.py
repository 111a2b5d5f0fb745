"""How many requests reach Alpaca within a minute: counted in virtual time, at a wire that
answers as the venue's limit has it.
"""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from rbtlive.brokers import AlpacaBroker
from rbtlive.model.events import CircuitBreakerEvent
from rbtlive.runtime.broker.broker_link import BrokerLink, LinkSettings
from rbtlive.runtime.clock import VirtualClock
from rbtlive.venue.limits import RateLimit
from tests.brokers.alpaca_session import order
from tests.builders import daily_frame
from tests.core.test_trading_core import Diary, core_of
from tests.simulation.virtual_loop import run_virtually
from tests.venue.process import KEY, SECRET

NOON = datetime(2024, 1, 3, 17, 0, tzinfo=UTC)
ACCOUNT = {
    "id": "an-account",
    "status": "ACTIVE",
    "currency": "USD",
    "cash": "1000000",
    "equity": "1000000",
    "account_blocked": False,
    "trading_blocked": False,
    "trade_suspended_by_user": False,
}


class Answer:
    """What a request came back with."""

    def __init__(self, status, body, headers):
        self.status, self.headers, self.content = status, headers, self
        self._text = json.dumps(body).encode()

    async def iter_any(self):
        """Yield the text."""
        yield self._text

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_failure):
        return None


class Wire:
    """Alpaca as far as these tests ask it, with the venue's limit, and who asked when."""

    closed = False

    def __init__(self, clock, *, most=200):
        self.asked = []
        self.orders = []
        self.account = dict(ACCOUNT)
        self._clock = clock
        self._numbers = count(1)
        self._limit = RateLimit(most, monotonic_s=self.now_s)

    def now_s(self):
        """Return the seconds of the loop."""
        return self._clock.monotonic_ns() / 1e9

    def request(self, method, url, *, params, data, **_settings):
        """Answer one request."""
        path = url.partition("://")[2].partition("/")[2]
        self.asked.append((self.now_s(), f"{method} /{path}"))
        wait_s = self._limit.refused_for_s()
        if wait_s is not None:
            return Answer(429, {"message": "too many requests."}, {"Retry-After": str(wait_s)})
        stamp = (NOON + timedelta(seconds=self.now_s())).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Answer(200, self._body(method, f"/{path}", data), {"Date": stamp})

    def _body(self, method, path, data):
        if (method, path) == ("POST", "/v2/orders"):
            asked = json.loads(data)
            placed = asked | {
                "id": f"o{next(self._numbers)}",
                "status": "new",
                "filled_qty": "0",
                "submitted_at": "2024-01-03T17:00:00Z",
                "updated_at": "2024-01-03T17:00:00Z",
            }
            self.orders.append(placed)
            return placed
        bodies = {
            "/v2/account": self.account,
            "/v2/positions": [],
            "/v2/orders": [],
            "/v2/account/activities": [],
            "/v2/clock": {"timestamp": "2024-01-03T12:00:00-05:00"},
            "/v1/corporate-actions": {"corporate_actions": {}},
        }
        return bodies.get(path, {})

    def most_in_a_minute(self):
        """Return the largest number of requests within any 60 seconds."""
        times = [when for when, _what in self.asked]
        return max(sum(first <= t < first + 60 for t in times) for first in times)

    async def close(self):
        """Close nothing."""


def wired(clock, **settings):
    """Return a broker whose requests go over a wire in memory, and the wire."""
    wire = Wire(clock)
    broker = AlpacaBroker(KEY, SECRET, chance=lambda: 0.5, **settings)
    for http in (broker._http, broker.feed._http):
        http._session = wire
    return broker, wire


@pytest.mark.parametrize("limit", [200, None])
def test_two_hundred_and_thirty_orders_of_a_bar_all_arrive_once(limit):
    clock = VirtualClock(NOON)
    broker, wire = wired(clock, requests_per_minute=limit)

    async def send():
        for number in range(1, 231):
            await broker.submit_order(order("1"), client_order_id=f"RUN-{number}")

    run_virtually(send(), clock)

    ids = [placed["client_order_id"] for placed in wire.orders]
    assert ids == [f"RUN-{number}" for number in range(1, 231)]
    assert wire.now_s() < 70
    if limit is not None:  # without a pace of its own it runs into refusals, and sends again
        assert wire.most_in_a_minute() <= limit
        assert len(wire.asked) == 230


def linked(broker, clock, reported):
    core = core_of(Diary, daily_frame(4), simulated=False)

    def tell(event):
        reported.append(event)
        if isinstance(event, CircuitBreakerEvent):
            core.process(event)

    return BrokerLink(
        broker,
        run_id="RUN",
        core=lambda: core,
        tell=tell,
        tell_now=reported.append,
        note=lambda *_note: None,
        clock=clock,
        settings=LinkSettings(),
        outside={},
        activities=set(),
    )


async def for_seconds(work, seconds):
    task = asyncio.create_task(work)
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_an_idle_session_asks_at_most_twenty_times_a_minute():
    clock, reported = VirtualClock(NOON), []
    broker, wire = wired(clock)
    broker.feed.ask_data = _no_actions

    run_virtually(for_seconds(linked(broker, clock, reported).keep_asking(), 600), clock)

    assert reported == []
    assert Counter(what for _when, what in wire.asked)["GET /v2/positions"] >= 35
    assert wire.most_in_a_minute() <= 20


async def _no_actions(_path, _query):
    return {"corporate_actions": {}}


@pytest.mark.parametrize(
    "trouble", ["trading_blocked", "account_blocked", "trade_suspended_by_user", "RESTRICTED"]
)
def test_an_account_that_may_not_trade_any_more_halts(trouble):
    clock, reported = VirtualClock(NOON), []
    broker, wire = wired(clock)
    broker.feed.ask_data = _no_actions
    change = {"status": trouble} if trouble.isupper() else {trouble: True}
    wire.account |= change

    run_virtually(for_seconds(linked(broker, clock, reported).keep_asking(), 40), clock)

    (breaker,) = reported
    assert breaker.name == "blind"
    assert "may not trade" in breaker.reason


def test_an_account_that_cannot_be_read_for_fifteen_seconds_halts_once():
    clock, reported = VirtualClock(NOON), []
    broker, wire = wired(clock)

    def cut(*_request, **_settings):
        raise ConnectionResetError

    wire.request = cut
    link = linked(broker, clock, reported)

    async def both():
        await asyncio.gather(
            for_seconds(link.keep_asking(), 60), for_seconds(link.blindness.keep_watching(15.0), 60)
        )

    run_virtually(both(), clock)

    breakers = [event for event in reported if type(event).__name__ == "CircuitBreakerEvent"]
    assert [event.name for event in breakers] == ["blind"]
    assert "could not be read" in breakers[0].reason
