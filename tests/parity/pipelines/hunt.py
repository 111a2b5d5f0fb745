"""Runs random trees of terms under rbtlive and prints what differs from zipline. Run by
hand:

    python -m tests.parity.oracle.make_pipelines --python INTERPRETER \\
        --seeds 60 1060 --out FILE.json
    python -m tests.parity.pipelines.hunt FILE.json
"""

import json
import sys
import warnings
from pathlib import Path

from tests.parity.pipelines import facts


def main(path: Path) -> int:
    """Compare every tree of a file; return how many differ."""
    from rbtlive import PolarsDataPortal, run_pipeline
    from tests.parity.datasets import load

    warnings.simplefilter("ignore")
    expected = {name: one for name, one in json.loads(path.read_text()).items() if "tree" in name}
    data = load("pipelines_daily")
    portal = PolarsDataPortal(
        data.bars, assets=data.assets, splits=data.splits, dividends=data.dividends
    )
    jobs = facts.jobs("rbtlive", [int(name.removeprefix("tree_")) for name in expected])
    different = 0
    for name, one in expected.items():
        make, (start, end) = jobs[name]
        found = facts.facts(
            lambda make=make: make(portal.asset),
            lambda pipe, days=(start, end): run_pipeline(
                pipe, *days, portal, frames="pandas", zipline_quirks=True
            ),
        )
        problem = facts.mismatch(one, found)
        if problem:
            different += 1
            print(name, problem, flush=True)
    print(different, "of", len(expected), "differ")
    return different


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
