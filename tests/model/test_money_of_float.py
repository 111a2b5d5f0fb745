"""A float becomes money as its shortest decimal does, by whichever way."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rbtlive.model.number import ENGINE_CONTEXT, MONEY_QUANTUM, ZERO, money_of_float, to_money


@given(
    st.one_of(
        st.floats(-1e20, 1e20),
        st.floats(-1e4, 1e4),
        st.decimals(-10_000, 10_000, places=4).map(float),
        st.integers(-10_000, 10_000).map(float),
    )
)
@example(-0.0)
@example(50.0)
@example(1e-7)
@example(0.0503100000000004)
@example(123.4567890123445)
@example(1e16)
def test_money_of_a_float_is_its_text_rounded_to_twelve_decimals(value: float) -> None:
    rounded = ENGINE_CONTEXT.quantize(Decimal(repr(value)), MONEY_QUANTUM)
    exact = ENGINE_CONTEXT.add(ENGINE_CONTEXT.normalize(rounded), ZERO)

    assert str(money_of_float(value)) == str(to_money(value)) == str(exact)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_money_of_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        money_of_float(value)
