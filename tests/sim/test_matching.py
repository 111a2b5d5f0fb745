"""The simulated venue decides price, amount and cost of executions, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from rbtlive.sim.matching import SimVenue, fill_event

NOW = datetime(2017, 1, 4, 21, tzinfo=UTC)


@dataclass(frozen=True)
class Stock:
    symbol: str
    index: int = 0


ONE, TWO = Stock("ONE"), Stock("TWO")


@dataclass
class Resting:
    id: str
    asset: Stock
    amount: Decimal
    limit: Decimal | None = None
    stop: Decimal | None = None
    executions: int = 0


class Prices:
    """A slippage model that fills what it is given, at the price it is given."""

    def __init__(self, *fills):
        self.fills, self.asked = fills, []

    def simulate(self, data, asset, orders_for_asset):
        self.asked.append((asset, [view.raw.id for view in orders_for_asset]))
        for order_id, price, amount in self.fills:
            for view in orders_for_asset:
                if view.raw.id == order_id:
                    yield view, price, amount


def venue(slippage, cost=0, *, cap=True):
    return SimVenue(
        slippage,
        SimpleNamespace(calculate=lambda order, transaction: cost),
        cap_limit_price=cap,
        order_view=lambda order: SimpleNamespace(raw=order),
        transaction_view=lambda order, **facts: SimpleNamespace(order=order, **facts),
    )


def matched(sim, *orders):
    book, fills = {}, []
    for order in orders:
        book.setdefault(order.asset, []).append(order)
    sim.match(book, data=None, now=NOW, emit=lambda *fill: fills.append(fill_event(*fill, now=NOW)))
    return fills


def test_assets_and_orders_are_tried_in_the_order_of_the_book():
    slippage = Prices(("1", 10, 1), ("2", 20, 2), ("3", 30, 3))

    fills = matched(
        venue(slippage),
        Resting("2", TWO, Decimal(2)),
        Resting("1", ONE, Decimal(1)),
        Resting("3", TWO, Decimal(3)),
    )

    assert slippage.asked == [(TWO, ["2", "3"]), (ONE, ["1"])]
    assert [(f.order_id, f.price, f.amount, f.timestamp) for f in fills] == [
        ("2", 20, 2, NOW),
        ("3", 30, 3, NOW),
        ("1", 10, 1, NOW),
    ]


@pytest.mark.parametrize(
    ("amount", "limit", "price", "paid", "uncapped"),
    [
        (5, "10", 10.5, "10", "10.5"),
        (5, "10", 9.5, "9.5", "9.5"),
        (-5, "10", 9.5, "10", "9.5"),
        (-5, "10", 10.5, "10.5", "10.5"),
    ],
)
def test_a_limit_order_never_fills_worse_than_its_limit(amount, limit, price, paid, uncapped):
    order = Resting("1", ONE, Decimal(amount), Decimal(limit))

    capped = matched(venue(Prices(("1", price, amount))), order)
    quirky = matched(venue(Prices(("1", price, amount)), cap=False), order)

    assert [fill.price for fill in capped] == [Decimal(paid)]
    assert [fill.price for fill in quirky] == [Decimal(uncapped)]


def test_executions_are_numbered_within_their_order():
    order = Resting("4", ONE, Decimal(10), executions=2)
    fills = []
    sim = venue(Prices(("4", 10, 1), ("4", 10, 2)))

    def emit(*fill):
        fills.append(fill_event(*fill, now=NOW))
        order.executions += 1

    sim.match({ONE: [order]}, data=None, now=NOW, emit=emit)

    assert [fill.execution_id for fill in fills] == ["4-3", "4-4"]


@pytest.mark.parametrize(("cost", "charged"), [(0.1, "0.1"), (Decimal("1.5"), "1.5"), (-3, "-3")])
def test_a_commission_is_exact(cost, charged):
    fills = matched(venue(Prices(("1", 10, 1)), cost), Resting("1", ONE, Decimal(1)))

    assert [fill.commission for fill in fills] == [Decimal(charged)]


def test_prices_are_exact_to_twelve_decimals():
    fills = matched(venue(Prices(("1", 10 / 3, 1))), Resting("1", ONE, Decimal(1)))

    assert fills[0].price == Decimal("3.333333333333")


@pytest.mark.parametrize(("price", "amount"), [(-1, 1), (10, float("nan"))])
def test_a_model_that_fills_nonsense_is_named(price, amount):
    with pytest.raises(ValueError, match="order 1"):
        matched(venue(Prices(("1", price, amount))), Resting("1", ONE, Decimal(1)))
