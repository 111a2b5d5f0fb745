"""Rows and courses the panel shows: orders, positions, fills, equity, log lines,
failures.

The rule: each part keeps what was told last and returns only what changed since; none
changes what it looks at, and each is bounded however long the session runs.
"""

from __future__ import annotations

import math
import sys
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from rbtlive.core.callbacks import told
from rbtlive.core.order import Order
from rbtlive.core.order_manager import OrderManager
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.order import OPEN_STATES

ORDERS_SHOWN = 200
POSITIONS_SHOWN = 100
MARKS_KEPT = 200
COURSE_POINTS = 400
LINES_KEPT = 50
FAILURES_KEPT = 5
FILLS_A_TICK = 2000
"""How many executions one tick looks at; what is left over waits for the next."""
_SETTLED_STEPS = 5
_PRICES_KEPT = 4 * ORDERS_SHOWN
_TEXT_LIMIT = 400
_FRAMES_SHOWN = 6
_PACKAGE = str(Path(__file__).parents[2])

Row = list[Any]


def plain(value: Decimal | float | None, digits: int = 6) -> float | int | None:
    """Return a number that JSON can carry: rounded, None for what is not finite."""
    if value is None:
        return None
    number = float(value)
    if number.is_integer():
        return int(number)
    if not math.isfinite(number):
        return None
    rounded = round(number, digits)
    return int(rounded) if rounded.is_integer() else rounded


def cut(text: object, limit: int = _TEXT_LIMIT) -> str:
    """Return a text of at most `limit` characters; a longer one ends in an ellipsis."""
    shown = str(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


class Fills:
    """Executions: the mean price of each order shown, and the marks on the equity
    course.
    """

    def __init__(self) -> None:
        self.marks: deque[Row] = deque(maxlen=MARKS_KEPT)
        self._at = 0
        self._sums: dict[str, tuple[Decimal, Decimal]] = {}

    def step(self, core: TradingCore) -> list[Row]:
        """Take in executions since the last step and return their marks: [ms, amount,
        price, symbol].
        """
        transactions = core.record.transactions
        first, last = self._at, min(len(transactions), self._at + FILLS_A_TICK)
        if (
            len(transactions) - first > 10 * FILLS_A_TICK
        ):  # far behind: what is seen no more is not caught up on
            first, last = len(transactions) - FILLS_A_TICK, len(transactions)
        for fill in transactions[first:last]:
            if fill.order_id is not None:
                amount, money = self._sums.get(fill.order_id, (Decimal(0), Decimal(0)))
                self._sums[fill.order_id] = amount + fill.amount, money + fill.amount * fill.price
        self._at = last
        fresh = [
            [us_of(f.dt) // 1000, plain(f.amount), plain(f.price, 4), f.asset.symbol]
            for f in transactions[max(first, last - MARKS_KEPT) : last]
        ]
        self.marks.extend(fresh)
        self._forget()
        return fresh

    def is_behind(self, core: TradingCore) -> bool:
        """Whether executions wait to be taken in."""
        return self._at < len(core.record.transactions)

    def mean_price(self, order: Order) -> float | int | None:
        """Return the mean price of an order's executions, None if there are none or not
        all were seen.
        """
        amount, money = self._sums.get(order.id, (None, None))
        if amount is None or money is None or not amount or amount != order.filled:
            return None
        return plain(money / amount, 4)

    def _forget(self) -> None:
        # Sums are kept in the order of first fills; the oldest go, those of long-lived
        # orders at worst.
        excess = len(self._sums) - _PRICES_KEPT
        if excess > 0:
            for order_id in list(islice(self._sums, excess)):
                del self._sums[order_id]


class OrderRows:
    """The open orders and the latest of the others."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._facts: dict[str, tuple[Any, ...]] = {}
        self._settled: set[str] = set()
        self._steps = 0
        self._latest: deque[Order] = deque(maxlen=2 * ORDERS_SHOWN)
        self._last_id = 0

    def step(self, orders: OrderManager, fills: Fills) -> tuple[list[Row], list[int]]:
        """Return the rows that changed and the ids that are shown no more.

        A row is [id, symbol, amount, filled, limit, stop, mean price, state, reason,
        created ms, changed ms, open].
        """
        self._steps += 1
        if self._steps % _SETTLED_STEPS == 0:
            self._settled.clear()  # an order that has ended can still change: a fill that comes late
        shown = self._shown(orders)
        settled = self._settled
        changed = [
            row
            for order in shown
            if order.id not in settled and (row := self._changed(order, fills))
        ]
        gone = (
            self._facts.keys() - {order.id for order in shown}
            if len(shown) < len(self._facts)
            else ()
        )
        for key in gone:
            del self.rows[key], self._facts[key]
            settled.discard(key)
        return changed, [int(key) for key in gone]

    def _changed(self, order: Order, fills: Fills) -> Row | None:
        # By identity, at what every change of an order renews.
        key = order.id
        facts = self._facts.get(key)
        if (
            facts is not None
            and order.dt is facts[0]
            and order.executions == facts[1]
            and order.state is facts[2]
            and order.amount is facts[3]
            and order.limit is facts[4]
            and order.stop is facts[5]
        ):
            if order.state not in OPEN_STATES:
                self._settled.add(key)
            return None
        price = fills.mean_price(order) if order.executions else None
        same_terms = facts is not None and (order.amount, order.limit, order.stop) == facts[3:]
        row = _order_row(order, price, self.rows.get(key) if same_terms else None)
        # A price may come later than the fill it belongs to: executions are taken in a
        # number at a time.
        executions = order.executions if price is not None or not order.executions else -1
        self._facts[key] = (
            order.dt,
            executions,
            order.state,
            order.amount,
            order.limit,
            order.stop,
        )
        if self.rows.get(key) == row:
            return None
        self.rows[key] = row
        return row

    def _shown(self, orders: OrderManager) -> list[Order]:
        # At most ORDERS_SHOWN: open ones first, then the latest others, denied ones
        # included; the newest come first.
        last = len(orders) + len(
            orders.denied
        )  # ids count up from 1, and every order is in one of the two
        for number in range(max(self._last_id, last - 2 * ORDERS_SHOWN) + 1, last + 1):
            order = orders.get_order(str(number))
            if order is not None:
                self._latest.append(order)
        self._last_id = last
        shown = orders.get_active_orders()
        if len(shown) > ORDERS_SHOWN:
            shown.sort(key=lambda order: int(order.id), reverse=True)
            return shown[:ORDERS_SHOWN]
        room = ORDERS_SHOWN - len(shown)
        for order in reversed(self._latest):
            if room == 0:
                break
            if order.state not in OPEN_STATES:
                shown.append(order)
                room -= 1
        return shown


def _order_row(order: Order, price: float | None, before: Row | None) -> Row:
    # An order's row `before` of the same terms spares putting them into words again.
    if before is None:
        placed = [int(order.id), order.asset.symbol, plain(order.amount)]
        limits, created = [plain(order.limit), plain(order.stop)], us_of(order.created) // 1000
    else:
        placed, limits, created = before[:3], before[4:6], before[9]
    return [
        *placed,
        plain(order.filled) if order.executions else 0,
        *limits,
        price,
        order.state.value,
        cut(order.reason or ""),
        created,
        us_of(order.dt) // 1000,
        int(order.is_open),
    ]


class PositionRows:
    """What is held, the largest first, at the latest known prices."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.held = 0
        self.value = 0.0

    def step(self, core: TradingCore) -> tuple[list[Row], list[str]]:
        """Return the rows that changed and the symbols held no more.

        A row is [symbol, amount, cost a share, price, value, profit not yet realised].
        """
        rows = [_position_row(core, position) for position in core.portfolio]
        self.held = len(rows)
        self.value = sum(row[4] or 0.0 for row in rows)
        if len(rows) > POSITIONS_SHOWN:
            rows = sorted(rows, key=lambda row: -abs(row[4] or 0.0))[:POSITIONS_SHOWN]
        before, self.rows = self.rows, {row[0]: row for row in rows}
        changed = [row for row in rows if before.get(row[0]) != row]
        return changed, [symbol for symbol in before if symbol not in self.rows]


def _position_row(core: TradingCore, position: Any) -> Row:
    # Looked up and not marked: marking is the strategy's business, and changes what is
    # booked.
    price = core.market.price(position.asset.index) if core.market.now_us else math.nan
    if not math.isfinite(price):
        price = float(position.last_sale_price)
    amount, basis = float(position.amount), float(position.basis_cost)
    value = amount * price if math.isfinite(price) else basis
    return [
        position.asset.symbol,
        plain(amount),
        plain(basis / amount, 4) if amount else None,
        plain(price, 4),
        plain(value, 2),
        plain(value - basis, 2),
    ]


class Course:
    """A line of at most COURSE_POINTS points over a whole run, however long: it gets
    coarser as it gets longer.
    """

    def __init__(self) -> None:
        self.points: list[Row] = []
        self._stride = 0.0

    def add(self, points: Iterable[tuple[float, float]]) -> tuple[list[Row], bool]:
        """Take in (x, y) in order of x; return the points added, and whether the line
        was thinned instead.
        """
        fresh: list[Row] = []
        thinned = False
        for x, y in points:
            if self.points and x - self.points[-1][0] < max(self._stride, 1.0):
                continue
            self.points.append([x, y])
            fresh.append(self.points[-1])
            if len(self.points) >= COURSE_POINTS:
                self._stride = 2 * (self.points[-1][0] - self.points[0][0]) / COURSE_POINTS
                self.points[:] = self.points[::2]
                thinned = True
        return fresh, thinned


class EquityCourse(Course):
    """Portfolio value over the run: each session's close, and what the ticks saw in
    between.
    """

    def __init__(self, core: TradingCore) -> None:
        super().__init__()
        self._sessions = 0
        self.live: Row | None = None
        self._capital = plain(core.settings.capital_base, 2)

    def step(self, core: TradingCore, value: float) -> tuple[list[Row], bool]:
        """Return what `add` says of the sessions closed since, and of the value now."""
        rows = core.record.sessions
        backlog = len(rows) - self._sessions
        every = max(1, backlog // COURSE_POINTS)
        closes = (
            [
                (us_of(row.close) // 1000, round(float(row.portfolio_value), 2))
                for row in rows[self._sessions + (backlog - 1) % every :: every]
            ]
            if backlog
            else []
        )
        self._sessions = len(rows)
        if core.market.now_us:
            self.live = [core.market.now_us // 1000, round(value, 2)]
            closes.append((self.live[0], self.live[1]))
        return self.add(closes)


class LogLines:
    """The last lines of a bounded log to which lines are only appended."""

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
        shown = [
            cut(line.partition("\n")[0]) for line in reversed(fresh)
        ]  # tracebacks have a place of their own
        self.lines.extend(shown)
        return shown


class Failures:
    """The latest kinds of failures, each with its traceback and how often it came."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[str, str, int], Row] = {}
        self._made = 0
        self._last: dict[str, BaseException | None] = {}

    def step(self, sources: Mapping[str, deque[BaseException]]) -> list[Row]:
        """Return the kinds that are new or came again: [number, times, title,
        traceback].

        Args:
            sources: Bounded logs of failures to which failures are only appended, by
                name.
        """
        changed: dict[tuple[str, str, int], BaseException] = {}
        for name, failures in sources.items():
            for failure in self._fresh(name, failures):
                kind = _kind(failure)
                row = self.kinds.pop(kind, None)
                if row is None:
                    self._made += 1
                    row = [self._made, 0, "", ""]
                row[1] += 1
                self.kinds[kind] = row
                changed[kind] = failure
        while len(self.kinds) > FAILURES_KEPT:
            del self.kinds[next(iter(self.kinds))]
        for kind, failure in changed.items():
            if (
                kind in self.kinds and not self.kinds[kind][3]
            ):  # putting one into words is what costs
                self.kinds[kind][2:] = cut(told(failure)), traceback_text(failure)
        return [self.kinds[kind] for kind in changed if kind in self.kinds]

    def _fresh(self, name: str, failures: deque[BaseException]) -> list[BaseException]:
        fresh: list[BaseException] = []
        for failure in reversed(failures):
            if failure is self._last.get(name):
                break
            fresh.append(failure)
        self._last[name] = failures[-1] if failures else None
        return fresh[::-1]


def _kind(failure: BaseException) -> tuple[str, str, int]:
    trace = failure.__traceback__
    where, line = "", 0
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            where, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return type(failure).__name__, where, line


def traceback_text(failure: BaseException) -> str:
    """Return a failure as a traceback of the user's own lines, cells named as the
    notebook names them.
    """
    frames = list(traceback.extract_tb(failure.__traceback__, limit=-40))
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)] or frames[-1:]
    lines = []
    for frame in own[-_FRAMES_SHOWN:]:
        lines.append(f"{_place(frame.filename)}, line {frame.lineno}, in {frame.name}")
        if frame.line:
            lines.append(f"    {frame.line}")
    lines.append(told(failure))
    if failure.__cause__ is not None:
        lines.append(f"caused by {told(failure.__cause__)}")
    return cut("\n".join(lines), 4000)


def _place(filename: str) -> str:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    name = None if shell is None else shell.compile.format_code_name(filename)
    return " ".join(name) if name else Path(filename).name
