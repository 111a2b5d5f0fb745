"""What foreign code may raise, kept inside the session it was raised in.

The rule: SystemExit, KeyboardInterrupt, GeneratorExit and a CancelledError that nobody
asked for end the session as a failure. The loop, the kernel and the other sessions on
it never see them.
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
    """Turn what ends programs or tasks into a failure of this session.

    For code that never waits: a real cancellation cannot arrive in it.

    Args:
        what: Whose code runs, for the message.

    Raises:
        StrategyExited: the body raised something that is no Exception.
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
    """Await foreign code of which only a real cancellation may come out as one.

    Args:
        work: What is awaited.
        what: Whose code it is, for the message.
        error: What to raise instead of anything that is no Exception.

    Raises:
        RbtliveError: `work` raised something that is no Exception.
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
    """Drop what the body prints, if `active`: a replay's prints were printed before."""
    if active:
        with redirect_stdout(io.StringIO()):
            yield
    else:
        yield


def lost_task(name: str) -> EngineStopped:
    """Return the error of an engine one of whose tasks other code has cancelled."""
    return EngineStopped(
        f"task {name!r} was cancelled by other code, and the session cannot go on without it: "
        "attach again"
    )
