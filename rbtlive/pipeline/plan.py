"""The order in which terms are computed, and over how many rows.

The rule: a term is computed once, with as many rows before the first as the terms that
need it require together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Plan:
    """The terms of a pipeline, ordered.

    Args:
        terms: The requested terms.
        labels: Labels of all sessions.
        start: Number of the first requested session.

    Attributes:
        extra_rows: By term, the number of rows before the first.
        order: All terms, each after its inputs.
    """

    def __init__(self, terms: Iterable[Any], labels: Any, start: int) -> None:
        self._labels = labels
        self._start = start
        self._asked: dict[Any, int] = {}
        self.extra_rows: dict[Any, int] = {}
        self.order: list[Any] = []
        self.uses: dict[Any, int] = {}
        for term in terms:
            self._need(term, 0)
        for term in terms:
            self._visit(term)

    def _need(self, term: Any, rows: int) -> None:
        if self._asked.get(term, -1) >= rows:
            return
        self._asked[term] = rows
        extra = term.compute_extra_rows(self._labels, self._start, rows)
        self.extra_rows[term] = max(extra, self.extra_rows.get(term, 0))
        for other, more in term.dependencies.items():
            self._need(other, extra + more)

    def _visit(self, term: Any) -> None:
        if term in self.uses:
            return
        self.uses[term] = 0
        for other in term.dependencies:
            self._visit(other)
            self.uses[other] += 1
        self.order.append(term)

    @property
    def rows_before(self) -> int:
        """Number of rows before the first that the longest term needs."""
        return max(self.extra_rows.values())
