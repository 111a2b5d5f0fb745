"""Further columns of the data in sessions: equal to the backtest, recovered, and NaN
where the data has ended.
"""

import warnings

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import DataWarning, StrategyChanged
from tests.builders import daily_frame, minute_frame, processed, run, same, slices, whole

LOG: list[str] = []


def scored(frame: pl.DataFrame) -> pl.DataFrame:
    scores = (pl.int_range(pl.len()) * 7 % 11).cast(pl.Float64)
    missing = pl.int_range(pl.len()) % 5 == 3
    return frame.with_columns(pl.when(~missing).then(scores).alias("score"))


class Scored(rbt.TradingAlgorithm):
    """Trades by the score, and notes all it reads of it."""

    longer = "1w"

    def initialize(self, context):
        context.assets = self.symbols("AAA", "BBB")
        self.indicator("mean", pl.col("score").rolling_mean(2))

    def before_trading_start(self, context, data):
        LOG.append(repr(data.current(context.assets, "score")))

    def handle_data(self, context, data):
        for asset in context.assets:
            score = data.current(asset, "score")
            read = [
                score,
                data.current(asset, "mean"),
                data.history(asset, "score", 2, self.longer).to_list(),
                data.window(asset, "score", 2).tolist(),
            ]
            LOG.append(repr(read))
            if score == score:
                self.order_target_percent(asset, 0.3 if score > 5 else 0)


def recorded(function):
    """Return what a run gives, and what it noted."""
    LOG.clear()
    return function(), list(LOG)


CASES = {
    "1d": lambda: rbt.PolarsDataPortal(scored(daily_frame(30, 2, gaps=True))),
    "1m": lambda: rbt.PolarsDataPortal(None, minute_bars=scored(minute_frame(3, 2))),
    "30m": lambda: rbt.PolarsDataPortal(None, minute_bars=scored(minute_frame(3, 2))),
}


@pytest.mark.parametrize("frequency", list(CASES))
def test_a_session_reads_what_its_backtest_reads(tmp_path, frequency):
    data = CASES[frequency]()
    Scored.longer = "1w" if frequency == "1d" else "1d"
    start = data.calendar.label(data.first_session + (10 if frequency == "1d" else 1))
    options = {"frequency": frequency, "start": start}

    tested, in_backtest = recorded(lambda: rbt.backtest(Scored, data, **options))
    session, in_session = recorded(
        lambda: run(whole(Scored, tmp_path, feed=rbt.ReplayFeed(data), **options))
    )

    assert in_session == in_backtest
    assert same(session.result(), tested)
    assert tested.transactions.height > 5
    assert session.parity().identical


def test_a_recorded_session_has_its_columns_without_its_data(tmp_path):
    data = CASES["1d"]()
    Scored.longer = "1w"
    run(whole(Scored, tmp_path, feed=rbt.ReplayFeed(data), name="kept", start="2017-01-18"))

    opened = rbt.open_session("kept", journal=tmp_path)

    assert opened.parity().identical


def test_a_session_is_not_carried_on_over_other_values(tmp_path):
    Scored.longer = "1w"
    frame = scored(daily_frame(40, 2))
    other = frame.with_columns((10 - pl.col("score")).alias("score"))

    async def part():
        session = attached(frame, speed=10_000_000)
        await processed(session, 10)
        await session.stop()

    async def rest(data):
        session = attached(data)
        await session.wait()
        return session

    def attached(data, speed=None):
        feed = rbt.ReplayFeed(data, speed=speed)
        return rbt.attach(
            Scored, rbt.PaperBroker(), feed=feed, journal=tmp_path, start="2017-01-18"
        )

    run(part())

    with pytest.raises(StrategyChanged, match="other values in further columns"):
        run(rest(other))
    assert run(rest(frame)).parity().identical


class Reader(rbt.TradingAlgorithm):
    """Reads the score of each bar."""

    def initialize(self, context):
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        LOG.append(repr(data.current(context.asset, "score")))


def test_bars_after_the_data_have_no_value_which_is_said_once(tmp_path):
    known = scored(daily_frame(3, 1))
    later = slices(daily_frame(6, 1))

    async def source():
        for bars in later:
            for bar in bars:
                yield bar

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _, noted = recorded(
            lambda: run(whole(Reader, tmp_path, feed=source(), data=rbt.PolarsDataPortal(known)))
        )

    assert noted == ["0.0", "7.0", "3.0", "nan", "nan", "nan"]
    texts = [str(one.message) for one in said if issubclass(one.category, DataWarning)]
    assert len(texts) == 1
    assert "column 'score' ends with the data" in texts[0]
