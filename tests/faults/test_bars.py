"""Bars that cannot be trusted as they come, by what the operator sees and what the
journal holds.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

import rbtlive as rbt
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting, OutsideCalendar
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.clock import SystemClock, VirtualClock
from tests.builders import (
    Churn,
    Hold,
    daily_frame,
    minute_frame,
    moments,
    processed,
    rows_of,
    run,
    slices,
    until,
    whole,
)

DAYS = slices(daily_frame(30))
START_LABELLED = timedelta(minutes=1)


async def given(items):
    for item in items:
        yield item


def attached(folder, strategy=Hold, **options):
    """Attach a strategy to the daily bars on paper, as the session "p"."""
    options = {"data": PolarsDataPortal(daily_frame())} | options
    return rbt.attach(strategy, rbt.PaperBroker(), journal=folder, name="p", **options)


def moved(bar, by, **changes):
    return bar.model_copy(update={"timestamp": bar.timestamp + by, **changes})


def said(session, words):
    return [str(line) for line in session.logs if words in str(line)]


@pytest.mark.parametrize("ahead", [9, 28, 400])
def test_one_bar_stamped_ahead_makes_no_feed_run_ahead(tmp_path, ahead):
    items = [*DAYS[:10], moved(DAYS[9][0], timedelta(days=ahead)), *DAYS[10:]]
    if not _is_session(items[10].timestamp):
        items[10] = moved(items[10], timedelta(days=2))

    session = run(
        whole(Churn, tmp_path, feed=given(items), data=PolarsDataPortal(daily_frame()), name="p")
    )

    assert moments(tmp_path, "p") == [day[0].timestamp for day in DAYS]
    assert len(said(session, "far ahead of the bars around it")) == 1
    assert session.stats["dropped"] == 1
    assert session.parity().identical


def _is_session(moment):
    calendar = PolarsDataPortal(daily_frame()).calendar
    return calendar.session_of_us(int(moment.timestamp() * 1e6)) >= 0


@pytest.mark.parametrize("shape", ["bars", "mappings"])
def test_a_slice_is_processed_before_the_source_says_more(tmp_path, shape):
    async def scenario():
        async def source():
            for number, day in enumerate(DAYS[:6]):
                for bar in day:
                    yield bar if shape == "bars" else {**dict(bar), "close": float(bar.close)}
                # What follows is only said once this slice was acted on.
                await processed(session, number + 1)

        session = attached(tmp_path, feed=source())
        await session.wait()
        return session

    session = run(scenario())

    assert moments(tmp_path, "p") == [day[0].timestamp for day in DAYS[:6]]
    assert session.parity().identical


def test_a_slice_waits_for_the_symbols_that_are_expected_and_no_others(tmp_path):
    async def scenario():
        async def source():
            for number, (first, _second) in enumerate(DAYS[:6]):
                yield first
                await processed(session, number + 1)

        session = attached(tmp_path, feed=source(), expected=["aaa"])
        await session.wait()

    run(scenario())

    assert moments(tmp_path, "p") == [day[0].timestamp for day in DAYS[:6]]


@pytest.mark.parametrize("expected", [["ZZZ"], [], ["AAA"] * 3, [7], 7])
def test_symbols_that_are_expected_must_be_the_sessions(tmp_path, expected):
    async def scenario():
        with pytest.raises(InvalidSetting, match="expected must name some of the session's"):
            attached(tmp_path, feed=given(DAYS), expected=expected)

    run(scenario())


def test_a_bar_that_is_revised_after_its_slice_is_kept_and_changes_nothing(tmp_path):
    revised = moved(DAYS[4][0], timedelta(0), close=DAYS[4][0].close + 1, high=DAYS[4][0].high + 1)
    again = moved(revised, timedelta(0), close=revised.close - 2, low=revised.low - 5)
    items = [*DAYS[:5], revised, DAYS[4][1], DAYS[5], again, *DAYS[6:]]
    portal = PolarsDataPortal(daily_frame())

    plain = run(whole(Churn, tmp_path / "plain", feed=given(DAYS), data=portal, name="p"))
    session = run(whole(Churn, tmp_path, feed=given(items), data=portal, name="p"))

    rows = [row for row in rows_of(tmp_path, "p") if row[1] == "BarRevisedEvent"]
    assert len(rows) == 2
    assert str(revised.close) in rows[0][3]
    assert len(said(session, "was revised after its slice")) == 1
    assert session.result().orders.equals(plain.result().orders, null_equal=True)
    assert session.parity().identical


def test_a_run_with_such_bars_is_carried_on_where_it_was_stopped(tmp_path):
    revised = moved(DAYS[4][0], timedelta(0), close=DAYS[4][0].close + 1, high=DAYS[4][0].high + 1)
    items = [*DAYS[:10], moved(DAYS[9][0], timedelta(days=28)), *DAYS[10:]]
    items.insert(5, revised)
    portal = PolarsDataPortal(daily_frame())

    async def scenario():
        over = asyncio.Event()

        async def first_part():
            for item in items[:20]:
                yield item
            await over.wait()

        session = attached(tmp_path, Churn, feed=first_part())
        await processed(session, 17)
        await session.stop()
        second = attached(tmp_path, Churn, feed=given(items))
        await second.wait()
        return second

    session = run(scenario())
    plain = run(whole(Churn, tmp_path / "plain", feed=given(DAYS), data=portal, name="p"))

    assert moments(tmp_path, "p") == [day[0].timestamp for day in DAYS]
    assert session.result().orders.equals(plain.result().orders, null_equal=True)
    assert session.parity().identical


def test_a_feed_that_stamps_starts_is_traded_at_the_ends(tmp_path):
    frame = minute_frame(2)
    starts = [[moved(bar, -START_LABELLED) for bar in bars] for bars in slices(frame)]

    session = run(
        whole(
            Churn,
            tmp_path,
            feed=given(starts),
            data=PolarsDataPortal(None, minute_bars=frame),
            frequency="1m",
            name="p",
            labels="start",
        )
    )

    assert moments(tmp_path, "p") == [bars[0].timestamp for bars in slices(frame)]
    assert said(session, "labels") == []


def test_a_feed_that_looks_as_if_it_stamped_starts_is_named_once(tmp_path):
    frame = minute_frame(2)
    starts = [moved(bar, -START_LABELLED) for bars in slices(frame) for bar in bars]

    session = run(
        whole(
            Hold,
            tmp_path,
            feed=given(starts),
            data=PolarsDataPortal(None, minute_bars=frame),
            frequency="1m",
            name="p",
        )
    )

    assert len(said(session, 'pass labels="start"')) == 1


def test_labels_are_refused_where_the_stamps_are_known(tmp_path):
    async def scenario():
        for labels, words in (("start", "leave it out"), ("middle", "labels must be one of")):
            with pytest.raises(InvalidSetting, match=words):
                attached(tmp_path, feed=rbt.ReplayFeed(daily_frame()), data=None, labels=labels)

    run(scenario())


def test_a_first_daily_bar_that_still_forms_is_processed_at_its_close():
    """A polled daily feed: the clock is set by hand."""
    first, following = DAYS[0], DAYS[1]
    close = first[0].timestamp
    clock, reported = VirtualClock(close - timedelta(hours=3)), []
    items: asyncio.Queue[object] = asyncio.Queue()

    async def source():
        while True:
            yield await items.get()

    async def turns():
        for _turn in range(40):
            await asyncio.sleep(0)

    async def scenario():
        engine = rbt.TradingEngine(
            Hold,
            rbt.PaperBroker(),
            feed=source(),
            portal=PolarsDataPortal(daily_frame()),
            clock=clock,
        )
        engine.dispatcher.register_handler(MarketDataEvent, reported.append)
        running = asyncio.create_task(engine.run())
        for hours, price in ((0, 60), (1, 61), (1, 62)):
            clock.advance(hours * 3600)
            items.put_nowait(
                [bar.model_copy(update={"close": price, "high": 999}) for bar in first]
            )
            await until(items.empty)
            await turns()
            engine.timekeeper.begin(engine.core)
            await turns()
        before = list(reported)
        clock.advance(3600 * 1 + 901)
        engine.timekeeper.begin(engine.core)
        await until(lambda: reported)
        closed = list(reported)
        clock.advance((following[0].timestamp - clock.now()).total_seconds() + 1)
        items.put_nowait(list(following))
        await until(lambda: len(reported) == 2)
        await engine.graceful_shutdown()
        await running
        return before, closed

    before, closed = run(scenario())

    assert before == []
    assert [(e.timestamp, {float(b.close) for b in e.bars.values()}) for e in closed] == [
        (close, {62.0})
    ]
    assert [event.timestamp for event in reported] == [close, following[0].timestamp]


def test_a_clock_beyond_the_calendar_is_named(tmp_path, monkeypatch):
    class Far(SystemClock):
        def now(self):
            return datetime(2190, 1, 1, tzinfo=UTC)

    monkeypatch.setattr("rbtlive.runtime.engine.launch.SystemClock", Far)

    async def scenario():
        with pytest.raises(OutsideCalendar, match="machine's clock says 2190-01-01"):
            attached(tmp_path, feed=given(DAYS))

    run(scenario())


def test_a_running_name_that_is_attached_afresh_says_that_it_starts_anew(tmp_path, capsys):
    async def scenario():
        over = asyncio.Event()

        async def source():
            for day in DAYS[:3]:
                yield day
            await over.wait()

        first = attached(tmp_path, feed=source())
        await processed(first, 3)
        second = attached(tmp_path, feed=given(DAYS), fresh=True)
        await second.wait()
        return second

    session = run(scenario())

    assert said(session, "and starts a new run")
    assert "this one replaces it and starts a new run" in capsys.readouterr().out
    assert moments(tmp_path, "p") == [day[0].timestamp for day in DAYS]
