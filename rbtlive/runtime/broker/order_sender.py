"""Sends one run's orders and cancels, and asks for orders with an unknown outcome.

The rule: a time-out is not a reject. An order with an unknown outcome is asked for
under its own id until the broker answers, and is never resent under another id.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from rbtlive.brokers.base import BrokerAdapter, BrokerOrder
from rbtlive.core.actions.callbacks import describe_error
from rbtlive.core.state.order import Order
from rbtlive.core.trading_core import TradingCore
from rbtlive.errors import BrokerError, OrderRefused
from rbtlive.model.commands import CancelOrder, Command, SubmitOrder
from rbtlive.model.order_facts import CLOSED_STATES, OrderState
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker import reconciliation as facts
from rbtlive.runtime.broker.broker_reports import BrokerReports
from rbtlive.runtime.broker.symbol_names import called_there
from rbtlive.runtime.clock import Clock
from rbtlive.runtime.journal.state_folder import client_order_id

SILENCE_S = 10.0
"""A command without an answer for this long is reported."""
WATCH_EVERY_S = 1.0


class OrderSender:
    """Sends commands that are on disk, one after the other.

    Args:
        broker: The broker.
        run_id: The run's id, a prefix of every client order id.
        core: Returns the core.
        clock: Provides wall time and elapsed time.
        reports: Receives the results of commands.

    Attributes:
        unknown_since: When each order's submission failed, in seconds, by order id.
        cancels_lost: Ids of orders whose cancel may not have arrived.
    """

    def __init__(
        self,
        broker: BrokerAdapter,
        *,
        run_id: str,
        core: Callable[[], TradingCore],
        clock: Clock,
        reports: BrokerReports,
    ) -> None:
        self.unknown_since: dict[str, float] = {}
        self.cancels_lost: set[str] = set()
        self._broker = broker
        self._run_id = run_id
        self._core = core
        self._clock = clock
        self._reports = reports
        self._outgoing: deque[Command] = deque()
        self._sending: Command | None = None
        self._sending_since_s = 0.0
        self._sendable = asyncio.Event()

    def send(self, commands: list[Command]) -> None:
        """Queue commands that are already on disk."""
        self._outgoing.extend(commands)
        self._sendable.set()

    async def keep_sending(self) -> None:
        """Send queued commands, one after the other, forever."""
        while True:
            while self._outgoing:
                self._sending, self._sending_since_s = self._outgoing.popleft(), self._now_s()
                await self._send(self._sending)
                self._sending = None
            self._sendable.clear()
            await self._sendable.wait()

    async def keep_watching(self) -> None:
        """Report how long the broker has not answered a command, and meanwhile send the
        cancels of other orders; runs forever.
        """
        reported, reported_s = None, 0.0
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            command, silent_s = self._sending, self._now_s() - self._sending_since_s
            if command is None or silent_s < SILENCE_S:
                continue
            if command is not reported or silent_s >= 2 * reported_s:
                reported, reported_s = command, silent_s
                waiting = f"; {len(self._outgoing)} more wait" if self._outgoing else ""
                self._reports.trouble(
                    f"{type(command).__name__} of order {command.order_id}",
                    BrokerError(f"has had no answer for {silent_s:.0f} s{waiting}"),
                )
            # The command may be answered while a cancel is sent; then the queue
            # continues.
            while self._sending is command and (cancel := self._next_cancel(command)) is not None:
                self._outgoing.remove(cancel)
                await self._send(cancel)

    # The first waiting cancel of an order that is neither waiting nor being sent.
    def _next_cancel(self, sending: Command) -> Command | None:
        unsent = {one.order_id for one in self._outgoing if isinstance(one, SubmitOrder)}
        unsent.add(sending.order_id)
        return next((one for one in self._outgoing if one.order_id not in unsent), None)

    async def _send(self, command: Command) -> None:
        order_id = command.order_id
        client_id = client_order_id(self._run_id, int(order_id))
        if isinstance(command, SubmitOrder):
            await self._submit(command, client_id)
            return
        try:
            await asking.cancel(self._broker, client_id)
        except Exception as failure:  # noqa: BLE001 - the outermost frame of a send: the next look asks for it again
            self.cancels_lost.add(order_id)
            self._reports.trouble_once(f"{type(command).__name__} of order {order_id}", failure)

    async def _submit(self, command: SubmitOrder, client_id: str) -> None:
        order_id = command.order_id
        there = called_there(self._core(), command.symbol)
        if there != command.symbol:
            command = command.model_copy(update={"symbol": there})
        try:
            broker_id = await asking.submit(self._broker, command, client_order_id=client_id)
            self._reports.update(order_id, OrderState.PENDING, broker_order_id=broker_id)
        except OrderRefused as refusal:
            await self._refused(order_id, client_id, refusal)
        except Exception as unknown:  # noqa: BLE001 - the outermost frame of a send: time-outs and resets are not rejects
            self._become_unknown(order_id, unknown)

    async def _refused(self, order_id: str, client_id: str, refusal: OrderRefused) -> None:
        # An order sent before a restart may have arrived after it: then only the second
        # submission is refused.
        try:
            there = await asking.find_order(self._broker, client_id)
        except Exception as unknown:  # noqa: BLE001 - the outermost frame of a request: no answer is not a refusal
            self._become_unknown(order_id, unknown)
            return
        if there is None or there.state is OrderState.REJECTED:
            self._reports.rejected(order_id, str(refusal))
        else:
            self._reports.update(
                order_id, OrderState.PENDING, broker_order_id=there.broker_order_id
            )

    def _become_unknown(self, order_id: str, why: Exception) -> None:
        self.note_unknown(order_id)
        self._reports.update(order_id, OrderState.UNKNOWN, reason=describe_error(why))
        self._reports.trouble(f"SubmitOrder of order {order_id}", why)

    def send_late_or_expire(self, order: Order, resend_within_s: float) -> None:
        """After a restart, send an intent that the broker does not know if it is recent
        and its session is open; otherwise it has expired.
        """
        now = self._clock.now()
        core = self._core()
        young = now - order.created < timedelta(seconds=resend_within_s)
        if not young or order.cancel_requested or not core.state.session_is_open_at(now):
            self._reports.tell(facts.expired(order, now))
            return
        self.send(
            [
                SubmitOrder(
                    order_id=order.id,
                    symbol=order.asset.symbol,
                    amount=order.amount,
                    limit=order.limit,
                    stop=order.stop,
                )
            ]
        )

    def note_unknown(self, order_id: str) -> None:
        """Record that an order's outcome is unknown."""
        self.unknown_since[order_id] = self._now_s()

    async def resolve_unknown(self, known: dict[str, BrokerOrder], timeout_s: float) -> None:
        """Ask for orders whose submission had no answer, and add those found to
        `known`; an order not found for `timeout_s` never arrived.
        """
        orders = self._core().state.orders
        for order_id, since_s in list(self.unknown_since.items()):
            order = orders.get_order(order_id)
            if order is None or order.state is not OrderState.UNKNOWN:
                del self.unknown_since[order_id]
                continue
            if order_id in known:
                continue  # the look creates its events
            answer = await asking.find_order(
                self._broker, client_order_id(self._run_id, int(order_id))
            )
            if answer is not None:
                known[order_id] = answer
            elif self._now_s() - since_s >= timeout_s:
                self._reports.tell(facts.never_arrived(order, self._clock.now()))
                del self.unknown_since[order_id]

    def cancel_again(self, known: dict[str, BrokerOrder]) -> None:
        """Resend the cancels that did not arrive."""
        # A failed cancel is repeated until the order has ended. So is the cancel of an
        # order that has ended here but is open there, or that the journal has lost: the
        # strategy decides again, and both would fill.
        orders = self._core().state.orders
        for order_id, theirs in known.items():
            order = orders.get_order(order_id)
            if theirs.state in CLOSED_STATES:
                self.cancels_lost.discard(order_id)
            elif order is None or order.state in {OrderState.EXPIRED, OrderState.REJECTED}:
                here = "lost from the journal" if order is None else f"{order.state} here"
                self._reports.trouble_once(
                    f"order {order_id}", BrokerError(f"is {here} and rests there: cancelling")
                )
                self.cancels_lost.add(order_id)
        for order_id in sorted(self.cancels_lost & known.keys(), key=int):
            self.cancels_lost.discard(order_id)
            self.send([CancelOrder(order_id=order_id)])

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
