"""A split of an asset that the feed did not give, which nobody tells, is asked about."""

from datetime import date
from typing import Any

import polars as pl

import rbtlive as rbt
from rbtlive.api import symbol
from tests.builders import run
from tests.pipeline.test_joining import CALENDAR, FIRST, LAST, Remembering, said, tables

SPLIT = date(2024, 1, 8)
KNOWN = pl.DataFrame({"symbol": ["BBB"], "effective_date": [SPLIT], "ratio": [0.25]})


def level(frame: pl.DataFrame, day: pl.Expr) -> pl.DataFrame:
    """Return bars of steady prices, as traded: a quarter from the split on for one."""
    fall = pl.when((pl.col("symbol") == "BBB") & (day >= SPLIT)).then(0.25).otherwise(1.0)
    prices = {"open": 20.0, "high": 20.5, "low": 19.5, "close": 20.25}
    return frame.with_columns(**{name: pl.lit(price) * fall for name, price in prices.items()})


def market(sessions: int, splits: Any = None) -> Any:
    days, minutes = tables(sessions)
    return rbt.PolarsDataPortal(
        level(days, pl.col("date")),
        minute_bars=level(minutes, pl.col("timestamp").dt.date()),
        splits=splits,
    )


class Quarter(Remembering):
    """A source whose archive has prices as traded."""

    def __init__(self, sessions: int = LAST, **options: Any) -> None:
        super().__init__(sessions, **options)
        rbt.ReplayFeed.__init__(self, market(sessions))

    async def past_days(self, symbols: Any, first: date, last: date) -> Any:
        return level(await super().past_days(symbols, first, last), pl.col("date"))


class Watching(rbt.TradingAlgorithm):
    """Joins one asset after its split, and looks at its days."""

    def initialize(self, context):
        context.closes = {}

    def before_trading_start(self, context, data):
        day = self.get_datetime().date().isoformat()
        context.closes[day] = data.history(symbol("BBB"), "close", 3, "1d").to_list()


def session(feed: Any, folder: Any, splits: Any = None) -> Any:
    feed.subscribe("AAA")
    feed.after = {date(2024, 1, 8): lambda: feed.subscribe("BBB")}

    async def watch() -> Any:
        made = rbt.attach(
            Watching, rbt.PaperBroker(), feed=feed, data=market(1, splits), frequency="1h",
            journal=folder, name="watching", late_orders="send",
        )  # fmt: skip
        feed.queue, feed.engine = made.engine.queue, made.engine
        await made.wait()
        return made

    return run(watch())


def test_a_split_that_nobody_told_is_asked_about(tmp_path):
    ended = session(Quarter(), tmp_path)

    warned = said(ended, "the run knows of no split")
    assert len(warned) == 1
    assert "BBB on 2024-01-08 (ratio 0.25)" in warned[0]
    assert ended.context.closes["2024-01-10"] == [20.25, 5.0625, 5.0625]
    assert ended.parity().identical


def test_a_split_that_is_known_is_not(tmp_path):
    ended = session(Quarter(), tmp_path, KNOWN)

    tested = rbt.backtest(
        Watching, market(LAST, KNOWN), frequency="1h", start=CALENDAR.label(FIRST + 1)
    )
    assert said(ended, "no split") == []
    assert ended.context.closes["2024-01-10"] == tested.context.closes["2024-01-10"]


def test_data_that_has_it_mends_the_windows_of_a_run_that_goes_on(tmp_path):
    first = session(Quarter(6), tmp_path)

    ended = session(Quarter(), tmp_path, KNOWN)

    assert said(first, "attach again with data=") != []
    assert first.context.closes["2024-01-09"] == [20.25, 20.25, 5.0625]
    assert ended.context.closes["2024-01-10"] == [5.0625, 5.0625, 5.0625]
    assert ended.parity().identical
