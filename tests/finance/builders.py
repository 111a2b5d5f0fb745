"""A bar and orders as a caller may bring them to the models."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rbtlive.errors import HistoryWindowStartsBeforeData
from rbtlive.model.asset import Equity
from rbtlive.model.number import Number

NOW = datetime(2020, 1, 2, 21, tzinfo=UTC)


def an_asset(
    symbol: str = "ALFA", sid: int = 1, lot_size: str = "1", tick_size: str = "0.01"
) -> Equity:
    """Return an equity that lives from 2020-01-03 to 2020-02-03."""
    return Equity(
        sid=sid,
        symbol=symbol,
        start_date=date(2020, 1, 3),
        end_date=date(2020, 2, 3),
        auto_close_date=date(2020, 2, 4),
        lot_size=Decimal(lot_size),
        tick_size=Decimal(tick_size),
    )


ALFA = an_asset()


@dataclass
class ABar:
    """One bar of one asset, with its daily history; `decimal` shows numbers as
    strategies see them by default.
    """

    close: float = 100.0
    volume: float = 1000.0
    high: float = 101.0
    low: float = 99.0
    daily: dict[str, list[float]] | None = None
    decimal: bool = False
    current_dt: datetime = NOW

    def current(self, asset: Any, field_name: str) -> Any:
        value = float(getattr(self, "close" if field_name == "price" else field_name))
        return Number(repr(value)) if self.decimal else value

    def history(self, asset: Any, field_name: str, bar_count: int, frequency: str) -> list[float]:
        assert frequency == "1d"
        if self.daily is None:
            raise HistoryWindowStartsBeforeData("no daily bars yet")
        return self.daily[field_name][-bar_count:]


@dataclass
class AnOrder:
    """An order with numbers of any kind; stop and limit latch on closes."""

    amount: Any
    limit: Any = None
    stop: Any = None
    filled: Any = 0
    commission: Any = 0
    asset: Equity = ALFA
    id: str = "1"
    reached: bool = field(default=False)
    seen: list[Any] = field(default_factory=list)

    @property
    def open_amount(self) -> Any:
        return self.amount - self.filled

    @property
    def direction(self) -> float:
        return 1.0 if self.amount > 0 else -1.0

    @property
    def triggered(self) -> bool:
        return self.reached or (self.limit is None and self.stop is None)

    def check_triggers(self, price: Any, dt: Any) -> None:
        self.seen.append((float(price), dt))
        buy = self.amount > 0
        if self.limit is not None:
            self.reached |= bool(price <= self.limit if buy else price >= self.limit)
        if self.stop is not None:
            self.reached |= bool(price >= self.stop if buy else price <= self.stop)


@dataclass
class AFill:
    """A fill as commission models see it."""

    amount: Any
    price: Any = 100.0


def fills(model: Any, bar: ABar, *orders: AnOrder) -> list[tuple[str, float, float]]:
    """Run the model over a bar, book each fill before the next, and return (order id,
    price, amount).
    """
    booked = []
    for number, order in enumerate(orders, start=1):
        order.id = str(number)
    for order, price, amount in model.simulate(bar, orders[0].asset, orders):
        order.filled += amount if isinstance(order.filled, Decimal) else float(amount)
        booked.append((order.id, float(price), float(amount)))
    return booked
