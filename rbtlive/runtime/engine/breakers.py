"""Breakers: limits that halt trading automatically.

The rule: a breaker acts only through a CircuitBreakerEvent, which is journaled like any
other event; a replay applies the event and checks no breaker. Limits on wall time apply
only to live feeds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from rbtlive.errors import InvalidSetting
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    OrderFillEvent,
)
from rbtlive.model.given import is_one_of
from rbtlive.model.interval import MINUTE_US
from rbtlive.model.order_facts import CLOSED_STATES, OrderState

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

KEPT_SLICES = 10_000
ACTIONS = ("halt", "reduce", "flatten")


@dataclass(frozen=True, slots=True)
class Breakers:
    """Limits that stop trading automatically; None means no limit.

    `session.resume()` continues trading and starts new counts: an earlier fall, loss or
    error does not trip a breaker twice.

    Attributes:
        max_drawdown: Fall of the portfolio's value from its highest, as a fraction (0.2
            is a fifth).
        max_daily_loss: Loss since the session's start, in money.
        max_orders_per_minute: Orders placed within a minute of event time.
        max_errors: Failed callbacks since the run began.
        max_callback_s: Seconds that the callbacks of one event may take; only on live
            feeds.
        max_loop_lag_s: Seconds for which other code, such as a cell, may block the
            loop; only on live feeds.
        stale_after_bars: Intervals of open hours without a bar after which prices are
            stale; only on live feeds of minutes. Stale data halts whatever `action`
            says.
        blind_after_s: Seconds for which a real broker's books may be unreadable. A
            blind run halts whatever `action` says; so does one whose account is
            blocked.
        refusals_in_a_row: Consecutive orders that a broker refused; a fill, or an order
            that is accepted and stays accepted, resets the count.
        action: The effect of the other limits: "halt" all trading, let orders only
            "reduce" positions, or "flatten", which cancels all orders, closes all
            positions and halts.
    """

    max_drawdown: float | None = None
    max_daily_loss: float | None = None
    max_orders_per_minute: int | None = None
    max_errors: int | None = None
    max_callback_s: float | None = None
    max_loop_lag_s: float | None = None
    stale_after_bars: float | None = 2.0
    blind_after_s: float | None = 15.0
    refusals_in_a_row: int | None = None
    action: Literal["halt", "reduce", "flatten"] = "halt"

    def __post_init__(self) -> None:
        if not is_one_of(self.action, ACTIONS):
            raise InvalidSetting(
                f"action of Breakers must be one of {', '.join(map(repr, ACTIONS))}: was "
                f"{self.action!r}"
            )
        for name in self.__slots__:
            value = getattr(self, name)
            if name == "action" or value is None:
                continue
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float, Decimal))
                or not value > 0
            ):
                raise InvalidSetting(
                    f"{name} of Breakers must be a number above zero: was {value!r}; pass None for "
                    "no limit"
                )
        if self.max_drawdown is not None and self.max_drawdown > 1:
            raise InvalidSetting(
                f"max_drawdown of Breakers must be a fraction: was {self.max_drawdown}, which no "
                f"value can fall by; write {self.max_drawdown / 100:g} for {self.max_drawdown:g} %"
            )

    @property
    def checked_after_slices(self) -> bool:
        """Whether a limit is set that is checked after each slice."""
        limits = (
            self.max_drawdown,
            self.max_daily_loss,
            self.max_orders_per_minute,
            self.max_errors,
        )
        return any(limit is not None for limit in limits)


class BreakerWatch:
    """Checks one run against its limits.

    Args:
        limits: The limits; several runs may share them.

    Attributes:
        has_checks: Whether `check` has anything to do.
    """

    def __init__(self, limits: Breakers) -> None:
        self.limits = limits
        self.has_checks = limits.checked_after_slices
        self._peak = Decimal(0)
        self._sessions_before = self._errors_before = self._orders_before = 0
        self._session = -1
        self._session_value = Decimal(0)
        self._refusals = 0
        self._rows_before: dict[str, int] = {}
        self._orders: deque[tuple[int, int]] = deque(maxlen=KEPT_SLICES)

    def begin(self, core: TradingCore) -> None:
        """Start from a run's highest value and its orders so far; call it before the
        run's first new event.
        """
        since = core.state.record.sessions[self._sessions_before :]
        first = self._peak or core.state.portfolio.capital_base
        self._peak = max([first, *(row.portfolio_value for row in since)])
        self._orders_before = core.state.orders.last_id

    def check(self, core: TradingCore) -> CircuitBreakerEvent | None:
        """Return the event of the first limit on the books that is exceeded, or None;
        call it after each slice.
        """
        if not self.has_checks or not self._may_trip(core):
            return None
        return self._check_books(core) or self._check_counts(core)

    def check_callbacks(self, core: TradingCore, took_s: float) -> CircuitBreakerEvent | None:
        """Return the event for a strategy that was too slow, or None.

        Args:
            core: The run's core.
            took_s: Seconds of wall time that the callbacks of one event took.
        """
        limit = self.limits.max_callback_s
        if limit is None or took_s <= limit or not self._may_trip(core):
            return None
        return self._trip(
            core,
            "slow strategy",
            f"the callbacks of one event took {took_s:.3g} s, the limit is {limit:g} s",
        )

    def check_lag(self, core: TradingCore, lag_s: float) -> CircuitBreakerEvent | None:
        """Return the event for a loop that was blocked too long, or None.

        Args:
            core: The run's core.
            lag_s: Seconds for which the loop was blocked.
        """
        limit = self.limits.max_loop_lag_s
        if limit is None or lag_s <= limit or not self._may_trip(core):
            return None
        return self._trip(
            core, "loop lag", f"the loop was held for {lag_s:.3g} s, the limit is {limit:g} s"
        )

    def check_refusals(self, core: TradingCore, event: Event) -> CircuitBreakerEvent | None:
        """Return the event for too many refusals in a row, or None.

        Args:
            core: The run's core.
            event: A broker's report on an order, before it is processed.
        """
        limit = self.limits.refusals_in_a_row
        if limit is None:
            return None
        order_id = getattr(event, "order_id", "")
        if isinstance(event, OrderFillEvent):
            self._refusals = 0
            self._rows_before.pop(order_id, None)
            return None
        status = getattr(event, "status", OrderState.REJECTED)
        order = core.state.orders.get_order(order_id)
        if order is None or not order.is_open:
            return None  # the same refusal is reported again
        if status is OrderState.PENDING:
            # Some brokers accept every order and refuse it a moment later: a refusal
            # after an acceptance continues the row that the acceptance had ended.
            if order_id not in self._rows_before:
                self._rows_before[order_id], self._refusals = self._refusals, 0
        elif status is OrderState.REJECTED:
            self._refusals += 1 + self._rows_before.pop(order_id, 0)
        elif status in CLOSED_STATES:
            self._rows_before.pop(order_id, None)
        if self._refusals < limit or not self._may_trip(core):
            return None
        reason = getattr(event, "reason", "")
        return self._trip(
            core, "refusals", f"{self._refusals} orders in a row were refused, the last: {reason}"
        )

    def note_resumed(self, core: TradingCore) -> None:
        """Restart the counts: a person has seen the cause and lets trading go on."""
        core.state.marks.mark()
        self._peak = self._session_value = core.state.portfolio.portfolio_value
        self._session = core.state.market.session
        self._sessions_before = len(core.state.record.sessions)
        self._errors_before = core.state.callbacks.failure_count
        self._orders_before = core.state.orders.last_id
        self._orders.clear()
        self._refusals = 0
        self._rows_before.clear()

    def _may_trip(self, core: TradingCore) -> bool:
        state = core.state.trading_state
        return state == "running" or (state == "reducing" and self.limits.action != "reduce")

    def _trip(self, core: TradingCore, name: str, reason: str) -> CircuitBreakerEvent:
        return CircuitBreakerEvent(
            timestamp=core.state.now, name=name, reason=reason, action=self.limits.action
        )

    def _check_books(self, core: TradingCore) -> CircuitBreakerEvent | None:
        limits = self.limits
        core.state.marks.mark()
        value = core.state.portfolio.portfolio_value
        if core.state.market.session != self._session:
            self._session, self._session_value = core.state.market.session, _value_at_start(core)
        self._peak = peak = max(self._peak, value)
        fall = float((peak - value) / peak) if peak > 0 else 0.0
        if limits.max_drawdown is not None and fall > limits.max_drawdown:
            return self._trip(
                core,
                "drawdown",
                f"portfolio value fell {fall:.1%} from its highest, the limit is "
                f"{limits.max_drawdown:.1%}",
            )
        loss = float(self._session_value - value)
        if limits.max_daily_loss is not None and loss > limits.max_daily_loss:
            return self._trip(
                core,
                "daily loss",
                f"{loss:,.2f} lost since the session's start, the limit is "
                f"{limits.max_daily_loss:,.2f}",
            )
        return None

    def _check_counts(self, core: TradingCore) -> CircuitBreakerEvent | None:
        most_orders, most_errors = self.limits.max_orders_per_minute, self.limits.max_errors
        if most_orders is not None and self._orders_in_a_minute(core) > most_orders:
            return self._trip(core, "order rate", f"more than {most_orders} orders within a minute")
        errors = core.state.callbacks.failure_count - self._errors_before
        if most_errors is not None and errors > most_errors:
            return self._trip(
                core, "error rate", f"{errors} callbacks failed, the limit is {most_errors}"
            )
        return None

    def _orders_in_a_minute(self, core: TradingCore) -> int:
        now_us, placed = core.state.market.now_us, core.state.orders.last_id
        while self._orders and self._orders[0][0] <= now_us - MINUTE_US:
            self._orders_before = self._orders.popleft()[1]
        self._orders.append((now_us, placed))
        return placed - self._orders_before


def _value_at_start(core: TradingCore) -> Decimal:
    # From the books, so that a restart within a session keeps its loss; the session
    # itself may already be closed.
    before = (
        row for row in reversed(core.state.record.sessions) if row.label < core.state.session_label
    )
    row = next(before, None)
    return core.state.portfolio.capital_base if row is None else row.portfolio_value
