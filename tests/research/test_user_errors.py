"""What a strategy raises shows the bar's time and the user's line first."""

from __future__ import annotations

import asyncio
import sys
import traceback
from types import SimpleNamespace

import pandas as pd
import pytest

import rbtlive as rbt
from rbtlive.pipeline import CustomFactor, Pipeline
from rbtlive.pipeline.data import USEquityPricing
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
    assert last_frames(caught.value)[1] in {"handle_data", "scheduled"}
    assert len(caught.value.__notes__) == 1


def test_initialize_shows_its_own_line_first():
    def initialize(context):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError) as caught:
        rbt.backtest({"initialize": initialize}, daily_frame(5), progress=False)

    assert last_frames(caught.value)[1:] == ["initialize"]


class Own(CustomFactor):
    """Fails when it is computed."""

    inputs = (USEquityPricing.close,)
    window_length = 1

    def compute(self, today, assets, out, close):
        helper({})


STEPS = {
    "run_algorithm": lambda bars: rbt.run_algorithm(
        data=bars,
        start=pd.Timestamp("2017-01-03"),
        end=pd.Timestamp("2017-01-06"),
        capital_base=1e5,
        initialize=lambda context: None,
        handle_data=lambda context, data: helper({}),
    ),
    "run_pipeline": lambda bars: rbt.run_pipeline(
        Pipeline({"own": Own()}), "2017-01-05", "2017-01-06", bars
    ),
    "sweep": lambda bars: rbt.sweep(
        Fails, bars, {"how": ["own", "api"]}, where=lambda how: helper({})
    ),
}


@pytest.mark.parametrize("step", STEPS)
def test_between_the_call_and_the_users_line_stands_no_frame_of_the_package(step):
    with pytest.raises(KeyError) as caught:
        STEPS[step](daily_frame(10))

    files = {frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)}
    assert files == {__file__}


async def failed(tmp_path, **options):
    """Return what a session's `wait()` and `stop()` raise."""
    session = rbt.attach(
        Fails,
        rbt.PaperBroker(),
        feed=rbt.ReplayFeed(daily_frame(10)),
        on_error="raise",
        journal=tmp_path,
        **options,
    )
    raised = []
    for awaited in (session.wait, session.wait, session.stop):
        try:
            await awaited()
        except KeyError as failure:
            raised.append(last_frames(failure))
    return raised


def test_each_wait_for_a_session_raises_from_the_users_line_on(tmp_path):
    raised = asyncio.run(failed(tmp_path))

    assert raised == [["failed", "handle_data", "helper"]] * 3


def test_a_blocking_run_raises_from_the_users_line_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(KeyError) as caught:
        rbt.run(Fails, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(10)), on_error="raise")

    assert last_frames(caught.value)[1:] == ["handle_data", "helper"]


def test_the_line_of_a_cell_is_named_by_the_cells_number(monkeypatch):
    shell = SimpleNamespace(
        compile=SimpleNamespace(
            format_code_name=lambda path: ("Cell", "In[7]") if path == __file__ else None
        )
    )
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    with pytest.raises(KeyError) as caught:
        rbt.backtest(Fails, daily_frame(10), progress=False)

    assert 'of cell In[7]: return values["missing"]' in caught.value.__notes__[0]


def test_a_session_says_the_line_in_its_log(tmp_path):
    session = run(whole(Fails, tmp_path, feed=rbt.ReplayFeed(daily_frame(10))))

    assert any('return values["missing"]' in str(line) for line in session.logs)
