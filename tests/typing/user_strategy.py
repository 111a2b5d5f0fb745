"""A strategy as a user writes it under `mypy --strict`: what callbacks receive has types.

mypy checks it with the package; `test_user_strategy.py` runs it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, assert_type

import numpy as np
import polars as pl

import rbtlive as rbt
from rbtlive.api import get_open_orders
from rbtlive.core.shown.portfolio_views import PositionView
from rbtlive.finance.execution import LimitOrder
from rbtlive.model.asset import Asset
from rbtlive.model.number import Figure


class Typed(rbt.TradingAlgorithm):
    """Reads everything once a bar."""

    def initialize(self, context: rbt.Context) -> None:
        """Choose the assets."""
        context.assets = self.symbols("AAA", "BBB")

    def handle_data(self, context: rbt.Context, data: rbt.BarData) -> None:
        """Read, and order one share."""
        assets: list[Asset] = context.assets
        first = assets[0]
        assert_type(data.current(first, "close"), Figure)
        assert_type(data.current(assets, "volume"), Mapping[Asset, Figure])
        assert_type(data.current(first, ["open", "close"]), Mapping[str, Figure])
        assert_type(data.current(assets, ["open", "close"]), pl.DataFrame)
        assert_type(data.can_trade(first), bool)
        assert_type(data.can_trade(assets), Mapping[Asset, bool])
        assert_type(data.is_stale(first), bool)
        assert_type(data.current_dt, datetime)
        prices = data.history(first, "close", 2, "1d")
        assert_type(prices, pl.Series)
        assert_type(data.history(assets, "close", 2, "1d"), pl.DataFrame)
        assert_type(data.history(first, ["open", "close"], 2, "1d"), pl.DataFrame)
        assert_type(data.history(tuple(assets), ("open", "close"), 2, "1d"), pl.DataFrame)
        order_id = self.order(first, 1, limit_price=data.current(first, "close") * 2)
        assert_type(order_id, str | None)
        assert_type(self.get_open_orders(first), list[rbt.Order])
        assert_type(self.get_open_orders(), dict[Asset, list[rbt.Order]])
        assert_type(self.get_datetime("UTC"), datetime)
        assert_type(context.portfolio.positions[first].amount, Figure)
        assert_type(context.portfolio.positions.get(first), PositionView | None)
        assert_type(context.portfolio.portfolio_value, Figure)
        self.record(held=len(context.portfolio.positions), last=prices[-1])
        context.open = get_open_orders()

    def on_order_fill(
        self, context: rbt.Context, order: rbt.Order, transaction: rbt.Transaction
    ) -> None:
        """Keep the last price."""
        price: Figure = transaction.price
        filled: Figure = order.filled
        context.last = (price, filled)

    def analyze(self, context: rbt.Context, perf: Any) -> None:
        """Say what the last fill was."""
        context.done = perf.height, context.last


def accepted(strategy: Typed, asset: Asset, bars: pl.DataFrame) -> None:
    """Pass arguments in the kinds that they may have."""
    strategy.order(asset, Decimal("1.5"), style=LimitOrder(10))
    strategy.order_target(asset, np.int64(2), limit_price=np.float64(9.5))
    strategy.order_target_percents({asset: Decimal("0.1")}, tag="rebalance")
    strategy.set_max_order_size(asset, max_shares=Decimal(10), max_notional=1e6)
    strategy.cancel_order(strategy.get_open_orders(asset)[0])
    costs = rbt.PerShare(0.001)
    rbt.backtest(Typed, bars, start="2005-01-03", end=date(2005, 2, 1), commission=costs)
    rbt.backtest(Typed, bars, start=np.datetime64("2005-01-03"), capital_base=Decimal(1000))


def refused(strategy: Typed, asset: Asset, bars: pl.DataFrame) -> None:
    """Pass what the type checker refuses: were a parameter's type `Any`, its `ignore`
    would be unused, and mypy would say so.
    """
    strategy.order(asset, "five")  # type: ignore[arg-type]
    strategy.order(asset, 1, limit_price="9.50")  # type: ignore[arg-type]
    strategy.order(asset, 1, style="limit")  # type: ignore[arg-type]
    strategy.order_target_percents({asset: "10 %"})  # type: ignore[dict-item]
    strategy.cancel_order(5)  # type: ignore[arg-type]
    strategy.set_max_order_size(asset, max_shares="10")  # type: ignore[arg-type]
    strategy.set_commission(0.001)  # type: ignore[arg-type]
    strategy.set_slippage("none")  # type: ignore[arg-type]
    rbt.backtest(Typed, bars, start=2005)  # type: ignore[arg-type]
    rbt.backtest(Typed, bars, capital_base="1000")  # type: ignore[arg-type]
    rbt.backtest(Typed, bars, commission=0.001)  # type: ignore[arg-type]
    rbt.backtest(Typed, bars, slippage="none")  # type: ignore[arg-type]
    rbt.backtest(Typed, bars, benchmark=1)  # type: ignore[arg-type]
