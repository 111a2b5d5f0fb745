"""Strategies that a simulated world runs: what they do follows from the minute, and for
some from what became of it.

The rule: none of them reads anything but its own state, its context and the bars.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import rbtlive as rbt
from tests.simulation.tape import START

TRADING_MINUTES = 11
"""After these nothing new is ordered."""

BEFORE_NIGHT = frozenset({5, 6})
"""Nothing is ordered in these minutes if something happens overnight: what is sent is
there by then.
"""
NIGHT: ContextVar[bool] = ContextVar("night", default=False)
"""Whether something happens overnight."""
HANDLER_CALLED: ContextVar[Callable[[], None]] = ContextVar("handler_called", default=lambda: None)
"""Lets a world make a callback slow."""


class Simulated(rbt.TradingAlgorithm):
    """What all have in common: two assets and the minute."""

    def initialize(self, context: Any) -> None:
        """Take the assets."""
        context.first, context.second = self.symbol("AAA"), self.symbol("BBB")
        context.reports = 0

    def handle_data(self, context: Any, data: Any) -> None:
        """Act by the minute, as long as it is early enough."""
        HANDLER_CALLED.get()()
        minute = round((data.current_dt - START).total_seconds() / 60)
        if minute <= TRADING_MINUTES and not (NIGHT.get() and minute in BEFORE_NIGHT):
            self.act(context, data, minute)

    def act(self, context: Any, data: Any, minute: int) -> None:
        """Order something."""
        raise NotImplementedError


class Steady(Simulated):
    """Market orders by the minute, whatever becomes of them."""

    def act(self, context: Any, data: Any, minute: int) -> None:
        """Order one asset or the other."""
        self.order(
            context.first if minute % 2 else context.second,
            20 + minute if minute % 3 else -15 - minute,
        )
        if minute % 5 == 0:
            self.order(context.first, 8)


class Targets(Simulated):
    """Targets, which count what is held and what is on its way."""

    def act(self, context: Any, data: Any, minute: int) -> None:
        """Ask for a weight or a number of shares."""
        if minute % 4 == 1:
            self.order_target_percent(context.first, 0.1 + 0.02 * (minute % 5))
        elif minute % 4 == 3:
            self.order_target(context.second, 40 - 15 * (minute % 3))


class Quotes(Simulated):
    """Limit and stop orders near the price, cancelled when they are two minutes old."""

    def act(self, context: Any, data: Any, minute: int) -> None:
        """Cancel what is old, quote anew."""
        price = float(data.current(context.first, "price"))
        for orders in self.get_open_orders().values():
            for order in orders:
                if (data.current_dt - order.created).total_seconds() >= 120:
                    self.cancel_order(order)
        self.order(context.first, 60 + minute, limit_price=price - 0.2)
        if minute % 2:
            self.order(
                context.second,
                -30 - minute,
                limit_price=float(data.current(context.second, "price")) + 0.3,
            )
        if minute % 5 == 4:
            self.order(context.first, -25, stop_price=price - 1)


class Reacting(Quotes):
    """Answers every fill, every cancel and every refusal."""

    def on_order_fill(self, context: Any, order: Any, transaction: Any) -> None:
        """Sell a part of every third fill."""
        context.reports += 1
        if context.reports % 3 == 0 and context.reports < 40:
            self.order(context.second, -5 - context.reports % 7)

    def on_order_cancel(self, context: Any, order: Any, reason: str) -> None:
        """Try again, smaller."""
        context.reports += 1
        if context.reports < 40:
            self.order(context.first, 9)

    def on_order_reject(self, context: Any, order: Any, reason: str) -> None:
        """Try another size."""
        context.reports += 1
        if context.reports < 40:
            self.order(context.first, 11)


class Busy(Simulated):
    """Thirty market orders a minute."""

    def act(self, context: Any, data: Any, minute: int) -> None:
        """Order both assets in turn."""
        for number in range(30):
            self.order(context.second if number % 2 else context.first, 3 if number % 3 else -4)


KINDS: dict[str, type[Simulated]] = {
    kind.__name__: kind for kind in (Steady, Targets, Quotes, Reacting)
}
STRATEGIES: dict[str, type[Simulated]] = {**KINDS, Busy.__name__: Busy}
