"""Wait for futures so that an interrupt ends the wait.

The rule: every wait has a time limit. polars installs a handler of signals after which
the system continues a wait without a limit as if no signal had come, so that Ctrl-C
would be noticed only when the wait is over. A wait with a limit is never continued.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Final, TypeVar

T = TypeVar("T")

ROUND_S: Final = 3600.0
"""After this long without a result, the wait is begun again."""


def first_done(futures: Sequence[Any], timeout_s: float | None = None) -> list[Any]:
    """Return the finished ones as soon as one is, or none after `timeout_s` seconds."""
    while True:
        limit = ROUND_S if timeout_s is None else timeout_s
        done = wait(futures, timeout=limit, return_when=FIRST_COMPLETED).done
        if done or timeout_s is not None:
            return list(done)


def result_of(future: Future[T]) -> T:
    """Wait until a future is done, and return or raise its outcome."""
    first_done([future])
    return future.result()
