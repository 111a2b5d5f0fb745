"""Plays random strategies under zipline-reloaded and under rbtlive, and tells where
they part. Run by hand:

    python -m tests.parity.oracle.fuzz --python INTERPRETER --seeds 1 40
    ... --write FOLDER            # keep the strategies, to make cases of them

One rule: a seed decides everything, so that a difference can be played again.
"""

import argparse
import random
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.parity import compare
from tests.parity.cases import Case, read_case
from tests.parity.oracle.make_expected import run_all
from tests.parity.test_zipline_parity import Run

SHOWN = 8
_SOURCE = '''"""{summary}"""

import zipline.api as api
from tests.parity.gambler import Gambler

CASE = {settings}
LOG = []
PLAYER = Gambler(api, LOG, seed={seed}, symbols="{symbols}", rate={rate}, benchmark={benchmark!r})
initialize, before_trading_start, handle_data = PLAYER.initialize, PLAYER.before_trading_start, PLAYER.handle_data
'''


@dataclass(frozen=True)
class Table:
    """Where gamblers play: a data set, its symbols, the days of a run, and how often
    they act.
    """

    data: str
    symbols: str
    days: tuple[str, ...]
    frequency: str
    rate: float
    benchmark: str | None


TABLES = (
    Table("edge_daily", "ALFA DIVI DIVQ GAPS GONE LATE QUIT SPLT THIN VOLA",
          ("2017-01-03", "2017-01-27", "2017-02-24", "2017-04-03", "2017-04-27", "2017-06-09", "2017-09-05", "2017-12-29", "2018-07-06"),
          "daily", 0.8, "DIVI"),
    Table("edge_minute", "ABLE BAKE CHEF DUNE",
          ("2012-11-19", "2012-11-20", "2012-11-21", "2012-11-23", "2012-11-26", "2012-11-27", "2012-11-28", "2012-11-29"),
          "minute", 0.04, "ABLE"),
    Table("crypto_minute", "BITC ETHR", ("2018-03-02", "2018-03-03", "2018-03-04"), "minute", 0.02, None),
    Table("crypto_daily", "BITC ETHR", ("2018-01-12", "2018-02-01", "2018-03-15", "2018-05-31"), "daily", 0.8, None),
)  # fmt: skip


def source(seed: int) -> str:
    """Return the strategy of a seed."""
    dice = random.Random(seed)
    table = dice.choices(TABLES, weights=[6, 4, 1, 1])[0]
    first, last = sorted(dice.sample(range(len(table.days)), 2))
    settings = {
        "data": table.data,
        "start": table.days[first],
        "end": table.days[last],
        "data_frequency": table.frequency,
        "capital_base": dice.choice([5_000.0, 50_000.0, 100_000.0]),
    }
    return _SOURCE.format(
        summary=f"What a gambler of seed {seed} does on {table.data}.",
        settings=settings,
        seed=seed,
        symbols=table.symbols,
        rate=table.rate,
        benchmark=table.benchmark,
    )


def differences(case: Case, facts: dict[str, object], folder: Path) -> Iterator[str]:
    """Yield how rbtlive's backtest, and its paper session, differ from zipline's facts."""
    for mode in ("backtest", "paper"):
        place = folder / f"{case.name}-{mode}"
        place.mkdir()
        run = Run(case, place)
        run = run.paper(quirks=True) if mode == "paper" else run.backtest(quirks=True)
        found = compare.mismatches(case.name, facts, run.facts())
        if found:
            yield f"{case.name} ({mode}): {len(found)} mismatches, ended with {run.error!r}"
            yield from (f"    {mismatch}" for mismatch in found[:SHOWN])


def main() -> int:
    """Run the command; return 1 if anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python", type=Path, required=True, help="an interpreter that has zipline-reloaded"
    )
    parser.add_argument("--seeds", type=int, nargs=2, required=True, metavar=("FIRST", "LAST"))
    parser.add_argument("--write", type=Path, help="leave the strategies in this folder")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        strategies = options.write or folder / "strategies"
        strategies.mkdir(parents=True, exist_ok=True)
        cases = []
        for seed in range(options.seeds[0], options.seeds[1] + 1):
            path = strategies / f"dice_{seed:04d}.py"
            path.write_text(source(seed), encoding="utf-8")
            cases.append(read_case(path))
        (folder / "oracle").mkdir()
        facts = run_all(options.python.absolute(), cases, folder / "oracle")
        summary = [line for case in cases for line in differences(case, facts[case.name], folder)]
    print(*summary, f"{len(cases)} strategies played", sep="\n")
    return 1 if summary else 0


if __name__ == "__main__":
    raise SystemExit(main())
