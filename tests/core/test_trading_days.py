"""Days with orders among quiet ones: runs over days leave what runs leave in which each
session is begun and ended by itself.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.finance.slippage import VolumeShareSlippage
from tests.core.record_facts import record_facts

DAYS = 60
FIRST = date(2020, 1, 6)


def market(seed: int) -> rbt.PolarsDataPortal:
    """Return days of three assets: one of all days, one that leaves the market, and one
    that comes, with gaps and thin days.
    """
    draw = Random(seed)
    rows = []
    for symbol, first, past in (("A", 0, DAYS), ("B", 0, DAYS // 2), ("C", 9, DAYS)):
        price = 50.0
        for day in range(first, past):
            price = round(price * (1 + draw.gauss(0, 0.02)), 2)
            if draw.random() < 0.06 and first < day < past - 1:
                continue
            volume = draw.choice((1e6, 1e6, 4_000.0, 0.0)) if day < past - 1 else 0.0
            when = FIRST + timedelta(days=day)
            rows.append((when, symbol, price, price + 0.5, price - 0.5, price, volume))
    names = ["date", "symbol", "open", "high", "low", "close", "volume"]
    dividends = {"symbol": "A", "ex_date": FIRST + timedelta(20), "pay_date": FIRST + timedelta(27)}
    return rbt.PolarsDataPortal(
        pl.DataFrame(rows, schema=names, orient="row"),
        calendar="24/7",
        splits=pl.DataFrame(
            {"symbol": ["C"], "effective_date": [FIRST + timedelta(40)], "ratio": [0.5]}
        ),
        dividends=pl.DataFrame({**{k: [v] for k, v in dividends.items()}, "amount": [0.3]}),
    )


class Dice(rbt.TradingAlgorithm):
    """Orders of many kinds, now and then."""

    seed = 0

    def initialize(self, context: Any) -> None:
        context.draw, context.seen = Random(self.seed), []
        context.assets = self.symbols("A", "B", "C")
        context.often = context.draw.choice((0.1, 0.3, 0.8))

    def handle_data(self, context: Any, data: Any) -> None:
        draw = context.draw
        self.record(value=float(context.portfolio.portfolio_value))
        for asset in context.assets:
            if draw.random() > context.often or not data.can_trade(asset):
                continue
            price = float(data.current(asset, "price"))
            kind = draw.randrange(6)
            if kind < 3:
                self.order_target_percent(asset, draw.uniform(-0.3, 0.3))
            elif kind == 3:
                self.order(asset, draw.randint(-90, 90), limit_price=round(price * 0.99, 2))
            elif kind == 4:
                self.order(asset, -50, stop_price=round(price * 0.98, 2))
            else:
                for order in self.get_open_orders(asset)[:1]:
                    self.cancel_order(order)


class DiceByItself(Dice):
    """The same with a callback that every session calls, so that none is quiet."""

    def before_trading_start(self, context: Any, data: Any) -> None:
        """Do nothing."""


def facts(strategy: Any, bars: rbt.PolarsDataPortal, **settings: Any) -> dict[str, Any]:
    result = rbt.backtest(strategy, bars, progress=False, **settings)
    return record_facts(result) | {"metrics": dict(result.metrics)}


@pytest.mark.parametrize("seed", range(12))
def test_days_with_orders_leave_what_they_leave_by_themselves(seed: int) -> None:
    bars = market(seed)
    settings: dict[str, Any] = {"params": {"seed": seed}}
    if seed % 2:
        settings["slippage"] = VolumeShareSlippage(0.02, 0.1)

    together = facts(Dice, bars, **settings)

    assert together["fills"]
    assert together == facts(DiceByItself, bars, **settings)


class EachDay(rbt.TradingAlgorithm):
    """The same part of the portfolio each day; as an exact number it is sized
    exactly.
    """

    exact = False

    def initialize(self, context: Any) -> None:
        context.asset = self.symbol("A")

    def handle_data(self, context: Any, data: Any) -> None:
        part = 0.5 if context.portfolio.portfolio_value > 99_500 else 0.4998
        self.order_target_percent(context.asset, Decimal(str(part)) if self.exact else part)


def test_a_part_that_is_held_already_is_noted_as_rounded_away_however_it_is_sized() -> None:
    quick, exact = (
        rbt.backtest(EachDay, market(5), params={"exact": exact}, progress=False)
        for exact in (False, True)
    )

    assert quick.record.notes.rounded_away["A"] > 0
    assert quick.record.notes == exact.record.notes
    assert quick.orders.equals(exact.orders)


class Late(rbt.TradingAlgorithm):
    """An order at market for an asset in whose last session nothing trades."""

    def initialize(self, context: Any) -> None:
        context.days = 0
        context.asset = self.symbol("B")

    def handle_data(self, context: Any, data: Any) -> None:
        context.days += 1
        if context.days == DAYS // 2 - 1:
            self.order(context.asset, 10)


class LateByItself(Late, DiceByItself):
    """The same in sessions of which none is quiet."""


def test_an_order_of_an_asset_that_leaves_before_it_fills_is_cancelled_at_once() -> None:
    together = facts(Late, market(1))

    assert [order.reason for order in rbt.backtest(Late, market(1)).record.orders] == [
        "B has left the market"
    ]
    assert together == facts(LateByItself, market(1))
