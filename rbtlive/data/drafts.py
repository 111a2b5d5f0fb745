"""Files that are written under a temporary name and then moved into place.

The rule: a draft is removed if writing it fails; a dead process's draft is removed by
the next process that finds it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

_MINE: set[str] = set()
"""Names of the drafts that this process is writing: process ids are reused, in
containers at every start.
"""
_DRAFT = re.compile(r"\..+\.(?P<pid>\d+)\.[0-9a-f]{8}\.draft(-wal|-shm|-journal)?")
_SIDE_FILES = ("", "-wal", "-shm", "-journal")


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Provide a temporary path to write instead of `path`; if it was not moved into
    place by the end of the block, it is removed.
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
    """Remove drafts that dead processes have left in a folder."""
    with contextlib.suppress(OSError):
        for path in folder.glob(".*.draft*"):
            known = _DRAFT.fullmatch(path.name)
            if known is not None and not _is_written(path.name, int(known["pid"])):
                path.unlink(missing_ok=True)


def _is_written(name: str, pid: int) -> bool:
    if pid == os.getpid():
        return any(name.startswith(mine) for mine in list(_MINE))
    if os.name != "posix":
        return True  # on this system, sending signal 0 ends a process
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it belongs to another user
    return True
