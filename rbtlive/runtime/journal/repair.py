"""Repair a journal with a torn tail by copying its good rows into a new file.

The rule: the damaged file is kept.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from json import loads
from pathlib import Path

from rbtlive.data.drafts import draft_of
from rbtlive.errors import JournalUnwritable
from rbtlive.runtime.journal.blocks import INSERT_BLOCK
from rbtlive.runtime.journal.chain import follow
from rbtlive.runtime.journal.store import (
    CHECKSUM_KEY,
    INSERT_ROW,
    SIDE_FILES,
    SQLITE_ERRORS,
    as_journal_error,
    connect,
    create_file,
    write_header,
)

_INSERT = {"blocks": INSERT_BLOCK, "rows": INSERT_ROW}


def rewrite(connection: sqlite3.Connection, *, path: Path, seed: bytes) -> None:
    """Replace a journal with a torn tail by its good rows, and keep the damaged file
    beside it. Closes `connection`.

    Raises:
        JournalUnwritable: there is no room for the new file.
    """
    with draft_of(path) as draft:
        create_file(draft)
        with closing(connection), closing(connect(draft)) as target:
            try:
                _copy_good_rows(connection, target, path=path, seed=seed)
            except SQLITE_ERRORS as error:
                raise as_journal_error(error, path) from error
        try:
            _keep_damaged(path)
            for suffix in SIDE_FILES:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            draft.replace(path)
        except OSError as error:
            raise JournalUnwritable(
                f"journal {path.name} cannot be repaired: {error.strerror}; make room beside it"
            ) from error


def _copy_good_rows(
    connection: sqlite3.Connection, target: sqlite3.Connection, *, path: Path, seed: bytes
) -> None:
    pairs = connection.execute("SELECT key, value FROM header").fetchall()
    header = {
        bytes(k).decode(): loads(bytes(v)) for k, v in pairs if bytes(k).decode() != CHECKSUM_KEY
    }
    write_header(target, header)
    target.execute("BEGIN IMMEDIATE")
    follow(
        connection,
        path=path,
        seed=seed,
        keep=lambda table, values: target.execute(_INSERT[table], values),
    )
    target.execute("COMMIT")
    target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _keep_damaged(path: Path) -> None:
    number = 1
    while (copy := path.with_name(f"{path.name}.damaged{number}")).exists():
        number += 1
    shutil.copy2(path, copy)
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        shutil.copy2(wal, copy.with_name(copy.name + "-wal"))
