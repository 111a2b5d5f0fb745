"""Open journals: a session's for writing, a recorded run's for reading.

The rule: an open journal holds the session's lock. A run that did not end is resumed, a
blank file is dropped, and in any other case a new run begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from rbtlive.errors import JournalCorrupt, JournalError, JournalUnwritable
from rbtlive.runtime.clock import Clock, SystemClock
from rbtlive.runtime.journal import store
from rbtlive.runtime.journal.chain import CHECKED_AT_ONCE_BYTES, TailCut, follow
from rbtlive.runtime.journal.codec import canonical_json, datetime_text
from rbtlive.runtime.journal.journal import Journal, new_journal
from rbtlive.runtime.journal.journal_reader import RecordedRun
from rbtlive.runtime.journal.lock import SessionLock
from rbtlive.runtime.journal.repair import rewrite
from rbtlive.runtime.journal.state_folder import (
    StateFolder,
    check_session_name,
    new_run_id,
    sync_folder,
)
from rbtlive.runtime.machine import refusals_explained


def open_journal(
    folder: StateFolder,
    name: str,
    *,
    header: Callable[[], Mapping[str, object]],
    fresh: bool = False,
    run_id: str | None = None,
    clock: Clock | None = None,
) -> Journal:
    """Take a session's lock and open the journal of its run: the one that has not
    ended, otherwise a new one.

    Args:
        folder: Folder of the files.
        name: The session.
        header: Returns the contents of a new run's header; called for a new run only.
            `name`, `run_id` and `created` are added.
        fresh: Whether to start a new run in any case.
        run_id: The new run's id; random if None.
        clock: Stamps the rows with wall time.

    Returns:
        The journal; `resumed` says whether the run existed already, `cut` what its end
        had lost.

    Raises:
        BadSessionName: `name` cannot name a session.
        SessionLocked: another session holds it.
        JournalVersion: the run was written in another format.
        JournalCorrupt: the run is damaged before its end.
        JournalUnwritable: the files cannot be created or written.
        UnsafeStateFolder: a file is a link.
    """
    check_session_name(name)
    with refusals_explained(f"the journal of session {name} cannot be opened"):
        clock = clock or SystemClock()
        folder.make()
        lock = SessionLock(folder.lock_path(name), name=name, since=datetime_text(clock.now()))
        try:
            path = folder.journal_path(name)
            _drop_if_blank(path, lock=lock, fresh=fresh)
            journal = None if fresh else _resume(path, lock=lock, clock=clock)
            if journal is not None and not journal.ended:
                return journal
            if journal is not None:
                journal._connection.close()  # noqa: SLF001 - the new run takes over the lock
            return _start(folder, name, header=header, run_id=run_id, lock=lock, clock=clock)
        except BaseException:
            lock.release()
            raise


def open_run(folder: StateFolder, name: str, run: int | None = None) -> RecordedRun:
    """Open a recorded run for reading.

    Args:
        folder: Folder of the files.
        name: The session.
        run: The number of an earlier run, counted from 1; None is the latest.

    Raises:
        RunNotFound: the run does not exist.
        JournalVersion: it was written in another format.
        JournalCorrupt: it is damaged before its end.
    """
    with refusals_explained(f"the journal of session {name!r:.80} cannot be read"):
        return RecordedRun(folder.find_run(name, run))


def found_start(folder: StateFolder, name: str) -> tuple[str | None, str]:
    """Return where the run that a session would resume began, and the window that made
    it restart later; (None, "") if it began where requested, or no run exists.
    """
    path = folder.journal_path(name)
    with refusals_explained(f"the journal of session {name} cannot be opened"):
        if not path.exists():
            return None, ""
    try:
        with closing(store.connect_read_only(path)) as connection:
            header, _seed = store.read_header(connection, path)
        waited_for = str(header.get("waited_for", ""))
        if not waited_for:
            return None, ""
        with RecordedRun(path) as run:
            return (None, "") if run.ended else (str(header["settings"]["start"]), waited_for)
    except JournalError:  # opening it to resume the run reports the error
        return None, ""


def _resume(path: Path, *, lock: SessionLock, clock: Clock) -> Journal | None:
    if not path.exists() and not path.is_symlink():
        return None
    connection = store.connect(path)
    try:
        header, seed = store.read_header(connection, path)
        chain, cut = follow(connection, path=path, seed=seed, most_bytes=CHECKED_AT_ONCE_BYTES)
        marked = lock.marked(str(header["run_id"]))
        if cut is None and marked > chain.seq:
            cut = TailCut(chain.seq, f"row {marked} had been written once and is gone")
        if cut is not None or store.is_truncated(path):
            rewrite(connection, path=path, seed=seed)
            connection = store.connect(path)
            _header, seed = store.read_header(connection, path)
            chain, _whole = follow(connection, path=path, seed=seed)
        store.use_write_ahead_log(connection)
        store.bring_up_to_date(connection)
        store.prove_writable(connection, seq=chain.seq)
    except store.SQLITE_ERRORS as error:
        connection.close()
        raise store.as_journal_error(error, path) from error
    except BaseException:
        connection.close()
        raise
    journal = Journal(
        connection, path=path, header=header, seed=seed, chain=chain, clock=clock, lock=lock
    )
    journal.resumed = True
    journal.cut = cut
    return journal


def _drop_if_blank(path: Path, *, lock: SessionLock, fresh: bool) -> None:
    # A process that died between creating the file and writing its header left no run.
    if not path.exists():
        return
    try:
        with closing(store.connect(path)) as connection:
            blank = store.is_blank(connection)
    except (JournalCorrupt, JournalUnwritable, *store.SQLITE_ERRORS):
        return  # the next reader reports the error
    if not blank:
        return
    if lock.last_marked() > 0 and not fresh:
        raise JournalCorrupt(
            f"journal {path.name} is empty although rows had been written; restore it from a copy, "
            "or attach with fresh=True"
        )
    path.unlink()


def _start(
    folder: StateFolder,
    name: str,
    *,
    header: Callable[[], Mapping[str, object]],
    run_id: str | None,
    lock: SessionLock,
    clock: Clock,
) -> Journal:
    facts = {**header(), "name": name, "run_id": run_id or new_run_id(), "created": clock.now()}
    canonical_json(facts)  # an unwritable header is refused before the old run is set aside
    lock.mark("-", 0)
    folder.archive(name)
    path = folder.journal_path(name)
    store.create_file(path)
    connection = store.connect(path)
    journal = new_journal(connection, path=path, header=facts, clock=clock, lock=lock)
    sync_folder(folder.path)
    return journal
