"""What a tick of the live panel costs the kernel: 200 orders shown, ten of them changed
a tick; or a book of many symbols.

Run it by `python benchmarks/panel_tick.py`; `--ticks 500` measures longer, `--symbols
3000 --orders 2000` holds so many positions and open orders. It prints CPU microseconds
and bytes, for the look at the session alone and with the message packed as the kernel
packs it.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from datetime import date, timedelta

import polars as pl

import rbtlive as rbt
from rbtlive.notebook.panel.snapshot import PanelState

WARM_UP_BARS = 300


class Resting(rbt.TradingAlgorithm):
    """Keep a book of open limit orders, and fill ten orders a bar."""

    def initialize(self, context):
        context.assets = [self.symbol(name) for name in ("AAPL", "IBM", "MSFT")]
        context.bars = 0

    def handle_data(self, context, data):
        del data
        context.bars += 1
        for number in range(10):
            self.order(context.assets[number % 3], 1 if context.bars % 2 else -1)
        if context.bars <= 100:
            self.order(context.assets[0], 1, limit_price=0.01)


class Wide(rbt.TradingAlgorithm):
    """Hold every symbol, keep a book of open limit orders, and fill ten orders a bar."""

    resting = 0

    def initialize(self, context):
        context.assets = [self.symbol(name_of(n)) for n in range(SYMBOLS)]
        context.bars = 0

    def handle_data(self, context, data):
        del data
        context.bars += 1
        if context.bars == 1:
            for asset in context.assets:
                self.order(asset, 10)
            for number in range(self.resting):
                self.order(context.assets[number % SYMBOLS], 1, limit_price=0.01)
        for number in range(10):
            asset = context.assets[(context.bars * 10 + number) % SYMBOLS]
            self.order(asset, 1)


SYMBOLS = 3


def name_of(number):
    """Return the symbol of that number."""
    return f"S{number:04}"


def wide_bars(symbols, sessions):
    """Return bars of many symbols whose prices move every session."""
    first = date(2020, 1, 1)
    days = [day for n in range(2 * sessions) if (day := first + timedelta(days=n)).weekday() < 5]
    moves = pl.int_range(pl.len()).over("symbol") % 7
    return (
        pl.DataFrame({"symbol": [name_of(n) for n in range(symbols)]})
        .join(pl.DataFrame({"date": days[:sessions]}), how="cross")
        .with_columns(close=20.0 + moves, volume=pl.lit(1e6))
        .with_columns(open=pl.col("close"), high=pl.col("close"), low=pl.col("close"))
    )


async def measure(ticks, symbols, orders):
    """Return CPU seconds of the look, of look and packing, and the bytes, a tick each."""
    global SYMBOLS  # noqa: PLW0603 - a parameter would be shown in the panel
    SYMBOLS = symbols or SYMBOLS
    warm_up = 5 if symbols else WARM_UP_BARS
    state, looks, packed, sizes = None, [], [], []
    measured = asyncio.Event()

    def tick(_event):
        nonlocal state
        if session.engine.meters.events < warm_up:
            return
        if state is None:
            state = PanelState(session)
            state.whole()
            return
        began_s = time.process_time()
        message = state.delta()
        looked_s = time.process_time()
        size = len(json.dumps(message, ensure_ascii=False, allow_nan=False))
        packed_s = time.process_time()
        looks.append(looked_s - began_s)
        packed.append(packed_s - began_s)
        sizes.append(size)
        if len(looks) >= ticks:
            measured.set()

    with tempfile.TemporaryDirectory() as folder:
        strategy, start, bars = Resting, "2000-06-01", rbt.load_sample("us-daily")
        options = {"log_level": "error"}
        if symbols:
            strategy, start, bars = Wide, None, wide_bars(symbols, ticks + 10)
            options |= {"params": {"resting": orders}, "calendar": "24/5"}
        feed = rbt.ReplayFeed(bars)
        session = rbt.attach(
            strategy, rbt.PaperBroker(), feed=feed, start=start, journal=folder, **options
        )
        session.engine.dispatcher.register_handler(rbt.MarketDataEvent, tick)
        await asyncio.wait(
            {asyncio.create_task(measured.wait()), asyncio.create_task(session.wait())},
            return_when="FIRST_COMPLETED",
        )
        shown = len(state.whole()["orders"])
        whole = len(json.dumps(state.whole()))
        await session.stop()
    return looks, packed, sizes, shown, whole


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=500)
    parser.add_argument("--symbols", type=int, default=0)
    parser.add_argument("--orders", type=int, default=0)
    given = parser.parse_args()
    measured = asyncio.run(measure(given.ticks, given.symbols, given.orders))
    looks, packed, sizes, shown, whole = measured
    print(f"{len(looks)} ticks, {shown} orders shown")
    for title, seconds in (("look", looks), ("look and pack", packed)):
        ordered = sorted(seconds)
        median, high = statistics.median(ordered), ordered[int(0.99 * len(ordered))]
        print(f"{title:<14} median {median * 1e6:7.0f} µs   p99 {high * 1e6:7.0f} µs CPU")
    print(
        f"{'message':<14} median {statistics.median(sizes):7.0f} B    most {max(sizes):6.0f} B;  a "
        f"whole picture {whole:,} B"
    )


if __name__ == "__main__":
    main()
