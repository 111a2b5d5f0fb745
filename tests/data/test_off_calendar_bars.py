"""A portal made of the long form refuses to lose its rows, and names the cause."""

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import BarOutsideSession, DataWarning, RowsLost
from tests.data.shapes.plain import daily, minutes, same_bars

MINUTES = minutes()


def moved(expression):
    return MINUTES.with_columns(timestamp=expression)


@pytest.fixture(params=["frame", "csv", "parquet", "scanned"])
def portal_of(request, tmp_path):
    """Make a portal of minutes in one of the forms that it takes."""

    def make(frame):
        if request.param == "frame":
            return rbt.PolarsDataPortal(None, minute_bars=frame)
        path = tmp_path / f"bars.{'csv' if request.param == 'csv' else 'parquet'}"
        (frame.write_csv if request.param == "csv" else frame.write_parquet)(path)
        in_memory = False if request.param == "scanned" else None
        return rbt.PolarsDataPortal(None, minute_bars=path, in_memory=in_memory)

    return make


def test_minutes_stamped_at_their_start_are_refused(portal_of):
    starts = moved(pl.col("timestamp").dt.offset_by("-1m"))

    with pytest.raises(RowsLost, match="look stamped at the start") as refused:
        portal_of(starts)
    assert refused.value.line == 'rbt.read(bars, labels="start")'
    same_bars(rbt.read(starts, labels="start"), MINUTES)


def test_minutes_in_new_york_time_are_refused(portal_of):
    local = pl.col("timestamp").dt.convert_time_zone("America/New_York")
    wall = moved(local.dt.replace_time_zone(None))

    with pytest.raises(RowsLost, match="look like America/New_York time") as refused:
        portal_of(wall)
    assert refused.value.line == 'rbt.read(bars, tz="America/New_York")'
    same_bars(rbt.read(wall, tz="America/New_York"), MINUTES)


def test_one_row_in_a_hundred_is_left_out_with_a_warning(portal_of):
    night = MINUTES[:5].with_columns(pl.col("timestamp").dt.offset_by("-12h"))

    with pytest.warns(DataWarning, match="5 of 1175 minute_bars are left out"):
        portal = portal_of(pl.concat([night, MINUTES]))

    same_bars(portal, MINUTES)


def test_dates_of_another_exchange_name_it():
    with pytest.raises(BarOutsideSession, match="the dates look like XLON's"):
        rbt.PolarsDataPortal(daily(("VOD",), calendar="XLON"))


def test_dates_a_day_late_name_the_reader():
    late = daily().with_columns(pl.col("date").dt.offset_by("1d"))

    with pytest.raises(BarOutsideSession, match=r"write: rbt\.read\(bars\)"):
        rbt.PolarsDataPortal(late)
    same_bars(rbt.read(late), daily())
