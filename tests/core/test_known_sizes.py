"""Targets that are asked for again, and open orders that are looked at again, are
answered from what is known, and as the long way answers.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

import rbtlive as rbt
from rbtlive.core.actions import sizing
from rbtlive.finance.commission import PerDollar
from rbtlive.finance.slippage import NoSlippage, VolumeShareSlippage
from tests.benchmarks.counting import minute_bars

BARS = 400


class Targets(rbt.TradingAlgorithm):
    """Asks for a target at each bar, in one of three ways, and looks at its books."""

    way, seed = "order_target_percent", 1

    def initialize(self, context: Any) -> None:
        context.asset, context.bars, context.seen = self.symbol("A"), 0, []
        context.dice = random.Random(self.seed)

    def handle_data(self, context: Any, data: Any) -> None:
        context.bars += 1
        part = {0: 0, 1: 0.5, 2: 0.0, 3: -0.3, 4: 0.5}[context.bars // 20 % 5]
        target = {"order_target": int(part * 100), "order_target_value": part * 50_000}
        if context.dice.random() < 0.1:
            self.order(context.asset, context.dice.choice([-7, 3]))
        if context.dice.random() < 0.05:
            self.order(context.asset, 5, limit_price=90.0)
        if context.dice.random() < 0.05:
            for order in self.get_open_orders(context.asset):
                self.cancel_order(order)
        context.seen.append(getattr(self, self.way)(context.asset, target.get(self.way, part)))
        if context.dice.random() < 0.1:
            position = context.portfolio.positions[context.asset]
            context.seen.append((position.last_sale_price, position.last_sale_date))


def outcome(way: str, seed: int) -> tuple[Any, ...]:
    seen: list[Any] = []

    class Asked(Targets):
        def initialize(self, context: Any) -> None:
            super().initialize(context)
            context.seen = seen

    result = rbt.backtest(
        Asked,
        minute_bars(BARS),
        frequency="1m",
        calendar="24/7",
        params={"way": way, "seed": seed},
        commission=PerDollar(0.0001),
        slippage=NoSlippage(),
        progress=False,
    )
    return seen, result.orders.rows(), result.performance.rows(), list(map(str, result.hints))


@pytest.mark.parametrize("way", ["order_target", "order_target_value", "order_target_percent"])
def test_a_target_that_is_known_is_sized_as_the_long_way_sizes_it(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(4):
        short = outcome(way, seed)

        with monkeypatch.context() as patch:
            patch.setattr(sizing, "target_facts", lambda *_asked: None)
            long = outcome(way, seed)

        assert short == long
        assert short[1]


def run_five_minutes(handle_data: Any) -> None:
    rbt.backtest(
        {"__name__": "five_minutes", "handle_data": handle_data},
        minute_bars(5),
        frequency="1m",
        calendar="24/7",
        slippage=NoSlippage(),
        progress=False,
    )


def test_a_target_of_another_kind_of_number_is_sized_anew() -> None:
    seen = []

    def handle_data(context: Any, _data: Any) -> None:
        asset = context.symbol("A")
        seen.append(context.order_target(asset, 3))
        with pytest.raises(TypeError, match="target must be a number"):
            context.order_target(asset, "3")
        seen.append(context.order_target(asset, True + 2.0))

    run_five_minutes(handle_data)

    assert seen[:4] == ["1", None, None, None]
    assert set(seen[4:]) == {None}


class Looking(rbt.TradingAlgorithm):
    """Rests orders of all kinds, and compares what it is shown of them with each."""

    def initialize(self, context: Any) -> None:
        context.asset, context.dice, context.looks = self.symbol("A"), random.Random(3), 0

    def handle_data(self, context: Any, data: Any) -> None:
        dice, asset = context.dice, context.asset
        price = data.current(asset, "price")
        for _ in range(2):
            if dice.random() < 0.3:
                near = price * (1 + dice.gauss(0, 0.003))
                prices = dice.choice(
                    [
                        {"limit_price": near},
                        {"stop_price": near},
                        {"limit_price": price * 1.01, "stop_price": near},
                        {},
                    ]
                )
                self.order(asset, dice.choice([-30_000, 20_000, 5]), **prices, tag="some")
            self.compare(context)
        if dice.random() < 0.1:
            for order in self.get_open_orders(asset)[:2]:
                self.cancel_order(order)
            self.compare(context)

    def compare(self, context: Any) -> None:
        shown = self.get_open_orders(context.asset)
        assert [order.to_dict() for order in shown] == [
            self.get_order(order.id).to_dict() for order in shown
        ]
        assert all(order.open and order.tag == "some" for order in shown)
        context.looks += len(shown)
        assert len(shown) < 40 or not [self.cancel_order(order) for order in shown]


@pytest.mark.parametrize("slippage", [NoSlippage(), VolumeShareSlippage(0.02, 0.1)])
def test_open_orders_are_shown_as_each_is_shown(slippage: Any) -> None:
    template = Looking()

    result = rbt.backtest(
        template,
        minute_bars(1_440),
        frequency="1m",
        calendar="24/7",
        slippage=slippage,
        progress=False,
    )

    assert result.orders.height > BARS // 4


def test_what_is_done_to_the_picture_of_an_order_is_seen_in_no_other() -> None:
    reached = []

    def handle_data(context: Any, data: Any) -> None:
        asset = context.symbol("A")
        if not context.get_open_orders(asset):
            context.order(asset, 1, stop_price=500.0)
        (order,) = context.get_open_orders(asset)
        order.check_triggers(600.0, context.get_datetime())
        (again,) = context.get_open_orders(asset)
        reached.append((order.stop_reached, again.stop_reached))

    run_five_minutes(handle_data)

    assert set(reached) == {(True, False)}


def test_the_picture_of_an_order_that_is_first_read_later_shows_it_as_it_was() -> None:
    shown = []

    def handle_data(context: Any, data: Any) -> None:
        asset = context.symbol("A")
        if context.get_open_orders(asset):
            (before,) = context.get_open_orders(asset)
            context.cancel_order(before)
            after = context.get_order(before.id)
            shown.append((before.status.name, before.open, before.reason, after.status.name))
            with pytest.raises(AttributeError, match="'OrderPicture' object has no attribute"):
                _ = before.unheard_of
        context.order(asset, 1, limit_price=1.0)

    run_five_minutes(handle_data)

    assert set(shown) == {("PENDING", True, None, "CANCELED")}
