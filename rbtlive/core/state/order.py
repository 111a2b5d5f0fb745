"""An order and its state table.

The rule: an order's state changes only through `Order.move`, and only along `LIFE`; an
illegal move changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, TypeAlias

from rbtlive.errors import IllegalTransition
from rbtlive.model.asset import Asset
from rbtlive.model.number import ZERO, to_decimal
from rbtlive.model.order_facts import OPEN_STATES, OrderState, OrderStatus

_S = OrderState
# Each look-up of an enum member calls a function, so they are looked up once.
_FILLED, _PARTIALLY_FILLED = _S.FILLED, _S.PARTIALLY_FILLED
_CREATED, _PENDING = _S.CREATED, _S.PENDING
_ENDS = {_S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED}

LIFE: Final[dict[OrderState, frozenset[OrderState]]] = {
    _S.CREATED: frozenset(
        {_S.SUBMITTED, _S.DENIED, _S.CANCELED, _S.EXPIRED, _S.PARTIALLY_FILLED, _S.FILLED}
    ),
    _S.SUBMITTED: frozenset({_S.PENDING, _S.PARTIALLY_FILLED, _S.UNKNOWN} | _ENDS),
    _S.PENDING: frozenset({_S.PARTIALLY_FILLED, _S.UNKNOWN} | _ENDS),
    _S.PARTIALLY_FILLED: frozenset({_S.PARTIALLY_FILLED, _S.UNKNOWN} | _ENDS),
    _S.UNKNOWN: frozenset({_S.PENDING, _S.PARTIALLY_FILLED} | _ENDS),
    # A venue may report a fill that crossed our cancel on the wire: late, but legal.
    _S.CANCELED: frozenset({_S.CANCELED, _S.FILLED}),
    _S.EXPIRED: frozenset({_S.EXPIRED, _S.FILLED}),
    # An order presumed lost may still arrive, and its trades are real.
    _S.REJECTED: frozenset({_S.REJECTED, _S.FILLED}),
    _S.FILLED: frozenset(),
    _S.DENIED: frozenset(),
}
"""The states that an order may move to from each state.

CREATED to FILLED: an order fills on the bar it was placed before (`batch_market_order`
in `before_trading_start`), or a split leaves nothing to trade.
"""


@dataclass(slots=True, eq=False)
class Order:
    """The known facts of one order.

    Attributes:
        id: Counter from "1" within a run.
        asset: The asset to trade.
        amount: Signed shares asked for.
        created: When it was placed, UTC.
        dt: When it last changed, UTC.
        limit: Limit price, or None.
        stop: Stop price, or None; a stop-limit order loses its stop when the stop is
            reached.
        filled: Signed shares filled so far.
        commission: Money charged so far.
        state: Its current state in `LIFE`.
        stop_reached: The stop price was touched.
        limit_reached: The limit price was touched.
        reason: Why it was denied, rejected or canceled; None otherwise.
        broker_order_id: The venue's name for it.
        executions: Number of its fills.
        cancel_reason: Why its cancel was requested; None if it was not. It is set
            before the venue answers.
        restated: A split has changed its prices.
        tag: The strategy's tag for it, or None.
    """

    id: str
    asset: Asset
    amount: Decimal
    created: datetime
    dt: datetime
    limit: Decimal | None = None
    stop: Decimal | None = None
    filled: Decimal = ZERO
    commission: Decimal = ZERO
    state: OrderState = OrderState.CREATED
    stop_reached: bool = False
    limit_reached: bool = False
    reason: str | None = None
    broker_order_id: str | None = None
    executions: int = 0
    cancel_reason: str | None = None
    restated: bool = field(default=False)
    tag: str | None = None

    @property
    def open_amount(self) -> Decimal:
        """Signed shares not filled yet."""
        return self.amount - self.filled

    @property
    def direction(self) -> float:
        """1.0 for a buy, -1.0 for a sell."""
        return 1.0 if self.amount > 0 else -1.0

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.state in OPEN_STATES

    @property
    def cancel_requested(self) -> bool:
        """Whether a cancel was requested."""
        return self.cancel_reason is not None

    @property
    def status(self) -> OrderStatus:
        """State that also compares as zipline's int."""
        return OrderStatus(self.state)

    def __copy__(self) -> Order:
        # A session keeps a snapshot of each order it touched; `copy` takes four times
        # as long with slots.
        return Order(*every_field(self))

    def snapshot(self) -> Order:
        """Return a snapshot of the order: the order itself once nothing can change it
        any more.
        """
        return self if self.state is _FILLED else Order(*every_field(self))

    def move(self, state: OrderState, dt: datetime) -> None:
        """Move to `state` at `dt`.

        Raises:
            IllegalTransition: `LIFE` has no such step; then nothing changes.
        """
        if state not in LIFE[self.state]:
            legal = ", ".join(sorted(LIFE[self.state])) or "none, it has ended"
            raise IllegalTransition(
                f"order {self.id} ({self.asset.symbol}) cannot go from {self.state} to {state}: "
                f"legal are {legal}"
            )
        self.state = state
        self.dt = dt

    def rest(self) -> None:
        """Go through SUBMITTED to PENDING when it was placed.

        Raises:
            IllegalTransition: the order was not just created.
        """
        if self.state is not _CREATED:
            self.move(_S.SUBMITTED, self.dt)
        self.state = _PENDING

    def apply_fill(self, amount: Decimal, commission: Decimal, dt: datetime) -> None:
        """Book an execution of `amount` signed shares.

        Raises:
            IllegalTransition: an order in this state cannot fill.
        """
        filled = self.filled + amount
        if filled == self.amount or abs(filled) >= abs(self.amount):
            state = _FILLED
        elif self.state in OPEN_STATES:
            state = _PARTIALLY_FILLED
        else:
            state = self.state  # a late fill of an order that has ended
        self.move(state, dt)
        self.filled = filled
        self.commission += commission
        self.executions += 1

    def fill_whole(self, commission: Decimal, dt: datetime) -> None:
        """Book the only execution of an order without earlier ones.

        Raises:
            IllegalTransition: an order in this state cannot fill.
        """
        self.move(_FILLED, dt)
        self.filled, self.commission, self.executions = self.amount, commission, 1

    def check_triggers(self, price: Decimal, dt: datetime) -> None:
        """Latch stop and limit once `price` touches them; a triggered stop-limit order
        continues as a limit order.

        Source: zipline-reloaded 3.2.1, finance/order.py, check_order_triggers.
        """
        if self.triggered:
            return
        if self.stop is not None and self.limit is not None:
            if not (price >= self.stop if self.amount > ZERO else price <= self.stop):
                return
            self.stop = None
        if self.is_touched(price):
            self.latch()
            self.dt = dt

    def is_touched(self, price: Decimal) -> bool:
        """Say whether `check_triggers` at `price` would let an order with either a
        limit or a stop fill; False if it has both.
        """
        if self.stop is None or self.limit is None:
            # A buy's limit is below the market, its stop above.
            if self.limit is not None:
                return price <= self.limit if self.amount > ZERO else price >= self.limit
            if self.stop is not None:
                return price >= self.stop if self.amount > ZERO else price <= self.stop
        return False

    def latch(self) -> None:
        """Record that the order's only price was touched."""
        self.stop_reached = self.stop is not None
        self.limit_reached = self.limit is not None

    @property
    def triggered(self) -> bool:
        """Whether it can fill now: market orders always, others once their prices were
        touched.
        """
        if self.stop is not None and not self.stop_reached:
            return False
        return not (self.limit is not None and not self.limit_reached)

    def apply_split(self, ratio: Decimal) -> None:
        """Adjust the order for a split of `ratio` (0.5 is two for one).

        The open amount is truncated on its own, so that a reverse split cannot create a
        share. Prices are rounded to the cent; half cents round as the binary product
        does. Source: zipline-reloaded 3.2.1, finance/order.py, handle_split.
        """
        lot = self.asset.lot_size
        remaining, _ = split_amount(self.open_amount, ratio, lot)
        self.filled, _ = split_amount(self.filled, ratio, lot)
        self.amount = self.filled + remaining
        if self.limit is not None:
            self.limit = self._restated(self.limit, ratio)
        if self.stop is not None:
            self.stop = self._restated(self.stop, ratio)
        self.restated = True

    def replace_terms(
        self, amount: Decimal, *, limit: Decimal | None, stop: Decimal | None
    ) -> None:
        """Continue with another amount and other prices."""
        self.amount, self.limit, self.stop = amount, limit, stop

    # In zipline, a price on the tick is the binary product of tick and number of ticks;
    # a price that a split adjusted is a plain float.
    def _restated(self, price: Decimal, ratio: Decimal) -> Decimal:
        tick = to_decimal(self.asset.tick_size)
        ticks = price / tick
        on_tick = not self.restated and ticks == ticks.to_integral_value()
        binary = float(tick) * int(ticks) if on_tick else float(price)
        return Decimal(repr(round(binary * float(ratio), 2)))


OrderFacts: TypeAlias = tuple[Any, ...]
"""The values of all fields of an order."""

every_field = attrgetter(*(part.name for part in fields(Order)))
"""Returns the values of all fields of an order."""


_SPLIT_DIGITS = 6


def truncate_to_lot(amount: Decimal, lot: Decimal) -> Decimal:
    """Return `amount` truncated toward zero to a multiple of `lot`."""
    return (amount / lot).to_integral_value(rounding="ROUND_DOWN") * lot


def split_amount(amount: Decimal, ratio: Decimal, lot: Decimal) -> tuple[Decimal, Decimal]:
    """Return `amount` adjusted for a split: whole lots, and the remaining fraction.

    Whole shares are divided in binary, as in zipline: a ratio of two thirds has no
    exact decimal, and its rounding must not decide about a share or a lot.
    """
    if lot != 1:
        restated = round(amount / ratio / lot, _SPLIT_DIGITS) * lot
        whole = truncate_to_lot(restated, lot)
        return whole, restated - whole
    shares = float(amount) / float(ratio)
    return Decimal(int(shares)), Decimal(repr(shares - int(shares)))
