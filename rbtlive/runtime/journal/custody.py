"""Whether a journal's files still are the files that are written.

The rule: nothing is traded whose record could not be found again. Files that were
deleted, moved, replaced, cut, linked or made read-only under a session end it at its
next commit.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rbtlive.runtime.journal.lock import SessionLock, missing

_SIDE_FILES = ("-wal", "-shm")


class Custody:
    """Watches the files of one journal.

    Args:
        path: The journal's file.
        lock: The session's lock.
    """

    def __init__(self, path: Path, lock: SessionLock | None) -> None:
        self._folder = path.parent
        self._lock = lock
        self._paths = (path, *(path.with_name(path.name + suffix) for suffix in _SIDE_FILES))
        self._known: dict[Path, os.stat_result] = {}

    def breach(self) -> str | None:
        """Return what happened to the files since they were looked at last, or None.

        A file counts from the first look that finds it.
        """
        for path in self._paths:
            was = self._known.get(path)
            wrong = None if was is None else missing(path, was)
            if wrong is not None:
                return wrong
            try:
                now = path.lstat()
            except OSError:
                if path is self._paths[0]:
                    return f"{path.name} is gone"
                continue
            if was is not None and now.st_size < was.st_size:
                return f"{path.name} was cut from {was.st_size} to {now.st_size} bytes"
            self._known[path] = now
        if not self._folder.stat().st_mode & stat.S_IWUSR:
            return f"folder {self._folder.name} was made read-only"
        return None if self._lock is None else self._lock.lost()
