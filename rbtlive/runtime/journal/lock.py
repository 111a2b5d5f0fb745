"""A session's lock: a lock of the operating system, held for the session's life, with
the holder's name for others.

The rule: the operating system decides who holds the lock, never a file's content. A
holder that dies, however suddenly, no longer holds it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
import weakref
from json import dumps, loads
from pathlib import Path

from rbtlive.errors import JournalUnwritable, SessionLocked, UnsafeStateFolder
from rbtlive.runtime.machine import advice_on

_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
"""Error codes of the operating system if another process holds a lock."""
_LOCKED_BYTE = (
    1 << 30
)  # far beyond the text, which others must be able to read while the lock is held
_TEXT_BYTES = 512
_MARK_BYTES = 64

_held: weakref.WeakSet[SessionLock] = weakref.WeakSet()


class SessionLock:
    """An exclusive lock on a session, taken on creation.

    Besides the holder, its file stores the journal's last row number. The journal uses
    it to notice that rows it once had are missing.

    Args:
        path: The lock's file; created if missing, never removed.
        name: The session's name, for messages.
        since: When the holder took the lock, for messages.

    Raises:
        SessionLocked: another process holds it; the message names the holder.
        UnsafeStateFolder: the file is a link.
        JournalUnwritable: the file cannot be created or written.
    """

    def __init__(self, path: Path, *, name: str, since: str) -> None:
        self.path = path
        self._text = os.fspath(path)
        self._file = _open(path)
        try:
            _lock(self._file)
        except OSError as error:
            holder = _holder(self._file)
            os.close(self._file)
            if error.errno not in _HELD:
                raise JournalUnwritable(
                    f"the state folder's file system gives no lock for session {name!r}: "
                    f"{error.strerror} ({errno.errorcode.get(error.errno or 0, error.errno)}); set "
                    "RBTLIVE_HOME to a folder on a local disk"
                ) from error
            raise SessionLocked(
                f"session {name!r} is held by {holder}; stop it there, or attach under another name"
            ) from None
        facts = dumps({"pid": os.getpid(), "host": socket.gethostname()[:200], "since": since})
        self._write(0, facts.ljust(_TEXT_BYTES - 1) + "\n")
        _held.add(self)

    def mark(self, run_id: str, seq: int) -> None:
        """Record that the journal of a run has reached row `seq`."""
        self._write(_TEXT_BYTES, f"{run_id} {seq}".ljust(_MARK_BYTES - 1) + "\n")

    def marked(self, run_id: str) -> int:
        """Return the last row recorded for a run; 0 if none was."""
        noted, seq = self._mark()
        return seq if noted == run_id else 0

    def last_marked(self) -> int:
        """Return the last row recorded for the current run, whichever it is; 0 if none
        was.
        """
        return self._mark()[1]

    def lost(self) -> str | None:
        """Return why the lock's file is no longer the locked one; None if it is."""
        if self._file < 0:
            return None
        try:
            held = os.fstat(self._file)
        except OSError as error:
            if error.errno == errno.EBADF:  # other code has closed it
                return f"{self.path.name} is not open any more: {error.strerror}"
            return lost_sight(self.path.name, error)
        try:
            now = os.lstat(self._text)
        except OSError as error:
            return lost_sight(self.path.name, error)
        return changed(self.path, now, held)

    def _mark(self) -> tuple[str, int]:
        os.lseek(self._file, _TEXT_BYTES, os.SEEK_SET)
        words = os.read(self._file, _MARK_BYTES).decode("ascii", "replace").split()
        return (words[0], int(words[1])) if len(words) == 2 and words[1].isdecimal() else ("", 0)

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._file >= 0:
            with contextlib.suppress(
                OSError
            ):  # other code has closed it, so it is already released
                _unlock(self._file)
        self.forget()

    def forget(self) -> None:
        """Close the file without unlocking: a forked child does this with its parent's
        lock.
        """
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1
        _held.discard(self)

    def _write(self, offset: int, text: str) -> None:
        try:
            os.lseek(self._file, offset, os.SEEK_SET)
            os.write(self._file, text.encode("ascii", "replace"))
        except OSError as error:
            raise JournalUnwritable(
                f"the lock file of the session cannot be written: {error.strerror}"
            ) from error


def _open(path: Path) -> int:
    if path.is_symlink():
        raise UnsafeStateFolder(
            f"{path.name} in the state folder is a link; remove it, files there are never linked"
        )
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise JournalUnwritable(
            f"{path.name} cannot be made in the state folder: {error.strerror}; "
            + advice_on(error, otherwise="set RBTLIVE_HOME to a folder that can be written")
        ) from error


def lost_sight(name: str, error: OSError) -> str:
    """Say why an existing file can no longer be read."""
    gone = error.errno in {errno.ENOENT, errno.ENOTDIR}
    return f"{name} {'is gone' if gone else 'cannot be looked at'}: {error.strerror}"


def changed(path: Path, now: os.stat_result, was: os.stat_result) -> str | None:
    """Return why a path no longer names the same file, or None if it does.

    Args:
        path: Path of the file.
        now: Its current status.
        was: Its earlier status.
    """
    if (now.st_dev, now.st_ino) != (was.st_dev, was.st_ino):
        return f"{path.name} is another file now"
    if now.st_nlink != 1:
        return f"{path.name} has {now.st_nlink} names"
    if not now.st_mode & stat.S_IWUSR:
        return f"{path.name} was made read-only"
    return None


def _holder(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    try:
        facts = loads(os.read(file, _TEXT_BYTES))
        pid, host, since = int(facts["pid"]), str(facts["host"]), str(facts["since"])
    except (ValueError, TypeError, KeyError):
        return "another process"
    who = "this process" if pid == os.getpid() else f"process {pid}"
    return f"{who} on {host} since {since}"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int) -> None:
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    def _forget_all() -> None:
        for lock in list(_held):
            lock.forget()

    # A forked child shares its parent's lock and would keep it after the parent's
    # death.
    os.register_at_fork(after_in_child=_forget_all)
