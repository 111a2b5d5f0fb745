"""What other libraries take, and money as people write it."""

from __future__ import annotations

from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.model.number import Number
from rbtlive.research import to_pyfolio, to_quantstats
from tests.builders import daily_frame
from tests.research import builders


class Turns(builders.Turns):
    """The same, with much more that is long."""

    amounts = (1400, -30, 0)


@pytest.fixture(scope="module")
def result():
    return rbt.backtest(Turns, daily_frame(40), benchmark="BBB")


def test_quantstats_gets_daily_returns_without_a_time_zone(result):
    returns, benchmark = to_quantstats(result)

    assert returns.index.tz is None
    assert returns.tolist() == result.performance["returns"].to_list()
    assert benchmark.name == "BBB"
    assert len(benchmark) == 40


def test_pyfolio_gets_positions_that_add_up_to_the_value(result):
    returns, positions, transactions = to_pyfolio(result)

    assert str(returns.index.tz) == "UTC"
    assert positions.columns.to_list() == ["AAA", "cash"]
    assert positions.sum(axis=1).tolist() == pytest.approx(
        result.performance["portfolio_value"].to_list()
    )
    assert transactions.columns.to_list() == ["amount", "price", "symbol"]
    assert transactions["amount"].sum() == pytest.approx(float(result.fills["amount"].sum()))


@pytest.mark.parametrize(
    ("digits", "shown", "text"),
    [
        ("83313.000000000000", "83,313.00", "83313.00"),
        ("168", "168", "168"),
        ("404.2907540947954191", "404.290754", "404.2907540947954191"),
        ("0.00001234567", "0.00001234567", "0.00001234567"),
        ("98.3", "98.30", "98.3"),
        ("-1234567.5000", "-1,234,567.50", "-1234567.50"),
        ("NaN", "NaN", "NaN"),
    ],
)
def test_numbers_are_shown_as_people_write_them(digits, shown, text):
    number = Number(digits)

    assert repr(number) == shown
    assert str(number) == text == f"{number}"
    assert digits == "NaN" or Decimal(str(number)) == Decimal(digits)


def test_frames_show_money_without_the_zeros_and_keep_its_digits(result):
    for shown in (str(result.fills), result.fills._repr_html_()):
        assert "000000000" not in shown
    assert result.fills["price"].dtype.scale == 12


def test_the_portfolio_shows_money_as_people_write_it(result):
    shown = repr(result.context.portfolio)

    assert "Decimal(" not in shown
    assert f"cash={result.context.portfolio.cash:,.2f}"[:8] in shown
