"""Files that are written aside do not stay: neither after a kill nor after a write that
failed.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.data.drafts import clear_drafts, draft_of
from rbtlive.runtime.journal import repair
from tests.builders import Churn, Gated, daily_frame, processed, run, whole

DIES = """
import os, sys
from pathlib import Path
from rbtlive.data.drafts import draft_of
writers = [draft_of(Path(folder) / "x.sqlite") for folder in sys.argv[1:]]
for writer in writers:
    draft = writer.__enter__()
    for suffix in ("", "-wal", "-shm"):
        draft.with_name(draft.name + suffix).write_bytes(b"half")
os._exit(9)
"""


def drafts_in(folder):
    return sorted(path.name for path in folder.rglob("*draft*"))


def test_what_a_killed_process_was_writing_is_gone_after_the_next_attach(tmp_path):
    (tmp_path / "bars").mkdir()
    places = [str(tmp_path), str(tmp_path / "bars")]
    died = subprocess.run([sys.executable, "-c", DIES, *places], check=False)
    assert died.returncode == 9
    assert len(drafts_in(tmp_path)) == 6

    run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(5))))

    assert drafts_in(tmp_path) == []


def test_what_another_process_is_writing_stays(tmp_path):
    theirs = tmp_path / f".x.sqlite.{os.getppid()}.0123abcd.draft"
    theirs.write_bytes(b"half")

    with draft_of(tmp_path / "y.sqlite") as mine:
        mine.write_bytes(b"half")
        clear_drafts(tmp_path)
        assert mine.exists()

    assert drafts_in(tmp_path) == [theirs.name]


def test_an_earlier_process_of_the_same_number_has_left_its_draft(tmp_path):
    # In a container a kernel has the same number at every start.
    (tmp_path / f".x.sqlite.{os.getpid()}.0123abcd.draft").write_bytes(b"half")

    clear_drafts(tmp_path)

    assert drafts_in(tmp_path) == []


async def stopped(folder, bars):
    session = rbt.attach(Churn, rbt.PaperBroker(), feed=Gated(bars, 5), journal=folder)
    await processed(session, 5)
    await session.stop()
    return session.journal_path


def test_a_repair_that_fails_leaves_the_journal_and_nothing_beside_it(tmp_path, monkeypatch):
    bars = daily_frame(8)
    path = run(stopped(tmp_path, bars))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM rows WHERE seq > 9")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    torn = path.read_bytes()
    monkeypatch.setitem(repair._INSERT, "rows", "INSERT INTO nowhere VALUES (?, ?, ?, ?, ?, ?, ?)")

    with pytest.raises(errors.JournalError):
        run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars)))

    assert drafts_in(tmp_path) == []
    assert path.read_bytes() == torn
