"""The minute that comes next is stored in one step, and gives the rows that
`append_slice` gives.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import datetime_of, get_calendar, us_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import UnknownSymbol
from rbtlive.model.bar import OHLCV, Bar
from tests.data.markets import DAYS, FIRST, bars, minute_stamps

ASSETS = pl.DataFrame(
    {
        "symbol": ["A", "B", "C"],
        "start_date": [DAYS[0], DAYS[0], DAYS[2]],
        "end_date": [DAYS[-1]] * 3,
    }
)
MINUTE = timedelta(minutes=1)


def market(**flags: bool) -> Market:
    """Return a live market of three assets, the last of them listed from the third day
    on, at the second day's open.
    """
    history = bars({"A": [10.0], "B": [20.0]}, minute_stamps(DAYS[0], 1))
    data = PolarsDataPortal(None, minute_bars=history, assets=ASSETS).without_end()
    made = Market(
        data, frequency="1m", first_session=FIRST + 1, last_session=None, preload=False, **flags
    )
    made.open_session(FIRST + 1)
    return made


def bar(symbol: str, end: datetime, price: float) -> Bar:
    return Bar.of(
        {
            "symbol": symbol,
            "timestamp": end,
            **dict.fromkeys(("open", "high", "low", "close"), price),
            "volume": 100.0,
        }
    )


def slice_of(end: datetime, **prices: float) -> dict[str, Bar]:
    return {symbol: bar(symbol, end, price) for symbol, price in prices.items()}


def rows(made: Market) -> list[list[float]]:
    return [made.table.values(field, 0, made.table.rows).tolist() for field in OHLCV]


def started(**flags: bool) -> tuple[Market, list[datetime]]:
    """Return a market whose second day has had its first minute, and the ENDs of the
    day's minutes.
    """
    made, ends = market(**flags), minute_stamps(DAYS[1], 390)
    made.append_slice(us_of(ends[0]), slice_of(ends[0], A=1.0, B=2.0), session=FIRST + 1)
    return made, ends


def test_the_minute_after_the_last_one_is_stored() -> None:
    made, ends = started()

    found = [made.append_next(end, slice_of(end, B=3.0)) for end in ends[1:4]]

    assert found == [391, 392, 393]
    assert made.table.rows == 394
    assert made.table.value(1, "close", 393) == 3.0
    assert np.isnan(made.table.value(0, "close", 393))
    assert made.table.value(0, "volume", 393) == 0.0


def test_minutes_that_are_not_the_next_one_are_left_to_others() -> None:
    made, ends = started()

    for end in (ends[0], ends[2], ends[1] + timedelta(seconds=1), ends[0] - MINUTE):
        assert made.append_next(end, {}) == -1

    assert made.table.rows == 391
    assert made.append_next(ends[1], {}) == 391


def test_no_minute_is_expected_before_the_first_nor_after_the_last_of_a_session() -> None:
    made, ends = market(), minute_stamps(DAYS[1], 390)

    assert made.append_next(ends[0], {}) == -1
    made.append_slice(us_of(ends[0]), None, session=FIRST + 1)
    assert [made.append_next(end, {}) for end in ends[1:]][-1] == made.table.rows - 1
    assert made.append_next(ends[-1] + MINUTE, {}) == -1


@pytest.mark.parametrize("act", [Market.open_session, Market.end_session])
def test_a_session_that_begins_or_ends_expects_no_minute(act) -> None:
    made, ends = started()

    act(made, FIRST + 1)

    assert made.append_next(ends[1], {}) == -1


def test_a_symbol_of_no_asset_leaves_nothing_behind() -> None:
    made, ends = started()

    assert made.append_next(ends[1], slice_of(ends[1], A=5.0, Z=1.0)) == -1
    with pytest.raises(UnknownSymbol, match="'Z'"):
        made.append_slice(us_of(ends[1]), slice_of(ends[1], A=5.0, Z=1.0), session=FIRST + 1)

    row = made.append_next(ends[1], slice_of(ends[1], B=6.0))
    assert np.isnan(made.table.value(0, "close", row))
    assert made.table.value(0, "volume", row) == 0.0
    assert made.table.value(1, "close", row) == 6.0


def test_an_asset_that_is_not_listed_yet_is_left_out() -> None:
    made, ends = started()
    given = slice_of(ends[1], A=5.0, C=7.0)

    assert made.append_next(ends[1], given) == -1
    row = made.append_slice(us_of(ends[1]), given, session=FIRST + 1)

    assert made.table.value(0, "close", row) == 5.0
    assert np.isnan(made.table.value(2, "close", row))


def test_prices_that_are_kept_in_thousandths_are_left_to_others() -> None:
    made, ends = started(round_history=True)

    assert made.append_next(ends[1], slice_of(ends[1], A=5.0)) == -1


def test_minutes_around_a_lunch_break_are_those_of_the_calendar() -> None:
    calendar = get_calendar("XHKG")
    first = calendar.number(DAYS[0])
    ends = [datetime_of(int(us)) for us in calendar.minutes_us(first)]
    history = [datetime_of(int(calendar.minutes_us(first - 1)[0]))]
    data = PolarsDataPortal(
        None, minute_bars=bars({"A": [1.0]}, history), calendar="XHKG"
    ).without_end()
    made = Market(data, frequency="1m", first_session=first, last_session=None, preload=False)
    made.open_session(first)

    taken = []
    for end in ends:
        row = made.append_next(end, {})
        taken.append(row >= 0)
        assert row >= 0 or made.append_slice(us_of(end), {}, session=first) >= 0

    assert made.table.row_us[-len(ends) :].tolist() == [us_of(end) for end in ends]
    morning = sum(end - ends[0] < timedelta(hours=3) for end in ends)
    assert not any(taken[: morning + 1])
    assert all(taken[morning + 1 :])


prices = st.dictionaries(
    st.sampled_from(["A", "B", "C"]), st.sampled_from([0.0, 1.5, 1e-7, 123456.25])
)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 3), prices), min_size=1, max_size=12), st.integers(0, 389))
def test_any_slices_give_the_rows_that_append_slice_gives(slices, begin) -> None:
    quick, plain = market(), market()
    calendar, session, place = quick.calendar, FIRST + 1, begin
    for step, found in slices:
        ends = calendar.minutes_us(session)
        if place >= len(ends):
            session, place = session + 1, place - len(ends)
            ends = calendar.minutes_us(session)
            quick.open_session(session)
            plain.open_session(session)
        end_us = int(ends[place])
        given = slice_of(datetime_of(end_us), **found)
        row = quick.append_next(datetime_of(end_us), given)
        row = quick.append_slice(end_us, given, session=session) if row < 0 else row
        assert row == plain.append_slice(end_us, given, session=session)
        place += step

    assert repr(rows(quick)) == repr(rows(plain))


def test_a_slice_of_one_plain_bar_is_stored_like_its_bar() -> None:
    (one, ends), (other, _) = started(), started()
    numbers = (3.0, 4.0, 2.5, 3.5, 70.0)

    found = [one.append_row(end, ("B", numbers)) for end in ends[1:3]]
    for end in ends[1:3]:
        facts = {"symbol": "B", "timestamp": end, **dict(zip(OHLCV, numbers, strict=True))}
        other.append_next(end, {"B": Bar.of(facts)})

    assert found == [391, 392]
    np.testing.assert_array_equal(rows(one), rows(other))


def test_one_plain_bar_that_is_not_the_next_one_of_a_listed_asset_is_left_alone() -> None:
    made, ends = started()
    numbers = (3.0, 4.0, 2.5, 3.5, 70.0)
    before = rows(made)

    for end, symbol in ((ends[0], "B"), (ends[2], "B"), (ends[1], "C"), (ends[1], "ZZZ")):
        assert made.append_row(end, (symbol, numbers)) == -1

    np.testing.assert_array_equal(rows(made), before)
    assert made.append_row(ends[1], ("B", numbers)) == 391
