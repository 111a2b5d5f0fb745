"""The latest kinds of failures of a session, each with its traceback.

The rule: a failure is formatted once per kind, and starts with the user's own line.
"""

from __future__ import annotations

import sys
import traceback
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.notebook.panel.plain import cut

FAILURES_KEPT = 5
_FRAMES_SHOWN = 6
_PACKAGE = str(Path(__file__).parents[2])

Row = dict[str, Any]


class Failures:
    """The latest kinds of failures, each with its traceback and count."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[str, str, int], Row] = {}
        self._made = 0
        self._last: dict[str, BaseException | None] = {}

    def step(self, sources: Mapping[str, deque[BaseException]]) -> list[Row]:
        """Return the kinds that are new or recurred, each with its number, count, title
        and traceback.

        Args:
            sources: Bounded append-only logs of failures, by name.
        """
        changed: dict[tuple[str, str, int], BaseException] = {}
        for name, failures in sources.items():
            for failure in self._fresh(name, failures):
                kind = _kind(failure)
                row = self.kinds.pop(kind, None)
                if row is None:
                    self._made += 1
                    row = {"number": self._made, "times": 0, "title": "", "traceback": ""}
                row["times"] += 1
                self.kinds[kind] = row
                changed[kind] = failure
        while len(self.kinds) > FAILURES_KEPT:
            del self.kinds[next(iter(self.kinds))]
        for kind, failure in changed.items():
            row = self.kinds.get(kind)
            if row is not None and not row["traceback"]:  # its text costs most, so it is built once
                row["title"], row["traceback"] = (
                    cut(describe_error(failure)),
                    traceback_text(failure),
                )
        return [self.kinds[kind] for kind in changed if kind in self.kinds]

    def _fresh(self, name: str, failures: deque[BaseException]) -> list[BaseException]:
        fresh: list[BaseException] = []
        for failure in reversed(failures):
            if failure is self._last.get(name):
                break
            fresh.append(failure)
        self._last[name] = failures[-1] if failures else None
        return fresh[::-1]


def _kind(failure: BaseException) -> tuple[str, str, int]:
    trace = failure.__traceback__
    where, line = "", 0
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            where, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return type(failure).__name__, where, line


def traceback_text(failure: BaseException) -> str:
    """Return a failure as a traceback of the user's own lines, with cells named as in
    the notebook.
    """
    frames = list(traceback.extract_tb(failure.__traceback__, limit=-40))
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)] or frames[-1:]
    lines = []
    for frame in own[-_FRAMES_SHOWN:]:
        lines.append(f"{_place(frame.filename)}, line {frame.lineno}, in {frame.name}")
        if frame.line:
            lines.append(f"    {frame.line}")
    lines.append(describe_error(failure))
    if failure.__cause__ is not None:
        lines.append(f"caused by {describe_error(failure.__cause__)}")
    return cut("\n".join(lines), 4000)


def _place(filename: str) -> str:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    name = None if shell is None else shell.compile.format_code_name(filename)
    return " ".join(name) if name else Path(filename).name
