"""Slippage and commission models of one's own: what fills an order at once is booked a
shorter way, and leaves what the long way leaves.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.finance import commission, slippage
from tests.core.record_facts import record_facts

DAYS = 50


class Half(slippage.SlippageModel):
    """Fills small orders at once and large ones by halves, at a worse price."""

    def process_order(self, data: Any, order: Any) -> tuple[Any, Any]:
        left = order.open_amount
        part = left if abs(left) < 60 else int(left / 2)
        return data.current(order.asset, "close") * (1.001 if left > 0 else 0.999), part


class Fee(commission.CommissionModel):
    """A fee, and a part of the money traded."""

    def calculate(self, order: Any, transaction: Any) -> Any:
        return 0.35 + abs(transaction.amount) * transaction.price * 0.0003


class Dice(rbt.TradingAlgorithm):
    """Market, limit and stop orders of three assets."""

    seed = 0

    def initialize(self, context: Any) -> None:
        context.draw, context.assets = Random(self.seed), self.symbols("A", "B", "C")

    def handle_data(self, context: Any, data: Any) -> None:
        draw = context.draw
        for asset in context.assets:
            if draw.random() < 0.5 or not data.can_trade(asset):
                continue
            amount, price = draw.randint(-80, 99), float(data.current(asset, "close"))
            kind = draw.randrange(4)
            if kind < 2:
                self.order(asset, amount)
            elif kind == 2:
                self.order(asset, amount, limit_price=round(price * draw.uniform(0.98, 1.02), 2))
            else:
                self.order(asset, amount, stop_price=round(price * draw.uniform(0.98, 1.02), 2))


class DiceWithHook(Dice):
    """The same with a hook, for which each fill is booked the long way."""

    def on_order_fill(self, context: Any, order: Any, fill: Any) -> None:
        """Do nothing."""


def market(seed: int) -> pl.DataFrame:
    draw, rows = Random(seed), []
    for symbol in "ABC":
        price = 40.0
        for day in range(DAYS):
            price = round(price * (1 + draw.gauss(0, 0.02)), 2)
            rows.append((date(2020, 1, 6) + timedelta(day), symbol, *[price] * 4, 1e6))
    names = ["date", "symbol", "open", "high", "low", "close", "volume"]
    return pl.DataFrame(rows, schema=names, orient="row")


@pytest.mark.parametrize("frames", ["polars", "pandas"])
@pytest.mark.parametrize("models", ["slippage", "commission", "both"])
@pytest.mark.parametrize("seed", range(3))
def test_fills_of_own_models_leave_the_same_whichever_way_they_are_booked(
    seed: int, models: str, frames: str
) -> None:
    costs = {
        "slippage": slippage.NoSlippage() if models == "commission" else Half(),
        "commission": commission.PerShare() if models == "slippage" else Fee(),
    }

    short, long = (
        record_facts(
            rbt.backtest(
                strategy,
                market(seed),
                params={"seed": seed},
                calendar="24/7",
                frames=frames,
                progress=False,
                **costs,
            )
        )
        for strategy in (Dice, DiceWithHook)
    )

    assert len(long["fills"]) > 20
    assert short == long
