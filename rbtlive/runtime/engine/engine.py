"""The asynchronous driver: events from feed, broker and operator through one queue into
a core.

The rule: it moves events and decides nothing. An event is journaled before the core
sees it, intents are on the disk before a venue hears of them, and the loop is given
back every few milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from rbtlive.brokers.base import BrokerAdapter
from rbtlive.core.actions.callbacks import describe_error
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.strategy.strategy_executor import strategy_name
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.as_feed import DataFeed, FeedPlan, StreamFeed, as_feed
from rbtlive.errors import BrokerError, EngineStopped, FeedDisconnected, StrategyChanged
from rbtlive.model.commands import Command
from rbtlive.model.events import (
    CircuitBreakerEvent,
    DecisionAgeEvent,
    Event,
    MarketDataEvent,
    OperatorCallEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderReplacedEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.runtime.backtest import feed_portal, new_core, prepare_settings
from rbtlive.runtime.broker.account_opening import AccountRules
from rbtlive.runtime.broker.broker_link import BrokerLink, LinkSettings
from rbtlive.runtime.clock import Clock, SystemClock
from rbtlive.runtime.engine.account_side import OPENING_EVENTS, AccountSide
from rbtlive.runtime.engine.admission import Intake, judged
from rbtlive.runtime.engine.breakers import Breakers, BreakerWatch
from rbtlive.runtime.engine.containment import contained, guarded, lost_task, prints_suppressed
from rbtlive.runtime.engine.decision_age import AgeLimit, AgeWatch
from rbtlive.runtime.engine.dispatcher import EventDispatcher, HandlerFailure
from rbtlive.runtime.engine.ending import write_end, write_failure
from rbtlive.runtime.engine.event_queue import EventQueue
from rbtlive.runtime.engine.feed_pump import FeedPump
from rbtlive.runtime.engine.loop_budget import LoopBudget, watch_lag
from rbtlive.runtime.engine.meters import Meters
from rbtlive.runtime.engine.swap import StartedSegment
from rbtlive.runtime.engine.timekeeper import Timekeeper
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.recorder import Recorder, moment_of
from rbtlive.runtime.log import message_sink
from rbtlive.runtime.recorded.recorded import Facts, carry_on, segments_of

FORKED = "this session belongs to the parent process: a forked child cannot use it"
EngineState = Literal["starting", "running", "stopping", "stopped", "failed"]

TOLD_LAG_S = 1.0
"""A loop that was held for so long is told of in the log."""
_CORE_EVENTS = (
    DecisionAgeEvent,
    OperatorCallEvent,
    OrderReplacedEvent,
    *OPENING_EVENTS,
    MarketDataEvent,
    OrderFillEvent,
    OrderUpdateEvent,
    OrderRejectEvent,
    ScheduledTriggerEvent,
    CircuitBreakerEvent,
    OperatorEvent,
    SystemErrorEvent,
)


class TradingEngine:
    """Runs a strategy on the loop that is running.

    Args:
        strategy: What `backtest` takes.
        broker: Where orders go.
        feed: Where bars come from: a feed, or an async iterator of bars.
        portal: History, assets and corporate actions; a ReplayFeed brings its own.
        journal: Where everything is written; one that was resumed is replayed first.
            None keeps it in memory.
        settings: The run's settings; None makes them of `options`.
        open_orders: What happens to open orders on shutdown.
        own_capital: Take the account's equity as the capital base; for real brokers.
        link: How a real broker is watched.
        account: What a run on a real account may own.
        age_limit: How old a slice may be for orders to be sent.
        breakers: What stops trading by itself.
        begun: A segment that has begun already; None restores the run from its journal.
        go_on: Begins a segment from the journal's positions if a replay goes another
            way; None lets it fail.
        queue_size: Number of waiting events from which on the feed is slowed.
        clock: Tells wall time.
        on_failure: Gets what a handler of the dispatcher raised.
        **options: Settings by name, as `backtest` takes them.
    """

    _lost_task = ""
    _thread: int | None = None

    def __init__(  # noqa: PLR0913 - what an engine is wired to, each by name
        self,
        strategy: Any,
        broker: BrokerAdapter,
        *,
        feed: Any,
        portal: Any = None,
        journal: Journal | None = None,
        settings: RunSettings | None = None,
        open_orders: Literal["keep", "cancel"] = "keep",
        own_capital: bool = False,
        link: LinkSettings | None = None,
        account: AccountRules | None = None,
        age_limit: AgeLimit | None = None,
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
        self._strategy = strategy
        wanted = options if settings is None else {"frequency": settings.frequency}
        self._portal = feed_portal(self.feed, portal, wanted)
        self._settings = settings or prepare_settings(
            self._portal, endless=self.feed.is_live, **{"on_error": "continue", **options}
        )
        self.journal = journal if journal is not None else Journal.in_memory()
        self.clock = clock or SystemClock()
        self.queue = EventQueue(queue_size)
        self.dispatcher = EventDispatcher(
            record=self.journal.append_event, sink=self.enqueue, report=on_failure
        )
        self.meters = Meters()
        self.state: EngineState = "starting"
        self.ended = False
        self.failure: BaseException | None = None
        self.replayed = 0
        self._open_orders = open_orders
        self._go_on = go_on
        self._begun = begun
        self._segment = segments_of(self.journal)[-1] if self.journal.resumed else None
        self._recorder = Recorder(self.journal, after=self._segment.after if self._segment else 0)
        self._taken_up_after: datetime | None = None  # a slice; the first of all once that has come
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wakeup = asyncio.Event()
        self._breath = LoopBudget(self.clock)
        self._intake = Intake(self.queue)
        put, wake = self._intake.put_of(self.feed), self._wakeup.set
        self._pump = FeedPump(self.feed, self.queue, put=put, loop_budget=self._breath, wake=wake)
        self._heard: MarketDataEvent | None = None
        self._stopping = False
        self._given_up = False
        self._tasks: list[asyncio.Task[None]] = []
        self.on_message: Callable[[str, str], None] = message_sink(strategy_name(strategy))
        self.account_side = AccountSide(
            self, rules=account or AccountRules(), link=link or LinkSettings(), own=own_capital
        )
        limits = breakers or Breakers()
        self.breakers = BreakerWatch(limits)
        self._times_callbacks = self.feed.is_live and limits.max_callback_s is not None
        self.timekeeper = Timekeeper(
            self.feed, self.clock, self.enqueue, stale_after_bars=limits.stale_after_bars
        )
        self._age = AgeWatch(self, age_limit or AgeLimit(), self._settings)
        if begun is None:
            self._take_over(self._settings.start, self._settings.capital_base)
        else:
            self._use(begun.core)
            self._taken_up_after = begun.last_slice
        for event_type in _CORE_EVENTS:
            handler = self._slice_to_core if event_type is MarketDataEvent else self._to_core
            self.dispatcher.register_handler(event_type, handler, critical=True)

    def _take_over(self, start: date, capital_base: Decimal) -> None:
        settings = replace(self._settings, start=start, capital_base=capital_base)
        core = new_core(
            self._strategy, self._portal, settings, preload=False, simulated=self.broker.simulated
        )
        before = getattr(self, "core", None)
        if before is not None:  # what an operator said before the first bar still holds
            core.state.take_standing(before.state)
            # The venue knows orders of these numbers.
            core.state.orders.reserve(str(before.state.orders.last_id))
        self._use(core)

    def _use(self, core: TradingCore) -> None:
        self.core = core
        core.state.on_message = self.on_message
        core.state.is_own_thread = lambda: self._thread in {None, threading.get_ident()}
        core.state.emit = self._emit_fill
        core.state.on_session_closed = lambda row: self._recorder.session_closed(self.core, row)

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
        """Whether rows of before are still to be replayed, so that the core does not
        stand where the run does.
        """
        return self._begun is None and self._recorder.replaying

    @property
    def ending(self) -> str:
        """State, and what it failed with, as words of a sentence."""
        failure = self.failure
        return self.state if failure is None else f"{self.state} with {describe_error(failure)}"

    @property
    def link(self) -> BrokerLink | None:
        """The connection to a real broker; None before it is made, and on paper."""
        return self.account_side.link

    @property
    def cancels_orders(self) -> bool:
        """Whether a stop cancels open orders."""
        return self._open_orders == "cancel"

    # -- the outside's side -----------------------------------------------------------

    def enqueue(self, event: Event) -> None:
        """Put an event into the queue; to be called on the engine's own loop.

        Raises:
            QueueFull: market data, while too many events wait.
            EngineStopped: nobody takes events any more.
        """
        if self.state in {"stopped", "failed"}:
            raise EngineStopped(f"the engine has {self.ending} and takes no events: attach again")
        if self.journal.is_foreign:
            raise EngineStopped(FORKED)
        self._intake.put(event)
        self._wakeup.set()

    async def run(self) -> None:
        """Run until the feed ends or `graceful_shutdown` is called; raise what ended it
        otherwise.
        """
        if self._given_up:  # replaced before it began
            return
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        try:
            await self._initialize()
            self.state = "running"
            await self._consume()
            await self.account_side.settle_stop()
            self.ended = self._pump.done and not self._stopping
        except asyncio.CancelledError:
            self._stopping = True  # whoever owns the loop ends it: what was done is kept
            raise
        except BaseException as failure:
            if (
                self._given_up
            ):  # its journal is another engine's now: what it was about to do is nobody's
                return
            self.failure = failure
            raise
        finally:
            await self._finish()

    async def graceful_shutdown(self) -> None:
        """Stop the intake, process what waits, keep or cancel open orders, and close
        the journal.
        """
        if self.journal.is_foreign:
            raise EngineStopped(FORKED)
        if self.state in {"stopped", "failed"}:
            return
        self._stopping = True
        self.state = "stopping"
        self._wakeup.set()
        self._pump.stop()

    def abandon(self) -> None:
        """Let go of everything at once, without waiting: another engine takes over the
        run, or the process ends.
        """
        if self.state in {"stopped", "failed"} or self.journal.is_foreign:
            return
        self._given_up = True
        self.state = "stopped"
        for task in self._tasks:
            task.cancel()
        self._wakeup.set()
        self._pump.stop()
        self.journal.close()

    # -- starting ---------------------------------------------------------------------

    async def _initialize(self) -> None:
        if not self.broker.simulated:
            capital = await self.account_side.connect(begun=self._begun is not None)
            if capital is not None:
                self._take_over(self.core.state.settings.start, capital)
        try:
            await self._restore()
        except StrategyChanged:
            if self._go_on is None:
                raise
            await self._begin_segment(self._go_on)
        if self.link is not None:
            await self.link.settle()
            for name, work in self.link.tasks(self.breakers.limits.blind_after_s).items():
                self.start_task(work, name)
        self.feed.configure(self._plan())
        self.start_task(self._pump.run(), "feed")
        self.start_task(watch_lag(self.clock, self._note_lag), "lag")
        if self.feed.is_live:
            if (
                self._taken_up_after is not None
            ):  # a feed that stays silent from the start is noticed too
                self.timekeeper.note_slice(self._taken_up_after, self.core.state.settings.interval)
            self.start_task(self.timekeeper.run(lambda: self.core), "clock")

    def _plan(self) -> FeedPlan:
        settings, calendar = self.core.state.settings, self.core.state.calendar
        return FeedPlan(
            calendar=calendar,
            frequency=settings.frequency,
            symbols=tuple(asset.symbol for asset in self.core.state.assets),
            first_session=calendar.number(settings.start),
            last_session=None if settings.end is None else calendar.number(settings.end),
            after=self._taken_up_after,
            latest=self.clock.now
            if self.feed.is_live and not isinstance(self.feed, StreamFeed)
            else None,
        )

    async def _restore(self) -> None:
        # Start and recovery are one: rows from before are given to the core again,
        # prints suppressed.
        recorder = self._recorder
        if self._begun is not None:
            for level, text in self._begun.messages:
                self.on_message(level, text)
            for row, text in self._begun.closed:
                recorder.closed_session(row, text)
            self._hand_over(self._begun.commands)
        else:
            self._begin()
        loop_budget = LoopBudget(self.clock)
        inputs = recorder.inputs()
        while self._replay_until(loop_budget.is_due, inputs):
            await loop_budget.take()
        recorder.finish_replay()
        self.account_side.take_over_holdings()
        self._age.begin()
        self.breakers.begin(self.core)
        recorder.note("Attached", moment_of(self.core), {"replayed": self.replayed})
        self.journal.commit(durable=True)

    def _begin(self) -> None:
        self._start_where_it_began()
        if self._segment is not None and self._segment.state is not None:
            assets = {asset.symbol: asset for asset in self.core.state.assets}
            facts = Facts(self.journal, assets, upto=self._segment.after)
            carry_on(self.core, facts, self._segment.state)
            if facts.slices:
                self._taken_up_after = facts.slices[-1].timestamp
        with self._replaying(), contained("initialize"):
            self._hand_over(self.core.start())

    def _replay_until(
        self, is_due: Callable[[], bool], inputs: Iterator[tuple[int, Event]]
    ) -> bool:
        # Whether more is to come; one redirection serves all events between two
        # breaths.
        with self._replaying(), contained("a callback"):
            for _seq, event in inputs:
                if isinstance(event, MarketDataEvent):
                    self._taken_up_after = event.timestamp
                self._process(event)
                self.replayed += 1
                if is_due():
                    return True
        return False

    async def _begin_segment(self, go_on: Callable[[Journal], None]) -> None:
        go_on(self.journal)
        self._segment = segments_of(self.journal)[-1]
        self._recorder = Recorder(self.journal, after=self._segment.after)
        self._taken_up_after = None
        self._take_over(self.core.state.settings.start, self.core.state.settings.capital_base)
        await self._restore()

    def _start_where_it_began(self) -> None:
        if not self.feed.is_live or not self.journal.resumed:
            return
        for _seq, event in self.journal.events():
            if isinstance(event, MarketDataEvent):
                self._start_at(event)
                return

    def _start_at(self, event: MarketDataEvent) -> bool:
        # A live feed's first bar says in which session the run begins; until then it
        # was the one after now.
        if not self.feed.is_live:
            return False
        core = self.core
        session = core.state.calendar.session_of_us(us_of(event.timestamp))
        if session < 0 or core.state.calendar.label(session) == core.state.settings.start:
            return False
        self._take_over(core.state.calendar.label(session), core.state.settings.capital_base)
        return True

    def _replaying(self) -> contextlib.AbstractContextManager[None]:
        return prints_suppressed(self.journal.resumed and self._recorder.replaying)

    def start_task(self, coroutine: Any, name: str) -> None:
        """Run a coroutine beside the engine until it ends."""
        error = FeedDisconnected if name == "feed" else BrokerError
        work = guarded(coroutine, f"the {name} task", error)
        task = asyncio.create_task(work, name=f"rbtlive {name} of {self.core.strategy.name}")
        task.add_done_callback(lambda _task: coroutine.close())  # it may never have begun
        task.add_done_callback(self._task_done)
        self._tasks.append(task)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._lost_task = task.get_name()
        elif task.exception() is not None and self.failure is None:
            self.failure = task.exception()
        self._wakeup.set()

    # -- the loop ---------------------------------------------------------------------

    async def _consume(self) -> None:
        queue, loop_budget = self.queue, self._breath
        while not self._given_up:
            while queue.size and not self._given_up:
                self._drain(loop_budget)
                self._pump.note_taken()
                if loop_budget.is_due():
                    self.journal.commit()
                    await loop_budget.take()
            if self._given_up:
                return
            self.journal.commit()
            if self.failure is not None:
                raise self.failure
            if self._lost_task:
                raise lost_task(self._lost_task)
            if self._stopping or (self._pump.done and not queue.size):
                return
            self._wakeup.clear()
            if not queue.size:
                await self._wakeup.wait()

    async def drain(self, wait_s: float) -> None:
        """Process what waits, or what comes within some seconds, on the way to a stop."""
        self.journal.commit()
        self._wakeup.clear()
        if not self.queue.size:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wakeup.wait(), wait_s)
        while self.queue.size:
            self._drain(self._breath)
        self.journal.commit()

    def hand_over(self, commands: list[Command]) -> None:
        """Write commands down, and send them."""
        self._hand_over(commands)

    def _drain(self, loop_budget: LoopBudget) -> None:
        # Processes what waits, until nothing does or the loop is to be given back.
        self._heard = None
        with contained("a callback"), contextlib.closing(self._next_events(loop_budget)) as events:
            self.dispatcher.dispatch_each(events)
        if self._age.judges:
            self._age.sum_up()
        if self.link is not None:
            self.link.watch.publish()
        if self._heard is not None:  # of slices that came together, the last one tells of the feed
            self.timekeeper.note_slice(self._heard.timestamp, self.core.state.settings.interval)

    def _next_events(self, loop_budget: LoopBudget) -> Generator[Event, None, None]:
        # Each is done when the next is asked for: one reading of the clock ends an
        # event and begins the next.
        queue, now_ns = self.queue, self.clock.monotonic_ns
        keep, count = self.meters.latencies_ns.append, 0
        began_ns = now_ns()
        try:
            while queue.size and not self._given_up:
                event = queue.get()
                if self._age.judges:
                    age = self._age.before(event, self._taken_up_after)
                    if age is not None:
                        yield age
                if not isinstance(event, MarketDataEvent):
                    yield self._believed(event)
                elif self._intake.trusts(event):
                    yield event
                else:
                    last_us = self.core.state.market.last_slice_us
                    last = self._taken_up_after if last_us is None else datetime_of(last_us)
                    now = self.clock.now() if self.feed.is_live else None
                    yield from self._intake.admit(self.core.state, event, last, now)
                count += 1
                ended_ns = now_ns()
                keep(ended_ns - began_ns)
                began_ns = ended_ns
                if ended_ns >= loop_budget.due_ns:
                    break
        finally:
            self.meters.events += count

    def _note_lag(self, lag_s: float) -> None:
        self.meters.note_lag(lag_s)
        if lag_s >= TOLD_LAG_S:
            self.on_message(
                "warning", f"the loop was held for {lag_s:.1f} s: nothing was processed meanwhile"
            )
        if self.feed.is_live:
            self._enqueue_if(self.breakers.check_lag(self.core, lag_s))

    # -- an event ---------------------------------------------------------------------

    def _believed(self, event: Event) -> Event:
        believed = judged(self.core.state, event, source=self.broker.name)
        if believed is not event or self.link is None:
            return believed
        return self.account_side.held_back(event)

    def _slice_to_core(self, event: MarketDataEvent) -> None:
        if self._taken_up_after is None:
            self._taken_up_after = event.timestamp
            if self._start_at(event):
                # initialize has printed once already
                with contextlib.redirect_stdout(io.StringIO()):
                    self._hand_over(self.core.start())
                    for opening in self.account_side.opening:
                        self._hand_over(self.core.process(opening))
            self.account_side.opening.clear()
        if self._times_callbacks:
            self._process_timed(event)
        else:
            commands = self.core.process(event)
            if commands:
                self._hand_over(commands)
        if event.bars:  # an empty one says nothing of the feed
            self._heard = event
        if self.breakers.looks_at_books:
            self._enqueue_if(self.breakers.check(self.core))

    def _to_core(self, event: Event) -> None:
        if isinstance(event, SystemErrorEvent):
            self.meters.errors += 1
        elif isinstance(event, (OrderRejectEvent, OrderUpdateEvent, OrderFillEvent)):
            self._enqueue_if(self.breakers.check_refusals(self.core, event))
        if isinstance(event, OrderFillEvent) and self._is_booked(event):
            return
        if self._times_callbacks:
            self._process_timed(event)
        else:
            self._process(event)

    def _is_booked(self, event: OrderFillEvent) -> bool:
        return event.execution_id in self.core.state.orders.executions

    def _process_timed(self, event: Event) -> None:
        started_ns = self.clock.monotonic_ns()
        self._process(event)
        took_s = (self.clock.monotonic_ns() - started_ns) / 1e9
        self._enqueue_if(self.breakers.check_callbacks(self.core, took_s))

    def _process(self, event: Event) -> None:
        if self._taken_up_after is None:  # the first live slice may begin the run anew
            self.account_side.note_opening(event)
        resumes = isinstance(event, OperatorEvent) and event.action == "resume"
        stood_still = resumes and self.core.state.trading_state != "running"
        self._hand_over(self.core.process(event))
        if stood_still:
            self.breakers.note_resumed(self.core)

    def _enqueue_if(self, event: Event | None) -> None:
        if event is not None:
            self.enqueue(event)

    def _emit_fill(self, event: OrderFillEvent) -> None:
        # The simulated venue's fill is written, booked, and then shown to whoever
        # listens.
        self._recorder.derived_fill(event)
        self.core.process(event)
        if not self._recorder.replaying:
            self.dispatcher.dispatch_now(event, recorded=True)

    def _hand_over(self, commands: list[Command]) -> None:
        if not commands:
            return
        self._recorder.intents(self.core, commands)
        if self._recorder.replaying:
            if self.broker.simulated:
                self.core.acknowledge(commands)
            return
        self.journal.commit(durable=True)
        if self.link is None:
            self.core.acknowledge(commands)
        else:
            self.link.send(commands)

    # -- ending -----------------------------------------------------------------------

    async def _finish(self) -> None:
        if self.journal.is_foreign:  # a forked child: everything here is the parent's
            return
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._pump.give_back()
        if self._given_up:
            if self.link is not None:
                await self.link.hang_up()
            return
        try:
            if self._recorder.replaying:
                return  # nothing has happened since the run was left
            if self.failure is None:
                if self._open_orders == "cancel":
                    self.dispatcher.dispatch_now(
                        OperatorEvent(timestamp=moment_of(self.core), action="cancel_all")
                    )
                write_end(self._recorder, self.core, ended=self.ended)
            else:
                write_failure(self._recorder, self.core, self.failure)
        except BaseException as failure:
            self.failure = self.failure or failure
            raise
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        try:
            if self.link is not None:
                await self.broker.disconnect()
        except BaseException as failure:
            self.failure = self.failure or failure
            raise
        finally:
            self._close_journal()

    def _close_journal(self) -> None:
        try:
            if self.failure is not None and not self.journal.last_seq:
                self.journal.discard()  # it failed before anything happened: no run began
            else:
                self.journal.close()
        except BaseException as failure:
            self.failure = self.failure or failure
            raise
        finally:
            self.state = "stopped" if self.failure is None else "failed"
