"""rbtlive's live path: float dictionaries from an async iterator, through feed, queue,
dispatcher and core to a callback.
"""

# ruff: noqa: ARG002 - signatures are the engine's

import asyncio
import atexit
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import polars as pl

from benchmarks.measure import live_main
from benchmarks.workloads import Bars
from rbtlive.brokers.paper import PaperBroker
from rbtlive.data.feeds.as_feed import DataFeed, StreamFeed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.clock import SystemClock
from rbtlive.runtime.engine.dispatcher import EventDispatcher
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.engine.event_queue import EventQueue
from rbtlive.runtime.engine.feed_pump import FeedPump
from rbtlive.runtime.engine.loop_budget import LoopBudget
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.opening import open_journal
from rbtlive.runtime.journal.state_folder import StateFolder


class Unwritten(Journal):
    """A journal that forgets: what is left is the engine without one."""

    def append_event(self, event, *, kind="input"):
        return 0

    def append_text(self, kind, type_name, *, timestamp, payload):
        return 0

    def commit(self, durable=False):
        pass


def dictionaries(bars: Bars):
    """Return what a venue's client library would give: a dictionary of floats a bar."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    columns = (bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes)
    rows = zip(bars.times.tolist(), *(column[:, 0].tolist() for column in columns), strict=True)
    return [
        {
            "symbol": "A000",
            "timestamp": epoch + timedelta(microseconds=time_us),
            "open": first,
            "high": high,
            "low": low,
            "close": last,
            "volume": volume,
        }
        for time_us, first, high, low, last, volume in rows
    ]


class Adapter(DataFeed):
    """What a venue's adapter is: each dictionary becomes a checked event of its own."""

    portal = None

    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def configure(self, plan):
        pass

    def stats(self):
        return {}

    async def __aiter__(self):
        for row in self.rows:
            yield MarketDataEvent.of(row)


async def stream(rows):
    """Give the dictionaries themselves: the feed that any async iterator becomes checks
    and places them.
    """
    for row in rows:
        yield row


class Counter:
    """A strategy that reads the close of every bar."""

    __name__ = "counter"

    def __init__(self):
        self.seen, self.asset, self.close = 0, None, None

    def initialize(self, context):
        self.asset = context.symbol("A000")

    def handle_data(self, context, data):
        self.seen += 1
        self.close = data.current(self.asset, "close")


class Trader(Counter):
    """The same, with an order every hundred bars: each is forced to the disk before the
    venue hears of it.
    """

    def handle_data(self, context, data):
        super().handle_data(context, data)
        if self.seen % 100 == 0:
            context.order(self.asset, 1)


def engine_over(strategy, bars, feed, journal):
    first = bars[0]
    before = {**first, "timestamp": first["timestamp"] - timedelta(days=1)}
    portal = PolarsDataPortal(
        None, minute_bars=pl.DataFrame([before]), calendar="24/7"
    ).without_end()
    callbacks = {
        "__name__": "counter",
        "initialize": strategy.initialize,
        "handle_data": strategy.handle_data,
    }
    return TradingEngine(
        callbacks,
        PaperBroker(),
        feed=feed,
        portal=portal,
        journal=journal,
        start=first["timestamp"].date(),
        frequency="1m",
    )


def journal_of(kind):
    if kind == "none":
        journal = Journal.in_memory()
        journal.__class__ = Unwritten
        return journal
    folder = tempfile.mkdtemp(prefix="rbtlive-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return open_journal(StateFolder(Path(folder)), "bench", header=dict)


async def probe(delays):
    """Note, for ever, by how many milliseconds a timer on the loop is late."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        delays.append((time.perf_counter() - before - 0.001) * 1000)


def data_path(bars):
    """Queue, dispatcher and a handler, without core and strategy: what the peer's data
    engine does.
    """
    rows, seen, queue, dispatcher = dictionaries(bars), [], EventQueue(512), EventDispatcher()
    dispatcher.register_handler(
        MarketDataEvent, lambda event: seen.append(event.bars["A000"].close)
    )

    async def live():
        woken, loop_budget = asyncio.Event(), LoopBudget(SystemClock())
        pump = FeedPump(Adapter(rows), queue, loop_budget=loop_budget, wake=woken.set)
        begun = time.process_time()
        feeding = asyncio.create_task(pump.run())
        while not (pump.done and not queue.size):
            while queue.size:
                dispatcher.dispatch_now(queue.get())
            pump.note_taken()
            await loop_budget.maybe()
            woken.clear()
            if not (queue.size or pump.done):
                await woken.wait()
        await feeding
        return {"events": len(seen), "run_s": time.process_time() - begun}

    return asyncio.run(live())


def flood(kind, make_feed, strategy_class=Counter):
    """All bars at once; returns the CPU seconds and what the loop's own round trips
    took meanwhile.
    """

    def run(bars):
        rows, strategy = dictionaries(bars), strategy_class()

        async def live():
            delays = []
            engine = engine_over(strategy, rows, make_feed(rows), journal_of(kind))
            watcher = asyncio.create_task(probe(delays))
            begun, wall = time.process_time(), time.perf_counter()
            await engine.run()
            used, wall = time.process_time() - begun, time.perf_counter() - wall
            watcher.cancel()
            delays.sort()
            transactions = engine.core.state.record.transactions
            return {
                "events": strategy.seen,
                "run_s": used,
                "wall_s": wall,
                "queue_high_water": engine.queue.high_water,
                "queue_limit": engine.queue.maxsize,
                "round_trip_p99_ms": delays[int(0.99 * (len(delays) - 1))] if delays else 0.0,
                "engine_p50_us": engine.meters.latency_us(0.5),
                "engine_p99_us": engine.meters.latency_us(0.99),
                "orders": len(engine.order_manager),
                "fills": len(transactions),
            }

        return asyncio.run(live())

    return run


def paced(rate):
    """One event at a time, `rate` a second; returns the quantiles of the engine's time
    an event, in µs.
    """

    def run(bars):
        rows, strategy = dictionaries(bars), Counter()

        async def source():
            begun = time.perf_counter()
            for number, row in enumerate(rows):
                delay = begun + number / rate - time.perf_counter()
                if delay > 0:
                    await asyncio.sleep(delay)
                yield row

        async def live():
            engine = engine_over(strategy, rows, StreamFeed(source()), journal_of("file"))
            begun = time.process_time()
            await engine.run()
            return {
                "events": strategy.seen,
                "run_s": time.process_time() - begun,
                "engine_p50_us": engine.meters.latency_us(0.5),
                "engine_p99_us": engine.meters.latency_us(0.99),
            }

        return asyncio.run(live())

    return run


if __name__ == "__main__":
    live_main(
        {
            "flood": flood("none", Adapter),
            "flood-journal": flood("file", Adapter),
            "flood-orders": flood("file", Adapter, Trader),
            "data-path": data_path,
            "flood-stream": flood("none", lambda rows: StreamFeed(stream(rows))),
            "flood-stream-journal": flood("file", lambda rows: StreamFeed(stream(rows))),
            "paced": paced(1_000),
        }
    )
