"""The magics, in a shell of their own: a cell becomes a strategy, and each line does
what the function does.
"""

import asyncio
import atexit
import re

import pytest

import rbtlive as rbt

SMA = """\
from rbtlive.api import order_target, symbol

FAST = 3

def initialize(context, size=10):
    context.asset = symbol("IBM")
    context.size = size

def handle_data(context, data):
    prices = data.history(context.asset, "close", 10, "1d")
    helper(context)
    order_target(context.asset, context.size if prices[-FAST:].mean() > prices.mean() else 0)
"""


@pytest.fixture
def shell(tmp_path, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("RBTLIVE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell = InteractiveShell(
        config=Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}})
    )
    shell.run_cell(
        "import rbtlive as rbt\nbars = rbt.load_sample('us-daily')\ndef helper(context): pass"
    )
    shell.run_line_magic("load_ext", "rbtlive")
    yield shell
    atexit.unregister(shell.atexit_operations)
    shell._atexit_once()


def line(shell, magic, text=""):
    return shell.run_line_magic(magic, text)


def make(shell, name, cell):
    return shell.run_cell_magic("strategy", name, cell)


def usage_error(shell, magic, text=""):
    from IPython.core.error import UsageError

    with pytest.raises(UsageError) as refused:
        line(shell, magic, text)
    return str(refused.value)


def test_a_cell_of_functions_becomes_a_strategy_that_the_magic_and_the_function_backtest_alike(
    shell,
):
    make(shell, "sma", SMA)
    sma, bars = shell.user_ns["sma"], shell.user_ns["bars"]

    result = line(
        shell,
        "backtest",
        "sma bars --start 2005-01-03 --end 2005-06-30 --param size=25 --no-progress",
    )

    plain = rbt.backtest(sma, bars, start="2005-01-03", end="2005-06-30", params={"size": 25})
    assert result.performance.equals(plain.performance)
    assert result.transactions.height > 2
    assert repr(sma) == "<strategy sma: initialize, handle_data>"


def test_names_of_two_cells_do_not_mix_and_names_of_the_notebook_are_seen_as_they_are(shell):
    cell = "STEP = {}\ndef handle_data(context, data):\n    seen.append((STEP, factor))\n"
    shell.run_cell("seen, factor = [], 1")
    make(shell, "one", cell.format(1))
    make(shell, "two", cell.format(2))
    shell.run_cell("factor = 5")

    line(shell, "backtest", "one bars --start 2005-01-03 --end 2005-01-03")
    line(shell, "backtest", "two bars --start 2005-01-03 --end 2005-01-03")

    assert shell.user_ns["seen"] == [(1, 5), (2, 5)]
    assert not {"STEP", "handle_data"} & shell.user_ns.keys()


def test_a_cell_with_a_class_becomes_that_class(shell):
    make(
        shell,
        "hold",
        "class Hold(rbt.TradingAlgorithm):\n    def handle_data(self, context, data):\n        "
        "pass\n",
    )

    assert shell.user_ns["hold"].__name__ == "Hold"
    assert issubclass(shell.user_ns["hold"], rbt.TradingAlgorithm)


def test_an_error_in_a_callback_points_at_the_cells_own_line(shell):
    make(shell, "bad", "def handle_data(context, data):\n    x = 1\n    return x / 0\n")

    with pytest.raises(ZeroDivisionError) as raised:
        line(shell, "backtest", "bad bars --start 2005-01-03 --end 2005-01-03")

    last = raised.traceback[-1]
    assert last.lineno + 1 == 4  # the magic's own line is the first
    assert shell.compile.format_code_name(str(last.frame.code.raw.co_filename)) == (
        "Cell",
        f"In[{shell.execution_count}]",
    )
    assert str(last.statement).strip() == "return x / 0"


def test_a_syntax_error_points_at_the_cells_own_line(shell):
    with pytest.raises(SyntaxError) as raised:
        make(shell, "bad", "def handle_data(context, data):\n    return 1 +\n")

    assert raised.value.lineno == 3


@pytest.mark.parametrize(
    ("cell", "error", "words"),
    [
        ("x = 1\n", "NoCallbacks", "has none of initialize, before_trading_start, handle_data"),
        (
            "def handel_data(context, data):\n    pass\n",
            "NoCallbacks",
            "did you mean handle_data()?",
        ),
        (
            "class A(rbt.TradingAlgorithm):\n    pass\nclass B(rbt.TradingAlgorithm):\n    pass\n",
            "NotAStrategy",
            "this one defines A, B; put each into a cell of its own",
        ),
    ],
)
def test_a_cell_that_is_no_strategy_learns_why(shell, cell, error, words):
    with pytest.raises(rbt.errors.RbtliveError, match=re.escape(words)) as raised:
        make(shell, "name", cell)

    assert type(raised.value).__name__ == error
    assert "name" not in shell.user_ns


@pytest.mark.parametrize(
    ("magic", "text", "words"),
    [
        ("backtest", "sma", "the following arguments are required: DATA"),
        ("backtest", "nothing bars", "no variable 'nothing' is in this notebook"),
        ("backtest", "sma bars --fast 3", "unrecognized arguments: --fast 3"),
        ("backtest", "sma bars --param fast", "--param must be NAME=VALUE: was 'fast'"),
        ("backtest", "sma bars --frequency 2d", "was '2d'"),
        ("backtest", "sma 'bars", "No closing quotation; close the quotes"),
        ("stop", "", "the name of a session is expected, or --all"),
        ("sessions", "sma", "takes no arguments"),
    ],
)
def test_a_wrong_line_learns_what_was_expected(shell, magic, text, words):
    make(shell, "sma", SMA)

    assert words in usage_error(shell, magic, text)


def test_a_name_that_cannot_be_a_variable_is_refused(shell):
    from IPython.core.error import UsageError

    with pytest.raises(UsageError, match="a name for the variable is expected: was 'my strategy'"):
        make(shell, "my strategy", SMA)


def test_sessions_are_attached_listed_and_stopped_by_name(shell):
    make(shell, "sma", SMA)
    shell.run_cell("feed = rbt.ReplayFeed(bars, speed=86400 * 5)")

    async def trade():
        session = line(
            shell, "attach", "sma --feed feed --start 2005-01-03 --end 2005-12-30 --param size=7"
        )
        listed = line(shell, "sessions")
        still, shown = repr(listed), listed._repr_html_()
        with pytest.raises(
            rbt.errors.UnknownSession,
            match="no session 'smaa' runs in this kernel: running are sma",
        ):
            line(shell, "stop", "smaa")
        line(shell, "stop", "sma")
        await session.wait()
        return session, listed, still, shown

    session, listed, still, shown = asyncio.run(trade())

    assert session.name == "sma"
    assert session.state == "stopped"
    assert session.engine.core.state.settings.params == {"size": 7}
    assert listed["sma"] is session
    assert "sma" in still
    assert "Sessions" in shown
    stopped = line(shell, "sessions")
    assert "sma" not in stopped
    assert repr(stopped) == repr(rbt.board())
    row = next(row for row in repr(stopped).splitlines() if row.startswith("sma"))
    assert row.split()[1] == "stopped"
    for figure in (f"{session.portfolio.portfolio_value:,.2f}", f"{session.portfolio.pnl:,.2f}"):
        assert figure in row


def test_options_choices_and_variables_are_completed(shell):
    from IPython.core.completer import provisionalcompleter

    make(shell, "sma", SMA)

    def completed(text):
        with provisionalcompleter():
            return {completion.text for completion in shell.Completer.completions(text, len(text))}

    assert {"--start", "--slippage"} <= completed("%backtest sma bars --s")
    assert {"1d", "1m"} <= completed("%backtest sma bars --frequency 1")
    assert "sma" in completed("%backtest sm")
    assert "--fresh" in completed("%attach sma --f")


@pytest.mark.parametrize("name", ["backtest", "attach", "sessions", "stop"])
def test_every_magic_has_help(shell, name):
    assert f"%{name}" in shell.find_line_magic(name).__doc__
    assert "%%strategy NAME" in shell.find_cell_magic("strategy").__doc__


def test_help_lists_the_options(shell):
    assert "--capital-base MONEY" in usage_error(shell, "backtest", "--help")


ZIPLINE = """\
from rbtlive.api import order_target_percent, record, symbol

def initialize(context):
    context.asset = symbol("IBM")

def handle_data(context, data):
    order_target_percent(context.asset, SIZE)
    record(mean=data.history(context.asset, "price", 20, "1d").mean())
"""
SPAN = "-s 2005-1-3 -e 2005-01-31 -b us-daily -D SIZE=0.25*2"


def test_ziplines_magic_returns_the_frame_that_run_algorithm_returns(shell, tmp_path):
    perf = shell.run_cell_magic("zipline", SPAN, ZIPLINE)
    shell.run_cell_magic("zipline", f"{SPAN} -o named", ZIPLINE)
    filed = shell.run_cell_magic("zipline", f"{SPAN} -o {tmp_path / 'perf.pickle'}", ZIPLINE)

    names = shell.user_ns
    again = rbt.run_algorithm(
        start="2005-01-03",
        end="2005-01-31",
        initialize=names["initialize"],
        handle_data=names["handle_data"],
        capital_base=10e6,
        bundle="us-daily",
    )
    assert perf["portfolio_value"].tolist() == again["portfolio_value"].tolist()
    assert names["named"].columns.tolist() == again.columns.tolist() == filed.columns.tolist()
    assert perf["mean"].notna().all()  # the windows reach before the start
    assert (tmp_path / "perf.pickle").is_file()


def test_ziplines_magic_leaves_callbacks_of_other_cells_out_unless_asked(shell):
    shell.run_cell("seen = []\ndef before_trading_start(context, data): seen.append(1)")

    shell.run_cell_magic("zipline", SPAN, ZIPLINE)

    assert shell.user_ns["seen"] == []
    assert callable(shell.user_ns["before_trading_start"])
    shell.run_cell_magic("zipline", f"{SPAN} --local-namespace", ZIPLINE)
    assert len(shell.user_ns["seen"]) == 20
