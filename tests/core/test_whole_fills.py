"""Many fills of one bar are booked in columns, and read as if each had been booked."""

from __future__ import annotations

import pickle
from contextlib import suppress
from datetime import date
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.core.state.position import Position
from rbtlive.core.state.touched_orders import TouchedOrders
from rbtlive.core.state.whole_fills import CostLog
from rbtlive.errors import BadOrderParameters
from rbtlive.finance.commission import PerDollar
from rbtlive.finance.many_orders import PRICES as PRICES_OF
from rbtlive.finance.slippage import FixedBasisPointsSlippage, VolumeShareSlippage
from rbtlive.model.money_units import (
    DECIMALS,
    floats_of,
    money_of_units,
    rounded_part,
    sum_of_units,
    units_of,
    units_of_money,
)
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, to_money

DAYS = [date(2020, 1, day) for day in range(1, 13)]
NAMES = [f"S{n:02d}" for n in range(40)]
PRICES = st.one_of(
    st.floats(-8.9e6, 8.9e6),
    st.floats(0, 1e-6),
    st.integers(-(10**8), 10**8).map(lambda cents: cents / 100),
    st.floats(1, 600).map(lambda price: price * 1.0005),
)


@given(st.lists(PRICES, min_size=1))
def test_units_of_floats_are_the_money_that_each_float_is(values: list[float]) -> None:
    units = units_of(np.array(values))

    assert units is not None
    back = [money_of_units(amount) for amount in units.tolist()]
    assert list(map(str, back)) == [str(to_money(value)) for value in values]
    assert [units_of_money(money) for money in back] == units.tolist()


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 1e7])
def test_floats_that_do_not_fit_have_no_units(odd: float) -> None:
    assert units_of(np.array([1.0, odd])) is None


@given(st.lists(st.integers(-(1 << 53) + 1, (1 << 53) - 1), min_size=1))
def test_floats_of_units_are_those_next_to_the_money(amounts: list[int]) -> None:
    found = floats_of(np.array(amounts))

    assert found is not None
    assert found.tolist() == [float(money_of_units(amount)) for amount in amounts]


@given(st.lists(st.integers(-(10**16), 10**16), min_size=1))
def test_a_sum_of_units_is_written_as_the_sum_of_money(amounts: list[int]) -> None:
    total = ZERO
    for amount in amounts:
        total = ENGINE_CONTEXT.add(total, money_of_units(amount))

    assert str(sum_of_units(amounts)) == str(total)


@given(
    st.integers(-(10**19), 10**19),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.sampled_from([1, -1]),
)
def test_a_part_is_rounded_as_money_is(total: int, part: int, more: int, sign: int) -> None:
    whole = sign * (part + more)
    found = rounded_part(total, sign * part, whole)

    quotient = ENGINE_CONTEXT.divide(Decimal(sign * part), Decimal(whole))
    exact = to_money(ENGINE_CONTEXT.multiply(money_of_units(total), quotient))
    if found is None:
        assert 2 * (total * part % abs(whole)) == abs(whole)
    else:
        assert found == units_of_money(exact)
    assert DECIMALS == 12


def test_an_order_of_a_range_stands_by_itself_when_it_changes() -> None:
    touched = TouchedOrders()
    touched.note_range(range(1, 9))
    touched.single_out("2")
    touched.put_last("5", None)

    assert list(touched) == ["1", "2", range(3, 5), range(6, 9), "5"]


def test_orders_of_a_range_are_named_when_one_is_asked_for() -> None:
    touched = TouchedOrders()
    touched.note_range(range(3, 6))
    touched.note_range(range(9, 10))

    assert list(touched) == [range(3, 6), "9"]
    touched.forget("4")
    touched["4"] = None

    assert list(touched) == ["3", "5", "9", "4"]
    touched.note_range(range(5, 10))
    assert list(touched) == ["3", "4", range(5, 10)]


def bars() -> rbt.PolarsDataPortal:
    draw = Random(2)
    rows = [
        (day, name, *[round(draw.uniform(20, 60), 2)] * 4, 1e6) for day in DAYS for name in NAMES
    ]
    schema = ["date", "symbol", "open", "high", "low", "close", "volume"]
    return rbt.PolarsDataPortal(pl.DataFrame(rows, schema=schema, orient="row"), calendar="24/7")


class Rebalance(rbt.TradingAlgorithm):
    """New weights for all each day; what it sees of positions it notes or not."""

    looks = False

    def initialize(self, context: Any) -> None:
        context.assets = [self.symbol(name) for name in NAMES]
        context.draw, context.seen = Random(5), []

    def handle_data(self, context: Any, _data: Any) -> None:
        weights = {a: context.draw.uniform(-0.02, 0.03) for a in context.assets}
        ids = self.order_target_percents(weights)
        if self.looks:
            held = context.portfolio.positions.items()
            context.seen.append([(a.symbol, str(p.amount), str(p.cost_basis)) for a, p in held])
            context.seen.append(str(self.get_order(ids[context.assets[3]])))


def run(**params: Any) -> rbt.BacktestResult:
    return rbt.backtest(
        Rebalance,
        bars(),
        params=params,
        commission=PerDollar(0.001),
        slippage=FixedBasisPointsSlippage(),
        progress=False,
    )


def test_looking_at_positions_and_orders_changes_nothing() -> None:
    quiet, looking = run(), run(looks=True)

    assert quiet.performance.equals(looking.performance)
    assert quiet.orders.equals(looking.orders)
    assert quiet.transactions.equals(looking.transactions)
    assert quiet.positions.equals(looking.positions)
    seen = {symbol: (amount, basis) for symbol, amount, basis in looking.context.seen[-2]}
    last = list(looking.record.sessions[-1].positions)
    assert seen == {row.symbol: (str(row.amount), str(row.cost_basis)) for row in last}


def test_positions_are_read_in_any_order_and_after_pickling() -> None:
    result = run()
    rows = result.record.sessions
    backwards = [str(list(row.positions)) for row in reversed(list(rows))]
    again = pickle.loads(pickle.dumps(result)).record.sessions

    assert backwards[::-1] == [str(list(row.positions)) for row in rows]
    assert [list(row.positions) for row in again] == [list(row.positions) for row in rows]
    held = result.context.portfolio.positions.values()
    with localcontext(ENGINE_CONTEXT):
        at_the_end = [str(position.cost_basis) for position in held]
    assert at_the_end == [str(row.cost_basis) for row in rows[-1].positions]


def test_a_position_has_its_numbers_and_no_others() -> None:
    asset = bars().assets[0]
    position = Position(asset, Decimal(3), Decimal(30), Decimal(33))
    twin = pickle.loads(pickle.dumps(position))

    assert (twin.amount, twin.fill_cost, twin.cost_basis) == (3, 30, 11)
    with pytest.raises(AttributeError, match="'Position' object has no attribute 'price'"):
        _ = position.price  # type: ignore[attr-defined]


class Catching(Rebalance):
    """Goes on where a target is refused."""

    def handle_data(self, context: Any, _data: Any) -> None:
        first, second = context.assets[:2]
        with suppress(BadOrderParameters):
            self.order_target_percents({first: 0.5, second: float("nan")})


class CatchingAndTold(Catching):
    """Its orders are placed one by one."""

    def on_order_fill(self, context: Any, order: Any, transaction: Any) -> None:
        """Do nothing."""


def test_targets_before_one_that_is_refused_stand_in_columns_too() -> None:
    told, quiet = (rbt.backtest(one, bars()) for one in (CatchingAndTold, Catching))

    assert quiet.transactions.height > 1
    assert quiet.transactions.equals(told.transactions)


def test_a_bar_without_volume_fills_nothing_whatever_the_limit() -> None:
    model = VolumeShareSlippage(volume_limit=1e200)

    prices = PRICES_OF[VolumeShareSlippage](
        model, np.array([5.0, 5.0]), np.array([10.0, 10.0]), np.array([1e-300, 100.0])
    )

    assert np.isnan(prices[0])
    assert prices[1] == 10 + 0.05**2 * 0.1 * 10


def test_old_moments_of_a_log_that_is_read_often_are_dropped() -> None:
    log = CostLog({0: 1}, {0: Decimal(10)})
    for number in range(64 * 200):
        log.note((0, Decimal(number % 7)))
    after = [log.costs_after(count)[0] for count in range(0, len(log), 999)]

    assert [log.costs_after(count)[0] for count in reversed(range(0, len(log), 999))] == after[::-1]
    assert len(log._kept) <= 64
