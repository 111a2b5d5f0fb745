"""Bars counted from full hours, as Polygon, Alpaca and Interactive Brokers send them, on
an exchange that opens at half past.
"""

import itertools
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import datetime_of, get_calendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.errors import RowsLost
from rbtlive.model.interval import Interval
from tests.data.shapes.plain import FIELDS, reads, same_bars

XNYS = get_calendar("XNYS")
HALF_DAY = XNYS.number(datetime(2023, 11, 24).date())  # noqa: DTZ001 - a label


def clock_bars(minutes, *, first=HALF_DAY - 6, sessions=14):
    """Return bars of full hours in New York, by their start, and where they belong."""
    grid = BarGrid(XNYS, Interval.parse(f"{minutes}m"))
    starts, ends = [], []
    for session in range(first, first + sessions):
        opened, closed = XNYS.open(session), XNYS.close(session)
        day = pd.Timestamp(opened).tz_convert("America/New_York").normalize()
        for place in itertools.count():
            start = day + pd.Timedelta(minutes=place * minutes)
            end = start + pd.Timedelta(minutes=minutes)
            if start >= closed:
                break
            if end > opened:
                starts.append(start)
                slot = grid.end_of(int(min(end, pd.Timestamp(closed)).timestamp()) * 1_000_000)
                ends.append(datetime_of(slot))
                assert ends[-1] >= min(end, closed)
    closes = np.round(100 + np.random.default_rng(1).normal(0, 1, len(starts)).cumsum(), 2)
    prices = {"open": closes, "high": closes + 0.5, "low": closes - 0.5, "close": closes}
    frame = pd.DataFrame({**prices, "volume": 1000.0}, index=pd.DatetimeIndex(starts))
    times = pl.Series("timestamp", ends).cast(pl.Datetime("us", "UTC"))
    expected = pl.DataFrame(
        {"timestamp": times, "symbol": ["AAPL"] * len(ends)}
        | {name: frame[name].to_numpy() for name in FIELDS}
    )
    return frame, expected


@pytest.mark.parametrize("minutes", [60, 120, 240])
@pytest.mark.parametrize("clock", ["New York", "UTC"])
def test_the_line_of_the_error_loads_each_bar_at_the_end_it_is_known_by(minutes, clock):
    frame, expected = clock_bars(minutes, first=HALF_DAY - 6 if minutes == 60 else HALF_DAY + 1)
    assert expected["timestamp"].is_unique().all()
    if clock == "UTC":
        frame = frame.tz_convert("UTC")

    reads(frame, expected, symbol="AAPL", interval=f"{minutes // 60}h")


def test_which_end_is_stamped_is_asked_for_in_the_same_error():
    frame, expected = clock_bars(60, first=HALF_DAY + 1, sessions=8)
    after_ten = (frame.index.hour > 9).nonzero()[0]

    reads(
        frame.iloc[after_ten],
        expected[after_ten.tolist()],
        symbol="AAPL",
        interval="1h",
        labels="start",
    )


def test_bars_before_the_open_and_after_the_close_are_left_out():
    frame, expected = clock_bars(60, first=HALF_DAY + 1, sessions=8)
    night = [
        frame.iloc[[place]].set_axis([start + pd.Timedelta(hours=hours)])
        for place, start in enumerate(frame.index)
        for hours in range(-5, 11)
        if start.hour == 9 and not 9 <= start.hour + hours < 16
    ]
    whole = pd.concat([frame, *night]).sort_index()

    portal = rbt.read(whole, symbol="AAPL", interval="1h")

    same_bars(portal, expected)
    assert portal.report().left_out == {"before the open or after the close": len(night)}
    assert any("counted from full hours" in note for note in portal.report().notes)


def test_full_hours_of_no_zone_that_fits_are_refused():
    frame, _ = clock_bars(60)

    with pytest.raises(RowsLost, match="no 1h bar of XNYS"):
        rbt.read(frame.tz_localize(None).tz_localize("Asia/Tokyo"), symbol="AAPL", interval="1h")
