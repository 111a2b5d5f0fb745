"""Runs drawn at random leave the same whether orders wait as numbers or are objects."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.core.state.waiting_orders import WaitingOrders
from rbtlive.finance import cancel_policy, commission, slippage
from tests.core.record_facts import record_facts

DAYS = [date(2020, 1, 6) + timedelta(day) for day in range(25)]
RATIOS = (0.5, 2.0, 3.0, 2 / 3, 0.1, 7.0, 1 / 3, 500.0, 1.5)
SLIPPAGES = [slippage.NoSlippage, slippage.VolumeShareSlippage, slippage.FixedBasisPointsSlippage]
COMMISSIONS = [lambda: commission.PerShare(0.0035, 0.35), commission.NoCommission]


def market(draw: Random, names: list[str]) -> rbt.PolarsDataPortal:
    rows: list[tuple[Any, ...]] = []
    for name in names:
        price, last = draw.uniform(5, 200), draw.choice((25, 25, 25, 12))
        for place, day in enumerate(DAYS[:last]):
            price = max(0.5, price * draw.uniform(0.95, 1.055))
            if draw.random() < 0.95 or place in {0, last - 1}:
                volume = draw.choice((1e6,) * 12 + (0.0, 900.0))
                rows.append((day, name, *[round(price, 2)] * 4, volume))
    split = {(draw.choice(names), day): draw.choice(RATIOS) for day in DAYS[1:]}
    return rbt.PolarsDataPortal(
        pl.DataFrame(
            rows,
            schema=["date", "symbol", "open", "high", "low", "close", "volume"],
            orient="row",
        ),
        splits=pl.DataFrame(
            {
                "symbol": [name for name, _ in split],
                "effective_date": [day for _, day in split],
                "ratio": list(split.values()),
            }
        ),
        dividends=pl.DataFrame(
            {
                "symbol": [draw.choice(names) for _ in DAYS],
                "ex_date": DAYS,
                "pay_date": [DAYS[min(24, place + place % 4)] for place in range(25)],
                "amount": [0.37] * 25,
            }
        ),
        calendar="24/7",
    )


class Wild(rbt.TradingAlgorithm):
    """Orders almost everything every day, and does anything else in between."""

    seed = 0
    names: tuple[str, ...] = ()

    def initialize(self, context: Any) -> None:
        context.draw = Random(self.seed)
        context.assets = [self.symbol(name) for name in self.names]
        context.seen, context.ids = [], []
        if self.seed % 3 == 1:
            self.set_cancel_policy(cancel_policy.EODCancel(warn_on_cancel=False))

    def before_trading_start(self, context: Any, data: Any) -> None:
        draw = context.draw
        if self.seed % 2:
            chosen = draw.sample(context.assets, 2)
            context.ids += self.batch_market_order({a: draw.randint(-5, 9) for a in chosen})
            self.cancel_order(draw.choice(context.ids[-20:] or ["1"]))

    def handle_data(self, context: Any, data: Any) -> None:
        draw = context.draw
        for asset in context.assets:
            if data.can_trade(asset) and draw.random() < 0.95:
                placed = self._order(asset, data, draw.random(), draw)
                context.ids += [placed] if placed else []
            if draw.random() < 0.12:
                context.seen.append(self._look(context, draw.choice(context.assets), draw))

    def _order(self, asset: Any, data: Any, chance: float, draw: Random) -> str | None:
        price = round(float(data.current(asset, "price")) * draw.uniform(0.97, 1.03), 2)
        if chance < 0.3:
            return self.order(asset, draw.randint(-60, 80), tag=draw.choice((None, "t")))
        if chance < 0.6:
            return self.order_target_percent(asset, draw.uniform(-0.02, 0.05))
        if chance < 0.94:
            return self.order_target(asset, draw.randint(-100, 300))
        if chance < 0.97:
            return self.order(asset, draw.randint(-60, 80), limit_price=price)
        return self.order(asset, draw.randint(-60, 80), stop_price=price)

    def _look(self, context: Any, asset: Any, draw: Random) -> Any:
        kind, order_id = draw.randrange(16), draw.choice(context.ids[-8:] or ["1"])
        if kind < 6:
            return self.cancel_order(order_id)
        if kind < 10:
            order = self.get_order(order_id)
            return order and str(order.to_dict())
        if kind < 14:
            return [str(order.to_dict()) for order in self.get_open_orders(asset)]
        if kind < 15:
            return [(a.symbol, len(orders)) for a, orders in self.get_open_orders().items()]
        positions = context.portfolio.positions.items()
        return str([(a.symbol, p.amount, p.cost_basis) for a, p in positions])


def facts(seed: int) -> dict[str, Any]:
    draw = Random(seed)
    names = [f"S{number:02d}" for number in range(draw.choice((6, 24, 40)))]
    result = rbt.backtest(
        Wild,
        market(draw, names),
        params={"seed": seed, "names": tuple(names)},
        slippage=draw.choice(SLIPPAGES)(),
        commission=draw.choice(COMMISSIONS)(),
        zipline_quirks=seed % 5 == 4,
        progress=False,
    )
    return record_facts(result) | {"seen": result.context.seen, "ids": result.context.ids}


@pytest.mark.parametrize("seed", range(15))
def test_orders_that_wait_leave_what_objects_leave(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = facts(seed)
    monkeypatch.setattr(WaitingOrders, "begin", lambda *_: None)
    long = facts(seed)

    assert len(long["fills"]) > 30
    assert {name: quick[name] == long[name] for name in quick} == dict.fromkeys(quick, True)
