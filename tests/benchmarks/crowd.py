"""Counts the calls of an order among many of one bar, where something happens to one of
them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

import rbtlive as rbt
from rbtlive.finance import cancel_policy
from rbtlive.finance.commission import PerShare
from rbtlive.finance.slippage import NoSlippage
from tests.benchmarks.counting import START, calls_of

NAMES = [f"S{number:03d}" for number in range(200)]
DAYS = [START + timedelta(day) for day in range(12)]


def _bars(kind: str) -> rbt.PolarsDataPortal:
    rows = [
        (day, name, *[50.0 + number / 4 + place * (1 if number % 2 else -1) / 2] * 4, 1e6)
        for place, day in enumerate(DAYS)
        for number, name in enumerate(NAMES)
        if not (kind == "untraded" and number == 100 and place % 3 == 2)
        and not (kind == "delisted" and number == 100 and place > 4)
    ]
    schema = ["date", "symbol", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    splits = {"symbol": NAMES[100:111], "effective_date": DAYS[1:], "ratio": [0.5] * 11}
    return rbt.PolarsDataPortal(
        frame, splits=pl.DataFrame(splits) if kind == "splits" else None, calendar="24/7"
    )


class Crowd(rbt.TradingAlgorithm):
    """Orders every asset every day, and does something else in the middle."""

    kind = ""

    def initialize(self, context: Any) -> None:
        context.assets, context.day = [self.symbol(name) for name in NAMES], 0
        if self.kind == "end of day":
            self.set_cancel_policy(cancel_policy.EODCancel(warn_on_cancel=False))

    def handle_data(self, context: Any, data: Any) -> None:
        context.day += 1
        for number, asset in enumerate(context.assets):
            if number != 100 or self.kind != "delisted" or data.can_trade(asset):
                placed = self.order(asset, 10 if (number + context.day) % 3 else -20)
            if number == 120:
                self._do(asset, placed)

    def _do(self, asset: Any, placed: Any) -> None:
        if self.kind == "look":
            self.get_order(placed)
        elif self.kind == "open orders":
            self.get_open_orders(asset)
        elif self.kind == "cancel":
            self.cancel_order(placed)
        elif self.kind == "limit":
            self.order(asset, 5, limit_price=1.0)


KINDS = (
    "plain",
    "splits",
    "untraded",
    "delisted",
    "end of day",
    "look",
    "open orders",
    "cancel",
    "limit",
)


def calls_per_order_of_a_crowd(kind: str) -> float:
    """Return the calls that each of many orders costs."""
    bars, models = _bars(kind), {"slippage": NoSlippage(), "commission": PerShare(0.005)}

    def run() -> rbt.BacktestResult:
        return rbt.backtest(Crowd, bars, params={"kind": kind}, progress=False, **models)

    count = len(run().record.orders)  # what is made once a process is made here
    return calls_of(run) / count
