"""Detect a forked child without polars' threads, which stay in its parent.

The rule: a child that was forked while they were running is refused with an error,
before it would wait for them forever. Source: Polars' user guide, "Multiprocessing".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rbtlive.errors import ForkedProcess

_POOL = "polars-"
_TASKS = Path("/proc/self/task")
_lost_threads = False
_threads_ran = False


def refuse_in_forked_child(doing: str) -> None:
    """Raise an error in a process that was forked from one in which polars had
    threads.

    Args:
        doing: The action refused.

    Raises:
        ForkedProcess: this is such a process.
    """
    if _lost_threads:
        raise ForkedProcess(
            f"{doing} would wait for ever in this process: it was forked from one in which "
            "Polars had started its threads, and a fork leaves threads behind; run "
            "rbtlive.sweep(..., workers=N), or start processes with "
            'multiprocessing.get_context("spawn")'
        )


# Linux names threads, and polars' pool has "polars-0" and so on; on other systems they
# may have been started.
def _polars_has_threads() -> bool:
    if "polars" not in sys.modules:
        return False
    try:
        names = [(task / "comm").read_text() for task in _TASKS.iterdir()]
    except OSError:
        return not _TASKS.exists()
    return any(name.strip().removeprefix(_POOL).isdigit() for name in names)


def _look() -> None:
    global _threads_ran  # noqa: PLW0603 - of this process
    _threads_ran = _polars_has_threads()


def _lose() -> None:
    global _lost_threads  # noqa: PLW0603 - of this process
    _lost_threads = _lost_threads or _threads_ran


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_look, after_in_child=_lose)
