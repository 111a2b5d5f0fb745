"""A minute backtest of many assets over a year from Parquet: its time, its memory, its progress bar.

    python benchmarks/large.py [--assets 100] [--days 252] [--folder .bench]

Its rule: the bars are written asset by asset into one file and never held whole by this script.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl

import rbtlive as rbt
from benchmarks import environments
from benchmarks.workloads import symbols
from rbtlive.data.calendar import get_calendar

FIRST = "2019-01-02"


def write(path: Path, *, assets: int, days: int) -> int:
    """Write random walks for the minutes of `days` sessions of XNYS; return the number of bars."""
    calendar = get_calendar("XNYS")
    first = int(np.searchsorted(calendar.labels, np.datetime64(FIRST)))
    stamps = np.concatenate([calendar.minutes_us(session) for session in range(first, first + days)])
    parts = []
    folder = path.with_suffix(".parts")
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(symbols(assets)):
        rng = np.random.Generator(np.random.PCG64(number))
        cents = np.maximum(10_000 + np.cumsum(np.rint(rng.normal(0.0, 2.0, len(stamps)))), 100)
        closes = cents / 100
        opens = np.concatenate([closes[:1], closes[:-1]])
        frame = pl.DataFrame(
            {
                "timestamp": pl.Series(stamps).cast(pl.Datetime("us", "UTC")),
                "symbol": [name] * len(stamps),
                "open": opens,
                "high": np.maximum(opens, closes),
                "low": np.minimum(opens, closes),
                "close": closes,
                "volume": np.full(len(stamps), 1_000_000.0),
            }
        )
        parts.append(folder / f"{name}.parquet")
        frame.write_parquet(parts[-1])
    pl.scan_parquet(parts).sink_parquet(path)
    shutil.rmtree(folder)
    return len(stamps) * assets


class Momentum(rbt.TradingAlgorithm):
    """Hold, from one half hour to the next, the tenth of the assets that rose most."""

    def initialize(self, context):
        context.minute, context.universe = 0, None

    def handle_data(self, context, data):
        context.minute += 1
        if context.minute % 30 or context.minute < 60:
            return
        if context.universe is None:
            context.universe = [self.symbol(name) for name in symbols(context.width)]
        window = data.window(context.universe, "close", 30)
        chosen = set(np.argsort(window[-1] / window[0])[-max(1, context.width // 10) :].tolist())
        for place, asset in enumerate(context.universe):
            self.order_target(asset, 100 if place in chosen else 0)


def main() -> None:
    """Write the bars if they are not there, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--days", type=int, default=252)
    parser.add_argument("--folder", type=Path, default=environments.folder())
    chosen = parser.parse_args()
    path = chosen.folder / f"minutes-{chosen.assets}-{chosen.days}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, assets=chosen.assets, days=chosen.days)
    bars = pl.scan_parquet(path).select(pl.len()).collect().item()
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    strategy = type("Momentum", (Momentum,), {"initialize": _with_width(chosen.assets)})
    begun = time.process_time()
    portal = rbt.PolarsDataPortal(None, minute_bars=path)
    read = time.process_time()
    portal_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = rbt.backtest(strategy, portal, frequency="1m", progress=True)
    ended = time.process_time()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{bars:,} bars of {chosen.assets} assets in {path.stat().st_size / 1e6:.0f} MB: portal {read - begun:.1f} s CPU and "
        f"{portal_mb:.0f} MB peak (the process before: {before_mb:.0f} MB), backtest {ended - read:.1f} s CPU and {peak_mb:.0f} MB "
        f"peak, {bars / (ended - begun) / 1e3:,.0f} k asset-bars/s in all, {result.transactions.height:,} trades"
    )


def _with_width(width: int):
    def initialize(self, context):
        Momentum.initialize(self, context)
        context.width = width

    return initialize


if __name__ == "__main__":
    main()
