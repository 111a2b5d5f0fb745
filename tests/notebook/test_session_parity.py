"""A session on paper does what the backtest does, digit for digit, however its bars
come.
"""

from __future__ import annotations

import asyncio

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.feeds.as_feed import Backoff, StreamFeed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import FeedError
from tests.builders import (
    Churn,
    Gated,
    Silent,
    daily_frame,
    minute_frame,
    moments,
    rows_of,
    run,
    same,
    slices,
    until,
    whole,
)


async def given(items, *, burst=1):
    """Yield items in bursts."""
    for number, item in enumerate(items):
        if number % burst == 0:
            await asyncio.sleep(0)
        yield item


class VirtualTime:
    """A feed's clock and sleep that take no time."""

    def __init__(self):
        self.now_s = 0.0
        self.slept = 0

    def monotonic_s(self):
        return self.now_s

    async def sleep(self, delay_s):
        self.now_s += delay_s
        self.slept += 1
        await asyncio.sleep(0)


def test_a_session_on_paper_is_the_backtest_digit_for_digit(tmp_path):
    bars = daily_frame(60, 3, gaps=True)

    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars)))

    assert same(rbt.backtest(Churn, bars), session.result())
    report = session.parity()
    assert report.identical
    assert report.orders_compared > 15
    assert report.fills_compared > 20
    assert report.interventions == 0


def test_a_paced_feed_gives_what_an_unpaced_one_gives(tmp_path):
    bars, time = daily_frame(), VirtualTime()
    feed = rbt.ReplayFeed(bars, speed=1e6, sleep=time.sleep, monotonic_s=time.monotonic_s)

    session = run(whole(Churn, tmp_path, feed=feed))

    assert time.slept == 39
    assert same(rbt.backtest(Churn, bars), session.result())


def test_minute_bars_are_no_exception(tmp_path):
    bars = minute_frame(2, every=3)

    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars), frequency="1m"))

    assert same(rbt.backtest(Churn, bars, frequency="1m"), session.result())
    assert session.parity().identical


def test_only_the_sessions_between_start_and_end_are_replayed(tmp_path):
    span = {"start": "2017-01-10", "end": "2017-02-01"}

    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame()), **span))

    assert same(rbt.backtest(Churn, daily_frame(), **span), session.result())
    assert session.parity().identical


@pytest.mark.parametrize("burst", [1, 3, 1000])
@pytest.mark.parametrize("form", ["bars", "mappings", "lists"])
def test_an_iterator_of_bars_is_a_feed(tmp_path, form, burst):
    bars = daily_frame(40, 2, gaps=True)
    items = slices(bars)
    if form != "lists":
        items = [bar for one in items for bar in one]
    if form == "mappings":
        items = [dict(bar) for bar in items]
    assets = PolarsDataPortal(bars)

    session = run(whole(Churn, tmp_path, feed=given(items, burst=burst), data=assets))

    assert same(rbt.backtest(Churn, bars), session.result())
    assert session.parity().identical
    assert session.stats["dropped"] == 0


def test_sessions_without_a_bar_are_slices_too(tmp_path):
    bars = daily_frame(20, 2, gaps=True)

    run(whole(Churn, tmp_path, feed=given(slices(bars)), data=PolarsDataPortal(bars)))

    assert len(moments(tmp_path, "Churn")) == 20
    assert bars["date"].n_unique() < 20


@pytest.mark.parametrize("drop_at", [1, 7, 20, 39])
def test_a_source_that_drops_and_comes_back_loses_nothing(tmp_path, drop_at):
    bars = daily_frame()
    items = [bar for one in slices(bars) for bar in one]
    opened = []

    def connect(_symbols):
        return source(first=not opened)

    async def source(*, first):
        opened.append(first)
        for number, bar in enumerate(items if first else items[max(0, drop_at - 5) :]):
            if first and number == drop_at:
                raise ConnectionResetError("the source went away")
            yield bar

    async def no_time(_delay_s):
        await asyncio.sleep(0)

    feed = StreamFeed(connect, backoff=Backoff(initial_s=0.1, jitter=0.0), sleep=no_time)

    session = run(whole(Churn, tmp_path, feed=feed, data=PolarsDataPortal(bars)))

    assert opened == [True, False]
    assert session.stats["reconnects"] == 1
    assert same(rbt.backtest(Churn, bars), session.result())
    assert session.parity().identical
    assert any("the source went away" in line for line in session.logs)


def test_bad_bars_are_left_out_counted_and_named(tmp_path):
    bars = daily_frame(10)
    items = slices(bars)
    items[4] = [items[4][0], {**dict(items[4][1]), "close": float("nan")}]
    missing = bars.filter(
        ~((pl.col("symbol") == "BBB") & (pl.col("date") == bars["date"].unique().sort()[4]))
    )

    session = run(whole(Churn, tmp_path, feed=given(items), data=PolarsDataPortal(bars)))

    assert same(rbt.backtest(Churn, missing), session.result())
    assert session.stats["dropped"] == 1
    assert session.stats["errors"] == 1
    assert any("BBB" in line for line in session.logs)


def test_a_stopped_session_is_carried_on_by_the_next_attach(tmp_path):
    bars = daily_frame()

    async def in_pieces():
        for allowed in (1, 0, 9, 17):
            feed = Gated(bars, allowed)
            session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path)
            await until(
                lambda feed=feed, session=session: session.engine.meters.events >= feed.allowed
            )
            await session.stop()
            assert session.state == "stopped"
        return await whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars))

    session = run(in_pieces())

    assert same(rbt.backtest(Churn, bars), session.result())
    assert session.parity().identical


class Inbox:
    """An iterator over what was put in, which may be asked again after a cancelled
    wait.
    """

    def __init__(self):
        self.items = asyncio.Queue()
        self.ended = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        item = None if self.ended else await self.items.get()
        if item is None:
            self.ended = True
            raise StopAsyncIteration
        return item


@pytest.mark.parametrize("form", ["bars", "lists"])
def test_a_stopped_session_is_carried_on_from_the_same_iterator(tmp_path, form):
    bars = daily_frame(30)
    assets = PolarsDataPortal(bars)

    async def in_pieces():
        source = Inbox()
        days = iter(slices(bars))
        for count in (2, 11, 17):
            session = rbt.attach(
                Churn, rbt.PaperBroker(), feed=source, data=assets, journal=tmp_path
            )
            for _day in range(count):
                bundle = next(days)
                for item in [bundle] if form == "lists" else bundle:
                    source.items.put_nowait(item)
            await until(lambda session=session: session.engine.failure or source.items.empty())
            await session.stop()
        source.items.put_nowait(None)
        return await whole(Churn, tmp_path, feed=source, data=assets)

    session = run(in_pieces())

    assert len(moments(tmp_path, "Churn")) == 30
    assert same(rbt.backtest(Churn, bars), session.result())


@pytest.mark.parametrize("form", ["bars", "lists"])
def test_a_replaced_session_hands_its_iterator_on_with_nothing_missing(tmp_path, form):
    bars = daily_frame(30)
    assets = PolarsDataPortal(bars)

    async def replaced():
        source = Inbox()
        for bundle in slices(bars):
            for item in [bundle] if form == "lists" else bundle:
                source.items.put_nowait(item)
        source.items.put_nowait(None)
        for turns in range(12):
            session = rbt.attach(
                Churn, rbt.PaperBroker(), feed=source, data=assets, journal=tmp_path
            )
            for _turn in range(3 * turns):
                await asyncio.sleep(0)
        await session.wait()
        return session

    session = run(replaced())

    assert len(moments(tmp_path, "Churn")) == 30
    assert same(rbt.backtest(Churn, bars), session.result())


def test_a_generator_that_a_stop_has_ended_is_refused_with_what_to_do(tmp_path):
    bars = daily_frame(10)
    assets = PolarsDataPortal(bars)

    async def never_ending():
        for one in slices(bars):
            yield one
        await asyncio.Event().wait()

    async def twice():
        source = never_ending()
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=source, data=assets, journal=tmp_path)
        await until(lambda: session.engine.meters.events == 10)
        await session.stop()
        await whole(Churn, tmp_path, feed=source, data=assets)

    with pytest.raises(
        FeedError, match=r"iterator has ended already .* call the function that made it again"
    ):
        run(twice())


def test_attaching_a_hundred_times_while_trading_leaves_one_engine_and_no_order_more(
    tmp_path, capsys
):
    bars = daily_frame()

    async def often():
        handles = []
        for number in range(100):
            handles.append(
                rbt.attach(
                    Churn, rbt.PaperBroker(), feed=Gated(bars, number // 3), journal=tmp_path
                )
            )
            if number % 4 == 0:
                await until(lambda: handles[-1].engine.state == "running")
            elif number % 4 == 1:
                await asyncio.sleep(0)
        last = rbt.attach(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path)
        await last.wait()
        for handle in handles:
            assert handle.state == "stopped"
            await handle.wait()
        assert [task for task in asyncio.all_tasks() if "rbtlive" in task.get_name()] == []
        return last

    session = run(often())

    assert same(rbt.backtest(Churn, bars), session.result())
    assert capsys.readouterr().out.count("was running: this one replaces it") == 100
    assert "replaces" in session.logs[0]
    assert rbt.sessions() == {}


def test_a_run_that_ended_is_followed_by_a_new_one_and_stays_readable(tmp_path):
    bars = daily_frame(10)
    first = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars)))
    run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars), params={"step": 4}))

    earlier, latest = (
        rbt.open_session("Churn", 1, journal=tmp_path),
        rbt.open_session("Churn", journal=tmp_path),
    )

    assert earlier.ended
    assert latest.ended
    assert earlier.parity().identical
    assert first.parity().identical
    assert latest.parity().identical
    assert rows_of(tmp_path, "Churn", 1) != rows_of(tmp_path, "Churn")


def test_fresh_starts_a_new_run_although_the_last_one_has_not_ended(tmp_path):
    bars = daily_frame(20)

    async def begun():
        feed = Gated(bars, 5)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await until(lambda: session.engine.meters.events == 5)
        again = rbt.attach(
            Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path, fresh=True
        )
        await again.wait()
        return again

    session = run(begun())

    assert same(rbt.backtest(Churn, bars), session.result())
    assert len(moments(tmp_path, "Churn")) == 20
    assert not rbt.open_session("Churn", 1, journal=tmp_path).ended


def test_the_same_run_twice_gives_the_same_journal_hash(tmp_path):
    hashes = set()
    for name in ("one", "two"):
        session = run(whole(Churn, tmp_path / name, feed=rbt.ReplayFeed(daily_frame()), name="s"))
        with rbt.runtime.journal.open_run(session._launch.folder, "s") as recorded:
            hashes.add(recorded.hash())

    assert len(hashes) == 1


@pytest.mark.parametrize("changed", [5, 17, 39])
def test_what_a_bar_says_changes_nothing_decided_at_or_before_it(tmp_path, changed):
    bars = daily_frame()
    day = bars["date"].unique().sort()[changed]
    bump = pl.when(pl.col("date") == day).then(3.0).otherwise(1.0)
    other = bars.with_columns([pl.col(name) * bump for name in ("open", "high", "low", "close")])

    for name, frame in (("one", bars), ("other", other)):
        run(whole(Churn, tmp_path / name, feed=rbt.ReplayFeed(frame)))

    cut = moments(tmp_path / "one", "Churn")[changed].isoformat()[:19]
    before = [
        [row for row in rows_of(tmp_path / name, "Churn") if row[2][:19] < cut]
        for name in ("one", "other")
    ]
    assert before[0] == before[1]
    assert rows_of(tmp_path / "one", "Churn") != rows_of(tmp_path / "other", "Churn")


def test_subscriptions_change_while_running(tmp_path):
    bars = daily_frame(12)
    feed = Gated(bars, 4)

    async def narrowed():
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await until(lambda: session.engine.meters.events == 4)
        feed.unsubscribe("BBB")
        feed.allow(4)
        await until(lambda: session.engine.meters.events == 8)
        feed.subscribe("BBB")
        feed.subscribe("AAA")
        feed.allow(4)
        await session.wait()
        return session

    session = run(narrowed())

    with rbt.runtime.journal.open_run(session._launch.folder, "Churn") as recorded:
        seen = [sorted(event.bars) for _seq, event in recorded.events()]
    assert seen[0] == ["AAA", "BBB"]
    assert seen[6] == ["AAA"]
    assert seen[-1] == ["AAA", "BBB"]
    assert session.parity().identical


def test_a_silent_source_ends_when_it_is_asked_to(tmp_path):
    bars = daily_frame(6)

    async def silence():
        source = Silent(slices(bars))
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=source, data=PolarsDataPortal(bars), journal=tmp_path
        )
        await until(lambda: session.engine.meters.events == 6)
        assert session.state == "running"
        source.over.set()
        await session.wait()
        return session

    session = run(silence())

    assert session.state == "stopped"
    assert session.engine.ended
    assert same(rbt.backtest(Churn, bars), session.result())
