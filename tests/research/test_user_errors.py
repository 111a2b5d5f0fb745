"""What a strategy raises shows the bar's time and the user's line first."""

from __future__ import annotations

import traceback

import pytest

import rbtlive as rbt
from tests.builders import daily_frame, run, whole


class Fails(rbt.TradingAlgorithm):
    """Fails in its third bar."""

    how = "own"

    def initialize(self, context):
        context.bars = 0
        self.schedule_function(self.scheduled)

    def scheduled(self, context, data):
        if context.bars == 3 and self.how == "scheduled":
            raise ValueError("mine")

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars == 3 and self.how == "own":
            helper({})
        if context.bars == 3 and self.how == "api":
            data.history(self.symbol("AAA"), "clse", 1, "1d")


def helper(values):
    return values["missing"]


def last_frames(failure):
    return [frame.name for frame in traceback.extract_tb(failure.__traceback__)]


@pytest.mark.parametrize(
    ("how", "error", "line"),
    [
        ("own", KeyError, 'return values["missing"]'),
        ("api", ValueError, 'data.history(self.symbol("AAA"), "clse", 1, "1d")'),
        ("scheduled", ValueError, 'raise ValueError("mine")'),
    ],
)
def test_a_failing_callback_names_its_bar_and_line_and_shows_the_users_frames_first(
    how, error, line
):
    with pytest.raises(error) as caught:
        rbt.backtest(Fails, daily_frame(10), params={"how": how}, progress=False)

    note = caught.value.__notes__[0]
    assert note.startswith("at the bar 2017-01-05 21:00:00 UTC, in ")
    assert f"of test_user_errors.py: {line}" in note
    names = last_frames(caught.value)
    assert [name for name in names if name != "called"][1:3] in (
        ["backtest", "handle_data"],
        ["backtest", "scheduled"],
    )
    assert len(caught.value.__notes__) == 1


def test_initialize_shows_its_own_line_first():
    def initialize(context):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError) as caught:
        rbt.backtest({"initialize": initialize}, daily_frame(5), progress=False)

    assert [n for n in last_frames(caught.value) if n != "called"][1:] == ["backtest", "initialize"]


def test_a_session_says_the_line_in_its_log(tmp_path):
    session = run(whole(Fails, tmp_path, feed=rbt.ReplayFeed(daily_frame(10))))

    assert any('return values["missing"]' in str(line) for line in session.logs)
