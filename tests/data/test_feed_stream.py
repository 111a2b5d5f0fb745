"""Any asynchronous source as a feed: closed slices, drops survived, deadlines kept,
nothing lost.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.as_feed import Backoff, FeedPlan, StreamFeed, as_feed
from rbtlive.errors import FeedDisconnected, FeedError
from rbtlive.model.events import MarketDataEvent
from tests.builders import until

XNYS = get_calendar("XNYS")
FIRST = XNYS.number(datetime(2020, 1, 2, tzinfo=UTC).date())
CLOSES = [XNYS.close(FIRST + n) for n in range(200)]


def bar(n, symbol="A"):
    return {
        "symbol": symbol,
        "timestamp": CLOSES[n],
        "open": 1,
        "high": 2,
        "low": 0.5,
        "close": 1.5,
        "volume": 9,
    }


def configured(source, *, plan=None, **settings):
    feed = StreamFeed(source, **settings)
    feed.configure(FeedPlan(calendar=XNYS, **(plan or {})))
    return feed


def slices_of(events):
    """Reduce events to (number of the session, symbols), errors to their message."""
    return [
        (CLOSES.index(e.timestamp), "".join(sorted(e.bars)))
        if isinstance(e, MarketDataEvent)
        else e.message
        for e in events
    ]


async def collect(feed):
    return slices_of([event async for event in feed])


async def given(*items):
    for item in items:
        yield item


class Waits:
    """A sleep that is over at once and keeps what was asked for."""

    def __init__(self):
        self.delays = []

    async def __call__(self, delay_s):
        self.delays.append(round(delay_s, 6))
        await asyncio.sleep(0)


def test_an_async_iterator_becomes_slices_and_ends_with_its_last_one():
    feed = configured(given(bar(0), bar(0, "B"), bar(1), [bar(2), bar(2, "B")], bar(4)))

    assert asyncio.run(collect(feed)) == [(0, "AB"), (1, "A"), (2, "AB"), (3, ""), (4, "A")]
    assert feed.stats()["slices"] == 5


def test_more_bars_than_are_read_ahead_all_arrive_in_order():
    feed = configured(given(*(bar(n) for n in range(200))))

    assert asyncio.run(collect(feed)) == [(n, "A") for n in range(200)]


def test_a_dropped_source_is_opened_again_with_growing_jittered_waits_and_repeats_are_skipped():
    opened = []

    async def connect(symbols):
        opened.append(symbols)
        if len(opened) in (2, 3):
            raise ConnectionError("still down")
        for n in range(len(opened) + 1):
            yield bar(n)
        if len(opened) < 4:
            raise ConnectionResetError("gone")

    waits = Waits()
    feed = configured(connect, sleep=waits, chance=lambda: 0.5)
    feed.subscribe("A")

    assert asyncio.run(collect(feed)) == [
        (0, "A"),
        (1, "A"),
        "the feed's source dropped: ConnectionResetError: gone; opening it again in 0.4 s",
        "the feed's source dropped: ConnectionError: still down; opening it again in 0.8 s",
        "the feed's source dropped: ConnectionError: still down; opening it again in 1.5 s",
        (2, "A"),
        (3, "A"),
        (4, "A"),
    ]
    assert waits.delays == [0.375, 0.75, 1.5]
    assert opened == [frozenset({"A"})] * 4
    stats = feed.stats()
    assert (stats["drops"], stats["reconnects"], stats["skipped"], stats["quarantined"]) == (
        3,
        3,
        2,
        0,
    )


def test_waits_grow_to_their_limit_and_jitter_only_shortens_them():
    backoff = Backoff(initial_s=1, factor=2, limit_s=10, jitter=0.5)

    assert [backoff.delay_s(n, chance=0) for n in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 10, 10]
    assert backoff.delay_s(3, chance=1) == 2


def test_a_feed_gives_up_after_as_many_attempts_as_it_was_set():
    async def connect(symbols):
        raise ConnectionError("down")
        yield

    waits = Waits()
    feed = configured(connect, sleep=waits, max_attempts=2)

    with pytest.raises(
        FeedDisconnected, match="after 2 attempts: ConnectionError: down"
    ) as failure:
        asyncio.run(collect(feed))

    assert isinstance(failure.value.__cause__, ConnectionError)
    assert len(waits.delays) == 2


def test_an_exception_that_is_no_drop_ends_the_feed():
    async def connect(symbols):
        yield bar(0)
        raise ValueError("a bug")

    with pytest.raises(FeedDisconnected, match="ValueError: a bug"):
        asyncio.run(collect(configured(connect, retry_on=(OSError,))))


def test_an_iterator_that_fails_cannot_be_opened_again_and_says_so():
    async def source():
        yield bar(0)
        raise ConnectionError("gone")

    with pytest.raises(FeedDisconnected, match="pass a function that returns a new one"):
        asyncio.run(collect(configured(source())))


def test_the_clock_closes_slices_of_a_silent_source_and_what_comes_later_is_late():
    async def scenario():
        release = asyncio.Event()

        async def source():
            await release.wait()
            yield bar(1, "B")
            yield bar(4)

        feed, seen = configured(source(), plan={"after": CLOSES[0]}), []
        feed.close_through(CLOSES[1])
        feed.close_through(CLOSES[2] + timedelta(seconds=5))
        async for event in feed:
            seen.append(event)
            if len(seen) == 2:
                release.set()
        return slices_of(seen)

    seen = asyncio.run(scenario())

    assert seen[:2] == [(1, ""), (2, "")]
    assert "it came late" in seen[2]
    assert seen[3:] == [(3, ""), (4, "A")]


class Outage:
    """A feed whose source drops after its first bar, and the clock, which asks for
    slices meanwhile.

    Attributes:
        seen: What the feed gave.
    """

    def __init__(self, *then, clock=(), promises=False):
        self._then, self._clock, self._opened, self.seen = then, clock, 0, []
        self.silent = asyncio.Event()
        self.feed = configured(self._connect, sleep=self._sleep)
        if promises:
            self.feed.says_when_caught_up = True

    async def _sleep(self, _delay_s):
        for moment in self._clock:
            self.feed.close_through(moment)
            await asyncio.sleep(0)

    async def _connect(self, _symbols):
        self._opened += 1
        if self._opened == 1:
            yield bar(0)
            raise ConnectionError("gone")
        for item in self._then:
            yield item
        await self.silent.wait()

    async def read(self, count):
        """Read until so many events came."""
        async for event in self.feed:
            self.seen.append(event)
            if len(self.seen) == count:
                break
        return slices_of(self.seen)


def test_while_the_source_is_away_the_clock_closes_nothing_and_what_was_missed_comes_in_its_place():
    outage = Outage(bar(1), bar(2), bar(3), bar(4), clock=[CLOSES[1], CLOSES[2]])

    seen = asyncio.run(outage.read(6))

    assert "ConnectionError" in seen[0]
    assert seen[1:5] == [(0, "A"), (1, "A"), (2, "A"), (3, "A")]
    assert f"is back: 4 slices up to {CLOSES[4].isoformat()} came late" in seen[5]
    assert outage.feed.stats()["empty"] == outage.feed.stats()["skipped"] == 0


def test_a_source_that_is_back_and_has_nothing_to_tell_of_the_time_between_holds_the_clock_up_for_a_while_only():
    outage = Outage(bar(1), clock=[CLOSES[3]])

    async def scenario():
        reading = asyncio.create_task(outage.read(6))
        async with asyncio.timeout(60):
            await until(lambda: len(outage.seen) == 2)
        for seconds in (9, 11, 25):
            outage.feed.close_through(CLOSES[3] + timedelta(seconds=seconds))
            for _turn in range(20):
                await asyncio.sleep(0)
            if seconds == 9:
                assert len(outage.seen) == 2, "it may still tell"
        return await reading

    seen = asyncio.run(scenario())

    assert seen[1] == (0, "A")
    assert "is back: 1 slices" in seen[2]
    assert seen[3:] == [(1, "A"), (2, ""), (3, "")]


def test_a_source_that_promises_to_say_when_it_has_caught_up_is_waited_for_until_it_does():
    outage = Outage(bar(1), clock=[CLOSES[2]], promises=True)

    async def scenario():
        reading = asyncio.create_task(outage.read(6))
        async with asyncio.timeout(60):
            await until(lambda: len(outage.seen) == 2)
            outage.feed.close_through(CLOSES[2] + timedelta(hours=5))
            for _turn in range(20):
                await asyncio.sleep(0)
            assert len(outage.seen) == 2
            outage.feed.caught_up()
            outage.feed.close_through(CLOSES[3])
            return await reading

    assert asyncio.run(scenario())[3:] == [(1, "A"), (2, ""), (3, "")]


def test_waits_begin_anew_after_a_source_that_came_back_without_a_bar():
    waits = Waits()

    async def connect(_symbols):
        feed.caught_up()
        if len(waits.delays) == 4:
            yield bar(0)
            yield bar(1)
            return
        raise ConnectionError("gone before the first bar")

    feed = configured(connect, sleep=waits, chance=lambda: 0.0)
    asyncio.run(collect(feed))

    assert waits.delays == [0.5] * 4


def test_a_bar_of_a_slice_that_the_clock_closed_before_the_drop_was_seen_is_named_and_not_skipped_in_silence():
    async def scenario():
        opened, silent = [], asyncio.Event()

        async def connect(_symbols):
            opened.append(1)
            yield bar(0)
            yield bar(0, "B")
            if len(opened) == 1:
                yield bar(1, "B")
                await silent.wait()
                raise ConnectionError("found to be gone")
            for n in (1, 2, 3):
                yield bar(n)
                yield bar(n, "B")

        feed, seen = configured(connect, sleep=Waits()), []
        async for event in feed:
            seen.append(event)
            if len(seen) == 1:
                feed.close_through(CLOSES[2])
            if len(seen) == 3:
                silent.set()
        return slices_of(seen), feed.stats()

    seen, stats = asyncio.run(scenario())

    assert seen[:3] == [(0, "AB"), (1, "B"), (2, "")]
    assert "ConnectionError" in seen[3]
    assert [text.count("it came late") for text in seen[4:7]] == [1, 1, 1]
    assert seen[7:] == [(3, "AB")]
    assert stats["quarantined_out_of_order"] == 3
    assert stats["skipped"] == 3


def test_subscribing_while_running_opens_the_source_again_for_the_new_symbols():
    async def scenario():
        opened = []

        async def connect(symbols):
            opened.append(sorted(symbols))
            yield [bar(len(opened), symbol) for symbol in sorted(symbols)]
            if len(opened) < 3:
                await asyncio.Event().wait()

        feed, seen = configured(connect), []
        feed.subscribe(["A"])
        async for event in feed:
            seen.append(event)
            if len(seen) == 1:
                feed.subscribe(["B"])
            if len(seen) == 2:
                feed.unsubscribe(["A"])
        return opened, slices_of(seen), feed.stats()

    opened, seen, stats = asyncio.run(scenario())

    assert opened == [["A"], ["A", "B"], ["B"]]
    assert seen == [(1, "A"), (2, "AB"), (3, "B")]
    assert (stats["resubscribed"], stats["reconnects"], stats["drops"]) == (2, 0, 0)


def test_subscribing_on_an_iterator_that_cannot_subscribe_filters_its_bars():
    feed = configured(given(bar(0), bar(0, "B"), bar(1, "B"), bar(2)))
    feed.subscribe("A")

    assert asyncio.run(collect(feed)) == [(0, "A"), (1, ""), (2, "A")]


def test_a_resumed_session_skips_what_it_has_seen():
    feed = configured(given(*(bar(n) for n in range(4))), plan={"after": CLOSES[1]})

    assert asyncio.run(collect(feed)) == [(2, "A"), (3, "A")]
    assert feed.stats()["skipped"] == 2


def test_a_feed_ends_after_the_last_session_of_its_plan():
    feed = configured(given(*(bar(n) for n in range(4))), plan={"last_session": FIRST + 1})

    assert asyncio.run(collect(feed)) == [(0, "A"), (1, "A")]


def test_an_iterator_stopped_and_attached_again_loses_nothing_that_was_read_ahead():
    class Source:
        """An iterator that outlives its readers."""

        def __init__(self):
            self.n = -1

        def __aiter__(self):
            return self

        async def __anext__(self):
            self.n += 1
            if self.n >= 6:
                raise StopAsyncIteration
            return bar(self.n)

    async def scenario():
        source, seen = Source(), []
        first = as_feed(source)
        first.configure(FeedPlan(calendar=XNYS))
        events = first.__aiter__()
        seen.append(await anext(events))
        await asyncio.sleep(0)
        await events.aclose()
        second = as_feed(source)
        second.configure(FeedPlan(calendar=XNYS, after=seen[-1].timestamp))
        return slices_of([*seen, *[event async for event in second]])

    seen = asyncio.run(scenario())

    assert seen[0] == (0, "A")
    assert seen[-1] == (5, "A")
    assert [n for n, _ in seen] == list(range(6))


def test_an_iterator_that_has_ended_is_refused_instead_of_ending_the_run():
    async def scenario():
        source = given(bar(0))
        await collect(configured(source))
        await collect(configured(source))

    with pytest.raises(FeedError, match="has ended already"):
        asyncio.run(scenario())


def test_a_feed_must_be_configured_and_has_one_reader_at_a_time():
    async def twice():
        feed = configured(given(bar(0), bar(1), bar(2)))
        async for _event in feed:
            await collect(feed)

    with pytest.raises(FeedError, match="must be configured"):
        asyncio.run(collect(StreamFeed(given(bar(0)))))
    with pytest.raises(FeedError, match="one reader at a time"):
        asyncio.run(twice())


def test_a_feed_that_is_left_early_closes_its_source_and_leaves_no_task():
    async def scenario():
        closed = []

        async def connect(symbols):
            try:
                for n in range(200):
                    yield bar(n)
            finally:
                closed.append(True)

        feed = configured(connect)
        events = feed.__aiter__()
        await anext(events)
        await events.aclose()
        return closed, [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(scenario()) == ([True], [])


def test_cancelling_the_reader_passes_through_and_closes_the_source():
    async def scenario():
        closed, waiting = [], asyncio.Event()

        async def connect(symbols):
            try:
                waiting.set()
                await asyncio.Event().wait()
                yield bar(0)
            finally:
                closed.append(True)

        task = asyncio.create_task(collect(configured(connect)))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return closed

    assert asyncio.run(scenario()) == [True]


@pytest.mark.parametrize("listed", [False, True], ids=["rows", "lists"])
def test_a_source_may_use_one_row_for_all_its_bars(listed):
    async def reusing():
        row = {"symbol": "A"}
        rows = [row]
        for number in range(100):
            row.update(bar(number))
            yield rows if listed else row
        row.clear()
        rows.clear()

    feed = configured(reusing())

    assert asyncio.run(collect(feed)) == [(number, "A") for number in range(100)]
