"""A universe around the clock: a session begins when the one before has ended."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.model.events import Event
from rbtlive.pipeline import Pipeline
from rbtlive.pipeline.data import USEquityPricing
from tests.builders import run
from tests.pipeline.test_live_universe import LiveReplay

CALENDAR = get_calendar("24/7")
FIRST, LAST = CALENDAR.number(date(2024, 1, 2)), 6
NAMES = ("AAA", "BBB", "CCC")


def bars(sessions: int) -> pl.DataFrame:
    """Return bars of six hours; who is dearest changes from day to day."""
    rows = []
    for day in range(-3, sessions):
        for number, name in enumerate(NAMES):
            dice = random.Random(f"{day} {name}")
            for part in range(1, 25):
                price = round(10.0 + 3.0 * ((number * 2 + day) % 3) + dice.random(), 2)
                end = CALENDAR.open(FIRST + day) + timedelta(hours=part)
                rows.append((end, name, price, price + 0.5, price - 0.25, price + 0.25, 100.0))
    names = ["timestamp", "symbol", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))


def portal(sessions: int) -> rbt.PolarsDataPortal:
    frame = bars(sessions)
    return rbt.PolarsDataPortal(days_of(frame), minute_bars=frame, calendar="24/7")


def days_of(frame: pl.DataFrame) -> pl.DataFrame:
    day = (pl.col("timestamp") - timedelta(microseconds=1)).dt.date().alias("date")
    first, last = pl.col("open").first(), pl.col("close").last()
    extremes = pl.col("high").max(), pl.col("low").min(), pl.col("volume").sum()
    ordered = frame.sort("timestamp")
    return ordered.group_by("symbol", day, maintain_order=True).agg(first, last, *extremes)


class Dearest(rbt.TradingAlgorithm):
    """Looks at its tables on the first bar of a session, an hour after midnight."""

    def initialize(self, context):
        close = USEquityPricing.close.latest
        self.attach_pipeline(Pipeline({"close": close}), "all", eager=False)
        dear = Pipeline(screen=close.top(2))
        self.attach_pipeline(dear, "dear", eager=False, subscribe=True)
        context.tables = {}

    def handle_data(self, context, data):
        now = self.get_datetime()
        if now.hour == 1:
            shown = self.pipeline_output("all").sort("symbol").rows()
            context.tables[now.date().isoformat()] = repr(shown)
            self.pipeline_output("dear")


class Settling(LiveReplay):
    """Has the bars of a day some time after its end."""

    past_days_waits_s = ()

    def __init__(self, settle_s: float) -> None:
        super().__init__(portal(LAST))
        self.past_days_settle_s = settle_s
        self.asked: list[date] = []
        self.offered: Any = None

    @property
    def present(self) -> Any:
        """The END of the slice offered last."""
        return self.offered

    def configure(self, plan: Any) -> None:
        super().configure(plan)
        rbt.ReplayFeed.configure(self, replace(plan, first_session=FIRST + 1, last_session=None))

    async def past_days(self, symbols: Any, first: date, last: date) -> Any:
        self.asked.append(last)
        days = days_of(bars(LAST))
        wanted = pl.col("date").is_between(first, last) & pl.col("symbol").is_in(symbols)
        return days.filter(wanted)

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in super().__aiter__():
            self.offered = event.timestamp
            yield event


@pytest.mark.parametrize("settle_s", [0.0, 0.2])
def test_its_first_table_has_the_day_that_has_just_ended(tmp_path, settle_s):
    """Also where the feed has that day's bars only some time after midnight."""
    feed = Settling(settle_s)

    async def watched() -> Any:
        session = rbt.attach(
            Dearest, rbt.PaperBroker(), feed=feed, data=portal(1), frequency="1h",
            journal=tmp_path, name="clock", calendar="24/7",
        )  # fmt: skip
        feed.queue = session.engine.queue
        await session.wait()
        return session

    ended = run(watched())
    start = CALENDAR.label(FIRST + 1)
    tested = rbt.backtest(Dearest, portal(LAST), frequency="1h", start=start, calendar="24/7")

    assert len(feed.asked) > 2
    assert ended.context.tables == tested.context.tables
    assert ended.parity().identical
