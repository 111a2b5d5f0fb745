"""What a run leaves behind: the facts that results, reports and panels are made from."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast, overload

from rbtlive.core.closings import Closing, Held, exact, reckon
from rbtlive.core.order import Order
from rbtlive.core.settings import RunSettings
from rbtlive.data.calendar import TradingCalendar, datetime_of
from rbtlive.model.asset import Asset
from rbtlive.model.number import ZERO
from rbtlive.model.order import Transaction

if TYPE_CHECKING:
    from rbtlive.data.panel import Floats


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A position at a session's close."""

    symbol: str
    sid: int
    amount: Decimal
    cost_basis: Decimal
    last_sale_price: Decimal


class HeldRows(Sequence[PositionRow]):
    """The positions at a session's close, as rows made when they are read.

    Sessions in which nothing traded share what is held, and differ in prices alone.

    Args:
        held: Symbol, sid, signed amount and cost basis of each position.
        prices: Last sale price of each; floats are made exact when they are read.
    """

    __slots__ = ("_held", "_prices")

    def __init__(self, held: Held, prices: Floats | tuple[Decimal, ...]) -> None:
        self._held = held
        self._prices = prices

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[PositionRow]:
        for held, price in zip(self._held, exact(self._prices), strict=True):
            yield PositionRow(*held, price)

    @overload
    def __getitem__(self, place: int) -> PositionRow: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[PositionRow]: ...
    def __getitem__(self, place: int | slice) -> PositionRow | Sequence[PositionRow]:
        if isinstance(place, slice):
            return HeldRows(self._held[place], self._prices[place])
        return PositionRow(*self._held[place], exact(self._prices)[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # compared by its rows

    def __repr__(self) -> str:
        return repr(tuple(self))


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session's books at its close; money in Decimal, ratios in float.

    Attributes:
        label: The session.
        open: Its first minute, UTC.
        close: Its last minute, UTC.
        starting_cash: Cash after dividends paid at the session's start.
        starting_value: Positions at the prices of the session before.
        capital_used: The session's cash flow, dividends included.
        returns: (1 + total) / (1 + total before) - 1.
        benchmark_return: The benchmark's, or None without one.
        recorded: Recorded variables as they were at the close.
        orders: Orders placed or changed in the session, as they were at its close, latest change last.
        transactions: First and one past the last index into the run's transactions.
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
    orders: tuple[Order, ...]
    transactions: tuple[int, int]


_NAMES = tuple(part.name for part in fields(SessionRow))
_PLACES = {name: place for place, name in enumerate(_NAMES)}
_MOMENTS = ("open", "close")


class SessionRows(MutableSequence[SessionRow]):
    """The rows of a run's sessions, oldest first, made when they are read.

    What nobody reads is never made: of a close its facts are kept, of many closes the figures are reckoned at once, and
    a row is made of them when it is asked for.

    Args:
        calendar: Knows the sessions by number.
        rows: Rows of sessions that were over before.
    """

    __slots__ = ("_calendar", "_items", "_reckoned")

    def __init__(self, calendar: TradingCalendar, rows: Iterable[SessionRow] = ()) -> None:
        self._calendar = calendar
        # Rows, what rows are made of (values in the order of their fields, but the session's number for its open, and its
        # close in µs), and closes of which nobody has read.
        self._items: list[SessionRow | tuple[Any, ...] | Closing] = list(rows)
        self._reckoned = len(self._items)

    def note(self, closing: Closing) -> None:
        """Add the row of the session that was closed last."""
        self._items.append(closing)

    def column(self, name: str) -> list[Any]:
        """Return one field of every row, without making rows."""
        if name in _MOMENTS:
            return [getattr(row, name) for row in self]
        self._reckon()
        place = _PLACES[name]
        return [item[place] if type(item) is tuple else getattr(item, name) for item in self._items]

    def last(self, name: str) -> Any:
        """Return one field of the last row."""
        self._reckon()
        return _value(self._items[-1], name)

    @property
    def transactions_told(self) -> int:
        """How many of the run's transactions belong to the sessions."""
        return cast(int, _value(self._items[-1], "transactions")[1]) if self._items else 0

    def measure(self, returns: Iterable[float]) -> None:
        """Put the benchmark's returns, one a session, into the rows."""
        self._reckon()
        place = _PLACES["benchmark_return"]
        for number, (item, value) in enumerate(zip(self._items, returns, strict=True)):
            if type(item) is tuple:
                self._items[number] = (*item[:place], value, *item[place + 1 :])
            else:
                self._items[number] = replace(cast(SessionRow, item), benchmark_return=value)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[SessionRow]:
        number = 0
        while number < len(self._items):
            yield self._row(number)
            number += 1

    @overload
    def __getitem__(self, place: int) -> SessionRow: ...
    @overload
    def __getitem__(self, place: slice) -> list[SessionRow]: ...
    def __getitem__(self, place: int | slice) -> SessionRow | list[SessionRow]:
        if isinstance(place, slice):
            return [self._row(number) for number in range(*place.indices(len(self._items)))]
        return self._row(place)

    @overload
    def __setitem__(self, place: int, row: SessionRow) -> None: ...
    @overload
    def __setitem__(self, place: slice, row: Iterable[SessionRow]) -> None: ...
    def __setitem__(self, place: int | slice, row: Any) -> None:
        self._reckon()
        self._items[place] = row
        self._reckoned = len(self._items)

    def __delitem__(self, place: int | slice) -> None:
        self._reckon()
        del self._items[place]
        self._reckoned = len(self._items)

    def insert(self, place: int, row: SessionRow) -> None:
        """Put a row before another."""
        self._reckon()
        self._items.insert(place, row)
        self._reckoned = len(self._items)

    def __copy__(self) -> SessionRows:
        other = SessionRows(self._calendar)
        other._items, other._reckoned = list(self._items), self._reckoned
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by its rows

    def __repr__(self) -> str:
        return repr(list(self))

    def _row(self, place: int) -> SessionRow:
        self._reckon()
        item = self._items[place]
        if isinstance(item, tuple):
            label, session, close_us, *rest = item
            opened = datetime_of(self._calendar.first_minute_us(session))
            item = self._items[place] = SessionRow(label, opened, datetime_of(close_us), *rest)
        return item

    def _reckon(self) -> None:
        first = self._reckoned
        if first == len(self._items):
            return
        closings = cast("list[Closing]", self._items[first:])
        before = self._items[first - 1] if first else None
        labels = self._calendar.labels[[closing.session for closing in closings]].tolist()
        figures = reckon(
            closings,
            ending_value=ZERO if before is None else _value(before, "ending_value"),
            total_return=0.0 if before is None else _value(before, "total_return"),
        )
        self._items[first:] = [
            (
                label,
                closing.session,
                closing.close_us,
                closing.starting_cash,
                closing.cash,
                *figures[:2],
                closing.capital_used,
                *figures[2:],
                None,
                closing.recorded,
                HeldRows(closing.held, closing.prices),
                closing.orders,
                closing.transactions,
            )
            for label, closing, figures in zip(labels, closings, figures, strict=True)
        ]
        self._reckoned = len(self._items)


def _value(item: SessionRow | tuple[Any, ...] | Closing, name: str) -> Any:
    return item[_PLACES[name]] if type(item) is tuple else getattr(item, name)


def column(sessions: Sequence[SessionRow], name: str) -> list[Any]:
    """Return one field of every row."""
    return (
        sessions.column(name)
        if isinstance(sessions, SessionRows)
        else [getattr(row, name) for row in sessions]
    )


@dataclass(slots=True)
class RunRecord:
    """Everything one run did.

    Attributes:
        strategy_name: Class, module or dict name of the strategy.
        settings: What was asked for.
        assets: All assets of the data, in sid order.
        sessions: One row a finished session.
        transactions: All executions, in order.
        orders: All orders that were sent, in order of creation.
        denied: Orders our own guards or breakers refused.
        auto_closed: Positions closed because their asset left the market: no order, no commission.
    """

    strategy_name: str
    settings: RunSettings
    assets: tuple[Asset, ...]
    sessions: MutableSequence[SessionRow] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    denied: list[Order] = field(default_factory=list)

    def copy(self) -> RunRecord:
        """Return a snapshot that later events leave alone."""
        return RunRecord(
            self.strategy_name,
            self.settings,
            self.assets,
            copy.copy(self.sessions),
            list(self.transactions),
            [order.picture() for order in self.orders],
            [order.picture() for order in self.denied],
        )
