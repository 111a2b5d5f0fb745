"""Writes the expected results of the parity suite by running every strategy under
zipline-reloaded. Run by hand:

    python -m tests.parity.oracle.make_expected --venv FOLDER            # builds the
    environment in FOLDER first python -m tests.parity.oracle.make_expected --python
    INTERPRETER     # uses one that has zipline-reloaded
    ... --case NAME --case NAME                                          # only these

The interpreter needs ta-lib too: one of zipline's shipped examples does.

One rule: nothing is written unless every case ended as its settings say it does.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import polars as pl

from tests.parity import compare
from tests.parity.cases import Case, all_cases
from tests.parity.datasets import load

VERSION = "3.2.1"
REPOSITORY = Path(__file__).parents[3]
GZIP_ABOVE_BYTES = 100_000
_SHIPPED_GLOBALS = {"zipline.examples.olmar": {"STOCKS": ["AAPL", "IBM", "MSFT"]}}


def build_venv(folder: Path) -> Path:
    """Make a virtual environment with zipline-reloaded in `folder` and return its
    interpreter.
    """
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", f"zipline-reloaded=={VERSION}", "ta-lib"],
        check=True,
    )
    return python


def write_data(folder: Path, name: str) -> None:
    """Write a data set as the CSV files that the runner reads."""
    data = load(name)
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"calendar": data.calendar}))
    frames: dict[str, pl.DataFrame | None] = {
        "bars": data.bars,
        "assets": data.assets,
        "splits": data.splits,
        "dividends": data.dividends,
        "minute_bars": data.minute_bars,
    }
    for table, frame in frames.items():
        if frame is not None:
            frame.write_csv(folder / f"{table}.csv", datetime_format="%Y-%m-%dT%H:%M:%S%z")


def job(case: Case) -> dict[str, Any]:
    """Return what the runner needs to know of a case."""
    settings = {
        "name": case.name,
        "path": str(case.path),
        "data": case.data,
        "start": case.start,
        "end": case.end,
        "capital_base": case.capital_base,
        "data_frequency": case.data_frequency,
    }
    if case.twin_of:
        return settings | {
            "module": case.twin_of,
            "globals": _SHIPPED_GLOBALS.get(case.twin_of, {}),
        }
    return settings


def run_all(python: Path, cases: list[Case], folder: Path) -> dict[str, dict[str, Any]]:
    """Run the cases under zipline and return their facts by name; a twin's own file
    runs too, as NAME.twin.
    """
    (folder / "results").mkdir()
    for name in sorted({case.data for case in cases}):
        write_data(folder / "data" / name, name)
    jobs = [job(case) for case in cases]
    for case in cases:
        if case.twin_of:
            plain = job(case) | {"name": f"{case.name}.twin"}
            jobs.append(
                {key: value for key, value in plain.items() if key not in ("module", "globals")}
            )
    (folder / "jobs.json").write_text(json.dumps(jobs))
    paths = os.pathsep.join([str(REPOSITORY), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    environment = os.environ | {"PYTHONPATH": paths, "ZIPLINE_ROOT": str(folder / "root")}
    subprocess.run(
        [python, "-m", "tests.parity.oracle.runner", folder / "jobs.json"],
        check=True,
        env=environment,
    )
    return {
        path.name.removesuffix(".json"): json.loads(path.read_text())
        for path in (folder / "results").glob("*.json")
    }


def check(case: Case, facts: dict[str, dict[str, Any]]) -> list[str]:
    """Return what is wrong with a case's results: another ending than expected, or a
    twin that differs.
    """
    found = (facts[case.name]["error"] or {}).get("type")
    problems = (
        []
        if found == case.error
        else [f"{case.name}: ended with {found}, its settings say {case.error}"]
    )
    if case.twin_of:
        twin = facts[f"{case.name}.twin"]
        problems += [str(found) for found in compare.mismatches(case.name, facts[case.name], twin)]
    return problems


def write(case: Case, facts: dict[str, Any]) -> None:
    """Store a case's facts, compressed if large; the same facts give the same bytes."""
    text = json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()
    plain, packed = (
        compare.EXPECTED / f"{case.name}.json",
        compare.EXPECTED / f"{case.name}.json.gz",
    )
    plain.unlink(missing_ok=True)
    packed.unlink(missing_ok=True)
    if len(text) > GZIP_ABOVE_BYTES:
        packed.write_bytes(gzip.compress(text, mtime=0))
    else:
        plain.write_bytes(text)


def main() -> int:
    """Run the command; return 1 if a case did not end as expected."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--venv", type=Path, help="folder for a new virtual environment with zipline-reloaded"
    )
    where.add_argument("--python", type=Path, help="an interpreter that has zipline-reloaded")
    parser.add_argument("--case", action="append", help="run only this case (repeatable)")
    parser.add_argument(
        "--keep", type=Path, help="work in this new folder and leave it, tracebacks included"
    )
    options = parser.parse_args()
    cases = [case for case in all_cases() if not options.case or case.name in options.case]
    python = options.python or build_venv(options.venv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "work"
        folder.mkdir(parents=True)
        facts = run_all(python.absolute(), cases, folder)
    problems = [problem for case in cases for problem in check(case, facts)]
    print(*problems, sep="\n", file=sys.stderr)
    if problems:
        return 1
    compare.EXPECTED.mkdir(exist_ok=True)
    for case in cases:
        write(case, facts[case.name])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
