"""`LiveSession`: the handle on a running engine, and on what it left behind.

The rule: every method returns at once or is awaitable; nothing here can stop the engine
by accident.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rbtlive.core.context import Context
from rbtlive.core.record import PositionRow
from rbtlive.core.views import AccountView, PortfolioView
from rbtlive.errors import EngineStopped, JournalMismatch
from rbtlive.model.events import OperatorEvent, SystemErrorEvent
from rbtlive.notebook.loaded import loaded_by, remember
from rbtlive.notebook.loops import running_loop
from rbtlive.notebook.panel.widget import mimebundle, session_html, show
from rbtlive.research.backtesting import perf_of, result_of
from rbtlive.research.frames import positions_frame
from rbtlive.research.parity_report import ParityReport
from rbtlive.research.proof import Proof
from rbtlive.research.result import BacktestResult
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.engine.launch import Launch
from rbtlive.runtime.journal.journal import RecordedRun
from rbtlive.runtime.log import traced
from rbtlive.runtime.recorded.replay import find_recorded

KEPT_LOGS = 1000
REPORT_WITHIN_S = 5.0
"""How long the report of `flatten` and `kill` waits for what was asked to be done."""
LETTING_GO_S = 5.0
"""How long a session waits for the one it replaces to let go of the feed."""


@dataclass(frozen=True, slots=True)
class OperatorReport:
    """What became of `flatten()` or `kill()`.

    Attributes:
        action: What was asked for.
        open_orders: Ids of orders that still rest.
        positions: Signed shares still held, by symbol.
        confirmed: Whether nothing rests, and, where flattening was asked for, nothing
            is held.
    """

    action: str
    open_orders: tuple[str, ...]
    positions: Mapping[str, Any]
    confirmed: bool


class Awaited:
    """The report of `flatten()` or `kill()` to come: awaited in a coroutine, on
    whatever loop, or waited for in a thread.

    Args:
        future: What the session's loop will fill.
        loop: The session's loop.
    """

    def __init__(
        self, future: concurrent.futures.Future[OperatorReport], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._future = future
        self._loop = loop

    def __await__(self) -> Generator[Any, None, OperatorReport]:
        return asyncio.wrap_future(self._future).__await__()

    def done(self) -> bool:
        """Say whether the report is there."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> OperatorReport:
        """Wait for the report in a thread that has no loop.

        Args:
            timeout: Seconds to wait at most; None waits as long as it takes.

        Raises:
            TimeoutError: it has not come by then.
            EngineStopped: this is the session's own loop, which would wait for itself:
                `await` it here.
        """
        if not self._future.done() and running_loop() is self._loop:
            raise EngineStopped(
                "the report comes over the loop that runs here: await it instead of result()"
            )
        return self._future.result(timeout)


class LiveSession:
    """One strategy on one broker, running on the loop it was attached from.

    Made by `rbtlive.attach` and `rbtlive.run`.
    """

    def __init__(self, launch: Launch, engine: TradingEngine) -> None:
        self._launch = launch
        self.name = launch.name
        self.engine = engine
        self.logs: deque[str] = deque(maxlen=KEPT_LOGS)
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._concluded = False
        engine.on_message = engine.core.on_message = self._note_message
        engine.dispatcher.register_handler(SystemErrorEvent, self._note_trouble)
        remember(launch)

    # -- life -------------------------------------------------------------------------

    def start(self, *, after: LiveSession | None = None) -> None:
        """Start the engine as a task of the running loop.

        Args:
            after: A session that this one replaces: it lets go of the feed first.
        """
        self._loop = asyncio.get_running_loop()
        before = None if after is None or after._loop is not self._loop else after._task  # noqa: SLF001
        self._task = self._loop.create_task(self._run(before), name=f"rbtlive session {self.name}")
        self._task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        # The engine keeps a failure for wait(); retrieving it here keeps asyncio from
        # reporting it a second time.
        if not task.cancelled():
            task.exception()
        self.engine.abandon()  # a task that was cancelled before its first step has not let go of anything

    async def _run(self, before: asyncio.Task[None] | None = None) -> None:
        try:
            if before is not None:
                await asyncio.wait({before}, timeout=LETTING_GO_S)
            await self.engine.run()
        except (
            Exception
        ) as failure:  # wait() raises it; whoever looks should see it without waiting
            self._log("error", f"the session has failed\n{traced(failure)}")
            raise
        if self.engine.ended:
            self._conclude()

    def _conclude(self) -> None:
        core = self.engine.core
        analyze = core.strategy.callback("analyze")
        if analyze is None or self._concluded:
            return
        self._concluded = True
        try:
            core.act(lambda: analyze(core.context, perf_of(self.result(), core.settings.frames)))
        except Exception as failure:  # around a user's callback
            self.engine.failure = failure
            self._log("error", f"analyze failed\n{traced(failure)}")
            if core.settings.on_error == "raise":
                raise

    def refuse_other_strategy(self, launch: Launch) -> None:
        """Keep this session running if what would replace it is of another strategy.

        Raises:
            JournalMismatch: it is.
        """
        if launch.executor.name != self._launch.executor.name and not launch.fresh:
            raise JournalMismatch(
                f"session {self.name!r} is running strategy {self._launch.executor.name!r}: was "
                "asked to carry on with "
                f"{launch.executor.name!r}; give that one another name=, or attach it with "
                "fresh=True"
            )

    def release(self) -> None:
        """Let go of the run at once, so that another session can carry it on."""
        self.engine.abandon()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop the session runs on."""
        return self._loop

    @property
    def state(self) -> str:  # a Literal here would end jedi, and with it completion in notebooks
        """Where the session stands: starting, running, paused, stopping, stopped or
        failed.
        """
        if self.engine.state == "running" and self.engine.core.paused:
            return "paused"
        return self.engine.state

    @property
    def trading_state(self) -> str:
        """Whether orders are taken: running, reducing (only those that reduce a
        position), or halted.
        """
        return self.engine.core.trading_state

    async def wait(self) -> None:
        """Wait until the session has ended, and raise what ended it; interrupting the
        wait leaves it running.
        """
        if self._is_elsewhere():
            await self._hopped(self.wait())
        elif self._task is not None and not self._task.done():
            await asyncio.wait({self._task})
        self._raise_failure()

    async def stop(self) -> None:
        """Stop gracefully: intake first, then what waits is processed, then the journal
        is closed.
        """
        if self._is_elsewhere():
            await self._hopped(self.stop())
            return
        await self.engine.graceful_shutdown()
        await self.wait()

    def _raise_failure(self) -> None:
        failure = self.engine.failure
        if failure is not None:
            raise failure

    # -- steering ---------------------------------------------------------------------

    def pause(self) -> None:
        """Skip the callbacks from now on; bars are processed and orders live on."""
        self._operate("pause")

    def resume(self) -> None:
        """Call the callbacks again, and take orders again after a halt."""
        self._operate("resume")

    def flatten(self) -> Awaited:
        """Cancel all orders, close all positions and halt; the awaitable reports once
        nothing rests or is held.

        What has not filled by then is reported too, unconfirmed, after
        `REPORT_WITHIN_S` seconds: orders wait for a bar.
        """
        return self._operate_and_report("flatten")

    def kill(self, flatten: bool = False) -> Awaited:
        """Cancel all orders and halt, closing all positions too if asked; the awaitable
        reports what still rests.
        """
        return self._operate_and_report("flatten" if flatten else "kill")

    def _operate(self, action: Any) -> None:
        if self.engine.state not in {"starting", "running"}:
            raise EngineStopped(
                f"session {self.name!r} has {self.engine.ending}: attach again to carry its run on"
            )
        event = OperatorEvent(timestamp=self.engine.core.now, action=action)
        if self._loop is None or not self._is_elsewhere():
            self.engine.enqueue(event)
        else:
            self._loop.call_soon_threadsafe(self._enqueue_late, event)

    def _enqueue_late(self, event: OperatorEvent) -> None:
        try:
            self.engine.enqueue(event)
        except (
            EngineStopped
        ) as stopped:  # it ended while the word was on its way from another thread
            self._log("warning", f"{event.action} came too late: {stopped}")

    def _operate_and_report(self, action: str) -> Awaited:
        self._operate(action)
        loop = self._loop or asyncio.get_running_loop()
        return Awaited(asyncio.run_coroutine_threadsafe(self._report(action), loop), loop)

    async def _report(self, action: str) -> OperatorReport:
        now_ns = self.engine.clock.monotonic_ns
        patience_ends_ns = now_ns() + round(REPORT_WITHIN_S * 1e9)
        while self.engine.state in {"starting", "running"} and not self._is_done(action):
            if now_ns() >= patience_ends_ns:
                break  # no bar came that could fill anything: say what rests, and leave it resting
            await asyncio.sleep(
                0.01
            )  # books change with every event; a look is cheaper than a hook
        self._raise_failure()
        core = self.engine.core
        positions = {p.asset.symbol: p.amount for p in core.portfolio}
        open_orders = tuple(order.id for order in core.orders.get_active_orders())
        if self.engine.link is not None:  # what rests is what the broker says rests
            known = await self.engine.broker.orders(
                prefix=f"{self.engine.journal.run_id}-", open_only=True
            )
            open_orders = tuple(order.client_order_id for order in known)
        done = not open_orders and (action == "kill" or not positions)
        return OperatorReport(action, open_orders, positions, done)

    def _is_done(self, action: str) -> bool:
        core = self.engine.core
        if core.trading_state != "halted" or core.orders.get_active_orders():
            return False
        return action == "kill" or not core.portfolio.positions

    def _is_elsewhere(self) -> bool:
        # Widget callbacks may come on another thread, with another loop or none.
        loop = self._loop
        return loop is not None and loop.is_running() and running_loop() is not loop

    async def _hopped(self, work: Any) -> None:
        assert self._loop is not None
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    # -- looking ----------------------------------------------------------------------

    @property
    def portfolio(self) -> PortfolioView:
        """Cash and positions, as the strategy sees them."""
        return self.engine.core.portfolio_view

    @property
    def account(self) -> AccountView:
        """The account's figures, as the strategy sees them."""
        return self.engine.core.account_view

    @property
    def context(self) -> Context:
        """The strategy's context."""
        return self.engine.core.context

    @property
    def orders(self) -> pl.DataFrame:
        """All orders, as they are now; the frame of a result."""
        return self.result().orders

    @property
    def positions(self) -> pl.DataFrame:
        """Positions at each session's close, and those held now in a session that goes
        on; the frame of a result.
        """
        closed = self.result().positions
        core = self.engine.core
        if not core.in_session:
            return closed
        core.mark()
        held = [
            PositionRow(p.asset.symbol, p.asset.sid, p.amount, p.cost_basis, p.last_sale_price)
            for p in core.portfolio
        ]
        return pl.concat([closed, positions_frame([(core.session_label, held)])])

    @property
    def queue_depth(self) -> int:
        """Number of events that wait."""
        return len(self.engine.queue)

    @property
    def queue_depth_by_priority(self) -> dict[int, int]:
        """Number of events that wait, by priority."""
        return {
            int(priority): depth
            for priority, depth in self.engine.queue.depth_by_priority().items()
        }

    @property
    def stats(self) -> dict[str, float]:
        """What the engine measures of itself: counts, microseconds, milliseconds and
        bytes.
        """
        engine = self.engine
        meters, feed = engine.meters, engine.feed.stats()
        return {
            "events": meters.events,
            "events_per_s": meters.events_per_s(),
            "latency_p50_us": meters.latency_us(0.5),
            "latency_p99_us": meters.latency_us(0.99),
            "loop_lag_ms": meters.loop_lag_ms,
            "loop_lag_max_ms": meters.loop_lag_max_ms,
            "conflated": feed.get("conflated", 0),
            "dropped": feed.get("quarantined", 0),
            "reconnects": feed.get("reconnects", 0),
            "errors": meters.errors + engine.core.callbacks.failure_count,
            "journal_bytes": engine.journal.size_bytes(),
        }

    @property
    def journal_path(self) -> Path | None:
        """Where the journal is."""
        return self.engine.journal.path

    # -- judging ----------------------------------------------------------------------

    def result(self) -> BacktestResult:
        """Return what the session did so far, as a backtest's result."""
        return result_of(self.engine.core)

    def parity(self) -> ParityReport:
        """Run a fresh backtest over the slices the session saw, and compare orders,
        fills and books exactly.
        """
        with self._recorded() as recorded:
            return Proof(recorded, self._launch.folder, loaded_by(self.name)).parity()

    def replay(self, strategy: Any = None) -> BacktestResult:
        """Run a strategy (by default the session's own) over the slices the session
        saw, without its interventions.
        """
        with self._recorded() as recorded:
            return Proof(recorded, self._launch.folder, loaded_by(self.name)).replay(strategy)

    def _recorded(self) -> RecordedRun:
        # The journal as it lies on disk: under its own name, or set aside by a later
        # run of the same name.
        if self.engine.state in {"starting", "running"}:
            self.engine.journal.commit()
        return find_recorded(self._launch.folder, self.name, self.engine.journal.run_id)

    def _log(self, level: str, text: str) -> None:
        self.logs.append(f"{level}: {text}")

    def _note_message(self, level: str, text: str) -> None:
        failures = self.engine.core.callbacks.failures
        trace = f"\n{traced(failures[-1])}" if level == "error" and failures else ""
        self._log(level, text + trace)

    def _note_trouble(self, event: SystemErrorEvent) -> None:
        known = (
            f.error for f in reversed(self.engine.dispatcher.failures) if f.handler == event.source
        )
        failure = next(known, None)
        self._log(
            "error",
            f"{event.source}: {event.message}" + (f"\n{traced(failure)}" if failure else ""),
        )

    def __repr__(self) -> str:
        return f"<LiveSession {self.name}>"

    def _repr_html_(self) -> str:
        return session_html(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return mimebundle(self)

    def _ipython_display_(self) -> None:
        show(self)
