"""Dates as numbers of days, quotes, one bar, and minutes that are seconds off: each is
read right, or asked for with a line that can be written.
"""

import re
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import UnclearData
from tests.data.shapes.plain import daily, minutes, same_daily

ONE = daily(("AAPL",))
MINUTES_OF_ONE = minutes()
DAYS = ONE["date"].to_list()
COUNTS = {
    "Excel": lambda day: (day - date(1899, 12, 30)).days,
    "R": lambda day: (day - date(1970, 1, 1)).days,
    "Stata, SAS": lambda day: (day - date(1960, 1, 1)).days,
    "Python": date.toordinal,
    "MATLAB": lambda day: day.toordinal() + 366,
    "MATLAB, as floats": lambda day: day.toordinal() + 366.0,
    "modified Julian": lambda day: (day - date(1858, 11, 17)).days,
    "Julian": lambda day: (day - date(1858, 11, 17)).days + 2_400_000.5,
}


def written(error, source):
    """Return what the line of a question gives."""
    found = {"source": source, "rbt": rbt, "pd": pd, "pl": pl}
    *before, read = re.split(r"; (?=rbt\.read|source)", error.value.line)
    exec("; ".join([*before, f"found = {read}"]), found)
    return found["found"]


@pytest.mark.parametrize("count", COUNTS.values(), ids=list(COUNTS))
@pytest.mark.parametrize("kind", ["polars", "pandas", "text"])
def test_days_are_counted_from_wherever_their_program_does(count, kind):
    frame = ONE.with_columns(date=pl.Series([count(day) for day in DAYS]))
    source = {"polars": frame, "pandas": frame.to_pandas(), "text": frame.write_csv()}[kind]

    same_daily(rbt.read(source), ONE)


def test_day_numbers_with_a_time_of_day_are_full_minutes():
    excel = datetime(1899, 12, 30, tzinfo=UTC)
    stamps = [(stamp - excel) / timedelta(days=1) for stamp in MINUTES_OF_ONE["timestamp"]]
    frame = MINUTES_OF_ONE.with_columns(timestamp=pl.Series(stamps).round(9))

    portal = rbt.read(frame, labels="end")

    assert portal.to_frame("1m")["timestamp"].equals(MINUTES_OF_ONE["timestamp"])


def test_days_that_two_programs_may_have_counted_are_asked_for():
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(40)]
    frame = pl.DataFrame({"date": [day.toordinal() for day in days], "close": 1.5})

    with pytest.raises(UnclearData, match=r"Python's day ordinals \(2024-01-01\) or MATLAB") as no:
        rbt.read(frame, symbol="BTC/USD")

    assert written(no, frame).to_frame()["date"].to_list() == days
    pandas = frame.to_pandas()
    with pytest.raises(UnclearData) as no:
        rbt.read(pandas, symbol="BTC/USD")
    assert written(no, pandas).to_frame()["date"].to_list() == days


def test_row_numbers_are_no_days():
    frame = ONE.drop("date").with_columns(index=pl.int_range(7_000, 7_000 + ONE.height))

    with pytest.raises(UnclearData, match="no column or index holds dates or times"):
        rbt.read(frame)


@pytest.mark.parametrize("names", [("bid", "ask"), ("Bid", "Ask")])
def test_quotes_are_two_prices_of_one_symbol(names):
    bid, ask = names
    frame = ONE.select("date", pl.col("close").alias(bid), (pl.col("close") + 0.01).alias(ask))

    with pytest.raises(UnclearData, match="no column is named like a close") as no:
        rbt.read(frame, symbol="AAPL")

    portal = written(no, frame)
    assert portal.to_frame()["close"].equals(frame[bid])
    assert [asset.symbol for asset in portal.assets] == ["AAPL"]


def test_one_intraday_bar_asks_for_all_that_it_cannot_show():
    bar = MINUTES_OF_ONE.head(1).with_columns(pl.col("timestamp").dt.replace_time_zone(None))

    with pytest.raises(UnclearData, match=r"no symbol has two bars(?s:.*)may be the start") as no:
        rbt.read(bar)

    assert 'interval="1m", ' in no.value.line
    assert written(no, bar).to_frame("1m").height == 1


@pytest.mark.parametrize("kind", ["polars", "pandas", "index", "csv"])
def test_minutes_that_are_a_second_late_are_rounded_by_the_line(kind, tmp_path):
    late = MINUTES_OF_ONE.with_columns(pl.col("timestamp") + pl.duration(seconds=1))
    path = tmp_path / "late.csv"
    late.write_csv(path)
    source = {
        "polars": late,
        "pandas": late.to_pandas(),
        "index": late.to_pandas().set_index("timestamp"),
        "csv": path,
    }[kind]

    with pytest.raises(UnclearData, match="1 s after a full minute") as no:
        rbt.read(source, labels="end")

    minutes = written(no, source).to_frame("1m")
    assert minutes["timestamp"].equals(MINUTES_OF_ONE["timestamp"])


def test_ticks_of_quotes_are_made_minutes_by_one_line():
    first = datetime(2024, 1, 9, 14, 30, tzinfo=UTC)
    times = [first + timedelta(milliseconds=700 * n) for n in range(2_000)]
    bid = [round(1.1 + n % 97 / 10_000, 4) for n in range(2_000)]
    ticks = pl.DataFrame({"timestamp": times, "Bid": bid, "Ask": bid})

    with pytest.raises(UnclearData, match=r"0\.7 s apart") as no:
        rbt.read(ticks, symbol="EURUSD", labels="start")

    minutes = written(no, ticks).to_frame("1m")
    in_first = [price for time, price in zip(times, bid, strict=True) if time.minute == 30]
    assert minutes.row(0)[2:6] == (in_first[0], max(in_first), min(in_first), in_first[-1])
