"""The clock's part in a live run: what it makes punctual, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta

import rbtlive as rbt
from rbtlive.data.feed import StreamFeed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import MarketDataEvent, ScheduledTriggerEvent
from rbtlive.runtime.backtest import new_core, prepare_settings
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.timekeeper import Timekeeper
from tests.builders import START, minute_frame, slices


class Idle(rbt.TradingAlgorithm):
    """Does nothing."""

    def initialize(self, context):
        """Take nothing."""


async def _nothing():
    for item in ():
        yield item


def watched(told):
    """Return a live core at the beginning, what watches its time, and the clock."""
    portal = PolarsDataPortal.coerce(minute_frame(1), frequency="1m")
    settings = prepare_settings(portal, start=START, frequency="1m", endless=True)
    core = new_core(Idle, portal, settings, preload=False, simulated=True)
    core.start()
    clock = VirtualClock(core.calendar.open(core.calendar.number(START)))
    return core, Timekeeper(StreamFeed(_nothing()), clock, told.append), clock


def process(core, keeper, clock, bars):
    """Let a slice happen when it is over."""
    clock.advance((bars[0].timestamp - clock.now()).total_seconds())
    core.process(MarketDataEvent(timestamp=bars[0].timestamp, bars={bar.symbol: bar for bar in bars}))
    keeper.note_slice(bars[0].timestamp, "1m")


def triggers(told):
    return [event.timestamp for event in told if isinstance(event, ScheduledTriggerEvent)]


def test_a_session_is_opened_in_its_morning_once_the_one_before_is_over():
    told = []
    core, keeper, clock = watched(told)
    for bars in slices(minute_frame(1)):
        process(core, keeper, clock, bars)
    clock.advance(timedelta(hours=16, minutes=45).total_seconds())

    keeper.tick(core)
    keeper.tick(core)

    assert triggers(told) == [clock.now()]


def test_no_session_is_opened_while_bars_of_the_one_before_are_still_to_come():
    told = []
    core, keeper, clock = watched(told)
    day = slices(minute_frame(1))
    for bars in day[:200]:
        process(core, keeper, clock, bars)
    clock.advance(timedelta(hours=20).total_seconds())

    keeper.tick(core)

    assert triggers(told) == []
    for bars in day[200:]:
        core.process(MarketDataEvent(timestamp=bars[0].timestamp, bars={bar.symbol: bar for bar in bars}))
    keeper.tick(core)
    assert triggers(told) == [clock.now()]
