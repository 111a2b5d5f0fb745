"""A warning names a line of the user's, in a backtest and in a session."""

import asyncio
import inspect
import warnings
from datetime import date

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import api
from rbtlive.finance.commission import PerShare
from tests.architecture.sources import modules, path_name

BARS = pl.DataFrame(
    {
        "date": [date(2024, 1, day) for day in (9, 10, 11, 12)],
        "symbol": "A",
        **dict.fromkeys(("open", "high", "low", "close"), 5.0),
        "volume": 100,
    }
)


def morning(context, data):
    """A callback that never runs in Tokyo."""


def in_tokyo():
    """Return a market whose closes lie before 08:45 in New York."""
    return rbt.read(BARS, calendar="XTKS")


def line_of(function):
    """Return the file and the first line of a function."""
    return __file__, inspect.getsourcelines(function)[1]


def warned(act):
    """Return file and line of the one warning of a call."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        act()
    assert len(said) == 1
    return said[0].filename, said[0].lineno


def test_a_callback_that_never_runs_is_named_by_its_own_line():
    strategy = {"before_trading_start": morning}

    assert warned(lambda: rbt.backtest(strategy, in_tokyo(), calendar="XTKS")) == line_of(morning)


def test_a_method_that_never_runs_is_named_by_its_own_line():
    class Strategy(rbt.TradingAlgorithm):
        def before_trading_start(self, context, data):
            """Never run."""

    found = warned(lambda: rbt.backtest(Strategy, in_tokyo(), calendar="XTKS"))

    assert found == line_of(Strategy.before_trading_start)


def test_a_session_names_the_callback_too(tmp_path, monkeypatch):
    monkeypatch.setenv("RBTLIVE_HOME", str(tmp_path))

    async def trade():
        feed = rbt.ReplayFeed(in_tokyo())
        session = rbt.attach(
            {"before_trading_start": morning},
            rbt.PaperBroker(),
            feed=feed,
            calendar="XTKS",
            name="tokyo",
        )
        await session.wait()

    assert warned(lambda: asyncio.run(trade())) == line_of(morning)


def deprecated(context):
    """Call a deprecated function by the module's name for it."""
    api.set_do_not_order_list([])


def swapped(context):
    """Pass a time rule as a date rule."""
    api.schedule_function(morning, api.time_rules.market_open())


def below_zero(context):
    """Charge less than nothing."""
    api.set_commission(PerShare(cost=-1))


@pytest.mark.parametrize("initialize", [deprecated, swapped, below_zero])
def test_a_call_in_a_callback_is_named_by_its_line(initialize):
    strategy = {"initialize": initialize, "handle_data": lambda context, data: None}

    file, line = warned(lambda: rbt.backtest(strategy, BARS))

    assert (file, line) == (__file__, line_of(initialize)[1] + 2)


def test_no_module_counts_frames_itself():
    """`warn_user` alone warns: a count of frames is wrong as soon as a caller is added."""
    found = [path_name(path) for path in modules() if "warnings.warn" in path.read_text("utf-8")]

    assert found == ["rbtlive/model/calls.py"]
