"""The comparison of a session with its backtest, seen from outside."""

import asyncio

import pytest

import rbtlive as rbt

SPAN = {"start": "2008-01-02", "end": "2008-01-31"}


class Talker(rbt.TradingAlgorithm):
    """Buys, says so, and is stopped by a control in every later bar."""

    def initialize(self, context):
        context.share = self.symbol("AAPL")
        self.set_max_order_count(0)

    def handle_data(self, context, data):
        print("buying")
        self.order(context.share, 1)


@pytest.fixture
def ended(tmp_path):
    async def run():
        bars = rbt.load_sample("us-daily")
        session = rbt.attach(Talker, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path, **SPAN)
        await session.wait()
        return session

    return asyncio.run(run())


def test_what_a_session_said_is_not_said_again_by_its_parity(capsys, ended):
    said = capsys.readouterr().out

    report = ended.parity()

    assert "buying" in said
    assert report.identical
    assert capsys.readouterr().out == ""
