"""What a long run costs: a journal of a million minutes is opened for reading, and taken
up again.

Run it by `python benchmarks/long_run.py`; `--rows` takes another size. It prints the
CPU seconds and the peak memory of `open_session(...).result()` with and without the
bars, the CPU seconds of a recovery, the longest CPU time for which `attach` and the
recovery hold the loop, and the bytes a row takes on disk. Each is measured in a process
of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import rbtlive as rbt
from benchmarks.recovery import portal_of
from rbtlive.runtime.journal.journal import Journal

NAME = "long"
TICK_S = 0.001


class Trades(rbt.TradingAlgorithm):
    """Buy and sell by turns, every 500 minutes."""

    def initialize(self, context: Any) -> None:
        context.asset, context.bars = self.symbol("A000"), 0

    def handle_data(self, context: Any, data: Any) -> None:
        del data
        context.bars += 1
        if context.bars % 500 == 0:
            self.order(context.asset, 5 if context.bars % 1000 else -5)


def attached(folder: Path, feed: rbt.ReplayFeed) -> rbt.LiveSession:
    """Attach the session."""
    return rbt.attach(
        Trades,
        rbt.PaperBroker(),
        feed=feed,
        frequency="1m",
        name=NAME,
        journal=folder,
        log_level="error",
    )


def write(folder: Path, rows: int) -> dict[str, float]:
    """Write the journal of a run that was killed: all its rows, and no end."""
    Journal.end = lambda self, **_facts: self.commit(durable=True)  # type: ignore[method-assign]

    async def live() -> dict[str, float]:
        session = attached(folder, rbt.ReplayFeed(portal_of(rows)))
        await session.wait()
        size = (folder / f"{NAME}.sqlite").stat().st_size
        return {"rows": session.engine.journal.last_seq, "bytes_a_row": size / rows}

    return asyncio.run(live())


def read(folder: Path, rows: int) -> dict[str, float]:
    """Open the run for reading, and then its bars too."""
    del rows
    begun = time.process_time()
    result = rbt.open_session(NAME, journal=folder).result()
    orders = result.orders.height
    read_s = time.process_time() - begun
    peak = _peak_mb()
    assert result.bars is not None
    result.bars.of("A000")
    return {
        "orders": orders,
        "open_s": read_s,
        "open_mb": peak,
        "open_with_bars_s": time.process_time() - begun,
        "open_with_bars_mb": _peak_mb(),
    }


def recover(folder: Path, rows: int) -> dict[str, float]:
    """Take the run up again, beside a task that notices how long the loop is held."""

    async def live() -> dict[str, float]:
        feed = rbt.ReplayFeed(portal_of(rows))
        held = [0.0]
        watcher = asyncio.create_task(_watch(held))
        await asyncio.sleep(TICK_S)
        begun, started = time.process_time(), time.thread_time()
        session = attached(folder, feed)
        attach_s = time.thread_time() - started
        await asyncio.sleep(2 * TICK_S)
        held[0] = 0.0
        await session.wait()
        watcher.cancel()
        return {
            "replayed": session.engine.replayed,
            "recovery_s": time.process_time() - begun,
            "attach_holds_ms": attach_s * 1000,
            "recovery_holds_ms": held[0] * 1000,
            "recovery_mb": _peak_mb(),
        }

    return asyncio.run(live())


async def _watch(held: list[float]) -> None:
    while True:
        last = time.thread_time()
        await asyncio.sleep(TICK_S)
        held[0] = max(held[0], time.thread_time() - last)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


STEPS = {"write": write, "read": read, "recover": recover}


def main() -> None:
    """Read the command line; each step runs in a process of its own, and is printed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="minutes (1,000,000)")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step is not None:
        figures = STEPS[chosen.step](chosen.folder, chosen.rows)
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return
    with tempfile.TemporaryDirectory() as place:
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, "--folder", place]
            subprocess.run([*command, "--rows", str(chosen.rows)], check=True)


if __name__ == "__main__":
    main()
