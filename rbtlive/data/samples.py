"""Sample bars that ship with the package."""

from __future__ import annotations

import io

import polars as pl

from rbtlive.data.forked_polars import refuse_in_forked_child
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import UnknownSample
from rbtlive.model.given import is_one_of

SAMPLES = {"us-daily": "XNYS"}
"""Names of the samples and their calendars."""


def load_sample(name: str = "us-daily") -> PolarsDataPortal:
    """Return sample bars as a portal.

    Args:
        name: "us-daily": daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000-03-01 to
            2013-03-01 (GOOG from 2004, FB from 2012), unadjusted, with splits and
            dividends. Pay dates are unknown and set to the ex dates.

    Raises:
        UnknownSample: there is no sample with this name.

    Example:
        >>> load_sample("us-daily").asset("AAPL").start_date
        datetime.date(2000, 3, 1)
    """
    refuse_in_forked_child("a look at bars")
    if not is_one_of(name, SAMPLES):
        raise UnknownSample(
            f"name must be a sample that ships with the package: was {name!r}; there is "
            f"{', '.join(SAMPLES)}"
        )
    return PolarsDataPortal(
        _frame(name, "bars"),
        splits=_frame(name, "splits"),
        dividends=_frame(name, "dividends"),
        calendar=SAMPLES[name],
    )


def _frame(sample: str, table: str) -> pl.DataFrame:
    from importlib.resources import files

    path = files("rbtlive.data").joinpath("samples", f"{sample.replace('-', '_')}_{table}.parquet")
    return pl.read_parquet(io.BytesIO(path.read_bytes()))
