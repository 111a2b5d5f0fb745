"""Rows of the panel: orders, fills, refusals, log lines.

The rule: each part remembers what it sent last and returns only the changes since; none
changes the session, and each is bounded however long the session runs.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from itertools import islice, takewhile
from typing import Any

from rbtlive.core.state.order import Order
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.order_facts import OPEN_STATES
from rbtlive.notebook.panel.plain import cut, plain, plain_price

ORDERS_SHOWN = 200
MARKERS_KEPT = 200
LINES_KEPT = 100
REFUSALS_KEPT = 20
FILLS_A_TICK = 2000
"""Maximum number of executions processed per tick; the rest waits for the next."""
SYMBOLS_NOTED = 24
_SETTLED_STEPS = 5
_PRICES_KEPT = 4 * ORDERS_SHOWN

Row = dict[str, Any]


class Fills:
    """Executions: the mean price of each order shown, and the markers on the curves."""

    def __init__(self) -> None:
        self.markers: deque[Row] = deque(maxlen=MARKERS_KEPT)
        self.latest: list[str] = []
        self._at = 0
        self._sums: dict[str, tuple[Decimal, Decimal]] = {}

    def step(self, core: TradingCore) -> list[Row]:
        """Process the executions since the last step and return their markers: `at` (ms
        since 1970), `amount`, `price`, `symbol`.
        """
        transactions = core.state.record.transactions
        self.latest = []
        first, last = self._at, min(len(transactions), self._at + FILLS_A_TICK)
        if len(transactions) - first > 10 * FILLS_A_TICK:
            # If far behind, skip markers that would be dropped again.
            first, last = len(transactions) - FILLS_A_TICK, len(transactions)
        for fill in transactions[first:last]:
            self.latest.append(fill.asset.symbol)
            if fill.order_id is not None:
                amount, money = self._sums.get(fill.order_id, (Decimal(0), Decimal(0)))
                self._sums[fill.order_id] = amount + fill.amount, money + fill.amount * fill.price
        self._at = last
        self.latest = list(dict.fromkeys(self.latest[-SYMBOLS_NOTED:]))
        fresh = [
            {
                "at": us_of(f.dt) // 1000,
                "amount": plain(f.amount),
                "price": plain_price(f.price),
                "symbol": f.asset.symbol,
            }
            for f in transactions[max(first, last - MARKERS_KEPT) : last]
        ]
        self.markers.extend(fresh)
        self._forget()
        return fresh

    def is_behind(self, core: TradingCore) -> bool:
        """Whether executions wait to be processed."""
        return self._at < len(core.state.record.transactions)

    def mean_price(self, order: Order) -> float | int | None:
        """Return the mean price of an order's executions, None if it has none or not
        all were seen.
        """
        amount, money = self._sums.get(order.id, (None, None))
        if amount is None or money is None or not amount or amount != order.filled:
            return None
        return plain_price(money / amount)

    def _forget(self) -> None:
        # Sums are kept in the order of first fills; the oldest are dropped, at worst
        # those of long-lived orders.
        excess = len(self._sums) - _PRICES_KEPT
        if excess > 0:
            for order_id in list(islice(self._sums, excess)):
                del self._sums[order_id]


class _Seen:
    """The data of an order's row: if any of it changes, the row is rebuilt.

    Args:
        order: The order.
        executions: Number of its executions in the row; -1 requests a new row.
    """

    __slots__ = ("amount", "dt", "executions", "limit", "state", "stop")

    def __init__(self, order: Order, executions: int) -> None:
        self.dt, self.executions, self.state = order.dt, executions, order.state
        self.amount, self.limit, self.stop = order.amount, order.limit, order.stop

    def has_terms_of(self, order: Order) -> bool:
        """Whether amount, limit and stop are the same."""
        mine, its = (self.amount, self.limit, self.stop), (order.amount, order.limit, order.stop)
        return mine == its


class OrderRows:
    """The open orders and the latest other ones."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._seen: dict[str, _Seen] = {}
        self._settled: set[str] = set()
        self._steps = 0
        self._latest: deque[Order] = deque(maxlen=2 * ORDERS_SHOWN)
        self._newest: list[Order] = []
        self._last_id = 0

    def step(self, orders: OrderManager, fills: Fills) -> tuple[list[Row], list[int]]:
        """Return the changed rows, and the ids no longer shown.

        A row has the keys of `ORDER_COLUMNS`, times in ms since 1970, and `open`.
        """
        self._steps += 1
        if self._steps % _SETTLED_STEPS == 0:
            # An ended order can still change if a fill comes late.
            self._settled.clear()
        shown = self._shown(orders)
        changed, settled = self._changed(shown, fills), self._settled
        gone = (
            self._seen.keys() - {order.id for order in shown}
            if len(shown) < len(self._seen)
            else ()
        )
        for key in gone:
            del self.rows[key], self._seen[key]
            settled.discard(key)
        return changed, [int(key) for key in gone]

    # Each tick checks every open order for changes: comparing by identity here costs
    # least.
    def _changed(self, shown: list[Order], fills: Fills) -> list[Row]:
        settled, known = self._settled, self._seen
        rows = []
        for order in shown:
            key = order.id
            if key in settled:
                continue
            seen = known.get(key)
            if (
                seen is not None
                and seen.dt is order.dt
                and seen.executions == order.executions
                and seen.state is order.state
                and seen.amount is order.amount
                and seen.limit is order.limit
                and seen.stop is order.stop
            ):
                if seen.state not in OPEN_STATES:
                    settled.add(key)
            elif row := self._renewed(order, seen, fills):
                rows.append(row)
        return rows

    def _renewed(self, order: Order, seen: _Seen | None, fills: Fills) -> Row | None:
        key = order.id
        price = fills.mean_price(order) if order.executions else None
        same_terms = seen is not None and seen.has_terms_of(order)
        before = self.rows.get(key)
        row = _order_row(order, price, before if same_terms else None)
        # A price may come later than its fill, because each tick processes a limited
        # number of executions.
        executions = order.executions if price is not None or not order.executions else -1
        self._seen[key] = _Seen(order, executions)
        if before == row:
            return None
        self.rows[key] = row
        return row

    def _shown(self, orders: OrderManager) -> list[Order]:
        # At most ORDERS_SHOWN: open ones first, then the latest others, including
        # denied ones; the newest come first. Ids count up from 1, and every order is in
        # one of the two groups.
        last = len(orders) + len(orders.denied)
        for number in range(max(self._last_id, last - 2 * ORDERS_SHOWN) + 1, last + 1):
            order = orders.get_order(str(number))
            if order is not None:
                self._latest.append(order)
        self._last_id = last
        shown = orders.get_active_orders()
        if len(shown) > ORDERS_SHOWN:
            return self._newest_of(shown)
        room = ORDERS_SHOWN - len(shown)
        for order in reversed(self._latest):
            if room == 0:
                break
            if order.state not in OPEN_STATES:
                shown.append(order)
                room -= 1
        return shown

    # Thousands of orders are sorted only every few steps: in between, new ones come
    # first, and ended ones are skipped.
    def _newest_of(self, active: list[Order]) -> list[Order]:
        if self._steps % _SETTLED_STEPS == 0 or len(self._newest) < ORDERS_SHOWN:
            self._newest = sorted(active, key=_number_of, reverse=True)
            return self._newest[:ORDERS_SHOWN]
        last = _number_of(self._newest[0])
        fresh = list(takewhile(lambda order: _number_of(order) > last, reversed(self._latest)))
        self._newest[:0] = [order for order in fresh if order.state in OPEN_STATES]
        still = (order for order in self._newest if order.state in OPEN_STATES)
        return list(islice(still, ORDERS_SHOWN))


def _order_row(order: Order, price: float | None, before: Row | None) -> Row:
    # If the terms did not change, the previous row `before` saves formatting them
    # again.
    if before is None:
        row = {
            "id": int(order.id),
            "created": us_of(order.created) // 1000,
            "symbol": order.asset.symbol,
            "side": "buy" if order.amount > 0 else "sell",
            "type": _type_of(order),
            "amount": plain(order.amount),
            "limit": plain_price(order.limit),
            "stop": plain_price(order.stop),
        }
    else:
        row = before.copy()
    row["filled"] = plain(order.filled) if order.executions else 0
    row["price"] = price
    row["state"] = order.state.value
    row["changed"] = us_of(order.dt) // 1000
    row["reason"] = cut(order.reason) if order.reason else ""
    row["open"] = int(order.is_open)
    return row


def _number_of(order: Order) -> int:
    return int(order.id)


def _type_of(order: Order) -> str:
    if order.limit is not None:
        return "limit" if order.stop is None else "stop limit"
    return "market" if order.stop is None else "stop"


class DenialReasons:
    """Reasons for denied orders, each with its count and latest order."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._counts: dict[str, Row] = {}
        self._seen = 0

    def step(self, orders: OrderManager) -> list[Row] | None:
        """Return all reasons if an order was denied since the last step, the latest
        first, otherwise None.
        """
        denied = orders.denied
        if len(denied) == self._seen:
            return None
        for order in islice(denied.values(), self._seen, None):
            reason = cut(order.reason or "denied")
            row = self._counts.pop(reason, {"reason": reason, "count": 0})
            row["count"] += 1
            row["last"] = us_of(order.dt) // 1000
            row["symbol"] = order.asset.symbol
            self._counts[reason] = row
            while len(self._counts) > REFUSALS_KEPT:
                del self._counts[next(iter(self._counts))]
        self._seen = len(denied)
        self.rows = [dict(row) for row in reversed(self._counts.values())]
        return self.rows


class LogLines:
    """The last lines of a bounded append-only log."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._last: str | None = None

    def step(self, log: deque[str]) -> list[str]:
        """Return the lines appended since."""
        fresh: list[str] = []
        for line in islice(reversed(log), LINES_KEPT):
            if line is self._last:
                break
            fresh.append(line)
        if log:
            self._last = log[-1]
        # Tracebacks are shown elsewhere.
        shown = [cut(line.partition("\n")[0]) for line in reversed(fresh)]
        self.lines.extend(shown)
        return shown
