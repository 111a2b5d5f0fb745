"""What a sweep costs: a moving-average cross over one asset and ten daily years, for many
pairs of lengths.

Run it by `python benchmarks/sweeps.py`; `--peers PYTHON` names an interpreter that has
backtesting.py and vectorbt, which are left out without it. It prints runs a CPU second,
each contender warmed up by a small sweep first: of the columnar gear, the event engine,
`optimize` of backtesting.py, vectorbt's arrays, and a bare NumPy loop without costs,
orders or lots. Contenders run one after the other, in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FAST, SLOW = range(5, 30), range(31, 71)
SESSIONS = 2520


def prices(folder: Path) -> Any:
    """Return the closes, the same for all contenders."""
    import numpy as np

    path = folder / "closes.npy"
    if not path.exists():
        draw = np.random.default_rng(1)
        walk = np.cumsum(draw.normal(0.0003, 0.012, SESSIONS))
        np.save(path, np.round(100 * np.exp(walk), 2))
    return np.load(path)


def pairs(count: int) -> list[tuple[int, int]]:
    """Return pairs of lengths."""
    return [(fast, slow) for fast in FAST for slow in SLOW][:count]


def rbtlive_sweep(gear: str) -> Callable[[Any, int], int]:
    """Return a sweep of one gear."""

    def run(closes: Any, count: int) -> int:
        import polars as pl

        import rbtlive as rbt
        from rbtlive.data.calendars.calendar import get_calendar

        calendar = get_calendar("XNYS")
        first = calendar.number(date(2010, 1, 4))
        bars = pl.DataFrame(
            {
                "date": [calendar.label(first + n) for n in range(len(closes))],
                "symbol": "X",
                **dict.fromkeys(("open", "high", "low", "close"), closes),
                "volume": [1e7] * len(closes),
            }
        )
        close = pl.col("close")
        cross = rbt.signals(
            lambda p: close.rolling_mean(p.fast) > close.rolling_mean(p.slow),
            lambda p: close.rolling_mean(p.fast) < close.rolling_mean(p.slow),
            size=100,
        )
        chosen = pairs(count)
        wanted = set(chosen)
        found = rbt.sweep(
            cross,
            rbt.PolarsDataPortal(bars),
            {"fast": sorted({f for f, _ in chosen}), "slow": sorted({s for _, s in chosen})},
            where=lambda p: (p.fast, p.slow) in wanted,
            workers=1,
            gear=gear,
            verify=0,
            progress=False,
        )
        assert found.errors.is_empty()
        return len(found)

    return run


def backtesting_py(closes: Any, count: int) -> int:
    """Run backtesting.py's optimize, one pair of lengths a run."""
    import pandas as pd
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover

    def mean(values: Any, length: int) -> Any:
        return pd.Series(values).rolling(length).mean()

    class Cross(Strategy):
        fast, slow = 5, 31

        def init(self) -> None:
            self.quick = self.I(mean, self.data.Close, self.fast)
            self.calm = self.I(mean, self.data.Close, self.slow)

        def next(self) -> None:
            if crossover(self.quick, self.calm):
                self.buy(size=100)
            elif crossover(self.calm, self.quick):
                self.position.close()

    # Its worker processes look the class up by name.
    Cross.__qualname__ = "Cross"
    setattr(sys.modules[__name__], "Cross", Cross)  # noqa: B010
    frame = pd.DataFrame(
        dict.fromkeys(("Open", "High", "Low", "Close"), closes),
        index=pd.bdate_range("2010-01-04", periods=len(closes)),
    )
    chosen = set(pairs(count))
    Backtest(frame, Cross, cash=100_000, commission=0.0005).optimize(
        fast=sorted({f for f, _ in chosen}),
        slow=sorted({s for _, s in chosen}),
        constraint=lambda p: (p.fast, p.slow) in chosen,
        maximize="Sharpe Ratio",
    )
    return count


def vectorbt_arrays(closes: Any, count: int) -> int:
    """Run vectorbt: all pairs as columns."""
    import pandas as pd
    import vectorbt as vbt

    close = pd.Series(closes, index=pd.bdate_range("2010-01-04", periods=len(closes)))
    chosen = pairs(count)
    fast = vbt.MA.run(close, [f for f, _ in chosen], short_name="fast")
    slow = vbt.MA.run(close, [s for _, s in chosen], short_name="slow")
    portfolio = vbt.Portfolio.from_signals(
        close,
        fast.ma_crossed_above(slow),
        fast.ma_crossed_below(slow),
        size=100,
        fees=0.0005,
        init_cash=100_000,
        freq="1D",
    )
    for name in ("sharpe_ratio", "total_return", "max_drawdown", "sortino_ratio"):
        assert len(getattr(portfolio, name)()) == count
    return count


def numpy_loop(closes: Any, count: int) -> int:
    """Run a bare loop: positions one bar late, no costs, one ratio."""
    import numpy as np

    returns = np.diff(closes) / closes[:-1]
    sums = np.concatenate([[0.0], np.cumsum(closes)])

    def mean(length: int) -> Any:
        found = np.full(len(closes), np.nan)
        found[length - 1 :] = (sums[length:] - sums[:-length]) / length
        return found

    for fast, slow in pairs(count):
        held = (mean(fast) > mean(slow))[:-1]
        gained = returns * held
        _ = gained.mean() / gained.std() * 252**0.5
    return count


CONTENDERS: dict[str, tuple[Callable[[Any, int], int], int]] = {
    "rbtlive, columns": (rbtlive_sweep("columns"), 1000),
    "rbtlive, events": (rbtlive_sweep("events"), 40),
    "backtesting.py, optimize": (backtesting_py, 80),
    "vectorbt, arrays": (vectorbt_arrays, 1000),
    "bare numpy loop": (numpy_loop, 1000),
}
ELSEWHERE = ("backtesting.py, optimize", "vectorbt, arrays")


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(name: str, folder: Path) -> dict[str, float]:
    """Return runs and CPU seconds of one contender, the better of two."""
    run, count = CONTENDERS[name]
    closes = prices(folder)
    run(closes, 4)
    spent = []
    for _ in range(2):
        begun = cpu_s()
        run(closes, count)
        spent.append(cpu_s() - begun)
    return {"runs": count, "seconds": min(spent)}


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--peers", help="interpreter with backtesting and vectorbt")
    arguments.add_argument("--only", help=argparse.SUPPRESS)
    arguments.add_argument("--folder", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.only:
        print(json.dumps(measure(given.only, Path(given.folder))))
        return
    print(f"{'contender':28}{'runs':>6}{'CPU s':>9}{'runs/CPU s':>12}")
    with tempfile.TemporaryDirectory() as folder:
        prices(Path(folder))
        for name in CONTENDERS:
            python = given.peers if name in ELSEWHERE else sys.executable
            if python is None:
                continue
            command = [python, __file__, "--only", name, "--folder", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name:28}failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            found = json.loads(done.stdout.strip().splitlines()[-1])
            rate = found["runs"] / found["seconds"]
            print(
                f"{name:28}{found['runs']:>6.0f}{found['seconds']:>9.2f}{rate:>12.1f}", flush=True
            )


if __name__ == "__main__":
    main()
