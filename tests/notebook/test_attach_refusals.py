"""What cannot be attached is refused with an error of its own class, and leaves nothing
behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.data.portal import PolarsDataPortal
from tests.builders import Churn, Gated, Hold, daily_frame, defined, run, same, slices, until, whole

ROOT = Path(__file__).parents[2]


def tasks():
    return [task for task in asyncio.all_tasks() if "rbtlive" in task.get_name()]


def files(folder):
    return (
        sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        if folder.exists()
        else []
    )


def refused(folder, strategy=Hold, broker=None, **options):
    """Attach on a loop, expect a refusal, and return it once nothing was found left
    behind.
    """
    options = {"feed": rbt.ReplayFeed(daily_frame()), "journal": folder, **options}

    async def try_it():
        with pytest.raises(Exception) as caught:
            rbt.attach(strategy, broker or rbt.PaperBroker(), **options)
        assert tasks() == []
        return caught.value

    failure = run(try_it())
    assert files(folder) == []
    assert rbt.sessions() == {}
    return failure


BAD_ARGUMENTS = {
    "name with a slash": ({"name": "a/b"}, errors.BadSessionName, "'a/b'"),
    "empty name": ({"name": ""}, errors.BadSessionName, "''"),
    "name like an earlier run": ({"name": "sma.0001"}, errors.BadSessionName, "earlier runs"),
    "name that is no text": ({"name": 7}, errors.BadSessionName, "7"),
    "dict without a name": (
        {"strategy": {"handle_data": lambda _context, _data: None}},
        errors.BadSessionName,
        "pass name=",
    ),
    "broker that is none": ({"broker": "paper"}, errors.InvalidSetting, "PaperBroker"),
    "no feed": ({"feed": None}, errors.NoFeed, "pass feed="),
    "feed that is none": ({"feed": 3}, errors.FeedError, "was int"),
    "feed without assets": ({"feed": asyncio.sleep}, errors.NoFeed, "pass data="),
    "start after end": (
        {"start": "2017-02-01", "end": "2017-01-05"},
        errors.StartAfterEnd,
        "2017-02-01",
    ),
    "start that is no date": ({"start": "soon"}, errors.InvalidSetting, "'soon'"),
    "start after the data": (
        {"start": "2019-01-02", "end": "2019-02-01"},
        errors.OutsideData,
        "2017-01-03",
    ),
    "frequency": ({"frequency": "1y"}, errors.BadFrequency, "'1y'"),
    "minutes of daily bars": (
        {"feed": rbt.ReplayFeed(PolarsDataPortal(daily_frame())), "frequency": "1m"},
        errors.BadFrequency,
        "minute",
    ),
    "frames": ({"frames": "numpy"}, errors.SettingsError, "'numpy'"),
    "capital of nothing": ({"capital_base": 0}, errors.ZeroCapitalError, "was 0"),
    "capital that is not a number": (
        {"capital_base": float("nan")},
        errors.ZeroCapitalError,
        "nan",
    ),
    "capital that is text": ({"capital_base": "1e6"}, errors.InvalidSetting, "'1e6'"),
    "unknown calendar": ({"calendar": "XMOON"}, errors.InvalidCalendarName, "XMOON"),
    "unknown parameter": (
        {"params": {"amuont": 3}},
        errors.UnknownParameter,
        "did you mean 'amount'",
    ),
    "unknown benchmark": ({"benchmark": "ZZZ"}, errors.SymbolNotFound, "ZZZ"),
    "commission that is none": ({"commission": 0.01}, errors.InvalidSetting, "PerDollar"),
    "a class of commission": (
        {"commission": rbt.PerShare},
        errors.InvalidSetting,
        "commission=PerShare(...)",
    ),
    "slippage that is none": ({"slippage": "none"}, errors.InvalidSetting, "slippage"),
    "on_error": ({"on_error": "ignore"}, errors.InvalidSetting, "'ignore'"),
    "on_divergence": ({"on_divergence": "no"}, errors.InvalidSetting, "'positions'"),
    "open_orders": ({"open_orders": "close"}, errors.InvalidSetting, "'cancel'"),
    "max_errors": ({"max_errors": 0}, errors.InvalidSetting, "was 0"),
    "strategy without callbacks": (
        {"strategy": {"__name__": "empty"}},
        errors.NoCallbacks,
        "handle_data",
    ),
    "strategy that is none": ({"strategy": 3}, errors.NotAStrategy, "was 3"),
    "class that is no strategy": ({"strategy": dict}, errors.NotAStrategy, "dict"),
    "callback that is no function": (
        {"strategy": {"__name__": "s", "handle_data": 3}},
        errors.NotAStrategy,
        "handle_data",
    ),
    "bars without a column": (
        {"feed": rbt.ReplayFeed(daily_frame().drop("close"))},
        errors.MissingColumn,
        "close",
    ),
    "a bar twice": (
        {"feed": rbt.ReplayFeed(pl.concat([daily_frame(), daily_frame()[:1]]))},
        errors.DuplicateBar,
        "AAA",
    ),
}


@pytest.mark.parametrize("what", BAD_ARGUMENTS)
def test_a_bad_argument_is_refused_and_leaves_nothing_behind(tmp_path, what):
    options, kind, text = BAD_ARGUMENTS[what]

    failure = refused(tmp_path / "state", **options)

    assert isinstance(failure, kind), repr(failure)
    assert isinstance(failure, errors.RbtliveError)
    assert text in str(failure)


@pytest.mark.parametrize("what", sorted(set(BAD_ARGUMENTS) - {"dict without a name"}))
def test_a_session_keeps_running_when_a_bad_attach_of_its_name_is_refused(tmp_path, what):
    options, kind, _text = BAD_ARGUMENTS[what]
    bars = daily_frame()
    name = options.get("name", "s")
    if kind is errors.BadSessionName:
        name = "s"

    async def refused_beside():
        feed = Gated(bars, 5)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path, name=name)
        await until(lambda: session.engine.meters.events == 5)
        bad = {
            "strategy": Churn,
            "broker": rbt.PaperBroker(),
            "feed": rbt.ReplayFeed(bars),
            "name": name,
            **options,
        }
        for fresh in (False, True):
            with pytest.raises((kind, errors.JournalMismatch)):
                rbt.attach(
                    bad["strategy"], bad["broker"], journal=tmp_path, fresh=fresh, **_rest(bad)
                )
            assert session.state == "running"
            assert rbt.sessions() == {name: session}
        feed.allow(100)
        await session.wait()
        return session

    session = run(refused_beside())

    assert same(rbt.backtest(Churn, bars), session.result())


def _rest(bad):
    return {name: value for name, value in bad.items() if name not in {"strategy", "broker"}}


def test_a_loop_that_ends_right_after_attach_leaves_no_session_and_no_lock(tmp_path):
    bars = daily_frame(5)

    async def too_short():
        return rbt.attach(Hold, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path)

    session = asyncio.run(too_short())

    assert session.state == "stopped"
    assert rbt.sessions() == {}
    assert same(
        rbt.backtest(Hold, bars), run(whole(Hold, tmp_path, feed=rbt.ReplayFeed(bars))).result()
    )


def test_attach_without_a_running_loop_names_the_twin_for_scripts(tmp_path):
    with pytest.raises(errors.NoRunningLoop, match=r"rbtlive\.run"):
        rbt.attach(
            Hold, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), journal=tmp_path / "state"
        )

    assert files(tmp_path / "state") == []


def test_a_class_that_was_only_given_a_name_of_another_running_strategy_is_refused(tmp_path):
    bars = daily_frame()

    async def beside():
        feed = Gated(bars, 5)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path, name="s")
        await until(lambda: session.engine.meters.events == 5)
        with pytest.raises(
            errors.JournalMismatch, match=r"'s' is running strategy 'Churn'.*'Hold'"
        ):
            rbt.attach(
                Hold, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path, name="s"
            )
        assert session.state == "running"
        feed.allow(100)
        await session.wait()
        return session

    assert same(rbt.backtest(Churn, bars), run(beside()).result())


def begun(folder, strategy=Hold, slices_seen=3, **options):
    """Begin a session and stop it."""

    async def pieces():
        feed = Gated(daily_frame(), slices_seen)
        session = rbt.attach(strategy, rbt.PaperBroker(), feed=feed, journal=folder, **options)
        await until(lambda: session.engine.meters.events == slices_seen)
        await session.stop()

    run(pieces())


def content(folder):
    """Return the rows of every journal in a folder."""
    found = {}
    for path in sorted(folder.glob("*.sqlite")):
        with closing(sqlite3.connect(path)) as connection:
            found[path.name] = connection.execute("SELECT * FROM rows ORDER BY seq").fetchall()
    return found


def refused_later(folder, strategy=Hold, **options):
    """Attach to what was begun, expect a refusal, and return it once the journal was
    found unchanged.
    """
    before = content(folder)

    async def try_it():
        with pytest.raises(errors.JournalError) as caught:
            rbt.attach(
                strategy,
                rbt.PaperBroker(),
                feed=rbt.ReplayFeed(daily_frame()),
                journal=folder,
                **options,
            )
        assert tasks() == []
        return caught.value

    failure = run(try_it())
    assert content(folder) == before
    assert rbt.sessions() == {}
    return failure


def test_a_journal_of_another_strategy_is_refused(tmp_path):
    begun(tmp_path, name="s")

    failure = refused_later(tmp_path, Churn, name="s")

    assert isinstance(failure, errors.JournalMismatch)
    assert "'Hold'" in str(failure)
    assert "'Churn'" in str(failure)
    assert (
        run(whole(Hold, tmp_path, feed=rbt.ReplayFeed(daily_frame()), name="s")).parity().identical
    )


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ({"params": {"amount": 11}}, "params"),
        ({"capital_base": 5}, "capital_base was '100000', is '5'"),
        ({"end": "2017-02-01"}, "end"),
        ({"commission": rbt.finance.commission.PerTrade(1)}, "commission"),
        ({"on_error": "raise"}, "on_error"),
    ],
)
def test_a_run_is_not_carried_on_under_other_settings(tmp_path, option, named):
    begun(tmp_path)

    failure = refused_later(tmp_path, **option)

    assert isinstance(failure, errors.StrategyChanged)
    assert named in str(failure)
    assert "on_divergence='positions'" in str(failure)


def test_edited_code_is_not_taken_for_the_code_a_run_was_begun_with(tmp_path):
    begun(
        tmp_path,
        defined(
            "class S(rbt.TradingAlgorithm):\n amount = 1\n def handle_data(s, c, d): pass", "S"
        ),
    )

    edited = defined(
        "class S(rbt.TradingAlgorithm):\n amount = 2\n def handle_data(s, c, d): pass", "S"
    )
    failure = refused_later(tmp_path, edited)

    assert isinstance(failure, errors.StrategyChanged)
    assert "source of S was edited" in str(failure)
    assert "on_divergence='positions'" in str(failure)


def rewritten(folder, table, change):
    with closing(sqlite3.connect(folder / "Hold.sqlite")) as connection:
        change(connection)
        connection.commit()


def test_a_journal_of_other_semantics_is_refused(tmp_path, monkeypatch):
    begun(tmp_path)
    monkeypatch.setattr(
        rbt.runtime.journal.header, "SEMANTICS", rbt.runtime.journal.header.SEMANTICS + 1
    )

    failure = refused_later(tmp_path)

    assert isinstance(failure, errors.JournalVersion)
    assert "semantics" in str(failure)


def test_a_damaged_journal_is_refused(tmp_path):
    begun(tmp_path)
    with closing(sqlite3.connect(tmp_path / "Hold.sqlite")) as connection:
        connection.execute("UPDATE rows SET payload = '{}' WHERE seq = 2")
        connection.commit()

    failure = refused_later(tmp_path)

    assert isinstance(failure, errors.JournalCorrupt)


HOLDER = """
    import asyncio, sys
    import rbtlive as rbt
    from tests.builders import Gated, Hold, daily_frame

    async def hold():
        rbt.attach(Hold, rbt.PaperBroker(), feed=Gated(daily_frame(), 3), journal=sys.argv[1])
        await asyncio.sleep(0.05)
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.read)

    asyncio.run(hold())
"""


def test_a_session_that_another_process_holds_is_refused_until_that_process_is_gone(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert holder.stdout.readline() == "held\n"

        async def try_it():
            with pytest.raises(
                errors.SessionLocked, match=f"'Hold' is held by process {holder.pid} on "
            ):
                rbt.attach(
                    Hold, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), journal=tmp_path
                )
            assert tasks() == []
            assert rbt.sessions() == {}

        run(try_it())
    finally:
        holder.kill()
        holder.communicate()

    session = run(whole(Hold, tmp_path, feed=rbt.ReplayFeed(daily_frame())))

    assert same(rbt.backtest(Hold, daily_frame()), session.result())


BROKEN = "class S(rbt.TradingAlgorithm):\n def initialize(self, context):\n  self.symbol('AAB')\n def handle_data(s, c, d): pass"
MENDED = BROKEN.replace("AAB", "AAA")


def test_an_unknown_symbol_in_initialize_ends_the_session_and_leaves_no_run_behind(tmp_path):
    bars = daily_frame()

    async def typo():
        session = rbt.attach(
            defined(BROKEN, "S"), rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path
        )
        with pytest.raises(errors.SymbolNotFound, match="did you mean 'AAA'"):
            await session.wait()
        assert session.state == "failed"
        assert "SymbolNotFound" in session.logs[-1]
        assert rbt.sessions() == {}
        assert tasks() == []
        return await whole(defined(MENDED, "S"), tmp_path, feed=rbt.ReplayFeed(bars))

    session = run(typo())

    assert session.state == "stopped"
    assert rbt.open_session("S", journal=tmp_path).ended
    with pytest.raises(errors.RunNotFound):
        rbt.open_session("S", 1, journal=tmp_path)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            "self.order(self.symbol('AAA'), float('nan'))",
            errors.BadOrderParameters,
            "amount must be finite: was nan",
        ),
        (
            "self.order(self.symbol('AAA'), float('inf'))",
            errors.BadOrderParameters,
            "amount must be finite: was inf",
        ),
        (
            "self.order(self.symbol('AAA'), 1, limit_price=float('nan'))",
            errors.BadOrderParameters,
            "nan",
        ),
        ("self.order(self.symbol('AAA'), 1, stop_price=-1)", errors.BadOrderParameters, "-1"),
        ("self.order('AAA', 1)", errors.UnsupportedOrderParameters, "'AAA'"),
        ("self.order(self.symbol('AAB'), 1)", errors.SymbolNotFound, "did you mean 'AAA'"),
        ("self.order(self.symbol('AAA'), 'ten')", TypeError, "'ten'"),
        (
            "data.current(self.symbol('AAA'), 'clsoe')",
            (KeyError, ValueError, errors.RbtliveError),
            "clsoe",
        ),
    ],
)
def test_a_bad_order_names_what_was_wrong_and_leaves_no_order(tmp_path, call, kind, text):
    source = f"class S(rbt.TradingAlgorithm):\n def handle_data(self, context, data):\n  {call}"

    async def ended():
        session = rbt.attach(
            defined(source, "S"),
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame(3)),
            journal=tmp_path,
            on_error="raise",
        )
        with pytest.raises(kind) as caught:
            await session.wait()
        return session, caught.value

    session, failure = run(ended())

    assert text in str(failure)
    assert session.orders.is_empty()
    assert session.state == "failed"
    assert session.portfolio.cash == Decimal(100_000)


def test_values_and_percents_of_an_asset_that_is_not_listed_are_refused(tmp_path):
    late = daily_frame(10).filter(
        (pl.col("symbol") == "AAA") | (pl.col("date") > daily_frame(10)["date"][10])
    )
    source = (
        "class S(rbt.TradingAlgorithm):\n def handle_data(self, context, data):\n"
        "  self.order_value(self.symbol('BBB'), 500)"
    )

    async def ended():
        session = rbt.attach(
            defined(source, "S"),
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(late),
            journal=tmp_path,
            on_error="raise",
        )
        with pytest.raises(errors.CannotOrderDelistedAsset, match="BBB"):
            await session.wait()

    run(ended())


def test_the_header_tells_no_source(tmp_path):
    source = (
        "class S(rbt.TradingAlgorithm):\n def handle_data(self, context, data):\n  key = 'hunter2'"
    )
    run(whole(defined(source, "S"), tmp_path, feed=rbt.ReplayFeed(daily_frame(3))))

    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert b"hunter2" not in stored
    with closing(sqlite3.connect(tmp_path / "S.sqlite")) as connection:
        text = json.dumps(connection.execute("SELECT * FROM header").fetchall(), default=str)
    assert '"strategy' in text.replace("\\", "")


def test_a_live_source_is_known_by_its_bars_alone(tmp_path):
    bars = daily_frame(5)

    async def source():
        for one in slices(bars):
            yield one

    session = run(whole(Hold, tmp_path, feed=source(), data=bars))

    assert session.positions["amount"].to_list() == [Decimal(10)] * 4
