"""The display of a sweep as the last expression of a cell.

The rule: every text from a user is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Protocol

import polars as pl

from rbtlive.core.strategy.strategy_executor import strategy_name
from rbtlive.errors import SweepError
from rbtlive.model.wording import counted
from rbtlive.research.reports.writing import short

SHOWN = 10


class ShownSweep(Protocol):
    """The parts of a sweep that its display reads."""

    strategy: Any
    elapsed_s: float
    names: Any
    objectives: Any

    @property
    def frame(self) -> pl.DataFrame:
        """Return one row per run."""
        ...

    @property
    def errors(self) -> pl.DataFrame:
        """Return the runs that failed."""
        ...

    @property
    def best(self) -> Any:
        """Return the best run."""
        ...

    def top(self, n: int = 10) -> Sequence[Any]:
        """Return the best runs."""
        ...

    def _column(self, name: str) -> str: ...

    def __len__(self) -> int: ...


def sweep_text(sweep: ShownSweep) -> str:
    """Return a sweep as one line."""
    failed = sweep.errors.height
    try:
        best = repr(sweep.best)
    except SweepError as error:
        best = str(error)
    return (
        f"SweepResult({strategy_name(sweep.strategy)}, {counted(len(sweep), 'run')}"
        f"{f', {failed} failed' if failed else ''}, best: {best})"
    )


def sweep_html(sweep: ShownSweep) -> str:
    """Return the best runs as a table."""
    names = [sweep._column(name) for name in sweep.names]  # noqa: SLF001 - one object in two files
    metrics = list(
        dict.fromkeys([*(o.name for o in sweep.objectives), "total_return", "max_drawdown"])
    )
    columns = [*names, *metrics, "fills"]
    try:
        numbers = [row.number for row in sweep.top(SHOWN)]
    except SweepError:
        numbers = list(range(min(SHOWN, len(sweep))))
        columns = [*names, "error"]
    shown = sweep.frame[numbers].select(columns)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("row", *columns))
    body = "".join(
        f"<tr><td>{number}</td>{''.join(map(_cell, values))}</tr>"
        for number, values in zip(numbers, shown.iter_rows(), strict=True)
    )
    runs = f"{counted(len(sweep), 'run')} in {sweep.elapsed_s:,.1f} s"
    failed = sweep.errors.height
    return (
        f"<div><b>{html.escape(strategy_name(sweep.strategy))}</b>: {runs}"
        f"{f', {failed:,} failed' if failed else ''}; the best {len(numbers)}:"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"<td>{short(value)}</td>"
    return f"<td>{html.escape('' if value is None else str(value))}</td>"


__all__ = ["sweep_html", "sweep_text"]
