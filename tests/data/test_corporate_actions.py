"""Splits and dividends of a portal: when they take effect, and what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from rbtlive.data.checking.corporate import Dividend, Split
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    InvalidDividend,
    InvalidSplit,
    MissingColumn,
    MissingValue,
    UnknownSymbol,
)
from tests.data.frames import (
    DAYS,
    DIVIDENDS,
    SPLITS,
    daily,
    message_of,
)


def test_a_split_takes_effect_in_the_first_session_on_or_after_its_date():
    portal = PolarsDataPortal(daily(), splits=pl.DataFrame(SPLITS))

    assert portal.splits == (
        Split(asset=1, session=portal.calendar.number(DAYS[2]), ratio=Decimal("0.5")),
    )


def test_a_dividend_knows_its_dates_and_sessions():
    portal = PolarsDataPortal(daily(), dividends=pl.DataFrame(DIVIDENDS))
    number = portal.calendar.number

    assert portal.dividends == (
        Dividend(
            asset=0,
            ex_date=DAYS[1],
            ex_session=number(DAYS[1]),
            pay_date=date(2012, 12, 1),
            pay_session=number(date(2012, 12, 3)),
            pay_is_session=False,
            amount=Decimal("0.41"),
        ),
    )


def test_a_dividend_may_lack_its_pay_date():
    portal = PolarsDataPortal(daily(), dividends=pl.DataFrame(DIVIDENDS | {"pay_date": [None]}))

    assert portal.dividends[0].pay_date is None
    assert portal.dividends[0].pay_session is None
    assert not portal.dividends[0].pay_is_session


def test_a_share_may_pay_two_dividends_on_a_day():
    twice = {name: value * 2 for name, value in DIVIDENDS.items()} | {"amount": [3.0, 0.08]}

    assert [
        one.amount for one in PolarsDataPortal(daily(), dividends=pl.DataFrame(twice)).dividends
    ] == [
        Decimal("0.08"),
        Decimal(3),
    ]


def test_splits_and_dividends_come_sorted():
    days = [DAYS[2], DAYS[0], DAYS[0]]
    splits = pl.DataFrame(
        {"symbol": ["AAPL", "MSFT", "AAPL"], "effective_date": days, "ratio": [2, 3, 4]}
    )
    dividends = pl.DataFrame(
        {"symbol": ["AAPL", "MSFT", "AAPL"], "ex_date": days, "pay_date": days, "amount": [2, 3, 4]}
    )

    portal = PolarsDataPortal(daily(), splits=splits, dividends=dividends)

    assert [split.ratio for split in portal.splits] == [4, 3, 2]
    assert [dividend.amount for dividend in portal.dividends] == [4, 3, 2]


def test_tables_may_come_from_csv(tmp_path):
    pl.DataFrame(SPLITS).write_csv(tmp_path / "splits.csv")
    pl.DataFrame(DIVIDENDS).write_csv(tmp_path / "dividends.csv")

    portal = PolarsDataPortal(
        daily(), splits=tmp_path / "splits.csv", dividends=tmp_path / "dividends.csv"
    )

    expected = PolarsDataPortal(
        daily(), splits=pl.DataFrame(SPLITS), dividends=pl.DataFrame(DIVIDENDS)
    )
    assert portal.fingerprint() == expected.fingerprint()


def test_a_split_or_dividend_in_a_year_no_calendar_knows_is_an_error():
    far = [date(9999, 1, 4)]

    assert "was not in splits for MSFT on 9999-01-04" in message_of(
        InvalidSplit, splits=SPLITS | {"effective_date": far}
    )
    assert "were not in dividends for AAPL on 2012-11-23" in message_of(
        InvalidDividend, dividends=DIVIDENDS | {"pay_date": far}
    )


@pytest.mark.parametrize("ratio", [0.0, -2.0, float("nan"), float("inf"), None])
def test_a_split_without_a_positive_ratio_is_an_error(ratio):
    table = SPLITS | {"ratio": pl.Series([ratio], dtype=pl.Float64)}

    assert (
        f"ratio must be finite and above zero: was {ratio!r} in splits for MSFT on 2012-11-24"
        in message_of(InvalidSplit, splits=table)
    )


@pytest.mark.parametrize("amount", [-0.01, float("nan"), float("inf"), None])
def test_a_dividend_without_an_amount_is_an_error(amount):
    table = DIVIDENDS | {"amount": pl.Series([amount], dtype=pl.Float64)}

    message = message_of(InvalidDividend, dividends=table)

    assert (
        f"amount must be finite and not negative: was {amount!r} in dividends for AAPL on "
        "2012-11-23" in message
    )


def test_a_row_that_is_there_twice_is_an_error():
    splits = {name: value * 2 for name, value in SPLITS.items()} | {"ratio": [0.5, 0.25]}
    dividends = {name: value * 2 for name, value in DIVIDENDS.items()}

    assert "was twice in splits for MSFT on 2012-11-24" in message_of(InvalidSplit, splits=splits)
    assert "was twice in dividends for AAPL on 2012-11-23" in message_of(
        InvalidDividend, dividends=dividends
    )


@pytest.mark.parametrize(("name", "table"), [("splits", SPLITS), ("dividends", DIVIDENDS)])
def test_a_split_or_dividend_of_an_unknown_asset_is_an_error_that_suggests_one(name, table):
    message = message_of(UnknownSymbol, **{name: table | {"symbol": ["MSTF"]}})

    assert (
        message
        == f"symbol must be an asset of the data: was 'MSTF' in {name}; did you mean 'MSFT'?"
    )


@pytest.mark.parametrize(("name", "table"), [("splits", SPLITS), ("dividends", DIVIDENDS)])
def test_a_split_or_dividend_without_a_column_or_a_date_is_an_error(name, table):
    time = "effective_date" if name == "splits" else "ex_date"

    assert f"{name} must have a column '{time}'" in message_of(
        MissingColumn, **{name: {k: v for k, v in table.items() if k != time}}
    )
    assert f"column '{time}' of {name} must not be null" in message_of(
        MissingValue, **{name: table | {time: [None]}}
    )
