"""What stands at an axis: each step is reported from its neighbours, in as few digits."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.research.figures.axis_ticks import nice_ticks, tick_texts
from rbtlive.research.reports.drawing import histogram
from tests.builders import daily_frame
from tests.research.builders import Turns


@pytest.mark.parametrize(
    ("values", "percent", "texts"),
    [
        ([0.0, 0.0005, 0.001], True, ["0%", "0.05%", "0.1%"]),
        ([-0.2, -0.1, 0.0], True, ["-20%", "-10%", "0%"]),
        ([99_999.5, 100_000.0, 100_000.5], False, ["99,999.5", "100,000", "100,000.5"]),
        ([10_000_000, 10_002_000], False, ["10M", "10.002M"]),
        ([0.0, 5e9, 1e10], False, ["0", "5B", "10B"]),
        ([0.00002, 0.000025], False, ["0.00002", "0.000025"]),
        ([0.0, 3 * 0.1], False, ["0", "0.3"]),
    ],
)
def test_values_have_the_digits_that_their_steps_need(values, percent, texts):
    assert tick_texts(values, percent=percent) == texts


@given(
    low=st.floats(-1e7, 1e7),
    share=st.floats(1e-4, 10.0),
    percent=st.booleans(),
)
def test_no_two_ticks_of_an_axis_are_written_alike(low, share, percent):
    ticks = nice_ticks(low, low + max(abs(low), 1.0) * share)

    texts = tick_texts(ticks, percent=percent)

    assert len(set(texts)) == len(ticks)


def test_names_of_a_histogram_stand_within_it_and_differ():
    drawn = histogram(np.linspace(-0.0004, 0.00011, 90), words="returns")

    for width, svg in zip((1000, 400), drawn.split("</svg>"), strict=False):
        names = [part.split("<")[0] for part in svg.split('">') if part.split("<")[0].endswith("%")]
        assert len(names) == len(set(names)) > 1
        xs = [float(part.split('"')[0]) for part in svg.split('<text x="')[1:]]
        assert all(0 < x <= width for x in xs)


@pytest.mark.parametrize("kind", ["equity", "drawdown", "exposure"])
@pytest.mark.parametrize("sessions", [1, 2, 6])
def test_few_sessions_are_named_by_their_dates(kind, sessions):
    figure = rbt.backtest(Turns, daily_frame(sessions)).plot(kind)

    assert list(figure.layout.xaxis.ticktext) == [
        f"{day}" for day in daily_frame(sessions)["date"].unique().sort()
    ]
    assert figure.layout.xaxis.range[0] < figure.layout.xaxis.tickvals[0]
    if sessions == 1 and figure.data:
        assert "markers" in figure.data[0].mode


def test_trades_of_minutes_are_shown_over_minutes():
    moments = pl.datetime_range(
        pl.datetime(2024, 1, 1, 0, 1), pl.datetime(2024, 1, 1, 2), "1m", time_zone="UTC", eager=True
    )
    bars = pl.DataFrame({"timestamp": moments, "symbol": "AAA"}).with_columns(
        *(pl.lit(100.0).alias(name) for name in ("open", "high", "low", "close")), volume=1e6
    )

    figure = rbt.backtest(Turns, bars, frequency="1m", calendar="24/7").plot("trades")

    assert figure.layout.xaxis.title.text == "Minutes held"
    assert max(figure.data[0].x) > 1


def test_an_axis_of_exposure_is_cut_where_the_portfolio_is_nearly_lost():
    class Reckless(rbt.TradingAlgorithm):
        def handle_data(self, context, data):
            if not context.portfolio.positions:
                self.order(self.symbol("AAA"), 100)

    days = [date(2024, 1, n) for n in (2, 3, 4, 5)]
    closes = [100.0, 100.0, 1.0, 1.0]
    bars = pl.DataFrame({"date": days, "symbol": "AAA", "close": closes}).with_columns(
        open="close", high="close", low="close", volume=1e6
    )

    figure = rbt.backtest(Reckless, bars, capital_base=9_910).plot("exposure")

    assert max(figure.data[0].y) > 10
    assert figure.layout.yaxis.range[1] == 10.0
