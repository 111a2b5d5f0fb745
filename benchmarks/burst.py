"""How long after a burst of bars the callback is done: thousands of symbols in a list a
minute.

Run it by `python benchmarks/burst.py [--symbols 3000] [--minutes 200]`. A feed gives a
list of bars for each minute, one after the other was processed, once as mappings of
floats and once as `rbtlive.Bar`s. It prints the CPU milliseconds of the loop's thread
from the list's end to the end of `handle_data`, which orders now and then, and until
the loop rests; the journal is a file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import polars as pl

import rbtlive as rbt
from rbtlive.runtime.clock import SystemClock

BEGIN = SystemClock().now().replace(hour=0, minute=0, second=0, microsecond=0)
NAMES = ("open", "high", "low", "close", "volume")


class Watch(rbt.TradingAlgorithm):
    """Notes when it is done; orders every ten minutes."""

    def initialize(self, context: Any) -> None:
        context.asset, context.seen = self.symbol("S0000"), 0
        context.done_s = []

    def handle_data(self, context: Any, data: Any) -> None:
        context.seen += 1
        data.current(context.asset, "close")
        if context.seen % 10 == 0:
            self.order(context.asset, 1)
        context.done_s.append(time.thread_time())


def bursts(symbols: int, minutes: int) -> Iterator[list[dict[str, Any]]]:
    """Yield a list of bars a minute, random walks in cents."""
    chance = random.Random(7)
    cents = [chance.randint(500, 50_000) for _ in range(symbols)]
    names = [f"S{number:04d}" for number in range(symbols)]
    for minute in range(1, minutes + 1):
        when, bars = BEGIN + timedelta(minutes=minute), []
        for number, symbol in enumerate(names):
            first = cents[number]
            last = cents[number] = max(100, first + round(chance.gauss(0, first / 1_000)))
            high, low = (
                max(first, last) + chance.randint(0, 3),
                min(first, last) - chance.randint(0, 3),
            )
            values = (first / 100, high / 100, low / 100, last / 100, chance.randint(100, 99_999))
            bars.append(
                {"symbol": symbol, "timestamp": when, **dict(zip(NAMES, values, strict=True))}
            )
        yield bars


def as_bars(given: list[dict[str, Any]]) -> list[rbt.Bar]:
    """Return the bars as the package's own."""
    return [rbt.Bar.model_validate(bar) for bar in given]


def measure(symbols: int, minutes: int, *, own: bool, folder: Path) -> dict[str, float]:
    """Run a session over the bursts, and return what each of them took."""
    given = [as_bars(bars) if own else bars for bars in bursts(symbols, minutes)]
    known = pl.DataFrame(
        [
            {"timestamp": BEGIN, "symbol": f"S{number:04d}", **dict.fromkeys(NAMES, 1.0)}
            for number in range(symbols)
        ]
    )
    portal = rbt.PolarsDataPortal(None, minute_bars=known, calendar="24/7").without_end()
    given_s: list[float] = []
    rested_s: list[float] = []

    async def live() -> list[float]:
        async def source() -> AsyncIterator[Any]:
            for bars in given:
                await asyncio.sleep(0.005)
                given_s.append(time.thread_time())
                yield bars
                while len(session.context.done_s) < len(given_s):  # noqa: ASYNC110 - a burst
                    await asyncio.sleep(0)
                await asyncio.sleep(0.001)
                rested_s.append(time.thread_time())

        session = rbt.attach(
            Watch,
            rbt.PaperBroker(),
            feed=source(),
            data=portal,
            frequency="1m",
            calendar="24/7",
            journal=folder,
            log_level="error",
            fresh=True,
        )
        await session.wait()
        return list(session.context.done_s)

    done_s = asyncio.run(live())
    until = [(b - a) * 1000 for a, b in zip(given_s, done_s, strict=False)][5:]
    rest = [(b - a) * 1000 for a, b in zip(given_s, rested_s, strict=False)][5:]
    return {
        "slices": len(done_s),
        "callback_ms_p50": _quantile(until, 0.5),
        "callback_ms_p99": _quantile(until, 0.99),
        "rest_ms_p50": _quantile(rest, 0.5),
        "rest_ms_p99": _quantile(rest, 0.99),
    }


def _quantile(values: list[float], share: float) -> float:
    return round(sorted(values)[int(share * (len(values) - 1))], 2)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=int, default=3_000, help="bars in a list (3,000)")
    parser.add_argument("--minutes", type=int, default=200, help="lists (200)")
    chosen = parser.parse_args()
    for own in (False, True):
        with tempfile.TemporaryDirectory() as place:
            figures = measure(chosen.symbols, chosen.minutes, own=own, folder=Path(place))
        print("Bars    " if own else "mappings", json.dumps(figures))


if __name__ == "__main__":
    main()
