"""Every pipeline of the suite, against what zipline-reloaded made of it."""

from functools import cache
from typing import Any

import pytest

from tests.parity.datasets import load
from tests.parity.pipelines import facts

JOBS = facts.jobs("rbtlive")


@cache
def portal() -> Any:
    """Return the market as a portal."""
    from rbtlive import PolarsDataPortal

    data = load("pipelines_daily")
    return PolarsDataPortal(
        data.bars, assets=data.assets, splits=data.splits, dividends=data.dividends
    )


@cache
def expected() -> dict[str, dict[str, Any]]:
    """Return what zipline made of each pipeline."""
    return facts.load()


@cache
def loaders() -> dict[Any, Any]:
    """Return the loaders of the idioms' own data."""
    return facts.loaders("rbtlive", [asset.sid for asset in portal().assets])


def found(name: str, **options: Any) -> dict[str, Any]:
    """Return what rbtlive makes of a pipeline."""
    from rbtlive import run_pipeline

    make, (start, end) = JOBS[name]
    return facts.facts(
        lambda: make(portal().asset),
        lambda pipe: run_pipeline(
            pipe,
            start,
            end,
            portal(),
            frames="pandas",
            zipline_quirks=True,
            loaders=loaders(),
            **options,
        ),
    )


@pytest.mark.parametrize("name", JOBS)
def test_a_pipeline_gives_the_numbers_of_zipline(name: str):
    """Columns, assets, days and errors are zipline's; numbers agree to 1e-9."""
    assert facts.mismatch(expected()[name], found(name)) == ""
