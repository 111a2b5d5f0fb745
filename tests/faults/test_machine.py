"""What the operating system refuses is said at every door, with what to do."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
from pathlib import Path

import pytest

import rbtlive as rbt
from rbtlive.errors import JournalError
from rbtlive.runtime.journal.store import connect_read_only
from tests.builders import Churn, daily_frame, run, whole

REFUSALS = {
    errno.EMFILE: "raise the limit of open files",
    errno.EACCES: "readable and writable for this user",
    errno.ENOSPC: "make room there",
    errno.EROFS: "mounted for reading alone",
    errno.ENOLCK: "choose a folder on a local disk",
}


def refusing(code):
    def refuse(*_args, **_options):
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.fixture
def recorded(tmp_path):
    run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(10)), name="p"))
    return tmp_path


@pytest.mark.parametrize("code", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["glob", "exists", "lstat"])
def test_a_run_that_cannot_be_read_says_what_to_do(recorded, monkeypatch, code, call):
    monkeypatch.setattr(Path, call, refusing(code))

    with pytest.raises(JournalError, match=REFUSALS[code]) as refused:
        rbt.open_session("p", journal=recorded)

    assert os.strerror(code) in str(refused.value)


@pytest.mark.parametrize("code", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["mkdir", "touch", "glob", "rename"])
def test_a_session_that_cannot_be_written_fails_with_an_error_of_ours(
    recorded, monkeypatch, code, call
):
    monkeypatch.setattr(Path, call, refusing(code))
    folder = recorded / "new" if call == "mkdir" else recorded

    with pytest.raises(JournalError, match=os.strerror(code)):
        run(whole(Churn, folder, feed=rbt.ReplayFeed(daily_frame(10)), name="p", fresh=True))


@contextlib.contextmanager
def files_left(count):
    """Let the process open so many files more, and no others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(count):
            os.close(held.pop())
        yield
    finally:
        for file in held:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_files(folder):
    """Return the files below a folder that this process has open."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [path for path in links if path.is_relative_to(folder)]


def test_a_run_is_read_again_once_files_are_left(recorded):
    with files_left(0), pytest.raises(JournalError, match="raise the limit of open files"):
        rbt.open_session("p", journal=recorded)

    assert rbt.open_session("p", journal=recorded).result().performance.height == 10


@pytest.mark.parametrize("count", range(1, 5))
def test_with_few_files_left_a_run_is_read_or_the_error_says_what_to_do(recorded, count):
    with files_left(count):
        try:
            found = str(rbt.open_session("p", journal=recorded).result().performance.height)
        except JournalError as refused:
            found = str(refused)

    assert found == "10" or "raise the limit of open files" in found
    assert open_files(recorded) == []


def test_sqlites_refusal_for_want_of_files_says_what_to_do(recorded):
    with files_left(0), pytest.raises(JournalError, match="raise the limit of open files"):
        connect_read_only(recorded / "p.sqlite")


def test_a_script_that_gets_no_loop_hears_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(asyncio.Runner, "get_loop", refusing(errno.EMFILE))
    feed = rbt.ReplayFeed(daily_frame(10))

    with pytest.raises(JournalError, match="raise the limit of open files"):
        rbt.run(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path, name="q")
