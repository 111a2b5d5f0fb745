"""The script that makes the samples: it gives the shipped files again, and refuses a
source it cannot explain.
"""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("us_daily_bars", "us_daily_splits", "us_daily_dividends")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_samples", ROOT / "scripts" / "make_samples.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def source(*rows: tuple[int, float, float], symbol: str = "AAPL") -> pl.DataFrame:
    """Return source rows from (day of November 2012, close, adjusted close)."""
    columns = [(date(2012, 11, day), symbol, close, adjusted) for day, close, adjusted in rows]
    return pl.DataFrame(columns, schema=["date", "symbol", "close", "adj_close"], orient="row")


def test_the_script_makes_the_files_that_ship(script, tmp_path, capsys):
    script.main(tmp_path)

    for name in NAMES:
        shipped = ROOT / "rbtlive" / "data" / "samples" / f"{name}.parquet"
        assert pl.read_parquet(tmp_path / f"{name}.parquet").equals(pl.read_parquet(shipped))
    printed = capsys.readouterr().out
    assert "12154 rows, 0 left out because their date is no XNYS session" in printed
    assert "3 splits, 92 dividends" in printed


def test_a_dividend_is_read_from_the_step_of_the_adjusted_close(script):
    rows = source((7, 102.0, 100.0), (8, 100.0, 100.0), (9, 100.0, 100.0))

    changes = script.steps(rows)

    assert script.derive_splits(changes).is_empty()
    assert script.derive_dividends(changes).rows() == [
        ("AAPL", date(2012, 11, 8), date(2012, 11, 8), 2.0)
    ]


@pytest.mark.parametrize(("before", "ratio"), [(200.0, 0.5), (150.0, 2 / 3), (10.0, 10.0)])
def test_a_split_is_read_as_a_simple_fraction(script, before, ratio):
    rows = source((7, before, 100.0), (8, 101.0, 101.0))

    changes = script.steps(rows)

    assert script.derive_dividends(changes).is_empty()
    assert script.derive_splits(changes).rows() == [("AAPL", date(2012, 11, 8), ratio)]


def test_a_price_that_jumps_without_a_step_is_neither(script):
    assert script.steps(source((7, 200.0, 100.0), (8, 100.0, 50.0))).is_empty()


def test_a_step_with_a_jump_that_is_no_simple_fraction_is_refused(script):
    changes = script.steps(source((7, 203.3333, 100.0), (8, 100.0, 100.0)))

    with pytest.raises(
        ValueError, match=r"the split of AAPL on 2012-11-08 must be a simple fraction: was 2\.03"
    ):
        script.derive_splits(changes)


def test_a_split_left_out_shows_as_disagreement_with_the_source(script):
    rows = source((7, 200.0, 100.0), (8, 101.0, 101.0))
    splits = script.derive_splits(script.steps(rows))
    dividends = script.derive_dividends(script.steps(rows))

    assert script.disagreement(script.adjusted_close(rows, splits, dividends), rows) < 1e-12
    assert script.disagreement(
        script.adjusted_close(rows, splits.clear(), dividends), rows
    ) == pytest.approx(1.0)
