"""What a strategy reads of the market: shapes, kinds, refusals."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import HistoryWindowStartsBeforeData, IncompatibleHistoryFrequency, NotBuilt
from rbtlive.model.number import Number
from tests.data.markets import DAYS, Run, bars, minute_stamps, splits

PRICES: dict[str, Any] = {"A": [10.0, 11.0, None, 13.0], "B": [20.1, 21.0, 22.0, (23.0, 0.0)]}
CLOSE = datetime(2017, 1, 5, 21, 0, tzinfo=UTC)


def run_to(day: int, *, prices: dict[str, Any] = PRICES, **settings: Any) -> Run:
    run = Run(PolarsDataPortal(bars(prices)), last=len(prices["A"]) - 1, **settings)
    run.to_bar(day)
    return run


def both(run: Run) -> list[Any]:
    return [run.asset("A"), run.asset("B")]


# -- current -------------------------------------------------------------------------


def test_one_asset_and_one_field_give_a_number_that_stays_decimal() -> None:
    run = run_to(0)

    price = run.data.current(run.asset("B"), "close")

    assert type(price) is Number
    assert price * 2 == Decimal("40.2")
    assert type(run.data.current(run.asset("B"), "volume")) is Number
    assert str(run.data.current(run.asset("B"), "volume")) == "100"


@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_a_missing_bar_has_no_prices_no_volume_and_the_last_price(frames: str) -> None:
    run = run_to(2, frames=frames)
    asset = run.asset("A")

    seen = {
        field: run.data.current(asset, field)
        for field in ("open", "high", "low", "close", "volume", "price")
    }

    assert all(math.isnan(seen[field]) for field in ("open", "high", "low", "close"))
    assert (seen["volume"], seen["price"]) == (0, 11)


def test_several_assets_or_fields_give_mappings_and_both_a_frame() -> None:
    run = run_to(1)
    data, (first, second) = run.data, both(run)

    by_asset = data.current([first, second], "close")
    by_field = data.current(first, ["close", "volume"])
    table = data.current([first, second], ["close", "volume", "last_traded"])

    assert by_asset == {first: 11, second: 21}
    assert by_field == {"close": 11, "volume": 100}
    assert table.to_dicts() == [
        {"symbol": "A", "close": 11.0, "volume": 100.0, "last_traded": DAYS[1]},
        {"symbol": "B", "close": 21.0, "volume": 100.0, "last_traded": DAYS[1]},
    ]
    assert table.schema["close"] == pl.Float64


def test_pandas_frames_give_zipline_shapes() -> None:
    run = run_to(2, frames="pandas")
    data, (first, second) = run.data, both(run)

    by_asset = data.current([first, second], "price")
    by_field = data.current(first, ["close", "volume"])
    table = data.current([first, second], ["price", "volume"])

    assert type(data.current(second, "close")) is float
    assert type(data.current(second, "volume")) is int
    assert list(by_asset.index) == [first, second]
    assert (by_asset.name, by_asset.tolist()) == ("price", [11.0, 22.0])
    assert (by_field.name, list(by_field.index), by_field["volume"]) == (
        "A",
        ["close", "volume"],
        0,
    )
    assert table.loc[second].to_dict() == {"price": 22.0, "volume": 100}
    assert table["volume"].dtype == np.int64


def test_last_traded_is_a_session_label_in_days_and_a_minute_in_minutes() -> None:
    daily = run_to(2)
    stamps = minute_stamps(DAYS[0], 2)
    portal = PolarsDataPortal(
        None, minute_bars=bars({"A": [10.0, None], "B": [None, 20.0]}, stamps)
    )
    minute = Run(portal, frequency="1m", last=0)
    minute.to_bar(0, 0)

    assert daily.data.current(daily.asset("A"), "last_traded") == DAYS[1]
    assert minute.data.current(both(minute), "last_traded") == dict(
        zip(both(minute), (stamps[0], None), strict=True)
    )


def test_last_traded_has_pandas_kinds_with_pandas_frames() -> None:
    run = run_to(2, prices=PRICES | {"C": [None, None, None, 1.0]}, frames="pandas")

    assert run.data.current(run.asset("A"), "last_traded") == pd.Timestamp("2017-01-04")
    assert run.data.current(run.asset("C"), "last_traded") is pd.NaT


def test_a_text_or_an_unknown_field_is_nan_only_if_names_are_loose() -> None:
    strict, loose = run_to(1), run_to(1, loose_names=True)

    assert math.isnan(loose.data.current("A", "close"))
    assert math.isnan(loose.data.current(loose.asset("A"), "clse"))
    with pytest.raises(
        TypeError, match=r"assets in data.current\(\) must be an asset .*: was 'A' \(str\)"
    ):
        strict.data.current("A", "close")
    with pytest.raises(KeyError, match="was 'clse'; pass one of open, high"):
        strict.data.current(strict.asset("A"), "clse")


def test_values_from_elsewhere_are_read_by_asset_or_name() -> None:
    run = run_to(1)
    run.market.add_source(
        "score",
        lambda asset, session: (
            getattr(asset, "symbol", asset),
            session - run.market.first_session,
        ),
    )

    assert run.data.current(run.asset("A"), "score") == ("A", 1)
    assert run.data.current("GOLD", "score") == ("GOLD", 1)


def test_an_indicator_is_read_as_a_float() -> None:
    run = run_to(3)
    run.market.add_column("fast", pl.col("close").rolling_mean(2, min_samples=1))

    assert run.data.current(run.asset("B"), "fast") == 22.5
    assert type(run.data.current(run.asset("B"), "fast")) is float
    assert run.data.history(run.asset("B"), "fast", 3, "1d").to_list() == [20.55, 21.5, 22.5]
    assert run.data.window([run.asset("B")], "fast", 2).tolist() == [[21.5], [22.5]]
    assert run.data.history(run.asset("B"), ["close", "fast"], 1, "1d").row(0) == (
        DAYS[3],
        23.0,
        22.5,
    )


# -- history -------------------------------------------------------------------------


def test_history_in_polars_shapes() -> None:
    run = run_to(3)
    data, (first, second) = run.data, both(run)

    series = data.history(first, "close", 3, "1d")
    wide = data.history([second, first], "price", 2, "1d")
    fields = data.history(first, ["volume", "close"], 2, "1d")
    long = data.history([second, first], ["close", "volume"], 2, "1d")

    assert (series.dtype, series.null_count(), series[-1]) == (pl.Float64, 0, 13)
    assert series.fill_nan(None).to_list() == [11, None, 13]
    assert math.isnan(series.mean())
    assert wide.to_dict(as_series=False) == {
        "date": [DAYS[2], DAYS[3]],
        "B": [22, 23],
        "A": [11, 13],
    }
    assert fields.fill_nan(None).to_dict(as_series=False) == {
        "date": [DAYS[2], DAYS[3]],
        "volume": [0, 100],
        "close": [None, 13],
    }
    assert long.fill_nan(None).rows() == [
        (DAYS[2], "B", 22.0, 100.0),
        (DAYS[2], "A", None, 0.0),
        (DAYS[3], "B", 23.0, 0.0),
        (DAYS[3], "A", 13.0, 100.0),
    ]
    assert wide.schema["date"] == pl.Date


def test_history_in_pandas_shapes() -> None:
    run = run_to(3, frames="pandas")
    data, (first, second) = run.data, both(run)
    days = [pd.Timestamp(day) for day in DAYS[2:4]]

    series = data.history(first, "price", 2, "1d")
    wide = data.history([second, first], "close", 2, "1d")
    long = data.history([second, first], ["volume", "close"], 2, "1d")
    fields = data.history(first, ["close", "price"], 1, "1d")

    assert (list(series.index), series.tolist(), series.name) == (days, [11, 13], first)
    assert series.index.tz is None
    assert list(wide.columns) == [second, first]
    assert wide[second].tolist() == [22, 23]
    assert list(long.index) == [(day, asset) for day in days for asset in (first, second)]
    assert list(long.columns) == ["volume", "close"]
    assert long.index.names == ["date", None]
    assert long["close"].loc[days[1], first] == 13
    assert list(fields.index) == [(days[1], first)]


def test_minutes_are_stamped_with_their_end_in_utc() -> None:
    stamps = minute_stamps(DAYS[0], 3)
    portal = PolarsDataPortal(None, minute_bars=bars({"A": [10.0, 11.0, 12.0]}, stamps))
    polars, pandas = (
        Run(portal, frequency="1m", last=0),
        Run(portal, frequency="1m", last=0, frames="pandas"),
    )
    for run in (polars, pandas):
        run.to_bar(0, 2)

    wide = polars.data.history([polars.asset("A")], "close", 2, "1m")
    series = pandas.data.history(pandas.asset("A"), "close", 2, "1m")
    long = pandas.data.history([pandas.asset("A")], ["close"], 2, "1m")

    assert wide["date"].to_list() == stamps[1:]
    assert wide.schema["date"] == pl.Datetime("us", "UTC")
    assert list(series.index) == [pd.Timestamp(stamp) for stamp in stamps[1:]]
    assert long.index.names == ["date_time", None]
    assert polars.data.current_dt == stamps[2]


def test_decimal_history_has_every_value_by_its_shortest_text() -> None:
    run = run_to(1, prices={"A": [123456.789, 1.1], "B": [1.0, 2.0]})

    series = run.data.history(run.asset("A"), "close", 2, "1d", dtype=pl.Decimal)
    wide = run.data.history(both(run), "close", 2, "1d", dtype=pl.Decimal)

    assert series.dtype == pl.Decimal(38, 12)
    assert series.to_list() == [Decimal("123456.789"), Decimal("1.1")]
    assert wide.schema == {"date": pl.Date, "A": pl.Decimal(38, 12), "B": pl.Decimal(38, 12)}


def test_a_window_is_a_read_only_view_of_bars_by_assets() -> None:
    run = run_to(3)
    data, (first, second) = run.data, both(run)

    window = data.window([first, second], "close", 3)

    assert np.array_equal(window, [[11, 21], [np.nan, 22], [13, 23]], equal_nan=True)
    assert data.window(second, "price", 2).tolist() == [[22], [23]]
    with pytest.raises(ValueError, match="read-only"):
        window[0, 0] = 1.0
    assert np.shares_memory(window, data.window([first, second], "close", 2))


def test_windows_handed_out_stay_as_they_were() -> None:
    portal = PolarsDataPortal(
        bars({"A": [10.0, 12.0, 6.0, 7.0]}), splits=splits(("A", DAYS[2], 0.5))
    )
    run = Run(portal, last=3)
    run.to_bar(1)
    asset = run.asset("A")
    before = run.data.window(asset, "close", 2), run.data.history(asset, "close", 2, "1d")

    run.to_bar(3)

    assert run.data.window(asset, "close", 4).ravel().tolist() == [5, 6, 6, 7]
    assert before[0].ravel().tolist() == before[1].to_list() == [10, 12]


# -- can_trade, is_stale, time -------------------------------------------------------


def test_can_trade_needs_a_listed_unrestricted_asset_with_a_price() -> None:
    prices = {
        "A": [10.0, None, 12.0],
        "B": [None, 20.0, 21.0],
        "C": [30.0, None, None],
        "D": [1.0, 1.0, 1.0],
    }
    run = run_to(0, prices=prices, restricted=("D",))
    assets = [run.asset(symbol) for symbol in "ABCD"]

    first = run.data.can_trade(assets)
    run.to_bar(1)
    second = run.data.can_trade(assets)

    assert first == dict(zip(assets, (True, False, True, False), strict=True))
    assert second == dict(zip(assets, (True, True, False, False), strict=True))


def test_can_trade_in_the_morning_answers_for_the_coming_session() -> None:
    run = run_to(0, prices={"A": [10.0, 11.0], "B": [20.0, None]})

    run.to_morning(1)

    assert run.data.can_trade(run.asset("A")) is True
    assert run.data.can_trade(run.asset("B")) is False
    assert run.data.current_session == DAYS[1]


def test_an_asset_is_stale_while_it_does_not_trade_after_it_has() -> None:
    run = run_to(3, frames="pandas")
    flags = run.data.is_stale(both(run))

    assert flags.tolist() == [False, True]
    assert flags.dtype == bool
    late = run_to(0, prices={"A": [None, (5.0, 0.0), 6.0], "B": [1.0, 1.0, 1.0]})
    assert late.data.is_stale(late.asset("A")) is False
    late.to_bar(1)
    assert late.data.is_stale(late.asset("A")) is False


def test_the_time_is_the_bars_end() -> None:
    run, pandas = run_to(2), run_to(2, frames="pandas")

    assert run.data.current_dt == CLOSE
    assert run.data.current_session == date(2017, 1, 5)
    assert len(run.data.current_session_minutes) == 390
    assert pandas.data.current_dt == pd.Timestamp(CLOSE)
    assert pandas.data.current_session == pd.Timestamp("2017-01-05")
    assert pandas.data.current_session_minutes[-1] == pd.Timestamp(CLOSE)


# -- refusals ------------------------------------------------------------------------


@pytest.mark.parametrize("loose", [False, True], ids=["strict", "loose"])
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data, a: data.current(7, "close"), r"assets in data.current\(\) must be an asset"),
        (
            lambda data, a: data.current([a, None], "close"),
            r"assets in data.current\(\) .* was None",
        ),
        (lambda data, a: data.current(a, 7), r"fields in data.current\(\) must be a field name"),
        (
            lambda data, a: data.current(a, ["close", 7]),
            r"fields in data.current\(\) .* was 7 \(int\)",
        ),
        (lambda data, a: data.can_trade("A"), r"assets in data.can_trade\(\) .* was 'A' \(str\)"),
        (lambda data, a: data.is_stale([a, 3.5]), r"assets in data.is_stale\(\) .* was 3.5"),
        (
            lambda data, a: data.history("A", "close", 2, "1d"),
            r"assets in data.history\(\) .* was 'A'",
        ),
        (lambda data, a: data.history(a, None, 2, "1d"), r"fields in data.history\(\) .* was None"),
        (
            lambda data, a: data.history(a, "close", 2.0, "1d"),
            r"bar_count in data.history\(\) .* was 2.0 \(float\)",
        ),
        (
            lambda data, a: data.history(a, "close", 2, 1),
            r"frequency in data.history\(\) .* was 1 \(int\)",
        ),
        (
            lambda data, a: data.history(a, "close", 2, "1d", dtype=int),
            r"dtype in data.history\(\)",
        ),
        (
            lambda data, a: data.window([a], "close", "2"),
            r"bar_count in data.window\(\) .* was '2'",
        ),
        (lambda data, a: data.window([7], "close", 2), r"assets in data.window\(\)"),
    ],
)
def test_a_wrong_type_is_refused_and_named(loose: bool, call: Any, message: str) -> None:
    run = run_to(1, loose_names=loose)

    with pytest.raises(TypeError, match=message):
        call(run.data, run.asset("A"))


SHORT_WAYS: list[Any] = [
    lambda data, one, two: data.current(one, "close"),
    lambda data, one, two: data.current(one, "last_traded"),
    lambda data, one, two: data.current([one, two], "close"),
    lambda data, one, two: data.current(one, ["close", "volume"]),
    lambda data, one, two: data.current([one, two], ["close", "volume"]),
    lambda data, one, two: data.history(one, "close", 2, "1d"),
    lambda data, one, two: data.history(one, ["open", "close"], 2, "1d"),
    lambda data, one, two: data.history([one, two], "close", 2, "1d"),
    lambda data, one, two: data.window(one, "close", 2),
    lambda data, one, two: data.window([one, two], "close", 2),
    lambda data, one, two: data.can_trade(one),
    lambda data, one, two: data.can_trade([one, two]),
    lambda data, one, two: data.is_stale(one),
    lambda data, one, two: data.is_stale([one, two]),
]


@pytest.mark.parametrize("call", SHORT_WAYS)
@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_a_sid_is_no_asset_whether_its_asset_was_read_before_or_not(frames: str, call: Any) -> None:
    run = run_to(1, frames=frames)
    one, two = both(run)
    refused = r"must be an asset or a list of assets: was \d \(int\).*, or sid\(\d\)$"

    with pytest.raises(TypeError, match=refused):
        call(run.data, one.sid, two.sid)
    for _ in range(3):
        call(run.data, one, two)

    with pytest.raises(TypeError, match=refused):
        call(run.data, one.sid, two.sid)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda data, a: data.history(a, "last_traded", 2, "1d"), ValueError),
        (lambda data, a: data.history(a, [], 2, "1d"), ValueError),
        (lambda data, a: data.history(a, "close", 0, "1d"), ValueError),
        (lambda data, a: data.history(a, "close", -1, "1d"), ValueError),
        (lambda data, a: data.history(a, "close", 2, "1y"), ValueError),
        (lambda data, a: data.history(a, "close", 2, "1m"), IncompatibleHistoryFrequency),
        (lambda data, a: data.history(a, "close", 3, "1d"), HistoryWindowStartsBeforeData),
        (lambda data, a: data.window(a, "close", 3), HistoryWindowStartsBeforeData),
        (lambda data, a: data.window(a, "clse", 1), ValueError),
        (lambda data, a: data.current_chain(a), NotBuilt),
    ],
)
@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_an_impossible_request_has_an_error_of_its_own(
    frames: str, call: Any, error: type[Exception]
) -> None:
    run = run_to(1, frames=frames)

    with pytest.raises(error):
        call(run.data, run.asset("A"))


def test_an_asset_of_another_run_is_refused() -> None:
    run, other = run_to(1), run_to(1, prices={**PRICES, "0": PRICES["B"]})

    with pytest.raises(TypeError, match="must be assets of this run"):
        run.data.current(other.asset("A"), "close")


def test_numpy_integers_are_bar_counts() -> None:
    run = run_to(1)

    assert run.data.history(run.asset("A"), "close", np.int64(2), "1d").to_list() == [10, 11]


@pytest.mark.parametrize(
    ("rounded", "second"), [(False, 30.0), (True, 15.0)], ids=["each its own", "as zipline"]
)
def test_several_fields_in_the_morning_take_the_first_assets_split_only_as_zipline_does(
    rounded: bool, second: float
) -> None:
    portal = PolarsDataPortal(
        bars({"A": [10.0, 5.0], "B": [30.0, 31.0]}), splits=splits(("A", DAYS[1], 0.5))
    )
    run = Run(portal, last=1, frames="pandas", round_history=rounded)

    run.to_morning(1)
    frame = run.data.history(both(run), ["close", "price"], 1, "1d")

    assert frame["close"].tolist() == [5.0, second]
    assert run.data.history(both(run), "close", 1, "1d").iloc[0].tolist() == [5.0, 30.0]
