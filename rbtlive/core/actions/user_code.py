"""Find the line of the user's code that an exception came from, and show it first.

The rule: an exception keeps its type and text; it gains a note, and loses only the
frames between the user's call and the user's own code.
"""

from __future__ import annotations

import functools
import linecache
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

from rbtlive.core.run_state import RunState
from rbtlive.model.foreign_text import add_note, notes_of

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE: Final = str(Path(__file__).parents[2])
_STANDARD: Final = str(Path(os.__file__).parent)
_NOTE: Final = "at the bar "


def note_where(state: RunState, failure: BaseException) -> None:
    """Add the bar's time and the user's line to an exception, once."""
    if not any(note.startswith(_NOTE) for note in notes_of(failure)):
        where = f"{state.now:%Y-%m-%d %H:%M:%S} UTC, in {user_line(failure)}"
        add_note(failure, f"{_NOTE}{where}")


def user_line(failure: BaseException) -> str:
    """Describe the innermost line of the user's code in an exception's traceback, or
    return "the strategy".
    """
    entry = own_frames(failure.__traceback__)
    found: tuple[str, int, str] | None = None
    while entry is not None:
        code = entry.tb_frame.f_code
        if not code.co_filename.startswith(_PACKAGE):
            if found is not None and _is_library(code.co_filename):
                break
            found = (code.co_filename, entry.tb_lineno, code.co_name)
        entry = entry.tb_next
    if found is None:
        return "the strategy"
    path, number, function = found
    text = linecache.getline(path, number).strip()
    return f"{function}, line {number} of {_shown_name(path)}" + (f": {text}" if text else "")


def from_own_line(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function's exceptions start their traceback at the user's own line, if
    they passed through user code.
    """

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as failure:
            cut_to_own_line(failure)
            raise

    return called


def cut_to_own_line(failure: BaseException) -> None:
    """Cut an exception's traceback so that it begins in the user's code, if it passed
    through any.

    For an `except` block that ends with a plain `raise`, which adds no frame: then none
    of our frames stand between the user's call and the user's own line.
    """
    failure.__traceback__ = own_frames(failure.__traceback__) or failure.__traceback__


def own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame below the package's code that belongs
    to neither the package nor a library; None if there is no such frame.
    """
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if not path.startswith(_PACKAGE) and not _is_library(path):
            return trace
        trace = trace.tb_next
    return None


def _is_library(path: str) -> bool:
    return "site-packages" in path or path.startswith((_STANDARD, "<frozen"))


# A notebook's cells are files with meaningless names: IPython knows their numbers.
def _shown_name(path: str) -> str:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    labels = shell.compile.format_code_name(path) if shell is not None else None
    if labels is not None:
        return f"{labels[0].lower()} {labels[1]}"
    return path if path.startswith("<") else Path(path).name
