"""Turn errors of the operating system into our errors, which say what to do.

The rule: a strategy never runs inside these blocks, so that only the package's own
errors are caught.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rbtlive.errors import JournalError, RbtliveError

_FILES: Final = "close files or sessions, or raise the limit of open files (`ulimit -n`)"
_RIGHTS: Final = "make it readable and writable for this user"
_ROOM: Final = "make room there"
ADVICE: Final = {
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: "it is mounted for reading alone: mount it for writing, or choose another folder",
    errno.ENOLCK: "its file system gives no locks: choose a folder on a local disk",
    errno.EIO: "the disk does not answer as it should: check it, and restore what is damaged",
}
"""Advice on an error of the operating system."""


def advice_on(error: OSError, *, otherwise: str) -> str:
    """Return advice on an error, always including `otherwise`."""
    advice = ADVICE.get(error.errno or 0)
    return otherwise if advice is None else f"{advice}, or {otherwise}"


@contextmanager
def refusals_explained(what: str) -> Iterator[None]:
    """Turn errors of the operating system within this block into a JournalError.

    Args:
        what: What cannot be done, as the start of a sentence.
    """
    try:
        yield
    except RbtliveError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        advice = ADVICE.get(error.errno or 0, "mend that, and try again")
        raise JournalError(f"{what}: {reason}; {advice}") from error


@contextmanager
def new_loop() -> Iterator[asyncio.Runner]:
    """Provide a new event loop, which is closed afterwards.

    Raises:
        JournalError: the operating system gives none.
    """
    runner = asyncio.Runner()
    with refusals_explained("a session needs an event loop, and none can be made"):
        runner.get_loop()
    with runner:
        yield runner
