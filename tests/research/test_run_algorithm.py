"""zipline's `run_algorithm`: the same frame as a backtest's, and no argument ignored."""

from datetime import date

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from rbtlive import PolarsDataPortal, backtest, run_algorithm
from rbtlive.errors import BadFrequency, InvalidSetting, NotBuilt
from rbtlive.utils.calendar_utils import get_calendar
from tests.data.markets import bars

PRICES = bars({"A": [10.0, 11.0, 12.0, 11.0, 13.0]})
SPAN = {
    "start": pd.Timestamp("2017-01-04"),
    "end": pd.Timestamp("2017-01-09"),
    "capital_base": 1000.0,
}


def initialize(context):
    context.asset = context.symbol("A")


def handle_data(context, data):
    context.order(context.asset, 3)
    context.record(price=data.current(context.asset, "price"))


def test_it_returns_ziplines_frame_of_a_backtest_with_quirks():
    perf = run_algorithm(initialize=initialize, handle_data=handle_data, data=PRICES, **SPAN)

    tested = backtest(
        {"__name__": "run_algorithm", "initialize": initialize, "handle_data": handle_data},
        PolarsDataPortal(PRICES),
        frames="pandas",
        zipline_quirks=True,
        **SPAN,
    ).to_zipline()
    lists = ["orders", "positions", "transactions"]  # their assets are those of each run
    assert_frame_equal(perf.drop(columns=lists), tested.drop(columns=lists))
    assert [str(perf[name].tolist()) for name in lists] == [
        str(tested[name].tolist()) for name in lists
    ]
    assert perf["price"].tolist() == [11.0, 12.0, 11.0, 13.0]
    assert len(perf["transactions"].iloc[1]) == 1


def test_a_bundle_may_be_a_portal_and_a_calendar_an_object():
    perf = run_algorithm(
        initialize=initialize,
        handle_data=handle_data,
        bundle=PolarsDataPortal(PRICES),
        trading_calendar=get_calendar("XNYS"),
        **SPAN,
    )

    assert len(perf) == 4


def test_analyze_gets_the_context_and_the_frame():
    seen = []

    perf = run_algorithm(
        initialize=initialize,
        data=PRICES,
        analyze=lambda context, frame: seen.append((context.asset.symbol, len(frame))),
        **SPAN,
    )

    assert seen == [("A", len(perf))]


def test_given_benchmark_returns_are_measured_against_and_missing_ones_count_as_zero():
    returns = pd.Series(
        [0.01, 0.02], index=pd.DatetimeIndex(["2017-01-04", "2017-01-06"], tz="UTC")
    )

    perf = run_algorithm(initialize=initialize, data=PRICES, benchmark_returns=returns, **SPAN)

    assert perf["benchmark_period_return"].tolist() == pytest.approx([0.01, 0.01, 0.0302, 0.0302])
    assert perf.index[0].date() == date(2017, 1, 4)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"bundle": "quandl"}, InvalidSetting),
        ({}, InvalidSetting),
        ({"data": PRICES, "data_frequency": "weekly"}, BadFrequency),
        ({"data": PRICES, "metrics_set": "classic"}, NotBuilt),
        ({"data": PRICES, "blotter": object()}, NotBuilt),
        ({"data": PRICES, "custom_loader": object()}, TypeError),
        ({"data": PRICES, "extensions": ["no-such-file.py"]}, InvalidSetting),
        ({"data": PRICES, "bundle_timestamp": pd.Timestamp("2017-01-01")}, NotBuilt),
    ],
    ids=lambda value: "-".join(value) or "nothing" if isinstance(value, dict) else value.__name__,
)
def test_what_has_no_counterpart_is_refused(arguments, error):
    with pytest.raises(error, match=r"run_algorithm|data_frequency|an extension"):
        run_algorithm(initialize=initialize, **SPAN, **arguments)
