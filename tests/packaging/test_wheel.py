"""The wheel holds what the package needs at run time, and nothing of the repository
around it.
"""

import email
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_package(names):
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rbtlive").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert files <= names


def test_the_wheel_holds_sample_bars_calendars_and_their_notes(names):
    samples = {
        f"rbtlive/data/samples/us_daily_{table}.parquet"
        for table in ("bars", "splits", "dividends")
    }
    calendars = {
        f"rbtlive/data/calendars/{name}.parquet"
        for name in ("XNYS", "XLON", "XETR", "XTKS", "XHKG", "CMES")
    }
    notes = {"rbtlive/data/samples/README.md", "rbtlive/data/calendars/README.md"}

    assert samples | calendars | notes <= names


def test_the_wheel_holds_the_package_and_its_metadata_only(names):
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"rbtlive"}


def test_the_wheel_carries_licence_extras_and_the_lowest_python(wheel, names):
    (metadata_name,) = (name for name in names if name.endswith(".dist-info/METADATA"))

    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(metadata_name))

    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert {"demo", "lab", "plot", "test"} <= set(metadata.get_all("Provides-Extra"))
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_unpacked_wheel_backtests_away_from_the_sources(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = (
        "import rbtlive as rbt\n"
        "hold = "
        "{'initialize': None, 'handle_data': lambda context, data: context.order(context.symbol('IBM'), 1)}\n"
        "result = rbt.backtest(hold, rbt.load_sample('us-daily'), start='2005-01-03', "
        "end='2005-01-07')\n"
        "print(rbt.__file__)\n"
        "print(result.transactions.height)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert done.stdout.split() == [str(tmp_path / "rbtlive" / "__init__.py"), "4"]
