"""`backtest_async`: a backtest that runs beside other work on the loop.

The rule: the backtest runs on its own thread, in a copy of the caller's context;
cancelling the wait ends it at the next session, and its results so far are kept.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

from rbtlive.research.backtesting import backtest
from rbtlive.research.result import BacktestResult
from rbtlive.runtime.backtest import INTERRUPTED

WAKE_S = 0.1
"""How soon an interrupt is noticed."""


async def backtest_async(strategy: object, data: object, **options: Any) -> BacktestResult:
    """Run `backtest` on a worker thread, while the loop and its sessions continue.

    Interrupting the cell that awaits it ends the backtest after the current session.
    The exception's attribute `result` then has the result of the finished sessions.

    Args:
        strategy: The strategy, as `backtest` takes it.
        data: The data, as `backtest` takes it.
        **options: Options of `backtest`.

    Returns:
        The result, with the strategy's `context`.

    Raises:
        asyncio.CancelledError: the wait was cancelled, for instance by interrupting the
            cell.
    """
    given_up = threading.Event()
    context = contextvars.copy_context()
    context.run(INTERRUPTED.set, given_up.is_set)
    work = asyncio.get_running_loop().run_in_executor(
        None, lambda: context.run(backtest, strategy, data, **options)
    )
    try:
        # A kernel's interrupt cancels this wait but does not wake the loop, so a timer
        # does.
        while not (await asyncio.wait({work}, timeout=WAKE_S))[0]:
            pass
        return await work
    except asyncio.CancelledError as cancelled:
        given_up.set()
        await asyncio.wait({work})
        interrupt = None if work.cancelled() else work.exception()
        if isinstance(interrupt, KeyboardInterrupt):
            _hand_on(interrupt, cancelled)
        raise


def _hand_on(interrupt: BaseException, cancelled: BaseException) -> None:
    cancelled.result = getattr(interrupt, "result", None)  # type: ignore[attr-defined]
    for note in getattr(interrupt, "__notes__", ()):
        cancelled.add_note(note)
