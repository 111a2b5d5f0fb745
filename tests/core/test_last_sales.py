"""Prices belong to the marks: a position knows its amount and cost, and no price."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from rbtlive.core.state.last_sales import LastSales
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.model.asset import Equity

LIFE = (date(2020, 1, 2), date(2020, 6, 30), date(2020, 7, 1))
AAA, BBB = Equity(0, "AAA", *LIFE, index=0), Equity(1, "BBB", *LIFE, index=1)
NOON = datetime(2020, 1, 2, 17, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def books() -> Portfolio:
    return Portfolio(Decimal(10_000))


def buy(books, what, amount, price, dt=NOON):
    books.book_transaction(what, Decimal(amount), price=Decimal(price), dt=dt)


def test_a_fill_moves_the_price_only_if_it_is_newer(books):
    buy(books, AAA, 10, 5)

    buy(books, AAA, 10, 7, NOON)
    assert books.marks.of(AAA).price == 5

    buy(books, AAA, 10, 8, LATER)
    assert (books.marks.of(AAA).price, books.marks.of(AAA).dt) == (8, LATER)


def test_an_unknown_price_leaves_the_last_one(books):
    buy(books, AAA, 10, 5)
    buy(books, BBB, -2, 50)

    books.marks.set_prices([Decimal(6), None], LATER)

    assert [price for _, price in books.priced()] == [6, 50]
    assert books.marks.of(BBB).dt == NOON
    assert books.positions_value == 60 - 100


def test_a_price_for_every_position_is_asked_for(books):
    buy(books, AAA, 10, 5)

    with pytest.raises(ValueError, match="zip"):
        books.marks.set_prices([], LATER)


def test_a_price_goes_with_its_position(books):
    buy(books, AAA, 10, 5)
    buy(books, BBB, 1, 50)

    buy(books, AAA, -10, 9, LATER)

    assert books.marks.of(AAA).price.is_nan()
    assert books.marks.of(AAA).dt is None
    assert list(books.marks.by_asset) == list(books.positions) == [BBB]


def test_a_split_that_leaves_nothing_takes_the_price_along(books):
    buy(books, AAA, 1, 5)

    books.apply_split(AAA, Decimal(4))

    assert not books.positions
    assert not books.marks.by_asset


def test_values_follow_prices_and_amounts(books):
    assert books.portfolio_value == 10_000
    buy(books, AAA, 10, 5)
    assert books.portfolio_value == 10_000

    books.marks.set_prices([Decimal(6)], LATER)
    assert books.portfolio_value == 10_010

    books.marks.apply_split(AAA, Decimal("0.5"))
    assert books.positions_value == 30

    buy(books, AAA, -20, 3, LATER)
    assert (books.positions_value, books.leverage()) == (-30, (30 / 9_980, -30 / 9_980))


def test_marks_of_nothing_are_empty():
    marks = LastSales()

    marks.drop(AAA)
    marks.apply_split(AAA, Decimal(2))

    assert (marks.prices(), marks.by_asset) == ([], {})
