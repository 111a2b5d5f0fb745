"""Writes what zipline-reloaded's pipeline engine makes of the suite's pipelines. Run by
hand:

    python -m tests.parity.oracle.make_pipelines --python INTERPRETER
    python -m tests.parity.oracle.make_pipelines --python INTERPRETER \\
        --seeds 60 1060 --out FILE.json

INTERPRETER has zipline-reloaded; the data is written by the one that runs the command.
"""

import argparse
import json
import os
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

from tests.parity.pipelines import facts
from tests.parity.pipelines.facts import import_zipline

MARKET = "pipelines_daily"
REPOSITORY = Path(__file__).parents[3]


def prepared(folder: Path) -> Any:
    """Ingest the market into zipline and return its engine and asset finder."""
    from tests.parity.oracle.runner import Bundle

    bundle = Bundle(folder / "data" / MARKET)
    bundle.ingest()
    loaded = import_zipline("zipline.data.bundles").load(bundle.name)
    loaders = import_zipline("zipline.pipeline.loaders")
    loader = loaders.USEquityPricingLoader.without_fx(
        loaded.equity_daily_bar_reader, loaded.adjustment_reader
    )
    own = facts.loaders(
        "zipline",
        [asset.sid for asset in loaded.asset_finder.retrieve_all(loaded.asset_finder.sids)],
    )
    engine = import_zipline("zipline.pipeline.engine").SimplePipelineEngine(
        lambda column: own.get(column, loader),
        loaded.asset_finder,
        import_zipline("zipline.pipeline.domain").US_EQUITIES,
    )
    return engine, loaded.asset_finder


def results(folder: Path, seeds: Any) -> dict[str, Any]:
    """Run every pipeline under zipline and return the facts by name."""
    import pandas as pd

    engine, finder = prepared(folder)

    def asset(symbol: str) -> Any:
        return finder.lookup_symbol(symbol, None)

    found = {}
    for key, (make, (start, end)) in facts.jobs("zipline", seeds).items():
        days = pd.Timestamp(start), pd.Timestamp(end)
        found[key] = facts.facts(
            lambda make=make: make(asset), lambda pipe, days=days: engine.run_pipeline(pipe, *days)
        )
    return found


def made_by(python: Path, seeds: Any) -> dict[str, Any]:
    """Return the facts that an interpreter with zipline makes."""
    from tests.parity.oracle.make_expected import write_data

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder / "data" / MARKET, MARKET)
        environment = os.environ | {
            "PYTHONPATH": str(REPOSITORY),
            "ZIPLINE_ROOT": str(folder / "root"),
        }
        command = [python, "-m", "tests.parity.oracle.make_pipelines", "--inside", folder]
        bounds = [str(seeds.start), str(seeds.stop)]
        subprocess.run([*command, "--seeds", *bounds], check=True, env=environment)
        return json.loads((folder / "facts.json").read_text())  # type: ignore[no-any-return]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seeds", nargs=2, type=int)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    seeds = range(*options.seeds) if options.seeds else facts.SEEDS
    if options.inside:
        warnings.simplefilter("ignore")
        text = json.dumps(results(options.inside, seeds))
        (options.inside / "facts.json").write_text(text)
        return
    found = made_by(options.python, seeds)
    if options.out:
        options.out.write_text(json.dumps(found))
    else:
        facts.store(found)
    errors = [name for name, one in found.items() if "error" in one]
    print(len(found), "pipelines,", len(errors), "of them errors:", *errors)


if __name__ == "__main__":
    main()
