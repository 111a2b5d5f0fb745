"""How users' functions can be called, and where users call ours."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def takes(function: Callable[..., Any], *args: object) -> bool:
    """Say whether a function can be called with these arguments; True if its signature
    is unknown.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*args)
    except TypeError:
        return False
    return True


def frames_to_caller() -> int:
    """Return the `stacklevel` with which a warning of the calling function names the
    first line outside of this package, as `skip_file_prefixes` does from Python 3.12.
    """
    package = __name__.partition(".")[0]
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - who called is the question
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
