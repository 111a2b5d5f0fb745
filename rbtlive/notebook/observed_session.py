"""Read access to a session: its state, books, queue and measurements.

The rule: nothing here changes the session. A session on its own thread is read on that
thread, so that no reader sees half-changed books.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from rbtlive.core.shown.portfolio_views import AccountView, PortfolioView
from rbtlive.core.state.record import PositionRow
from rbtlive.core.strategy.context import Context
from rbtlive.model.events import OperatorEvent
from rbtlive.model.other_names import by_word, no_attribute
from rbtlive.notebook.loop_thread import LoopThread
from rbtlive.notebook.loops import call_on, running_loop
from rbtlive.research.backtesting import result_of
from rbtlive.research.result import BacktestResult
from rbtlive.research.result_frames import positions_frame
from rbtlive.runtime.engine.engine import TradingEngine

KEPT_LOGS = 1000
READ_WITHIN_S = 10.0
"""How long a reader waits for a session on its own thread."""

_CALL: Final = "await session.call(lambda context, data: ...)"
_ELSEWHERE: Final = by_word(
    {
        "session.state": "status is_running running is_alive alive done",
        "session.stats": "events latency errors counters uptime",
        "session.logs": "log messages logger",
        "session.portfolio.portfolio_value": "equity value portfolio_value nav balance_total",
        "session.portfolio.pnl": "pnl profit",
        "session.portfolio.cash": "cash balance",
        "session.account.buying_power": "buying_power",
        "session.engine": "queue dispatcher order_manager broker feed",
        "session.result()": "history performance perf results",
        "await session.wait()": "join run wait_until_done finished",
        "await session.stop()": "stop_trading shutdown terminate exit end",
        "await session.flatten()": "close_all liquidate close_positions close_all_positions "
        "exit_all",
        "await session.kill(flatten=True)": "emergency_stop panic kill_switch",
        "session.cancel(order_id)": "cancel_order",
        "session.cancel(order_id) for each that session.orders shows as open": "cancel_all "
        "cancel_all_orders cancel_orders",
        "session.pause()": "disable suspend halt",
        "session.resume()": "enable unpause restart",
        "session as the last expression of a cell, or session.widget()": "panel show display "
        "dashboard ui gui",
        f"{_CALL}, which may place orders": "buy sell order submit_order place_order "
        "order_target_percent order_target order_value order_percent create_order",
        "session.orders, or session.engine.order_manager.get_active_orders()": "open_orders "
        "openOrders openTrades reqOpenOrders active_orders get_open_orders get_orders",
        "session.portfolio.positions": "reqPositions get_positions position holdings "
        "current_positions",
        "session.account": "accountSummary accountValues get_account reqAccountSummary balances",
        'session.close("AAPL")': "close_position exit_position",
        "nothing: attach connects to the broker, and stop() disconnects": "connect disconnect "
        "isConnected is_connected reconnect connected",
        "await asyncio.sleep(1): a session runs beside the notebook": "sleep",
        "session.context.datetime": "current_dt now time get_datetime",
        "the portal given as data= or to the feed: portal.to_frame()": "data bars prices ohlcv "
        "get_data",
        'rbt.attach(..., benchmark="SPY")': "benchmark",
        "session.context, whose attributes the strategy sets": "params parameters strategy config",
        "rbt.attach(strategy, broker, name=...) with the new strategy": "swap reload update "
        "replace",
        "session.journal_path": "journal path file folder db",
        "session.explain(...), session.parity()": "compare diff",
    }
)
T = TypeVar("T")


class SessionLog(deque[str]):
    """Lines of a session's log, the latest last; they can be sliced like a list, and
    print one per line.
    """

    def __getitem__(self, place: Any) -> Any:
        return list(self)[place] if isinstance(place, slice) else super().__getitem__(place)

    def __str__(self) -> str:
        return "\n".join(self)


class ObservedSession:
    """A session, for reading.

    Args:
        name: The session's name.
        engine: Its engine.

    Attributes:
        logs: The latest `KEPT_LOGS` lines of its log, each `level: text`.
        thread: The thread that its loop runs on, if it is not the user's.
    """

    def __init__(self, name: str, engine: TradingEngine) -> None:
        self.name = name
        self.engine = engine
        self.logs = SessionLog(maxlen=KEPT_LOGS)
        self.thread: LoopThread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: OperatorEvent | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop the session runs on."""
        return self._loop

    def __getattr__(self, name: str) -> Any:
        """Raise an error that says where the requested value is: a result has the
        tables and figures.
        """
        if hasattr(type(self), name):  # its own error led here
            return object.__getattribute__(self, name)
        raise _lacks(type(self).__name__, name, dir(type(self)))

    @property
    def state(self) -> str:  # a Literal here would break jedi, and with it completion in notebooks
        """State of the session: starting, running, paused, stopping, stopped or failed.
        Requests by `pause()` or `resume()` show at once: no callback runs in between.
        """
        if self.engine.state == "running":
            asked = self._asked_for()
            if asked == "pause" or (asked is None and self.engine.core.state.paused):
                return "paused"
        return self.engine.state

    @property
    def trading_state(self) -> str:
        """Whether orders are accepted: running, reducing (only those that reduce a
        position), or halted.
        """
        return "running" if self._asked_for() == "resume" else self.engine.core.state.trading_state

    # The operator's last request that the engine has not processed yet.
    def _asked_for(self) -> str | None:
        event = self._asked
        waits = event is not None and self.engine.queue.holds(event)
        return event.action if event is not None and waits else None

    @property
    def portfolio(self) -> PortfolioView:
        """Cash and positions, in the strategy's view."""
        return self.engine.core.state.portfolio_view

    @property
    def account(self) -> AccountView:
        """The account's figures, in the strategy's view."""
        return self.engine.core.state.account_view

    @property
    def context(self) -> Context:
        """The strategy's context."""
        return self.engine.core.context

    @property
    def orders(self) -> pl.DataFrame:
        """All orders, as they are now, in the form of a result's frame."""
        return self.result().orders

    @property
    def positions(self) -> pl.DataFrame:
        """Positions at each session's close, and the current ones of a running session,
        in the form of a result's frame.
        """
        return self.read(self._positions)

    def _positions(self) -> pl.DataFrame:
        closed = result_of(self.engine.core).positions
        core = self.engine.core
        if not core.state.session_open:
            return closed
        core.state.marks.mark()
        held = [
            PositionRow(p.asset.symbol, p.asset.sid, p.amount, p.cost_basis, price)
            for p, price in core.state.portfolio.priced()
        ]
        return pl.concat([closed, positions_frame([(core.state.session_label, held)])])

    @property
    def queue_depth(self) -> int:
        """Number of waiting events."""
        return len(self.engine.queue)

    @property
    def queue_depth_by_priority(self) -> dict[int, int]:
        """Number of waiting events, by priority."""
        return {
            int(priority): depth
            for priority, depth in self.engine.queue.depth_by_priority().items()
        }

    @property
    def stats(self) -> dict[str, float]:
        """The engine's measurements of itself: counts, microseconds, milliseconds and
        bytes.
        """
        return self.read(self._stats)

    def _stats(self) -> dict[str, float]:
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
            "errors": meters.errors + engine.core.state.callbacks.failure_count,
            "external_orders": 0 if engine.link is None else engine.link.external.count,
            "journal_bytes": engine.journal.size_bytes(),
        }

    @property
    def journal_path(self) -> Path | None:
        """Path of the journal."""
        return self.engine.journal.path

    def result(self) -> BacktestResult:
        """Return the session's result so far, like a backtest's."""
        return self.read(lambda: result_of(self.engine.core))

    def read(self, look: Callable[[], T]) -> T:
        """Return the result of `look`, called where the books do not change
        meanwhile.

        Raises:
            TimeoutError: the session's thread was busy for `READ_WITHIN_S` seconds.
        """
        loop = self._loop
        is_idle = loop is None or not loop.is_running() or self.engine.journal.is_foreign
        if self.thread is None or loop is None or is_idle:
            return look()
        if running_loop() is loop:
            return look()
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()

        def read() -> None:
            try:
                answer.set_result(look())
            except BaseException as failure:  # noqa: BLE001 - carried over to the reader's thread
                answer.set_exception(failure)

        if not call_on(loop, read):
            return look()
        try:
            return answer.result(READ_WITHIN_S)
        except TimeoutError:
            if answer.done():  # the look's own
                raise
            raise TimeoutError(
                f"session {self.name!r} did not answer for {READ_WITHIN_S:g} s: its thread is "
                "blocked, for example by a callback that waits or computes; ask again when it "
                "is over"
            ) from None

    def __repr__(self) -> str:
        return f"<LiveSession {self.name}>"


def _lacks(owner: str, name: str, attributes: list[str]) -> AttributeError:
    elsewhere = dict(_ELSEWHERE)
    if name not in elsewhere and not name.startswith("_") and hasattr(BacktestResult, name):
        elsewhere[name] = f"session.result().{name}"
    return no_attribute(owner, name, elsewhere, attributes)
