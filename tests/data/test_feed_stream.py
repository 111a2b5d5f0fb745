"""Any asynchronous source as a feed: closed slices, drops survived, deadlines kept, nothing lost."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from rbtlive.data.calendar import get_calendar
from rbtlive.data.feed import Backoff, FeedPlan, StreamFeed, as_feed
from rbtlive.errors import FeedDisconnected, FeedError
from rbtlive.model.events import MarketDataEvent

XNYS = get_calendar("XNYS")
FIRST = XNYS.number(datetime(2020, 1, 2, tzinfo=UTC).date())
CLOSES = [XNYS.close(FIRST + n) for n in range(200)]


def bar(n, symbol="A"):
    return {
        "symbol": symbol, "timestamp": CLOSES[n], "open": 1, "high": 2, "low": 0.5, "close": 1.5, "volume": 9
    }  # fmt: skip


def configured(source, *, plan=None, **settings):
    feed = StreamFeed(source, **settings)
    feed.configure(FeedPlan(calendar=XNYS, **(plan or {})))
    return feed


def told(events):
    """Reduce events to (number of the session, symbols), errors to their message."""
    return [
        (CLOSES.index(e.timestamp), "".join(sorted(e.bars))) if isinstance(e, MarketDataEvent) else e.message
        for e in events
    ]


async def collect(feed):
    return told([event async for event in feed])


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
        "the feed's source dropped: ConnectionResetError: gone; opening it again in 0.4 s",
        "the feed's source dropped: ConnectionError: still down; opening it again in 0.8 s",
        "the feed's source dropped: ConnectionError: still down; opening it again in 1.5 s",
        (1, "A"),
        (2, "A"),
        (3, "A"),
        (4, "A"),
    ]
    assert waits.delays == [0.375, 0.75, 1.5]
    assert opened == [frozenset({"A"})] * 4
    stats = feed.stats()
    assert (stats["drops"], stats["reconnects"], stats["skipped"], stats["quarantined"]) == (3, 3, 2, 0)


def test_waits_grow_to_their_limit_and_jitter_only_shortens_them():
    backoff = Backoff(initial_s=1, factor=2, limit_s=10, jitter=0.5)

    assert [backoff.delay_s(n, chance=0) for n in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 10, 10]
    assert backoff.delay_s(3, chance=1) == 2


def test_a_feed_gives_up_after_as_many_attempts_as_it_was_told():
    async def connect(symbols):
        raise ConnectionError("down")
        yield

    waits = Waits()
    feed = configured(connect, sleep=waits, max_attempts=2)

    with pytest.raises(FeedDisconnected, match="after 2 attempts: ConnectionError: down") as failure:
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
        return told(seen)

    seen = asyncio.run(scenario())

    assert seen[:2] == [(1, ""), (2, "")]
    assert "it came late" in seen[2]
    assert seen[3:] == [(3, ""), (4, "A")]


def test_the_clock_goes_on_closing_slices_while_the_source_is_away():
    async def scenario():
        away = asyncio.Event()

        async def sleep(delay_s):
            feed.close_through(CLOSES[2])
            await away.wait()

        opened = []

        async def connect(symbols):
            opened.append(symbols)
            yield bar(0) if len(opened) == 1 else bar(3)
            if len(opened) == 1:
                raise ConnectionError("gone")

        feed, seen = configured(connect, sleep=sleep), []
        async for event in feed:
            seen.append(event)
            if len(seen) == 4:
                away.set()
        return told(seen)

    seen = asyncio.run(scenario())

    assert "ConnectionError" in seen[0]
    assert seen[1:] == [(0, "A"), (1, ""), (2, ""), (3, "A")]


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
        return opened, told(seen), feed.stats()

    opened, seen, stats = asyncio.run(scenario())

    assert opened == [["A"], ["A", "B"], ["B"]]
    assert seen == [(1, "A"), (2, "AB"), (3, "B")]
    assert (stats["resubscribed"], stats["reconnects"], stats["drops"]) == (2, 0, 0)


def test_subscribing_on_an_iterator_that_cannot_be_told_filters_its_bars():
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
        return told([*seen, *[event async for event in second]])

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
