"""A venue that is not ours: its own book, its own rules, its own idea of what was
traded.

The rule: what it fills, and when, follows from the bars and from an order's own number
alone, so that a fault on the wire changes when a message comes and never what it says.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from rbtlive.brokers.base import (
    BrokerActivity,
    BrokerExecution,
    BrokerOrder,
    BrokerSplit,
    BrokerSymbolChange,
    CorporateActions,
)
from rbtlive.errors import OrderRefused
from rbtlive.model.bar import Bar
from rbtlive.model.order_facts import CLOSED_STATES, OrderState
from tests.simulation.tape import Night

COMMISSION = Decimal("0.35")
FOREIGN_ID = "typed-by-hand-1"
HELD_BEFORE = {"AAA": Decimal(100)}
"""Shares that were in the account before the run began."""


@dataclass(slots=True)
class Resting:
    """An order in the venue's book."""

    client_id: str
    broker_id: str
    symbol: str
    amount: Decimal
    limit: Decimal | None
    stop: Decimal | None
    updated_at: datetime
    placed_at: datetime
    asked: tuple[str, Decimal]
    state: OrderState = OrderState.PENDING
    reason: str = ""
    executions: list[BrokerExecution] = field(default_factory=list)
    restated: Decimal = Decimal(0)

    @property
    def filled(self) -> Decimal:
        """Signed shares filled, in the terms of today."""
        return sum((e.amount for e in self.executions), self.restated)

    @property
    def number(self) -> int:
        """Number of the order within its run."""
        digits = self.client_id.rpartition("-")[2]
        return int(digits) if digits.isdigit() else 0

    def seen_from_outside(self, *, executions: bool) -> BrokerOrder:
        """Return the order as an answer tells it."""
        return BrokerOrder(
            client_order_id=self.client_id,
            broker_order_id=self.broker_id,
            symbol=self.symbol,
            amount=self.amount,
            filled=self.filled,
            average_price=None,
            state=self.state,
            updated_at=self.updated_at,
            limit=self.limit,
            stop=self.stop,
            reason=self.reason,
            executions=tuple(self.executions) if executions else (),
        )


class Venue:
    """The venue.

    Args:
        now: Tells the true time.
        publish: Sends a message down the stream.
        lists_executions: Whether a list of orders tells their executions; a single
            order always does.
        spread_s: Over how many seconds after a bar its fills are spread.
        night: What happens to an asset overnight, if anything does.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        publish: Callable[[str], None],
        lists_executions: bool,
        spread_s: float = 50.0,
        night: Night | None = None,
    ) -> None:
        self.book: dict[str, Resting] = {}
        self.refused: list[str] = []
        self.repeats: Counter[str] = Counter()
        self.filled_at: dict[str, float] = {}
        self.liquid = False
        self.cash = Decimal(10**6)
        self.paid: list[BrokerActivity] = []
        self.by_hand: dict[str, Decimal] = {}
        self.replaced: set[str] = set()
        self._now = now
        self._publish = publish
        self._lists_executions = lists_executions
        self._spread_s = spread_s
        self.night = night
        self.before = dict(HELD_BEFORE)
        self._later = ""
        self._held: dict[str, Decimal] = dict(HELD_BEFORE)
        self._bars: dict[str, Bar] = {}
        self._place(FOREIGN_ID, "BBB", Decimal(7), limit=Decimal("0.01"), stop=None)

    # -- what clients ask -------------------------------------------------------------

    def submit(
        self,
        client_id: str,
        symbol: str,
        amount: Decimal,
        limit: Decimal | None,
        stop: Decimal | None,
    ) -> str:
        """Take an order; a client id is taken once.

        Raises:
            OrderRefused: the id was used, or the amount is one this venue does not
                like.
        """
        if client_id in self.book or client_id in self.refused:
            self.repeats[client_id] += 1
            raise OrderRefused("client_order_id must be unique")
        if abs(amount) % 13 == 0:
            self.refused.append(client_id)
            raise OrderRefused(f"{amount} shares cannot be traded here")
        order = self._place(client_id, self._called(symbol), amount, limit=limit, stop=stop)
        if abs(amount) % 17 == 0:
            asyncio.get_running_loop().call_later(
                0.5, self._end, order, OrderState.REJECTED, "on second thoughts"
            )
        return order.broker_id

    def cancel(self, client_id: str) -> None:
        """Cancel what is left of an order.

        Raises:
            OrderRefused: there is no such order.
        """
        order = self.book.get(client_id)
        if order is None:
            raise OrderRefused("order not found")
        self._end(order, OrderState.CANCELED, "as asked")

    def find(self, client_id: str) -> BrokerOrder | None:
        """Return one order."""
        order = self.book.get(client_id)
        return None if order is None else order.seen_from_outside(executions=True)

    def orders(self, prefix: str, *, open_only: bool) -> list[BrokerOrder]:
        """Return orders by the beginning of their client ids."""
        return [
            order.seen_from_outside(executions=self._lists_executions)
            for order in self.book.values()
            if order.client_id.startswith(prefix)
            and not (open_only and order.state in CLOSED_STATES)
        ]

    def positions(self) -> dict[str, Decimal]:
        """Return what is held."""
        return {symbol: amount for symbol, amount in self._held.items() if amount}

    def positions_of_old(self) -> dict[str, Decimal]:
        """Return what is held by the names that the world began with."""
        return {self.called_once(symbol): amount for symbol, amount in self.positions().items()}

    def called_once(self, symbol: str) -> str:
        """Return the name that an asset began with."""
        return self.night.symbol if self.night and symbol == self.night.new_symbol else symbol

    def _called(self, symbol: str) -> str:
        return self._later if self.night and self._later and symbol == self.night.symbol else symbol

    def actions(self) -> CorporateActions:
        """Return what happens overnight."""
        night, day = self.night, date(2024, 3, 6)
        if night is None:
            return CorporateActions()
        if night.ratio != 1:
            split = BrokerSplit(action_id="n", symbol=night.symbol, ratio=night.ratio, ex_date=day)
            return CorporateActions(splits=[split])
        change = BrokerSymbolChange(
            action_id="n", symbol=night.symbol, new_symbol=night.new_symbol, effective=day
        )
        return CorporateActions(symbol_changes=[change])

    def pass_the_night(self) -> None:
        """Restate the account and its open orders."""
        night = self.night
        assert night is not None
        self._later = night.new_symbol
        symbol, ratio = night.symbol, night.ratio
        if ratio > 1:
            self._split_in_reverse(symbol, ratio)
            return
        for order in self.book.values():
            if order.symbol != symbol or order.state in CLOSED_STATES:
                continue
            filled = order.filled
            order.symbol, order.amount = night.new_symbol, order.amount / ratio
            order.restated += filled / ratio - filled
            order.limit = None if order.limit is None else order.limit * ratio
            order.stop = None if order.stop is None else order.stop * ratio
        for shares in (self.before, self.by_hand):
            if symbol in shares:
                shares[symbol] /= ratio
        self._held[night.new_symbol] = self._held.pop(symbol, Decimal(0)) / ratio

    # Orders are cancelled, and the account's part of a share is paid.
    def _split_in_reverse(self, symbol: str, ratio: Decimal) -> None:
        for order in self.book.values():
            if order.symbol == symbol:
                self._end(order, OrderState.CANCELED, "a reverse split")
        held = self._held.pop(symbol, Decimal(0))
        elsewhere = self.before.get(symbol, Decimal(0)) + self.by_hand.get(symbol, Decimal(0))
        after = held / ratio
        self._held[symbol] = whole = after.to_integral_value(ROUND_DOWN)
        ours = ((held - elsewhere) / ratio).to_integral_value(ROUND_DOWN)
        self.before[symbol], self.by_hand[symbol] = whole - ours, Decimal(0)
        if after != whole:
            paid = (after - whole) * self._bars[symbol].close * ratio
            self.pay("cash in lieu", paid.quantize(Decimal("0.01")), symbol)

    # -- what people and the broker do ------------------------------------------------

    def pay(self, kind: Any, amount: Decimal, symbol: str = "") -> None:
        """Change the account's cash without an order."""
        self.cash += amount
        self.paid.append(
            BrokerActivity(
                activity_id=f"a{len(self.paid) + 1}",
                kind=kind,
                amount=amount,
                at=self._now(),
                symbol=symbol,
            )
        )

    def trade_by_hand(self, shares: int, symbol: str) -> None:
        """Trade as a person does, on the side of what the run holds."""
        ours = (
            self._held.get(self._called(symbol), Decimal(0))
            - self.before.get(symbol, Decimal(0))
            - self.by_hand.get(symbol, Decimal(0))
        )
        amount = Decimal(shares if ours >= 0 else -shares)
        client_id = f"typed-by-hand-{len(self.book) + 1}"
        order = self._place(client_id, self._called(symbol), amount, limit=None, stop=None)
        self._execute(order, abs(amount), Decimal(50))
        self.by_hand[symbol] = self.by_hand.get(symbol, Decimal(0)) + amount

    def replace_by_hand(self, more: int) -> bool:
        """Replace the oldest limit order that rests, as a person does; say whether there
        was one.
        """
        for order in self.book.values():
            if order.limit is None or order.state in CLOSED_STATES or not order.number:
                continue
            if order.client_id.startswith("typed"):
                continue
            order.amount += Decimal(more).copy_sign(order.amount)
            order.limit += Decimal("0.05").copy_sign(order.amount)
            order.broker_id = f"{order.broker_id}r"
            order.updated_at = self._now()
            self.replaced.add(order.client_id)
            self._tell(order, replaced="yes", amount=str(order.amount), limit=str(order.limit))
            return True
        return False

    # -- what happens -----------------------------------------------------------------

    def take_bars(self, bars: list[Bar], minute: int) -> None:
        """Fill what fills on the bars of a minute, in parts, in the course of the
        minute after it.
        """
        self._bars = {bar.symbol: bar for bar in bars}
        if self.night and minute == self.night.MINUTE:
            return  # the market is closed until the next session
        loop = asyncio.get_running_loop()
        for order in list(self.book.values()):
            bar = self._bars.get(order.symbol)
            price = None if bar is None or order.state in CLOSED_STATES else _price(order, bar)
            if price is None:
                continue
            number = order.number
            shares = (
                abs(order.amount) if self.liquid else Decimal(5 + (number * 11 + minute * 7) % 60)
            )
            when_s = 0.0 if self.liquid else (number * 7 + minute * 3) % 12 / 12 * self._spread_s
            loop.call_later(when_s, self._execute, order, shares, price)

    def _execute(self, order: Resting, shares: Decimal, price: Decimal) -> None:
        left = abs(order.amount) - abs(order.filled)
        if order.state in CLOSED_STATES or left <= 0:
            return
        amount = min(shares, left).copy_sign(order.amount)
        execution = BrokerExecution(
            execution_id=f"{order.broker_id}.{len(order.executions) + 1}",
            amount=amount,
            price=price,
            at=self._now(),
            commission=COMMISSION,
        )
        order.executions.append(execution)
        order.updated_at = execution.at
        order.state = (
            OrderState.FILLED if order.filled == order.amount else OrderState.PARTIALLY_FILLED
        )
        self._held[order.symbol] = self._held.get(order.symbol, Decimal(0)) + amount
        self.cash -= amount * price + COMMISSION
        self.filled_at[execution.execution_id] = asyncio.get_running_loop().time()
        self._tell(
            order,
            execution_id=execution.execution_id,
            amount=str(amount),
            price=str(price),
            commission=str(COMMISSION),
        )
        self._tell(order)

    def _place(
        self,
        client_id: str,
        symbol: str,
        amount: Decimal,
        *,
        limit: Decimal | None,
        stop: Decimal | None,
    ) -> Resting:
        now = self._now()
        name, asked = f"v{len(self.book) + 1}", (self.called_once(symbol), amount)
        order = Resting(client_id, name, symbol, amount, limit, stop, now, now, asked)
        self.book[client_id] = order
        self._tell(order)
        return order

    def _end(self, order: Resting, state: OrderState, reason: str) -> None:
        if order.state in CLOSED_STATES:
            return
        order.state, order.reason, order.updated_at = state, reason, self._now()
        self._tell(order)

    def _tell(self, order: Resting, **fill: str) -> None:
        facts: dict[str, Any] = {
            "client_order_id": order.client_id,
            "broker_order_id": order.broker_id,
            "state": order.state.value,
            "reason": order.reason,
            "at": self._now().isoformat(),
            **fill,
        }
        self._publish(json.dumps(facts))


def _price(order: Resting, bar: Bar) -> Decimal | None:
    buy = order.amount > 0
    if order.stop is not None and (bar.high < order.stop if buy else bar.low > order.stop):
        return None
    if order.limit is None:
        return bar.close
    if bar.low > order.limit if buy else bar.high < order.limit:
        return None
    return min(order.limit, bar.close) if buy else max(order.limit, bar.close)
