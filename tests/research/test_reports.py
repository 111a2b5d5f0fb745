"""The report of a run, and runs side by side."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import ResultError, SettingsError
from rbtlive.pipeline.factors import Returns
from rbtlive.research.reports.drawing import Line, lines, nice_ticks
from rbtlive.research.reports.writing import DASH, by_unit, cell, short
from rbtlive.research.result import BacktestResult
from tests.builders import daily_frame, run
from tests.research.builders import run_of

HOSTILE = "<script>alert(1)</script>"


class Turns(rbt.TradingAlgorithm):
    """Long, short, flat; a hostile tag."""

    size = 40

    def initialize(self, context):
        context.asset, context.bars = self.symbol("AAA"), 0

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars % 5 == 1:
            self.order_target(
                context.asset, (self.size, -30, 0)[(context.bars // 5) % 3], tag=HOSTILE
            )


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    return rbt.backtest(Turns, daily_frame(80), benchmark="BBB", params={"size": 40})


class Outline(HTMLParser):
    """Collects headings, and that what was opened was closed."""

    def __init__(self):
        super().__init__()
        self.headings, self.open, self._in = [], [], False

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "path", "polyline", "polygon", "rect", "br"}:
            self.open.append(tag)
        self._in = tag == "h2"

    def handle_endtag(self, tag):
        if tag not in {"meta", "path", "polyline", "polygon", "rect"}:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self._in:
            self.headings.append(data)
            self._in = False


def test_a_report_is_one_page_without_scripts_and_says_everything(result, tmp_path):
    path = result.report(tmp_path / "deep" / "run.html")

    page = path.read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(page)
    assert not outline.open
    headings = [name for name in outline.headings if name != "Worth knowing"]
    assert ("Worth knowing" in outline.headings) == bool(result.hints)
    assert headings == [
        "Value and drawdown", "Returns by month", "Deepest drawdowns", "Returns of sessions",
        "Sharpe ratio over 40 sessions", "AAA: price and fills", headings[6],
        "Trades by symbol, side and weekday", "Where the money came from", "Statistics",
        "Settings", "Provenance",
    ]  # fmt: skip
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="', page)
    assert path.stat().st_size < 400_000
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert result.context.asset.symbol in page
    assert result.provenance["data"] in page
    assert "parameter size" in page


def test_the_price_of_a_report_has_no_step_at_a_split(tmp_path):
    bars = daily_frame(40).filter(pl.col("symbol") == "AAA")
    dates = bars["date"].to_list()
    after = pl.when(pl.col("date") >= dates[20])
    halves = [
        after.then(pl.col(n) / 2).otherwise(pl.col(n)).alias(n)
        for n in ("open", "high", "low", "close")
    ]
    splits = pl.DataFrame({"symbol": ["AAA"], "effective_date": [dates[20]], "ratio": [0.5]})
    split = rbt.PolarsDataPortal(bars.with_columns(halves), splits=splits)

    whole, halved = (
        rbt.backtest(Turns, data).report(tmp_path / "x.html").read_text("utf-8")
        for data in (
            rbt.PolarsDataPortal(bars.with_columns(pl.col("open", "high", "low", "close") / 2)),
            split,
        )
    )

    def line(page):
        part = page.split("price and fills")[1]
        return re.search(r'<polyline class="own" points="([^"]+)"', part)[1]

    assert line(halved) == line(whole)
    assert "AAA: price and fills, restated for splits" in halved
    assert "restated" not in whole


def test_a_line_that_never_moves_is_drawn_within_its_frame():
    days = [date(2020, 1, n) for n in (1, 2, 3)]

    drawn = lines(days, [Line(np.ones(3), "own")], words="one", height=100)

    wide, narrow = re.findall(r'points="([^"]+)"', drawn)
    for points in (wide, narrow):
        assert {point.split(",")[1] for point in points.split()} == {"43.0"}


def test_a_saved_result_reports_the_same_provenance(result, tmp_path):
    loaded = BacktestResult.load(result.save(tmp_path / "run"))

    assert loaded.provenance == result.provenance
    again = loaded.report(tmp_path / "b.html").read_text("utf-8")
    assert result.provenance["source"] in again


def test_a_session_reports_its_parity(tmp_path):
    async def traded():
        session = rbt.attach(
            Turns,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame(20)),
            journal=tmp_path,
            name="turns",
        )
        await session.wait()
        return session.result().report(tmp_path / "s.html")

    page = run(traded()).read_text(encoding="utf-8")

    assert "The session and its backtest are identical" in page


def test_a_report_holds_the_sheets_of_factors(result, tmp_path):
    market = daily_frame(80, 3)
    sheets = [
        rbt.factor_sheet(
            Returns(window_length=n),
            "2017-02-06",
            "2017-03-01",
            market,
            periods=[1],
            quantiles=2,
            name=name,
        )
        for n, name in ((5, "<i>week"), (21, "month"))
    ]

    page = result.report(tmp_path / "x.html", factor_sheets=sheets).read_text("utf-8")
    one = result.report(tmp_path / "y.html", factor_sheets=sheets[1]).read_text("utf-8")

    outline = Outline()
    outline.feed(page)
    assert not outline.open
    assert "<h2>Factor month</h2>" in page
    assert "<h2>Factor &lt;i&gt;week</h2>" in page
    assert page.count("<h3>Decay</h3>") == 2
    assert one.count("<h3>Decay</h3>") == 1
    assert "Factor" not in result.report(tmp_path / "z.html").read_text("utf-8")


@pytest.mark.parametrize("wrong", ["momentum", 7, [None], {"a": 1}])
def test_what_is_no_factor_sheet_is_refused_before_the_page_is_written(result, tmp_path, wrong):
    with pytest.raises(SettingsError, match="factor_sheets takes sheets of factors: was"):
        result.report(tmp_path / "x.html", factor_sheets=wrong)

    assert not list(tmp_path.iterdir())


def test_a_run_without_sessions_has_no_report(tmp_path):
    with pytest.raises(ResultError, match="nothing to report"):
        BacktestResult(run_of([])).report(tmp_path / "x.html")


def test_the_shortest_run_has_a_report(tmp_path):
    path = BacktestResult(run_of([10_000])).report(tmp_path / "x.html")

    page = path.read_text("utf-8")
    assert "Statistics" in page
    assert ", 1 session · " in page
    assert f"<div><b>{DASH}</b><span>A year</span></div>" in page


def test_comparing_shows_what_differs_first(result):
    other = rbt.backtest(Turns, daily_frame(80), benchmark="BBB", params={"size": 90})

    compared = rbt.compare(result, other, names=("small", "large"))

    assert compared.settings.rows() == [("param size", "40", "90")]
    same = compared.stats["same"].to_list()
    assert same == sorted(same)
    row = compared.stats.filter(statistic="total_return").row(0, named=True)
    assert row["small"] == result.metrics["total_return"]
    assert compared.first_difference == date(2017, 1, 4)
    assert compared.verdict() in repr(compared)
    assert "<td>40</td>" in compared._repr_html_()


def test_equal_runs_differ_in_nothing(result):
    compared = rbt.compare(result, result)

    assert compared.names == ("Turns 1", "Turns 2")
    assert compared.first_difference is None
    assert compared.settings.is_empty()
    assert compared.stats["same"].all()


def test_a_run_below_a_month_shows_no_rate_a_year(result):
    short = rbt.backtest(Turns, daily_frame(8), benchmark="BBB")

    compared = rbt.compare(result, short, names=("long", "short"))

    (shown,) = [row for row in repr(compared).splitlines() if row.startswith("annual return")]
    assert shown.split()[-1] == DASH
    assert shown.split()[2] != DASH
    stats = compared.stats.filter(statistic="annual_return").row(0, named=True)
    assert stats["short"] == short.metrics["annual_return"]


def test_what_cannot_be_compared_is_said(result):
    with pytest.raises(SettingsError, match="two runs or more"):
        rbt.compare(result)
    with pytest.raises(SettingsError, match="takes results and sessions: was 7"):
        rbt.compare(result, 7)
    with pytest.raises(SettingsError, match="2 different names"):
        rbt.compare(result, result, names=("a", "a"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("83313.000000000000"), "83,313"),
        (Decimal("1.5"), "1.5"),
        (None, DASH),
        (Decimal("0.123456789"), "0.12"),
        (True, "yes"),
        (date(2020, 1, 2), "2020-01-02"),
        (1234567, "1,234,567"),
    ],
)
def test_values_are_written_as_people_write_them(value, text):
    assert cell(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, "fraction", "12.34 %"),
        (-0.00001, "fraction", "0.00 %"),
        (3.0, "days", "3"),
        (83313.0, "money", "83,313.00"),
        (float("nan"), "ratio", DASH),
    ],
)
def test_statistics_are_written_by_their_unit(value, unit, text):
    assert by_unit(value, unit) == text


def test_ticks_are_round_and_hold_the_span():
    assert nice_ticks(3.0, 97.0) == [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    ticks = nice_ticks(-0.57, 0.0)
    assert ticks[0] <= -0.57
    assert ticks[-1] == 0.0
    assert nice_ticks(5.0, 5.0)[0] == 5.0


def test_parameters_left_at_their_defaults_are_compared_and_reported(tmp_path):
    class Sized(rbt.TradingAlgorithm):
        size = 40

        def handle_data(self, context, data):
            self.order(self.symbol("AAPL"), self.size)

    bars = rbt.load_sample("us-daily")
    span = {"start": "2005-01-03", "end": "2005-01-31"}
    usual = rbt.backtest(Sized, bars, **span)
    other = rbt.backtest(Sized, bars, **span, params={"size": 90})

    compared = rbt.compare(usual, other)

    assert compared.settings.rows() == [("param size", "40", "90")]
    page = usual.report(tmp_path / "usual.html").read_text("utf-8")
    assert ">parameter size</th><td>40</td>" in page
    assert compared._repr_html_().count("<polyline") == 4  # for wide and narrow pages


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.0, "1,234,567"), (52230.1, "52,230"), (0.13, "0.13"), (-0.033224, "-0.03322"),
     (1.09312, "1.093"), (9999.96, "10,000"), (0.0, "0"), (3e-7, "3e-07"), (float("nan"), "none")],
)  # fmt: skip
def test_a_short_number_has_commas_and_no_exponent(value, text):
    assert short(value) == text
