"""Let the venue fill orders, and apply each execution to the run: order, ledger,
record, and the strategy's hook.

The rule: an execution is booked completely before the next one is decided, and all of a
step's transactions come before all of its commissions: cost basis depends on that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from rbtlive.core.actions.callbacks import deliver
from rbtlive.core.actions.waiting_fills import fill_only, fill_waiting
from rbtlive.core.run_state import RunState
from rbtlive.core.shown.order_views import OrderView, TransactionView
from rbtlive.core.state.order import Order
from rbtlive.core.state.venue_port import RemoteVenue
from rbtlive.errors import InvariantBroken
from rbtlive.model.asset import Asset
from rbtlive.model.events import OrderFillEvent
from rbtlive.model.number import ZERO
from rbtlive.model.order_facts import Transaction
from rbtlive.sim.matching import SimVenue, execution_id, fill_event

_MOST = Decimal(10**9)
_FEWEST = -_MOST


def match(state: RunState, open_orders: dict[Asset, list[Order]]) -> None:
    """Let the venue fill open orders on the current bar."""
    orders, venue = state.orders, state.venue
    waiting = orders.waiting
    if not open_orders and len(waiting.amounts) == 1 and waiting.is_flushed and fill_only(state):
        if orders.emptied:
            orders.prune()
        settle(state)
        if state.callbacks.waiting:
            deliver(state)
        return  # most orders are alone
    if waiting.amounts and not waiting.is_flushed:
        waiting.make()  # placed since the last bar: they are news of this one
        orders.version += 1
    before = open_orders  # fills follow the order of the book
    if open_orders and waiting.amounts and not open_orders.keys().isdisjoint(waiting.amounts):
        before = waiting.placed_before()
    # Limit and stop orders mostly rest: one comparison shows it.
    if before and not venue.has_nothing_to_do(
        before, version=orders.version, close_of=state.market.close
    ):
        if waiting.amounts and not before.keys().isdisjoint(waiting.amounts):
            # The first one's asset has orders that came before it.
            waiting.make_one(next(iter(waiting.amounts)))
            orders.version += 1
            before = before if waiting.amounts else open_orders
        _match(state, before, is_alone=not waiting.amounts)
    if waiting.amounts:
        fill_waiting(state, _match)
    orders.prune()
    settle(state)
    if state.callbacks.waiting:
        deliver(state)


def _match(
    state: RunState, open_orders: dict[Asset, list[Order]], *, is_alone: bool = False
) -> None:
    now, emit = state.now, state.emit
    state.orders.looks += 1
    book_whole = None
    if emit is None:
        if state.callbacks.hooks["on_order_fill"] is None:
            is_only = (
                is_alone
                and len(open_orders) == 1
                and not state.unbooked_commissions
                and not state.unbooked_charges
            )
            book_whole = whole_fills(state, now, is_only=is_only)

        # Nothing else listens to fills, so no event is created: this saves a third of
        # an order's cost.
        def book(order: Order, amount: Decimal, price: Decimal, commission: Decimal) -> None:
            name = execution_id(order)
            state.orders.fill(order, amount, commission, now)
            _book(state, order, amount, price=price, commission=commission, dt=now, name=name)
    else:

        def book(order: Order, amount: Decimal, price: Decimal, commission: Decimal) -> None:
            emit(fill_event(order, amount, price, commission, now=now))

    state.venue.match(
        open_orders,
        data=state.data,
        now=now,
        emit=book,
        emit_whole=book_whole,
        version=state.orders.version,
        close_of=state.market.close,
    )


def let_orders_wait(state: RunState) -> None:
    """Keep a backtest's market orders as plain numbers until the next bar, if nothing
    can observe the difference.
    """
    venue, orders = state.venue, state.orders
    if (
        orders.archive is not None
        and isinstance(venue, SimVenue)
        and venue.fills_whole
        and state.emit is None
        and state.on_session_closed is None
        and state.callbacks.hooks["on_order_fill"] is None
    ):
        orders.waiting.begin(orders.archive, state.changed_orders, state.outbox)


def whole_fills(
    state: RunState, now: datetime, *, is_only: bool
) -> Callable[[Order, Decimal, Decimal], None]:
    """Return what books executions that fill their orders completely, one an asset at
    most, with the same result as the general way.

    Args:
        state: The run.
        now: When, UTC.
        is_only: Nothing else fills on the bar.
    """
    portfolio, orders, log = state.portfolio, state.orders, state.record.transactions
    charge = state.unbooked_commissions.append

    def book(order: Order, price: Decimal, commission: Decimal) -> None:
        asset, amount, order_id = order.asset, order.amount, order.id
        orders.fill_whole(order, commission, now)
        if is_only and _FEWEST < amount < _MOST:
            portfolio.book_only_fill((asset, amount, price, commission), now)
        else:
            portfolio.book_transaction(asset, amount, price=price, dt=now)
            if commission > ZERO:
                charge((asset, commission))
        fill = (now, asset, amount, price, commission, order_id, order_id + "-1")
        log.append(_row(Transaction, fill))

    return book


_row = tuple.__new__  # the class's own way calls a function of Python


def on_fill(state: RunState, event: OrderFillEvent) -> None:
    """Book a reported execution, unless it is already booked.

    Raises:
        UnknownOrder: no order has that id.
        IllegalTransition: the order cannot fill in its state; then nothing changes.
    """
    order = state.orders.apply_fill(event)
    if order is not None:
        _book(
            state,
            order,
            event.amount,
            price=event.price,
            commission=event.commission,
            dt=event.timestamp,
            name=event.execution_id,
        )


def settle(state: RunState) -> None:
    """Charge the commissions of the fills, and check that the books balance.

    Raises:
        InvariantBroken: the books do not balance.
    """
    portfolio = state.portfolio
    if state.unbooked_charges:
        for fills in state.unbooked_charges:
            portfolio.book_charges(fills)
        state.unbooked_charges.clear()
    if state.unbooked_commissions:
        portfolio.book_commissions(state.unbooked_commissions)
        state.unbooked_commissions.clear()
    if state.balanced_version != portfolio.version:
        state.balanced_version = portfolio.version
        off = portfolio.conservation_error()
        if off:
            raise InvariantBroken(f"cash and positions do not balance: off by {off} at {state.now}")


def _book(
    state: RunState,
    order: Order,
    amount: Decimal,
    *,
    price: Decimal,
    commission: Decimal,
    dt: datetime,
    name: str,
) -> None:
    asset = order.asset
    state.portfolio.book_transaction(asset, amount, price=price, dt=dt)
    # As in zipline, a negative commission is shown but not booked; a broker's rebate is
    # booked.
    if commission > ZERO or (commission and isinstance(state.venue, RemoteVenue)):
        state.unbooked_commissions.append((asset, commission))
    state.record.transactions.append(
        Transaction(dt, asset, amount, price, commission, order.id, name)
    )
    state.orders.touch(order)
    if state.callbacks.hooks["on_order_fill"] is not None:
        presenter = state.presenter
        view = TransactionView(
            order, presenter, dt=dt, amount=amount, price=price, commission=commission
        )
        state.callbacks.waiting.append(("on_order_fill", (OrderView(order, presenter), view)))
