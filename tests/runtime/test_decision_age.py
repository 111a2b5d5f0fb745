"""How old a slice may be for orders to be sent, and how little is written about it."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.core.state.settings import RunSettings
from rbtlive.data.calendars.calendar import get_calendar, us_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import DecisionAgeEvent, SystemErrorEvent
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.engine.decision_age import AgeLimit, DecisionAge, OpenTime
from tests.builders import Silent, minute_frame, run, slices, until

MONDAY = datetime(2017, 1, 9, tzinfo=UTC)
XNYS = get_calendar("XNYS")
FIRST, LAST = (us_of(datetime(2017, month, 1, tzinfo=UTC)) for month in (1, 3))
MINUTE_US = 60_000_000


def at(hours, minutes=0, days=0):
    return us_of(MONDAY + timedelta(days=days, hours=hours, minutes=minutes))


def age(frequency="1m", **limit):
    settings = RunSettings(Decimal(1000), frequency, "XNYS", date(2017, 1, 3), None)
    return DecisionAge(AgeLimit(**limit), settings, settings.sessions)


@pytest.mark.parametrize(
    ("slice_us", "now_us", "says"),
    [
        (at(15), at(15, 2), ""),
        (at(15), at(15, 3), "more than 2 min of open time old; the limit is 2 min"),
        (at(15), at(15, 9), "more than 8 min of open time old; the limit is 2 min"),
        (at(21, 0, days=-3), at(14, 31), ""),
        (at(20, 59, days=-3), at(14, 32), "more than 2 min of open time old; the limit is 2 min"),
        (at(15), at(14), ""),
    ],
    ids=["two minutes", "three", "nine", "over a weekend", "longer", "ahead of the clock"],
)
def test_the_age_of_minutes_is_open_time(slice_us, now_us, says):
    verdict = age().judge(slice_us, now_us)

    assert verdict.reason == (f"late bar: decided on a slice {says}" if says else "")


@pytest.mark.parametrize(
    ("behind", "says"),
    [(0, ""), (1, "a session has"), (3, "2 sessions or more have"), (4, "4 sessions or more have")],
)
def test_the_age_of_days_is_counted_in_sessions(behind, says):
    close_us = at(21)
    now_us = close_us + behind * 86_400_000_000

    verdict = age("1d").judge(close_us, now_us)

    reason = f"late bar: {says} closed since the slice it was decided on"
    assert verdict.reason == (reason if says else "")


def test_a_limit_of_ones_own_is_wall_time_for_days():
    own = age("1d", max_age=timedelta(hours=1))

    assert not own.judge(at(21), at(22)).reason
    assert own.judge(at(21), at(22, 1)).reason == (
        "late bar: decided on a slice more than 1:00:00 old; the limit is 1:00:00"
    )


@given(
    behind=st.integers(0, 20 * 86_400),
    further=st.integers(1, 20 * 86_400),
    days=st.booleans(),
    own=st.booleans(),
)
def test_a_verdict_holds_up_to_where_it_says(behind, further, days, own):
    judge = age("1d" if days else "1m", max_age=timedelta(hours=2) if own else None)
    judge.has_been_live = True
    now_us = at(18, days=21)
    first_us = now_us - (behind + further) * 1_000_000
    verdict = judge.judge(first_us, now_us)
    last_us = min(verdict.until_us, now_us)

    for us in {min(first_us + further * 500_000, last_us), last_us} if last_us > first_us else ():
        assert judge.judge(us, now_us).reason == verdict.reason


@given(first=st.integers(FIRST, LAST), second=st.integers(FIRST, LAST))
def test_open_time_is_what_the_sessions_add_up_to(first, second):
    first, second = sorted((first, second))
    open_time = OpenTime(XNYS)

    counted = sum(
        max(0, min(int(closes), second) - max(int(opens), first))
        for opens, closes in zip(XNYS.opens_us, XNYS.closes_us, strict=True)
    )

    assert open_time.before(second) - open_time.before(first) == counted
    assert open_time.before(open_time.moment_of(open_time.before(second))) == open_time.before(
        second
    )


class Buying(rbt.TradingAlgorithm):
    """Orders at each bar and in each callback for a rejected order."""

    def initialize(self, context):
        context.sent, context.denied = 0, []

    def handle_data(self, context, data):
        self.order(self.symbol("AAA"), 1)

    def on_order_reject(self, context, order, reason):
        context.denied.append(reason)


def ages(engine):
    return [event for _seq, event in engine.journal.events() if isinstance(event, DecisionAgeEvent)]


def engine_over(seen, now, bars):
    source = Silent(seen)
    engine = rbt.TradingEngine(
        Buying,
        rbt.PaperBroker(),
        feed=source,
        frequency="1m",
        clock=VirtualClock(now),
        portal=PolarsDataPortal(None, minute_bars=bars),
    )
    return source, engine


def test_a_run_that_catches_up_writes_its_age_a_few_times_and_trades_from_the_first_current_slice():
    bars = minute_frame(1)
    seen = slices(bars)[:300]
    source, engine = engine_over(seen, seen[-1][0].timestamp + timedelta(minutes=1), bars)

    async def caught_up():
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.core.state.market.last_slice_us == us_of(seen[-1][0].timestamp))
        reported, orders = ages(engine), list(engine.order_manager)
        source.over.set()
        await task
        return reported, orders

    reported, orders = run(caught_up())

    assert [event.late for event in reported] == [True] * (len(reported) - 1) + [False]
    assert 8 <= len(reported) <= 9
    assert reported[0].reason.endswith("more than 256 min of open time old; the limit is 2 min")
    denied = engine.core.context.denied
    assert len(denied) == 298
    assert all(reason.startswith("late bar: ") for reason in denied)
    assert [order.created for order in orders] == [bar[0].timestamp for bar in seen[-2:]]


def test_what_happens_between_two_slices_is_decided_on_the_last_one():
    bars = minute_frame(1)
    seen = slices(bars)[:30]
    source, engine = engine_over(seen[:1], seen[0][0].timestamp, bars)

    async def lived():
        clock = engine.clock
        task = asyncio.create_task(engine.run())
        for number in range(1, 10):
            await until(lambda: engine.meters.events and not len(engine.queue))
            clock.advance(60)
            engine.enqueue(
                rbt.MarketDataEvent(
                    timestamp=seen[number][0].timestamp,
                    bars={bar.symbol: bar for bar in seen[number]},
                )
            )
            engine.enqueue(
                SystemErrorEvent(timestamp=clock.now(), message="a bar left out", source="feed")
            )
        await until(lambda: not len(engine.queue))
        reported = ages(engine)
        source.over.set()
        await task
        return reported

    assert not run(lived())
    assert len(engine.order_manager) == 10
    assert not engine.core.context.denied


def test_a_slice_whose_time_is_no_time_is_named_and_left_out():
    bars = minute_frame(1)
    seen = slices(bars)[:1]
    source, engine = engine_over(seen, seen[0][0].timestamp, bars)

    async def lived():
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.core.state.market.last_slice_us is not None)
        for odd in ("now", None, 7, datetime(2017, 1, 3, 15)):  # noqa: DTZ001 - a naive one
            engine.enqueue(rbt.MarketDataEvent.model_construct(timestamp=odd, bars={}))
        await until(lambda: not len(engine.queue) or task.done())
        source.over.set()
        await task

    run(lived())

    assert engine.meters.errors == 4
