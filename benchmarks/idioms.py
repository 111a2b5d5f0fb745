"""A1 and A2 as most strategies are written, beside the best peers.

    python benchmarks/idioms.py                        # every idiom of rbtlive
    python benchmarks/idioms.py --peers P --zipline Z  # and beside backtesting.py, bt, zipline
    python benchmarks/idioms.py --orders --peers P     # ways to order, beside backtesting.py
    python benchmarks/idioms.py --daily --peers P      # ten daily years that trade often

P and Z are interpreters that have the peers. Each run is a process of its own; contenders
run in turn, and the median of their CPU time counts. Each idiom is compared with the same
idiom as the peer's documentation writes it (`backtesting_idioms.py`, `bt_idioms.py`), and,
where it has none, with its plain A1 or A2. zipline runs its plain A1 and A2.
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
           "A1-fields", "A1-value", "A1-stops", "A1-scheduled", "A1-pandas",
           "A1-field-windows", "A1-dual-average", "A1-own-list", "A1-leverage",
           "A1-open-orders", "A1-clock", "A1-profit", "A1-limits"],
    "A2": ["A2", "A2-windows", "A2-current", "A2-held", "A2-asked", "A2-monthly", "A2-record",
           "A2-limits", "A2-pandas", "A2-momentum", "A2-one-by-one"],
}  # fmt: skip
ORDERS = ["percent", "checked", "bracket", "replace", "trailing", "ladder", "shorts", "value",
          "breakout", "scaling"]  # fmt: skip
DAILY = {
    "daily": ["crossing", "windows", "strength", "half", "volatility", "alternating", "reversal",
              "limits", "stops", "bracket", "trailing", "profit", "recording"],
    "ten": ["daily", "mapped", "weekly", "monthly", "momentum", "reversal"],
}  # fmt: skip
DAILY_YEARS = 2_520  # days
OURS = "rbtlive"
PEERS = {
    "A1": ("backtesting.py", "backtesting_idioms.py", IDIOMS["A1"]),
    "A2": (
        "bt",
        "bt_idioms.py",
        ["A2", "A2-held", "A2-asked", "A2-monthly", "A2-record", "A2-momentum"],
    ),
}


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
    parser.add_argument("--orders", action="store_true", help="ways to order alone")
    parser.add_argument("--daily", action="store_true", help="ten daily years alone")
    given = parser.parse_args()
    if given.orders:
        names, peer = (
            [f"orders-{name}" for name in ORDERS],
            (PEERS["A1"][0], "backtesting_orders.py"),
        )
        bars = workloads.make("A1", bars=given.minutes)
        compare(given, "orders", names, bars=bars, ours="rbtlive_orders.py", peer=peer)
        return
    if given.daily:
        peers = {
            "daily": (1, PEERS["A1"][0], "backtesting_daily.py"),
            "ten": (10, PEERS["A2"][0], "bt_daily.py"),
        }
        for group, (width, *peer) in peers.items():
            names = [f"{group}-{name}" for name in DAILY[group]]
            bars = workloads.make("A2", bars=DAILY_YEARS, assets=width)
            compare(given, group, names, bars=bars, ours="rbtlive_daily.py", peer=tuple(peer))
        return
    with tempfile.TemporaryDirectory() as place:
        for workload, idioms in IDIOMS.items():
            folder = Path(place) / workload
            size = given.minutes if workload == "A1" else given.days
            workloads.store(workloads.make(workload, bars=size), folder)
            jobs = {(OURS, name): (sys.executable, "rbtlive_idioms.py") for name in idioms}
            if given.peers:
                peer, script, theirs = PEERS[workload]
                jobs |= {(peer, name): (given.peers, script) for name in theirs}
            if given.zipline:
                jobs["zipline", workload] = (given.zipline, "zipline_engine.py")
            taken: dict[tuple[str, str], list[float]] = {job: [] for job in jobs}
            for _ in range(given.repeats):
                for (engine, name), (python, script) in jobs.items():
                    us = seconds_a_bar(python, CONTENDERS / script, name, folder)
                    taken[engine, name].append(us)
            show(workload, {job: median(runs) for job, runs in taken.items()})


def compare(
    given: argparse.Namespace,
    group: str,
    names: list[str],
    *,
    bars: workloads.Bars,
    ours: str,
    peer: tuple[str, str],
) -> None:
    """Print the table of some idioms over a workload, beside one peer: the least of the
    repeats, in turn.
    """
    IDIOMS[group] = names
    jobs = {(OURS, name): (sys.executable, ours) for name in names}
    if given.peers:
        jobs |= {(peer[0], name): (given.peers, peer[1]) for name in names}
    with tempfile.TemporaryDirectory() as place:
        workloads.store(bars, Path(place))
        taken: dict[tuple[str, str], list[float]] = {job: [] for job in jobs}
        for _ in range(given.repeats):
            for (engine, name), (python, script) in jobs.items():
                us = seconds_a_bar(python, CONTENDERS / script, name, Path(place))
                taken[engine, name].append(us)
    show(group, {job: min(runs) for job, runs in taken.items()})


def show(workload: str, taken: dict[tuple[str, str], float]) -> None:
    """Print a row an idiom: our time, each peer's, and the ratio to the fastest peer."""
    peers = sorted({engine for engine, _ in taken} - {OURS})
    heads = "".join(f" us, {peer} |" for peer in peers)
    print(f"| idiom | us, {OURS} |{heads} x the best peer |")
    print("|" + " --- |" * (len(peers) + 3), flush=True)
    for name in IDIOMS[workload]:
        ours = taken[OURS, name]
        theirs = [taken.get((peer, name), taken.get((peer, workload))) for peer in peers]
        known = [us for us in theirs if us is not None]
        times = "".join(f" {'' if us is None else format(us, '.2f')} |" for us in theirs)
        ratio = format(min(known) / ours, ".2f") if known else ""
        print(f"| {name} | {ours:.2f} |{times} {ratio} |", flush=True)


if __name__ == "__main__":
    main()
