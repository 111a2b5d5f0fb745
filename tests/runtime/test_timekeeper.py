"""The clock's part in a live run: what it makes punctual, and what it leaves alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.feeds.as_feed import StreamFeed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import CircuitBreakerEvent, MarketDataEvent, ScheduledTriggerEvent
from rbtlive.model.interval import DAY, MINUTE, Interval
from rbtlive.runtime.backtest import new_core, prepare_settings
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.engine.timekeeper import Timekeeper
from tests.builders import START, daily_frame, minute_frame, run, slices, until


class Idle(rbt.TradingAlgorithm):
    """Does nothing."""

    def initialize(self, context):
        """Take nothing."""


async def _nothing():
    for item in ():
        yield item


def watched(reported):
    """Return a live core at the beginning, what watches its time, and the clock."""
    portal = PolarsDataPortal.coerce(minute_frame(1), frequency="1m")
    settings = prepare_settings(portal, start=START, frequency="1m", endless=True)
    core = new_core(Idle, portal, settings, preload=False, simulated=True)
    core.start()
    clock = VirtualClock(core.state.calendar.open(core.state.calendar.number(START)))
    return core, Timekeeper(StreamFeed(_nothing()), clock, reported.append), clock


def process(core, keeper, clock, bars):
    """Let a slice happen when it is over."""
    clock.advance((bars[0].timestamp - clock.now()).total_seconds())
    core.process(
        MarketDataEvent(timestamp=bars[0].timestamp, bars={bar.symbol: bar for bar in bars})
    )
    keeper.note_slice(bars[0].timestamp, MINUTE)


def triggers(reported):
    return [event.timestamp for event in reported if isinstance(event, ScheduledTriggerEvent)]


def test_a_session_that_is_held_is_opened_as_soon_as_it_is_let_go():
    reported, sessions = [], SimpleNamespace(is_held=True)
    core, _, clock = watched(reported)
    keeper = Timekeeper(StreamFeed(_nothing()), clock, reported.append, sessions=sessions)
    for bars in slices(minute_frame(1)):
        process(core, keeper, clock, bars)
    clock.advance(timedelta(hours=16, minutes=45).total_seconds())
    keeper.tick(core)
    assert triggers(reported) == []

    sessions.is_held = False
    clock.advance(1.0)
    keeper.tick(core)

    assert len(triggers(reported)) == 1


def test_a_session_is_opened_in_its_morning_once_the_one_before_is_over():
    reported = []
    core, keeper, clock = watched(reported)
    for bars in slices(minute_frame(1)):
        process(core, keeper, clock, bars)
    clock.advance(timedelta(hours=16, minutes=45).total_seconds())

    keeper.tick(core)
    keeper.tick(core)

    assert triggers(reported) == [clock.now()]


def test_no_session_is_opened_while_bars_of_the_one_before_are_still_to_come():
    reported = []
    core, keeper, clock = watched(reported)
    day = slices(minute_frame(1))
    for bars in day[:200]:
        process(core, keeper, clock, bars)
    clock.advance(timedelta(hours=20).total_seconds())

    keeper.tick(core)

    assert triggers(reported) == []
    for bars in day[200:]:
        core.process(
            MarketDataEvent(timestamp=bars[0].timestamp, bars={bar.symbol: bar for bar in bars})
        )
    keeper.tick(core)
    assert triggers(reported) == [clock.now()]


@pytest.mark.parametrize("late_s", [1.0, 61.0, 240.0])
def test_daily_bars_that_are_given_minutes_after_the_close_come_in_their_slices(late_s):
    days = slices(daily_frame(5))
    clock, items, reported = VirtualClock(days[0][0].timestamp), asyncio.Queue(), []

    async def source():
        while True:
            yield await items.get()

    async def some_turns():
        for _turn in range(30):
            await asyncio.sleep(0)

    async def watched_by_hand():
        engine = rbt.TradingEngine(
            Idle,
            rbt.PaperBroker(),
            feed=source(),
            portal=PolarsDataPortal(daily_frame()),
            clock=clock,
        )
        engine.dispatcher.register_handler(MarketDataEvent, reported.append)
        running = asyncio.create_task(engine.run())
        for number, day in enumerate(days):
            given_at = day[0].timestamp + timedelta(seconds=late_s if number else 1.0)
            for after_s in (2.0, 7.0, 65.0, 130.0, 250.0, 1000.0):
                due = day[0].timestamp + timedelta(seconds=after_s)
                if clock.now() < given_at <= due:
                    items.put_nowait(day)
                clock.advance((due - clock.now()).total_seconds())
                await some_turns()
                if engine.timekeeper.is_present:
                    engine.timekeeper.tick(engine.core)
                await some_turns()
        await engine.graceful_shutdown()
        await running
        return engine.feed.stats()

    stats = run(watched_by_hand())

    assert [(event.timestamp, len(event.bars)) for event in reported] == [
        (day[0].timestamp, 2) for day in days
    ]
    assert (stats["quarantined"], stats["empty"]) == (0, 0)


def test_a_day_without_bars_is_over_a_quarter_of_an_hour_after_its_close():
    days = slices(daily_frame(2))
    reported, closed = [], []
    portal = PolarsDataPortal(daily_frame())
    core = new_core(
        Idle,
        portal,
        prepare_settings(portal, start=START, endless=True),
        preload=False,
        simulated=True,
    )
    core.start()
    clock = VirtualClock(days[0][0].timestamp)
    feed = StreamFeed(_nothing())
    feed.close_through = closed.append
    keeper = Timekeeper(feed, clock, reported.append)
    keeper.note_slice(days[0][0].timestamp, DAY)
    clock.advance((days[1][0].timestamp - clock.now()).total_seconds() + 900)

    keeper.tick(core)

    assert closed == [days[1][0].timestamp]


def test_a_slice_that_is_given_bar_by_bar_is_over_when_its_grace_is_and_not_with_the_next_bar():
    minutes = slices(minute_frame(1))[:6]
    clock, items, reported = VirtualClock(minutes[0][0].timestamp), asyncio.Queue(), []

    async def source():
        while True:
            yield await items.get()

    async def watched_by_hand():
        engine = rbt.TradingEngine(
            Idle,
            rbt.PaperBroker(),
            feed=source(),
            frequency="1m",
            clock=clock,
            portal=PolarsDataPortal(None, minute_bars=minute_frame(1)),
        )
        engine.dispatcher.register_handler(
            MarketDataEvent, lambda event: reported.append((event, clock.now()))
        )
        running = asyncio.create_task(engine.run())
        for number, bars in enumerate(minutes):
            clock.advance((bars[0].timestamp - clock.now()).total_seconds() + 0.5)
            items.put_nowait(bars[0])  # the other symbol does not trade
            # The first slice is closed by the bar after it: until then nothing is known
            # of the feed.
            await until(
                lambda n=number: engine.feed.stats()["bars"] == n + 1 and len(reported) == n
            )
            if number:
                await until(lambda: engine.timekeeper.is_present)
                engine.timekeeper.tick(engine.core)
                clock.advance(5.0)
                engine.timekeeper.tick(engine.core)
                await until(lambda n=number: len(reported) == n + 1)
        await engine.graceful_shutdown()
        await running

    run(watched_by_hand())

    assert [event.timestamp for event, _at in reported] == [bars[0].timestamp for bars in minutes]
    assert all(at - event.timestamp == timedelta(seconds=5.5) for event, at in reported[1:])


def stale_after(calendar, frequency, last, moments, *, limit=2.0):
    """Return whether prices are found stale at each moment, the last bar having come at
    `last`; without a limit, whether the silence shows all the same.
    """
    reported = []
    bar = {"timestamp": last, "symbol": "AA"} | dict.fromkeys(("open", "high", "low", "close"), 1.0)
    frame = pl.DataFrame([bar | {"volume": 10.0}])
    portal = PolarsDataPortal(None, minute_bars=frame, calendar=calendar, interval=frequency)
    settings = prepare_settings(portal, start=last.date(), frequency=frequency, endless=True)
    core = new_core(Idle, portal, settings, preload=False, simulated=True)
    core.start()
    clock = VirtualClock(last)
    keeper = Timekeeper(StreamFeed(_nothing()), clock, reported.append, stale_after_bars=limit)
    keeper.note_slice(last, Interval.parse(frequency))
    found = []
    for moment in moments:
        clock.advance((moment - clock.now()).total_seconds())
        keeper.tick(core)
        found.append(keeper.silence_s(core) > 0 if limit is None else keeper.stale)
    assert any(isinstance(event, CircuitBreakerEvent) for event in reported) == keeper.stale
    return found


@pytest.mark.parametrize("limit", [2.0, None])
def test_nobody_waits_for_bars_in_a_lunch_break(limit):
    day = datetime(2023, 11, 21, tzinfo=UTC)  # Tokyo rests from 2:30 to 3:30 UTC
    moments = [day + timedelta(hours=2, minutes=m, seconds=30) for m in (45, 75, 91, 93)]

    found = stale_after("XTKS", "1m", day + timedelta(hours=2, minutes=30), moments, limit=limit)

    assert found == [False, False, False, True]


@pytest.mark.parametrize(
    ("frequency", "hours"),
    [("1h", [1.9, 2.1, 3.0]), ("4h", [4.0, 24.0, 25.4]), ("4h", [6.4, 25.6])],
)
def test_bars_of_hours_are_missed_over_the_sessions_that_they_take(frequency, hours):
    opened = datetime(2023, 11, 20, 14, 30, tzinfo=UTC)
    last = opened + timedelta(hours=4 if frequency == "4h" else 1)
    moments = [last + timedelta(hours=h) for h in hours]

    found = stale_after("XNYS", frequency, last, moments)

    # of 4h: 2.5 h are left of Monday, so that eight hours are over on Tuesday at 20:00
    due = last + timedelta(hours=2 if frequency == "1h" else 25.5)
    assert found == [moment > due for moment in moments]
