"""How long a kernel takes to answer while a session in it takes 10,000 events a second.

Run it by `python benchmarks/round_trip.py [--rate 10000] [--trips 300]`. A real kernel
is started, a session is attached in it to a source that gives minute bars at the rate,
each a dictionary of floats, its journal written to a file; meanwhile cells with `1+1`
are run one after the other, and the kernel is asked for its information. Wall
milliseconds, first of the idle kernel; the load of the machine is in these figures, so
it is printed. It is not in the last ones: the CPU milliseconds that the loop's thread
is busy between two turns of a task that sleeps for one.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 60

SETUP = """
import asyncio, time
from datetime import UTC, datetime, timedelta
import polars as pl
import rbtlive as rbt

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)

class Watcher(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.asset, context.seen = self.symbol("A"), 0

    def handle_data(self, context, data):
        context.seen += 1
        context.close = data.current(context.asset, "close")
        if context.seen % 1000 == 0:
            self.order(context.asset, 1)

async def source(rate):
    began_s, number = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - began_s) * rate)
        while number < due:
            number += 1
            price = 100.0 + number % 7
            yield {"symbol": "A", "timestamp": BEGIN + timedelta(minutes=number), "open": price, "high": price, "low": price,
                   "close": price, "volume": 1000.0}
        await asyncio.sleep(0.001)

turns_ms = []

async def probe():
    while True:
        before_s = time.thread_time()
        await asyncio.sleep(0.001)
        turns_ms.append((time.thread_time() - before_s) * 1000)

known = pl.DataFrame([{"timestamp": BEGIN, "symbol": "A", "open": 100.0, "high": 100.0, "low": 100.0, "close": 100.0, "volume": 1.0}])
portal = rbt.PolarsDataPortal(None, minute_bars=known, calendar="24/7").without_end()
"""
TURNS = """
watching.cancel()
print(*turns_ms)
"""
ATTACH = """
session = rbt.attach(Watcher, rbt.PaperBroker(), feed=source({rate}), data=portal, frequency="1m", calendar="24/7", fresh=True)
"""
STATE = """
stats = session.stats
print(time.perf_counter(), time.process_time(), session.context.seen, session.engine.queue.high_water, session.engine.queue.maxsize,
      stats["latency_p50_us"], stats["latency_p99_us"], session.state)
"""


class Asker:
    """Runs cells in a kernel and asks it things, and times the replies."""

    def __init__(self, client):
        self._client = client

    def run(self, code):
        """Run a cell that must succeed, and return what it printed."""
        said = []

        def hear(message):
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])

        reply = self._client.execute_interactive(code, output_hook=hear, timeout=PATIENCE_S)[
            "content"
        ]
        if reply["status"] != "ok":
            raise RuntimeError("\n".join(reply["traceback"]))
        return "".join(said)

    def trips_ms(self, ask, count):
        """Return how long each of `count` replies took."""
        found = []
        for _ in range(count):
            began_s = time.perf_counter()
            message = ask()
            while (
                self._client.get_shell_msg(timeout=PATIENCE_S)["parent_header"]["msg_id"] != message
            ):
                pass
            found.append((time.perf_counter() - began_s) * 1000)
        return sorted(found)

    def cells_ms(self, count):
        """Time cells."""
        return self.trips_ms(lambda: self._client.execute("1+1", store_history=False), count)

    def infos_ms(self, count):
        """Time requests for the kernel's information."""
        return self.trips_ms(self._client.kernel_info, count)


def told(title, trips_ms):
    """Print quantiles."""
    quantiles = [trips_ms[int(q * (len(trips_ms) - 1))] for q in (0.5, 0.99, 1.0)]
    print(
        f"{title:<34} p50 {quantiles[0]:6.1f}   p99 {quantiles[1]:6.1f}   most {quantiles[2]:6.1f} "
        "ms"
    )


def measure(asker, options):
    """Measure and print."""
    asker.run(SETUP)
    told("idle kernel, 1+1", asker.cells_ms(options.trips))
    told("idle kernel, kernel_info", asker.infos_ms(options.trips))
    asker.run(ATTACH.format(rate=options.rate))
    asker.run("await asyncio.sleep(1)")
    asker.run("watching = asyncio.create_task(probe())")
    before = asker.run(STATE).split()
    cells_ms, infos_ms = asker.cells_ms(options.trips), asker.infos_ms(options.trips)
    after = asker.run(STATE).split()
    wall_s, cpu_s, events = (float(after[n]) - float(before[n]) for n in range(3))
    told("session trades, 1+1", cells_ms)
    told("session trades, kernel_info", infos_ms)
    told("CPU between two turns of the loop", sorted(map(float, asker.run(TURNS).split())))
    print(
        f"{events / wall_s:,.0f} events a second for {wall_s:.1f} s, {cpu_s / wall_s:.0%} of a "
        f"processor, longest queue {after[3]} of "
        f"{after[4]}, an event p50 {float(after[5]):.0f} µs and p99 {float(after[6]):.0f} µs, "
        f"session {after[7]}"
    )
    asker.run("await session.stop()")


def main():
    """Start a kernel, measure in it, and end it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=10_000, help="events a second")
    parser.add_argument("--trips", type=int, default=300, help="round trips of each kind")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "RBTLIVE_HOME": home, "PYTHONPATH": str(ROOT)}
        manager, client = start_new_kernel(env=environment)
        try:
            measure(Asker(client), options)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
