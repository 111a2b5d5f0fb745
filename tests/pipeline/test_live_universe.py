"""A live feed is subscribed to what a pipeline selects."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.brokers import AlpacaFeed
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.as_feed import FeedPlan
from rbtlive.errors import FeedDisconnected
from rbtlive.model.events import Event
from rbtlive.pipeline import CustomFilter, Pipeline
from rbtlive.pipeline.data import USEquityPricing
from tests.brokers.alpaca_session import QUICK
from tests.brokers.conftest import _daily_process, _minute_process, minute_venue, venue
from tests.builders import run
from tests.venue.process import KEY, SECRET, until, within

__all__ = ["_daily_process", "_minute_process", "minute_venue", "venue"]

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
CALENDAR = get_calendar("XNYS")
FIRST = CALENDAR.number(date(2024, 1, 2))


def minutes(sessions: int = 5, each: int = 4) -> rbt.PolarsDataPortal:
    """Return the last minutes of some sessions; prices change places day by day."""
    rows = []
    for day in range(sessions):
        end = CALENDAR.close(FIRST + day)
        for number, symbol in enumerate(SYMBOLS):
            price = 10.0 + (number + day) % 4
            bar = dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": 1e6}
            rows += [
                {"timestamp": end - timedelta(minutes=back), "symbol": symbol} | bar
                for back in range(each)
            ]
    frame = pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))
    return rbt.PolarsDataPortal(
        frame.group_by("symbol", pl.col("timestamp").dt.date().alias("date"))
        .agg(pl.col("open", "high", "low", "close").first(), pl.col("volume").sum())
        .sort("date", "symbol"),
        minute_bars=frame,
    )


class LiveReplay(rbt.ReplayFeed):
    """Recorded bars that count as live ones, and a note of what was subscribed to."""

    is_live, is_timed_by_session = True, False

    def __init__(
        self, data: Any, *, most_symbols: int | None = None, goes_on: bool = False
    ) -> None:
        super().__init__(data)
        self.most_symbols = most_symbols
        self.goes_on, self.is_read = goes_on, False
        self.changes: list[list[str]] = []
        self.queue: Any = None

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in super().__aiter__():
            yield event
            await until(lambda: not (self.queue and self.queue.size))  # one by one, as live
        self.is_read = True
        if self.goes_on:
            await asyncio.Event().wait()

    def configure(self, plan: FeedPlan) -> None:
        """Begin at the second session, whatever day it is here."""
        super().configure(replace(plan, first_session=FIRST + 1, last_session=None))

    def _subscriptions_changed(self) -> None:
        super()._subscriptions_changed()
        if self.subscriptions is not None and sorted(self.subscriptions) not in self.changes[-1:]:
            self.changes.append(sorted(self.subscriptions))


class Selecting(rbt.TradingAlgorithm):
    """Shows the dearest; buys what is dearest on the first day, and keeps it."""

    count, buys, follows = 1, True, True

    def initialize(self, context):
        screen = USEquityPricing.close.latest.top(self.count)
        self.attach_pipeline(Pipeline(screen=screen), "dear", subscribe=self.follows)
        context.buys, context.tables = self.buys, []

    def before_trading_start(self, context, data):
        table = self.pipeline_output("dear")
        context.tables.append(sorted(table["symbol"]))

    def handle_data(self, context, data):
        if context.buys:
            context.buys = False
            self.order(self.symbol(context.tables[0][0]), 1)


def session(feed: Any, folder: Any, frequency: str = "1h", data: Any = None, **params: Any) -> Any:
    """Run a session over a feed to its end."""

    async def watch() -> Any:
        made = rbt.attach(
            Selecting,
            rbt.PaperBroker(),
            feed=feed,
            data=data or minutes(),
            frequency=frequency,
            params=params,
            journal=folder,
            name="selecting",
            late_orders="send",
        )
        feed.queue = made.engine.queue
        if feed.goes_on:
            await until(lambda: feed.is_read)
            await made.stop()
        else:
            await made.wait()
        return made

    return run(watch())


def test_the_feed_follows_the_screen_and_keeps_what_is_held(tmp_path):
    """What leaves the screen and is not held is unsubscribed."""
    feed = LiveReplay(minutes())

    ended = session(feed, tmp_path)

    assert ended.context.tables == [["DDD"], ["CCC"], ["BBB"], ["AAA"]]
    assert feed.changes == [["DDD"], ["CCC", "DDD"], ["BBB", "DDD"], ["AAA", "DDD"]]


def test_the_feed_stays_within_its_limit_and_says_what_is_left_out(tmp_path):
    """What is held comes first; before the first table the first assets come."""
    feed = LiveReplay(minutes(), most_symbols=2)

    ended = session(feed, tmp_path, count=3)

    assert feed.changes[0] == ["AAA", "BBB"]
    assert all(len(change) == 2 for change in feed.changes)
    assert all("BBB" in change for change in feed.changes[2:])  # it is held
    said = [line for line in map(str, ended.logs) if "the feed takes 2 symbols" in line]
    assert "and 3 are wanted" in said[0]
    assert "make the screen smaller" in said[0]


def test_what_was_subscribed_to_otherwise_stays(tmp_path):
    feed = LiveReplay(minutes())
    feed.subscribe("AAA")

    session(feed, tmp_path, buys=False)

    assert feed.changes == [["AAA"], ["AAA", "DDD"], ["AAA", "CCC"], ["AAA", "BBB"], ["AAA"]]


@pytest.mark.parametrize("options", [{"follows": False}, {"frequency": "1d"}])
def test_a_feed_is_left_alone_without_a_word_and_with_daily_bars(tmp_path, options):
    feed = LiveReplay(minutes())

    session(feed, tmp_path, **options)

    assert feed.changes == []


def test_a_run_that_is_taken_up_again_goes_on_with_its_universe(tmp_path):
    """The feed of the second half begins with what the first was subscribed to last."""
    first, second = LiveReplay(minutes(3), goes_on=True), LiveReplay(minutes())

    session(first, tmp_path)
    session(second, tmp_path)

    assert first.changes == [["DDD"], ["CCC", "DDD"]]
    assert second.changes[0] == ["CCC", "DDD"]
    assert second.changes[-1] == ["AAA", "DDD"]


def test_a_backtest_knows_the_argument_and_does_the_same():
    result = rbt.backtest(
        Selecting, minutes(), frequency="1h", start="2024-01-03", end="2024-01-08"
    )

    assert len(result.transactions) == 1


def test_a_table_knows_bars_of_what_was_subscribed_to_alone(tmp_path):
    """History ends where the session begins: the others have no bars from then on."""
    feed = LiveReplay(minutes())

    ended = session(feed, tmp_path, data=minutes(1))

    assert ended.context.tables == [["DDD"]] * 4
    assert ended.parity().identical


class Turn(CustomFilter):
    """Another symbol each day, whatever is known of it."""

    inputs = (USEquityPricing.close,)
    window_length = 1

    def compute(self, today, assets, out, close):
        out[:] = np.asarray(assets) == {3: 0, 4: 1, 5: 2, 8: 0}[today.day]


class Rotating(rbt.TradingAlgorithm):
    def initialize(self, context):
        self.attach_pipeline(Pipeline(screen=Turn()), "turn", subscribe=True)


@pytest.mark.parametrize("known", [1, 5])
def test_what_joins_later_is_named_with_the_days_that_it_lacks(tmp_path, known):
    """Bars of days outside are there if the portal has them; else a message names each."""
    feed = LiveReplay(minutes())

    async def watch() -> Any:
        made = rbt.attach(
            Rotating,
            rbt.PaperBroker(),
            feed=feed,
            data=minutes(known),
            frequency="1h",
            journal=tmp_path,
            name="rotating",
            late_orders="send",
        )
        feed.queue = made.engine.queue
        await made.wait()
        return made

    ended = run(watch())

    assert feed.changes == [["AAA"], ["BBB"], ["CCC"], ["AAA"]]
    said = [line for line in map(str, ended.logs) if "join what the feed gives" in line]
    if known == 5:
        assert said == []
    else:
        assert len(said) == 3
        assert "BBB (2024-01-03)" in said[0]
        assert "CCC (2024-01-03 to 2024-01-04)" in said[1]
        assert "AAA (2024-01-04 to 2024-01-05)" in said[2]


class Dear(rbt.TradingAlgorithm):
    """Shows what cost more than 150."""

    def initialize(self, context):
        screen = USEquityPricing.close.latest > 150
        self.attach_pipeline(Pipeline(screen=screen), "dear", subscribe=True)
        context.bars = []

    def handle_data(self, context, data):
        context.bars.append([data.current(self.symbol(s), "volume") for s in ("AAA", "BBB")])


def history() -> rbt.PolarsDataPortal:
    """Return a minute of the day before the venue's bars begin."""
    rows = [
        {"timestamp": datetime(2024, 1, 2, 20, 0, tzinfo=UTC), "symbol": symbol, "volume": 1e4}
        | dict.fromkeys(("open", "high", "low", "close"), price)
        for symbol, price in (("AAA", 100.0), ("BBB", 200.0))
    ]
    return rbt.PolarsDataPortal.coerce(pl.DataFrame(rows), frequency="1m")


def feed_at(venue: Any, **settings: Any) -> AlpacaFeed:
    return AlpacaFeed(key=KEY, secret=SECRET, url_override=venue.url, backoff=QUICK, **settings)


@pytest.mark.parametrize("most", [None, 1])
def test_the_stream_of_a_broker_is_subscribed_to_what_a_screen_shows(minute_venue, tmp_path, most):
    """The first bars begin the session; after its table one symbol is left."""
    feed = feed_at(minute_venue, most_symbols=most)

    async def watch() -> Any:
        made = rbt.attach(
            Dear,
            rbt.PaperBroker(),
            feed=feed,
            data=history(),
            frequency="1m",
            journal=tmp_path,
            name="dear",
        )
        await until(lambda: feed._given.reach_us is not None)
        await asyncio.to_thread(minute_venue.advance, 2)
        await until(lambda: feed.subscriptions == {"BBB"} and feed.stats()["resubscribed"] == 1)
        for _time in range(3):
            seen = len(made.context.bars)
            await asyncio.to_thread(minute_venue.advance, 1)
            await until(lambda seen=seen: len(made.context.bars) > seen)
        await made.stop()
        return made

    ended = within(watch(), seconds=30)

    assert [bars[0] for bars in ended.context.bars[-2:]] == [0, 0]
    assert all(bars[1] > 0 for bars in ended.context.bars[-2:])
    assert feed.stats()["quarantined"] == 0
    assert ended.parity().identical


def test_minutes_of_more_symbols_than_the_stream_takes_are_refused(minute_venue):
    feed = feed_at(minute_venue, most_symbols=1)
    plan = FeedPlan(calendar=CALENDAR, frequency="1m", symbols=("AAA", "BBB"))

    async def read() -> None:
        feed.configure(plan)
        async for _event in feed:
            pass

    with pytest.raises(FeedDisconnected, match="the stream takes 1 symbols") as refused:
        within(read())
    assert "subscribe=True" in str(refused.value)


def test_days_of_more_symbols_than_the_stream_takes_come_from_the_archive(venue):
    """The stream says when a day is over; the archive has the bars of all."""
    names = ("AAPL", "IBM", "MSFT")
    feed = feed_at(venue, most_symbols=1, settle_s=0.0)
    slices: list[Any] = []

    async def watch() -> None:
        feed.configure(FeedPlan(calendar=CALENDAR, frequency="1d", symbols=names))

        async def read() -> None:
            async for event in feed:
                slices.append(event)  # noqa: PERF401 - read while it grows

        task = asyncio.create_task(read())
        await until(lambda: feed._given.reach_us is not None)
        await asyncio.to_thread(venue.advance, 2)
        await until(lambda: len(slices) >= 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    within(watch(), seconds=30)

    assert sorted(slices[0].bars) == sorted(names)
