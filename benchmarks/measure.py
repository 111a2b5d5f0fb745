"""What every contender's process does around its engine: measure CPU time and memory,
and print one line of JSON.

Its rule: imports and reading the workload are not counted; what an engine makes of its
data before it can run is counted apart, as `prepare_s`.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.workloads import Bars, load


class Outcome(NamedTuple):
    """What an engine says it did; `bars` only if it ran a part of the workload."""

    equity: float
    trades: int
    bars: int | None = None


def peak_mb() -> float:
    """Return the most memory this process has had resident, in MB.

    Linux hands getrusage's figure from a parent to the child it starts; that of /proc
    is the program's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(variants: dict[str, tuple[Callable[[Bars], Any], Callable[[Any], Outcome]]]) -> None:
    """Run a variant over a stored workload, both named on the command line, and print
    what it took.

    Args:
        variants: For each name: what makes the engine's own data of the bars, and what
            runs the engine over it.
    """
    name, folder = sys.argv[1], Path(sys.argv[2])
    prepare, run = variants[name]
    bars = load(folder)
    gc.collect()
    begun = time.process_time()
    ready = prepare(bars)
    prepared = time.process_time()
    outcome = run(ready)
    ended = time.process_time()
    facts = {
        "prepare_s": prepared - begun,
        "run_s": ended - prepared,
        "bars": (outcome.bars or len(bars.times)) * bars.closes.shape[1],
        "equity": float(outcome.equity),
        "trades": int(outcome.trades),
        "peak_mb": peak_mb(),
    }
    print(json.dumps(facts))


def live_main(variants: dict[str, Callable[[Bars], dict[str, Any]]]) -> None:
    """Run a variant of the live path over a stored workload; it measures itself, and
    its facts are printed.
    """
    facts = variants[sys.argv[1]](load(Path(sys.argv[2])))
    facts["peak_mb"] = peak_mb()
    print(json.dumps(facts))
