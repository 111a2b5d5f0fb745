"""The folder of sessions' files: one SQLite file per run, with bars beside them.

The rule: nothing in the folder is a link, and a name chosen by a person never leads
outside it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from rbtlive.data.checking.bounds import refuse_many_rows
from rbtlive.data.drafts import clear_drafts, draft_of
from rbtlive.errors import (
    BadSessionName,
    InvalidSetting,
    JournalCorrupt,
    JournalUnwritable,
    RunNotFound,
    UnreadableFile,
    UnsafeStateFolder,
)
from rbtlive.model.given import as_path, is_one_of
from rbtlive.runtime.machine import advice_on

HOME_VARIABLE: Final = "RBTLIVE_HOME"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EARLIER_RUN = re.compile(r"(?P<name>.+)\.(?P<run>[0-9]{4,})")
_SIDE_FILES = ("-wal", "-shm")
_CHUNK_BYTES = 1 << 20


def check_session_name(name: object) -> str:
    """Return a session's name if it is valid.

    Raises:
        BadSessionName: it is not a string, contains characters other than
            `[A-Za-z0-9._-]`, begins with `.`, `_` or `-`, is empty or longer than 64,
            or ends like the file of an earlier run.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise BadSessionName(
            "a session's name must begin with a letter or digit and go on with letters, digits, "
            "'.', '_' or '-', "
            f"64 in all at most: was {name!r:.80}; pass e.g. name='sma'"
        )
    if _EARLIER_RUN.fullmatch(name):
        raise BadSessionName(
            "a session's name must not end in a dot and four digits, which marks the files of "
            f"earlier runs: was {name!r}"
        )
    return name


def new_run_id(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Return 8 random characters of A-Z and 2-7.

    Args:
        random_bytes: Returns as many random bytes as requested.
    """
    return base64.b32encode(random_bytes(5)).decode("ascii")


def client_order_id(run_id: str, sequence: int) -> str:
    """Return the id of order number `sequence` of a run at the venue: at most 18
    characters.

    Raises:
        ValueError: `sequence` is not from 1 to 999,999,999.
    """
    if not 1 <= sequence <= 999_999_999:
        raise ValueError(
            f"an order's sequence must be from 1 to 999999999: was {sequence} in run {run_id}"
        )
    return f"{run_id}-{sequence}"


JournalPlace: TypeAlias = "str | os.PathLike[str] | None"
"""Folder of journals; None means `RBTLIVE_HOME`, or `.rbtlive` in the working
directory.
"""


class StateFolder:
    """The folder of journals, bars and locks. Nothing is created before the first
    session needs it.

    Args:
        path: The folder; by default `RBTLIVE_HOME`, otherwise `.rbtlive` in the working
            directory.
    """

    def __init__(self, path: JournalPlace = None) -> None:
        chosen = path if path is not None else os.environ.get(HOME_VARIABLE)
        given = None if chosen is None or is_one_of(chosen, ("",)) else as_path(chosen, "journal")
        self.path = given.expanduser().resolve() if given else Path.cwd() / ".rbtlive"

    def make(self) -> None:
        """Create the folder, readable only by its owner and ignored by git.

        Raises:
            UnsafeStateFolder: it is a link, or not a folder.
            JournalUnwritable: it cannot be created.
        """
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            raise UnsafeStateFolder(
                f"{self.path.name} must be a real folder: it is a link or a file; remove it, or "
                f"set {HOME_VARIABLE}"
            )
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True, mode=0o700)
                self.path.chmod(0o700)
            keep_private(self.path)
            ignore = self.path / ".gitignore"
            if not ignore.exists() and not ignore.is_symlink():
                ignore.write_text("*\n", encoding="ascii")
            clear_drafts(self.path)
            clear_drafts(self.path / "bars")
        except OSError as error:
            raise JournalUnwritable(
                f"the state folder {self.path.name} cannot be made: {error.strerror}; "
                f"{advice_on(error, otherwise=f'set {HOME_VARIABLE} to another place')}"
            ) from error

    def journal_path(self, name: str, run: int | None = None) -> Path:
        """Return the path of a session's journal; `run` counts its earlier runs from 1,
        None is the current one.
        """
        check_session_name(name)
        if run is not None and (isinstance(run, bool) or not isinstance(run, int) or run < 1):
            raise InvalidSetting(f"run must be a number from 1 on: was {run!r:.80}")
        return self.path / (f"{name}.sqlite" if run is None else f"{name}.{run:04d}.sqlite")

    def lock_path(self, name: str) -> Path:
        """Return the path of a session's lock."""
        return self.path / f"{check_session_name(name)}.lock"

    def names(self) -> list[str]:
        """Return the names of all recorded sessions, sorted."""
        stems = (path.stem for path in self.path.glob("*.sqlite"))
        found = {_EARLIER_RUN.sub(r"\g<name>", stem) for stem in stems}
        return sorted(name for name in found if _NAME.fullmatch(name))

    def earlier_runs(self, name: str) -> list[int]:
        """Return the numbers of a session's earlier runs, oldest first."""
        check_session_name(name)
        numbers = []
        for path in self.path.glob(f"{name}.*.sqlite"):
            match = _EARLIER_RUN.fullmatch(path.stem)
            if match is not None and match["name"] == name:
                numbers.append(int(match["run"]))
        return sorted(numbers)

    def find_run(self, name: str, run: int | None = None) -> Path:
        """Return the path of a recorded run.

        Args:
            name: The session.
            run: The number of an earlier run; None is the latest.

        Raises:
            RunNotFound: the run does not exist.
        """
        path = self.journal_path(name, run)
        earlier = self.earlier_runs(name)
        if run is None and not path.exists() and earlier:
            path = self.journal_path(name, earlier[-1])
        if not path.exists() and not path.is_symlink():
            known = ", ".join(map(str, earlier)) or "none"
            what = "was recorded" if run is None else f"has number {run}"
            raise RunNotFound(
                f"no run of session {name!r} {what}: earlier runs are {known}; "
                f"recorded sessions are {', '.join(self.names()) or 'none'}"
            )
        return path

    def archive(self, name: str) -> int | None:
        """Set a session's current journal aside as its newest earlier run; its lock
        must be held.

        Returns:
            The number of the earlier run; None if there was nothing to set aside.
        """
        path = self.journal_path(name)
        if not path.exists():
            self._rescue_side_files(name)
            return None
        run = max(self.earlier_runs(name), default=0) + 1
        target = self.journal_path(name, run)
        path.rename(target)
        for (
            suffix
        ) in _SIDE_FILES:  # if left behind, they would be taken for files of the next journal
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(target.with_name(target.name + suffix))
        sync_folder(self.path)
        return run

    def _rescue_side_files(self, name: str) -> None:
        # The process died while it set a journal aside: the remaining files belong to
        # the newest earlier run.
        earlier = self.earlier_runs(name)
        path = self.journal_path(name)
        for suffix in _SIDE_FILES:
            side = path.with_name(path.name + suffix)
            if not side.exists():
                continue
            target = self.journal_path(name, earlier[-1] if earlier else 0)
            new = target.with_name(target.name + suffix)
            side.rename(new if not new.exists() else new.with_name(new.name + ".left"))

    def store_bars(self, bars: pl.DataFrame) -> str:
        """Store a frame of bars beside the journals, once, and return the name to load
        it by.

        Returns:
            SHA-256 of the stored file, in hexadecimal.

        Raises:
            JournalUnwritable: the folder cannot be written.
        """
        self.make()
        folder = self.path / "bars"
        refuse_link(folder)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            keep_private(folder)
            with draft_of(folder / "bars") as draft:
                draft.touch(mode=0o600)
                bars.write_parquet(draft, compression="zstd", statistics=False)
                content = _file_hash(draft)
                target = folder / f"{content}.parquet"
                refuse_link(target)
                if target.exists() and _file_hash(target) == content:
                    return content
                _sync_file(draft)
                draft.replace(target)
                sync_folder(folder)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise JournalUnwritable(
                f"bars cannot be stored beside the journals: {error}; make room there"
            ) from error
        return content

    def load_bars(self, content: str) -> pl.DataFrame:
        """Return the frame that `store_bars` named `content`.

        Raises:
            RunNotFound: the file does not exist.
            JournalCorrupt: the file differs from what was stored.
        """
        path = self.path / "bars" / f"{content}.parquet"
        if not re.fullmatch(r"[0-9a-f]{64}", content) or not path.exists():
            raise RunNotFound(
                f"no bars named {content!r:.80} lie beside the journals; restore them from a copy"
            )
        refuse_link(path.parent)
        refuse_link(path)
        if _file_hash(path) != content:
            raise JournalCorrupt(
                f"the bars named {content} are not what was stored; restore the file from a copy"
            )
        try:
            refuse_many_rows([path], path.name, own=True)
            return pl.read_parquet(path)
        except UnreadableFile as error:
            raise JournalCorrupt(f"the bars named {content} cannot be read: {error}") from error


def keep_private(folder: Path) -> None:
    """Remove other users' permissions from a folder, if it has any.

    Raises:
        UnsafeStateFolder: it belongs to another user, and only that user can do this.
    """
    if os.name != "posix":
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & 0o077:
        return
    try:
        folder.chmod(mode & 0o700)
    except OSError as error:
        raise UnsafeStateFolder(
            f"{folder.name} must be a folder that only its owner can read: has mode {mode:04o}, "
            f"which cannot be changed ({error.strerror}); choose a folder of your own, or set "
            f"{HOME_VARIABLE}"
        ) from error


def refuse_link(path: Path) -> None:
    """Raise an error for a path that is a link, or not a plain file or folder.

    Raises:
        UnsafeStateFolder: the path is one of these.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnsafeStateFolder(
            f"{path.name} in the state folder must be a plain file or folder: it is a link or a "
            "device; remove it"
        )


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, if the operating system can."""
    if os.name != "posix":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
