"""Execution styles put their prices on the tick in the customer's favour and refuse
impossible ones.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.errors import BadOrderParameters
from rbtlive.finance.execution import (
    ExecutionStyle,
    LimitOrder,
    MarketOrder,
    StopLimitOrder,
    StopOrder,
    asymmetric_round_price,
)
from rbtlive.model.number import Number
from tests.finance.builders import an_asset

DOWN, UP = True, False


@pytest.mark.parametrize(
    ("price", "down", "tick", "expected"),
    [
        (25.0094, DOWN, 0.01, 25.00),
        (25.0095, DOWN, 0.01, 25.01),
        (25.0195, DOWN, 0.01, 25.02),
        (75.0004, UP, 0.01, 75.00),
        (75.0005, UP, 0.01, 75.00),
        (75.0006, UP, 0.01, 75.01),
        (75.0094, UP, 0.01, 75.01),
        (75.0106, UP, 0.01, 75.02),
        (0.0004, DOWN, 0.01, 0.0),
        (0.0, UP, 0.01, 0.0),
        (0.57, DOWN, 0.01, 0.57),
        (0.57, UP, 0.01, 0.57),
        (10.24, DOWN, 0.25, 10.25),
        (10.23, DOWN, 0.25, 10.0),
        (10.02, UP, 0.25, 10.25),
        (7.99, DOWN, 1, 8.0),
        (7.89, DOWN, 1, 7.0),
        (0.12345678, DOWN, Decimal("0.00000001"), 0.12345678),
    ],
)
def test_a_price_off_the_tick_moves_in_the_customers_favour(price, down, tick, expected) -> None:
    assert asymmetric_round_price(price, down, tick) == expected


@given(cents=st.integers(0, 10**8), down=st.booleans())
def test_a_price_on_the_tick_stays_the_float_it_was(cents, down) -> None:
    price = float(Decimal(cents) / 100)

    assert repr(asymmetric_round_price(price, down, Decimal("0.01"))) == repr(price)


@given(price=st.floats(0.01, 10**5), down=st.booleans())
def test_a_price_moves_by_less_than_a_tick_and_hardly_against_the_customer(price, down) -> None:
    moved = asymmetric_round_price(price, down, 0.01) - price
    gain = -moved if down else moved

    assert -0.0005 - 1e-9 <= gain < 0.0095 + 1e-9


@pytest.mark.parametrize(
    ("style", "buy", "sale"),
    [
        (MarketOrder(), (None, None), (None, None)),
        (LimitOrder(25.0051), (25.00, None), (25.01, None)),
        (StopOrder(25.0051), (None, 25.01), (None, 25.00)),
        (StopLimitOrder(25.0051, 30.0051), (25.00, 30.01), (25.01, 30.00)),
        (LimitOrder(0), (0.0, None), (0.0, None)),
        (LimitOrder(Number("25.0051")), (25.00, None), (25.01, None)),
        (LimitOrder(np.float32(25.5)), (25.5, None), (25.5, None)),
    ],
    ids=repr,
)
def test_buys_and_sales_are_rounded_to_opposite_sides(style, buy, sale) -> None:
    assert (style.get_limit_price(True), style.get_stop_price(True)) == buy
    assert (style.get_limit_price(False), style.get_stop_price(False)) == sale


def test_the_tick_is_that_of_the_asset() -> None:
    fine = an_asset(tick_size="0.0001")

    assert LimitOrder(1.23456, asset=fine).get_limit_price(True) == 1.2345
    assert LimitOrder(1.23456).for_asset(fine).get_limit_price(True) == 1.2345
    assert LimitOrder(1.23456).get_limit_price(True) == 1.23


@pytest.mark.parametrize(
    ("cents", "zipline_has"), [(57, 0.5700000000000001), (5021, 50.21), (8035, 80.35000000000001)]
)
def test_binary_ticks_give_ziplines_floats_bit_for_bit(cents, zipline_has) -> None:
    style = StopLimitOrder(cents / 100, cents / 100).for_asset(an_asset(), binary_ticks=True)

    assert (
        style.get_limit_price(True)
        == style.get_stop_price(False)
        == zipline_has
        == cents * 10 * 0.001
    )


def test_a_style_made_for_an_asset_keeps_it_and_the_template_stays_as_it_was() -> None:
    fine, coarse = an_asset(tick_size="0.0001"), an_asset(tick_size="1")
    template = LimitOrder(1.5)

    assert LimitOrder(1.5, asset=fine).for_asset(coarse).asset is fine
    assert template.for_asset(coarse).asset is coarse
    assert template.asset is None


@pytest.mark.parametrize(
    "wrong", [math.nan, math.inf, -math.inf, -0.01, "10", None, True, [1], Decimal("NaN")]
)
def test_an_impossible_price_is_refused_by_name(wrong) -> None:
    asset = an_asset("AAPL")

    with pytest.raises(
        BadOrderParameters,
        match=r"limit_price must be finite and not negative: was .* for AAPL; pass",
    ):
        LimitOrder(wrong, asset=asset)
    with pytest.raises(
        BadOrderParameters, match="stop_price must be finite and not negative: was "
    ):
        StopOrder(wrong)
    with pytest.raises(BadOrderParameters, match="limit_price"):
        StopLimitOrder(wrong, 10)
    with pytest.raises(BadOrderParameters, match="stop_price"):
        StopLimitOrder(10, wrong)


def test_styles_show_their_prices_and_keep_their_exchange() -> None:
    assert repr(StopLimitOrder(10, 11)) == "StopLimitOrder(limit_price=10, stop_price=11)"
    assert repr(MarketOrder()) == "MarketOrder()"
    assert MarketOrder("NYSE").exchange == LimitOrder(1, exchange="NYSE").exchange == "NYSE"


def test_a_style_without_prices_of_its_own_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="get_limit_price"):
        ExecutionStyle()
