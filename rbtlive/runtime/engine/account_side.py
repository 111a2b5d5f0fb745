"""The engine's view of a real account: a run's opening, operator actions, and the state
it is left in.

The rule: changes of the run's books go through the engine's events; statements about
the account come from the broker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.errors import BrokerError
from rbtlive.model.events import (
    CashAdjustmentEvent,
    Event,
    OperatorEvent,
    PositionAdjustmentEvent,
    SplitEvent,
    SymbolChangeEvent,
)
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker.account_news import ACTIVITIES_KNOWN, CASH_ELSEWHERE
from rbtlive.runtime.broker.account_opening import (
    AccountOpener,
    AccountRules,
    TakenHolding,
    last_price_of,
)
from rbtlive.runtime.broker.books_watch import FILLED_ELSEWHERE
from rbtlive.runtime.broker.broker_link import BrokerLink, LinkSettings
from rbtlive.runtime.broker.operator_report import OperatorReport, report_of
from rbtlive.runtime.broker.ownership import Ownership
from rbtlive.runtime.engine.reaching import Reaching
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.recorder import moment_of

if TYPE_CHECKING:
    from rbtlive.brokers.base import BrokerAccount
    from rbtlive.runtime.engine.background_tasks import BackgroundTasks
    from rbtlive.runtime.engine.live_run import LiveRun

ACCOUNT_OPENED = "AccountOpened"
"""Type of the note that holds a run's opening on a real account."""
ACCOUNT_KNOWN = "AccountKnown"
"""Type of the note that names the account that a run trades on."""
OPENING_EVENTS = (
    PositionAdjustmentEvent,
    CashAdjustmentEvent,
    SplitEvent,
    SymbolChangeEvent,
)
"""Events that may change a run's books before its first slice."""
STOP_WITHIN_S = 10.0
"""How long a stop waits for its cancels to be confirmed."""
STOP_CHECK_S = 0.25


class AccountSide:
    """One run's account, as its engine uses it.

    Args:
        run: The run.
        tasks: Tasks that run beside the run.
        rules: What the run may own.
        link: Settings for watching the broker.
        own: The capital base is the account's free money.

    Attributes:
        opening: Events that changed the books before the first slice.
        stop_report: The state in which the run was stopped.
    """

    def __init__(
        self,
        run: LiveRun,
        tasks: BackgroundTasks,
        *,
        rules: AccountRules,
        link: LinkSettings,
        own: bool,
    ) -> None:
        self.opening: list[Event] = []
        self.stop_report: OperatorReport | None = None
        self._run = run
        self._tasks = tasks
        self._rules = rules
        self._link_settings = link
        self._own = own
        self._taken: list[TakenHolding] = []
        self._reaching = Reaching(run)

    async def connect(self, *, begun: bool) -> Decimal | None:
        """Connect, and return the capital base that the account gives; None if it does
        not change.

        Args:
            begun: Whether the run continues from a started segment.

        Raises:
            BrokerError: the account cannot be used.
            InvalidSetting: more money was requested than is free.
            GivenUp: the session was stopped meanwhile.
        """
        return await self._reaching.reach(self._connect(begun=begun), "connect()")

    async def settle(self, drain: Callable[[float], Awaitable[None]]) -> None:
        """Compare the run's books with the broker's before anything is traded.

        Args:
            drain: Processes waiting events, and those that arrive within some seconds.

        Raises:
            BrokerError: the broker cannot be asked.
            GivenUp: the session was stopped meanwhile.
        """
        assert self._run.link is not None
        settling = self._run.link.settle(lambda: drain(0.0))
        await self._reaching.reach(settling, "the first look at the books")

    def give_up(self) -> None:
        """End all waits for the broker during the start, because a stop was
        requested.
        """
        self._reaching.give_up()

    async def let_go(self) -> None:
        """Release the account: publish that the run was stopped, and disconnect."""
        run = self._run
        if run.link is not None:
            run.link.watch.ownership.release()
        if run.link is not None or self._reaching.cut_short:
            await self._reaching.leave(run.broker.disconnect(), "disconnect()")

    async def _connect(self, *, begun: bool) -> Decimal | None:
        run = self._run
        await asking.connect(run.broker)
        notes = {row.type: row.data() for row in run.journal.rows_of_kind(RowKind.NOTE)}
        outside, known = notes.get("HeldOutside"), notes.get(ACTIVITIES_KNOWN)
        foreign = notes.get(FILLED_ELSEWHERE)
        path = run.journal.path
        run.link = link = BrokerLink(
            run.broker,
            run_id=run.journal.run_id,
            core=lambda: run.core,
            tell=run.enqueue,
            tell_now=run.dispatcher.dispatch_now,
            note=self._note,
            clock=run.clock,
            settings=self._link_settings,
            outside=None if outside is None else {s: Decimal(n) for s, n in outside.items()},
            foreign=None if foreign is None else {s: Decimal(n) for s, n in foreign.items()},
            ownership=Ownership(
                None if path is None else path.parent,
                "" if path is None else path.stem,
                run.journal.run_id,
            ),
            owns_all=self._own,
            activities=None if known is None else set(known),
            cash_elsewhere=notes.get(CASH_ELSEWHERE),
        )
        opener = AccountOpener(
            run.broker,
            self._rules,
            ownership=link.watch.ownership,
            assets=[asset.symbol for asset in run.core.state.assets],
            last_price=lambda symbol: last_price_of(run.core, symbol),
        )
        if begun or notes.keys() & {ACCOUNT_OPENED, ACCOUNT_KNOWN}:
            self._check_account(await opener.know_account(), notes.get(ACCOUNT_KNOWN))
            noted = notes.get(ACCOUNT_OPENED)
            return Decimal(noted["equity"]) if noted and self._own and not begun else None
        given = None if self._own else run.core.state.settings.capital_base
        opened = await opener.open(given)
        self._taken = [] if run.journal.resumed else opened.taken
        if opened.account_id:
            self._note(ACCOUNT_KNOWN, opened.account_id)
        if not self._own:
            return None
        self._note(ACCOUNT_OPENED, opened.facts())
        return opened.capital

    # A run's orders and positions mean nothing on another account: changed keys must
    # not let it trade there.
    def _check_account(self, account: BrokerAccount, known: str | None) -> None:
        if known is None:
            if account.account_id:
                self._note(ACCOUNT_KNOWN, account.account_id)
        elif account.account_id != known:
            raise BrokerError(
                f"this run trades on account {known}, and these keys are those of account "
                f"{account.account_id or 'without a name'}: pass the keys of its account, or "
                "begin another run by name= or fresh=True"
            )

    def _note(self, kind: str, payload: object) -> None:
        run = self._run
        run.journal.append(RowKind.NOTE, kind, timestamp=run.clock.now(), payload=payload)

    def take_over_holdings(self) -> None:
        """Book the shares that a new run takes over from the account."""
        taken, self._taken = self._taken, []
        for holding in taken:
            self._run.dispatcher.dispatch_now(holding.event(self._run.clock.now()))

    def note_opening(self, event: Event) -> None:
        """Store an event that changes the books before the first slice."""
        if isinstance(event, OPENING_EVENTS):
            self.opening.append(event)

    def held_back(self, event: Event) -> Event:
        """Return the event to process now: positions are closed only after the broker
        has reported its holdings.
        """
        link = self._run.link
        assert link is not None
        now, later = link.closing.held_back(event)
        if later is not None:
            self._tasks.start(link.closing.close_out(later), later.action)
        return now

    def call(self, function: Callable[[Any, Any], Any]) -> Any:
        """Run an operator's function as a journaled callback of the run, and return its
        result.

        Raises:
            Exception: whatever the function raised; its requests before that stand.
        """
        run = self._run
        outcome, commands = run.core.call_operator(function)
        run.journal.append_event(outcome.event)
        run.hand_over(commands)
        run.journal.commit(durable=True)
        if outcome.failure is not None:
            raise outcome.failure
        return outcome.value

    async def settle_stop(
        self,
        *,
        cancels: bool,
        drain: Callable[[float], Awaitable[None]],
        has_failed: Callable[[], bool],
    ) -> None:
        """Cancel orders while the link's tasks still run, await the answers, and note
        what is left.

        Args:
            cancels: Whether to cancel open orders.
            drain: Processes waiting events, and those that arrive within some seconds.
            has_failed: Returns whether the engine has failed meanwhile.
        """
        run = self._run
        orders = run.core.state.orders
        until_ns = run.clock.monotonic_ns() + round(STOP_WITHIN_S * 1e9)
        while cancels and orders.get_active_orders() and not has_failed():
            if any(not order.cancel_requested for order in orders.get_active_orders()):
                run.dispatcher.dispatch_now(  # including orders that a callback placed meanwhile
                    OperatorEvent(timestamp=moment_of(run.core), action="cancel_all")
                )
            if run.clock.monotonic_ns() >= until_ns:
                break
            await drain(STOP_CHECK_S)
        self.stop_report = await report_of(run, "stop", cancels=cancels)
        for client_id in self.stop_report.orders if cancels else ():
            run.core.state.on_message("error", f"order {client_id} still rests at the broker")
