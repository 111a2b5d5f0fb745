"""The market: what is known at the cursor, adjusted to it, and nothing beyond it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    HistoryWindowStartsBeforeData,
    UnknownSymbol,
)
from tests.data.markets import DAYS, FIRST, Run, bars, dividends, minute_stamps, splits

RISING = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0]
BOTH = pytest.mark.parametrize("live", [False, True], ids=["loaded", "slice by slice"])


def portal(prices: dict[str, Any], **tables: Any) -> PolarsDataPortal:
    return PolarsDataPortal(bars(prices), **tables)


def shown(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), 9) for value in values]


def window(
    run: Run, field: str, count: int, *, index: int = 0, frequency: str = "1d"
) -> list[float | None]:
    return shown(run.market.windows.values(index, field, run.market.windows.span(count, frequency)))


@BOTH
def test_a_bar_is_read_as_it_is(live: bool) -> None:
    run = Run(portal({"A": RISING}), live=live)

    run.to_bar(2)

    market = run.market
    assert (market.open_(0), market.high(0), market.low(0), market.close(0), market.volume(0)) == (
        11.5,
        13,
        11,
        12,
        100,
    )
    assert market.price(0) == 12
    assert market.now_us == market.calendar.closes_us[FIRST + 2]


@BOTH
def test_a_missing_bar_keeps_the_last_price_and_has_no_volume(live: bool) -> None:
    run = Run(portal({"A": [10.0, None, None, 13.0], "B": RISING}), live=live)

    run.to_bar(2)

    assert math.isnan(run.market.close(0))
    assert run.market.volume(0) == 0
    assert run.market.price(0) == 10
    assert run.market.last_traded_us(0) == run.market.calendar.closes_us[FIRST]


@BOTH
def test_a_bar_without_volume_gives_the_price_but_no_trade(live: bool) -> None:
    run = Run(portal({"A": [10.0, (11.0, 0.0), None, 12.0], "B": RISING}), live=live)

    run.to_bar(2)

    assert run.market.price(0) == 11
    assert run.market.last_traded_row(0) == 0


@BOTH
def test_a_carried_price_is_adjusted_over_a_split(live: bool) -> None:
    data = portal({"A": [10.0, None, 5.0, 5.5], "B": RISING}, splits=splits(("A", DAYS[1], 0.5)))
    run = Run(data, live=live)

    run.to_bar(1)

    assert run.market.price(0) == 5.0


@BOTH
def test_nothing_is_known_before_listing_and_after_the_end(live: bool) -> None:
    run = Run(portal({"A": [None, 11.0, 12.0, None], "B": RISING}), live=live)

    run.to_bar(0)
    before = (
        run.market.price(0),
        run.market.alive(0),
        run.market.listing.first[0] > run.market.session,
        run.market.last_traded_us(0),
    )
    run.to_bar(3)
    after = (
        run.market.price(0),
        run.market.alive(0),
        run.market.listing.last[0] < run.market.session,
        run.market.volume(0),
    )

    assert math.isnan(before[0])
    assert before[1:] == (False, True, -1)
    assert math.isnan(after[0])
    assert after[1:] == (False, True, 0)
    assert run.market.last_traded_us(0) == run.market.calendar.closes_us[FIRST + 2]


@BOTH
def test_a_window_is_adjusted_for_splits_once_they_take_effect(live: bool) -> None:
    run = Run(
        portal({"A": [10.0, 12.0, 6.5, 7.0]}, splits=splits(("A", DAYS[2], 0.5))),
        live=live,
        start=0,
    )

    run.to_bar(1)
    before = window(run, "close", 2), window(run, "volume", 2)
    run.to_bar(3)
    after = window(run, "close", 4), window(run, "volume", 4)

    assert before == ([10, 12], [100, 100])
    assert after == ([5, 6, 6.5, 7], [200, 200, 100, 100])


@BOTH
def test_a_dividend_scales_prices_by_what_it_takes_off_the_close_before(live: bool) -> None:
    run = Run(
        portal({"A": [10.0, 20.0, 19.0]}, dividends=dividends(("A", DAYS[2], 1.0))), live=live
    )

    run.to_bar(2)

    assert window(run, "close", 3) == [9.5, 19.0, 19.0]
    assert window(run, "volume", 3) == [100, 100, 100]


def test_a_dividend_without_a_close_before_or_above_it_scales_nothing() -> None:
    data = portal(
        {"A": [10.0, None, 19.0], "B": [1.0, 1.0, 1.0]},
        dividends=dividends(("A", DAYS[2], 1.0), ("B", DAYS[2], 1.0)),
    )
    run = Run(data)

    run.to_bar(2)

    assert window(run, "close", 3) == [10, None, 19]
    assert window(run, "close", 3, index=1) == [1, 1, 1]


@BOTH
def test_price_fills_gaps_and_a_leading_gap_from_the_last_trade_before(live: bool) -> None:
    line = [10.0, (11.0, 0.0), None, None, 14.0, None]
    run = Run(portal({"A": [*line, 16.0], "B": RISING}), live=live)

    run.to_bar(5)

    assert window(run, "price", 6) == [10, 11, 11, 11, 14, 14]
    assert window(run, "price", 4) == [
        10,
        10,
        14,
        14,
    ]  # the bar without volume does not count as a trade
    assert window(run, "close", 4) == [None, None, 14, None]


@BOTH
def test_a_leading_gap_is_filled_with_an_adjusted_price(live: bool) -> None:
    data = portal({"A": [10.0, None, None, 5.0], "B": RISING}, splits=splits(("A", DAYS[2], 0.5)))
    run = Run(data, live=live)

    run.to_bar(2)

    assert window(run, "price", 2) == [5, 5]


@BOTH
def test_price_ends_with_the_asset(live: bool) -> None:
    run = Run(portal({"A": [10.0, 11.0], "B": RISING}), live=live)

    run.to_bar(3)

    assert window(run, "price", 4) == [10, 11, None, None]


@BOTH
def test_series_frames_and_matrices_hold_the_same_values(live: bool) -> None:
    data = portal(
        {"A": [10.0, None, 6.0, 7.0, 8.0], "B": RISING, "C": [None, None, 3.0, 4.0, 5.0]},
        splits=splits(("A", DAYS[2], 0.5)),
        dividends=dividends(("B", DAYS[3], 1.0), ("A", DAYS[4], 0.7)),
    )
    run = Run(data, live=live)

    for day in range(5):
        run.to_bar(day)
        span = run.market.windows.span(day + 1, "1d")
        for field in ("open", "close", "volume", "price"):
            frame = run.market.windows.frame((2, 0, 1), field, span)
            matrix = run.market.windows.matrix((2, 0, 1), field, span)
            assert frame.columns == ["date", "C", "A", "B"]
            assert frame["date"].to_list() == list(DAYS[: day + 1])
            for place, index in enumerate((2, 0, 1)):
                values = run.market.windows.values(index, field, span)
                series = run.market.windows.series(index, field, span)
                assert np.array_equal(values, matrix[:, place], equal_nan=True)
                assert series.equals(frame[series.name])
                assert np.array_equal(values, series.to_numpy(), equal_nan=True)
                assert series.null_count() == 0


def test_a_window_may_not_reach_before_the_data() -> None:
    run = Run(portal({"A": RISING}), start=2)
    run.to_bar(2)

    assert window(run, "close", 3) == [10, 11, 12]
    with pytest.raises(
        HistoryWindowStartsBeforeData, match="2017-01-03: was 4 bars of '1d' in session 2017-01-05"
    ):
        run.market.windows.span(4, "1d")


def test_rows_after_the_cursor_change_nothing() -> None:
    other = [*RISING[:4], 99.0, 98.0, None, 97.0]
    runs = [Run(portal({"A": line, "B": RISING})) for line in (RISING, other)]
    for run in runs:
        run.market.add_column("mean", pl.col("close").rolling_mean(2))
        run.to_bar(3)

    first, second = [
        (
            window(run, "close", 4),
            window(run, "price", 4),
            run.market.price(0),
            run.market.column_value(0, "mean"),
            run.market.last_traded_us(0),
        )
        for run in runs
    ]

    assert first == second


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.integers(1, 99), st.tuples(st.integers(1, 99), st.just(0))),
        min_size=8,
        max_size=8,
    ),
    st.lists(
        st.tuples(st.integers(1, 7), st.sampled_from([0.5, 2.0, 1.5])),
        max_size=2,
        unique_by=lambda pair: pair[0],
    ),
    st.lists(
        st.tuples(st.integers(1, 7), st.sampled_from([0.25, 3.0])),
        max_size=2,
        unique_by=lambda pair: pair[0],
    ),
)
def test_a_market_fed_slice_by_slice_shows_what_a_loaded_one_shows(
    line: list[Any], split_days: list[tuple[int, float]], dividend_days: list[tuple[int, float]]
) -> None:
    line = [
        (float(price[0]), 0.0) if isinstance(price, tuple) else price and float(price)
        for price in line
    ]
    data = portal(
        {"A": [*line[:7], line[7] or 50.0], "B": RISING},
        splits=splits(*[("A", DAYS[day], ratio) for day, ratio in split_days])
        if split_days
        else None,
        dividends=dividends(*[("A", DAYS[day], amount) for day, amount in dividend_days])
        if dividend_days
        else None,
    )
    loaded, fed = Run(data), Run(data, live=True)

    for day in range(8):
        for morning in (True, False):
            for run in (loaded, fed):
                run.to_morning(day) if morning else run.to_bar(day)
            known = day + (not morning)
            for field in ("close", "volume", "price"):
                for count in range(1, known + 1):
                    assert window(loaded, field, count) == window(fed, field, count)
            assert shown([loaded.market.price(0)]) == shown([fed.market.price(0)])
            assert loaded.market.last_traded_us(0) == fed.market.last_traded_us(0)


# -- mornings ------------------------------------------------------------------------


@BOTH
def test_the_morning_sees_the_session_before_as_it_looks_after_todays_split(live: bool) -> None:
    run = Run(portal({"A": [10.0, 12.0, 6.5]}, splits=splits(("A", DAYS[2], 0.5))), live=live)

    run.to_morning(2)

    market = run.market
    assert market.before_open
    assert (market.spot(0, "close"), market.spot(0, "volume"), market.price(0)) == (6, 200, 6)
    assert window(run, "close", 2) == [5, 6]
    assert market.alive(0)


@BOTH
def test_the_morning_sees_the_coming_bar_only_if_asked(live: bool) -> None:
    run = Run(portal({"A": RISING}), live=live, look_ahead_before_start=True)

    run.to_morning(2)

    assert run.market.price(0) == 12
    assert window(run, "close", 3) == [10, 11, 12]


def test_the_first_morning_without_history_knows_nothing() -> None:
    run = Run(portal({"A": RISING}))

    run.to_morning(0)

    assert math.isnan(run.market.price(0))
    assert math.isnan(run.market.spot(0, "close"))
    assert run.market.spot(0, "volume") == 0
    assert run.market.last_traded_us(0) == -1
    with pytest.raises(HistoryWindowStartsBeforeData):
        run.market.windows.span(1, "1d")


def test_the_morning_is_at_a_quarter_to_nine_in_new_york() -> None:
    run = Run(portal({"A": RISING}))

    run.to_morning(1)

    assert run.market.now_us == run.market.calendar.opens_us[FIRST + 1] - 45 * 60_000_000


# -- zipline's rounding --------------------------------------------------------------


@BOTH
def test_rounding_keeps_thousandths_and_rounds_windows_after_adjusting(live: bool) -> None:
    data = portal({"A": [10.0004, 7.0, 7.0]}, splits=splits(("A", DAYS[1], 2 / 3)))
    exact, rounded = Run(data, live=live), Run(data, live=live, round_history=True)

    for run in (exact, rounded):
        run.to_bar(1)

    assert window(exact, "close", 2) == [round(10.0004 * 2 / 3, 9), 7]
    assert window(rounded, "close", 2) == [6.667, 7]
    assert window(rounded, "volume", 2) == [150, 100]


def test_rounding_loses_prices_below_half_a_thousandth() -> None:
    small = bars({"A": [0.0004, 0.0006]}).with_columns(
        pl.col("close").alias(name) for name in ("open", "high", "low")
    )
    run = Run(PolarsDataPortal(small), last=1, round_history=True)

    run.to_bar(0)
    lost = run.market.close(0)
    run.to_bar(1)

    assert math.isnan(lost)
    assert run.market.close(0) == 0.001


def test_a_rounded_morning_window_is_rounded_before_todays_split() -> None:
    data = portal({"A": [10.0, 10.001, 5.0]}, splits=splits(("A", DAYS[2], 0.5)))
    run = Run(data, round_history=True)

    run.to_morning(2)

    assert window(run, "close", 1) == [5.0005]


# -- minutes -------------------------------------------------------------------------


def minute_portal(prices: dict[str, Any], *, day: int = 1, **tables: Any) -> PolarsDataPortal:
    stamps = minute_stamps(DAYS[day], max(len(line) for line in prices.values()))
    history = {symbol: [20.0] * day for symbol in prices}
    return PolarsDataPortal(bars(history), minute_bars=bars(prices, stamps), **tables)


@BOTH
def test_a_day_window_in_minutes_ends_with_the_session_so_far(live: bool) -> None:
    run = Run(
        minute_portal({"A": [10.0, None, 13.0, 12.0]}), frequency="1m", start=1, last=1, live=live
    )

    seen = []
    for minute in range(4):
        run.to_bar(1, minute)
        seen.append(
            [window(run, field, 2)[1] for field in ("open", "high", "low", "close", "volume")]
        )

    assert window(run, "close", 2) == [20, 12]
    assert seen == [
        [9.5, 11, 9, 10, 100],
        [9.5, 11, 9, 10, 100],
        [9.5, 14, 9, 13, 200],
        [9.5, 14, 9, 12, 300],
    ]


@BOTH
def test_a_day_window_before_the_first_trade_carries_yesterdays_price(live: bool) -> None:
    run = Run(
        minute_portal({"A": [None, 10.0]}, splits=splits(("A", DAYS[1], 0.5))),
        frequency="1m",
        start=1,
        last=1,
        live=live,
    )

    run.to_bar(1, 0)

    assert window(run, "price", 2) == [10, 10]
    assert window(run, "price", 1) == [10]
    assert window(run, "close", 1) == [None]
    assert window(run, "volume", 1) == [0]


@BOTH
def test_finished_sessions_are_made_of_their_minutes_where_no_daily_bar_is_known(
    live: bool,
) -> None:
    first, second = minute_stamps(DAYS[0], 3), minute_stamps(DAYS[1], 2)
    data = PolarsDataPortal(
        None, minute_bars=bars({"A": [10.0, 13.0, 12.0, 14.0, 15.0]}, [*first, *second])
    )
    run = Run(data, frequency="1m", last=1, live=live)

    run.to_bar(0)
    run.to_bar(1, 1)

    assert [window(run, field, 2) for field in ("open", "high", "low", "close", "volume")] == [
        [9.5, 13.5],
        [14, 16],
        [9, 13],
        [12, 15],
        [300, 200],
    ]


@BOTH
def test_minutes_carry_the_last_price_that_traded_over_night_and_split(live: bool) -> None:
    first, second = minute_stamps(DAYS[0], 3), minute_stamps(DAYS[1], 2)
    prices = {"A": [10.0, (11.0, 0.0), None, None, 6.0]}
    data = PolarsDataPortal(
        bars({"A": [10.0, 6.0]}),
        minute_bars=bars(prices, [*first, *second]),
        splits=splits(("A", DAYS[1], 0.5)),
    )
    run = Run(data, frequency="1m", last=1, live=live)

    run.to_bar(0, 1)
    silent = run.market.price(0)
    run.to_bar(0)
    carried = run.market.price(0)
    run.to_bar(1, 0)

    assert (silent, carried, run.market.price(0)) == (11, 10, 5)
    assert window(run, "price", 3, frequency="1m") == [5, 5, 5]


def test_the_morning_in_minutes_sees_the_evening_before() -> None:
    first, second = minute_stamps(DAYS[0], 390), minute_stamps(DAYS[1], 1)
    prices = {"A": [*([10.0] * 388), 11.0, 12.0, 6.5]}
    data = PolarsDataPortal(
        bars({"A": [12.0, 6.5]}),
        minute_bars=bars(prices, [*first, *second]),
        splits=splits(("A", DAYS[1], 0.5)),
    )
    run = Run(data, frequency="1m", last=1)

    run.to_morning(1)

    assert (run.market.price(0), run.market.spot(0, "volume")) == (6, 200)
    assert window(run, "close", 2, frequency="1m") == [5.5, 6]
    assert window(run, "close", 1) == [6]
    assert not run.market.exchange_is_open()


def test_minutes_of_sessions_with_daily_bars_only_are_missing_bars() -> None:
    run = Run(minute_portal({"A": [10.0, 11.0]}), frequency="1m", start=1, last=1)

    run.to_bar(1, 0)

    assert window(run, "close", 3, frequency="1m") == [None, None, 10]
    assert window(run, "volume", 3, frequency="1m") == [0, 0, 100]


# -- slices --------------------------------------------------------------------------


def test_a_slice_must_follow_the_last_one_and_name_known_assets() -> None:
    run = Run(portal({"A": RISING}), live=True)
    closes = run.market.calendar.closes_us

    with pytest.raises(UnknownSymbol, match="'ZZZ'"):
        run.market.append_slice(int(closes[FIRST]), {"ZZZ": None})  # type: ignore[dict-item]
    row = run.market.append_slice(int(closes[FIRST + 2]), None)

    assert row == 2
    with pytest.raises(ValueError, match="after the last"):
        run.market.append_slice(int(closes[FIRST + 1]), None)
    with pytest.raises(ValueError, match="after the last"):
        run.market.append_slice(int(closes[FIRST + 2]), None)
    assert run.market.table.rows == 3


def test_a_refused_slice_leaves_nothing_behind() -> None:
    first = minute_stamps(DAYS[0], 2)
    data = PolarsDataPortal(None, minute_bars=bars({"A": [10.0, 11.0]}, first))
    run = Run(data, frequency="1m", last=1, live=True)
    run.to_bar(0, 1)
    ends = run.market.calendar.minutes_us(FIRST + 1)

    for us in (int(ends[0]) + 1, int(ends[0]) - 60_000_000, int(run.market.table.row_us[0])):
        with pytest.raises(ValueError, match="must end a minute of XNYS after the last one"):
            run.market.append_slice(us, None)

    assert run.market.table.rows == 2
    assert run.market.append_slice(int(ends[0]), None) == 390


def test_storing_a_slice_does_not_move_the_cursor() -> None:
    run = Run(portal({"A": RISING}), live=True)
    run.to_bar(1)

    run.market.append_slice(int(run.market.calendar.closes_us[FIRST + 2]), None)

    assert (run.market.price(0), run.market.row) == (11, 1)
    assert window(run, "close", 2) == [10, 11]
