"""`LiveSession`: the handle of a running engine, and of its results.

The rule: every method returns at once or is awaitable; nothing here can stop the engine
by accident.
"""

from __future__ import annotations

import asyncio
from typing import Any

from rbtlive.core.actions.user_code import from_own_line
from rbtlive.errors import (
    EngineError,
    HistoryWindowStartsBeforeData,
    JournalMismatch,
    SessionLocked,
)
from rbtlive.model.events import SystemErrorEvent
from rbtlive.notebook.announcer import Announcer
from rbtlive.notebook.loaded import loaded_by, remember
from rbtlive.notebook.loop_thread import LoopThread
from rbtlive.notebook.operated_session import OperatedSession
from rbtlive.notebook.panel.widget import mimebundle, session_html, session_widget, show
from rbtlive.research.backtesting import perf_of
from rbtlive.research.explaining.explain import explain
from rbtlive.research.explaining.explanation import Explanation
from rbtlive.research.parity_report import ParityReport
from rbtlive.research.proof import Proof
from rbtlive.research.result import BacktestResult
from rbtlive.runtime.engine.containment import contained
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.engine.launch import Launch
from rbtlive.runtime.journal.journal_reader import RecordedRun
from rbtlive.runtime.log import traced
from rbtlive.runtime.recorded.changes import history_of
from rbtlive.runtime.recorded.replay import find_recorded

BACK = " is back"
"""Text in the message of a lost stream or feed that has been restored."""
LETTING_GO_S = 5.0
"""How long a session waits for the one it replaces to release the feed."""


_MACHINERY = frozenset(
    {
        "loop",
        "read",
        "refuse_other_folder",
        "refuse_other_strategy",
        "release",
        "start",
        "task",
        "thread",
    }
)


class LiveSession(OperatedSession):
    """One strategy on one broker, running on the loop it was attached from.

    Created by `rbtlive.attach` and `rbtlive.run`.
    """

    def __init__(self, launch: Launch, engine: TradingEngine) -> None:
        super().__init__(launch.name, engine)
        self._concluded = False
        self._traced: BaseException | None = None
        self._wire(launch, engine)

    def _wire(self, launch: Launch, engine: TradingEngine) -> None:
        self._launch, self.engine = launch, engine
        self._announcer = Announcer(launch, engine)
        engine.live_run.on_message = engine.core.state.on_message = self._note_message
        engine.dispatcher.register_handler(SystemErrorEvent, self._note_trouble)
        remember(launch)

    def __dir__(self) -> list[str]:
        """Return the public names, without internal ones."""
        return sorted(set(super().__dir__()) - _MACHINERY)

    # -- lifecycle ---------------------------------------------------------------------

    def start(self, *, after: LiveSession | None = None, thread: LoopThread | None = None) -> None:
        """Start the engine as a task of the running loop.

        Args:
            after: A session that this one replaces: it first releases the feed.
            thread: The loop's thread, if it belongs to the session.

        Raises:
            EngineError: it was started already, by `attach`.
        """
        if self._task is not None:
            raise EngineError(
                f"session {self.name!r} was started by attach(), and is {self.state}: "
                "session.resume() goes on after a pause, and attaching again after a stop"
            )
        self._loop = asyncio.get_running_loop()
        before = None if after is None or after._loop is not self._loop else after._task  # noqa: SLF001
        self._task = self._loop.create_task(self._run(before), name=f"rbtlive session {self.name}")
        self._task.add_done_callback(self._note_end)
        self.thread = thread
        if thread is not None:
            thread.keep_for(self._task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        # The engine keeps a failure for wait(); retrieving it here keeps asyncio from
        # reporting it a second time.
        if not task.cancelled():
            task.exception()
        # A task that was cancelled before its first step has released nothing.
        self.engine.abandon()

    async def _run(self, before: asyncio.Task[None] | None = None) -> None:
        try:
            if before is not None:
                await asyncio.wait({before}, timeout=LETTING_GO_S)
            self._announcer.begin()
            await self._run_where_windows_fit()
        except Exception as failure:
            # wait() raises it; the log shows it without waiting.
            self._log("error", "the session has failed", trace=traced(failure))
            raise
        finally:
            self._announcer.end()
        if self.engine.ended:
            self._conclude()

    # Like a backtest, the session restarts with the first session whose windows fit.
    async def _run_where_windows_fit(self) -> None:
        while True:
            try:
                await self.engine.run()
            except HistoryWindowStartsBeforeData as early:
                if not self.engine.core.state.callbacks.begins_later:
                    raise
                launch = self._launch.beginning_later(early)
                self._wire(launch, launch.engine())
                if launch.waited_for:
                    start = launch.settings.start
                    self._log("info", f"restarts on {start}: {early.window} must be available")
            else:
                return

    def _conclude(self) -> None:
        core = self.engine.core
        analyze = core.strategy.callback("analyze")
        if analyze is None or self._concluded:
            return
        self._concluded = True
        try:
            with contained("analyze"):
                core.act(
                    lambda: analyze(
                        core.context, perf_of(self.result(), core.state.settings.frames)
                    )
                )
        except Exception as failure:  # around a user's callback
            self.engine.failure = failure
            self._log("error", "analyze failed", trace=traced(failure))
            if core.state.settings.on_error == "raise":
                raise

    def refuse_other_strategy(self, launch: Launch) -> None:
        """Keep this session running if its replacement has another strategy.

        Raises:
            JournalMismatch: it has.
        """
        if launch.executor.name != self._launch.executor.name and not launch.fresh:
            raise JournalMismatch(
                f"session {self.name!r} is running strategy {self._launch.executor.name!r}: was "
                "asked to carry on with "
                f"{launch.executor.name!r}; give that one another name=, or attach it with "
                "fresh=True"
            )

    def refuse_other_folder(self, launch: Launch) -> None:
        """Keep this session running if its replacement has its journal in another
        place.

        Raises:
            SessionLocked: it has.
        """
        if launch.folder.path != self._launch.folder.path:
            raise SessionLocked(
                f"session {self.name!r} is running in this process with its journal in another "
                f"folder, {self._launch.folder.path.name!r}: was asked to attach it in "
                f"{launch.folder.path.name!r}; stop it first, or give the other one another name="
            )

    def release(self) -> None:
        """Release the run at once, so that another session can resume it."""
        self.read(self.engine.abandon)

    def leave(self) -> None:
        """Release the run as the process ends, and say so if that is impossible."""
        try:
            self.release()
        except TimeoutError:
            self._log(
                "warning",
                "the process ends while a call blocks the session's thread: the run is not "
                "stopped, and an attach carries it on",
            )

    # -- comparison --------------------------------------------------------------------

    def result(self) -> BacktestResult:
        """Return the session's result so far, like a backtest's."""
        result = super().result()
        result.judge = self.parity
        result.history = self._history
        return result

    def _history(self) -> dict[str, str]:
        with self._recorded() as recorded:
            return history_of(recorded)

    def parity(self) -> ParityReport:
        """Run a fresh backtest over the slices that the session saw, and compare
        orders, fills and books exactly.
        """
        with self._recorded() as recorded:
            return Proof(recorded, self._launch.folder, loaded_by(self.name)).parity()

    def explain(self, against: object = None) -> Explanation:
        """Explain why the session's profit differs from a backtest's: differences by
        cause, whose money adds up exactly to the difference.

        Args:
            against: A result, or data (a portal, a frame, for instance later bars) over
                which to run the session's strategy. Default: the bars that the session
                saw.

        Raises:
            ResultError: no session was closed yet, or the backtest begins at another
                session.
        """
        with self._recorded() as recorded:
            return explain(Proof(recorded, self._launch.folder, loaded_by(self.name)), against)

    @from_own_line
    def replay(self, strategy: object = None) -> BacktestResult:
        """Run a strategy (by default the session's own) over the slices that the
        session saw, without its interventions.
        """
        with self._recorded() as recorded:
            return Proof(recorded, self._launch.folder, loaded_by(self.name)).replay(strategy)

    def _recorded(self) -> RecordedRun:
        # The journal on disk: under its own name, or set aside by a later run of the
        # same name.
        if self.engine.state in {"starting", "running"}:
            self.engine.journal.commit()
        return find_recorded(self._launch.folder, self.name, self.engine.journal.run_id)

    def _note_message(self, level: str, text: str) -> None:
        failures = self.engine.core.state.callbacks.failures
        trace = ""
        if level == "error" and failures and failures[-1] is not self._traced:
            self._traced = failures[-1]
            trace = traced(failures[-1])
        self._log(level, text, trace=trace)

    def _note_trouble(self, event: SystemErrorEvent) -> None:
        known = (
            f.error for f in reversed(self.engine.dispatcher.failures) if f.handler == event.source
        )
        failure = next(known, None)
        self._log(
            "info" if BACK in event.message else "error",
            f"{event.source}: {event.message}",
            trace="" if failure is None else traced(failure),
        )

    def _log(self, level: str, text: str, *, trace: str = "") -> None:
        self.logs.append(f"{level}: {text}\n{trace}" if trace else f"{level}: {text}")
        # Facts that a replay repeats were logged when they happened; a current failure
        # is new.
        engine = self.engine
        if not (engine.is_begun and engine.is_recovering) or engine.failure is not None:
            self._announcer.write(level, text, trace=trace)

    def widget(self) -> Any:
        """Return the live panel as an ipywidget, for `HBox`, Voilà, marimo and so on;
        each call returns the same one.

        Raises:
            MissingExtra: anywidget or ipywidgets is not installed.
            EngineStopped: the session has no loop, because it was never started.
        """
        return session_widget(self)

    def _repr_html_(self) -> str:
        return session_html(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        del include, exclude
        return mimebundle(self)

    # marimo displays this instead of the object: a widget that it keeps live.
    def _display_(self) -> Any:
        return self.widget()

    def _ipython_display_(self) -> None:
        show(self)
