"""Where in the user's own code an exception came from, and how to show that first.

The rule: an exception keeps its type and its text; it gains a note, and loses only the
frames between the call that the user made and the user's own code.
"""

from __future__ import annotations

import linecache
from pathlib import Path
from types import TracebackType
from typing import Final

from rbtlive.core.run_state import RunState

_PACKAGE: Final = str(Path(__file__).parents[2])
_CORE: Final = str(Path(__file__).parents[1])
_NOTE: Final = "at the bar "


def note_where(state: RunState, failure: BaseException) -> None:
    """Add the bar's time and the user's line to an exception, once."""
    known: list[str] = getattr(failure, "__notes__", [])
    if not any(note.startswith(_NOTE) for note in known):
        failure.add_note(f"{_NOTE}{state.now:%Y-%m-%d %H:%M:%S} UTC, in {user_line(failure)}")


def user_line(failure: BaseException) -> str:
    """Return the innermost line of the user's own code that an exception came through,
    in words; "the strategy" if it came through none.
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
    name = path if path.startswith("<") else Path(path).name
    return f"{function}, line {number} of {name}" + (f": {text}" if text else "")


def own_frames(trace: TracebackType | None, *, below: str = _CORE) -> TracebackType | None:
    """Return a traceback from the first frame on that the core called and that is not
    the package's own: the user's callback. None if there is no such frame.

    Args:
        trace: The traceback.
        below: Begins the path of the file whose frame comes before the user's.
    """
    before = ""
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if before.startswith(below) and not path.startswith(_PACKAGE) and not _is_library(path):
            return trace
        before, trace = path, trace.tb_next
    return None


def _is_library(path: str) -> bool:
    return "site-packages" in path or path.startswith("<frozen")
