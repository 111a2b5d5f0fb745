"""A disk that refuses, fails or is slow: said as what it is, and nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

import rbtlive as rbt
from rbtlive.errors import JournalCorrupt, JournalError, JournalUnwritable
from tests.builders import Churn, Gated, daily_frame, processed, run, whole


def failing(real, code, *names):
    """Return `real`, which fails for files of these names."""

    def call(path, *args, **options):
        if Path(os.fspath(path)).name in names:
            raise OSError(code, os.strerror(code))
        return real(path, *args, **options)

    return call


@pytest.mark.parametrize("name", ["j", "s.sqlite", "s.sqlite-wal", "s.lock"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EACCES], ids=errno.errorcode.get)
def test_a_file_that_cannot_be_looked_at_is_not_called_gone(tmp_path, monkeypatch, name, code):
    async def lost():
        feed = Gated(daily_frame(), 9)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path / "j", name="s")
        await processed(session, 9)
        with monkeypatch.context() as away:
            for call in ("stat", "lstat"):
                away.setattr(os, call, failing(getattr(os, call), code, name))
            feed.allow(100)
            with pytest.raises(JournalUnwritable) as raised:
                await session.wait()
        return str(raised.value)

    text = run(lost())

    assert f"{name} cannot be looked at: {os.strerror(code)}" in text
    assert run(whole(Churn, tmp_path / "j", feed=rbt.ReplayFeed(daily_frame()), name="s"))


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE], ids=errno.errorcode.get)
def test_a_journal_that_cannot_be_looked_for_is_an_error_of_ours(tmp_path, monkeypatch, code):
    monkeypatch.setattr(Path, "exists", failing(Path.exists, code, "s.sqlite"))

    with pytest.raises(JournalError, match=os.strerror(code)):
        run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(10)), name="s"))


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.EMFILE, "ulimit"), (errno.EDQUOT, "make room"), (errno.EROFS, "mounted for reading")],
    ids=["EMFILE", "EDQUOT", "EROFS"],
)
@pytest.mark.parametrize("call", ["mkdir", "touch"])
def test_what_cannot_be_made_says_what_to_do_about_that(tmp_path, monkeypatch, call, code, said):
    monkeypatch.setattr(Path, call, failing(getattr(Path, call), code, "j", "s.sqlite"))

    with pytest.raises(JournalUnwritable, match=said):
        run(whole(Churn, tmp_path / "j", feed=rbt.ReplayFeed(daily_frame(10)), name="s"))


class Bad:
    """A file on a disk that cannot be read to its end."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._file.close()

    def read(self, size=-1):
        if size == -1 or size > 4096:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._file.read(size)


def test_a_journal_that_the_disk_does_not_give_is_not_called_damaged(tmp_path, monkeypatch):
    run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(10)), name="s"))
    path = tmp_path / "s.sqlite"
    kept = path.read_bytes()
    path.write_bytes(kept[:4096] + b"\xff" * (len(kept) - 4096))  # as SQLite sees it
    real = Path.open

    with pytest.raises(JournalCorrupt):
        rbt.open_session("s", journal=tmp_path)
    monkeypatch.setattr(Path, "open", lambda one, *args, **o: Bad(real(one, *args, **o)))
    with pytest.raises(JournalUnwritable, match="Input/output error; the disk does not answer"):
        rbt.open_session("s", journal=tmp_path)


def test_an_older_copy_of_a_journal_is_carried_on_by_what_it_holds_and_says_so(tmp_path):
    async def copied():
        feed = Gated(daily_frame(), 9)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path, name="s")
        await processed(session, 9)
        await session.stop()
        shutil.copy(tmp_path / "s.sqlite", tmp_path / "copy")
        again = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 20), journal=tmp_path, name="s"
        )
        await processed(again, 20)
        await again.stop()
        shutil.copy(tmp_path / "copy", tmp_path / "s.sqlite")
        old = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 20), journal=tmp_path, name="s"
        )
        await processed(old, 20)
        await old.stop()
        return again, old

    again, old = run(copied())

    assert any("cut" in line for line in old.logs)
    orders = [[str(o.filled) for o in one.engine.core.state.orders] for one in (again, old)]
    assert orders[0] == orders[1]
