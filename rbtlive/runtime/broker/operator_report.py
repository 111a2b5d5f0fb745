"""The outcome of `stop()`, `flatten()` and `kill()`, by the broker's own books.

The rule: `confirmed` means that the broker said so; anything that could not be asked is
not confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.errors import BrokerError
from rbtlive.model.order_facts import OPEN_STATES
from rbtlive.runtime.broker import asking
from rbtlive.runtime.engine.containment import guarded

if TYPE_CHECKING:
    from rbtlive.brokers.base import BrokerOrder
    from rbtlive.runtime.broker.broker_link import BrokerLink
    from rbtlive.runtime.engine.live_run import LiveRun

ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class OperatorReport:
    """The outcome of `stop()`, `flatten()` or `kill()`.

    Attributes:
        action: The action requested.
        orders: Ids of orders that are still open; at a real broker, client order ids.
        positions: Signed shares held, by the run's symbols; at a real broker, by its
            books.
        confirmed: Whether all orders to be cancelled are gone, all positions to be
            closed are closed, and the books agree; at a real broker, by its own books.
        differences: Differences between the run's books and the broker's, one sentence
            each.
    """

    action: str
    orders: tuple[str, ...] = ()
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    confirmed: bool = False
    differences: tuple[str, ...] = ()

    @property
    def open_orders(self) -> tuple[str, ...]:
        """Equal to `orders`."""
        return self.orders


async def report_of(run: LiveRun, action: str, *, cancels: bool = True) -> OperatorReport:
    """Return the state of orders and positions after an action.

    Args:
        run: The run.
        action: The action requested: "stop", "kill" or "flatten".
        cancels: Whether open orders were to be cancelled.
    """
    core, link = run.core, run.link
    if link is None:
        orders = tuple(order.id for order in core.state.orders.get_active_orders())
        positions = {p.asset.symbol: p.amount for p in core.state.portfolio}
        done = not (cancels and orders) and not (action == "flatten" and positions)
        return OperatorReport(action, orders, positions, done)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            known, held, share = await guarded(_books(run, link), "the broker", BrokerError)
    except Exception as failure:  # noqa: BLE001 - a report names what it could not find out
        resting = tuple(order.id for order in core.state.orders.get_active_orders())
        ours = {p.asset.symbol: p.amount for p in core.state.portfolio}
        silence = f"the broker did not answer: {describe_error(failure)}"
        return OperatorReport(action, resting, ours, confirmed=False, differences=(silence,))
    resting = tuple(o.client_order_id for o in known if o.state in OPEN_STATES)
    symbols = link.watch.traded()
    ours = link.watch.ours()
    differences = tuple(
        f"position of {symbol}: is {ours.get(symbol, 0)} here and {share.get(symbol, 0)} "
        "at the broker"
        for symbol in sorted(symbols)
        if ours.get(symbol, Decimal(0)) != share.get(symbol, Decimal(0))
    )
    flat = action != "flatten" or not share
    return OperatorReport(
        action,
        resting,
        {symbol: amount for symbol, amount in held.items() if symbol in symbols and amount},
        confirmed=flat and not differences and not (cancels and resting),
        differences=differences,
    )


async def _books(
    run: LiveRun, link: BrokerLink
) -> tuple[Sequence[BrokerOrder], Mapping[str, Decimal], Mapping[str, Decimal]]:
    # A user's adapter is not trusted to leave out only what has ended.
    only = not asking.is_of_users(run.broker)
    known = await asking.orders(run.broker, prefix=f"{run.journal.run_id}-", open_only=only)
    return known, await link.watch.held(), await link.watch.share()
