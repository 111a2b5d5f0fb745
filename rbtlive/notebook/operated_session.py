"""Operator actions on a session: pause, resume, cancel, close, flatten, kill, stop.

The rule: every action is an event of the run, journaled as the operator's. Calls return
at once, and their outcome can be awaited.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine, Generator
from decimal import Decimal
from types import TracebackType
from typing import Any, TypeVar

from rbtlive.core.actions.user_code import cut_to_own_line
from rbtlive.errors import EngineStopped, InvalidSetting
from rbtlive.model.events import OperatorAction, OperatorEvent, SplitEvent, SymbolChangeEvent
from rbtlive.model.given import is_one_of
from rbtlive.model.number import to_decimal
from rbtlive.notebook.loops import call_on, running_loop
from rbtlive.notebook.observed_session import ObservedSession
from rbtlive.notebook.unstarted import unstarted
from rbtlive.runtime.broker.operator_report import OperatorReport, report_of
from rbtlive.runtime.engine.engine import FORKED, TradingEngine

T = TypeVar("T")
REPORT_WITHIN_S = 5.0
"""How long the report of `flatten` and `kill` waits for the action to complete."""
LOOK_EVERY_S = 0.1
"""How often work on another loop is looked at, whose loop may have ended without it."""


class Awaited:
    """The pending report of `flatten()` or `kill()`: await it in a coroutine, on any
    loop, or wait for it in a thread.

    Args:
        future: Set by the session's loop.
        loop: The session's loop.
    """

    def __init__(
        self, future: concurrent.futures.Future[OperatorReport], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._future = future
        self._loop = loop

    def __await__(self) -> Generator[Any, None, OperatorReport]:
        return asyncio.wrap_future(self._future).__await__()

    def __repr__(self) -> str:
        if not self._future.done():
            return "<a report to come: await it, or call result() in a script>"
        return repr(self._future.result())

    def done(self) -> bool:
        """Say whether the report is available."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> OperatorReport:
        """Wait for the report in a thread that has no loop.

        Args:
            timeout: Maximum seconds to wait; None waits indefinitely.

        Raises:
            TimeoutError: the report is not available by then.
            EngineStopped: this is the session's own loop, which would wait for itself:
                `await` it here.
        """
        if not self._future.done() and running_loop() is self._loop:
            raise EngineStopped(
                "the report comes over the loop that runs here: await it instead of result()"
            )
        return self._future.result(timeout)


class OperatedSession(ObservedSession):
    """A session that accepts operator actions.

    Args:
        name: The session's name.
        engine: Its engine.
    """

    def __init__(self, name: str, engine: TradingEngine) -> None:
        super().__init__(name, engine)
        self._task: asyncio.Task[None] | None = None
        self._failed_at: TracebackType | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The session's task, on its loop."""
        return self._task

    def __await__(self) -> Generator[object, None, None]:
        return self.wait().__await__()

    @unstarted
    async def wait(self) -> None:
        """Wait until the session has ended, and raise the exception that ended it;
        interrupting the wait leaves the session running.
        """
        try:
            if self._is_elsewhere():
                await self._hopped(self.wait)
            elif self._task is not None and not self._task.done():
                await asyncio.wait({self._task})
            self._raise_failure()
        except Exception as failure:
            cut_to_own_line(failure)
            raise

    @unstarted
    async def stop(self) -> OperatorReport:
        """Stop gracefully: first the intake, then waiting events are processed, then
        the journal is closed.

        With `open_orders="cancel"`, open orders are cancelled at the broker, and the
        confirmations are awaited.

        Returns:
            The remaining orders and positions; at a real broker, by its books.
        """
        try:
            if self._is_elsewhere():
                report: OperatorReport = await self._hopped(self.stop)
                return report
            await self.engine.graceful_shutdown()
            await self.wait()
            return self.engine.account_side.stop_report or await report_of(
                self.engine.live_run, "stop", cancels=self.engine.cancels_orders
            )
        except Exception as failure:
            cut_to_own_line(failure)
            raise

    def _raise_failure(self) -> None:
        failure = self.engine.failure
        if failure is not None:
            if self._failed_at is None:  # each raise adds frames: keep the original traceback
                self._failed_at = failure.__traceback__
            raise failure.with_traceback(self._failed_at)

    def pause(self) -> None:
        """Skip the callbacks from now on; bars are still processed and orders stay
        alive.
        """
        self._operate("pause")

    def resume(self) -> None:
        """Call the callbacks again, and accept orders again after a halt."""
        self._operate("resume")

    def cancel(self, order_id: str) -> None:
        """Cancel one open order.

        Raises:
            InvalidSetting: no open order has this id.
        """
        order = self.engine.core.state.orders.get_order(str(order_id))
        if order is None or not order.is_open:
            raise InvalidSetting(
                f"order_id of cancel() must be that of an open order: was {order_id!r}; "
                "session.orders lists them"
            )
        self._operate("cancel", order_id=order.id)

    def close(self, symbol: str) -> None:
        """Cancel an asset's open orders and close its position with a market order.

        Raises:
            InvalidSetting: no position is held in this symbol.
        """
        if not any(held.asset.symbol == symbol for held in self.engine.core.state.portfolio):
            raise InvalidSetting(
                f"symbol of close() must be one that is held: was {symbol!r}; "
                "session.portfolio.positions has what is held"
            )
        self._operate("close", symbol=symbol)

    @unstarted
    async def call(self, function: Callable[[Any, Any], T]) -> T:
        """Run `function(context, data)` as a callback of the run: it may place orders,
        and its requests are journaled as the operator's.

        A recovery repeats its orders and cancels, not the function: its changes to
        `context` are lost with the process.

        Returns:
            The function's result.

        Raises:
            EngineStopped: the session is not running.
            Exception: whatever the function raised; its requests before that stand.
        """
        if self._is_elsewhere():
            value: T = await self._hopped(lambda: self.call(function))
            return value
        while self.engine.state == "starting":  # noqa: ASYNC110 - a start is short
            await asyncio.sleep(0.01)
        if self.engine.state != "running":
            raise EngineStopped(
                f"session {self.name!r} has {self.engine.ending}: attach again to carry its run on"
            )
        result: T = self.engine.account_side.call(function)
        return result

    def apply_split(self, symbol: str, ratio: object) -> None:
        """Adjust position, open orders and history for a split that the data lacks: at
        once, as of the current session or the next one.

        Args:
            symbol: Symbol of the asset.
            ratio: Factor for prices: 0.5 is two for one, 10 is one for ten.

        Raises:
            InvalidSetting: no asset of the run has this symbol, or the ratio is not
                above zero.
        """
        number = _as_ratio(ratio)
        known = {asset.symbol for asset in self.engine.core.state.assets}
        if not is_one_of(symbol, known) or number is None:
            raise InvalidSetting(
                "apply_split() takes a symbol of the run and a ratio above zero (0.5 is two for "
                f"one): was {symbol!r}, {ratio!r}"
            )
        self._enqueue(SplitEvent(timestamp=self.engine.core.state.now, symbol=symbol, ratio=number))

    def change_symbol(self, symbol: str, new_symbol: str) -> None:
        """Follow an asset that the broker and the feed list under another symbol from
        now on. Inside the session it keeps its name; `symbol()` finds it by both.

        Args:
            symbol: The run's name of the asset.
            new_symbol: Its symbol outside the session.

        Raises:
            InvalidSetting: no asset of the run has this symbol, or one has the new one.
        """
        known = {asset.symbol for asset in self.engine.core.state.assets}
        if symbol not in known or not new_symbol or new_symbol in known:
            raise InvalidSetting(
                "change_symbol() takes a symbol of the run and a new one that no asset of it "
                f"has: was {symbol!r}, {new_symbol!r}"
            )
        self._enqueue(
            SymbolChangeEvent(
                timestamp=self.engine.core.state.now, symbol=symbol, new_symbol=new_symbol
            )
        )

    def flatten(self) -> Awaited:
        """Cancel all orders, close all positions and halt; the awaitable reports when
        no order is open and nothing is held.

        Orders not filled within `REPORT_WITHIN_S` seconds are reported as well,
        unconfirmed: orders wait for a bar.
        """
        return self._operate_and_report("flatten")

    def kill(self, flatten: bool = False) -> Awaited:
        """Cancel all orders and halt, and close all positions if requested; the
        awaitable reports the remaining orders.
        """
        return self._operate_and_report("flatten" if flatten else "kill")

    def _operate(self, action: OperatorAction, *, order_id: str = "", symbol: str = "") -> None:
        if self.engine.state not in {"starting", "running"}:
            raise EngineStopped(
                f"session {self.name!r} has {self.engine.ending}: attach again to carry its run on"
            )
        event = OperatorEvent(
            timestamp=self.engine.core.state.now, action=action, order_id=order_id, symbol=symbol
        )
        self._enqueue(event)
        self._asked = event if action in {"pause", "resume"} else None

    def _enqueue(self, event: OperatorEvent | SplitEvent | SymbolChangeEvent) -> None:
        if self._loop is None or not self._is_elsewhere():
            self.engine.enqueue(event)
        elif not call_on(self._loop, self._enqueue_late, event):
            self._enqueue_late(event)

    def _enqueue_late(self, event: OperatorEvent | SplitEvent | SymbolChangeEvent) -> None:
        try:
            self.engine.enqueue(event)
        except EngineStopped as stopped:
            # The session ended while the action was passed over from another thread.
            what = event.action if isinstance(event, OperatorEvent) else type(event).__name__
            self._log("warning", f"{what} came too late: {stopped}")

    def _operate_and_report(self, action: OperatorAction) -> Awaited:
        self._operate(action)
        loop = self._loop or asyncio.get_running_loop()
        return Awaited(asyncio.run_coroutine_threadsafe(self._report(action), loop), loop)

    async def _report(self, action: str) -> OperatorReport:
        engine = self.engine
        now_ns = engine.clock.monotonic_ns
        patience_ends_ns = now_ns() + round(REPORT_WITHIN_S * 1e9)
        report: OperatorReport | None = None
        while engine.state in {"starting", "running"}:
            if self._is_done(action):
                report = await report_of(engine.live_run, action)
                if report.confirmed:
                    break
            if now_ns() >= patience_ends_ns:
                break  # no bar came that could fill orders: report them, and keep them open
            # Books change with every event, and a look is cheaper than a hook. A broker
            # is asked less often.
            await asyncio.sleep(0.01 if report is None or engine.link is None else 0.5)
        self._raise_failure()
        return report if report is not None else await report_of(engine.live_run, action)

    def _is_done(self, action: str) -> bool:
        core, link = self.engine.core, self.engine.link
        if core.state.trading_state != "halted" or core.state.orders.get_active_orders():
            return False
        if link is not None:
            return not link.closing.going_on
        return action == "kill" or not core.state.portfolio.positions

    def _is_elsewhere(self) -> bool:
        if self.engine.journal.is_foreign:
            raise EngineStopped(FORKED)
        # Widget callbacks may arrive on another thread, with another loop or none.
        loop = self._loop
        return loop is not None and loop.is_running() and running_loop() is not loop

    # Runs work on the session's loop. That loop may end at any moment, because the
    # session has ended: it then refuses the work, cancels it or never begins it, and
    # the work is done here.
    async def _hopped(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        loop, there = self._loop, work()
        assert loop is not None
        try:
            future = asyncio.run_coroutine_threadsafe(there, loop)
        except RuntimeError:
            return await there
        outcome = asyncio.wrap_future(future)
        try:
            while not (future.done() or loop.is_closed()):
                await asyncio.wait({outcome}, timeout=LOOK_EVERY_S)
        except asyncio.CancelledError:
            outcome.cancel()
            raise
        if future.done() and not future.cancelled():
            return await outcome
        there.close()
        return await work()

    def _log(self, level: str, text: str, *, trace: str = "") -> None:
        self.logs.append(f"{level}: {text}\n{trace}" if trace else f"{level}: {text}")


def _as_ratio(value: object) -> Decimal | None:
    try:
        number = to_decimal(value)
    except TypeError:
        return None
    return number if number.is_finite() and number > 0 else None
