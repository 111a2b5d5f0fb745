"""The asynchronous driver: events from feed, broker and operator go through one queue
into a core.

The rule: it moves events and makes no decisions. An event is journaled before the core
sees it, intents are on disk before a venue receives them, and the loop is released
every few milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, Literal

from rbtlive.brokers.base import BrokerAdapter
from rbtlive.core.actions.callbacks import describe_error
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.strategy.strategy_executor import strategy_name
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.feeds.as_feed import DataFeed, as_feed
from rbtlive.errors import EngineError, EngineStopped
from rbtlive.model.events import Event, OperatorEvent
from rbtlive.runtime.backtest import feed_portal, prepare_settings
from rbtlive.runtime.broker.account_opening import AccountRules
from rbtlive.runtime.broker.broker_link import BrokerLink, LinkSettings
from rbtlive.runtime.clock import Clock, SystemClock
from rbtlive.runtime.engine.account_side import AccountSide
from rbtlive.runtime.engine.admission import SliceAdmission
from rbtlive.runtime.engine.admitted_events import AdmittedEvents
from rbtlive.runtime.engine.background_tasks import BackgroundTasks
from rbtlive.runtime.engine.breakers import Breakers, BreakerWatch
from rbtlive.runtime.engine.containment import contained
from rbtlive.runtime.engine.cores import CoreMaker
from rbtlive.runtime.engine.decision_age import AgeLimit, AgeWatch
from rbtlive.runtime.engine.dispatcher import EventDispatcher, HandlerFailure
from rbtlive.runtime.engine.ending import write_end, write_failure
from rbtlive.runtime.engine.event_queue import EventQueue
from rbtlive.runtime.engine.feed_pump import FeedPump
from rbtlive.runtime.engine.feed_side import FeedSide
from rbtlive.runtime.engine.live_run import LiveRun
from rbtlive.runtime.engine.loop_budget import LoopBudget, watch_lag
from rbtlive.runtime.engine.meters import Meters
from rbtlive.runtime.engine.processing import EventProcessor
from rbtlive.runtime.engine.reaching import GivenUp
from rbtlive.runtime.engine.recovery import Recovery
from rbtlive.runtime.engine.refused_orders import RefusedOrders
from rbtlive.runtime.engine.session_gate import SessionGate
from rbtlive.runtime.engine.swap import StartedSegment
from rbtlive.runtime.engine.timekeeper import Timekeeper
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.recorder import moment_of
from rbtlive.runtime.log import message_sink

FORKED = "this session belongs to the parent process: a forked child cannot use it"
CANCELLED = (
    "the session's task was cancelled, by other code or because its loop is closed: the session "
    "is stopped, and an attach carries it on"
)
EngineState = Literal["starting", "running", "stopping", "stopped", "failed"]

REPORTED_LAG_S = 1.0
"""A loop that was blocked for this long is reported in the log."""


class TradingEngine:
    """Runs a strategy on the loop that is running.

    Args:
        strategy: The strategy, as `backtest` takes it.
        broker: Receives orders.
        feed: Provides bars: a feed, or an async iterator of bars.
        portal: History, assets and corporate actions; a ReplayFeed brings its own.
        journal: Records everything; one that was resumed is replayed first. None keeps
            it in memory.
        settings: The run's settings; None builds them from `options`.
        open_orders: What happens to open orders on shutdown.
        own_capital: Take the account's equity as the capital base; for real brokers.
        link: Settings for watching a real broker.
        account: What a run on a real account may own.
        age_limit: Maximum age of a slice for sending orders.
        expected: Symbols whose bars a slice waits for; None means all that are
            requested from the feed.
        breakers: Limits that stop trading automatically.
        begun: A segment that has already started; None restores the run from its
            journal.
        go_on: Starts a segment from the journal's positions if a replay diverges; None
            lets it fail.
        queue_size: Number of waiting events at which the feed is slowed down.
        clock: Provides wall time.
        on_failure: Receives exceptions of the dispatcher's handlers.
        **options: Settings by name, as `backtest` takes them.
    """

    def __init__(  # noqa: PLR0913 - an engine's connections, each by name
        self,
        strategy: object,
        broker: BrokerAdapter,
        *,
        feed: object,
        portal: object = None,
        journal: Journal | None = None,
        settings: RunSettings | None = None,
        open_orders: Literal["keep", "cancel"] = "keep",
        own_capital: bool = False,
        link: LinkSettings | None = None,
        account: AccountRules | None = None,
        age_limit: AgeLimit | None = None,
        expected: tuple[str, ...] | None = None,
        breakers: Breakers | None = None,
        begun: StartedSegment | None = None,
        go_on: Callable[[Journal], None] | None = None,
        queue_size: int = 512,
        clock: Clock | None = None,
        on_failure: Callable[[HandlerFailure], None] | None = None,
        **options: Any,
    ) -> None:
        self.broker = broker
        self.feed: DataFeed = as_feed(feed)
        wanted = options if settings is None else {"frequency": settings.frequency}
        portal = feed_portal(self.feed, portal, wanted)
        settings = settings or prepare_settings(
            portal, endless=self.feed.is_live, **{"on_error": "continue", **options}
        )
        self.journal = journal if journal is not None else Journal.in_memory()
        clock = clock or SystemClock()
        self.queue = EventQueue(queue_size)
        self.dispatcher = EventDispatcher(
            record=self.journal.append_event, sink=self.enqueue, report=on_failure
        )
        self.meters = Meters()
        self.state: EngineState = "starting"
        self.ended = False
        self.failure: BaseException | None = None
        self._open_orders = open_orders
        self._wakeup = asyncio.Event()
        self._stopping = self.is_begun = self._was_run = False
        self.live_run = self._new_run(clock, message_sink(strategy_name(strategy)))
        self.tasks = BackgroundTasks(strategy_name(strategy), self._wakeup.set)
        self.account_side = AccountSide(
            self.live_run,
            self.tasks,
            rules=account or AccountRules(),
            link=link or LinkSettings(),
            own=own_capital,
        )
        self.breakers = BreakerWatch(breakers or Breakers())
        self.refusals = RefusedOrders(self.live_run)
        stale = self.breakers.limits.stale_after_bars
        self._cores = cores = CoreMaker(self.live_run, strategy, portal, settings, self.tasks)
        sessions = SessionGate(cores)
        self.timekeeper = Timekeeper(
            self.feed, clock, self.enqueue, stale_after_bars=stale, sessions=sessions
        )
        self.feed_side = FeedSide(self.live_run, self.timekeeper, expected)
        self._age = AgeWatch(self.live_run, age_limit or AgeLimit(), settings)
        self.processor = EventProcessor(
            self.live_run, cores, self.account_side, self.breakers, self.refusals, self.meters
        )
        self.recovery = Recovery(self.live_run, cores, self.processor, begun=begun, go_on=go_on)
        self._connect_feed(sessions)
        self._first_core(begun)

    def _new_run(self, clock: Clock, on_message: Callable[[str, str], None]) -> LiveRun:
        return LiveRun(
            broker=self.broker,
            feed=self.feed,
            journal=self.journal,
            clock=clock,
            dispatcher=self.dispatcher,
            enqueue=self.enqueue,
            on_message=on_message,
        )

    def _connect_feed(self, sessions: SessionGate) -> None:
        self._loop_budget = LoopBudget(self.clock)
        present = self.timekeeper.present if self.feed.is_live else None
        self._slices = SliceAdmission(self.queue, self.feed, present)
        self._events = AdmittedEvents(
            self.live_run,
            self.queue,
            slices=self._slices,
            age=self._age,
            account_side=self.account_side,
            meters=self.meters,
        )
        self._pump = FeedPump(
            self.feed,
            self.queue,
            loop_budget=self._loop_budget,
            wake=self._wakeup.set,
            sessions=sessions,
        )

    def _first_core(self, begun: StartedSegment | None) -> None:
        if begun is None:
            self._cores.make()
        else:
            self._cores.use(begun.core)
            self.live_run.last_slice = begun.last_slice
        self.processor.register()
        self.feed_side.register()

    @property
    def clock(self) -> Clock:
        """Provides wall time; may be replaced."""
        return self.live_run.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self.live_run.clock = clock

    @property
    def core(self) -> TradingCore:
        """The core, which decides."""
        return self.live_run.core

    @property
    def order_manager(self) -> OrderManager:
        """Every order of the run."""
        return self.core.state.orders

    @property
    def portfolio(self) -> Portfolio:
        """Cash and positions."""
        return self.core.state.portfolio

    @property
    def is_recovering(self) -> bool:
        """Whether earlier rows still have to be replayed, so that the core is behind
        the run.
        """
        return self.recovery.is_under_way

    @property
    def replayed(self) -> int:
        """Number of events that were processed again to recover the run."""
        return self.recovery.replayed

    @property
    def ending(self) -> str:
        """State and failure, as words of a sentence."""
        failure = self.failure
        return self.state if failure is None else f"{self.state} with {describe_error(failure)}"

    @property
    def link(self) -> BrokerLink | None:
        """The connection to a real broker; None before it exists, and on paper."""
        return self.live_run.link

    @property
    def cancels_orders(self) -> bool:
        """Whether a stop cancels open orders."""
        return self._open_orders == "cancel"

    # -- calls from outside ----------------------------------------------------------

    def enqueue(self, event: Event) -> None:
        """Put an event into the queue; to be called on the engine's own loop.

        Raises:
            QueueFull: it is market data, and too many events wait.
            EngineStopped: the engine no longer processes events.
        """
        if self.state in {"stopped", "failed"}:
            raise EngineStopped(f"the engine has {self.ending} and takes no events: attach again")
        if self.journal.is_foreign:
            raise EngineStopped(FORKED)
        self._slices.put(event)
        self._wakeup.set()

    async def run(self) -> None:
        """Run until the feed ends or `graceful_shutdown` is called; raise any other
        cause of the end.

        Raises:
            EngineError: it has been run already.
        """
        run = self.live_run
        if run.given_up:  # replaced before it started
            return
        if self._was_run:
            raise EngineError(
                f"an engine runs once: this one is {self.state}; attach again to carry on its run"
            )
        self._was_run = True
        self._cores.keep_to(threading.get_ident())
        try:
            await self._initialize()
            self.state = "running"
            await self._consume()
            if run.link is not None and not run.given_up:
                await self.account_side.settle_stop(
                    cancels=self._open_orders == "cancel",
                    drain=self.drain,
                    has_failed=lambda: self.tasks.failure is not None,
                )
            self.ended = self._pump.done and not self._stopping
        except GivenUp:
            self._stopping = True
        except asyncio.CancelledError:
            if not (self._stopping or run.given_up):
                run.on_message("warning", CANCELLED)
            self._stopping = True  # the loop's owner ends it: completed work is kept
            raise
        except BaseException as failure:
            if run.given_up:  # another engine owns the journal now and takes over unfinished work
                return
            self.failure = failure
            raise
        finally:
            await self._finish()

    async def graceful_shutdown(self) -> None:
        """Stop the intake, process waiting events, keep or cancel open orders, and
        close the journal.
        """
        if self.journal.is_foreign:
            raise EngineStopped(FORKED)
        if self.state in {"stopped", "failed"}:
            return
        self._stopping = True
        self.account_side.give_up()
        self.live_run.keep_start()
        self.state = "stopping"
        self._wakeup.set()
        self._pump.stop()

    def abandon(self) -> None:
        """Release everything at once, without waiting: another engine takes over the
        run, or the process ends.
        """
        if self.state in {"stopped", "failed"} or self.journal.is_foreign:
            return
        self.live_run.given_up = True
        self.account_side.give_up()
        self.state = "stopped"
        self.tasks.cancel()
        self._wakeup.set()
        self._pump.stop()
        self.journal.close()

    # -- starting ---------------------------------------------------------------------

    async def _initialize(self) -> None:
        run = self.live_run
        if not self.broker.simulated:
            capital = await self.account_side.connect(begun=self.recovery.has_begun)
            if capital is not None:
                self._cores.make(capital_base=capital)
        self.is_begun = True
        await self.recovery.restore()
        self.account_side.take_over_holdings()
        self._age.begin()
        self.breakers.begin(self.core)
        self.refusals.begin()
        run.recorder.note("Attached", moment_of(self.core), {"replayed": self.replayed})
        self.journal.commit(durable=True)
        if self.link is not None:
            await self.account_side.settle(self.drain)
            for name, work in self.link.tasks(self.breakers.limits.blind_after_s).items():
                self.tasks.start(work, name)
        self._cores.universe.begin()
        self.feed.configure(self.feed_side.plan())
        self.tasks.start(self._pump.run(), "feed")
        self.tasks.start(watch_lag(self.clock, self._note_lag), "lag")
        if self.feed.is_live:
            if run.last_slice is not None:
                # A feed that is silent from the start is noticed too.
                self.timekeeper.note_slice(run.last_slice, run.interval)
            self.tasks.start(self.timekeeper.run(lambda: self.core), "clock")

    # -- the loop ---------------------------------------------------------------------

    async def _consume(self) -> None:
        run, queue, loop_budget = self.live_run, self.queue, self._loop_budget
        while not run.given_up:
            while queue.size and not run.given_up:
                self._drain(loop_budget)
                self._pump.note_taken()
                if loop_budget.is_due():
                    self.journal.commit()
                    await loop_budget.take()
                    if run.given_up:
                        return
                    self.journal.pack()
            if run.given_up:
                return
            self.journal.commit()
            self.tasks.raise_failure()
            if self._stopping or (self._pump.done and not queue.size):
                return
            self._wakeup.clear()
            if not queue.size:
                self.journal.pack()
                await self._wakeup.wait()

    async def drain(self, wait_s: float) -> None:
        """Process waiting events, and those that arrive within some seconds, on the way
        to a stop.
        """
        self.journal.commit()
        self._wakeup.clear()
        if not self.queue.size:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wakeup.wait(), wait_s)
        while self.queue.size:
            self._drain(self._loop_budget)
        self.journal.commit()

    def _drain(self, loop_budget: LoopBudget) -> None:
        # Processes events until none wait or the loop is due to be released.
        self._cores.universe.look_at_feed()
        self.processor.last_bars = None
        waiting = self._events.until_due(loop_budget)
        with contained("a callback"), contextlib.closing(waiting) as events:
            self.dispatcher.dispatch_each(events)
        self.refusals.look()
        if self.link is not None:
            self.link.note_progress()
        last_bars = self.processor.last_bars
        # When slices arrive together, the last one shows how far the feed is.
        if last_bars is not None:
            self.timekeeper.note_slice(last_bars.timestamp, self.live_run.interval)

    def _note_lag(self, lag_s: float) -> None:
        self.meters.note_lag(lag_s)
        self._cores.universe.look_at_feed()
        if lag_s >= REPORTED_LAG_S:
            self.live_run.on_message(
                "warning", f"the loop was held for {lag_s:.1f} s: nothing was processed meanwhile"
            )
        if self.feed.is_live:
            self.live_run.enqueue_if(self.breakers.check_lag(self.core, lag_s))

    # -- ending -----------------------------------------------------------------------

    async def _finish(self) -> None:
        if self.journal.is_foreign:  # a forked child: everything here belongs to the parent
            return
        await self.tasks.end()
        self.failure = self.failure or self.tasks.failure
        self._pump.give_back()
        if self.live_run.given_up:
            if self.link is not None:
                await self.link.hang_up()
            return
        try:
            if self.live_run.recorder.replaying or not (self.is_begun or self.failure):
                return  # nothing has happened since the run was left
            self.refusals.conclude()
            if self.failure is None:
                if self._open_orders == "cancel":
                    self.dispatcher.dispatch_now(
                        OperatorEvent(timestamp=moment_of(self.core), action="cancel_all")
                    )
                write_end(self.live_run.recorder, self.core, ended=self.ended)
            else:
                write_failure(self.live_run.recorder, self.core, self.failure)
        except BaseException as failure:
            self.failure = self.failure or failure
            raise
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        try:
            await self.account_side.let_go()
        except BaseException as failure:
            self.failure = self.failure or failure
            raise
        finally:
            self._close_journal()

    def _close_journal(self) -> None:
        try:
            if not (self.is_begun and self.failure is None) and not self.journal.last_seq:
                self.journal.discard()  # it failed before anything happened, so no run began
            else:
                self.journal.close()
        except BaseException as failure:
            self.failure = self.failure or failure
            raise
        finally:
            self.state = "stopped" if self.failure is None else "failed"
