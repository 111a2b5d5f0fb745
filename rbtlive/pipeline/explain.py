"""The cost of computing a pipeline, term by term.

The rule: the pipeline is really computed over the requested days, and each term is
timed.
"""

from __future__ import annotations

from datetime import date
from html import escape
from typing import Any

import polars as pl

from rbtlive.data.bars.field_table import WholeMarket
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.pipeline.engine import Step, compute
from rbtlive.pipeline.mixins import CustomTermMixin, computes_many_days
from rbtlive.pipeline.source import Source
from rbtlive.pipeline.term import LoadableTerm


class Explanation:
    """The plan of a pipeline, and the cost of each step.

    Args:
        pipeline: The pipeline.
        steps: Its steps, in the order in which they were computed.

    Attributes:
        frame: One row per term, in the order of computation: `step`, `term`, `columns`
            (names under which it is shown), `needs` (numbers of other steps), `window`
            (days), `how` ("loaded", "many days at once", "day by day", "whole table"),
            `rows` (days computed, including those before the first one shown) and
            `seconds`.
    """

    def __init__(self, pipeline: Any, steps: list[Step]) -> None:
        number = {step.term: place for place, step in enumerate(steps)}
        names: dict[Any, list[str]] = {}
        for name, term in pipeline.columns.items():
            names.setdefault(term, []).append(name)
        if pipeline.screen is not None:
            names.setdefault(pipeline.screen, []).append("screen")
        rows = [
            {
                "step": number[step.term],
                "term": repr(step.term),
                "columns": ", ".join(names.get(step.term, ())),
                "needs": [number[one] for one in step.term.dependencies if one in number],
                "window": step.term.window_length if step.term.windowed else 0,
                "how": _how(step.term),
                "rows": step.rows,
                "seconds": step.seconds,
            }
            for step in steps
        ]
        self.frame = pl.DataFrame(rows, schema=_SCHEMA)

    @property
    def seconds(self) -> float:
        """Time taken by all terms together."""
        return float(self.frame["seconds"].sum())

    def _lines(self) -> list[tuple[str, ...]]:
        return [
            (
                str(row["step"]),
                row["term"],
                row["columns"],
                " ".join(map(str, row["needs"])),
                row["how"],
                f"{row['rows']:,}",
                f"{1e3 * row['seconds']:.1f}",
            )
            for row in self.frame.iter_rows(named=True)
        ]

    def __repr__(self) -> str:
        lines = [_HEAD, *self._lines()]
        widths = [max(len(line[place]) for line in lines) for place in range(len(_HEAD))]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        def row(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(row(line, "td") for line in self._lines())
        return f"<table><thead>{row(_HEAD, 'th')}</thead><tbody>{body}</tbody></table>"


_HEAD = ("step", "term", "columns", "needs", "how", "rows", "ms")
_SCHEMA: dict[str, Any] = {
    "step": pl.Int64,
    "term": pl.String,
    "columns": pl.String,
    "needs": pl.List(pl.Int64),
    "window": pl.Int64,
    "how": pl.String,
    "rows": pl.Int64,
    "seconds": pl.Float64,
}


def _how(term: Any) -> str:
    if isinstance(term, LoadableTerm):
        return "loaded"
    if isinstance(term, CustomTermMixin):
        return "many days at once" if computes_many_days(type(term)) else "day by day"
    return "whole table"


def explained(pipeline: Any, start: Any, end: Any, data: Any, loaders: Any) -> Explanation:
    """Compute a pipeline over the sessions from `start` to `end`, and return its
    cost.
    """
    portal = PolarsDataPortal.coerce(data).sessions_only()
    days = (date.fromisoformat(str(day)[:10]) for day in (start, end))
    first, last = (portal.calendar.number(day) for day in days)
    steps: list[Step] = []
    compute(pipeline, Source(WholeMarket(portal), None, loaders), first, last, watch=steps.append)
    return Explanation(pipeline, steps)
