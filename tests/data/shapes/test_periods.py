"""Months, quarters, weeks and hours that are written or typed as periods.

Sources: pandas' PeriodIndex, tables of Eurostat, OECD and central banks, Excel's
`mmm-yy`.
"""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import UnclearData
from tests.data.shapes.plain import round_the_clock, same_minutes

MONTHS = pd.period_range("2015-01", periods=30, freq="M")
QUARTERS = pd.period_range("2015Q1", periods=20, freq="Q")
PRICES = np.arange(30) + 100.0


def dates_of(times, **asked):
    frame = pd.DataFrame({"Month": list(times), "Close": PRICES[: len(times)]})
    portal = rbt.read(frame, symbol="X", **asked)
    return portal.interval.text, portal.to_frame(portal.interval.text)["date"].to_list()


@pytest.mark.parametrize(
    "form", ["%Y-%m", "%Y/%m", "%YM%m", "%m/%Y", "%b-%y", "%b %Y", "%B %Y", "%Y-%b", "%b'%y"]
)
def test_months_as_text_end_with_their_last_session(form):
    interval, dates = dates_of(MONTHS.strftime(form))

    assert interval == "1mo"
    assert dates[:3] == [date(2015, 1, 30), date(2015, 2, 27), date(2015, 3, 31)]


def test_months_as_numbers_are_found_by_their_order():
    frame = pd.DataFrame({"date": MONTHS.strftime("%Y%m").astype(int), "close": PRICES})

    assert rbt.read(frame, symbol="X").to_frame("1mo")["date"][0] == date(2015, 1, 30)
    assert rbt.read(frame[::-1], symbol="X").to_frame("1mo")["close"][0] == 100.0


def test_a_few_counted_days_are_no_months():
    counted = [19_724, 19_725, 19_726, 19_727]  # the first sessions of 2024, as R counts
    frame = pd.DataFrame({"date": counted, "close": PRICES[:4]})

    with pytest.raises(UnclearData, match="'date' counts days"):
        rbt.read(frame, symbol="X")


def test_a_text_that_may_be_a_day_is_no_month_unless_rows_go_from_month_to_month():
    with pytest.raises(UnclearData, match="the time"):
        dates_of(["Jan-15", "Jan-16", "Jan-20"])


@pytest.mark.parametrize("form", ["{y}Q{q}", "{y}-Q{q}", "Q{q} {y}", "{q}Q{s}", "Q{q}-{y}"])
def test_of_quarters_the_length_is_refused(form):
    times = [form.format(y=p.year, q=p.quarter, s=str(p.year)[2:]) for p in QUARTERS]
    frame = pd.DataFrame({"Date": times, "Close": PRICES[:20]})

    with pytest.raises(UnclearData, match="bars are 92 days apart"):
        rbt.read(frame, symbol="X")


def test_weeks_as_text_and_as_periods_end_with_their_last_session():
    weeks = pd.period_range("2015-01-05", periods=30, freq="W-SUN")
    fridays = pd.period_range("2015-01-09", periods=30, freq="W-FRI")
    texts = [f"{p.start_time:%G-W%V}" for p in weeks]
    typed = [pd.DataFrame({"Close": PRICES}, index=index) for index in (weeks, fridays)]

    assert dates_of(texts)[1][:2] == [date(2015, 1, 9), date(2015, 1, 16)]
    for frame in typed:  # a date a week early would tell a close before it is known
        assert rbt.read(frame, symbol="X").to_frame("1w")["date"][0] == date(2015, 1, 9)


def test_periods_within_a_day_are_stamped_with_their_end():
    bars = round_the_clock()
    starts = bars["timestamp"].dt.offset_by("-1m").dt.replace_time_zone(None).to_pandas()
    frame = bars.drop("timestamp").to_pandas().set_index(pd.PeriodIndex(starts, freq="min"))

    same_minutes(rbt.read(frame), bars)


def test_dates_with_characters_for_year_month_and_day():
    text = "日付,始値,高値,安値,終値,出来高\n" + "".join(
        f"2023年1月{day}日,9,11,8,10,{day}\n" for day in (3, 4, 5, 6, 9, 10, 11, 12)
    )

    assert rbt.read(text, symbol="X").to_frame()["date"][-1] == date(2023, 1, 12)


def test_the_line_for_unknown_times_in_a_text_reads_that_text():
    text = "day;close\n" + "".join(f"R5.01.{day:02d};10{day}\n" for day in range(3, 13))

    with pytest.raises(UnclearData) as unclear:
        rbt.read(text, symbol="X", columns={"date": "day"})

    scope = {"pd": pd, "source": text.replace(";", ",")}
    exec(unclear.value.line.split("; source[")[0], scope)
    assert list(scope["source"].columns) == ["day", "close"]


def test_a_column_that_shows_its_own_decimal_sign_is_read_by_it():
    rows = [("2023-01-03", "99,91", "41171.0"), ("2023-01-04", "99,92", "1544977.0")]
    text = "date;close;volume\n" + "\n".join(";".join(row) for row in rows)
    frame = rbt.read(text, symbol="X", interval="1d").to_frame()

    assert frame.select("close", "volume").rows() == [(99.91, 41171.0), (99.92, 1544977.0)]
    assert frame.schema["volume"] == pl.Float64
