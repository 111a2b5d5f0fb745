"""Rows about days to come: estimates and announced events."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.pipeline import CustomFactor, Pipeline
from rbtlive.pipeline.data import Column, DataSet, USEquityPricing
from rbtlive.pipeline.factors import BusinessDaysUntilNextEvent
from rbtlive.pipeline.loaders import DataFrameLoader

SYMBOLS = ("AA", "BB", "CC")
DAYS = [date(2016, 3, 1) + timedelta(days=n) for n in range(45)]
SESSIONS = [day for day in DAYS if day.weekday() < 5 and day != date(2016, 3, 25)]


class Next(DataSet):
    eps = Column(float)
    ends = Column("datetime64[ns]")


class Previous(DataSet):
    eps = Column(float)


def market() -> pl.DataFrame:
    rows = [(day, symbol) for day in SESSIONS for symbol in SYMBOLS]
    bars = pl.DataFrame(rows, schema=["date", "symbol"], orient="row")
    return bars.with_columns(
        **{name: pl.lit(10.0) for name in ("open", "high", "low", "close", "volume")}
    )


def events(seed: int) -> list[tuple[str, date, date, float | None]]:
    """Return symbol, day it is about, day it became known, and value; some are revised,
    some have no value.
    """
    dice, rows = Random(seed), {}
    for number in range(40):
        about = DAYS[0] + timedelta(days=dice.randrange(-20, 70, 3))
        known = DAYS[0] + timedelta(days=dice.randrange(-20, 44))
        value = None if dice.random() < 0.2 else float(number)
        rows[dice.choice(SYMBOLS), about, known] = value
    return [(*key, value) for key, value in rows.items()]


def by_hand(rows: Any, symbol: str, session: date, *, to_come: bool) -> float | None:
    """Return what a morning knows of the nearest day: its value known last."""
    known = [row for row in rows if row[0] == symbol and row[2] < session]
    sides = [row for row in known if (row[1] >= session if to_come else row[1] <= session)]
    if not sides:
        return None
    nearest = (min if to_come else max)(row[1] for row in sides)
    values = sorted((row[2], row[3]) for row in sides if row[1] == nearest and row[3] is not None)
    return values[-1][1] if values else None


def framed(rows: Any) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["symbol", "asof", "timestamp", "eps"], orient="row")
    return frame.with_columns(ends=pl.col("asof"))


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_known_day_counts(seed: int):
    """As in zipline's EventsLoader, whose previous events also lose to older ones that
    became known later.
    """
    rows = events(seed)
    Next.use(framed(rows), pick="next")
    Previous.use(framed(rows).drop("ends"), pick="previous")
    pipe = Pipeline({"next": Next.eps.latest, "previous": Previous.eps.latest})

    for chunks in (252, 4):
        found = rbt.run_pipeline(pipe, SESSIONS[1], SESSIONS[-1], market(), chunks=chunks)
        for day, symbol, coming, past in found.fill_nan(None).iter_rows():
            assert coming == by_hand(rows, symbol, day, to_come=True), (symbol, day)
            assert past == by_hand(rows, symbol, day, to_come=False), (symbol, day)
    assert found["next"].is_not_nan().sum() > 20


def test_an_estimate_holds_until_its_day_and_windows_remember_what_was_next():
    """On the day itself it is still the next one; the day after, the one behind it is."""

    class Window(CustomFactor):
        inputs = (Next.eps,)
        window_length = 3

        def compute(self, today, assets, out, eps):
            out[:] = eps[0] * 100 + eps[-1]

    march, april = date(2016, 3, 10), date(2016, 4, 5)
    Next.use(framed([("AA", march, DAYS[0], 1.0), ("AA", april, DAYS[0], 2.0)]), pick="next")
    until = BusinessDaysUntilNextEvent(inputs=[Next.ends])
    pipe = Pipeline({"eps": Next.eps.latest, "window": Window(), "until": until})

    found = rbt.run_pipeline(pipe, date(2016, 3, 9), date(2016, 3, 15), market())

    rows = found.filter(symbol="AA").rows()
    assert [row[2:] for row in rows] == [
        (1.0, 101.0, 1.0),
        (1.0, 101.0, 0.0),
        (2.0, 102.0, 17.0),
        (2.0, 102.0, 16.0),
        (2.0, 202.0, 15.0),
    ]


def test_days_to_come_are_refused_where_the_latest_counts_and_the_error_says_how():
    frame = framed([("AA", date(2016, 6, 30), DAYS[0], 1.0)])

    with pytest.raises(errors.DataError, match=r'Next\.use\(frame, pick="next"\)'):
        Next.use(frame)
    with pytest.raises(errors.InvalidSetting, match="latest, next, previous: was 'nearest'"):
        Next.use(frame, pick="nearest")
    with pytest.raises(errors.MissingColumn, match="needs the column asof with pick='next'"):
        Next.use(frame.drop("asof"), pick="next")


def test_what_a_loader_decides_itself_is_refused():
    """Before, lag had no effect on a loader."""
    loader = DataFrameLoader(USEquityPricing.close, None)

    for options in ({"lag": 1}, {"pick": "next"}):
        with pytest.raises(errors.InvalidSetting, match="DataFrameLoader is a loader"):
            Next.use(loader, **options)


def test_a_moment_is_known_from_the_first_morning_after_it():
    """An estimate of a Thursday evening is there on Friday, about a day in June."""
    known = datetime(2016, 3, 10, 21, 30, tzinfo=UTC)
    frame = pl.DataFrame(
        {"symbol": ["AA"], "timestamp": [known], "asof": [date(2016, 6, 30)], "eps": [3.0]}
    )
    Next.use(frame.with_columns(ends=pl.col("asof")), pick="next")

    found = rbt.run_pipeline(
        Pipeline({"eps": Next.eps.latest}), date(2016, 3, 10), date(2016, 3, 11), market()
    )

    eps = found.filter(symbol="AA").fill_nan(None)["eps"].to_list()
    assert eps == [None, 3.0]
