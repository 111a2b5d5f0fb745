"""The exit code of a script that runs a session: 3 if trading was halted at its end.

The rule: only a script whose own code runs the session gets another exit code. A
notebook, a test runner or a program that uses this package keeps its own; so does a
script that ends with an exception.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Final

HALTED: Final = 3
"""Exit code of a process whose trading was halted when its session ended."""
_PACKAGE: Final = str(Path(__file__).parents[1])
_RUNNERS: Final = frozenset({"unittest", "doctest", "pytest", "_pytest", "pdb", "IPython"})
_wanted: dict[str, int] = {}


def exit_with(code: int) -> None:
    """Let the process end with this exit code, if the caller is a script's own code.

    Args:
        code: 0 does not change the script's exit code.
    """
    if not _is_script(sys._getframe(1)):  # noqa: SLF001 - the caller decides
        return
    if not _wanted:
        atexit.register(_leave, os.getpid())
    _wanted["code"] = code


# Whether only a script's own code is between the interpreter and this call.
def _is_script(frame: FrameType | None) -> bool:
    if threading.current_thread() is not threading.main_thread():
        return False
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return False
    name = ""
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith(_PACKAGE):
            name = str(frame.f_globals.get("__name__", ""))
            installed = "site-packages" in path or "dist-packages" in path
            if installed or name.partition(".")[0] in _RUNNERS:
                return False
        elif frame.f_globals.get("__name__") == "__main__":  # python -m rbtlive
            name = "__main__"
        frame = frame.f_back
    return name in {"__main__", "runpy"}


def _leave(owner: int) -> None:
    code = _wanted.get("code", 0)
    # Python stores the exception that ended the script here, and exits with 1.
    failed = getattr(sys, "last_value", None) is not None
    if not code or failed or os.getpid() != owner:
        return
    if not _exit_last_with(code):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)


# Python's exit code is already fixed. The C library's exit handlers run after
# everything else, the latest registered first: flush buffers, then end with this code.
# False if there is no such library, as on Windows.
def _exit_last_with(code: int) -> bool:
    try:
        import ctypes

        library: Any = ctypes.CDLL(None)
        leave = ctypes.cast(library._exit, ctypes.c_void_p)  # noqa: SLF001 - its name in C
        flush = ctypes.cast(library.fflush, ctypes.c_void_p)
        at_exit = library.__cxa_atexit  # noqa: SLF001
    except (ImportError, OSError, AttributeError, TypeError):
        return False
    failed: int = at_exit(leave, ctypes.c_void_p(code), None)
    at_exit(flush, None, None)
    return not failed
