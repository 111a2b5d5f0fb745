"""A replayed session with `warmup=` begins where its backtest does, and no callback fails."""

from __future__ import annotations

import asyncio

import pytest

import rbtlive as rbt
from rbtlive.errors import InvalidSetting, OutsideData
from tests.builders import daily_frame, minute_frame, run, same, whole


class Mean(rbt.TradingAlgorithm):
    """Asks for a window from its first bar on."""

    count, longer = 30, "1d"

    def initialize(self, context):
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        prices = data.history(context.asset, "close", self.count, self.longer)
        self.order_target_percent(context.asset, 1 if prices[-10:].mean() > prices.mean() else 0)


@pytest.mark.parametrize(
    ("bars", "options"),
    [
        (daily_frame(80), {"warmup": 30}),
        (minute_frame(4), {"warmup": 391, "frequency": "1m", "params": {"longer": "1m"}}),
    ],
    ids=["daily", "minutes"],
)
def test_a_warm_session_is_its_backtest(tmp_path, bars, options):
    session = run(whole(Mean, tmp_path, feed=rbt.ReplayFeed(bars), **options))

    backtest = rbt.backtest(Mean, bars, **options, progress=False)
    assert session.stats["errors"] == 0
    assert backtest.transactions.height > 0
    assert same(backtest, session.result())
    assert session.parity().identical


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"warmup": 5, "start": "2017-01-05"}, InvalidSetting, "pass one"),
        ({"warmup": -1}, InvalidSetting, "0 or more"),
        ({"warmup": 1_000}, OutsideData, "leave a session"),
    ],
)
def test_a_warmup_that_cannot_be_is_refused(tmp_path, options, error, words):
    async def attach():
        with pytest.raises(error, match=words):
            rbt.attach(
                Mean,
                rbt.PaperBroker(),
                feed=rbt.ReplayFeed(daily_frame(80)),
                journal=tmp_path,
                **options,
            )

    run(attach())


def test_a_live_feed_has_no_warmup(tmp_path):
    async def bars():
        await asyncio.Event().wait()
        yield {}

    async def attach():
        with pytest.raises(InvalidSetting, match="counts bars of a ReplayFeed"):
            rbt.attach(
                Mean,
                rbt.PaperBroker(),
                feed=bars(),
                data=daily_frame(80),
                journal=tmp_path,
                warmup=5,
            )

    run(attach())
