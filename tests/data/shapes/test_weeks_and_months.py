"""Weeks and months that are dated by the day on which they start, or end.

Sources: pandas' `resample`; the shapes of MetaTrader 5, Polygon, Kraken and Oanda, which
stamp the start of a week. Expected bars are those of pandas' own weeks and months of the
same days.
"""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import DataWarning, UnclearData
from tests.data.shapes.plain import FIELDS, daily, pandas_of, same_daily

DAYS = pandas_of(daily(("AAPL",))).set_index("date")
HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def longer(rule: str, **how: str) -> pd.DataFrame:
    return DAYS.resample(rule, **how).agg(HOW)


def known(rule: str) -> pl.DataFrame:
    """Return weeks or months at their last session, as pandas finds them."""
    bars = longer(rule)
    last = DAYS.index.to_series().resample(rule).last()
    frame = pl.DataFrame({name: bars[name].to_numpy() for name in FIELDS})
    dates = pl.Series("date", [at.date() for at in last])
    return frame.with_columns(dates, symbol=pl.lit("AAPL"))


WEEKS, MONTHS = known("W"), known("ME")


@pytest.mark.parametrize(
    ("rule", "how", "labels", "expected"),
    [
        ("W", {}, "end", WEEKS),
        ("W", {"label": "left"}, "start", WEEKS),
        ("W-FRI", {}, None, WEEKS),
        ("W-FRI", {"label": "left"}, "start", WEEKS),
        ("W-MON", {"label": "left", "closed": "left"}, None, WEEKS),
        ("W-MON", {"label": "left", "closed": "left"}, "start", WEEKS),
        ("ME", {}, None, MONTHS),
        ("MS", {}, "start", MONTHS),
        ("ME", {"label": "left"}, "start", MONTHS),
    ],
)
def test_weeks_and_months_stand_where_they_end(rule, how, labels, expected):
    same_daily(rbt.read(longer(rule, **how), symbol="AAPL", labels=labels), expected)


def test_which_end_a_sunday_of_text_is_is_asked_for():
    """The week before or the week after: as the other one, a close is known too early."""
    with pytest.raises(UnclearData, match="weeks dated on a weekend") as unclear:
        rbt.read(longer("W").reset_index().to_csv(), symbol="AAPL")

    assert 'labels="start"' in unclear.value.line


def test_a_sunday_of_a_frame_is_an_end_as_pandas_means_it_and_a_warning_says_so():
    bars = longer("W")

    with pytest.warns(DataWarning, match=r"taken to end there.*labels=\"start\"") as warned:
        read = rbt.read(bars, symbol="AAPL")
    same_daily(read, WEEKS)
    assert warned[0].filename == __file__


def test_a_backtest_of_weeks_dated_on_sundays_warns_too():
    bars = longer("W", label="left").reset_index().assign(symbol="AAPL")
    strategy = {"initialize": lambda context: None}

    for frame in (bars, pl.DataFrame(bars.to_dict("list"))):
        with pytest.warns(DataWarning, match="known a week too early"):
            rbt.backtest(strategy, frame, frequency="1w", progress=False)
    portal = rbt.read(bars, labels="start")
    assert rbt.backtest(strategy, portal, frequency="1w", progress=False).performance.height


def test_periods_are_dated_by_their_end_and_ask_nothing():
    weeks = longer("W")
    typed = weeks.set_axis(weeks.index.to_period("W"))
    text = weeks.set_axis(weeks.index.strftime("%G-W%V")).rename_axis("Week").reset_index()

    same_daily(rbt.read(typed, symbol="AAPL"), WEEKS)
    same_daily(rbt.read(text, symbol="AAPL"), WEEKS)


def epochs(starts: pd.DatetimeIndex) -> np.ndarray:
    return starts.as_unit("s").astype("int64").to_numpy()


def test_vendors_that_stamp_the_start_of_a_week_are_known():
    weeks = longer("W", label="left")
    sundays = epochs(weeks.index)
    metatrader = weeks.rename(columns={"volume": "tick_volume"}).assign(
        time=sundays, spread=1, real_volume=0
    )
    polygon = [
        {"t": 1_000 * int(at) + 18_000_000, "o": o, "h": h, "l": low, "c": c, "v": v, "n": 1}
        for at, (o, h, low, c, v) in zip(sundays, weeks.to_numpy(), strict=True)
    ]

    same_daily(rbt.read(metatrader.reset_index(drop=True), symbol="AAPL"), WEEKS)
    same_daily(rbt.read({"ticker": "AAPL", "results": polygon}), WEEKS)


def test_a_week_that_begins_on_a_thursday_is_not_told_on_the_sunday_within():
    """Kraken's weeks are counted from 1970-01-01."""
    thursdays = range(1_672_876_800, 1_680_000_000, 7 * 86_400)
    rows = [[at, "1", "2", "0.5", "1.5", "1.2", "10", 3] for at in thursdays]

    bars = rbt.read(rows, symbol="XBTUSD").to_frame("1w")

    assert bars["date"][0] == date(2023, 1, 15)  # 5 to 11 January


def test_weeks_and_months_of_oanda_start_the_evening_before():
    def answer(granularity, times):
        mid = {"o": "1.1", "h": "1.2", "l": "1.0", "c": "1.15"}
        candles = [{"time": at, "complete": True, "volume": 9, "mid": mid} for at in times]
        return {"instrument": "EUR_USD", "granularity": granularity, "candles": candles}

    fridays = [
        f"{at:%Y-%m-%d}T22:00:00Z" for at in pd.date_range("2023-01-06", periods=9, freq="7D")
    ]
    months = [
        f"{at:%Y-%m-%d}T22:00:00Z" for at in pd.date_range("2022-12-31", periods=5, freq="ME")
    ]

    assert rbt.read(answer("W", fridays)).to_frame("1w")["date"][0] == date(2023, 1, 13)
    assert rbt.read(answer("M", months)).to_frame("1mo")["date"][0] == date(2023, 1, 31)


def test_weeks_of_interactive_brokers_are_dated_by_their_last_day():
    weeks = longer("W-FRI").assign(average=1.0, barCount=3)
    weeks.index = pd.Index([at.date() for at in weeks.index], name="date")

    same_daily(rbt.read(weeks, symbol="AAPL"), WEEKS)
