"""The comparison of a session with its backtest, seen from outside."""

import pytest

import rbtlive as rbt
from tests.builders import Hold, daily_frame, minute_frame, run, same, slices, whole

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
    async def session():
        bars = rbt.load_sample("us-daily")
        made = rbt.attach(
            Talker, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path, **SPAN
        )
        await made.wait()
        return made

    return run(session())


def test_what_a_session_said_is_not_said_again_by_its_parity(capsys, ended):
    said = capsys.readouterr().out

    report = ended.parity()

    assert "buying" in said
    assert report.identical
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("frequency", ["1d", "1m"])
def test_a_session_whose_last_slice_begins_a_session_in_which_nothing_traded_has_parity(
    tmp_path, frequency
):
    bars = daily_frame(3, 1) if frequency == "1d" else minute_frame(2, 1)
    *traded, quiet = slices(bars) if frequency == "1d" else slices(bars)[:391]

    async def source():
        for bar in traded:
            yield bar
        yield rbt.MarketDataEvent(timestamp=quiet[0].timestamp, bars={})

    known = (
        {"bars": daily_frame(1, 1)}
        if frequency == "1d"
        else {"bars": None, "minute_bars": minute_frame(1, 1)}
    )
    data = rbt.PolarsDataPortal(**known)
    session = run(whole(Hold, tmp_path, feed=source(), data=data, frequency=frequency))

    report = session.parity()

    assert report.identical
    assert report.fills_compared == 1
    assert same(session.replay(), session.result())
