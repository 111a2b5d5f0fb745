"""Pipelines as people published them, in a session: the tables of its backtest."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd
import pytest

import rbtlive as rbt
from rbtlive.api import date_rules, time_rules
from tests.builders import run
from tests.parity.pipelines import facts
from tests.pipeline.test_engine import portal
from tests.venue.process import until

# numpy's words, of windows without values in a pipeline's own compute
pytestmark = pytest.mark.filterwarnings(
    "ignore:All-NaN:RuntimeWarning", "ignore:Mean of empty:RuntimeWarning",
    "ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning",
)  # fmt: skip
START, END = "2016-02-16", "2016-03-18"
JOBS = {name: make for name, (make, _days) in facts.jobs("rbtlive", []).items() if "_pub_" in name}
MORNINGSTAR = facts.module("published", "rbtlive").Morningstar


class Loader:
    """Values of all columns of a data set.

    Args:
        by_column: A loader a column.
    """

    def __init__(self, by_column: Mapping[Any, Any]) -> None:
        self.by_name = {column.name: loader for column, loader in by_column.items()}

    def load(self, column: Any, source: Any, first: int, last: int, assets: Any) -> Any:
        return self.by_name[column.name].load(column, source, first, last, assets)


@cache
def loader() -> Loader:
    days = pd.bdate_range("2015-01-02", "2016-05-31")
    sids = sorted(asset.sid for asset in portal().assets)
    return Loader(facts.module("published", "rbtlive").loaders(days, sids))


@pytest.fixture(autouse=True)
def _figures():
    MORNINGSTAR.use(loader())
    yield
    MORNINGSTAR.root.loader = None


class Everything(rbt.TradingAlgorithm):
    """Attaches all, eager and not, by chunks of all kinds, and looks at them in the
    morning, in a scheduled function, or at the bar.
    """

    def initialize(self, context):
        context.seen = {}
        for number, (name, make) in enumerate(JOBS.items()):
            chunks = (None, 1, 3, [2, 7] * 30)[number % 4]
            self.attach_pipeline(make(self.symbol), name, chunks=chunks, eager=number % 3 != 1)
        self.schedule_function(
            self.weekly, date_rules.week_start(), time_rules.market_open(minutes=1)
        )

    def look(self, context, when, kinds):
        day = self.get_datetime().date().isoformat()
        for number, name in enumerate(JOBS):
            if number % 3 in kinds:
                table = self.pipeline_output(name)
                context.seen[day, when, name] = (table.columns, repr(table.rows()))

    def before_trading_start(self, context, data):
        self.look(context, "morning", (0,))

    def weekly(self, context, data):
        self.look(context, "week", (1,))

    def handle_data(self, context, data):
        self.look(context, "bar", (2,))
        longs = self.pipeline_output("p_pub_across_delistings")
        for name, weight in longs.select("symbol", "weight").rows():
            if data.can_trade(self.symbol(name)):
                self.order_target_percent(self.symbol(name), weight)


@cache
def of_backtest() -> Any:
    return rbt.backtest(Everything, portal(), start=START, end=END)


def session(folder: Any, *, until_day: str | None = None) -> Any:
    """Run a session over the same bars, to a day or to its end."""

    async def trade() -> Any:
        made = rbt.attach(
            Everything, rbt.PaperBroker(), feed=rbt.ReplayFeed(portal()),
            start=START, end=END, journal=folder, name="everything", on_error="raise",
        )  # fmt: skip
        if until_day is None:
            await made.wait()
        else:
            await until(
                lambda: any(day == until_day for day, *_ in getattr(made.context, "seen", ()))
            )
            made.engine.abandon()
        return made

    return run(trade())


def test_every_published_pipeline_shows_a_session_what_it_shows_a_backtest(tmp_path):
    ended = session(tmp_path)

    assert len(JOBS) == 25
    assert len({name for *_, name in ended.context.seen}) == 25
    assert ended.context.seen == of_backtest().context.seen
    assert ended.orders.equals(of_backtest().orders)
    assert ended.parity().identical


def test_so_it_does_after_a_kill(tmp_path):
    session(tmp_path, until_day="2016-02-29")

    ended = session(tmp_path)

    assert ended.context.seen == of_backtest().context.seen
    assert ended.parity().identical
