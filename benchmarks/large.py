"""A minute backtest of many assets over a year from Parquet: its time, its memory, its
progress bar.

    python benchmarks/large.py [--assets 100] [--days 126 252 504] [--order asset time]
    [--folder .bench]

Its rule: each run has a process of its own, so that its peak of memory is its own, and
no process holds the bars whole.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl

import rbtlive as rbt
from benchmarks import environments
from benchmarks.measure import peak_mb
from benchmarks.workloads import symbols
from rbtlive.data.calendars.calendar import get_calendar

FIRST = "2019-01-02"


def write(path: Path, *, assets: int, days: int) -> None:
    """Write random walks for the minutes of `days` sessions of XNYS, asset by asset."""
    calendar = get_calendar("XNYS")
    first = int(np.searchsorted(calendar.labels, np.datetime64(FIRST)))
    stamps = np.concatenate(
        [calendar.minutes_us(session) for session in range(first, first + days)]
    )
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


def write_in_order(path: Path, source: Path, *, days: int) -> None:
    """Write the bars of a file again, minute by minute."""
    calendar = get_calendar("XNYS")
    first = int(np.searchsorted(calendar.labels, np.datetime64(FIRST)))
    folder = path.with_suffix(".parts")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for begin in range(first, first + days, 21):
        opens, closes = calendar.open(begin), calendar.close(min(begin + 20, first + days - 1))
        month = pl.scan_parquet(source).filter(pl.col("timestamp").is_between(opens, closes))
        parts.append(folder / f"{begin}.parquet")
        month.collect(engine="streaming").sort("timestamp", "symbol").write_parquet(parts[-1])
    pl.scan_parquet(parts).sink_parquet(path)
    shutil.rmtree(folder)


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
    """Write the bars that are not there, and run each size and order in a process of
    its own.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--days", type=int, nargs="+", default=[126, 252, 504])
    parser.add_argument("--order", nargs="+", choices=("asset", "time"), default=["asset", "time"])
    parser.add_argument("--folder", type=Path, default=environments.folder())
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run is not None:
        run(chosen.run, assets=chosen.assets)
        return
    for days in chosen.days:
        by_asset, by_time = (
            chosen.folder / f"minutes-{chosen.assets}-{days}-by-{order}.parquet"
            for order in ("asset", "time")
        )
        if chosen.write:
            chosen.folder.mkdir(parents=True, exist_ok=True)
            if not by_asset.exists():
                write(by_asset, assets=chosen.assets, days=days)
            if not by_time.exists():
                write_in_order(by_time, by_asset, days=days)
            continue
        again = [
            sys.executable,
            __file__,
            "--assets",
            str(chosen.assets),
            "--folder",
            str(chosen.folder),
        ]
        subprocess.run([*again, "--days", str(days), "--write"], check=True)
        for order in chosen.order:
            subprocess.run([*again, "--run", by_asset if order == "asset" else by_time], check=True)


def run(path: Path, *, assets: int) -> None:
    """Run over a file, and print what it took."""
    bars = pl.scan_parquet(path).select(pl.len()).collect().item()
    before_mb = peak_mb()
    strategy = type("Momentum", (Momentum,), {"initialize": _with_width(assets)})
    begun = time.process_time()
    portal = rbt.PolarsDataPortal(None, minute_bars=path)
    read = time.process_time()
    portal_mb = peak_mb()
    result = rbt.backtest(strategy, portal, frequency="1m", progress=True)
    ended = time.process_time()
    most_mb = peak_mb()
    print(
        f"{path.stem}: {bars:,} bars in {path.stat().st_size / 1e6:.0f} MB; portal "
        f"{read - begun:.1f} s CPU, {portal_mb:.0f} MB peak "
        f"(the process before: {before_mb:.0f} MB); backtest {ended - read:.1f} s CPU, "
        f"{most_mb:.0f} MB peak; "
        f"{bars / (ended - begun) / 1e3:,.0f} k asset-bars/s in all; "
        f"{result.transactions.height:,} trades, final value "
        f"{result.performance['portfolio_value'][-1]:,.2f}"
    )


def _with_width(width: int):
    def initialize(self, context):
        Momentum.initialize(self, context)
        context.width = width

    return initialize


if __name__ == "__main__":
    main()
