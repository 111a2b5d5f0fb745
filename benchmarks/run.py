"""One command: build the peers' environments, run all contenders in turn, print the
table and write RESULTS.md.

    python benchmarks/run.py                      # everything
    python benchmarks/run.py --only A1 live       # some parts
    python benchmarks/run.py --quick --no-peers   # a look at rbtlive alone, on a tenth
    of the bars

Its rule: contenders are interleaved and each runs in a process of its own; what counts
is CPU time, medians, ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import environments, report, workloads

CONTENDERS = Path(__file__).parent / "contenders"
PEERS = {
    "A1": {
        "backtesting.py": ("backtesting", "backtesting_py.py"),
        "bt": ("bt", "bt_engine.py"),
        "basana": ("basana", "basana_engine.py"),
        "backtrader": ("backtrader", "backtrader_engine.py"),
        "nautilus_trader": ("nautilus", "nautilus_engine.py"),
        "zipline-reloaded": ("zipline", "zipline_engine.py"),
    }
}
PEERS["A2"] = {name: how for name, how in PEERS["A1"].items() if name != "backtesting.py"}
OWN = {
    "A1": {"rbtlive, two histories a bar": "A1", "rbtlive, indicators": "A1-indicators"},
    "A2": {"rbtlive, histories": "A2", "rbtlive, windows": "A2-windows"},
}
LIVE = {
    "rbtlive, no journal": "flood",
    "rbtlive, journal": "flood-journal",
    "rbtlive, journal, an order every 100 bars": "flood-orders",
    "rbtlive, any iterator, no journal": "flood-stream",
    "rbtlive, any iterator, journal": "flood-stream-journal",
    "rbtlive, queue and dispatcher alone": "data-path",
}
ONCE = {
    "A1": {"bt", "basana", "backtrader", "nautilus_trader"},
    "A2": {"basana", "backtrader", "nautilus_trader"},
}
"""Slow peers that no target is measured against: one run tells enough."""
PARTS = ("A1", "A2", "live", "linearity", "import")
FIRST_CALLS = """
import time
begun = time.process_time()
import rbtlive as rbt
imported = time.process_time()
import json, sys
loaded = [name for name in ("pandas", "exchange_calendars", "ipywidgets", "plotly", "scipy") if name in sys.modules]
import datetime, polars as pl
from rbtlive.data.calendars.calendar import get_calendar
days = [day for day in get_calendar("XNYS").labels.tolist() if datetime.date(2005, 1, 3) <= day < datetime.date(2015, 1, 1)]
close = [100.0 + abs(number % 90 - 45) for number in range(len(days))]
frame = pl.DataFrame({"date": days, "symbol": "A", "open": close, "high": close, "low": close, "close": close, "volume": 1000000})
class SmaCross(rbt.TradingAlgorithm):
    def handle_data(self, context, data):
        asset = self.symbol("A")
        prices = data.history(asset, "close", 30, "1d")
        self.order_target_percent(asset, 1 if prices[-10:].mean() > prices.mean() else 0)
calls = []
for _ in range(3):
    before = time.process_time()
    rbt.backtest(SmaCross, frame, start=days[30], progress=False).performance
    calls.append(time.process_time() - before)
print(json.dumps({"import_s": imported - begun, "loaded": loaded, "first_s": calls[0], "later_s": min(calls[1:])}))
"""


def run(
    python: Path | str, *arguments: str | Path, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Run a contender's process and return the facts it printed; a failure is shown and
    kept as a fact.
    """
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def merged(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of what several runs measured, and what else the last one
    said.
    """
    good = [facts for facts in runs if "failed" not in facts]
    if not good:
        return runs[-1]
    numbers = {name for name, value in good[-1].items() if isinstance(value, (int, float))}
    return {**good[-1], **{name: median(facts[name] for facts in good) for name in numbers}}


def interleaved(
    jobs: dict[str, tuple[Any, ...]], repeats: int, *, once: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Run every job `repeats` times, in turn: A B C A B C; those named in `once` in the
    first turn only.
    """
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in jobs}
    for turn in range(repeats):
        for name, arguments in jobs.items():
            if turn and name in once:
                continue
            print(f"  {name} ({turn + 1} of {repeats})", file=sys.stderr, flush=True)
            runs[name].append(run(*arguments))
    return {name: merged(facts) for name, facts in runs.items()}


def stored(name: str, root: Path, **size: int) -> Path:
    """Make a workload of a size, and return the folder that holds it."""
    folder = root / "data" / "-".join([name, *(f"{key}{value}" for key, value in size.items())])
    workloads.store(workloads.make(name, **size), folder)
    return folder


def backtests(name: str, root: Path, *, repeats: int, peers: bool, quick: bool) -> dict[str, Any]:
    """Run one of the two workloads with every contender."""
    size = {"bars": 35 * 1_440} if name == "A1" else {"bars": 1_000}
    data = stored(name, root, **size) if quick else stored(name, root)
    jobs: dict[str, tuple[Any, ...]] = {
        label: (sys.executable, CONTENDERS / "rbtlive_engine.py", variant, data)
        for label, variant in OWN[name].items()
    }
    if peers:
        for label, (environment, script) in PEERS[name].items():
            jobs[label] = (
                environments.python_of(environment, root),
                CONTENDERS / script,
                name,
                data,
            )
    jobs["bare loop"] = (sys.executable, CONTENDERS / "bare_loop.py", name, data)
    return interleaved(jobs, repeats, once=ONCE[name])


def live(root: Path, *, repeats: int, peers: bool, quick: bool) -> dict[str, Any]:
    """Run the live path: floods without and with a journal, then a thousand events a
    second.
    """
    data = stored("A1", root, bars=(10 if quick else 50) * 1_440)
    jobs: dict[str, tuple[Any, ...]] = {
        label: (sys.executable, CONTENDERS / "rbtlive_live.py", variant, data)
        for label, variant in LIVE.items()
    }
    if peers:
        jobs["nautilus live data engine"] = (
            environments.python_of("nautilus", root),
            CONTENDERS / "nautilus_live.py",
            "flood",
            data,
        )
    facts = interleaved(jobs, repeats)
    slow = stored("A1", root, bars=5_000)
    facts["rbtlive, 1,000 events/s"] = run(
        sys.executable, CONTENDERS / "rbtlive_live.py", "paced", slow
    )
    return facts


def linearity(root: Path, *, repeats: int, quick: bool) -> dict[str, Any]:
    """Run rbtlive on ten times the bars, and ten times the assets."""
    minutes, days, assets = (34 * 1_440, 500, 10) if quick else (workloads.A1_BARS, 1_000, 20)
    sizes = {
        "A1": ("A1", {"bars": minutes}, {"bars": 10 * minutes}),
        "A2 bars": ("A2", {"bars": days, "assets": assets}, {"bars": 10 * days, "assets": assets}),
        "A2 assets": (
            "A2",
            {"bars": days, "assets": assets},
            {"bars": days, "assets": 10 * assets},
        ),
    }
    facts = {}
    for label, (name, small, large) in sizes.items():
        jobs = {
            kind: (
                sys.executable,
                CONTENDERS / "rbtlive_engine.py",
                name,
                stored(name, root, **size),
            )
            for kind, size in (("small", small), ("large", large))
        }
        facts[label] = interleaved(jobs, repeats)
    return facts


def first_calls(root: Path, repeats: int) -> dict[str, Any]:
    """Measure the import, from bytecode as an installed package has it, and the first
    ten-year backtests of a process.
    """
    environment = {
        key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    }
    environment["PYTHONPYCACHEPREFIX"] = str(root / "bytecode")
    run(sys.executable, "-c", FIRST_CALLS, environment=environment)  # which compiles
    return merged(
        [run(sys.executable, "-c", FIRST_CALLS, environment=environment) for _ in range(repeats)]
    )


def main() -> None:
    """Read the command line, run, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--from-facts",
        type=Path,
        nargs="+",
        help="make the table of facts that were stored before, and run nothing",
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), help="run some parts only"
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=3,
        help="runs of each contender, of which the median counts (3)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=environments.folder(),
        help="for environments and data (RBTLIVE_BENCH, .bench)",
    )
    parser.add_argument(
        "--no-peers", action="store_true", help="run rbtlive and the bare loop alone"
    )
    parser.add_argument(
        "--quick", action="store_true", help="run a tenth of the bars; ratios then say little"
    )
    parser.add_argument(
        "--no-write", action="store_true", help="print the table and leave RESULTS.md alone"
    )
    chosen = parser.parse_args()
    root, how = (
        chosen.folder.absolute(),
        {"repeats": chosen.repeats, "peers": not chosen.no_peers, "quick": chosen.quick},
    )
    facts: dict[str, Any] = {}
    for path in chosen.from_facts or ():
        facts |= json.loads(path.read_text())
    for name in () if chosen.from_facts else chosen.only:
        print(name, file=sys.stderr)
        if name in OWN:
            facts[name] = backtests(name, root, **how)
        elif name == "live":
            facts[name] = live(root, **how)
        elif name == "linearity":
            facts[name] = linearity(root, repeats=chosen.repeats, quick=chosen.quick)
        else:
            facts[name] = first_calls(root, chosen.repeats)
        (root / f"facts-{name}.json").write_text(json.dumps({name: facts[name]}))
    text = report.tables(facts, repeats=chosen.repeats, quick=chosen.quick)
    print(text)
    if not (chosen.no_write or chosen.quick):
        (Path(__file__).parent / "RESULTS.md").write_text(text)


if __name__ == "__main__":
    main()
