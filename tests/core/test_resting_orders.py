"""Stops and limits of minutes: the short ways of bars that touch none, and of fills that
are whole, leave what the long ones leave.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.finance import slippage

MINUTES = 600
FIRST = datetime(2020, 1, 1, 20, tzinfo=UTC)  # the second session begins within
MODELS = [
    slippage.NoSlippage,
    slippage.FixedBasisPointsSlippage,
    lambda: slippage.FixedSlippage(0.06),
    lambda: slippage.VolumeShareSlippage(0.05, 0.3),
]


def minutes(seed: int) -> rbt.PolarsDataPortal:
    """Return minutes of two assets, with gaps and thin bars."""
    draw = Random(seed)
    rows = []
    for symbol in ("A", "B"):
        price = 50.0
        for minute in range(MINUTES):
            price = round(price * (1 + draw.gauss(0, 0.002)), 2)
            if draw.random() < 0.03 and minute:
                continue
            volume = draw.choice((1e6, 1e6, 400.0, 0.0))
            when = FIRST + timedelta(minutes=minute + 1)
            rows.append((when, symbol, price, price + 0.1, price - 0.1, price, volume))
    names = ["timestamp", "symbol", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return rbt.PolarsDataPortal(None, minute_bars=frame, calendar="24/7")


class Short(rbt.TradingAlgorithm):
    """Stops, limits and both at once, placed, taken back and left to fill."""

    seed = 0

    def initialize(self, context: Any) -> None:
        context.draw, context.seen = Random(self.seed), []
        context.asset, context.other = self.symbols("A", "B")

    def handle_data(self, context: Any, data: Any) -> None:
        draw, asset = context.draw, context.asset
        price = round(float(data.current(asset, "price")), 2)
        context.seen.append((context.portfolio.cash, len(self.get_open_orders(asset))))
        if draw.random() < 0.8 or not price > 0:
            return
        size, kind = draw.choice((-1, 1)) * draw.randint(1, 90), draw.randrange(5)
        off = round(price + draw.choice((-1, 1)) * draw.choice((0, 0.05, 0.3)), 2)
        if kind == 0:
            self.order(asset, size, limit_price=off)
        elif kind == 1:
            self.order(asset, size, stop_price=off)
        elif kind == 2:
            self.order(asset, size, limit_price=off, stop_price=price)
        elif kind == 3:
            self.order_target(asset, draw.randint(-50, 50))
        else:
            for order in self.get_open_orders(asset)[:2]:
                self.cancel_order(order)


class Long(Short):
    """The same, where an order of a second asset rests, and somebody hears of fills."""

    def handle_data(self, context: Any, data: Any) -> None:
        if not context.seen:
            self.order(context.other, 1, limit_price=0.01)
        super().handle_data(context, data)

    def on_order_fill(self, context: Any, order: Any, transaction: Any) -> None:
        """Do nothing."""


def facts(strategy: Any, bars: rbt.PolarsDataPortal, **settings: Any) -> dict[str, Any]:
    result = rbt.backtest(strategy, bars, frequency="1m", progress=False, **settings)
    orders = result.orders.filter(pl.col("symbol") == "A")
    names = [name for name in result.transactions.columns if "id" not in name]
    return {
        "orders": orders.drop("id").rows(),
        "fills": result.transactions.select(names).rows(),
        "seen": [str(one) for one in result.context.seen],
        "value": result.performance["portfolio_value"].to_list(),
    }


@pytest.mark.parametrize("seed", range(12))
def test_short_ways_of_resting_orders_leave_what_long_ones_do(seed: int) -> None:
    bars = minutes(seed)
    settings = {"params": {"seed": seed}, "slippage": MODELS[seed % len(MODELS)]()}

    short = facts(Short, bars, **settings)

    assert short["fills"]
    assert short == facts(Long, bars, **settings)


def test_a_limit_fills_where_the_only_order_of_another_asset_was_cancelled() -> None:
    class Cancelling(rbt.TradingAlgorithm):
        def initialize(self, context: Any) -> None:
            context.bars = 0

        def handle_data(self, context: Any, data: Any) -> None:
            context.bars += 1
            if context.bars == 1:
                context.other = self.order(self.symbol("B"), 1, limit_price=1.0)
                self.order(self.symbol("A"), 1, limit_price=40.0)
            elif context.bars == 3:
                self.cancel_order(context.other)

    closes = [50.0] * 5 + [39.0] + [50.0] * 3
    rows = [
        (FIRST + timedelta(minutes=number + 1), symbol, *[close] * 4, 1e6)
        for symbol in ("A", "B")
        for number, close in enumerate(closes)
    ]
    names = ["timestamp", "symbol", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=names, orient="row")

    result = rbt.backtest(
        Cancelling,
        rbt.PolarsDataPortal(None, minute_bars=frame, calendar="24/7"),
        frequency="1m",
        slippage=slippage.NoSlippage(),
        progress=False,
    )

    [fill] = result.record.transactions
    assert fill.asset.symbol == "A"
    assert fill.dt == FIRST + timedelta(minutes=6)


def test_a_market_order_cut_by_volume_goes_on_beside_a_stop_that_rests() -> None:
    class Cut(rbt.TradingAlgorithm):
        def initialize(self, context: Any) -> None:
            context.bars = 0

        def handle_data(self, context: Any, data: Any) -> None:
            context.bars += 1
            if context.bars == 1:
                self.order(self.symbol("A"), -5, stop_price=1.0)
            elif context.bars == 2:
                self.order(self.symbol("A"), 25)

    rows = [(FIRST + timedelta(minutes=n + 1), "A", *[50.0] * 4, 100.0) for n in range(9)]
    names = ["timestamp", "symbol", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=names, orient="row")

    result = rbt.backtest(
        Cut,
        rbt.PolarsDataPortal(None, minute_bars=frame, calendar="24/7"),
        frequency="1m",
        slippage=slippage.VolumeShareSlippage(0.1),
        progress=False,
    )

    assert [int(fill.amount) for fill in result.record.transactions] == [10, 10, 5]
    assert [fill.order_id for fill in result.record.transactions] == ["2", "2", "2"]
