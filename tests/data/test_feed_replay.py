"""Recorded bars as a feed: every slice in order, paced or not, from any point on."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.as_feed import FeedPlan, ReplayFeed, as_feed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    BadFrequency,
    FeedError,
    InvalidSetting,
    MissingColumn,
    SettingsError,
)

XNYS = get_calendar("XNYS")


def daily(*rows):
    """Return a frame of (day, symbol, close) rows."""
    return pl.DataFrame(
        [(f"2020-01-{day:02}", symbol, 1.0, 2.0, 0.5, close, 100.0) for day, symbol, close in rows],
        schema=["date", "symbol", "open", "high", "low", "close", "volume"],
        orient="row",
    ).with_columns(pl.col("date").str.to_date())


def minutes(*rows):
    """Return a frame of (time on 2020-01-02, symbol, close) rows."""
    return pl.DataFrame(
        [
            (datetime.fromisoformat(f"2020-01-02T{t}:00Z"), s, 1.0, 2.0, 0.5, c, 100.0)
            for t, s, c in rows
        ],
        schema=["timestamp", "symbol", "open", "high", "low", "close", "volume"],
        orient="row",
    )


BARS = daily((2, "A", 1.1), (2, "B", 0.1), (3, "A", 1.2), (7, "B", 1.3))


def plan(**changes):
    return FeedPlan(calendar=XNYS, **changes)


def slices_of(events):
    return [
        (event.timestamp.day, {s: bar.close for s, bar in event.bars.items()}) for event in events
    ]


async def collect(feed):
    return [event async for event in feed]


def test_every_session_is_one_slice_the_empty_ones_too():
    feed = ReplayFeed(PolarsDataPortal(BARS))

    events = asyncio.run(collect(feed))

    assert slices_of(events) == [
        (2, {"A": Decimal("1.1"), "B": Decimal("0.1")}),
        (3, {"A": Decimal("1.2")}),
        (6, {}),
        (7, {"B": Decimal("1.3")}),
    ]
    assert all(event.timestamp.hour == 21 for event in events)
    assert events == [type(event).model_validate(event.model_dump()) for event in events]
    assert feed.stats() == {
        "slices": 4,
        "empty": 1,
        "bars": 4,
        "skipped": 0,
        "quarantined": 0,
        "reconnects": 0,
    }


def test_a_plan_bounds_the_sessions_and_a_replay_can_go_on_after_any_slice():
    feed = ReplayFeed(PolarsDataPortal(BARS))
    whole = list(feed.slices())

    feed.configure(
        plan(
            first_session=XNYS.at_or_after(whole[1].timestamp.date()),
            last_session=XNYS.number(whole[2].timestamp.date()),
        )
    )
    assert list(feed.slices()) == whole[1:3]
    feed.configure(plan(after=whole[0].timestamp))
    assert list(feed.slices()) == whole[1:]
    for n, event in enumerate(whole):
        assert list(feed.slices(after=event.timestamp)) == whole[n + 1 :]


def test_minutes_are_slices_where_minutes_are_wanted():
    portal = PolarsDataPortal(None, minute_bars=minutes(("14:31", "A", 1.0), ("14:33", "A", 1.5)))
    feed = ReplayFeed(portal)
    feed.configure(plan(frequency="1m"))

    events = list(feed.slices())

    assert len(events) == 390
    assert [sorted(event.bars) for event in events[:4]] == [["A"], [], ["A"], []]
    assert events[0].timestamp == datetime(2020, 1, 2, 14, 31, tzinfo=UTC)
    feed.configure(plan(frequency="1d"))
    assert [event.bars["A"].close for event in feed.slices()] == [Decimal("1.5")]


def test_a_plain_frame_becomes_a_portal_of_the_plans_frequency():
    feed = ReplayFeed(minutes(("14:31", "A", 1.0)))

    feed.configure(plan(frequency="1m"))

    assert feed.portal.minute.height == 1
    assert sum(len(event.bars) for event in feed.slices()) == 1


def test_data_without_the_frequency_is_refused():
    feed = ReplayFeed(PolarsDataPortal(BARS))
    feed.configure(plan(frequency="1m"))

    with pytest.raises(BadFrequency, match="none for '1m'"):
        next(feed.slices())


def test_bad_data_is_refused_with_the_portals_own_error():
    with pytest.raises(MissingColumn):
        _ = ReplayFeed(BARS.drop("close")).portal


def test_a_paced_replay_waits_for_each_slice_until_it_is_due():
    class Clock:
        def __init__(self):
            self.now_s = 100.0
            self.waits = []

        async def sleep(self, delay_s):
            self.waits.append(round(delay_s, 6))
            self.now_s += delay_s

    async def slowly(feed, clock):
        async for _event in feed:
            clock.now_s += 0.25  # the session's own work is not added to the waiting

    clock = Clock()
    feed = ReplayFeed(
        PolarsDataPortal(BARS), 86_400, sleep=clock.sleep, monotonic_s=lambda: clock.now_s
    )

    asyncio.run(slowly(feed, clock))

    assert clock.waits == [0.75, 2.75, 0.75]


def test_an_unpaced_replay_never_waits():
    async def sleep(delay_s):
        raise AssertionError(delay_s)

    assert len(asyncio.run(collect(ReplayFeed(PolarsDataPortal(BARS), sleep=sleep)))) == 4


def test_symbols_come_and_go_while_the_replay_runs():
    async def scenario():
        feed, seen = ReplayFeed(PolarsDataPortal(BARS)), []
        feed.subscribe("a")
        async for event in feed:
            seen.append(sorted(event.bars))
            if len(seen) == 1:
                feed.subscribe(["b"])
                feed.unsubscribe(["A"])
        return seen

    assert asyncio.run(scenario()) == [["A"], [], [], ["B"]]


def test_unsubscribing_from_a_feed_that_gives_all_leaves_the_others():
    feed = ReplayFeed(PolarsDataPortal(BARS))

    feed.unsubscribe("B")

    assert feed.subscriptions is None
    assert [sorted(event.bars) for event in feed.slices()] == [["A"], ["A"], [], []]


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), "fast"])
def test_a_speed_that_is_no_positive_number_is_refused(speed):
    with pytest.raises(SettingsError, match="speed must be a positive number"):
        ReplayFeed(BARS, speed)


def test_a_recording_of_starts_is_said_to_be_one_where_it_is_read():
    feed = ReplayFeed(pl.DataFrame())

    feed.take_labels("end")

    with pytest.raises(InvalidSetting, match=r'rbt\.read\(data, labels="start"\)'):
        feed.take_labels("start")


def test_a_replay_is_not_live_and_any_feed_is_taken_as_it_is():
    feed = ReplayFeed(PolarsDataPortal(BARS))

    assert as_feed(feed) is feed
    assert not feed.is_live


@pytest.mark.parametrize("thing", [BARS, None, 5, [1, 2]])
def test_what_is_no_feed_is_refused_with_the_way_out(thing):
    with pytest.raises(FeedError, match="wrap recorded bars in ReplayFeed"):
        as_feed(thing)
