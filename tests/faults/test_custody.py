"""A journal or lock that somebody takes away under a session: nothing is traded that is
not in it.
"""

from __future__ import annotations

import errno
import os
import shutil

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.runtime.journal import lock as locks
from tests.builders import Churn, Gated, daily_frame, processed, run


def beside(path, suffix):
    return path.with_name(path.name + suffix)


def replaced(path):
    shutil.copy(path, beside(path, ".copy"))
    beside(path, ".copy").replace(path)


def cut(path, size=0):
    with path.open("r+b") as file:
        file.truncate(size)


def linked(path):
    os.link(path, beside(path, ".link"))


HOWS = {
    "unlink": lambda path: path.unlink(),
    "rmtree": lambda path: shutil.rmtree(path.parent),
    "move": lambda path: path.rename(path.with_name("elsewhere.sqlite")),
    "move the folder": lambda path: path.parent.rename(path.parent.with_name("moved")),
    "replace": replaced,
    "truncate": cut,
    "truncate a little": lambda path: cut(path, path.stat().st_size - 1),
    "hard link": linked,
    "symbolic link": lambda path: (
        path.rename(beside(path, ".old")),
        path.symlink_to(beside(path, ".old")),
    ),
    "chmod": lambda path: path.chmod(0o400),
    "unlink the log": lambda path: beside(path, "-wal").unlink(),
    "truncate the log": lambda path: cut(beside(path, "-wal")),
    "replace the log": lambda path: replaced(beside(path, "-wal")),
    "unlink the index": lambda path: beside(path, "-shm").unlink(),
    "unlink the lock": lambda path: path.with_suffix(".lock").unlink(),
    "replace the lock": lambda path: replaced(path.with_suffix(".lock")),
}


@pytest.mark.parametrize("how", HOWS)
def test_nothing_is_traded_without_its_journal(tmp_path, how):
    async def lost():
        feed = Gated(daily_frame(), 9)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path / "j")
        await processed(session, 9)
        accepted = accepted_of(session)
        HOWS[how](session.journal_path)
        feed.allow(100)
        with pytest.raises(errors.JournalUnwritable, match="not what they were"):
            await session.wait()
        return session, accepted

    session, accepted = run(lost())

    assert session.state == "failed"
    assert accepted_of(session) == accepted
    assert any("JournalUnwritable" in line for line in session.logs)


# An order that a venue has heard of.
def accepted_of(session):
    return {
        o.id
        for o in session.engine.core.state.orders
        if str(o.state) not in {"created", "submitted"}
    }


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EIO])
def test_a_file_system_without_locks_is_named_as_what_it_is(tmp_path, monkeypatch, code):
    def refuse(_file):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(locks, "_lock", refuse)

    async def attached():
        with pytest.raises(errors.JournalUnwritable, match=errno.errorcode[code]):
            rbt.attach(Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 1), journal=tmp_path)

    run(attached())


def test_one_name_in_two_folders_is_refused_and_the_first_goes_on(tmp_path):
    async def twice():
        feed = Gated(daily_frame(), 3)
        one = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path / "a")
        await processed(one, 3)
        with pytest.raises(errors.SessionLocked, match="another folder"):
            rbt.attach(Churn, rbt.PaperBroker(), feed=daily_feed(), journal=tmp_path / "b")
        feed.allow(100)
        await one.wait()
        return one

    assert run(twice()).engine.ended
    assert not (tmp_path / "b").exists()


def daily_feed():
    return rbt.ReplayFeed(daily_frame())
