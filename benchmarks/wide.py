"""Thousands of assets over ten daily years, with splits and dividends.

    python benchmarks/wide.py                  # all three workloads
    python benchmarks/wide.py --only monthly   # one of: null, monthly, daily
    python benchmarks/wide.py --years 2        # a fifth of the bars

Each workload runs in a process of its own. What counts is CPU seconds of the run, beyond
the read: the portal has been made and has its columns before, by a run of one session.

* null: 3,000 assets, a strategy that does nothing: what a run costs once.
* monthly: 8,000 assets; at each month's start the 500 that rose most over 120 days, by
  `window`, at equal weights.
* daily: 3,000 assets; 500 of them are ordered to new weights every day.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import rbtlive as rbt  # noqa: E402 - as a script it finds its package here
from rbtlive.api import date_rules  # noqa: E402
from rbtlive.data.calendars.calendar import get_calendar  # noqa: E402
from rbtlive.finance.commission import PerShare  # noqa: E402
from rbtlive.finance.slippage import NoSlippage  # noqa: E402

HELD, WINDOW, SESSIONS_A_YEAR = 500, 120, 252
CAPITAL = 10_000_000


def portal(assets: int, years: int) -> rbt.PolarsDataPortal:
    """Return random walks; each asset pays a dividend a quarter, and one in ten splits
    each year.
    """
    draw, sessions = np.random.default_rng(7), years * SESSIONS_A_YEAR
    calendar = get_calendar("XNYS")
    first = calendar.number(date(2010, 1, 4))
    days = pl.Series([calendar.label(first + n) for n in range(sessions)])
    names = np.array([f"A{n:04d}" for n in range(assets)])
    steps = draw.normal(0.0002, 0.02, (assets, sessions))
    closes = np.round(50 * np.exp(np.cumsum(steps, axis=1)), 2).clip(1.0, 1e5).reshape(-1)
    symbols = pl.Series(np.repeat(np.arange(assets, dtype=np.int32), sessions))
    frame = pl.DataFrame(
        {
            "date": pl.concat([days] * assets),
            "symbol": pl.Series(names).gather(symbols),
            **dict.fromkeys(("open", "high", "low", "close"), pl.Series(closes)),
            "volume": pl.repeat(1e7, assets * sessions, eager=True),
        }
    )
    every = [
        (name, days[k]) for n, name in enumerate(names) for k in range(n % 63 + 1, sessions, 63)
    ]
    dividends = pl.DataFrame(
        {
            "symbol": [name for name, _ in every],
            "ex_date": [day for _, day in every],
            "pay_date": [day for _, day in every],
            "amount": [0.1] * len(every),
        }
    )
    split = [
        (name, days[k]) for n, name in enumerate(names) for k in range(n % 2520 + 1, sessions, 2520)
    ]
    splits = pl.DataFrame(
        {
            "symbol": [name for name, _ in split],
            "effective_date": [day for _, day in split],
            "ratio": [0.5] * len(split),
        }
    )
    return rbt.PolarsDataPortal(frame, splits=splits, dividends=dividends)


class Null(rbt.TradingAlgorithm):
    """Does nothing."""

    def handle_data(self, context: Any, data: Any) -> None:
        """Do nothing."""


class Monthly(rbt.TradingAlgorithm):
    """Holds the assets that rose most, by the month."""

    def initialize(self, context: Any) -> None:
        context.ready = False
        self.schedule_function(self.rebalance, date_rules.month_start())

    def rebalance(self, context: Any, data: Any) -> None:
        if not context.ready:
            context.universe, context.ready = list(self.symbols(*self.names)), True
        window = data.window(context.universe, "close", WINDOW)
        rises = np.nan_to_num(window[-1] / window[0])
        best = {context.universe[place]: 1 / HELD for place in np.argsort(-rises)[:HELD]}
        gone = dict.fromkeys((a for a in context.portfolio.positions if a not in best), 0)
        self.order_target_percents(gone | best)


class Daily(rbt.TradingAlgorithm):
    """Orders new weights every day."""

    def initialize(self, context: Any) -> None:
        context.draw, context.universe = np.random.default_rng(3), []

    def handle_data(self, context: Any, _data: Any) -> None:
        if not context.universe:
            context.universe = list(self.symbols(*self.names[:HELD]))
        weights = context.draw.uniform(0.0005, 0.003, HELD).tolist()
        for asset, weight in zip(context.universe, weights, strict=True):
            self.order_target_percent(asset, weight)


WORKLOADS: dict[str, tuple[type[rbt.TradingAlgorithm], int]] = {
    "null": (Null, 3_000),
    "monthly": (Monthly, 8_000),
    "daily": (Daily, 3_000),
}


def cpu_s(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of a piece of work, and what it gave."""
    begun = time.process_time()
    done = work()
    return time.process_time() - begun, done


def measure(name: str, years: int) -> dict[str, float]:
    """Return what one workload took."""
    strategy, assets = WORKLOADS[name]
    made_s, bars = cpu_s(lambda: portal(assets, years))
    chosen = type(strategy.__name__, (strategy,), {"names": [a.symbol for a in bars.assets]})
    options = {
        "capital_base": CAPITAL,
        "commission": PerShare(0.005),
        "slippage": NoSlippage(),
        "progress": False,
    }
    label = get_calendar("XNYS").label(get_calendar("XNYS").number(date(2010, 1, 4)) + WINDOW)
    first_s, _ = cpu_s(lambda: rbt.backtest(Null, bars, start=label, end=label, **options))
    run_s, result = cpu_s(lambda: rbt.backtest(chosen, bars, start=label, **options))
    rows_s, _ = cpu_s(lambda: result.performance["portfolio_value"][-1])
    return {
        "portal_s": made_s,
        "first_s": first_s,
        "run_s": run_s,
        "rows_s": rows_s,
        "trades": len(result.record.transactions),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(WORKLOADS))
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(measure(given.only, given.years)))
        return
    print("| workload | assets | first run, s | run, s | rows, s | trades | peak, MB |")
    print("|" + " --- |" * 7)
    for name in [given.only] if given.only else WORKLOADS:
        command = [sys.executable, __file__, "--only", name, "--years", str(given.years), "--here"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
            continue
        f = json.loads(done.stdout.strip().splitlines()[-1])
        print(
            f"| {name} | {WORKLOADS[name][1]:,} | {f['first_s']:.2f} | {f['run_s']:.2f} | "
            f"{f['rows_s']:.2f} | {f['trades']:,.0f} | {f['peak_mb']:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
