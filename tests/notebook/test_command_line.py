"""`python -m rbtlive`: zipline's arguments, the live form, and what was recorded."""

import os

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.__main__ import main

ALGO = """
from rbtlive.api import order_target_percent, record, symbol

def initialize(context):
    context.asset = symbol("AAPL")

def handle_data(context, data):
    order_target_percent(context.asset, SIZE)
    record(price=data.current(context.asset, "price"))
"""
SPAN = ["-s", "2005-01-03", "-e", "2005-01-31", "-b", "us-daily", "-D", "SIZE=0.5"]


@pytest.fixture
def algo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RBTLIVE_HOME", str(tmp_path / "home"))
    path = tmp_path / "algo.py"
    path.write_text(ALGO)
    return str(path)


def test_run_writes_ziplines_frame(algo):
    assert main(["run", "-f", algo, *SPAN, "-o", "out.pickle"]) == 0

    perf = pd.read_pickle("out.pickle")
    assert len(perf) == 20
    assert "price" in perf.columns


def test_run_takes_text_data_and_prints_a_summary(algo, capsys):
    text = ["run", "-t", ALGO, *SPAN, "--capital-base", "1000", "--benchmark-symbol", "MSFT"]

    assert main(text) == 0
    assert "20 sessions, 2005-01-03 to 2005-01-31" in capsys.readouterr().out


def test_a_run_on_paper_is_recorded_and_shown(algo, capsys):
    live = ["run", "-f", algo, *SPAN, "--broker", "paper", "--name", "cli"]

    assert main(live) == 0
    assert main(["sessions"]) == 0
    assert main(["show", "cli"]) == 0
    assert main(["show", "cli", "--orders"]) == 0

    printed = capsys.readouterr().out
    assert "cli: stopped, running" in printed
    assert "cli  2005-01-03 to 2005-01-31, 20 sessions" in printed
    assert "status" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "pass -f FILE"),
        (["run", "-t", ALGO], "takes a --start"),
        (["run", "-t", "SIZE=1", *SPAN, "--fresh"], "--broker"),
        (["run", "-t", ALGO, *SPAN, "--metrics-set", "none"], "metrics_set"),
        (["run", "-t", ALGO, "-b", "us-dialy", "-s", "2005-01-03", "-e", "2005-01-31"], "us-daily"),
        (["run", "-t", ALGO, "-D", "SIZE"], "NAME=VALUE"),
        (["show", "none"], "none"),
    ],
)
def test_what_cannot_be_is_said_with_code_1(algo, capsys, arguments, message):
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


def test_no_output_is_written_to_the_null_device(algo, capsys):
    assert main(["run", "-f", algo, *SPAN, "-o", os.devnull]) == 0
    assert capsys.readouterr().out == ""


def test_nothing_recorded_is_said(algo, capsys):
    assert main(["sessions"]) == 0
    assert "no session is recorded" in capsys.readouterr().out


CLASS = """
import rbtlive as rbt

class Holds(rbt.TradingAlgorithm):
    SIZE = 0.1

    def initialize(self, context):
        context.asset = self.symbol("AAPL")

    def handle_data(self, context, data):
        self.order_target_percent(context.asset, self.SIZE)
        self.record(last=data.history(context.asset, "close", 2, "1d")[-1])
"""


def test_a_class_runs_as_a_backtest_and_on_paper_with_its_parameters(algo, capsys):
    arguments = ["run", "-t", CLASS, *SPAN]

    assert main([*arguments, "-o", "out.pickle"]) == 0
    assert main([*arguments, "--broker", "paper", "--name", "cli"]) == 0
    assert main(["show", "cli"]) == 0

    perf = pd.read_pickle("out.pickle")
    held = 1 - perf["ending_cash"].iloc[-1] / perf["portfolio_value"].iloc[-1]
    assert len(perf) == 20
    assert 0.48 < held < 0.52
    assert perf["last"].notna().all()


@pytest.mark.parametrize(
    ("text", "found"),
    [("x = 1", "has neither"), (CLASS + "\nclass More(Holds): pass", "has Holds, More")],
)
def test_a_file_without_one_strategy_is_named(algo, capsys, text, found):
    assert main(["run", "-t", text, *SPAN]) == 1
    assert found in capsys.readouterr().err


def test_a_file_that_imports_zipline_learns_the_other_name(algo):
    with pytest.raises(ModuleNotFoundError) as raised:
        main(["run", "-t", "from zipline.api import order", *SPAN])

    assert "write rbtlive in place of zipline" in raised.value.__notes__[0]


EXTENSION = """
from rbtlive.data.bundles import csvdir_equities, register

register("mine", csvdir_equities(["daily"], "bars"), calendar_name="NYSE")
"""
LOOKS_BACK = """
from rbtlive.api import record, symbol

def initialize(context):
    context.asset = symbol("IBM")

def handle_data(context, data):
    record(known=data.history(context.asset, "price", WINDOW, "1d").notna().sum())
"""


@pytest.fixture
def extension(algo, tmp_path, monkeypatch):
    from rbtlive.data.bundles import bundles, extensions, unregister

    monkeypatch.setattr(extensions, "_LOADED", set())
    (tmp_path / "bars" / "daily").mkdir(parents=True)
    ibm = rbt.load_sample().to_frame().filter(pl.col("symbol") == "IBM").drop("symbol")
    ibm.write_csv(tmp_path / "bars" / "daily" / "IBM.csv")
    (tmp_path / "ext.py").write_text(EXTENSION)
    yield "ext.py"
    for name in list(bundles):
        unregister(name)


def test_an_extension_registers_the_bundle_that_run_takes(extension, capsys):
    run = ["run", "-t", LOOKS_BACK, "-b", "mine", "-s", "2005-1-3", "-e", "2005-01-31"]
    defined = ["-D", "MONTH=20", "-D", "WINDOW=MONTH * 10", "-o", "out.csv"]

    assert main(["-e", extension, *run, *defined]) == 0
    assert main(["-e", extension, "bundles"]) == 0
    assert main(["-e", extension, "ingest", "-b", "mine"]) == 0
    assert main(["clean", "-b", "mine", "--keep-last", "1"]) == 0

    assert pd.read_csv("out.csv")["known"].tolist() == [200] * 20  # before the start too
    printed = capsys.readouterr().out
    assert "mine\nus-daily\n" in printed
    assert "mine: IBM; bars of 1d, 2000-03-01 to 2013-03-01" in printed


def test_the_default_extension_lies_in_the_packages_folder(extension, tmp_path, capsys):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "extension.py").write_text(EXTENSION)

    assert main(["--no-default-extension", "ingest", "-b", "mine"]) == 1
    assert main(["ingest", "-b", "mine"]) == 0


def test_a_failing_extension_ends_the_command_only_where_it_is_strict(extension, tmp_path):
    (tmp_path / "bad.py").write_text("raise ValueError('broken')")

    with pytest.warns(UserWarning, match="'bad.py' failed to load: broken"):
        assert main(["-e", "bad.py", "bundles"]) == 0
    with pytest.raises(ValueError, match="broken"):
        main(["--strict-extensions", "-e", "bad.py", "bundles"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-x", "a=1", "bundles"], "os.environ"),
        (["clean", "-b", "none"], "'none'"),
        (["--strict-extensions", "-e", "none.py", "bundles"], "file that exists"),
        (["run", "-t", ALGO, *SPAN, "-D", "SIZE=1/0"], "SIZE=1/0"),
    ],
)
def test_what_bundles_cannot_do_is_said_with_code_1(algo, capsys, arguments, message):
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
