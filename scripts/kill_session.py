"""Kill a trading session many times, at random instants and at every named point, and
report the outcome.

    python scripts/kill_session.py --deaths 200
    python scripts/kill_session.py --deaths 40 --each-point 2 --venue-deaths 10 --seed 7

A session trades through AlpacaBroker at a venue, in two processes. A killed session is
attached again and runs to the end. Then

* the ids at the venue must be those of the intents that arrived, each once;
* positions, cash and fills must agree on both sides;
* everything must equal a run that was never killed.

Meanwhile the venue pays dividends and interest, takes fees and a deposit, limits
requests, renames one asset overnight and splits another; the journal is packed in
small blocks. Exit status is 1 if a run is wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.faults.venue_host import POINTS
from tests.faults.venue_killing import Ground, Life, Run, random_lives

DEATHS_A_RUN = 8
LATEST_TIMES = 4
"""A point of a run is met at least so often, those of a session's close and of refusals
once.
"""


class Tally:
    """What was done so far, and what of it went wrong."""

    def __init__(self) -> None:
        self.killed: Counter[str] = Counter()
        self.deaths: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.runs = self.orders = self.wrong = self.packed = 0

    def take(self, run: Run, *, unbroken: Run | None, what: str) -> None:
        """Count a run, and tell what is wrong with it."""
        self.runs += 1
        self.orders += len(run.ids)
        self.packed += run.packed
        self.killed += run.killed
        self.deaths += run.deaths
        self.missed.update(run.missed)
        found = run.wrong(unbroken)
        self.wrong += bool(found)
        for sentence in found:
            print(f"{what}: {sentence}", flush=True)

    def tell(self, seconds: float) -> None:
        """Print the figures."""
        for point, count in self.deaths.items():
            print(f"{count:5} deaths {point}")
        for who, count in self.killed.items():
            print(f"{count:5} deaths at random instants: {who}")
        for point, count in self.missed.items():
            print(f"{count:5} times nothing died {point}: the run did not come there so often")
        total = self.killed.total() + self.deaths.total()
        print(
            f"{total} deaths in {self.runs} runs, {self.orders} orders at the venue, "
            f"{self.packed} packed stretches of journals, {seconds:.0f} s; "
            f"{self.wrong} runs came out wrong"
        )


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--deaths", type=int, default=200, help="sessions killed at random instants"
    )
    parser.add_argument(
        "--each-point", type=int, default=4, help="sessions that die at each named point"
    )
    parser.add_argument(
        "--venue-deaths", type=int, default=10, help="venues killed, with the session and alone"
    )
    parser.add_argument(
        "--ratio", default="0.5", help="of the night's split: 0.5 is two for one, 4 one for four"
    )
    parser.add_argument("--seed", type=int, default=0, help="what the instants are drawn from")
    wanted = parser.parse_args(arguments)
    chance, tally, began = random.Random(wanted.seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(Path(folder), ratio=wanted.ratio)
        try:
            unbroken = ground.run([])
            tally.take(unbroken, unbroken=None, what="the unbroken run")
            _kill_at_points(ground, tally, unbroken, times=wanted.each_point)
            _kill_at_random(ground, tally, unbroken, deaths=wanted.deaths, chance=chance)
            _kill_venues(ground, tally, unbroken, deaths=wanted.venue_deaths, chance=chance)
        finally:
            ground.close()
    tally.tell(time.monotonic() - began)
    return (
        1
        if tally.wrong or tally.deaths.keys() != (POINTS.keys() if wanted.each_point else set())
        else 0
    )


def _kill_at_points(ground: Ground, tally: Tally, unbroken: Run, *, times: int) -> None:
    for point in POINTS:
        for number in range(1, times + 1):
            # These bars have one close, and few refusals: there a session dies again
            # and again in one run.
            once = "snapshot" in point or "refusal" in point
            lives = (
                [Life(point)] * number if once else [Life(point, 1 + (number - 1) % LATEST_TIMES)]
            )
            tally.take(ground.run(lives), unbroken=unbroken, what=f"{point}, {number}")


def _kill_at_random(
    ground: Ground, tally: Tally, unbroken: Run, *, deaths: int, chance: random.Random
) -> None:
    while tally.killed["session"] < deaths:
        left = deaths - tally.killed["session"]
        lives = random_lives(chance, min(left, DEATHS_A_RUN))
        tally.take(ground.run(lives), unbroken=unbroken, what=f"killed {lives}")


def _kill_venues(
    ground: Ground, tally: Tally, unbroken: Run, *, deaths: int, chance: random.Random
) -> None:
    for number in range(deaths):
        who = "both" if number % 2 else "venue"
        lives = random_lives(chance, 1, who=who)
        # A session whose venue dies does not send again what may have arrived: that run
        # may have fewer orders.
        tally.take(
            ground.run(lives), unbroken=None if who == "venue" else unbroken, what=f"killed {lives}"
        )


if __name__ == "__main__":
    sys.exit(main())
