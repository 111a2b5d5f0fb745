"""How users' functions can be called, and where users call ours."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable
from types import CodeType, FrameType
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


def warn_user(
    message: str,
    category: type[Warning] = UserWarning,
    *,
    about: Callable[..., Any] | None = None,
) -> None:
    """Warn, naming the first line outside of this package.

    Args:
        message: What is said.
        category: The warning's class.
        about: A user's function that the warning is about: its own line is named, where
            it has one.
    """
    code = getattr(about, "__code__", None)
    if not isinstance(code, CodeType):
        warnings.warn(message, category, stacklevel=_frames_to_user())
        return
    names = getattr(about, "__globals__", {})
    warnings.warn_explicit(
        message,
        category,
        code.co_filename,
        code.co_firstlineno,
        names.get("__name__"),
        names.setdefault("__warningregistry__", {}),
    )


# The `stacklevel` for `warn_user`, as `skip_file_prefixes` does from Python 3.12.
def _frames_to_user() -> int:
    package = __name__.partition(".")[0]
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - who called is the question
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
