"""Logging, by structlog. The core never logs: it hands (level, text) to a sink, and
drivers decide.

The rule: no logging call on the hot path; loggers are bound once, and structlog is
imported with the first line it writes.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import cache
from typing import Any

from rbtlive.runtime.engine.dispatcher import HandlerFailure


@cache
def _logger(**bound: str) -> Any:
    import structlog

    return structlog.get_logger("rbtlive").bind(**bound)


def message_sink(name: str) -> Callable[[str, str], None]:
    """Return a function that logs (level, text) under the strategy's name."""

    def log(level: str, text: str) -> None:
        getattr(_logger(strategy=name), level)(text)

    return log


def failure_sink(name: str) -> Callable[[HandlerFailure], None]:
    """Return a function that logs a handler's failure, traceback included, under the
    session's name.
    """

    def log(failure: HandlerFailure) -> None:
        _logger(session=name).error(
            "a handler failed",
            handler=failure.handler,
            event_type=failure.event.event_type,
            at=failure.event.timestamp.isoformat(),
            # as text: rendering frames with all their variables would hold the loop for
            # half a second
            exception=traced(failure.error),
        )

    return log


def traced(error: BaseException) -> str:
    """Return an exception's traceback as text."""
    return "".join(traceback.format_exception(error)).rstrip()
