"""Run many simulated worlds, and report those that go wrong.

    python scripts/simulate.py --seeds 1000-2000
    python scripts/simulate.py --seeds 17,42 --jobs 2

Exit status is 1 if one does; each is reported with its seed and the shortest list of faults
that causes it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.simulation.world import description_of, run, scenario_of, wrong_in


def seeds_of(text: str) -> list[int]:
    """Return the seeds that a text like "3,10-12" names.

    Raises:
        argparse.ArgumentTypeError: it names none.
    """
    found: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"seeds must be like 17 or 3,10-12: was {text!r}"
        ) from None
    if not found:
        raise argparse.ArgumentTypeError(f"seeds must name at least one: was {text!r}")
    return found


def judge(seed: int) -> tuple[int, str, Counter[str], str]:
    """Run one seed, and return it with what is to be reported, which faults struck, and its
    journal's hash.
    """
    scenario = scenario_of(seed)
    outcome = run(scenario)
    wrong = wrong_in(scenario, outcome)
    return seed, description_of(scenario) if wrong else "", outcome.struck, outcome.hash


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds", type=seeds_of, required=True, help="like 17 or 3,10-12 or 1000-2000"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes at the same time")
    parser.add_argument("--hashes", action="store_true", help="print the hash of each journal")
    options = parser.parse_args()
    failed: list[int] = []
    struck: Counter[str] = Counter()
    with ProcessPoolExecutor(max_workers=options.jobs) as pool:
        for seed, text, faults, journal_hash in pool.map(judge, options.seeds):
            struck += faults
            if options.hashes:
                print(seed, journal_hash)
            if text:
                failed.append(seed)
                print(text, flush=True)
    print(
        f"{len(options.seeds)} worlds, {sum(struck.values())} faults of {len(struck)} kinds, "
        f"{len(failed)} went wrong"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
