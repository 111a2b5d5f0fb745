"""A session over bars of any interval does what its backtest does, digit for digit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

import rbtlive as rbt
from rbtlive.data.resample import resample
from tests.builders import Churn, daily_frame, minute_frame, moments, run, same, slices, whole

BARS = {
    "5m": lambda: minute_frame(3, every=2),
    "1h": lambda: minute_frame(6, every=3),
    "7m": lambda: minute_frame(2, every=3),
    "1w": lambda: daily_frame(120),
    "1mo": lambda: daily_frame(250),
}


class Windows(Churn):
    """The same, and longer windows decide too."""

    longer, count = "1d", 1

    def handle_data(self, context, data):
        """Buy a little where the longer bar rose."""
        super().handle_data(context, data)
        for partial in (True, False):
            if context.bars > 60 or partial:
                window = data.window(
                    context.assets[0], "close", self.count, self.longer, partial=partial
                )
                self.record(**{f"seen_{partial}": float(window[-1, 0])})
                if float(window[-1, 0]) % 1 > 0.6:
                    self.order(context.assets[0], 1)


@pytest.mark.parametrize("interval", BARS)
def test_a_session_over_bars_of_an_interval_is_its_backtest(tmp_path, interval):
    bars = BARS[interval]()
    longer = {"5m": "15m", "1h": "4h", "7m": "1d", "1w": "1w", "1mo": "1mo"}[interval]
    options = {"frequency": interval, "params": {"longer": longer}}

    session = run(whole(Windows, tmp_path, feed=rbt.ReplayFeed(bars), **options))

    backtest = rbt.backtest(Windows, bars, **options)
    assert backtest.transactions.height > 3
    assert same(backtest, session.result())
    report = session.parity()
    assert report.identical, report
    assert report.fills_compared == backtest.transactions.height


@pytest.mark.parametrize("interval", ["5m", "1h"])
def test_a_recorded_run_is_opened_and_replayed_at_its_interval(tmp_path, interval):
    bars = BARS[interval]()
    run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars), frequency=interval))

    recorded = rbt.open_session("Churn", journal=tmp_path)

    assert same(rbt.backtest(Churn, bars, frequency=interval), recorded.result())
    assert same(recorded.replay(Churn), recorded.result())


def test_bars_of_an_iterator_close_the_slices_of_their_interval(tmp_path):
    hours = resample(minute_frame(3), "1h")
    frame = hours.to_frame("1h")

    async def source():
        for bars in slices(frame):
            await asyncio.sleep(0)
            for bar in bars:
                yield bar

    session = run(whole(Churn, tmp_path, feed=source(), data=hours, frequency="1h"))

    assert same(rbt.backtest(Churn, hours, frequency="1h"), session.result())
    assert len(moments(tmp_path, "Churn")) == 21
    assert session.stats["dropped"] == 0


def test_a_bar_that_ends_between_two_slices_is_left_out_and_named(tmp_path):
    hours = resample(minute_frame(1), "1h")
    inside = datetime(2017, 1, 3, 16, 0, tzinfo=UTC)

    async def source():
        for bars in slices(hours.to_frame("1h")):
            await asyncio.sleep(0)
            yield bars[0].model_copy(update={"timestamp": inside})
            for bar in bars:
                yield bar

    session = run(whole(Churn, tmp_path, feed=source(), data=hours, frequency="1h"))

    assert any("lies in no 1h bar of calendar XNYS" in str(line) for line in session.logs)
    assert same(rbt.backtest(Churn, hours, frequency="1h"), session.result())
