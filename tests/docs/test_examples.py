"""The examples do what they say, run as a user runs them."""

import os
import re
import signal
import subprocess
import sys

import pytest

import rbtlive
from tests.docs.documents import ROOT

DEMO = ROOT / "examples" / "demo.py"
SCRIPT = ROOT / "examples" / "live_trading_simple.py"
FILL = re.compile(r"^\d{4}-\d\d-\d\d  ", re.MULTILINE)


def start(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "RBTLIVE_HOME"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo once; return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    process = start(folder, DEMO)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return folder, output, errors


def test_the_demo_shows_a_progress_bar_and_a_line_per_fill(demo):
    folder, output, errors = demo
    result = rbtlive.BacktestResult.load(folder / "demo-output" / "paper.rbtlive")

    assert "1511/1511" in errors
    assert len(FILL.findall(output)) == result.transactions.height > 0


def test_the_demo_finds_backtest_and_paper_equal(demo):
    _folder, output, _errors = demo

    assert "ParityReport(identical=True" in output
    assert "DIFFERENT" not in output
    assert output.count("  same\n") == 8


def test_the_demo_leaves_result_chart_and_journal_where_it_says(demo):
    folder, output, _errors = demo

    paths = dict(re.findall(r"^(result|chart|journal) +(\S+)$", output, re.MULTILINE))

    assert list(paths) == ["result", "chart", "journal"]
    assert all((folder / path).stat().st_size > 10_000 for path in paths.values())
    assert [path.name for path in folder.iterdir()] == ["demo-output"]


def test_the_demo_prints_each_fill_once(demo):
    _folder, output, errors = demo

    assert len(FILL.findall(output)) == 82
    assert "filled" not in errors


def test_the_chart_of_the_demo_loads_nothing_from_elsewhere(demo):
    folder, _output, _errors = demo
    page = (folder / "demo-output" / "paper.html").read_text(encoding="utf-8")

    assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=", page) == []
    assert "Plotly.newPlot" in page


def test_the_script_stops_gracefully_on_ctrl_c_and_goes_on_when_started_again(tmp_path):
    process = start(tmp_path, SCRIPT)
    assert FILL.match(process.stdout.readline())

    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    again = start(tmp_path, SCRIPT, "1e12")
    output_again, errors_again = again.communicate(timeout=60)

    assert process.returncode == 0, errors
    assert "identical=True" in output
    assert "(252 sessions)" not in output
    assert again.returncode == 0, errors_again
    assert "identical=True" in output_again
    assert "(252 sessions)" in output_again
