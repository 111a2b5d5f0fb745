"""The two workloads as plain arrays, the same for every contender.

Its rule: a workload is a function of its size alone; nothing here knows an engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

FAST, SLOW = 10, 30
SHARES = 100
CAPITAL = 1_000_000
COMMISSION = 0.0001  # of the value traded
WINDOW, EVERY = 20, 20

A1_BARS, A2_ASSETS, A2_DAYS = 348 * 1_440, 50, 5_000  # whole days: half a million minutes

_MINUTE_US, _DAY_US = 60_000_000, 86_400_000_000
_A1_START_US = int(np.datetime64("2020-01-01", "us").astype(np.int64))
_A2_START = np.datetime64("2010-01-01", "D")


class Bars(NamedTuple):
    """Bars of one or more assets.

    Attributes:
        times: int64: END of each minute in µs UTC (A1), or days since 1970 of each
            session (A2).
        opens: One row a bar, one column an asset; the close before.
        highs: The higher of open and close.
        lows: The lower of them.
        closes: In whole cents.
        volumes: Large enough that no order is cut.
    """

    times: np.ndarray
    opens: np.ndarray
    highs: np.ndarray
    lows: np.ndarray
    closes: np.ndarray
    volumes: np.ndarray


def minutes(count: int = A1_BARS) -> Bars:
    """Return A1: consecutive minutes of one asset, a random walk in cents."""
    rng = np.random.Generator(np.random.PCG64(4))
    cents = 10_000 + np.cumsum(np.rint(rng.normal(0.0, 2.0, count)).astype(np.int64))
    times = _A1_START_US + _MINUTE_US * np.arange(1, count + 1)
    return _bars(times, np.maximum(cents, 100)[:, None] / 100)


def days(assets: int = A2_ASSETS, count: int = A2_DAYS) -> Bars:
    """Return A2: consecutive days of many assets, geometric random walks in cents."""
    rng = np.random.Generator(np.random.PCG64(11))
    walk = np.cumsum(rng.normal(0.0, 0.01, (count, assets)), axis=0)
    walk -= (
        np.linspace(0.0, 1.0, count)[:, None] * walk[-1]
    )  # a bridge: prices of any length stay near 100
    times = _A2_START.astype(np.int64) + np.arange(count)
    return _bars(times, np.maximum(np.rint(10_000 * np.exp(walk)), 100) / 100)


def symbols(count: int) -> list[str]:
    """Return the names of the assets."""
    return [f"A{number:03d}" for number in range(count)]


def make(name: str, *, bars: int | None = None, assets: int | None = None) -> Bars:
    """Return a workload by its name, "A1" or "A2", in another size if wanted."""
    if name == "A1":
        return minutes(bars or A1_BARS)
    return days(assets or A2_ASSETS, bars or A2_DAYS)


def store(bars: Bars, folder: Path) -> None:
    """Write a workload where the contenders' processes find it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in bars._asdict().items():
        np.save(folder / f"{name}.npy", values)


def load(folder: Path) -> Bars:
    """Read what `store` wrote."""
    return Bars(*(np.load(folder / f"{name}.npy") for name in Bars._fields))


def _bars(times: np.ndarray, closes: np.ndarray) -> Bars:
    opens = np.vstack([closes[:1], closes[:-1]])
    volumes = np.full(closes.shape, 1_000_000.0)
    return Bars(times, opens, np.maximum(opens, closes), np.minimum(opens, closes), closes, volumes)
