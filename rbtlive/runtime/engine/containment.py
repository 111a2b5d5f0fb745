"""Contain exceptions of foreign code in the session where they were raised.

The rule: SystemExit, KeyboardInterrupt, GeneratorExit and an unrequested CancelledError
end the session as a failure. They never reach the loop, the kernel or other sessions.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TypeVar

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.errors import EngineStopped, RbtliveError, StrategyExited

T = TypeVar("T")


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Turn exceptions that end programs or tasks into a failure of this session.

    For code that never waits, so that a real cancellation cannot arrive in it.

    Args:
        what: The code's name in the message.

    Raises:
        StrategyExited: the body raised an exception that is not an Exception.
    """
    try:
        yield
    except Exception:
        raise
    except BaseException as exit_:
        raise StrategyExited(
            f"{what} raised {describe_error(exit_)}: it ends this session only"
        ) from exit_


async def guarded(
    work: Coroutine[Any, Any, T],
    what: str,
    error: type[RbtliveError] = StrategyExited,
) -> T:
    """Await foreign code, and let only a real cancellation out as one.

    Args:
        work: The awaitable.
        what: The code's name in the message.
        error: Raised instead of any exception that is not an Exception.

    Raises:
        RbtliveError: `work` raised an exception that is not an Exception.
    """
    try:
        return await work
    except asyncio.CancelledError as cancelled:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise error(
            f"{what} raised CancelledError although nobody cancelled it, as a library does "
            "that awaits a task it has cancelled"
        ) from cancelled
    except Exception:
        raise
    except BaseException as exit_:
        raise error(f"{what} raised {describe_error(exit_)}: it ends this session only") from exit_


@contextmanager
def prints_suppressed(active: bool) -> Iterator[None]:
    """Discard the body's prints, if `active`: a replay's prints already appeared."""
    if active:
        with redirect_stdout(io.StringIO()):
            yield
    else:
        yield


def lost_task(name: str) -> EngineStopped:
    """Return the error for an engine whose task was cancelled by other code."""
    return EngineStopped(
        f"task {name!r} was cancelled by other code, and the session cannot go on without it: "
        "attach again"
    )
