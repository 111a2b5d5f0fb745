"""Round trips: which fill closed how much of which earlier fill, and the profit.

The rule: money is divided exactly. Each part is rounded once to 12 decimals, and the
last part takes the remainder, so that the parts add up to the original fills.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Literal

from rbtlive.core.state.book_adjustments import Adjustment
from rbtlive.core.state.record import RunRecord
from rbtlive.errors import SettingsError
from rbtlive.model.asset import Asset
from rbtlive.model.given import is_one_of
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, to_money
from rbtlive.model.order_facts import Transaction

Method = Literal["fifo", "average"]
METHODS = ("fifo", "average")


@dataclass(slots=True)
class Lot:
    """Shares that were bought, or sold short, and are still held.

    Attributes:
        quantity: Signed shares.
        cost: Signed money paid for them, without commission.
        commission: Money charged for opening them.
        time: When they were opened.
        tag: The opening order's tag.
        splits: Time and ratio of each split since.
    """

    quantity: Decimal
    cost: Decimal
    commission: Decimal
    time: datetime
    tag: str | None
    splits: list[tuple[datetime, Decimal]] = field(default_factory=list)

    def take(self, quantity: Decimal) -> Lot:
        """Remove `quantity` signed shares, and return them as a separate lot."""
        if quantity == self.quantity:
            share = Lot(quantity, self.cost, self.commission, self.time, self.tag, self.splits)
            self.quantity = self.cost = self.commission = ZERO
            return share
        cost = to_money(self.cost * quantity / self.quantity)
        commission = to_money(self.commission * quantity / self.quantity)
        self.quantity -= quantity
        self.cost -= cost
        self.commission -= commission
        return Lot(quantity, cost, commission, self.time, self.tag, list(self.splits))


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One entry and its exit, or an open position.

    Attributes:
        asset: The traded asset.
        lot: The shares and their opening costs.
        proceeds: Signed money received for them: negative when a short was bought back.
        exit_commission: Money charged for closing them.
        exit_time: When they were closed; None while they are open.
        exit_tag: The closing order's tag.
        mark: Price at which open shares are valued; None for closed ones, and if no
            price is known.
    """

    asset: Asset
    lot: Lot
    proceeds: Decimal
    exit_commission: Decimal = ZERO
    exit_time: datetime | None = None
    exit_tag: str | None = None
    mark: Decimal | None = None

    @property
    def is_open(self) -> bool:
        """Whether the shares are still held."""
        return self.exit_time is None

    @property
    def gross(self) -> Decimal:
        """Profit before commissions."""
        return self.proceeds - self.lot.cost

    @property
    def costs(self) -> Decimal:
        """Commissions of entry and exit."""
        return self.lot.commission + self.exit_commission


def round_trips_of(record: RunRecord, method: Method = "fifo") -> list[RoundTrip]:
    """Return the round trips of a run in the order of their exits, open ones last.

    Gross profit less costs, summed over all trips, plus dividends and other cash,
    equals the change of equity.

    Args:
        record: The run's record.
        method: "fifo" closes the oldest shares first; "average" uses one cost for all
            shares of an asset since its position was opened.

    Raises:
        SettingsError: the method is unknown.
    """
    if not is_one_of(method, METHODS):
        raise SettingsError(
            f"method must be one of {list(METHODS)}: was {method!r}; pass "
            '"fifo" to close the oldest shares first'
        )
    tags = {order.id: order.tag for order in record.orders if order.tag is not None}
    books: dict[Asset, _Book] = {}
    trips: list[RoundTrip] = []
    with localcontext(ENGINE_CONTEXT):
        for event in _in_order(record.transactions, record.adjustments):
            if event.asset is None:
                continue
            book = books.setdefault(event.asset, _Book(event.asset, average=method == "average"))
            if isinstance(event, Transaction):
                trips += book.fill(event, tags.get(event.order_id or ""))
            elif event.kind == "split":
                trips += book.split(event)
        marks = _marks(record)
        for asset, book in books.items():
            trips += book.open_trips(marks.get(asset.symbol))
    return trips


def _in_order(
    transactions: Sequence[Transaction], adjustments: Iterable[Adjustment]
) -> Iterator[Transaction | Adjustment]:
    done = 0
    for adjustment in adjustments:
        yield from transactions[done : adjustment.after]
        done = max(done, adjustment.after)
        yield adjustment
    yield from transactions[done:]


# A current run provides its latest prices; a recorded one those of its last close.
def _marks(record: RunRecord) -> dict[str, Decimal]:
    marks = {t.asset.symbol: t.price for t in record.transactions}
    if record.sessions:
        marks |= {p.symbol: p.last_sale_price for p in record.sessions[-1].positions}
    return marks | record.marks


class _Book:
    """The open lots of one asset, oldest first."""

    def __init__(self, asset: Asset, *, average: bool) -> None:
        self._asset = asset
        self._average = average
        self._lots: deque[Lot] = deque()
        self._held = ZERO

    def fill(self, fill: Transaction, tag: str | None) -> list[RoundTrip]:
        """Process a fill; return the trips that it closed."""
        held, amount = self._held, fill.amount
        closing = ZERO
        if held and held.is_signed() != amount.is_signed():
            closing = amount if abs(amount) <= abs(held) else -held
        opening = amount - closing
        cash = to_money(-fill.price * amount)
        opened_cost = -cash if not closing else to_money(opening * fill.price) if opening else ZERO
        charged = to_money(fill.commission * closing / amount) if opening else fill.commission
        trips = []
        if closing:
            trips = self._close(-closing, cash + opened_cost, charged, time=fill.dt, tag=tag)
        if opening:
            self._open(Lot(opening, opened_cost, fill.commission - charged, fill.dt, tag))
        self._held = held + amount
        return trips

    def _open(self, lot: Lot) -> None:
        if self._average and self._lots:
            kept = self._lots[0]
            kept.quantity += lot.quantity
            kept.cost += lot.cost
            kept.commission += lot.commission
        else:
            self._lots.append(lot)

    # Quantity has the sign of the position; the last lot takes the remaining money.
    def _close(
        self, quantity: Decimal, cash: Decimal, charged: Decimal, *, time: datetime, tag: str | None
    ) -> list[RoundTrip]:
        trips, whole, cash_left, charge_left = [], quantity, cash, charged
        while quantity and self._lots:
            lot = self._lots[0]
            part = lot.quantity if abs(lot.quantity) <= abs(quantity) else quantity
            quantity -= part
            last = not quantity
            proceeds = cash_left if last else to_money(cash * part / whole)
            costs = charge_left if last else to_money(charged * part / whole)
            cash_left -= proceeds
            charge_left -= costs
            trips.append(RoundTrip(self._asset, lot.take(part), proceeds, costs, time, tag))
            if not lot.quantity:
                self._lots.popleft()
        return trips

    def split(self, split: Adjustment) -> list[RoundTrip]:
        """Adjust the lots for a split; a fraction of a share that was paid in cash is a
        trip.
        """
        after, ratio = split.amount, split.ratio
        if after is None or not ratio or not self._lots:
            return []
        for lot in self._lots:
            lot.quantity = to_money(lot.quantity / ratio)
            lot.splits = [*lot.splits, (split.dt, ratio)]
        whole = to_money(self._held / ratio)
        fraction = whole - after
        # Without cash, the fraction is a rounding residue of a ratio like 0.333.
        if after and (not split.cash or fraction.is_signed() != after.is_signed()):
            whole, fraction = after, ZERO
        self._lots[-1].quantity += whole - sum((lot.quantity for lot in self._lots), ZERO)
        self._held = after
        if not fraction:
            return []
        return self._close(fraction, split.cash, ZERO, time=split.dt, tag=None)

    def open_trips(self, mark: Decimal | None) -> list[RoundTrip]:
        """Return the open trips, valued at `mark`."""
        if mark is not None and mark.is_nan():
            mark = None
        return [
            RoundTrip(
                self._asset,
                lot,
                lot.cost if mark is None else lot.quantity * mark,
                mark=mark,
            )
            for lot in self._lots
        ]
