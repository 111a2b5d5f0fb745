"""Charts draw the run, need no network and escape what users wrote."""

import builtins
import re
from dataclasses import replace

import pytest

from rbtlive.errors import MissingExtra, ResultError
from rbtlive.model.asset import Asset
from rbtlive.research import BacktestResult
from tests.research.builders import equity, run_of, run_with_trades, settings

HOSTILE = "</script><script>alert(1)</script><b>"


def test_the_chart_shows_value_fills_and_drawdown():
    figure = BacktestResult(run_with_trades()).plot()

    assert [trace.name for trace in figure.data] == ["Portfolio", "Bought", "Drawdown"]
    assert list(figure.data[0].y) == [10000.0, 10000.0, 9999.99, 10009.98, 10012.48]
    assert list(figure.data[1].text) == ["4 AAA at 50.5000", "6 AAA at 51.1235"]
    assert list(figure.data[2].y) == pytest.approx([0, 0, -1e-6, 0, 0])


def test_a_benchmark_is_drawn_from_the_same_start():
    record = run_of([10000, 10100], benchmark=[0.0, 0.02])
    record.settings = settings(benchmark="SPY")

    figure = BacktestResult(record).plot()

    assert figure.data[1].name == "SPY"
    assert list(figure.data[1].y) == pytest.approx([10000, 10200])


def test_many_fills_of_one_session_are_summed_up():
    record = run_with_trades()
    record.transactions[:] = [record.transactions[0]] * 15
    record.sessions[2] = replace(record.sessions[2], transactions=(0, 15))

    figure = BacktestResult(record).plot()

    text = figure.data[1].text[0]
    assert text.count("<br>") == 12
    assert text.endswith("and 3 more")


def test_hostile_names_are_shown_as_text(tmp_path):
    record = run_with_trades(name=HOSTILE)
    asset: Asset = equity(HOSTILE)
    record.transactions[:] = [fill._replace(asset=asset) for fill in record.transactions]
    record.settings = settings(benchmark=HOSTILE)
    record.sessions[:] = [replace(row, benchmark_return=0.0) for row in record.sessions]

    result = BacktestResult(record)

    figure = result.plot()
    assert figure.layout.title.text.startswith("&lt;/script&gt;")
    assert all("<b>" not in (trace.name or "") for trace in figure.data)
    assert "alert(1)</script><b>" not in figure.data[2].text[0]
    assert HOSTILE not in result.save_html(tmp_path / "chart.html").read_text(encoding="utf-8")


def test_the_page_carries_its_own_scripts(tmp_path):
    path = BacktestResult(run_with_trades()).save_html(tmp_path / "deep" / "chart.html")

    page = path.read_text(encoding="utf-8")
    assert len(page) > 1_000_000
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", page)


def test_a_run_without_sessions_has_no_chart():
    with pytest.raises(ResultError, match="finished no session"):
        BacktestResult(run_of([])).plot()


def test_without_plotly_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without_plotly(name, *args, **kwargs):
        if name.startswith("plotly"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_plotly)

    with pytest.raises(MissingExtra, match=r"pip install rbtlive\[plot\]"):
        BacktestResult(run_with_trades()).plot()
