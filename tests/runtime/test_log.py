"""Where a line goes, and what may not go there."""

from __future__ import annotations

import io
import json
import logging
import sys
from contextlib import contextmanager

import pytest

from rbtlive.runtime.log import Log, traced

HOSTILE = "line\n2026 [critical] forged\x1b]0;title\x07\x9b2J\u202e"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@contextmanager
def no_host():
    """Take the handlers away that a test runner has put on the root logger."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = handlers


def said(monkeypatch, stream, *args, **facts):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("NO_COLOR", "1")
    with no_host():
        Log(session="s").write(*args, **facts)
    return stream.getvalue()


def test_a_terminal_gets_one_readable_line_and_nothing_that_steers_it(monkeypatch):
    shown = said(monkeypatch, Terminal(), "warning", HOSTILE, symbol=HOSTILE)

    assert shown.count("\n") == 1
    assert "warning" in shown
    assert "session=s" in shown
    assert "\\x0a2026 [critical] forged\\x1b]0;title\\x07\\x9b2J\\u202e" in shown
    assert not any(character in shown for character in "\x1b\x07\x9b\u202e")


def test_a_pipe_gets_json_in_ascii(monkeypatch):
    shown = said(monkeypatch, io.StringIO(), "error", HOSTILE, trace="a\nb")

    line = json.loads(shown)
    assert (line["event"], line["exception"], line["level"]) == (HOSTILE, "a\nb", "error")
    assert shown.isascii()
    assert shown.count("\n") == 1


@pytest.mark.parametrize("stream", [None, "closed", "broken"])
def test_a_stderr_that_takes_nothing_stops_nobody(monkeypatch, stream):
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    there = Broken()
    if stream == "closed":
        there.close()
    monkeypatch.setattr(sys, "stderr", None if stream is None else there)

    with no_host():
        Log().write("error", "nobody hears it")


def test_a_host_whose_handler_raises_stops_nobody(monkeypatch):
    class Raising(logging.Handler):
        def emit(self, record):
            raise RuntimeError(record.getMessage())

    handler = Raising()
    monkeypatch.setattr(logging.getLogger("rbtlive"), "handlers", [handler])

    Log().write("error", "100 %s")


def test_a_notebook_gets_no_lines_unless_it_set_up_logging(monkeypatch, caplog):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    quiet = Log(speaks=lambda: False, session="s")

    with no_host():
        quiet.write("error", "in the panel")
    quiet.write("error", "in the log")

    assert stream.getvalue() == ""
    assert [record.getMessage() for record in caplog.records] == ["s: in the log"]
    assert caplog.records[0].session == "s"


def test_a_traceback_is_bounded():
    assert len(traced(ValueError("x" * 10_000_000))) < 30_000
