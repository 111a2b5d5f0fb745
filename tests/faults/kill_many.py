"""Kill sessions as often as wanted:
`python -m tests.faults.kill_many --deaths 200 --seed 1`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.builders import rows_of
from tests.faults.killing import KILLED, Host


def main(arguments: list[str] | None = None) -> int:
    """Kill sessions at random instants and commits until enough have died; return how
    many runs came out wrong.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deaths", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sessions", type=int, default=60)
    wanted = parser.parse_args(arguments)
    chance, host = random.Random(wanted.seed), Host()
    deaths = runs = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        host.run(Path(folder) / "unbroken", wanted.sessions)
        unbroken = rows_of(Path(folder) / "unbroken", "s")
        while deaths < wanted.deaths:
            runs += 1
            place = Path(folder) / str(runs)
            for _death in range(chance.randint(1, 5)):
                if chance.random() < 0.5:
                    code, _reported = host.run(
                        place, wanted.sessions, kill_after=chance.randrange(wanted.sessions)
                    )
                else:
                    code, _reported = host.run(
                        place,
                        wanted.sessions,
                        crash_at=chance.choice((-1, 1)) * chance.randint(1, 20),
                    )
                deaths += code == KILLED
            code, _reported = host.run(place, wanted.sessions)
            if rows_of(place, "s") != unbroken:
                wrong += 1
                print(f"run {runs} of seed {wanted.seed} differs from the unbroken one")
    host.close()
    print(f"{deaths} deaths in {runs} runs, {wrong} runs differ from the unbroken one")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main()))
