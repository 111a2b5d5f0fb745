"""A run without `start` begins where its windows fit, and gaps in them are NaN."""

from __future__ import annotations

import math

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.api import date_rules, time_rules
from rbtlive.errors import HistoryWindowStartsBeforeData, InvalidSetting, OutsideData
from rbtlive.pipeline import Pipeline
from rbtlive.pipeline.factors import Returns
from tests.builders import Gated, daily_frame, minute_frame, run, same, until, whole


class Mean(rbt.TradingAlgorithm):
    """README's strategy."""

    count, every, longer = 30, "bar", "1d"

    def initialize(self, context):
        context.asset, context.bars = self.symbol("AAA"), 0
        if self.every == "month":
            self.schedule_function(self.trade, date_rules.month_start())
        elif self.every == "close":
            self.schedule_function(self.trade, time_rule=time_rules.market_close())

    def trade(self, context, data):
        prices = data.history(context.asset, "close", self.count, self.longer)
        self.order_target_percent(context.asset, 1 if prices[-10:].mean() > prices.mean() else 0)

    def handle_data(self, context, data):
        context.bars += 1
        if self.every == "bar":
            self.trade(context, data)

    def before_trading_start(self, context, data):
        if self.every == "morning":
            data.history(context.asset, "close", self.count, self.longer)


DAYS = daily_frame(80)["date"].unique().sort().to_list()


def starts(frame, **options):
    """Return the result of a run without `start`, checked against one with it."""
    result = rbt.backtest(Mean, frame, progress=False, **options)
    explicit = rbt.backtest(Mean, frame, progress=False, start=result.settings["start"], **options)
    assert same(result, explicit)
    assert result.context.bars == explicit.context.bars
    return result.settings["start"]


@pytest.mark.parametrize(
    ("params", "first"),
    [
        ({}, 29),
        ({"count": 1}, 0),
        ({"every": "morning"}, 30),  # a morning sees the session before
        ({"every": "month"}, 29),
        ({"every": "month", "count": 60}, 59),
        ({"longer": "1w", "count": 3}, 9),
    ],
)
def test_a_run_begins_with_the_first_session_whose_windows_fit(params, first):
    assert starts(daily_frame(80), params=params) == DAYS[first]


@pytest.mark.parametrize(
    ("params", "first"),
    [
        ({"longer": "1m", "count": 391}, 1),
        ({"longer": "1d", "count": 3}, 2),
        ({"longer": "1d", "count": 3, "every": "morning"}, 3),
        ({"longer": "1m", "count": 391, "every": "close"}, 1),
        ({"longer": "1h", "count": 8}, 1),
        ({"longer": "1h", "count": 8, "every": "close"}, 1),
    ],
)
def test_a_run_of_minutes_begins_with_a_whole_session(params, first):
    assert starts(minute_frame(5), params=params, frequency="1m") == DAYS[first]


class Screened(rbt.TradingAlgorithm):
    sampled = False

    def initialize(self, context):
        factor = Returns(window_length=20)
        factor = factor.downsample("week_start") if self.sampled else factor
        self.attach_pipeline(Pipeline({"returns": factor}), "screen")

    def before_trading_start(self, context, data):
        context.rows = [*getattr(context, "rows", []), self.pipeline_output("screen").height]


@pytest.mark.parametrize(("params", "first"), [({}, 20), ({"sampled": True}, 23)])
def test_a_run_begins_where_its_pipelines_look_back_within_the_data(params, first):
    result = rbt.backtest(Screened, daily_frame(80), params=params, progress=False)

    assert result.settings["start"] == DAYS[first]
    assert len(result.context.rows) == 80 - first
    assert any("sessions of a pipeline had to be there first" in hint.text for hint in result.hints)
    found = rbt.sweep(Screened, daily_frame(80), {"sampled": [False, True]}, workers=1)
    assert found.frame["error"].null_count() == 2


def test_a_start_that_was_given_is_kept_and_its_error_teaches():
    with pytest.raises(HistoryWindowStartsBeforeData, match="30 bars of '1d'"):
        rbt.backtest(Mean, daily_frame(80), start=DAYS[3], progress=False)


def test_a_window_longer_than_the_data_is_an_error_that_says_so():
    with pytest.raises(HistoryWindowStartsBeforeData) as caught:
        rbt.backtest(Mean, daily_frame(80), params={"count": 81}, progress=False)

    assert any("the data ends before it" in note for note in caught.value.__notes__)


def test_warmup_begins_after_so_many_bars():
    by_bars = rbt.backtest(Mean, daily_frame(80), warmup=40, progress=False)
    minutes = rbt.backtest(
        Mean, minute_frame(5), warmup=391, frequency="1m", params={"count": 1}, progress=False
    )

    assert by_bars.settings["start"] == DAYS[40]
    assert minutes.settings["start"] == DAYS[2]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"warmup": 5, "start": DAYS[1]}, InvalidSetting, "pass one"),
        ({"warmup": -1}, InvalidSetting, "0 or more"),
        ({"warmup": 2.5}, InvalidSetting, "2.5"),
        ({"warmup": 80}, OutsideData, "leave a session"),
    ],
)
def test_a_warmup_that_cannot_be_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        rbt.backtest(Mean, daily_frame(80), progress=False, **options)


def test_a_gap_in_a_window_is_nan_and_arithmetic_with_it_holds():
    frame = daily_frame(80).filter(~((pl.col("symbol") == "AAA") & (pl.col("date") == DAYS[60])))

    result = rbt.backtest(Mean, frame, progress=False, end=DAYS[79])

    assert result.performance.height == 51
    seen = []

    def look(context, data):
        prices = data.history(context.symbol("AAA"), "close", 3, "1d")
        exact = data.history(context.symbol("AAA"), "close", 3, "1d", dtype=pl.Decimal)
        seen.append((prices.null_count(), prices[-2], prices.mean(), exact[-2]))

    rbt.backtest({"handle_data": look}, frame, start=DAYS[61], end=DAYS[61], progress=False)

    nulls, gap, mean, exact = seen[0]
    assert nulls == 0
    assert math.isnan(gap)
    assert math.isnan(mean)
    assert exact is None


SESSIONS = [
    (daily_frame(80), {}, {}),
    (daily_frame(80), {"every": "month", "count": 60}, {}),
    (daily_frame(80), {}, {"on_error": "raise"}),
    (minute_frame(5), {"longer": "1m", "count": 391}, {"frequency": "1m"}),
    (minute_frame(5), {"longer": "1d", "count": 3, "every": "morning"}, {"frequency": "1m"}),
]


@pytest.mark.parametrize(("frame", "params", "options"), SESSIONS)
def test_a_session_begins_where_its_backtest_does(tmp_path, frame, params, options):
    session = run(whole(Mean, tmp_path, feed=rbt.ReplayFeed(frame), params=params, **options))
    options = {name: value for name, value in options.items() if name == "frequency"}
    backtest = rbt.backtest(Mean, frame, params=params, progress=False, **options)

    assert session.trading_state == "running"
    assert same(session.result(), backtest)
    assert session.context.bars == backtest.context.bars
    assert session.stats["errors"] == 0
    assert session.parity().identical
    assert any("had to be there first" in str(hint) for hint in session.result().hints)


async def begun_later(frame, folder):
    """Return a running session that has begun anew, some bars on."""
    feed = Gated(frame, 5)
    session = rbt.attach(Mean, rbt.PaperBroker(), feed=feed, journal=folder)
    await until(lambda: session.engine.core.state.record.notes.waited_for)
    events = session.engine.meters.events
    feed.allow(10)
    await until(lambda: session.engine.meters.events >= events + 5)
    return session


def test_a_session_that_began_later_is_carried_on_without_its_start(tmp_path):
    frame = daily_frame(80)

    async def in_parts():
        for _ in range(3):
            session = await begun_later(frame, tmp_path)
            await session.stop()
        session = rbt.attach(Mean, rbt.PaperBroker(), feed=rbt.ReplayFeed(frame), journal=tmp_path)
        await session.wait()
        return session

    session = run(in_parts())

    assert same(session.result(), rbt.backtest(Mean, frame, progress=False))
    assert session.parity().identical


def test_an_edit_of_a_session_that_began_later_takes_its_place(tmp_path):
    frame = daily_frame(80)

    async def edited():
        await begun_later(frame, tmp_path)
        second = rbt.attach(
            Mean,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(frame),
            journal=tmp_path,
            params={"count": 20},
        )
        await second.wait()
        return second

    session = run(edited())

    assert session.result().settings["start"] == DAYS[29]
    assert session.parity().identical


def test_a_session_whose_windows_never_fit_runs_on_and_says_so(tmp_path):
    session = run(whole(Mean, tmp_path, feed=rbt.ReplayFeed(daily_frame(80)), params={"count": 81}))

    assert session.trading_state == "running"
    assert session.stats["errors"] == 80
