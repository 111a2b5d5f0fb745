"""How many events the engine takes before others on the loop have their turn, counted
on a clock that events move.
"""

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest

import rbtlive as rbt
from rbtlive.brokers.paper import PaperBroker
from rbtlive.model.events import MarketDataEvent, OperatorEvent
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.engine.loop_budget import SLICE_NS
from tests.builders import Hold, minute_frame, run, slices, until

FRAME = minute_frame(4)
COUNT = 4 * 390


async def from_iterator():
    for bars in slices(FRAME):
        yield bars


def longest_stretch(feed, *, cost_us, portal=None, crowd=0):
    """Return the most events between two turns of another task, and how many there were
    in all.
    """
    clock, taken, seen = VirtualClock(datetime(2030, 1, 1, tzinfo=UTC)), 0, [0]

    async def life():
        nonlocal taken
        engine = TradingEngine(
            Hold,
            PaperBroker(),
            feed=feed,
            portal=portal,
            clock=clock,
            frequency="1m",
            calendar="XNYS",
        )

        def note(_event):
            nonlocal taken
            taken += 1
            clock.advance(cost_us / 1e6)

        for kind in (MarketDataEvent, OperatorEvent):
            engine.dispatcher.register_handler(kind, note)
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.state != "starting")
        for _ in range(crowd):
            engine.enqueue(OperatorEvent(timestamp=engine.core.state.now, action="resume"))
        while not task.done():
            seen.append(taken)
            await asyncio.sleep(0)
        await task

    run(life())
    seen.append(taken)
    return max(b - a for a, b in pairwise(seen)), taken


@pytest.mark.parametrize("cost_us", [20, 100, 1_000])
def test_no_stretch_of_a_replays_events_is_longer_than_a_slice_of_time(cost_us):
    longest, taken = longest_stretch(rbt.ReplayFeed(FRAME), cost_us=cost_us)

    assert taken == COUNT
    assert longest <= SLICE_NS / 1000 / cost_us + 1


@pytest.mark.parametrize("cost_us", [20, 1_000])
def test_no_stretch_of_an_iterators_events_is_longer_than_a_slice_of_time(cost_us):
    known = rbt.PolarsDataPortal(None, minute_bars=FRAME)

    longest, taken = longest_stretch(from_iterator(), cost_us=cost_us, portal=known)

    assert taken == COUNT
    assert longest <= SLICE_NS / 1000 / cost_us + 1


def test_a_crowd_of_events_that_cannot_be_refused_is_taken_in_slices_too():
    longest, taken = longest_stretch(rbt.ReplayFeed(FRAME), cost_us=100, crowd=5_000)

    assert taken == COUNT + 5_000
    assert longest <= SLICE_NS / 1000 / 100 + 1


def test_an_event_that_takes_longer_than_a_slice_is_followed_by_a_turn():
    longest, taken = longest_stretch(rbt.ReplayFeed(minute_frame(1)), cost_us=7_000)

    assert taken == 390
    assert longest == 1
