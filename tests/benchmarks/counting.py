"""Counts the calls that a piece of work makes: a measure of cost that no clock and no
other process can shift.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.data.feeds.stream_feed import StreamFeed
from rbtlive.finance.commission import PerDollar
from rbtlive.finance.slippage import NoSlippage
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.engine.engine import TradingEngine

DAY = 1_440
START = date(2020, 1, 1)


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions of Python and of C a piece of work calls in this
    thread.
    """
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def minute_bars(count: int) -> pl.DataFrame:
    """Return minutes of one asset whose close goes up and down every 25 bars, so that
    means of 10 and 30 cross.
    """
    first = datetime(START.year, START.month, START.day, tzinfo=UTC)
    closes = [100 + abs(number % 50 - 25) / 10 for number in range(count)]
    return pl.DataFrame(
        {
            "timestamp": [first + timedelta(minutes=number + 1) for number in range(count)],
            "symbol": ["A"] * count,
            "open": closes,
            "high": closes,
            "low": closes,
            "close": closes,
            "volume": [1_000_000.0] * count,
        },
        schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
    )


class Crossover(rbt.TradingAlgorithm):
    """Two histories a bar, and an order at each crossing if `trades` is set."""

    trades = False

    def initialize(self, context: Any) -> None:
        context.asset, context.bars, context.above = self.symbol("A"), 0, None

    def means(self, context: Any, data: Any) -> tuple[float, float]:
        return (
            data.history(context.asset, "close", 10, "1m").mean(),
            data.history(context.asset, "close", 30, "1m").mean(),
        )

    def handle_data(self, context: Any, data: Any) -> None:
        context.bars += 1
        if context.bars < 30:
            return
        fast, slow = self.means(context, data)
        above = fast > slow
        if self.trades and context.above is not None and above != context.above:
            self.order_target(context.asset, 100 if above else 0)
        context.above = above


class CrossoverOfIndicators(Crossover):
    """The same with two indicators."""

    def initialize(self, context: Any) -> None:
        super().initialize(context)
        self.indicator("fast", pl.col("close").rolling_mean(10))
        self.indicator("slow", pl.col("close").rolling_mean(30))

    def means(self, context: Any, data: Any) -> tuple[float, float]:
        return data.current(context.asset, "fast"), data.current(context.asset, "slow")


def backtest_of(strategy: Any, bars: pl.DataFrame, **params: Any) -> rbt.BacktestResult:
    """Run a backtest over minutes with the costs of the benchmark."""
    return rbt.backtest(
        strategy,
        bars,
        frequency="1m",
        calendar="24/7",
        params=params,
        commission=PerDollar(0.0001),
        slippage=NoSlippage(),
        progress=False,
    )


def calls_per_bar(strategy: Any) -> float:
    """Return the calls that each further bar costs: a run of two days less a run of
    one.
    """
    days = [minute_bars(DAY), minute_bars(2 * DAY)]
    backtest_of(strategy, days[0])  # what is made once a process is made here
    one, two = (calls_of(lambda bars=bars: backtest_of(strategy, bars)) for bars in days)
    return (two - one) / DAY


def calls_per_order(strategy: Any) -> float:
    """Return the calls that each order costs from the strategy's call to the session's
    row: trading less watching.
    """
    bars = minute_bars(2 * DAY)
    orders = backtest_of(strategy, bars, trades=True).orders.height
    trading = calls_of(lambda: backtest_of(strategy, bars, trades=True))
    return (trading - calls_of(lambda: backtest_of(strategy, bars))) / orders


class EverySixthDay(rbt.TradingAlgorithm):
    """An order on every sixth day, if `trades` is set."""

    trades = False

    def initialize(self, context: Any) -> None:
        context.asset, context.days = self.symbol("A"), 0

    def handle_data(self, context: Any, data: Any) -> None:
        context.days += 1
        if self.trades and context.days % 6 == 1:
            self.order_target_percent(context.asset, 0.5 if context.days % 12 == 1 else 0)


class LimitEverySixthDay(EverySixthDay):
    """A limit that fills on the next day, on every sixth day."""

    def handle_data(self, context: Any, data: Any) -> None:
        context.days += 1
        if self.trades and context.days % 6 == 1:
            is_buy = context.days % 12 == 1
            self.order(context.asset, 10 if is_buy else -10, limit_price=150.0 if is_buy else 50.0)


def daily_bars(count: int, symbols: str = "A") -> pl.DataFrame:
    """Return days of some assets with the same closes."""
    minutes = minute_bars(count)
    days = pl.col("timestamp").rank("ordinal").cast(pl.Int32).cast(pl.Date).alias("date")
    return pl.concat(
        [
            minutes.select(days, pl.lit(name).alias("symbol"), pl.exclude("timestamp", "symbol"))
            for name in symbols
        ]
    )


def calls_per_daily_order(strategy: type[EverySixthDay]) -> tuple[float, float]:
    """Return the calls that each of a strategy's orders costs in a run over days, its
    two sessions included, and what it costs the run's metrics.
    """
    bars = rbt.PolarsDataPortal(daily_bars(600), calendar="24/7")

    def work(*, trades: bool, metrics: bool) -> int:
        def run() -> None:
            result = rbt.backtest(strategy, bars, params={"trades": trades}, progress=False)
            assert not metrics or result.metrics["fills"] == (100 if trades else 0)

        run()  # what is made once a process is made here
        return calls_of(run)

    watching, trading = work(trades=False, metrics=False), work(trades=True, metrics=False)
    reading = work(trades=True, metrics=True) - trading
    return (trading - watching) / 100, (
        reading - (work(trades=False, metrics=True) - watching)
    ) / 100


class Priced(rbt.TradingAlgorithm):
    """Every ten minutes a stop that is taken back ("stops"), or two limits that fill
    ("limits"); or one limit that rests ("rests").
    """

    kind = ""

    def initialize(self, context: Any) -> None:
        context.asset, context.bars, context.stop = self.symbol("A"), 0, None

    def handle_data(self, context: Any, data: Any) -> None:
        context.bars += 1
        place = context.bars % 10
        if self.kind == "stops" and place == 1:
            context.stop = self.order(context.asset, 10, stop_price=1000.0)
        elif self.kind == "stops" and place == 6:
            self.cancel_order(context.stop)
        elif self.kind == "limits" and place in {1, 6}:
            size = 10 if place == 1 else -10
            self.order(context.asset, size, limit_price=150.0 if place == 1 else 50.0)
        elif self.kind == "rests" and context.bars == 1:
            self.order(context.asset, 10, limit_price=1.0)


def calls_per_priced_order() -> tuple[float, float, float]:
    """Return the calls that a stop costs that is placed and taken back, a limit that
    fills, and a bar on which a limit rests.
    """
    bars = minute_bars(DAY)
    backtest_of(Priced, bars, kind="limits")  # what is made once a process is made here
    stops, limits, rests, nothing = (
        calls_of(lambda kind=kind: backtest_of(Priced, bars, kind=kind))
        for kind in ("stops", "limits", "rests", "")
    )
    return (
        (stops - nothing) / (DAY / 10),
        (limits - nothing) / (DAY / 5),
        (rests - nothing) / DAY,
    )


class Hold(rbt.TradingAlgorithm):
    """Shares of every asset, bought on the first day and kept."""

    def initialize(self, context: Any) -> None:
        context.waiting = self.symbols("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")

    def handle_data(self, context: Any, data: Any) -> None:
        while context.waiting:
            self.order(context.waiting.pop(), 10)


def calls_per_session() -> float:
    """Return the calls that each further day costs a run that holds ten assets, its
    `performance` included.
    """
    frame = daily_bars(400, "ABCDEFGHIJ")

    def work(count: int) -> None:
        first = frame["date"].min()
        bars = frame.filter(pl.col("date") < first + timedelta(days=count))
        assert rbt.backtest(Hold, bars, calendar="24/7", progress=False).performance.height == count

    work(200)  # what is made once a process is made here
    return (calls_of(lambda: work(400)) - calls_of(lambda: work(200))) / 200


def calls_per_event() -> float:
    """Return the calls that an event costs from a dictionary of floats through queue,
    journal and core to the callback.
    """

    async def drive(count: int) -> int:
        bars = minute_bars(count)
        engine = TradingEngine(
            {"__name__": "watching", "handle_data": lambda _context, _data: None},
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(
                rbt.PolarsDataPortal(None, minute_bars=minute_bars(2 * DAY), calendar="24/7")
            ),
            frequency="1m",
        )
        rows = list(bars.iter_rows(named=True))
        engine.core.start()

        def work() -> None:
            for row in rows:
                engine.queue.put(MarketDataEvent.of(row))
                engine.dispatcher.dispatch_now(engine.queue.get())

        made = calls_of(work)
        engine.journal.close()
        return made

    asyncio.run(drive(2))  # what is made once a process is made here
    return (asyncio.run(drive(DAY)) - asyncio.run(drive(DAY // 2))) / (DAY // 2)


def calls_per_bar_of_a_stream() -> float:
    """Return the calls that a bar of any source costs until it leaves the slice builder
    in its slice.
    """
    axis = SlotAxis(get_calendar("24/7"), frequency="1m")

    def taken(count: int) -> int:
        rows = list(minute_bars(count).iter_rows(named=True))
        builder = SliceBuilder(axis, symbols=["A"])
        return calls_of(lambda: [list(builder.add(row)) for row in rows])

    taken(2)  # what is made once a process is made here
    return (taken(DAY) - taken(DAY // 2)) / (DAY // 2)


def calls_per_read(read: Callable[[Any, Any, Any], object]) -> float:
    """Return the calls that asking something at each bar costs, `read(context, data,
    asset)`, while a position is held.
    """

    class Asking(rbt.TradingAlgorithm):
        def initialize(self, context: Any) -> None:
            context.asset = self.symbol("A")
            context.bars = 0

        def handle_data(self, context: Any, data: Any) -> None:
            context.bars += 1
            if context.bars == 1:
                self.order(context.asset, 10)
            read(context, data, context.asset)

    return calls_per_bar(Asking)


def calls_per_row_of_a_live_stream() -> float:
    """Return the calls that a row of any async iterator costs on its whole way through
    feed, queue, journal and core, the loop's turns and packing included.
    """

    async def stream(rows: list[Any]) -> Any:
        for row in rows:
            yield row

    def drive(count: int) -> int:
        rows = list(minute_bars(count).iter_rows(named=True))

        async def live() -> None:
            engine = TradingEngine(
                {"__name__": "watching", "handle_data": lambda _context, _data: None},
                rbt.PaperBroker(),
                feed=StreamFeed(stream(rows)),
                portal=rbt.PolarsDataPortal(
                    None, minute_bars=minute_bars(1), calendar="24/7"
                ).without_end(),
                # On it no time passes, so that nobody rests.
                clock=VirtualClock(datetime(2024, 1, 1, tzinfo=UTC)),
                start=START,
                frequency="1m",
            )
            await engine.run()
            assert engine.meters.events >= count - 1

        return calls_of(lambda: asyncio.run(live()))

    drive(2)  # what is made once a process is made here
    return (drive(2 * DAY) - drive(DAY)) / DAY


def calls_per_columnar_run() -> float:
    """Return the calls that a run of a sweep of declared signals costs: a cross of means
    over 500 days that trades, from its parameters to its row of metrics.
    """
    close = pl.col("close")
    cross = rbt.signals(
        lambda p: close.rolling_mean(p.fast) > close.rolling_mean(p.slow),
        lambda p: close.rolling_mean(p.fast) < close.rolling_mean(p.slow),
        size=10,
    )
    bars = minute_bars(500).with_columns(
        pl.date_range(START, START + timedelta(days=499)).alias("date")
    )
    portal = rbt.PolarsDataPortal(bars.drop("timestamp"), calendar="24/7")

    def swept(slow: int) -> int:
        lengths = {"fast": range(2, 12), "slow": range(12, 12 + slow)}
        return calls_of(lambda: rbt.sweep(cross, portal, lengths, workers=1, verify=0))

    swept(2)  # what is made once a process is made here
    return (swept(20) - swept(10)) / 100
