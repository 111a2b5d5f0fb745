"""Logging: where a run's messages go.

The rule: a program that has set up structlog or standard logging gets every line in its
own way, once. If neither is set up, lines go to stderr, readable on a terminal and as
JSON otherwise. The core never logs: it passes (level, text) to a sink.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rbtlive.errors import InvalidSetting
from rbtlive.model.foreign_text import notes_of
from rbtlive.runtime.clock import SystemClock

LOGGER: Final = "rbtlive"
"""Name of the logger, in standard logging and structlog."""
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_MOST_TEXT: Final = 4000
_MOST_TRACE: Final = 20_000
_PACKAGE: Final = str(Path(__file__).parents[1])
WHERE: Final = "at the bar "
"""Prefix of the line that says where in a run an exception occurred."""
_UNSEEN: Final = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *range(32),
        *range(127, 160),
        0x2028,
        0x2029,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
    if code != 9
}
"""Control characters of a terminal or line, and the text shown instead."""
_UNSEEN_IN_TRACES: Final = {code: text for code, text in _UNSEEN.items() if code != 10}


def as_level(value: object) -> int:
    """Return `log_level` as a number of standard logging.

    Raises:
        InvalidSetting: it is not a level.
    """
    if isinstance(value, str) and value.lower() in LEVELS:
        return LEVELS[value.lower()]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InvalidSetting(
        f"log_level must be one of {', '.join(map(repr, LEVELS))}, or a level of logging such as "
        f"logging.INFO: was {value!r:.80}"
    )


class Log:
    """Lines of one run, or of one backtest.

    Args:
        level: Lines below it are dropped.
        speaks: Returns whether a line may go to stderr if the program has not set up
            logging; a notebook shows a session in its panel.
        **bound: Facts that every line carries, e.g. the session's name.
    """

    def __init__(
        self,
        *,
        level: int = logging.INFO,
        speaks: Callable[[], bool] = lambda: True,
        **bound: str,
    ) -> None:
        self._level = level
        self._speaks = speaks
        self._bound = bound

    def takes(self, level: str) -> bool:
        """Say whether a line of this level would reach anyone."""
        number = LEVELS[level]
        if number < self._level:
            return False
        if _structlog_is_set_up():
            return True
        logger = logging.getLogger(LOGGER)
        return logger.isEnabledFor(number) if logger.hasHandlers() else self._speaks()

    def write(self, level: str, text: str, *, trace: str = "", **facts: object) -> None:
        """Write a line; an exception of the host's logging never affects the run.

        Args:
            level: A key of `LEVELS`.
            text: The message.
            trace: A traceback, as text.
            **facts: Facts about the message, by name.
        """
        if not self.takes(level):
            return
        with suppress(Exception):
            self._route(level, text[:_MOST_TEXT], trace, {**self._bound, **facts})

    def _route(self, level: str, text: str, trace: str, facts: dict[str, object]) -> None:
        logger = logging.getLogger(LOGGER)
        if _structlog_is_set_up():
            import structlog

            facts_and_trace = {**facts, "exception": trace} if trace else facts
            getattr(structlog.get_logger(LOGGER), level)(text, **facts_and_trace)
        elif logger.hasHandlers():
            name = facts.get("session") or facts.get("strategy")
            line = f"{name}: {text}" if name else text
            # As a format string, the text could contain a %.
            logger.log(LEVELS[level], "%s", f"{line}\n{trace}" if trace else line, extra=facts)
        else:
            _to_stderr(level, text, trace, facts)


def _structlog_is_set_up() -> bool:
    structlog = sys.modules.get("structlog")
    return structlog is not None and bool(structlog.is_configured())


def _to_stderr(level: str, text: str, trace: str, facts: dict[str, object]) -> None:
    stream = sys.stderr
    if stream is None or stream.closed:
        return
    stamp = f"{SystemClock().now():%Y-%m-%dT%H:%M:%S.%f}Z"
    line: dict[str, Any] = {"timestamp": stamp, "level": level, "event": text, **facts}
    if trace:
        line["exception"] = trace
    stream.write(_rendered(line, on_terminal=stream.isatty()) + "\n")
    stream.flush()


def _rendered(line: dict[str, Any], *, on_terminal: bool) -> str:
    import structlog

    if not on_terminal:
        return str(structlog.processors.JSONRenderer(default=str)(None, "", line))
    line = {
        name: str(value).translate(_UNSEEN_IN_TRACES if name == "exception" else _UNSEEN)
        for name, value in line.items()
    }
    colors = "NO_COLOR" not in os.environ
    return str(structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0)(None, "", line))


def message_sink(name: str) -> Callable[[str, str], None]:
    """Return a function that logs (level, text) under the strategy's name."""
    return Log(strategy=name).write


def traced(error: BaseException) -> str:
    """Return an exception as text that starts at the user's own code: the bar's time
    and the user's line, then the traceback from there on.
    """
    report = traceback.TracebackException.from_exception(error)
    link: traceback.TracebackException | None = report
    lead = ""
    while link is not None:
        _cut(link)
        notes = notes_of(link)
        lead = lead or next((note for note in notes if note.startswith(WHERE)), "")
        if lead in notes:
            link.__notes__ = [note for note in link.__notes__ or () if note != lead] or None
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    text = "".join(report.format()).rstrip()
    if len(text) > _MOST_TRACE:
        text = f"{text[: _MOST_TRACE // 2]}\n[...]\n{text[-_MOST_TRACE // 2 :]}"
    return f"{lead}\n{text}" if lead else text


def _cut(link: traceback.TracebackException) -> None:
    # Frames of this package before the user's first one add nothing.
    stack = link.stack
    own = [not frame.filename.startswith((_PACKAGE, "<frozen")) for frame in stack]
    first = own.index(True) if True in own else 0
    if first and "site-packages" not in stack[first].filename:
        del stack[:first]
