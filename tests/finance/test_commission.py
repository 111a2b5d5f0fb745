"""What each commission model adds for a fill; the figures are those of zipline-reloaded
3.2.1.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.errors import NotBuilt, RbtliveWarning
from rbtlive.finance.commission import (
    CommissionModel,
    EquityCommissionModel,
    FutureCommissionModel,
    NoCommission,
    PerContract,
    PerDollar,
    PerFutureTrade,
    PerShare,
    PerTrade,
)
from rbtlive.finance.financial_model import Future
from rbtlive.model.asset import Equity
from rbtlive.model.number import Number
from tests.finance.builders import AFill, AnOrder


def charges(model, *amounts, price=100.0):
    """Charge fills of one order in turn and return what each added."""
    order, added = AnOrder(sum(amounts)), []
    for amount in amounts:
        cost = model.calculate(order, AFill(amount, price))
        order.filled += amount
        order.commission += cost
        added.append(cost)
    return added


@pytest.mark.parametrize(
    ("model", "amounts", "expected"),
    [
        (NoCommission(), (10, 20), [0.0, 0.0]),
        (PerShare(), (10, 25), [0.01, 0.025]),
        (PerShare(0.01, 1), (30, 40, 50, 100), [1, 0, 0.20000000000000018, 1.0]),
        (PerShare(0.01, 1), (-130, -40), [1.3, 0.40000000000000013]),
        (PerShare(0.01, None), (30, 40), [0.3, 0.39999999999999997]),
        (PerTrade(5), (10, 20), [5.0, 0.0]),
        (PerTrade(), (10, 20), [0.0, 0.0]),
        (PerDollar(), (10, -20), [1.5, 3.0]),
    ],
    ids=repr,
)
def test_each_model_adds_what_zipline_adds(model, amounts, expected) -> None:
    assert charges(model, *amounts) == expected


def test_decimal_orders_and_fills_are_charged_like_floats() -> None:
    order = AnOrder(Number(50), filled=Number(30), commission=Number("0.3"))
    fill = AFill(Number(20), Number("33.33"))

    assert PerShare(0.01).calculate(order, fill) == pytest.approx(0.2, rel=1e-15)
    assert PerDollar(0.0015).calculate(order, fill) == 20 * (33.33 * 0.0015)
    assert PerTrade(5).calculate(order, fill) == 0


@given(
    cost=st.floats(0, 1),
    minimum=st.floats(0, 20),
    parts=st.lists(st.integers(1, 10**5), min_size=1, max_size=8),
    side=st.sampled_from([1, -1]),
)
def test_an_order_in_parts_pays_what_it_pays_in_one_piece_or_its_minimum(
    cost, minimum, parts, side
) -> None:
    total = sum(charges(PerShare(cost, minimum), *(side * part for part in parts)))

    assert total == pytest.approx(max(minimum, cost * sum(parts)), rel=1e-9, abs=1e-9)


def test_a_users_model_charges_what_it_says() -> None:
    class Stamp(CommissionModel):
        def calculate(self, order, transaction):
            return 0.5 if transaction.amount > 0 else 0.0

    assert charges(Stamp(), 10, 5) == [0.5, 0.5]


def test_a_model_without_calculate_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="calculate"):
        CommissionModel()


def test_models_serve_the_assets_of_their_marked_bases() -> None:
    class Both(EquityCommissionModel, FutureCommissionModel):
        pass

    assert PerTrade.allowed_asset_types == (Equity, Future)
    assert PerShare.allowed_asset_types == PerDollar.allowed_asset_types == (Equity,)
    assert PerContract.allowed_asset_types == (Future,)
    assert Both.allowed_asset_types == (Equity, Future)


@pytest.mark.parametrize("make", [lambda: PerContract(0.85, 1.0), lambda: PerFutureTrade(2.0)])
def test_models_of_futures_say_that_they_are_not_built(make) -> None:
    with pytest.raises(
        NotBuilt, match=r"futures are not built: Per.* was called; for equities use PerShare"
    ):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PerShare(math.nan), "cost of PerShare must be finite: was nan"),
        (
            lambda: PerShare(0.001, -math.inf),
            "min_trade_cost of PerShare must be finite: was -inf",
        ),
        (lambda: PerTrade(math.inf), "cost of PerTrade must be finite: was inf"),
        (lambda: PerDollar(math.nan), "cost of PerDollar must be finite: was nan"),
    ],
)
def test_an_impossible_cost_is_a_value_error_that_names_it(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PerShare(-0.01), "cost of PerShare is below zero.*absolute value.*was -0.01"),
        (lambda: PerShare(0.01, -1), "min_trade_cost of PerShare is below zero.*no minimum"),
        (lambda: PerTrade(-3), "cost of PerTrade is below zero.*nothing is charged.*was -3"),
        (lambda: PerDollar(-0.001), "cost of PerDollar is below zero.*nothing is charged"),
    ],
)
def test_a_cost_below_zero_is_warned_of(make, words) -> None:
    with pytest.warns(RbtliveWarning, match=words):
        make()


def test_a_cost_that_is_no_number_is_a_type_error_that_names_it() -> None:
    with pytest.raises(TypeError, match=r"cost of PerTrade must be a number: was '5' \(str\)"):
        PerTrade("5")


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (PerShare(), "PerShare(cost_per_share=0.001, min_trade_cost=0)"),
        (PerShare(1, 2), "PerShare(cost_per_share=1.0, min_trade_cost=2)"),
        (PerTrade(5), "PerTrade(cost_per_trade=5.0)"),
        (PerDollar(), "PerDollar(cost_per_dollar=0.0015)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_model_shows_its_parameters_as_ziplines_does(model, text) -> None:
    assert repr(model) == text
