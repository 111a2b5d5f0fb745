"""What a run leaves behind: the facts that results, reports and panels are made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import overload

from rbtlive.core.order import Order
from rbtlive.core.settings import RunSettings
from rbtlive.model.asset import Asset
from rbtlive.model.order import Transaction


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
        prices: Last sale price of each.
    """

    __slots__ = ("_held", "_prices")

    def __init__(
        self, held: tuple[tuple[str, int, Decimal, Decimal], ...], prices: tuple[Decimal, ...]
    ) -> None:
        self._held = held
        self._prices = prices

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[PositionRow]:
        for held, price in zip(self._held, self._prices, strict=True):
            yield PositionRow(*held, price)

    @overload
    def __getitem__(self, place: int) -> PositionRow: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[PositionRow]: ...
    def __getitem__(self, place: int | slice) -> PositionRow | Sequence[PositionRow]:
        if isinstance(place, slice):
            return HeldRows(self._held[place], self._prices[place])
        return PositionRow(*self._held[place], self._prices[place])

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
    sessions: list[SessionRow] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    denied: list[Order] = field(default_factory=list)

    def copy(self) -> RunRecord:
        """Return a snapshot that later events leave alone."""
        return RunRecord(
            self.strategy_name,
            self.settings,
            self.assets,
            list(self.sessions),
            list(self.transactions),
            [order.picture() for order in self.orders],
            [order.picture() for order in self.denied],
        )
