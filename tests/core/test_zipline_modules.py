"""zipline's modules: a strategy's imports work, whatever is behind them."""

import importlib
import pickle
from inspect import isfunction, signature

import pytest

import rbtlive.api

PLACES = {
    "rbtlive": ["run_algorithm", "TradingAlgorithm"],
    "rbtlive.algorithm": ["TradingAlgorithm"],
    "rbtlive.assets": ["Asset", "Equity", "Future"],
    "rbtlive.finance.asset_restrictions": ["HistoricalRestrictions", "Restriction", "StaticRestrictions"],
    "rbtlive.finance.cancel_policy": ["EODCancel", "NeverCancel"],
    "rbtlive.finance.commission": ["NoCommission", "PerDollar", "PerShare", "PerTrade"],
    "rbtlive.finance.execution": ["LimitOrder", "MarketOrder", "StopLimitOrder", "StopOrder"],
    "rbtlive.finance.order": ["ORDER_STATUS"],
    "rbtlive.finance.slippage": ["FixedBasisPointsSlippage", "FixedSlippage", "NoSlippage", "VolumeShareSlippage"],
    "rbtlive.finance.transaction": ["Transaction"],
    "rbtlive.pipeline": ["CustomFactor", "Pipeline"],
    "rbtlive.pipeline.data": ["USEquityPricing"],
    "rbtlive.pipeline.factors": ["AverageDollarVolume", "RSI", "Returns"],
    "rbtlive.protocol": ["Account", "BarData", "Order", "Portfolio", "Position", "Positions"],
    "rbtlive.utils.calendar_utils": ["get_calendar"],
    "rbtlive.utils.events": ["calendars", "date_rules", "time_rules"],
    "rbtlive.utils.run_algo": ["run_algorithm"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("place", "name"), [(place, name) for place, names in PLACES.items() for name in names]
)
def test_what_strategies_import_is_there(place, name):
    assert getattr(importlib.import_module(place), name) is not None


def test_functions_of_the_api_are_pickled_by_their_names():
    functions = [
        value for name in rbtlive.api.__all__ if isfunction(value := getattr(rbtlive.api, name))
    ]

    assert len(functions) > 30
    assert [f for f in functions if pickle.loads(pickle.dumps(f)) is not f] == []


def test_the_signature_of_a_function_of_the_api_has_no_self():
    assert list(signature(rbtlive.api.order_value).parameters)[:2] == ["asset", "value"]


def test_calendars_name_minutes_by_their_end():
    from rbtlive.utils.calendar_utils import get_calendar

    calendar = get_calendar("XNYS")

    assert (calendar.name, calendar.side) == ("XNYS", "right")
    assert str(calendar.session_first_minute("2017-01-03")) == "2017-01-03 14:31:00+00:00"


def test_the_calendar_of_currencies_is_one_of_the_library_too():
    from rbtlive.data.calendars.calendar import get_calendar as own_calendar
    from rbtlive.utils.calendar_utils import get_calendar

    calendar, own = get_calendar("FX"), own_calendar("FX")

    schedule = calendar.schedule.loc["2020":"2021"]
    first = own.number(schedule.index[0].date())
    days = slice(first, first + len(schedule))
    for column, moments in (("open", own.opens_us), ("close", own.closes_us)):
        assert [at.value // 1_000 for at in schedule[column]] == moments[days].tolist()
    assert (calendar.name, calendar.side, len(schedule)) == ("FX", "right", 523)


def test_order_statuses_have_ziplines_numbers():
    from rbtlive.finance.order import ORDER_STATUS

    assert {status.name: int(status) for status in ORDER_STATUS} == {
        "OPEN": 0,
        "FILLED": 1,
        "CANCELLED": 2,
        "REJECTED": 3,
        "HELD": 4,
    }


def test_every_name_of_the_api_is_importable():
    assert [name for name in rbtlive.api.__all__ if not hasattr(rbtlive.api, name)] == []
