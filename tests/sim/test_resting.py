"""A bar that is said to touch nothing must change nothing."""

import copy
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rbtlive.core.state.order import Order
from rbtlive.model.asset import Equity
from rbtlive.sim.resting import RestingBounds

NOW = datetime(2020, 1, 2, 21, tzinfo=UTC)
ASSET = Equity(1, "A", date(2020, 1, 1), date(2021, 1, 1), date(2021, 1, 2))

cents = st.integers(1, 400).map(lambda n: Decimal(n) / 100)
prices = st.none() | cents


@st.composite
def resting_orders(draw: st.DrawFn) -> list[Order]:
    orders = []
    for number in range(draw(st.integers(1, 6))):
        amount = Decimal(draw(st.sampled_from([-5, 5])))
        limit, stop = draw(prices), draw(prices)
        orders.append(Order(str(number), ASSET, amount, NOW, NOW, limit, stop))
    return orders


def picture(orders: list[Order]) -> list[tuple[object, ...]]:
    return [(o.stop, o.limit, o.stop_reached, o.limit_reached, o.dt, o.triggered) for o in orders]


@given(resting_orders(), st.lists(cents, min_size=1, max_size=8))
def test_a_skipped_bar_would_have_changed_no_order_and_filled_none(
    orders: list[Order], closes: list[Decimal]
) -> None:
    bounds = RestingBounds()

    for close in closes:
        touched = bounds.may_touch(ASSET, orders, version=1, close=float(close))
        tried = [copy.copy(order) for order in orders]
        for order in tried:
            order.check_triggers(close, datetime(2021, 1, 1, tzinfo=UTC))

        if not touched:
            assert picture(tried) == picture(orders)
            assert not any(order.triggered for order in tried)
        orders = tried
        if touched:
            bounds.forget(ASSET)


def test_an_order_that_can_fill_on_any_bar_is_never_skipped() -> None:
    bounds = RestingBounds()
    market = Order("1", ASSET, Decimal(5), NOW, NOW)

    assert bounds.may_touch(ASSET, [market], version=1, close=1.0)
    assert not bounds.may_touch(ASSET, [market], version=1, close=float("nan"))


def test_bounds_follow_the_book() -> None:
    bounds = RestingBounds()
    low = Order("1", ASSET, Decimal(5), NOW, NOW, Decimal(1))
    high = Order("2", ASSET, Decimal(5), NOW, NOW, Decimal(3))

    assert not bounds.may_touch(ASSET, [low], version=1, close=2.0)
    assert bounds.may_touch(ASSET, [low, high], version=2, close=2.0)
