"""A broker in memory and its market, written against the port alone: the plainest world
that the deck's cards are played in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

from rbtlive.brokers.base import (
    BrokerAccount,
    BrokerActivity,
    BrokerAdapter,
    BrokerExecution,
    BrokerHolding,
    BrokerOrder,
    BrokerSplit,
    BrokerSymbolChange,
    CorporateActions,
)
from rbtlive.data.feeds.as_feed import StreamFeed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import BrokerError, OrderRefused
from rbtlive.model.events import OrderFillEvent, OrderReplacedEvent, OrderUpdateEvent
from rbtlive.model.order_facts import OPEN_STATES, OrderState
from tests.builders import daily_frame, slices

ZERO = Decimal(0)


class Account:
    """The broker's side: one account, and any number of connections to it.

    Attributes:
        orders: By client order id, oldest first.
        held: Signed shares by symbol.
        fills: Whether market orders fill at once.
        silent: Whether the account answers nothing.
        deaf_to_cancels: Whether cancels are taken and nothing comes of them.
    """

    def __init__(self, cash=Decimal(100_000)):
        self.cash = cash
        self.orders, self.held, self.cost = {}, {}, {}
        self.prices = {}
        self.now = None
        self.fills, self.silent, self.deaf_to_cancels = True, False, False
        self.refusal = ""
        self.blocked = ""
        self.activities, self.splits, self.others, self.renames = [], [], [], []
        self.listeners = []
        self.count = 0
        self.cancels = []

    def tell(self, event):
        for listener in self.listeners:
            listener.put_nowait(event)

    def take(self, client_id, symbol, amount, *, limit=None, stop=None, at_once=None):
        self.count += 1
        self.orders[client_id] = BrokerOrder(
            client_order_id=client_id,
            broker_order_id=f"b{self.count}",
            symbol=symbol,
            amount=amount,
            filled=ZERO,
            average_price=None,
            state=OrderState.PENDING,
            updated_at=self.now,
            limit=limit,
            stop=stop,
        )
        market = limit is None and stop is None
        if market and (self.fills if at_once is None else at_once):
            self.fill(client_id)
        return self.orders[client_id].broker_order_id

    def fill(self, client_id, amount=None, *, reported=True):
        order = self.orders[client_id]
        amount = order.amount - order.filled if amount is None else Decimal(amount)
        at = order.limit or self.prices[order.symbol]
        name = f"x{self.count}-{len(order.executions)}"
        execution = BrokerExecution(execution_id=name, amount=amount, price=at, at=self.now)
        filled = order.filled + amount
        state = OrderState.FILLED if filled == order.amount else OrderState.PARTIALLY_FILLED
        self.orders[client_id] = replace(
            order,
            filled=filled,
            average_price=at,
            state=state,
            executions=(*order.executions, execution),
        )
        self.cash -= amount * at
        self.held[order.symbol] = self.held.get(order.symbol, ZERO) + amount
        self.cost[order.symbol] = at
        if reported:
            self.tell(
                OrderFillEvent(
                    timestamp=self.now,
                    order_id=client_id,
                    execution_id=name,
                    amount=amount,
                    price=at,
                )
            )

    def end(self, client_id, state, reason=""):
        self.orders[client_id] = replace(self.orders[client_id], state=state)
        self.tell(
            OrderUpdateEvent(timestamp=self.now, order_id=client_id, status=state, reason=reason)
        )

    def equity(self):
        return self.cash + sum(n * self.prices[s] for s, n in self.held.items())


class MemoryBroker(BrokerAdapter):
    """One connection to an account."""

    name = "memory"

    def __init__(self, account):
        self.account_of = account
        self.events_of = asyncio.Queue()

    async def connect(self):
        self.account_of.listeners.append(self.events_of)

    async def disconnect(self):
        self.account_of.listeners.remove(self.events_of)
        self.events_of.put_nowait(None)

    def _ask(self):
        if self.account_of.silent:
            raise BrokerError("no answer")

    async def submit_order(self, order, *, client_order_id):
        self._ask()
        if self.account_of.refusal:
            raise OrderRefused(self.account_of.refusal)
        return self.account_of.take(
            client_order_id, order.symbol, order.amount, limit=order.limit, stop=order.stop
        )

    async def cancel_order(self, *, client_order_id):
        self._ask()
        self.account_of.cancels.append(client_order_id)
        if not self.account_of.deaf_to_cancels:
            self.account_of.end(client_order_id, OrderState.CANCELED, "cancelled")

    async def events(self):
        while (event := await self.events_of.get()) is not None:
            yield event

    async def find_order(self, client_order_id):
        self._ask()
        return self.account_of.orders.get(client_order_id)

    async def orders(self, *, prefix="", open_only=False):
        self._ask()
        return [
            order
            for name, order in self.account_of.orders.items()
            if name.startswith(prefix) and (not open_only or order.state in OPEN_STATES)
        ]

    async def positions(self):
        self._ask()
        return {symbol: amount for symbol, amount in self.account_of.held.items() if amount}

    async def holdings(self):
        self._ask()
        there = self.account_of
        return [
            BrokerHolding(symbol=s, amount=n, cost_basis=there.cost[s], value=n * there.prices[s])
            for s, n in there.held.items()
            if n
        ]

    async def account(self):
        self._ask()
        there = self.account_of
        return BrokerAccount(
            cash=there.cash,
            equity=there.equity(),
            account_id=f"memory-{id(there)}",
            blocked=there.blocked,
        )

    async def activities(self):
        return list(self.account_of.activities)

    async def corporate_actions(self, symbols):
        there = self.account_of
        return CorporateActions(
            splits=[one for one in there.splits if one.symbol in symbols],
            symbol_changes=[one for one in there.renames if one.symbol in symbols],
            others=[one for one in there.others if one.symbol in symbols],
        )


class MemoryFeed(StreamFeed):
    """The world's bars as they happen, and its clock."""

    def __init__(self, world):
        super().__init__(self._source)
        self._world = world

    @property
    def present(self):
        """The world's time."""
        return self._world.account.now

    async def _source(self, _symbols) -> AsyncIterator[object]:
        async for bars in self._world.bars_from(0):
            yield bars


class MemoryWorld:
    """An account in memory, and daily bars that happen when they are asked for."""

    name = "in memory"
    symbol, other = "AAA", "BBB"

    def __init__(self):
        self.days = slices(daily_frame(30))
        self.portal = PolarsDataPortal(daily_frame(30))
        self.account = Account()
        self.at = 0
        self._moved = asyncio.Event()
        self._happen()

    def bars_of(self, day):
        """Return the bars of a day under the symbols of that day."""
        names = {one.symbol: one.new_symbol for one in self.account.renames}
        bars = self.days[day]
        if not names or bars[0].timestamp.date() < self.account.renames[0].effective:
            return bars
        return [b.model_copy(update={"symbol": names.get(b.symbol, b.symbol)}) for b in bars]

    def _happen(self):
        bars = self.bars_of(self.at)
        self.account.now = bars[0].timestamp
        self.account.prices = {bar.symbol: bar.close for bar in bars}

    async def begin(self):
        """Do nothing."""

    def broker(self):
        """Return a new connection."""
        return MemoryBroker(self.account)

    def options(self):
        """Return what `attach` needs of this world."""
        return {"feed": MemoryFeed(self), "data": self.portal}

    async def bars_from(self, seen):
        """Yield the bars that happen after the world's present one."""
        seen = self.seen_before if seen == 0 else seen
        while True:
            while seen < self.at:
                seen += 1
                yield self.bars_of(seen)
            self._moved.clear()
            await self._moved.wait()

    seen_before = 0

    @staticmethod
    def is_fed(session):
        """Say that the session's feed misses nothing: it reads from where it stands."""
        return session.engine.link is not None

    async def pass_days(self, count=1):
        """Let that many sessions happen."""
        for _day in range(count):
            self.at += 1
            self._happen()
            for name, order in list(self.account.orders.items()):
                if order.state in OPEN_STATES and order.limit is None and self.account.fills:
                    self.account.fill(name)
        self._moved.set()

    async def left(self):
        """Note that a session has seen all bars so far."""
        self.seen_before = self.at

    async def by_hand(self, amount, symbol="AAA"):
        """Trade on the account as a person does."""
        self.account.take(f"hand-{self.account.count}", symbol, Decimal(amount), at_once=True)

    async def replace_by_hand(self, amount, limit):
        """Replace the resting order of a run, as a person does on the broker's page."""
        name, order = next((n, o) for n, o in self.account.orders.items() if o.state in OPEN_STATES)
        self.account.count += 1
        self.account.orders[name] = replace(
            order,
            amount=Decimal(amount),
            limit=Decimal(limit),
            broker_order_id=f"b{self.account.count}",
        )
        self.account.tell(
            OrderReplacedEvent(
                timestamp=self.account.now,
                order_id=name,
                amount=Decimal(amount),
                limit=Decimal(limit),
                broker_order_id=f"b{self.account.count}",
            )
        )
        if Decimal(limit) > max(self.account.prices.values()):
            self.account.fill(name)

    async def fill_by_hand(self):
        """Let the resting order of a run fill."""
        self.account.fill(next(n for n, o in self.account.orders.items() if o.state in OPEN_STATES))

    async def change_account(self):
        """Let the keys be those of another account."""
        self.account = Account()
        self._happen()

    async def pay(self, kind, amount, symbol=""):
        """Change the account's cash without an order."""
        self.account.cash += Decimal(amount)
        self.account.activities.append(
            BrokerActivity(
                activity_id=f"a{len(self.account.activities)}",
                kind=kind,
                amount=Decimal(amount),
                at=self.account.now,
                symbol=symbol,
            )
        )

    async def announce_split(self, ratio):
        """Announce a split of the first asset for the next session."""
        self.account.splits.append(
            BrokerSplit(
                action_id="s1",
                symbol="AAA",
                ratio=Decimal(ratio),
                ex_date=self.days[self.at + 1][0].timestamp.date(),
            )
        )

    async def announce_split_for_next(self, ratio):
        """Announce a split of the first asset in the next session."""
        await self.announce_split(ratio)

    async def announce_symbol(self, new_symbol):
        """Announce another symbol for the first asset, from the next session on."""
        effective = self.days[self.at + 1][0].timestamp.date()
        self.account.renames.append(
            BrokerSymbolChange(
                action_id="n1", symbol="AAA", new_symbol=new_symbol, effective=effective
            )
        )

    async def change_symbol(self, new_symbol):
        """Call the first asset otherwise, as a broker does overnight."""
        there = self.account
        for facts in (there.held, there.cost, there.prices):
            if "AAA" in facts:
                facts[new_symbol] = facts.pop("AAA")
        for name, order in there.orders.items():
            if order.symbol == "AAA" and order.state in OPEN_STATES:
                there.orders[name] = replace(order, symbol=new_symbol)

    async def split(self, ratio):
        """Restate the account for a split, as a broker does overnight; one in reverse
        cancels orders and leaves whole shares.
        """
        there, ratio = self.account, Decimal(ratio)
        shares = there.held.get("AAA", ZERO) / ratio
        for name, order in there.orders.items():
            if order.symbol != "AAA" or order.state not in OPEN_STATES:
                continue
            if ratio > 1:
                there.end(name, OrderState.CANCELED, "a reverse split")
                continue
            limit = None if order.limit is None else order.limit * ratio
            there.orders[name] = replace(order, amount=order.amount / ratio, limit=limit)
        if ratio > 1 and shares % 1:
            await self.pay("cash in lieu", shares % 1 * there.prices["AAA"], "AAA")
            shares -= shares % 1
        there.held["AAA"] = shares

    async def silence(self):
        """Answer nothing any more."""
        self.account.silent = True

    async def restrict(self, *, blocked):
        """Block the account, or free it again."""
        self.account.blocked = "account_blocked" if blocked else ""

    async def deafen_to_cancels(self):
        """Take cancels and let nothing come of them."""
        self.account.deaf_to_cancels = True

    async def held(self):
        """Return what the account holds."""
        return {s: n for s, n in self.account.held.items() if n}

    async def cash(self):
        """Return the account's cash."""
        return self.account.cash

    async def resting(self):
        """Return how many orders rest."""
        return sum(order.state in OPEN_STATES for order in self.account.orders.values())

    async def sent(self):
        """Return the signed shares of every order, oldest first."""
        return [order.amount for order in self.account.orders.values()]

    @property
    def low(self):
        """A price far below the market."""
        return 25.0
