"""Pipelines that are computed within the day, with the day so far."""

import asyncio
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.api import time_rules
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.pipeline import Pipeline
from rbtlive.pipeline.data import USEquityPricing
from rbtlive.pipeline.factors import Returns, SimpleMovingAverage

DAYS = 6
SPLIT = date(2016, 3, 7)  # the fifth session
START, END = "2016-03-04", "2016-03-08"


@cache
def minutes() -> pl.DataFrame:
    """Return six sessions of minutes of two symbols; the second splits on the fifth."""
    calendar = get_calendar("XNYS")
    first = calendar.number(date(2016, 3, 1))
    stamps = [calendar.minutes_us(first + day) for day in range(DAYS)]
    rng = np.random.Generator(np.random.PCG64(3))
    parts = []
    for symbol in ("AA", "BB"):
        for day, some in enumerate(stamps):
            scale = 0.5 if symbol == "BB" and day >= 4 else 1.0
            close = np.round((100 + rng.normal(0, 0.1, len(some)).cumsum()) * scale, 2)
            parts.append(
                pl.DataFrame(
                    {
                        "timestamp": pl.Series(some).cast(pl.Datetime("us", "UTC")),
                        "symbol": [symbol] * len(some),
                        "open": close,
                        "high": close + 0.5,
                        "low": close - 0.5,
                        "close": close,
                        "volume": rng.integers(100, 900, len(some)).astype(float),
                    }
                )
            )
    return pl.concat(parts)


def portal() -> Any:
    splits = pl.DataFrame({"symbol": ["BB"], "effective_date": [SPLIT], "ratio": [0.5]})
    return rbt.PolarsDataPortal(None, minute_bars=minutes(), splits=splits)


def pipeline() -> Pipeline:
    return Pipeline(
        {
            "close": USEquityPricing.close.latest,
            "high": USEquityPricing.high.latest,
            "volume": USEquityPricing.volume.latest,
            "mean": SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=3),
            "change": Returns(window_length=3),
        }
    )


class Midday(rbt.TradingAlgorithm):
    """Keeps the table of half past ten, and buys by it."""

    def initialize(self, context):
        self.schedule_function(self.at_time, time_rule=time_rules.market_open(minutes=60))
        self.attach_pipeline(pipeline(), "midday", when=time_rules.market_open(minutes=60))
        context.tables = []

    def at_time(self, context, data):
        table = self.pipeline_output("midday")
        context.tables.append((self.get_datetime(), table))
        self.order(self.symbol(table.sort("change")["symbol"][-1]), 1)


def expected(symbol: str, day: date, fields: str) -> list[float]:
    """Return a field of the last three days up to the hour, restated to the day."""
    frame = minutes().filter(symbol=symbol).with_columns(day=pl.col("timestamp").dt.date())
    cut = pl.col("timestamp") <= pl.datetime(day.year, day.month, day.day, 15, 30, time_zone="UTC")
    past = frame.filter(cut).sort("timestamp").group_by("day", maintain_order=True)
    folds = {
        "close": pl.col("close").last(),
        "high": pl.col("high").max(),
        "volume": pl.col("volume").sum(),
    }
    values = past.agg(folds[fields])
    out = []
    for when, value in values.tail(3).rows():
        split = symbol == "BB" and when < SPLIT <= day
        out.append(value if not split else value * 2 if fields == "volume" else value * 0.5)
    return out


def test_the_last_day_of_its_windows_is_the_day_so_far():
    """At half past ten a table holds the hour's bar, and days before as restated."""
    result_tables: list[Any] = []

    class Run(Midday):
        def analyze(self, context, perf):
            result_tables.extend(context.tables)

    rbt.backtest(Run, portal(), start=START, end=END, frequency="1m")

    assert [when.strftime("%m-%d %H:%M") for when, _ in result_tables] == [
        "03-04 15:30",
        "03-07 15:30",
        "03-08 15:30",
    ]
    for when, table in result_tables:
        for row in table.iter_rows(named=True):
            closes = expected(row["symbol"], when.date(), "close")
            assert row["close"] == closes[-1]
            assert row["high"] == expected(row["symbol"], when.date(), "high")[-1]
            assert row["volume"] == expected(row["symbol"], when.date(), "volume")[-1]
            assert row["mean"] == pytest.approx(sum(closes) / 3, rel=1e-12)
            assert row["change"] == pytest.approx(closes[-1] / closes[0] - 1, rel=1e-9)


def test_a_session_on_minutes_gives_the_tables_of_its_backtest(tmp_path, monkeypatch):
    """On paper the same tables and orders, by parity."""
    monkeypatch.setenv("RBTLIVE_HOME", str(tmp_path))

    async def trade() -> Any:
        session = rbt.attach(
            Midday,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(portal(), frequency="1m"),
            start=START,
            end=END,
            frequency="1m",
            name="midday",
            on_error="raise",
        )
        await session.wait()
        return session.parity()

    proof = asyncio.run(trade())

    assert proof.identical, proof
    assert (proof.tables_compared, proof.orders_compared) == (3, 3)


def test_a_time_needs_bars_within_the_day_and_a_rule():
    """On daily bars, and with what is no rule, it is refused."""
    daily = pl.DataFrame(
        {
            "date": [date(2016, 3, day) for day in (1, 2, 3)],
            "symbol": ["AA"] * 3,
            **{name: [1.0, 2.0, 3.0] for name in ("open", "high", "low", "close", "volume")},
        }
    )
    with pytest.raises(errors.SettingsError, match="within the day"):
        rbt.backtest(Midday, daily)

    class Wrong(rbt.TradingAlgorithm):
        def initialize(self, context):
            self.attach_pipeline(pipeline(), "midday", when="10:30")

    with pytest.raises(TypeError, match="time_rules"):
        rbt.backtest(Wrong, portal(), start=START, end=END, frequency="1m")
