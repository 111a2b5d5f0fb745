"""Breakers: limits that halt trading by themselves, checked after each slice.

The rule: a breaker decides on event time and books, and acts only through a CircuitBreakerEvent, which is journaled like
everything else; a replay takes the event and asks no breaker.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.errors import InvalidSetting
from rbtlive.model.events import CircuitBreakerEvent

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

MINUTE_US = 60_000_000


@dataclass(slots=True)
class Breakers:
    """What halts trading by itself; None is no limit.

    Attributes:
        max_drawdown: Fall of the portfolio's value from its highest, as a fraction (0.2 is a fifth).
        max_daily_loss: Loss since the session's start, in money.
        max_orders_per_minute: Orders placed within a minute of event time.
        max_errors: Callbacks that failed since the run began.
    """

    max_drawdown: float | None = None
    max_daily_loss: float | None = None
    max_orders_per_minute: int | None = None
    max_errors: int | None = None
    _peak: Decimal = field(default=Decimal(0), repr=False)
    _session: int = field(default=-1, repr=False)
    _session_value: Decimal = field(default=Decimal(0), repr=False)
    _last_value: Decimal | None = field(default=None, repr=False)
    _orders: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=10_000), repr=False)

    def __post_init__(self) -> None:
        for name in ("max_drawdown", "max_daily_loss", "max_orders_per_minute", "max_errors"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidSetting(
                    f"{name} of Breakers must be above zero: was {value!r}; leave it out for no limit"
                )

    @property
    def idle(self) -> bool:
        """Whether no limit is set."""
        return (self.max_drawdown, self.max_daily_loss, self.max_orders_per_minute, self.max_errors) == (
            None,
        ) * 4

    def check(self, core: TradingCore) -> CircuitBreakerEvent | None:
        """Return the event of the first limit that is passed, or None; a halted run trips nothing."""
        if self.idle or core.trading_state == "halted":
            return None
        name, reason = self._first_passed(core)
        return None if name is None else CircuitBreakerEvent(timestamp=core.now, name=name, reason=reason)

    def _first_passed(self, core: TradingCore) -> tuple[str | None, str]:
        core.mark()
        value = core.portfolio.portfolio_value
        session = core.market.session
        if session != self._session:
            self._session, self._session_value = session, _value_at_start(core)
        if self._last_value is None:  # a run that is carried on remembers its highest value
            self._peak = max((row.portfolio_value for row in core.record.sessions), default=value)
        self._peak = max(self._peak, value)
        self._last_value = value
        fall = float((self._peak - value) / self._peak) if self._peak > 0 else 0.0
        if self.max_drawdown is not None and fall > self.max_drawdown:
            return (
                "drawdown",
                f"portfolio value fell {fall:.1%} from its highest, the limit is {self.max_drawdown:.1%}",
            )
        loss = float(self._session_value - value)
        if self.max_daily_loss is not None and loss > self.max_daily_loss:
            return (
                "daily loss",
                f"{loss:,.2f} lost since the session's start, the limit is {self.max_daily_loss:,.2f}",
            )
        if (
            self.max_orders_per_minute is not None
            and self._orders_in_a_minute(core) > self.max_orders_per_minute
        ):
            return "order rate", f"more than {self.max_orders_per_minute} orders within a minute"
        if self.max_errors is not None and core.callbacks.failure_count > self.max_errors:
            return (
                "error rate",
                f"{core.callbacks.failure_count} callbacks failed, the limit is {self.max_errors}",
            )
        return None, ""

    def _orders_in_a_minute(self, core: TradingCore) -> int:
        now_us, placed = core.market.now_us, core.orders.last_id
        self._orders.append((now_us, placed))
        while len(self._orders) > 1 and self._orders[0][0] <= now_us - MINUTE_US:
            self._orders.popleft()
        before = self._orders[0][1] if len(self._orders) > 1 else 0
        return placed - before


def _value_at_start(core: TradingCore) -> Decimal:
    # Of the books, so that a restart within a session forgets no loss; the session itself may be closed already.
    before = (row for row in reversed(core.record.sessions) if row.label < core.session_label)
    row = next(before, None)
    return core.portfolio.capital_base if row is None else row.portfolio_value
