"""The engine's side of a real account: what a run begins with, what a person does to it,
and how it is left.

The rule: what changes the run's books goes through the engine's events; what is said of
the account comes from the broker.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.model.events import (
    CashAdjustmentEvent,
    Event,
    OperatorEvent,
    PositionAdjustmentEvent,
    SplitEvent,
)
from rbtlive.runtime.broker.account_news import ACTIVITIES_KNOWN
from rbtlive.runtime.broker.account_opening import (
    AccountOpener,
    AccountRules,
    TakenHolding,
    last_price_of,
)
from rbtlive.runtime.broker.broker_link import BrokerLink, LinkSettings
from rbtlive.runtime.broker.ownership import Ownership
from rbtlive.runtime.broker.report import OperatorReport, report_of
from rbtlive.runtime.journal.journal import RowKind
from rbtlive.runtime.journal.recorder import moment_of

if TYPE_CHECKING:
    from rbtlive.runtime.engine.engine import TradingEngine

ACCOUNT_OPENED = "AccountOpened"
"""Type of the note that holds what a run on a real account began with."""
OPENING_EVENTS = (PositionAdjustmentEvent, CashAdjustmentEvent, SplitEvent)
"""What may change a run's books before its first slice."""
STOP_WITHIN_S = 10.0
"""How long a stop waits for its cancels to be confirmed."""
STOP_CHECK_S = 0.25


class AccountSide:
    """One run's account, as its engine uses it.

    Args:
        engine: The engine.
        rules: What the run may own.
        link: How the broker is watched.
        own: The capital base is what is free on the account.

    Attributes:
        link: The connection to the broker; None before it is made, and on paper.
        opening: What changed the books before the first slice.
        stop_report: What was left when the run was stopped.
    """

    def __init__(
        self, engine: TradingEngine, *, rules: AccountRules, link: LinkSettings, own: bool
    ) -> None:
        self.link: BrokerLink | None = None
        self.opening: list[Event] = []
        self.stop_report: OperatorReport | None = None
        self._engine = engine
        self._rules = rules
        self._link_settings = link
        self._own = own
        self._taken: list[TakenHolding] = []

    async def connect(self, *, begun: bool) -> Decimal | None:
        """Connect, and return the capital base that the account gives, None if it
        stays as it is.

        Args:
            begun: Whether the run goes on from a segment that has begun.

        Raises:
            BrokerError: the account cannot be used.
            InvalidSetting: more money was asked for than is free.
        """
        engine = self._engine
        await engine.broker.connect()
        notes = {row.type: row.data() for row in engine.journal.rows_of_kind(RowKind.NOTE)}
        outside, known = notes.get("HeldOutside"), notes.get(ACTIVITIES_KNOWN)
        path = engine.journal.path
        self.link = BrokerLink(
            engine.broker,
            run_id=engine.journal.run_id,
            core=lambda: engine.core,
            tell=engine.enqueue,
            tell_now=engine.dispatcher.dispatch_now,
            note=self._note,
            clock=engine.clock,
            settings=self._link_settings,
            outside=None if outside is None else {s: Decimal(n) for s, n in outside.items()},
            ownership=Ownership(
                None if path is None else path.parent,
                "" if path is None else path.stem,
                engine.journal.run_id,
            ),
            owns_all=self._own,
            activities=None if known is None else set(known),
        )
        opener = AccountOpener(
            engine.broker,
            self._rules,
            ownership=self.link.watch.ownership,
            assets=[asset.symbol for asset in engine.core.state.assets],
            last_price=lambda symbol: last_price_of(engine.core, symbol),
        )
        if begun or ACCOUNT_OPENED in notes:
            await opener.know_account()
            noted = notes.get(ACCOUNT_OPENED)
            return Decimal(noted["equity"]) if noted and self._own and not begun else None
        given = None if self._own else engine.core.state.settings.capital_base
        opened = await opener.open(given)
        self._taken = [] if engine.journal.resumed else opened.taken
        if not self._own:
            return None
        self._note(ACCOUNT_OPENED, opened.facts())
        return opened.capital

    def _note(self, kind: str, payload: object) -> None:
        engine = self._engine
        engine.journal.append(RowKind.NOTE, kind, timestamp=engine.clock.now(), payload=payload)

    def take_over_holdings(self) -> None:
        """Book the shares that a new run takes over from the account."""
        taken, self._taken = self._taken, []
        for holding in taken:
            self._engine.dispatcher.dispatch_now(holding.event(self._engine.clock.now()))

    def note_opening(self, event: Event) -> None:
        """Keep what changes the books before the first slice."""
        if isinstance(event, OPENING_EVENTS):
            self.opening.append(event)

    def held_back(self, event: Event) -> Event:
        """Return an event as it may be processed now: positions are closed once the
        broker has said how much it holds.
        """
        assert self.link is not None
        now, later = self.link.closing.held_back(event)
        if later is not None:
            self._engine.start_task(self.link.closing.close_out(later), later.action)
        return now

    def call(self, function: Callable[[Any, Any], Any]) -> Any:
        """Run a person's function as a callback of the run, journaled, and return what
        it returned.

        Raises:
            Exception: what it raised; what it asked for before stands.
        """
        engine = self._engine
        outcome, commands = engine.core.call_operator(function)
        engine.journal.append_event(outcome.event)
        engine.hand_over(commands)
        engine.journal.commit(durable=True)
        if outcome.failure is not None:
            raise outcome.failure
        return outcome.value

    async def settle_stop(self) -> None:
        """Cancel what is to be cancelled while the link's tasks still run, await the
        answers, and note what is left.
        """
        engine = self._engine
        if self.link is None or engine.state == "stopped" or engine.is_recovering:
            return
        cancels, orders = engine.cancels_orders, engine.core.state.orders
        until_ns = engine.clock.monotonic_ns() + round(STOP_WITHIN_S * 1e9)
        while cancels and orders.get_active_orders() and engine.failure is None:
            if any(not order.cancel_requested for order in orders.get_active_orders()):
                engine.dispatcher.dispatch_now(  # what a callback ordered meanwhile goes too
                    OperatorEvent(timestamp=moment_of(engine.core), action="cancel_all")
                )
            if engine.clock.monotonic_ns() >= until_ns:
                break
            await engine.drain(STOP_CHECK_S)
        self.stop_report = await report_of(engine, "stop", cancels=cancels)
        for client_id in self.stop_report.orders if cancels else ():
            engine.core.state.on_message("error", f"order {client_id} still rests at the broker")
