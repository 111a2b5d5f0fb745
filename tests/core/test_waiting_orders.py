"""Market orders that are no objects until somebody looks are seen as any others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.core.state.waiting_orders import WaitingOrders
from rbtlive.finance import cancel_policy
from rbtlive.finance.commission import PerShare
from rbtlive.finance.slippage import FixedSlippage
from tests.benchmarks.counting import DAY, minute_bars
from tests.core.record_facts import record_facts

DAYS = [date(2020, 1, day) for day in range(1, 13)]
NAMES = [f"S{n:02d}" for n in range(40)]


def daily_bars(splits: pl.DataFrame | None = None) -> rbt.PolarsDataPortal:
    rows = [
        (day, name, *[20.0 + n + 0.25 * k] * 4, 0.0 if (n + k) % 7 == 0 else 1e6)
        for k, day in enumerate(DAYS)
        for n, name in enumerate(NAMES)
        if (n * k) % 11 != 10
    ]
    schema = ["date", "symbol", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return rbt.PolarsDataPortal(frame, splits=splits, calendar="24/7")


SPLITS = pl.DataFrame(
    {"symbol": ["S03", "S05"], "effective_date": [DAYS[3], DAYS[4]], "ratio": [0.5, 2.0]}
)


class Looking(rbt.TradingAlgorithm):
    """Orders every day, and looks at orders in one way."""

    look = "never"

    def initialize(self, context: Any) -> None:
        context.assets = [self.symbol(name) for name in NAMES]
        context.seen, context.day, context.ids = [], 0, []
        if self.look == "end of day":
            self.set_cancel_policy(cancel_policy.EODCancel(warn_on_cancel=False))
        if self.look == "scheduled":
            self.schedule_function(self.note)

    def before_trading_start(self, context: Any, data: Any) -> None:
        if self.look == "morning":
            self.note(context, data)

    def note(self, context: Any, _data: Any) -> None:
        for asset, orders in self.get_open_orders().items():
            context.seen.append((asset.symbol, [str(order.to_dict()) for order in orders]))

    # Market orders follow stops and cancels of the same bar, and meet stops that rest.
    def place_beside(self, context: Any) -> None:
        if context.day % 3 == 1:
            for place in (0, 2, 20, 39):
                asset = context.assets[place]
                context.ids.append(self.order(asset, -4, stop_price=19.0 + place))
        elif context.day % 3 == 0:
            for orders in self.get_open_orders().values():
                self.cancel_order(orders[0])
        if context.day % 4 == 2:
            self.order(context.assets[2], 7)

    def handle_data(self, context: Any, data: Any) -> None:
        context.day += 1
        if self.look == "beside":
            self.place_beside(context)
        for number, asset in enumerate(context.assets):
            if not data.can_trade(asset):
                continue
            size = ((number + context.day) % 5 - 2) / 100
            if context.day % 2:
                context.ids.append(self.order_target_percent(asset, size, tag=f"d{context.day}"))
            else:
                context.ids.append(self.order(asset, 10 * (number % 3 - 1)))
            if self.look == "twice" and number % 9 == 0:
                self.order(asset, 3)
            if self.look == "limits" and number % 4 == 0:
                self.order(asset, 5, limit_price=21)
            if self.look == "by id" and number == 20:
                context.seen.append(str(self.get_order(context.ids[-3]) and 1))
        if self.look == "cancels":
            for order_id in context.ids[-30:]:
                if order_id is not None and int(order_id) % 3 == 0:
                    self.cancel_order(order_id)
        if self.look == "mapping":
            self.order_target_percents({a: 0.01 * (a.sid % 4 - 1) for a in context.assets[5:]})


def facts(look: str) -> dict[str, Any]:
    result = rbt.backtest(
        Looking,
        daily_bars(SPLITS),
        params={"look": look},
        commission=PerShare(0.0035, 0.35),
        slippage=FixedSlippage(0.03),
        progress=False,
    )
    return record_facts(result) | {"seen": result.context.seen, "ids": result.context.ids}


@pytest.mark.parametrize(
    "look",
    [
        "never",
        "end of day",
        "scheduled",
        "morning",
        "twice",
        "limits",
        "by id",
        "cancels",
        "mapping",
        "beside",
    ],
)
def test_waiting_orders_look_as_objects_would_have_looked(
    look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    come = WaitingOrders.come_after

    def noting(waiting: WaitingOrders, *facts: Any) -> None:
        begun.append(1)
        come(waiting, *facts)

    monkeypatch.setattr(WaitingOrders, "come_after", noting)
    quick = facts(look)
    monkeypatch.setattr(WaitingOrders, "begin", lambda *_: None)
    long = facts(look)

    assert begun
    assert len(long["fills"]) > 100
    assert quick == long


def test_an_order_of_a_minute_is_filled_in_the_next_and_no_object_in_between() -> None:
    class Once(rbt.TradingAlgorithm):
        def initialize(self, context: Any) -> None:
            context.asset, context.bars, context.amounts = self.symbol("A"), 0, []

        def handle_data(self, context: Any, data: Any) -> None:
            context.bars += 1
            if context.bars == 3:
                context.id = self.order(context.asset, 7)
            context.amounts.append(context.portfolio.positions[context.asset].amount)

    result = rbt.backtest(Once, minute_bars(DAY), frequency="1m", calendar="24/7", progress=False)

    assert result.context.amounts[:5] == [0, 0, 0, 7, 7]
    assert result.orders["status"].to_list() == ["filled"]
    assert result.orders["filled"].to_list() == [Decimal(7)]


def test_orders_wait_no_longer_than_a_run() -> None:
    class Last(rbt.TradingAlgorithm):
        def initialize(self, context: Any) -> None:
            context.asset = self.symbol("A")

        def handle_data(self, context: Any, data: Any) -> None:
            if data.current_dt.minute == 0 and data.current_dt.hour == 0:
                self.order(context.asset, 7, tag="last")
                raise SystemExit

    with pytest.raises(SystemExit):
        rbt.backtest(Last, minute_bars(DAY), frequency="1m", calendar="24/7", progress=False)


def test_an_order_of_the_last_bar_stays_open_in_the_result() -> None:
    class Last(rbt.TradingAlgorithm):
        def initialize(self, context: Any) -> None:
            context.assets = [self.symbol(name) for name in NAMES]

        def handle_data(self, context: Any, data: Any) -> None:
            self.order_target_percents(dict.fromkeys(context.assets, 0.01), tag="all")

    result = rbt.backtest(Last, daily_bars(), end=DAYS[0], progress=False)

    assert set(result.orders["status"]) == {"pending"}
    assert result.orders.height == len(NAMES)
    assert {o.tag for o in result.record.orders} == {"all"}
