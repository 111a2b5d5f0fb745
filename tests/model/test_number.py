"""Numbers of strategies stay decimal whatever they meet."""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import inf, isfinite, nan
from operator import ge, gt, le, lt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.model.number import Number, to_money

PRICE = Number("10.25")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (np.float64(3.0) > PRICE, False),
        (np.float64(3.0) < PRICE, True),
        (np.float64(10.25) == PRICE, True),
        (np.float64(10.25) != PRICE, False),
        (np.int64(11) >= PRICE, True),
        (np.float32(10.25) <= PRICE, True),
        (np.float64("nan") > PRICE, False),
        (np.float64("nan") == PRICE, False),
        (np.float64(1.0) < Number("NaN"), False),
    ],
)
def test_a_numpy_scalar_on_the_left_compares_as_one_on_the_right(answer, expected):
    """A close of a window is such a scalar: `window[-1, 0] > price` is what strategies
    write.
    """
    assert bool(answer) is expected


def test_the_least_of_numbers_of_several_kinds_is_found():
    """The built-in functions put either side first."""
    assert min(PRICE, np.float64(2.0)) == 2
    assert max(np.float64(2.0), PRICE) == PRICE


@pytest.mark.parametrize(
    ("rounded", "expected"),
    [
        (round(PRICE, 1), "10.2"),
        (round(Number("10.123"), np.int64(2)), "10.12"),
        (PRICE.quantize(Decimal("0.1")), "10.2"),
        (np.round(PRICE, 1), "10.2"),
        (np.round(PRICE), "10"),
    ],
)
def test_what_is_rounded_goes_on_in_arithmetic_with_floats(rounded, expected):
    """A limit price is often a rounded one, moved a little."""
    assert rounded == Decimal(expected)
    assert rounded * 0.5 == Decimal(expected) / 2
    assert type(rounded * 0.5) is Number


def test_rounding_without_digits_gives_an_int():
    """As with every number of Python."""
    assert round(PRICE) == 10
    assert type(round(PRICE)) is int


def test_quotient_and_remainder_stay_decimal():
    """Whole lots and what is left over."""
    lots, rest = divmod(Number(105), 10.0)

    assert (lots, rest) == (10, 5)
    assert divmod(105.0, Number(10)) == (10, 5)
    assert type(rest * 0.5) is Number


def test_money_of_a_float_is_exact_in_a_small_decimal_context_and_after_it():
    with localcontext(prec=3):
        there = to_money(8123.456789)

    assert there == to_money(8123.456789) == Decimal("8123.456789")


@pytest.mark.parametrize("number", [0.1, 1 / 3, 1e-7, 1e22, 5e-324, 12345.678, -2.5])
def test_a_float_is_its_shortest_decimal_text_the_first_time_and_each_time_after(number):
    price, exact = Number("10.25"), Decimal(repr(number))
    for _ in range(2):
        assert price * number == price * exact
        assert number + price == price + exact
        assert (price < number) is (Decimal("10.25") < exact)
        assert (price >= number) is (Decimal("10.25") >= exact)
        assert (price == number) is (Decimal("10.25") == exact)
    assert type(price * number) is type(number - price) is Number


def test_zeros_of_both_signs_and_missing_floats_are_told_apart():
    price, missing = Number("10.25"), float("nan")
    for zero, sign in ((0.0, False), (-0.0, True), (0.0, False)):
        assert (price * zero).is_signed() is sign
    for _ in range(2):
        assert (price + missing).is_nan()
        assert not price < missing
        assert not price >= missing
        assert float("-inf") < price < float("inf")


def test_more_floats_than_are_kept_stay_what_they_are():
    price = Number("10.25")
    for place in range(10_000):
        assert price + place / 7 == price + Decimal(repr(place / 7))


EDGES = [0.0, -0.0, 5e-324, 1.5e-310, 0.1, 0.3, 2 / 3, 1e22, 1.7976931348623157e308, inf, -inf]


@given(st.floats(allow_nan=False) | st.sampled_from(EDGES), st.integers(-2, 2), st.integers(-19, 0))
def test_numbers_and_floats_are_in_the_order_of_their_texts(near, steps, last_place):
    """Also where a float and the number next to it are one float apart, or none."""
    exact = Decimal(repr(near))
    if isfinite(near) and steps:
        with localcontext() as context:
            context.prec = 400
            exact += steps * Decimal(10) ** (exact.adjusted() + last_place)

    number = Number(exact)

    for order in (lt, le, gt, ge):
        assert order(number, near) is order(exact, Decimal(repr(near)))
        assert order(near, number) is order(Decimal(repr(near)), exact)


def test_a_missing_number_is_in_no_order_with_floats():
    for missing in (Number("NaN"), Number("sNaN")):
        for order in (lt, le, gt, ge):
            assert order(missing, 1.5) is False
            assert order(PRICE, nan) is False
