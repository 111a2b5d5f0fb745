"""What a person can do to a session: pause, resume, cancel, close, flatten, kill, stop.

The rule: every action is an event of the run, journaled as the operator's. Calls return
at once, and what they come to is awaited.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from rbtlive.errors import EngineStopped, InvalidSetting
from rbtlive.model.events import OperatorAction, OperatorEvent
from rbtlive.notebook.loops import running_loop
from rbtlive.notebook.observed_session import ObservedSession
from rbtlive.runtime.engine.engine import TradingEngine

REPORT_WITHIN_S = 5.0
"""How long the report of `flatten` and `kill` waits for what was asked to be done."""


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


class OperatedSession(ObservedSession):
    """A session that takes an operator's actions.

    Args:
        name: The session's name.
        engine: Its engine.
    """

    def __init__(self, name: str, engine: TradingEngine) -> None:
        super().__init__(name, engine)
        self._task: asyncio.Task[None] | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task that the session runs in, on its loop."""
        return self._task

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

    def pause(self) -> None:
        """Skip the callbacks from now on; bars are processed and orders live on."""
        self._operate("pause")

    def resume(self) -> None:
        """Call the callbacks again, and take orders again after a halt."""
        self._operate("resume")

    def cancel(self, order_id: str) -> None:
        """Cancel one open order.

        Raises:
            InvalidSetting: no open order has this id.
        """
        order = self.engine.core.orders.get_order(str(order_id))
        if order is None or not order.is_open:
            raise InvalidSetting(
                f"order_id of cancel() must be that of an open order: was {order_id!r}; "
                "session.orders lists them"
            )
        self._operate("cancel", order_id=order.id)

    def close(self, symbol: str) -> None:
        """Cancel an asset's open orders and close the position in it with a market
        order.

        Raises:
            InvalidSetting: no position is held in this symbol.
        """
        if not any(held.asset.symbol == symbol for held in self.engine.core.portfolio):
            raise InvalidSetting(
                f"symbol of close() must be one that is held: was {symbol!r}; "
                "session.portfolio.positions has what is held"
            )
        self._operate("close", symbol=symbol)

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

    def _operate(self, action: OperatorAction, *, order_id: str = "", symbol: str = "") -> None:
        if self.engine.state not in {"starting", "running"}:
            raise EngineStopped(
                f"session {self.name!r} has {self.engine.ending}: attach again to carry its run on"
            )
        event = OperatorEvent(
            timestamp=self.engine.core.now, action=action, order_id=order_id, symbol=symbol
        )
        if self._loop is None or not self._is_elsewhere():
            self.engine.enqueue(event)
        else:
            self._loop.call_soon_threadsafe(self._enqueue_late, event)

    def _enqueue_late(self, event: OperatorEvent) -> None:
        try:
            self.engine.enqueue(event)
        except EngineStopped as stopped:
            # The session ended while the action came over from another thread.
            self._log("warning", f"{event.action} came too late: {stopped}")

    def _operate_and_report(self, action: OperatorAction) -> Awaited:
        self._operate(action)
        loop = self._loop or asyncio.get_running_loop()
        return Awaited(asyncio.run_coroutine_threadsafe(self._report(action), loop), loop)

    async def _report(self, action: str) -> OperatorReport:
        now_ns = self.engine.clock.monotonic_ns
        patience_ends_ns = now_ns() + round(REPORT_WITHIN_S * 1e9)
        while self.engine.state in {"starting", "running"} and not self._is_done(action):
            if now_ns() >= patience_ends_ns:
                break  # no bar came that could fill anything: say what rests, and leave it resting
            # Books change with every event; a look is cheaper than a hook.
            await asyncio.sleep(0.01)
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

    def _log(self, level: str, text: str) -> None:
        self.logs.append(f"{level}: {text}")
