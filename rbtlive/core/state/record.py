"""The record of a run: the facts that results, reports and panels are built from.

The rule: a close stores only its own data; rows and columns are built from them when
they are read.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import starmap
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, cast, overload
from weakref import ref

from rbtlive.core.state.book_adjustments import Adjustment
from rbtlive.core.state.float_figures import NO_FLOATS, FloatFigures, float_figures
from rbtlive.core.state.held import Held
from rbtlive.core.state.kept_days import (
    KeptDays,
    every_close,
    recorded_of_each,
    session_numbers,
)
from rbtlive.core.state.order import Order
from rbtlive.core.state.row_log import RowLog
from rbtlive.core.state.run_notes import RunNotes
from rbtlive.core.state.session_figures import Figures, SessionClose, compute_figures, exact
from rbtlive.core.state.settings import RunSettings
from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of
from rbtlive.model.asset import Asset
from rbtlive.model.number import ZERO
from rbtlive.model.order_facts import Transaction

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A position at a session's close."""

    symbol: str
    sid: int
    amount: Decimal
    cost_basis: Decimal
    last_sale_price: Decimal


class HeldRows(Sequence[PositionRow]):
    """The positions at a session's close, as rows built when they are read.

    Sessions without trades share the holdings and differ only in prices.

    Args:
        held: The holdings.
        prices: Last sale price of each position; floats are made exact when they are
            read.
    """

    __slots__ = ("_held", "_prices")

    def __init__(self, held: Held, prices: Floats | tuple[Decimal, ...]) -> None:
        self._held = held
        self._prices = prices

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[PositionRow]:
        return starmap(PositionRow, self.facts())

    def facts(self) -> Iterator[tuple[str, int, Decimal, Decimal, Decimal]]:
        """Return symbol, sid, signed amount, cost basis and last sale price of each
        position without building rows.
        """
        return (
            (*held, price)
            for held, price in zip(self._held.rows(), exact(self._prices), strict=True)
        )

    @overload
    def __getitem__(self, place: int) -> PositionRow: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[PositionRow]: ...
    def __getitem__(self, place: int | slice) -> PositionRow | Sequence[PositionRow]:
        if isinstance(place, slice):
            return tuple(self)[place]
        return PositionRow(*self._held.rows()[place], exact(self._prices)[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # compared by its rows

    def __repr__(self) -> str:
        return repr(tuple(self))


def position_facts(
    held: Iterable[PositionRow],
) -> Iterable[tuple[str, int, Decimal, Decimal, Decimal]]:
    """Return symbol, sid, signed amount, cost basis and last sale price of each
    position.
    """
    if isinstance(held, HeldRows):
        return held.facts()
    return [(p.symbol, p.sid, p.amount, p.cost_basis, p.last_sale_price) for p in held]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session's books at its close; money in Decimal, ratios in float.

    Attributes:
        label: The session.
        open: Its first minute, UTC.
        close: Its last minute, UTC.
        starting_cash: Cash after dividends paid at the session's start.
        starting_value: Positions at the prices of the previous session.
        capital_used: The session's cash flow, dividends included.
        returns: (1 + total) / (1 + total before) - 1.
        benchmark_return: The benchmark's return, or None without a benchmark.
        recorded: Recorded variables as they were at the close.
        orders: Orders placed or changed in the session, as they were at its close,
            latest change last.
        transactions: First and one past the last index into the run's transactions.
        adjustments: Changes of the books in the session that are not fills.
    """

    label: date
    open: datetime
    close: datetime
    starting_cash: Decimal
    ending_cash: Decimal
    starting_value: Decimal
    ending_value: Decimal
    capital_used: Decimal
    portfolio_value: Decimal
    pnl: Decimal
    total_pnl: Decimal
    returns: float
    total_return: float
    gross_leverage: float
    net_leverage: float
    long_value: Decimal
    short_value: Decimal
    longs_count: int
    shorts_count: int
    benchmark_return: float | None
    recorded: dict[str, object]
    positions: Sequence[PositionRow]
    orders: Sequence[Order]
    transactions: tuple[int, int]
    adjustments: tuple[Adjustment, ...] = ()


# The names of row fields that a close keeps unchanged, by the close's own field.
_KEPT = {
    "starting_cash": "starting_cash",
    "ending_cash": "cash",
    "capital_used": "capital_used",
    "recorded": "recorded",
    "orders": "orders",
    "transactions": "transactions",
    "adjustments": "adjustments",
}


KEPT_FLOATS: Final = 8
"""Float figures are kept as arrays for this many runs, once they were read."""
_WITH_FLOATS: deque[ref[SessionRows]] = deque()


class SessionRows(MutableSequence[SessionRow]):
    """The rows of a run's sessions, oldest first, built when one of them is read.

    Before that, only the deciding data of each close is kept, and columns are read
    without rows.

    Args:
        calendar: The calendar that numbers the sessions.
        rows: Rows of sessions that ended before.
    """

    __slots__ = (
        "__weakref__",
        "_benchmark",
        "_calendar",
        "_closes",
        "_count",
        "_figures",
        "_floats",
        "_rows",
    )

    def __init__(self, calendar: TradingCalendar, rows: Iterable[SessionRow] = ()) -> None:
        self._calendar = calendar
        self._rows = list(rows)
        self._closes: list[SessionClose | KeptDays] = []  # closes after the existing rows
        self._count = 0  # number of sessions without a row yet
        self._floats: FloatFigures | None = None
        self._figures: dict[str, list[Any]] = {}
        self._benchmark: list[float] | None = None

    def note(self, close: SessionClose) -> None:
        """Add the session that has just closed."""
        self._closes.append(close)
        self._count += 1
        self._figures, self._floats = {}, None

    def note_days(self, days: KeptDays) -> None:
        """Add the sessions that have just closed, which are kept together."""
        self._closes.append(days)
        self._count += days.count
        self._figures, self._floats = {}, None

    def last_close(self) -> SessionClose | None:
        """Return the last close; None if it is among kept days, or is a row."""
        last = self._closes[-1] if self._closes else None
        return last if isinstance(last, SessionClose) else None

    def column(self, name: str) -> list[Any]:
        """Return one field of every row."""
        if name not in (*_KEPT, *Figures._fields, "label", "benchmark_return"):
            self._make()
        made = [getattr(row, name) for row in self._rows]
        return made + self._unmade(name) if self._closes else made

    def floats(self, name: str) -> Sequence[Any]:
        """Return one of the figures of every row, money as the nearest float; for many
        rows this costs a small part of exact figures.
        """
        if not self._rows and self._closes and self._floats is None and not self._figures:
            found = float_figures(self._closes, ending_value=ZERO, total_return=0.0)
            self._floats = found or NO_FLOATS
            self._note_floats()
        known = None if self._rows or self._floats is None else self._floats.get(name)
        return _as_floats(self.column(name)) if known is None else known.tolist()

    # They would take half of a kept result's memory: the latest ones stay, since
    # several columns are read one after the other.
    def _note_floats(self) -> None:
        _WITH_FLOATS.append(ref(self))
        while len(_WITH_FLOATS) > KEPT_FLOATS:
            other = _WITH_FLOATS.popleft()()
            if other is not None and other is not self:
                other._floats = None  # noqa: SLF001 - of this very class

    def measure(self, returns: Sequence[float]) -> None:
        """Set the benchmark's return in each row, one per session."""
        self._rows = [
            replace(row, benchmark_return=value)
            for row, value in zip(self._rows, returns, strict=False)
        ]
        self._benchmark = list(returns[len(self._rows) :])

    def __len__(self) -> int:
        return len(self._rows) + self._count

    def __iter__(self) -> Iterator[SessionRow]:
        self._make()
        return iter(self._rows)

    @overload
    def __getitem__(self, place: int) -> SessionRow: ...
    @overload
    def __getitem__(self, place: slice) -> list[SessionRow]: ...
    def __getitem__(self, place: int | slice) -> SessionRow | list[SessionRow]:
        self._make()
        return self._rows[place]

    @overload
    def __setitem__(self, place: int, row: SessionRow) -> None: ...
    @overload
    def __setitem__(self, place: slice, row: Iterable[SessionRow]) -> None: ...
    def __setitem__(self, place: int | slice, row: Any) -> None:
        self._make()
        self._rows[place] = row

    def __delitem__(self, place: int | slice) -> None:
        self._make()
        del self._rows[place]

    def insert(self, place: int, row: SessionRow) -> None:
        """Insert a row before another."""
        self._make()
        self._rows.insert(place, row)

    def __copy__(self) -> SessionRows:
        other = SessionRows(self._calendar, self._rows)
        other._closes, other._count = list(self._closes), self._count
        other._figures, other._benchmark = self._figures, self._benchmark
        if self._floats is not None:
            other._floats = self._floats
            other._note_floats()
        return other

    def __reduce__(self) -> tuple[type, tuple[list[SessionRow]]]:
        return list, (self[:],)  # pickles without the calendar of 60 years

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by its rows

    def __repr__(self) -> str:
        return repr(list(self))

    # A field of the rows that are not built yet.
    def _unmade(self, name: str) -> list[Any]:
        if name == "label":
            return cast(list[Any], self._calendar.labels[session_numbers(self._closes)].tolist())
        if name == "benchmark_return":
            return list(self._benchmark) if self._benchmark else [None] * self._count
        if name == "recorded":
            return recorded_of_each(self._closes)
        closes = every_close(self._closes, self._calendar)
        if name in _KEPT:
            return list(map(attrgetter(_KEPT[name]), closes))
        if not self._figures:
            before = self._rows[-1] if self._rows else None
            self._figures = compute_figures(
                closes,
                ending_value=ZERO if before is None else before.ending_value,
                total_return=0.0 if before is None else before.total_return,
            )
        return self._figures[name]

    def _make(self) -> None:
        if not self._closes:
            return
        names = ("label", "benchmark_return", *_KEPT, *Figures._fields)
        columns = zip(*(self._unmade(name) for name in names), strict=True)
        closes = every_close(self._closes, self._calendar)
        self._rows += [
            SessionRow(
                **dict(zip(names, values, strict=True)),
                open=datetime_of(self._calendar.first_minute_us(close.session)),
                close=datetime_of(close.close_us),
                positions=HeldRows(close.held, close.prices),
            )
            for close, values in zip(closes, columns, strict=True)
        ]
        self._closes, self._figures, self._benchmark = [], {}, None
        self._count, self._floats = 0, None


def transaction_log(rows: Iterable[Transaction] = ()) -> MutableSequence[Transaction]:
    """Return transactions that are kept in columns."""
    return RowLog(tuple, Transaction, rows)


def transaction_column(transactions: Sequence[Transaction], name: str) -> list[Any]:
    """Return one field of every transaction."""
    if isinstance(transactions, RowLog):
        return transactions.column(Transaction._fields.index(name))
    return list(map(attrgetter(name), transactions))


def transaction_floats(transactions: Sequence[Transaction], name: str) -> list[float]:
    """Return one Decimal field of every transaction, as the nearest floats."""
    if isinstance(transactions, RowLog):
        return transactions.floats(Transaction._fields.index(name))
    return [float(getattr(transaction, name)) for transaction in transactions]


def transaction_texts(transactions: Sequence[Transaction], name: str) -> list[str]:
    """Return one Decimal field of every transaction, as written text."""
    if isinstance(transactions, RowLog):
        return transactions.texts(Transaction._fields.index(name))
    return [str(getattr(transaction, name)) for transaction in transactions]


def column(sessions: Sequence[SessionRow], name: str) -> list[Any]:
    """Return one field of every row."""
    return (
        sessions.column(name)
        if isinstance(sessions, SessionRows)
        else [getattr(row, name) for row in sessions]
    )


def floats(sessions: Sequence[SessionRow], name: str) -> Sequence[Any]:
    """Return one of the figures of every row, as numbers that are not Decimals."""
    return (
        sessions.floats(name)
        if isinstance(sessions, SessionRows)
        else _as_floats([getattr(row, name) for row in sessions])
    )


def _as_floats(values: Iterable[Any]) -> list[Any]:
    return [float(value) if isinstance(value, Decimal) else value for value in values]


@dataclass(slots=True)
class RunRecord:
    """Everything that one run did.

    Attributes:
        strategy_name: Class, module or dict name of the strategy.
        settings: The run's settings.
        assets: All assets of the data, in sid order.
        sessions: One row per finished session.
        transactions: All executions, in order.
        orders: All orders that were sent, in order of creation.
        denied: Orders our own guards or breakers refused.
        adjustments: Changes of the books that are not fills, in order.
        marks: Latest price of each position held now, by symbol.
        pnl: Profit since the start at these prices; None if only sessions are known.
        notes: Facts that neither orders nor rows show.
    """

    strategy_name: str
    settings: RunSettings
    assets: tuple[Asset, ...]
    sessions: MutableSequence[SessionRow] = field(default_factory=list)
    transactions: MutableSequence[Transaction] = field(default_factory=transaction_log)
    orders: MutableSequence[Order] = field(default_factory=list)
    denied: list[Order] = field(default_factory=list)
    adjustments: list[Adjustment] = field(default_factory=list)
    marks: dict[str, Decimal] = field(default_factory=dict)
    pnl: Decimal | None = None
    notes: RunNotes = field(default_factory=RunNotes)

    def adjust(
        self,
        kind: str,
        *,
        dt: datetime,
        asset: Asset | None = None,
        cash: Decimal = ZERO,
        ratio: Decimal | None = None,
        amount: Decimal | None = None,
    ) -> None:
        """Record a change of the books that is not a fill; see `Adjustment`."""
        self.adjustments.append(
            Adjustment(kind, dt, asset, cash, ratio, amount, len(self.transactions))
        )

    def copy(self) -> RunRecord:
        """Return a snapshot that later events do not change."""
        return RunRecord(
            self.strategy_name,
            self.settings,
            self.assets,
            copy.copy(self.sessions),
            copy.copy(self.transactions),
            copy.copy(self.orders),
            [order.snapshot() for order in self.denied],
            list(self.adjustments),
            dict(self.marks),
            self.pnl,
            self.notes.copy(),
        )
