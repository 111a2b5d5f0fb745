"""A1 and A2 as most strategies are written, beside the best peers.

    python benchmarks/idioms.py                        # every idiom of rbtlive
    python benchmarks/idioms.py --peers P --zipline Z  # and beside backtesting.py, bt, zipline

P and Z are interpreters that have the peers. Each run is a process of its own; contenders
run in turn, and the median of their CPU time counts. A peer does the same work in its own
documentation's idioms where it has them, else its plain A1 or A2, which is then the bar.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import workloads  # noqa: E402 - as a script it finds its package here

CONTENDERS = ROOT / "benchmarks" / "contenders"
IDIOMS = {
    "A1": ["A1", "A1-indicators", "A1-position", "A1-loop", "A1-record", "A1-can-trade",
           "A1-fields", "A1-value", "A1-stops", "A1-scheduled", "A1-pandas"],
    "A2": ["A2", "A2-windows", "A2-current", "A2-held", "A2-asked", "A2-monthly", "A2-record",
           "A2-limits", "A2-pandas"],
}  # fmt: skip


def seconds_a_bar(python: str, script: Path, name: str, folder: Path) -> float:
    """Return the CPU microseconds a bar of one run."""
    done = subprocess.run(
        [python, script, name, folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stderr[-1000:], file=sys.stderr)
        return float("nan")
    facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return float(facts["run_s"] / facts["bars"] * 1e6)


def main() -> None:
    """Print a table: µs a bar and asset, and the ratio to the best peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", help="interpreter with backtesting and bt")
    parser.add_argument("--zipline", help="interpreter with zipline")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--minutes", type=int, default=60 * 1_440)
    parser.add_argument("--days", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for workload, idioms in IDIOMS.items():
            folder = Path(place) / workload
            size = given.minutes if workload == "A1" else given.days
            workloads.store(workloads.make(workload, bars=size), folder)
            jobs = {name: (sys.executable, "rbtlive_idioms.py", name) for name in idioms}
            if given.peers and workload == "A1":
                jobs["backtesting.py"] = (given.peers, "backtesting_py.py", workload)
            if given.peers and workload == "A2":
                jobs["bt"] = (given.peers, "bt_engine.py", workload)
            if given.zipline:
                jobs["zipline"] = (given.zipline, "zipline_engine.py", workload)
            taken: dict[str, list[float]] = {name: [] for name in jobs}
            for _ in range(given.repeats):
                for name, (python, script, variant) in jobs.items():
                    run = seconds_a_bar(python, CONTENDERS / script, variant, folder)
                    taken[name].append(run)
            peers = {name: median(runs) for name, runs in taken.items() if name not in idioms}
            best = min(peers.values(), default=float("nan"))
            for name, runs in taken.items():
                us = median(runs)
                print(f"{name:20}{us:10.2f} us a bar{best / us:8.2f} x the best peer", flush=True)


if __name__ == "__main__":
    main()
