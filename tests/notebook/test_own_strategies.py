"""Sessions whose strategies have one source text are judged each by its own."""

from __future__ import annotations

import asyncio

import rbtlive as rbt
from rbtlive.api import order, symbol
from tests.builders import daily_frame, run


def buyer(ticker, amount):
    """Return a strategy that buys every day: the source is the same for all of them."""

    def initialize(context):
        context.share = symbol(ticker)

    def handle_data(context, data):
        order(context.share, amount)

    return {"initialize": initialize, "handle_data": handle_data}


def test_two_strategies_of_one_factory_are_not_taken_for_each_other(tmp_path):
    async def both():
        bars = daily_frame(8, 2)
        sessions = [
            rbt.attach(
                buyer(ticker, amount),
                rbt.PaperBroker(),
                feed=rbt.ReplayFeed(bars),
                name=f"buys-{ticker}",
                journal=tmp_path,
            )
            for ticker, amount in (("AAA", 1), ("BBB", 2))
        ]
        await asyncio.gather(*(session.wait() for session in sessions))
        return sessions

    first, second = run(both())

    assert first.parity().identical
    assert second.parity().identical
    assert rbt.open_session("buys-AAA", journal=tmp_path).parity().identical
    assert first.replay().orders["symbol"].unique().to_list() == ["AAA"]
