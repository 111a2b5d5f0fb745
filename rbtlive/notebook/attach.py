"""`attach`, `run`, `sessions`, `open_session`: functions that start or open
sessions.

The rule: at most one session with a given name runs in a process; a second attach takes
over the first one's run, and reports it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, SupportsFloat

from rbtlive.brokers.base import BrokerAdapter
from rbtlive.core.actions.user_code import cut_to_own_line, from_own_line
from rbtlive.errors import InvalidSetting, NoRunningLoop, RbtliveError
from rbtlive.finance.protocols import CommissionLike, SlippageLike
from rbtlive.model.asset import Asset
from rbtlive.model.given import DateLike, check_flag, is_one_of
from rbtlive.model.interval import DAY
from rbtlive.model.other_names import teaches_names
from rbtlive.notebook.exit_code import HALTED, exit_with
from rbtlive.notebook.interrupts import interrupt_held_back
from rbtlive.notebook.loop_thread import LoopThread
from rbtlive.notebook.loops import running_loop
from rbtlive.notebook.nested import warn_of_archived_patch
from rbtlive.notebook.reloading import warn_of_unread_edits
from rbtlive.notebook.session import LiveSession
from rbtlive.notebook.shutdown import stop_at_exit
from rbtlive.runtime.engine.breakers import Breakers
from rbtlive.runtime.engine.launch import Launch, prepare
from rbtlive.runtime.engine.swap import StartedSegment
from rbtlive.runtime.foreign_arguments import RUN_ARGUMENTS
from rbtlive.runtime.journal.state_folder import JournalPlace
from rbtlive.runtime.machine import new_loop

_RUNNING: dict[str, LiveSession] = {}
stop_at_exit(lambda: list(sessions().values()))
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_RUNNING.clear)  # they run in the parent


@from_own_line
@teaches_names(RUN_ARGUMENTS)
def attach(  # noqa: PLR0913 - the public contract, each by name
    strategy: object,
    broker: BrokerAdapter,
    *,
    feed: object = None,
    data: object = None,
    name: str | None = None,
    journal: JournalPlace = None,
    fresh: bool = False,
    on_error: Literal["continue", "raise"] = "continue",
    max_errors: int = 10,
    on_divergence: Literal["raise", "positions"] = "raise",
    open_orders: Literal["keep", "cancel"] = "keep",
    capital_base: SupportsFloat | None = None,
    start: DateLike | None = None,
    end: DateLike | None = None,
    warmup: int | None = None,
    frequency: str = DAY.text,
    calendar: str | None = None,
    params: Mapping[str, Any] | None = None,
    commission: CommissionLike | None = None,
    slippage: SlippageLike | None = None,
    benchmark: str | Asset | None = None,
    frames: Literal["polars", "pandas"] = "polars",
    zipline_quirks: bool = False,
    reconciliation: Literal["halt", "warn", "adopt", "follow"] = "halt",
    positions: Literal["leave", "take"] | Sequence[str] = "leave",
    late_orders: Literal["deny", "send"] = "deny",
    max_decision_age: timedelta | float | str | None = None,
    expected: Sequence[str] | None = None,
    labels: Literal["end", "start"] | None = None,
    breakers: Breakers | None = None,
    loop: Literal["running", "thread"] = "running",
    log_level: str | int = "info",
    provenance: Mapping[str, Any] | None = None,
) -> LiveSession:
    """Start a strategy on a broker in the running event loop, and return at once.

    A session is identified by its name. Attaching a name whose run has not ended
    resumes that run: after `stop()`, a failure or a killed process the journal is
    replayed first. Attaching a name that runs in this process replaces that session.

    Args:
        strategy: The strategy, as `backtest` takes it.
        broker: The broker for the orders, e.g. `PaperBroker()`.
        feed: The source of bars: a feed, or an async iterator of bars. Default: the
            broker's own.
        data: Portal or frame with history, assets and corporate actions. Default: the
            ReplayFeed's.
        name: The session's name. Default: the strategy's.
        journal: Folder of the journals. Default: RBTLIVE_HOME, otherwise `.rbtlive` in
            the working directory.
        fresh: Start a new run even if the last one has not ended.
        on_error: An exception in a callback is kept and counted ("continue"), or ends
            the session ("raise").
        max_errors: Trading halts after this many failing callbacks in a row; a callback
            that succeeds resets only its own count.
        on_divergence: What to do if a replay diverges: "raise", or "positions" to
            continue from the positions.
        open_orders: What to do with open orders on `stop()`.
        capital_base: Cash at the start. Default: 100,000 on paper, otherwise the
            account's equity.
        start: First session that a ReplayFeed replays. Default: as in `backtest`, the
            first session whose windows are within the data; on paper the run restarts
            there, and its `hints` say so.
        end: Last session.
        warmup: Instead of `start`: the number of a ReplayFeed's bars that are history
            before the first replayed session.
        frequency: Length of a bar: "1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d",
            "1w", "1mo", or any number of minutes; the data has such bars, or shorter
            ones that add up to them.
        calendar: Exchange calendar; a portal has its own.
        params: Overrides for the strategy's parameters.
        commission: Commission model.
        slippage: Slippage model.
        benchmark: Symbol or asset to compare with.
        frames: "polars" or "pandas".
        zipline_quirks: Restore the zipline quirks that are mended by default.
        reconciliation: How to handle an unexplained difference with a real broker: halt
            trading, warn, leave it outside this run ("adopt"), or correct the run's
            books to match the broker's ("follow").
        positions: How to treat shares that a real account holds at the first start:
            "leave" keeps them outside the run, "take" makes them the run's at the
            broker's cost, a list takes those symbols.
        late_orders: How to treat orders decided on a slice older than
            `max_decision_age`, on a live feed: "deny" or "send".
        max_decision_age: A timedelta, seconds, or a text such as "5m". Default: two
            intervals of open time; with daily bars the latest closed session.
        expected: Symbols whose bars a slice waits for: once all have reported, it is
            processed at once. Default: the feed's subscriptions, otherwise all symbols
            of the session. If one does not report, a slice of minutes or hours is
            closed five seconds after its end, one of days after a quarter of an hour.
        labels: Whether the feed stamps bars with their END, or with their start, as
            most vendors do. Default: END, or the feed's own setting.
        breakers: Limits that halt trading automatically, e.g.
            `Breakers(max_drawdown=0.2)`.
        loop: "running" uses the event loop running here. "thread" gives the session a
            loop on its own thread: plain IPython, scripts and GUIs continue beside it,
            and the session ends with the process.
        log_level: Minimum level to log: "debug", "info", "warning", "error" or
            "critical", or a level of `logging`. Lines go to the program's structlog or
            standard logging; if neither is set up, to stderr, as JSON unless that is a
            terminal. A notebook's panel and `session.logs` need no logging.
        provenance: The origin of the strategy and its parameters, as plain JSON values;
            stored in the journal of a new run. A row of a sweep provides its own.

    Raises:
        NoRunningLoop: no event loop runs here; scripts use `rbtlive.run` or
            `loop="thread"`.
        RbtliveError: an argument is invalid; each kind has a class of its own, and
            nothing is left half done.
    """
    asked = dict(locals())  # `prepare` takes the same arguments, so they are collected here once
    del asked["loop"]
    if not is_one_of(loop, ("running", "thread")):
        raise InvalidSetting(f'loop of attach() must be "running" or "thread": was {loop!r:.80}')
    check_flag(fresh, "fresh")
    if provenance is not None and not isinstance(provenance, Mapping):
        raise InvalidSetting(f"provenance must be a dict of JSON values: was {provenance!r:.80}")
    if loop == "running":
        _require_loop()
        warn_of_archived_patch()
    warn_of_unread_edits(strategy)
    launch = prepare(**asked)
    return _start(launch) if loop == "running" else _start_on_thread(launch)


def _require_loop() -> None:
    if running_loop() is None:
        raise NoRunningLoop(
            "attach() needs a running event loop, as in a notebook or an async function: "
            'elsewhere pass loop="thread", which runs the session on a thread of its own and '
            "returns at once, or use rbtlive.run(...), which takes the same arguments and blocks "
            "until the session ends"
        )


# A session that replaces one on a thread runs on the same thread.
def _start_on_thread(launch: Launch) -> LiveSession:
    before = sessions().get(launch.name)
    thread = None if before is None else before.thread
    if thread is None or not thread.is_alive:
        thread = LoopThread(f"rbtlive session {launch.name}")
    return thread.call(lambda: _start(launch, thread))


def _start(launch: Launch, thread: LoopThread | None = None) -> LiveSession:
    before = sessions().get(launch.name)
    begun = None
    if before is not None:
        before.refuse_other_folder(launch)
        before.refuse_other_strategy(launch)
        begun = launch.begin_swap(
            before.engine
        )  # runs the user's code: if it fails, `before` goes on
    with interrupt_held_back():
        return _take_over(launch, before, begun, thread)


def _take_over(
    launch: Launch,
    before: LiveSession | None,
    begun: StartedSegment | None,
    thread: LoopThread | None,
) -> LiveSession:
    if before is not None:
        before.release()
    session = LiveSession(launch, launch.engine(begun))
    if before is not None:
        what = "starts a new run" if launch.fresh else "carries its run on"
        session.logs.append(
            f"info: this session replaces the one that was running as {launch.name!r}, and {what}"
        )
        change = "" if begun is None else f", with a change: {begun.change}"
        print(f"session {launch.name!r} was running: this one replaces it and {what}{change}")  # noqa: T201
    _RUNNING[launch.name] = session
    session.start(after=before, thread=thread)
    return session


def sessions() -> dict[str, LiveSession]:
    """Return the sessions running in this process, by name."""
    return {name: s for name, s in _RUNNING.items() if s.state not in {"stopped", "failed"}}


def known_sessions() -> dict[str, LiveSession]:
    """Return the latest session of each name in this process, including ended ones."""
    return dict(_RUNNING)


def run(strategy: object, broker: BrokerAdapter, **options: object) -> LiveSession:
    """Run a session and block until it has ended: `attach` for scripts.

    A script that runs its session from its own code exits with 3 if trading was halted
    when the session ended, unless an exception ends it. A failing session raises, so
    the exit code is 1; after a stop, or the feed's end, it is the script's own 0.

    SIGINT and SIGTERM stop it gracefully; a second one leaves at once. Inside a running
    loop (a notebook cell) the session runs on a helper thread, and interrupting the
    cell stops it gracefully.

    Args:
        strategy: The strategy, as `backtest` takes it.
        broker: The broker for the orders.
        **options: Options of `attach`.

    Returns:
        The ended session, for `result()` and `parity()`.
    """
    try:
        if running_loop() is None:
            with new_loop() as loop:
                session = loop.run(_run(strategy, broker, options, own_signals=True))
        else:
            session = _run_on_thread(strategy, broker, options)
    except Exception as failure:
        cut_to_own_line(failure)
        raise
    exit_with(HALTED if session.trading_state == "halted" else 0)
    return session


async def _run(
    strategy: object,
    broker: BrokerAdapter,
    options: dict[str, Any],
    *,
    own_signals: bool,
    box: dict[str, Any] | None = None,
) -> LiveSession:
    session = attach(strategy, broker, **options)
    if box is not None:
        box["session"], box["loop"] = session, asyncio.get_running_loop()
    if own_signals and threading.current_thread() is threading.main_thread():
        with _stopped_by_signals(session):
            await _wait_for(session)
    else:
        await session.wait()
    return session


# A second Ctrl-C during a callback or feed ends its session; here it also ends the
# program.
async def _wait_for(session: LiveSession) -> None:
    try:
        await session.wait()
    except RbtliveError as failure:
        cause = failure.__cause__
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__
        raise (cause or failure) from None


@contextlib.contextmanager
def _stopped_by_signals(session: LiveSession) -> Iterator[None]:
    # Plain signal handlers, not the loop's: a second Ctrl-C must reach a callback that
    # never returns.
    loop = asyncio.get_running_loop()
    pending: set[asyncio.Task[None]] = set()
    at_once: dict[int, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in at_once}

    def stop() -> None:
        task = loop.create_task(session.engine.graceful_shutdown())
        pending.add(task)
        task.add_done_callback(pending.discard)

    def on_signal(_number: int, _frame: object) -> None:
        for number, handler in at_once.items():
            signal.signal(number, handler)
        loop.call_soon_threadsafe(stop)

    for number in at_once:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_on_thread(strategy: object, broker: BrokerAdapter, options: dict[str, Any]) -> LiveSession:
    box: dict[str, Any] = {}

    def target() -> None:
        try:
            with new_loop() as loop:
                box["result"] = loop.run(
                    _run(strategy, broker, options, own_signals=False, box=box)
                )
        except BaseException as failure:  # noqa: BLE001 - carried over to the caller's thread
            box["failure"] = failure

    thread = threading.Thread(target=target, name="rbtlive run", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
    except KeyboardInterrupt:
        session = box.get("session")
        if session is not None:
            asyncio.run_coroutine_threadsafe(session.engine.graceful_shutdown(), box["loop"])
            thread.join(5)
        raise
    if "failure" in box:
        raise box["failure"]
    result: LiveSession = box["result"]
    return result
