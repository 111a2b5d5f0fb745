"""The connection to one broker: receives its reports, and asks for what they lack.
`order_sender.py` sends.

The rule: streams lose messages. A look at the broker's books creates the events that
were lost, and unexplained differences are handled by the policy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rbtlive.brokers.base import BrokerAdapter, BrokerOrder
from rbtlive.core.actions.callbacks import BROKER_SOURCE
from rbtlive.core.state.order import Order
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.feeds.stream_feed import Backoff
from rbtlive.errors import BrokerError, EngineStopped, ReconciliationFailed
from rbtlive.model.commands import Command
from rbtlive.model.events import (
    Event,
    OrderFillEvent,
    OrderReplacedEvent,
    SystemErrorEvent,
)
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker import reconciliation as facts
from rbtlive.runtime.broker.account_news import AccountNews, CashNote
from rbtlive.runtime.broker.blindness import Blindness
from rbtlive.runtime.broker.books_watch import BooksWatch, Policy
from rbtlive.runtime.broker.broker_reports import BrokerReports, is_due
from rbtlive.runtime.broker.causes import causes_of
from rbtlive.runtime.broker.closing_out import ClosingOut
from rbtlive.runtime.broker.corporate_news import CorporateNews, comes_early
from rbtlive.runtime.broker.external_orders import ExternalOrders
from rbtlive.runtime.broker.listed_orders import ListedOrders
from rbtlive.runtime.broker.order_sender import OrderSender
from rbtlive.runtime.broker.ownership import Ownership, objection_to
from rbtlive.runtime.broker.recent_fills import PATIENCE_LOOKS, RecentFills
from rbtlive.runtime.clock import Clock
from rbtlive.runtime.engine.containment import guarded
from rbtlive.runtime.engine.impossible_fills import excess
from rbtlive.runtime.engine.loop_budget import LoopBudget

IN_FLIGHT = frozenset({OrderState.SUBMITTED, OrderState.UNKNOWN})
FAREWELL_S = 10.0
"""How long to wait for a broker at the end."""
FIRST_LOOKS = 4
"""How many times a start looks again while something is new or differs, before it is
refused.
"""
LOOK_AGAIN_S = 0.5
LOOK_WITHIN_S = 300.0
"""A look that takes longer is abandoned, and the next one begins."""
NEWS_AGAIN = "123"
"""When news that cannot be booked is passed to the engine again: see `is_due`."""
LOOK = "a look at the broker's books"
STREAM = "the stream of events"
STREAM_AGAIN = Backoff(initial_s=0.25, limit_s=30.0)
ACCOUNT_EVERY_S = 20.0
SPLITS_EVERY_S = 300.0
REPLACED_CHECK_S, REPLACED_CHECKS = 0.005, 200
"""How often, and how many times, to check whether a replacement has been booked."""
SESSION_LOOK_S = 0.25
"""How soon after a session's first slice to look at the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Settings for watching a broker.

    Attributes:
        poll_s: Seconds between two looks at orders and positions, in addition to the
            stream.
        resend_within_s: After a restart, an intent that the broker does not know is
            sent if it is younger than this.
        unknown_timeout_s: How long to ask for an order whose submission failed before
            it counts as never arrived.
        policy: How an unexplained difference is handled while running: halt trading,
            warn, leave it outside this run ("adopt"), or correct the run's books
            ("follow"). A start with such a difference is refused unless the policy is
            one of the last two.
    """

    poll_s: float = 2.0
    resend_within_s: float = 60.0
    unknown_timeout_s: float = 30.0
    policy: Policy = "halt"

    @property
    def patience_s(self) -> float:
        """For so many seconds, an answer may lag behind an earlier one."""
        return PATIENCE_LOOKS * self.poll_s


class BrokerLink:
    """The engine's side of a broker.

    Args:
        broker: The broker.
        run_id: The run's id, a prefix of every client order id.
        core: Returns the core.
        tell: Puts events into the queue.
        tell_now: Takes events that must be processed before anything that waits.
        note: Writes a note for people.
        clock: Provides wall time.
        settings: How the broker is watched.
        outside: Signed shares held outside this run, by symbol; None until the run's
            first look.
        foreign: Signed shares that orders placed elsewhere had filled, by symbol; None
            at the run's first start.
        ownership: Holdings of other runs on the account.
        owns_all: Whether the run's capital is all free money on the account.
        activities: Ids of the cash activities from before the run; None at its first
            start.
        cash_elsewhere: The last note of the cash that is not the run's; None if there
            is none.
    """

    def __init__(  # noqa: PLR0913 - a link's connections, each by name
        self,
        broker: BrokerAdapter,
        *,
        run_id: str,
        core: Callable[[], TradingCore],
        tell: Callable[[Event], None],
        tell_now: Callable[[Event], None],
        note: Callable[[str, object], None],
        clock: Clock,
        settings: LinkSettings,
        outside: dict[str, Decimal] | None,
        foreign: dict[str, Decimal] | None = None,
        ownership: Ownership | None = None,
        owns_all: bool = False,
        activities: set[str] | None = None,
        cash_elsewhere: CashNote | None = None,
    ) -> None:
        self.broker = broker
        self.settings = settings
        self.polls = 0
        self._clock = clock
        self._recent = RecentFills(core, clock, settings.patience_s)
        self._orders = ListedOrders(broker, run_id, core, clock, settings.patience_s)
        self.watch = BooksWatch(
            broker,
            core=core,
            run_id=run_id,
            policy=settings.policy,
            ownership=ownership or Ownership(None, "", run_id),
            outside=outside,
            foreign=foreign,
            recent=self._recent,
            tell=tell,
            note=note,
            now=clock.now,
        )
        self.news = AccountNews(
            broker,
            core=core,
            watch=self.watch,
            owns_all=owns_all,
            known=activities,
            noted=cash_elsewhere,
            run_id=run_id,
            tell=tell,
            note=note,
            now=clock.now,
        )
        self.companies = CorporateNews(
            broker, core=core, watch=self.watch, tell=tell, now=clock.now
        )
        self._run_id = run_id
        self._core = core
        self._tell = tell
        self._tell_now = tell_now
        self._note = note
        self._reports = BrokerReports(broker.name, clock, tell)
        self._sender = OrderSender(
            broker, run_id=run_id, core=core, clock=clock, reports=self._reports
        )
        self._news_before: list[str] = []
        self._quiet = self._settled = False
        self._times_given: dict[str, int] = {}
        self._look_now = asyncio.Event()
        self._splits_s = self._now_s()
        self.blindness = Blindness(core, clock, tell)
        self._account_s, self._splits_session, self._session = 0.0, -1, -1
        self.closing = ClosingOut(core=core, watch=self.watch, tell=tell, clock=clock)
        self.external = ExternalOrders()

    @property
    def outside(self) -> dict[str, Decimal] | None:
        """Signed shares held outside of all runs, by symbol; None before the first
        look.
        """
        return self.watch.outside

    def note_progress(self) -> None:
        """Publish the run's holdings, and look at the account early in a new
        session.
        """
        self.watch.publish()
        session = self._core().state.market.session
        if session != self._session:
            self._session = session
            # The broker's own messages come first; the look asks for what they lack.
            asyncio.get_running_loop().call_later(SESSION_LOOK_S, self._look_now.set)

    def tasks(self, blind_after_s: float | None) -> dict[str, Coroutine[Any, Any, None]]:
        """Return the tasks that run beside the engine, by name.

        Args:
            blind_after_s: Seconds for which the books may be unreadable; None for no
                limit.
        """
        return {
            "sender": self._sender.keep_sending(),
            "sender watch": self._sender.keep_watching(),
            "broker events": self.keep_listening(),
            "reconciliation": self.keep_asking(),
            "blind breaker": self.blindness.keep_watching(blind_after_s),
        }

    def send(self, commands: list[Command]) -> None:
        """Queue commands that are already on disk."""
        self._sender.send(commands)

    # -- listening --------------------------------------------------------------------

    async def keep_listening(self) -> None:
        """Receive the broker's events forever. A stream that breaks or ends is
        reopened; meanwhile, the looks at the books find what it missed.
        """
        attempt = 0
        budget = LoopBudget(self._clock)  # a stream of events that wait never suspends
        while True:
            stream = asking.event_stream(self.broker)
            while True:
                try:
                    given = await anext(stream)
                except StopAsyncIteration:
                    failure: Exception = BrokerError("it has ended")
                    break
                except Exception as broken:  # noqa: BLE001 - the outermost frame of a broker's stream: the next one may last
                    failure = broken
                    break
                attempt = 0
                await self._take(given)
                await budget.maybe()
            attempt += 1
            self._reports.trouble_counted(STREAM, failure)
            self._look_now.set()
            await asyncio.sleep(STREAM_AGAIN.delay_s(attempt, chance=0.0))

    # Orders placed elsewhere are shown and left alone.
    async def _take(self, given: object) -> None:
        try:
            event = asking.judged_event(self.broker, given)
        except BrokerError as unreadable:  # the next look finds what this event may have reported
            self._reports.trouble_counted("an event was left out", unreadable)
            self._look_now.set()
            return
        reported = getattr(event, "order_id", None)
        if reported is None:
            self._tell(_from_broker(event))
            return
        order_id = facts.sequence_of(reported, self._run_id)
        order = None if order_id is None else self._core().state.orders.get_order(order_id)
        if order is None:
            self._note_external(reported)
            self._look_now.set()
        elif isinstance(event, OrderFillEvent) and (wrong := self._excess(order, event)):
            await self._take_excess(order, event, wrong)
        elif not comes_early(self._core(), order.asset, event):  # otherwise a look reports it
            self._tell(event.model_copy(update={"order_id": order.id}))
            if isinstance(event, OrderReplacedEvent):
                await _until_booked(event, order)

    def _note_external(self, client_order_id: str) -> None:
        note = self.external.take(client_order_id)
        if note is not None:
            self._note(*note)

    def _excess(self, order: Order, fill: OrderFillEvent) -> str | None:
        booked = fill.execution_id in self._core().state.orders.executions
        return None if booked else excess(order, fill)

    async def _take_excess(self, order: Order, fill: OrderFillEvent, wrong: str) -> None:
        replaced = await self._orders.replacement_before(order, fill)
        if replaced is None:
            self._reports.objection_once(f"order {order.id}", wrong)
        elif not comes_early(self._core(), order.asset, fill):
            self._tell(replaced)
            await _until_booked(replaced, order)
            self._tell(fill.model_copy(update={"order_id": order.id}))

    # -- asking -----------------------------------------------------------------------

    async def settle(self, process: Callable[[], Awaitable[None]]) -> None:
        """Bring a starting or resumed run in line with the broker, before it trades.

        Args:
            process: Processes the events reported so far.

        Raises:
            ReconciliationFailed: an unexplained difference remains.
        """
        # Overnight splits and new symbols come first: the account already has them.
        await self.companies.look(self._tell_now)
        known = await self._orders.known()
        core = self._core()
        for order in core.state.orders.get_active_orders():
            if order.cancel_requested:
                # It is unknown whether the cancel was sent; asking twice does no harm.
                self._sender.cancels_lost.add(order.id)
            if order.id in known:
                continue
            if order.state is OrderState.UNKNOWN:
                self._sender.note_unknown(order.id)  # it may still arrive: keep asking
            elif order.state is OrderState.SUBMITTED:
                self._sender.send_late_or_expire(order, self.settings.resend_within_s)
        for order_id in sorted(known, key=int):
            if (
                int(order_id) > core.state.orders.last_id
            ):  # written before a torn tail: its number is taken
                self._tell_now(facts.lost(order_id, known[order_id]))
        await self._look(known, starting=True)
        self._sender.cancel_again(known)
        await self._refuse_what_lasts(process)
        await self.watch.begin_foreign()
        open_orders = core.state.orders.get_active_orders()
        await self.news.begin(settled=not (open_orders or self.watch.differences))
        self.blindness.saw()

    # Events that arrived meanwhile are booked first: only then can positions be
    # compared.
    async def _refuse_what_lasts(self, process: Callable[[], Awaitable[None]]) -> None:
        for _ in range(FIRST_LOOKS):
            if self._news_before:
                await process()
            elif self.watch.differences:  # an order may fill between two requests
                await asyncio.sleep(LOOK_AGAIN_S)
            else:
                return
            await self.companies.look(self._tell_now)
            await self._look(await self._orders.known(), starting=True)
        found = self.watch.differences
        if found:
            known, held = await self._orders.known(), await self.watch.held()
            causes = self._causes(found, held, known, after_pause=True)
            text = "; ".join([facts.listed(found), *causes])
            raise ReconciliationFailed(
                f"the broker's books differ from this run's: {text}; find out why, then attach "
                "with reconciliation='adopt' to leave the difference outside of this run, with "
                "reconciliation='follow' to correct the run's books to the broker's, or with "
                "fresh=True"
            )

    async def keep_asking(self) -> None:
        """Look at orders, positions and the account every few seconds, forever: streams
        lose messages without notice.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._look_now.wait()
            self._look_now.clear()
            self.blindness.look_begins()
            try:
                async with asyncio.timeout(LOOK_WITHIN_S):
                    known = await self._orders.known()
                    await self._sender.resolve_unknown(known, self.settings.unknown_timeout_s)
                    await self._look(known, starting=False)
                    self._sender.cancel_again(known)
                    await self._look_at_account()
                self.polls += 1
                self.blindness.look_ends(failed=False)
                self._note_success()
            except Exception as failure:  # noqa: BLE001 - the outermost frame of a poll: the next one may get through
                self.blindness.look_ends(failed=True)
                with contextlib.suppress(EngineStopped):  # another engine has taken over the run
                    self._reports.trouble_counted(LOOK, failure)
                    continue
                return

    def _note_success(self) -> None:
        failed = self._reports.ended(LOOK)
        if failed > 1:
            self._core().state.on_message("info", f"{LOOK} succeeds again: {failed:,} had failed")

    def _pause_s(self) -> float:
        idle = self.broker.idle_poll_s
        often = idle is None or self.blindness.failing or self._is_busy()
        return self.settings.poll_s if often else max(idle or 0.0, self.settings.poll_s)

    def _is_busy(self) -> bool:
        orders = self._core().state.orders
        return bool(
            self.watch.differences or orders.get_active_orders() or self._sender.unknown_since
        )

    async def _look_at_account(self) -> None:
        # The account is asked less often than orders: it rarely changes.
        now_s = self._now_s()
        session = self._core().state.market.session
        fresh = session != self._splits_session
        overdue = now_s - self._splits_s >= SPLITS_EVERY_S
        if self.watch.differences or overdue or fresh:
            self._splits_s, self._splits_session = now_s, session
            await self.companies.look()
        busy = self.broker.idle_poll_s is not None and self._is_busy()
        if busy and not fresh and now_s - self._account_s < ACCOUNT_EVERY_S:
            return
        self._account_s = now_s
        account = await asking.account(self.broker)
        self.blindness.note_blocked(objection_to(account, self.watch.ownership))
        agree = not self.watch.differences
        open_orders = self._core().state.orders.get_active_orders()
        await self.news.look_at_cash(
            account.cash,
            settled=agree and self._settled and not open_orders,
            quiet=agree and self._quiet,
            is_late=bool(self._recent.look()),
        )

    async def _look(self, known: dict[str, BrokerOrder], *, starting: bool) -> None:
        core = self._core()
        self.watch.note_traded(known.values())
        news = await self._orders.news(known)
        reported = [repr(event) for event in news]
        self._times_given = {text: self._times_given.get(text, 0) + 1 for text in reported}
        for event, text in zip(news, reported, strict=True):
            if is_due(self._times_given[text], NEWS_AGAIN):
                self._tell(event)
        in_flight = any(o.state in IN_FLIGHT for o in core.state.orders.get_active_orders())
        # News that is repeated at every look could not be booked.
        stuck = reported == self._news_before
        self._settled = settled = (not news or stuck) and not in_flight
        self._quiet = not (news or in_flight)
        self._news_before = reported
        late = set() if starting else self._orders.late(known)
        differing = facts.order_mismatches(core.state.orders, known, late=late)
        await self.watch.look(differing, settled=settled, patient=not starting)
        if starting:
            await self.watch.settle_by_policy()
            return
        lasting = self.watch.lasting()
        if lasting:
            held = await self.watch.held()
            self.watch.judge(lasting, held, self._causes(lasting, held, known))

    def _causes(
        self,
        found: Collection[facts.Mismatch],
        held: dict[str, Decimal],
        known: dict[str, BrokerOrder],
        *,
        after_pause: bool = False,
    ) -> list[str]:
        return causes_of(
            found,
            broker=self.broker,
            held=held,
            known=known,
            state=self._core().state,
            after_pause=after_pause,
        )

    # -- ending -----------------------------------------------------------------------

    async def hang_up(self) -> None:
        """Disconnect without reporting failures: another engine has taken over the
        run.
        """
        with contextlib.suppress(Exception):
            async with asyncio.timeout(FAREWELL_S):
                await guarded(self.broker.disconnect(), "disconnect()", BrokerError)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9


# Later fills may exceed the original amount.
async def _until_booked(event: OrderReplacedEvent, order: Order) -> None:
    for _ in range(REPLACED_CHECKS):
        if facts.is_booked(event, order):
            return
        await asyncio.sleep(REPLACED_CHECK_S)


def _from_broker(event: Event) -> Event:
    if isinstance(event, SystemErrorEvent):
        return event.model_copy(update={"source": f"{BROKER_SOURCE}{event.source}"})
    return event
