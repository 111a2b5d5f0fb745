"""Files that are written aside and then take their place whole.

The rule: a draft goes when its writing fails, and one whose process is gone goes when
the next process comes by.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

_MINE: set[str] = set()
"""Names of the drafts that this process is writing: a number of a process comes again,
in containers at every start.
"""
_DRAFT = re.compile(r"\..+\.(?P<pid>\d+)\.[0-9a-f]{8}\.draft(-wal|-shm|-journal)?")
_SIDE_FILES = ("", "-wal", "-shm", "-journal")


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give the path of a file to write in place of `path`, which is not made yet; what
    was not moved to its place at the end is removed.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.draft")
    _MINE.add(draft.name)
    try:
        yield draft
    finally:
        _MINE.discard(draft.name)
        for suffix in _SIDE_FILES:
            with contextlib.suppress(OSError):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def clear_drafts(folder: Path) -> None:
    """Remove the drafts that processes which are gone have left in a folder."""
    with contextlib.suppress(OSError):
        for path in folder.glob(".*.draft*"):
            known = _DRAFT.fullmatch(path.name)
            if known is not None and not _is_written(path.name, int(known["pid"])):
                path.unlink(missing_ok=True)


def _is_written(name: str, pid: int) -> bool:
    if pid == os.getpid():
        return any(name.startswith(mine) for mine in list(_MINE))
    if os.name != "posix":
        return True  # there a signal of 0 ends a process
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # somebody else's
    return True
