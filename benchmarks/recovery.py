"""What recovering a run costs: a journal of 100,000 rows and 1,000 open orders, from
opening the file to the first new bar.

Run it by `python benchmarks/recovery.py`; `--rows` and `--orders` take other sizes,
`--repeats` more runs. It prints CPU seconds: the check of the journal, the replay, and
both, which is the engine's part; the strategy's callback does nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import polars as pl

import rbtlive as rbt
from benchmarks.workloads import minutes
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.journal.opening import open_journal
from rbtlive.runtime.journal.state_folder import StateFolder

NAME = "recovery"


class Resting(rbt.TradingAlgorithm):
    """Place limit orders that never fill, at the first bar; then watch."""

    orders = 1000

    def initialize(self, context: Any) -> None:
        context.asset, context.placed = self.symbol("A000"), False

    def handle_data(self, context: Any, data: Any) -> None:
        del data
        if not context.placed:
            context.placed = True
            for _ in range(self.orders):
                self.order(context.asset, 1, limit_price=0.01)


def portal_of(count: int) -> rbt.PolarsDataPortal:
    """Return minutes of one asset, around the clock."""
    bars = minutes(count)
    columns = {
        "open": bars.opens,
        "high": bars.highs,
        "low": bars.lows,
        "close": bars.closes,
        "volume": bars.volumes,
    }
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series(bars.times).cast(pl.Datetime("us", "UTC")),
            "symbol": ["A000"] * count,
            **{name: values[:, 0] for name, values in columns.items()},
        }
    )
    return rbt.PolarsDataPortal(None, minute_bars=frame, calendar="24/7")


def engine_of(folder: Path, portal: rbt.PolarsDataPortal, orders: int) -> TradingEngine:
    """Open the run's journal, and return the engine over it."""
    return TradingEngine(
        Resting,
        rbt.PaperBroker(),
        feed=rbt.ReplayFeed(portal),
        journal=open_journal(StateFolder(folder), NAME, header=_header),
        frequency="1m",
        params={"orders": orders},
    )


def write(folder: Path, portal: rbt.PolarsDataPortal, orders: int) -> None:
    """Write the journal of a run that was killed: all its rows, and no end."""

    async def live() -> None:
        engine = engine_of(folder, portal, orders)
        engine.journal.end = lambda **_facts: engine.journal.commit(durable=True)  # type: ignore[method-assign]
        await engine.run()

    asyncio.run(live())


def recover(folder: Path, portal: rbt.PolarsDataPortal, orders: int) -> dict[str, float]:
    """Recover the run in a copy of its folder, and return what it took."""

    async def live() -> dict[str, float]:
        begun = time.process_time()
        engine = engine_of(folder, portal, orders)
        checked = time.process_time()
        rows = engine.journal.last_seq
        await engine.run()
        ended = time.process_time()
        assert engine.replayed, "the run was begun anew"
        return {
            "rows": rows,
            "open_orders": len(engine.order_manager.get_active_orders()),
            "check_s": checked - begun,
            "replay_s": ended - checked,
            "total_s": ended - begun,
        }

    return asyncio.run(live())


def _header() -> dict[str, Any]:
    return {"strategy": "Resting", "source": "", "settings": {}}


def main() -> None:
    """Read the command line, write a journal, recover it, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the journal (100,000)")
    parser.add_argument("--orders", type=int, default=1_000, help="orders that are open (1,000)")
    parser.add_argument(
        "--repeats", type=int, default=3, help="recoveries, of which the median counts (3)"
    )
    chosen = parser.parse_args()
    portal = portal_of(chosen.rows - chosen.orders)
    with tempfile.TemporaryDirectory() as place:
        written = Path(place) / "written"
        write(written, portal, chosen.orders)
        runs = []
        for number in range(chosen.repeats):
            copied = Path(place) / str(number)
            shutil.copytree(written, copied)
            runs.append(recover(copied, portal, chosen.orders))
    print(json.dumps({name: round(median(run[name] for run in runs), 3) for name in runs[0]}))


if __name__ == "__main__":
    main()
