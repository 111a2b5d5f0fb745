"""What a tick of the live panel costs the kernel: 200 orders shown, ten of them changed
a tick.

Run it by `python benchmarks/panel_tick.py`; `--ticks 500` measures longer. It prints
CPU microseconds and bytes, for the look at the session alone and with the message
packed as the kernel packs it.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time

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


async def measure(ticks):
    """Return CPU seconds of the look, of look and packing, and the bytes, a tick each."""
    state, looks, packed, sizes = None, [], [], []
    measured = asyncio.Event()

    def tick(_event):
        nonlocal state
        if session.engine.meters.events < WARM_UP_BARS:
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
        feed = rbt.ReplayFeed(rbt.load_sample("us-daily"))
        session = rbt.attach(
            Resting, rbt.PaperBroker(), feed=feed, start="2000-06-01", journal=folder
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
    looks, packed, sizes, shown, whole = asyncio.run(measure(parser.parse_args().ticks))
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
