"""Check that a journal's files are still the ones being written.

The rule: no trade without a record that can be found again. If the files are deleted,
moved, replaced, cut, linked or made read-only, the session ends at its next commit.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rbtlive.runtime.journal.lock import SessionLock, changed, lost_sight

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
        self._known: list[os.stat_result | None] = [None] * len(self._paths)
        # Texts: checking a Path takes three times as long, and this happens at every
        # commit.
        self._texts = tuple(map(os.fspath, self._paths))
        self._folder_text = os.fspath(self._folder)

    def breach(self) -> str | None:
        """Return what happened to the files since the last check, or None.

        A file is watched from the first check that finds it.
        """
        known = self._known
        for place, path in enumerate(self._texts):
            was = known[place]
            try:
                now = os.lstat(path)
            except OSError as error:
                if was is not None:
                    return lost_sight(self._paths[place].name, error)
                if place == 0:
                    return lost_sight(self._paths[0].name, error)
                continue
            if was is not None:
                wrong = changed(self._paths[place], now, was)
                if wrong is not None:
                    return wrong
                if now.st_size < was.st_size:
                    name = self._paths[place].name
                    return f"{name} was cut from {was.st_size} to {now.st_size} bytes"
            known[place] = now
        try:
            folder = os.stat(self._folder_text)  # noqa: PTH116 - see above
        except OSError as error:
            return lost_sight(f"folder {self._folder.name}", error)
        if not folder.st_mode & stat.S_IWUSR:
            return f"folder {self._folder.name} was made read-only"
        return None if self._lock is None else self._lock.lost()
