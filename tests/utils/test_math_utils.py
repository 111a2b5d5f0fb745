"""zipline's numeric helpers, as strategies call them."""

import math

import pytest

from rbtlive.api import math_utils


def test_numbers_are_equal_within_either_tolerance() -> None:
    assert math_utils.tolerant_equals(1.0, 1.0 + 9e-7)
    assert not math_utils.tolerant_equals(1.0, 1.0 + 3e-6)
    assert math_utils.tolerant_equals(1e9, 1e9 + 500)
    assert not math_utils.tolerant_equals(math.nan, math.nan)
    assert math_utils.tolerant_equals(math.nan, math.nan, equal_nan=True)


def test_only_what_is_near_an_integer_is_rounded() -> None:
    assert math_utils.round_if_near_integer(7.99995) == 8
    assert math_utils.round_if_near_integer(7.9) == 7.9


def test_decimal_places_are_those_of_the_shortest_text() -> None:
    assert [math_utils.number_of_decimal_places(n) for n in (1, 3.14, "3.140")] == [0, 2, 3]
    with pytest.raises(ValueError, match="finite"):
        math_utils.number_of_decimal_places(math.inf)


def test_sums_pass_over_missing_values() -> None:
    assert math_utils.nansum([1.0, math.nan, 2.0]) == 3.0


def test_every_name_is_listed_and_what_is_not_is_an_error() -> None:
    assert dir(math_utils) == math_utils.__all__ == sorted(math_utils.__all__)
    assert all(callable(getattr(math_utils, name)) for name in math_utils.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nanprod'"):
        math_utils.nanprod  # noqa: B018
