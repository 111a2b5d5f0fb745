"""What a script that runs a session says, where it says it, and how its process ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAILING = """
    import atexit, logging, sys
    import rbtlive as rbt
    from tests.builders import daily_frame

    class Failing(rbt.TradingAlgorithm):
        def handle_data(self, context, data):
            self.order(self.symbol("AAA"), 10)
            raise ValueError("100 % wrong")

    atexit.register(lambda: print("tidied up"))
    {before}
    session = rbt.run(
        Failing, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(8)), journal=sys.argv[1],
        max_errors=3, {options}
    )
    print(session.trading_state, flush=True)
    {after}
"""
OBEDIENT = """
    import sys
    import rbtlive as rbt
    from tests.builders import Hold, daily_frame

    rbt.run(Hold, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(4)), journal=sys.argv[1])
"""


def ran(folder, source, *, before="", options="", after=""):
    """Run a script to its end, and return code, output and what it said."""
    text = textwrap.dedent(source)
    for name, value in {"before": before, "options": options, "after": after}.items():
        text = text.replace("{" + name + "}", value)
    path = folder / "strategy.py"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, str(path), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )
    return done.returncode, done.stdout, done.stderr


def test_a_script_that_sets_up_nothing_says_it_all_as_json_and_exits_as_halted(tmp_path):
    code, out, err = ran(tmp_path, FAILING)

    lines = [json.loads(line) for line in err.splitlines()]
    assert (code, out) == (3, "halted\ntidied up\n")
    assert {line["session"] for line in lines} == {"Failing"}
    logged = [(line["level"], line["event"]) for line in lines]
    assert logged[0][0] == "info"
    assert "of Failing at paper, bars of 1d from ReplayFeed" in logged[0][1]
    failed = [line for line in lines if line["event"].startswith("a callback failed at 2017-01-0")]
    assert "ValueError: 100 % wrong (in handle_data, line 9 of strategy.py: raise" in logged[1][1]
    first, where = failed[0]["exception"].splitlines()[:3:2]
    assert first.startswith("at the bar 2017-01-03 21:00:00 UTC, in handle_data, line 9")
    assert where.endswith('strategy.py", line 9, in handle_data')
    assert not any("exception" in line for line in failed[1:])
    assert ("warning", "trading is halted: 3 callbacks in a row failed") in logged
    denied = [text for level, text in logged if level == "warning" and "denied" in text]
    assert re.match(r"\d orders? denied, 3 callbacks in a row failed .*order 4: 10 AAA", denied[0])
    assert denied[-1].startswith("5 orders denied")
    assert len(denied) < 5
    assert any(level == "info" and text.startswith("filled 10 AAA at ") for level, text in logged)
    assert logged[-1][0] == "warning"
    assert logged[-1][1].startswith("ended while trading was halted: 3 callbacks")
    assert "3 fills, 5 refused, 8 callbacks failed" in logged[-1][1]


def test_standard_logging_that_was_set_up_gets_each_line_once(tmp_path):
    setting_up = "logging.basicConfig(level=logging.INFO, format='%(levelname)s|%(message)s')"

    code, _out, err = ran(tmp_path, FAILING, before=setting_up)

    assert code == 3
    assert err.count("trading is halted: 3 callbacks in a row failed") == 1
    assert "WARNING|Failing: trading is halted" in err
    assert "INFO|Failing: filled 10 AAA" in err
    assert "timestamp" not in err


def test_structlog_that_was_set_up_gets_each_line_once(tmp_path):
    setting_up = (
        "import structlog; structlog.configure(processors=[structlog.processors.add_log_level, "
        "structlog.processors.KeyValueRenderer(key_order=['level', 'event'])])"
    )

    _code, out, err = ran(tmp_path, FAILING, before=setting_up)

    assert err == ""
    assert out.count("event='trading is halted: 3 callbacks in a row failed'") == 1
    assert "level='info' event='filled 10 AAA" in out


def test_a_level_leaves_out_what_is_below_it(tmp_path):
    code, _out, err = ran(tmp_path, FAILING, options="log_level='error'")

    assert code == 3
    assert {json.loads(line)["level"] for line in err.splitlines()} == {"error"}


def test_a_session_that_fails_makes_one_of_its_script_whatever_was_halted_before(tmp_path):
    again = "rbt.run(Failing, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(8)), fresh=True, on_error='raise', journal=sys.argv[1])"

    code, _out, err = ran(tmp_path, FAILING, after=again)

    assert code == 1
    failed = next(line for line in err.splitlines() if "the session has failed" in line)
    assert json.loads(failed)["exception"].startswith("at the bar 2017-01-03 21:00:00 UTC")
    trace = err[err.index("\nTraceback (most recent call last):") :]
    assert "asyncio" not in trace
    assert 'strategy.py", line 9, in handle_data' in trace


def test_a_session_whose_feed_ends_leaves_the_script_its_own_code(tmp_path):
    code, out, err = ran(tmp_path, OBEDIENT)

    assert (code, out) == (0, "")
    assert json.loads(err.splitlines()[-1])["event"].startswith("the feed has ended; ")


def test_a_program_that_runs_a_session_keeps_its_own_exit_code(tmp_path):
    text = textwrap.dedent(FAILING).replace("{before}", "").replace("{after}", "")
    halting = textwrap.indent(text.replace("{options}", "log_level='critical'"), " " * 8)
    suite = f"import unittest\nclass Suite(unittest.TestCase):\n    def test_it(self):\n{halting}"
    (tmp_path / "suite.py").write_text(suite.replace("sys.argv[1]", repr(str(tmp_path))))

    done = subprocess.run(
        [sys.executable, "-m", "unittest", "suite"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert "halted" in done.stdout
    assert done.returncode == 0


def test_the_command_line_says_the_same(tmp_path):
    (tmp_path / "algo.py").write_text(
        "from rbtlive.api import order, symbol\n"
        "def handle_data(context, data):\n    order(symbol('AAPL'), 1)\n    raise KeyError('x')\n"
    )
    words = "run -f algo.py -s 2005-01-03 -e 2005-01-31 -b us-daily --broker paper"

    done = subprocess.run(
        [sys.executable, "-m", "rbtlive", *words.split(), "--log-level", "warning"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RBTLIVE_HOME": str(tmp_path)},
    )

    assert done.returncode == 3
    logged = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert "trading is halted: 10 callbacks in a row failed" in logged
    assert not any(text.startswith("filled") for text in logged)


@pytest.mark.parametrize("level", ["loud", None, 1.5, True, -1])
def test_a_level_that_is_none_is_refused(level):
    import rbtlive as rbt
    from tests.builders import Hold, daily_frame

    with pytest.raises(rbt.errors.InvalidSetting, match="log_level must be one of 'debug'"):
        rbt.run(Hold, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(4)), log_level=level)
