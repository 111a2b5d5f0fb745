"""Computes pipelines: terms in, tables of days and assets out.

The rule: a day's numbers depend only on data known that morning, never on how days are
grouped into chunks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import compress
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeAlias

from rbtlive.errors import NoFurtherDataError
from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Values
from rbtlive.pipeline.domain import GENERIC
from rbtlive.pipeline.missing import ENGINE_NAMES, refusing
from rbtlive.pipeline.plan import Plan
from rbtlive.pipeline.selections import Selections
from rbtlive.pipeline.source import Source
from rbtlive.pipeline.term import LISTED, ComputableTerm, InputDates, LoadableTerm
from rbtlive.pipeline.windows import InputWindows, as_array, as_loaded


class Computed(NamedTuple):
    """The output of a pipeline for some days.

    Attributes:
        first: Session number of the first row.
        dates: Labels of the rows, a pandas index.
        assets: The assets, in order of their sids.
        columns: Arrays by name, rows x assets.
        screen: Whether each asset is shown, rows x assets.
        terms: The terms by name.
    """

    first: int
    dates: Any
    assets: tuple[Any, ...]
    columns: dict[str, Any]
    screen: Any
    terms: dict[str, Any]


class Step(NamedTuple):
    """The work of computing one term.

    Attributes:
        term: The term.
        rows: Number of days computed.
        seconds: Time taken.
    """

    term: Any
    rows: int
    seconds: float


Watch = Callable[[Step], None]
Windows: TypeAlias = tuple[tuple[Any, ...], Any]
"""Inputs of a term, and the number of their rows."""

_LARGE: Final = 4_000_000  # numbers, just below the 32 MB up to which glibc adapts
__getattr__ = refusing(__name__, ENGINE_NAMES)


class _Run:
    """One computation of a pipeline over the sessions `start` to `end`."""

    def __init__(self, pipeline: Any, source: Source, start: int, end: int) -> None:
        import pandas as pd

        pipeline.domain(GENERIC)  # raises if its terms are of several
        self.pipeline = pipeline
        self.source = source
        self.start = start
        self.plan = plan = Plan([*pipeline.terms(), LISTED], source.labels, start)
        self.first = first = start - plan.rows_before
        self._check_reach()
        labels = source.labels[first : end + 1]
        self.dates = pd.DatetimeIndex(labels.astype("datetime64[ns]"))
        self._dates_from: dict[int, Any] = {}  # by their first row
        self._windows: dict[Any, Windows] = {}
        self._plain_terms: dict[Any, Any] = {}
        self._kept: dict[Windows, dict[object, Values]] = {}  # by windows that several terms have
        there = source.listed(first, end)
        if not there.any():
            raise ValueError(
                f"Failed to find any assets that traded between {labels[0]} and {labels[-1]}: the "
                "pipeline begins before the data, or after it"
            )
        every = bool(there.all())
        self.assets = source.assets if every else tuple(compress(source.assets, there.tolist()))
        self.sids = pd.Index(source.sids if every else source.sids[there])
        alive = source.alive(first, end) if every else source.alive(first, end, there)
        self.known: dict[Any, Any] = {LISTED: alive}

    # The window of the first day must be within the data, as in zipline.
    def _check_reach(self) -> None:
        source = self.source
        deepest, missing = self._reach(self.plan, self.start)
        if missing > 0:
            fits_from = self._first_that_fits()
            later = f"start on {source.labels[fits_from]} or later, or give more history"
            if not source.listed(fits_from, fits_from).any():
                later = "no later start has that much history before it: give more"
            error = NoFurtherDataError(
                f"Insufficient data to compute Pipeline: it looks back {deepest + 1} sessions from "
                f"{source.labels[self.start]}, but the data begins on "
                f"{source.labels[max(source.first_session, 0)]}; {later}"
            )
            error.window = f"{deepest + 1} sessions of a pipeline"
            error.fits_from = fits_from
            raise error

    # Sessions that a start looks back, and how many of them the data lacks.
    def _reach(self, plan: Plan, start: int) -> tuple[int, int]:
        source = self.source
        loaded = [t for t in plan.order if isinstance(t, LoadableTerm) and source.is_bar(t)]
        deepest = max((plan.extra_rows[term] for term in loaded), default=0)
        least = source.first_session + 1
        return deepest, max(least - (start - deepest) if loaded else 0, plan.rows_before - start)

    # With downsample() a later start may look back further, never to an earlier day.
    def _first_that_fits(self) -> int:
        labels, terms = self.source.labels, [*self.pipeline.terms(), LISTED]

        def fits(start: int) -> bool:
            return self._reach(Plan(terms, labels, start), start)[1] <= 0

        later = range(self.start + 1, len(labels))
        found = bisect_left(later, True, key=fits)
        return min(self.start + 1 + found, len(labels) - 1)

    def rows_of(self, term: Any) -> int:
        """Return the row, among all rows, at which a term's rows begin."""
        return self.plan.rows_before - self.plan.extra_rows[term]

    def compute(self, watch: Watch | None) -> Computed:
        plan, known = self.plan, self.known
        left = dict(plan.uses)
        for term in self.pipeline.terms():
            left[term] += 1  # shown terms are kept
        left[LISTED] += 1
        self._windows = windows = {term: self._windows_of(term) for term in plan.order}
        alike = Counter(windows.values())
        for term in plan.order:
            if term in known:
                continue
            if alike[windows[term]] > 1:
                self._kept.setdefault(windows[term], {})
            began = perf_counter()
            known[term] = self._value(term)
            if watch is not None:
                rows = len(self.dates) - self.rows_of(term)
                watch(Step(term, rows, perf_counter() - began))
            alike[windows[term]] -= 1
            if not alike[windows[term]]:
                self._kept.pop(windows[term], None)
            for other in term.dependencies:
                left[other] -= 1
                if left[other] == 0:
                    del known[other]
        terms = self.pipeline.columns
        shown = {name: self._shown(term) for name, term in terms.items()}
        screen = self._shown(self.pipeline.terms()[-1])
        dates = self.dates[plan.rows_before :]
        return Computed(self.start, dates, self.assets, shown, screen, dict(terms))

    # What a term is computed from: its inputs, and the number of their rows. The bars
    # of a data set with a domain are those of the one without.
    def _windows_of(self, term: Any) -> Windows:
        return tuple(map(self._plain, term.inputs)), term.window_length

    def _plain(self, term: Any) -> Any:
        if term not in self._plain_terms:
            bar = isinstance(term, LoadableTerm) and self.source.is_bar(term)
            self._plain_terms[term] = term.unspecialize() if bar else term
        return self._plain_terms[term]

    def _shown(self, term: Any) -> Any:
        return as_array(self.known[term])[self.plan.extra_rows[term] :]

    def _value(self, term: Any) -> Any:
        begin = self.rows_of(term)
        if isinstance(term, InputDates):
            return self.dates.to_numpy()[begin:, None]
        if isinstance(term, LoadableTerm):
            last = self.first + len(self.dates) - 1
            return self.source.load(term, self.first + begin, last, self.assets)
        assert isinstance(term, ComputableTerm)
        mask = self._from(term.mask, begin)
        if begin not in self._dates_from:
            self._dates_from[begin] = self.dates[begin:]
        dates = self._dates_from[begin]
        return term._compute(self._inputs(term, begin, mask), dates, self.sids, mask)  # noqa: SLF001

    # A term's rows from row `begin` (of all rows) on.
    def _from(self, term: Any, begin: int) -> Any:
        return as_array(self.known[term])[begin - self.rows_of(term) :]

    # A column from the first session with bars on.
    def _history(self, column: Any, begin: int) -> Any:
        last = self.first + len(self.dates) - 1
        first = min(self.source.first_session + 1, self.first + begin)
        return self.source.load(column, first, last, self.assets)

    def _inputs(self, term: Any, begin: int, mask: Any) -> list[Any]:
        if term._reads_history:  # noqa: SLF001
            return [self._history(one, begin) for one in term.inputs]
        if not term.windowed:
            return [self._from(one, begin) for one in term.inputs]
        windows, selections = [], Selections(mask)
        for one in term.inputs:
            low = begin - (term.window_length - 1)
            first = self.first + self.rows_of(one)
            loaded = as_loaded(self.known[one], first).tail(low - self.rows_of(one))
            kept = self._kept.get(self._windows[term])
            windows.append(InputWindows(loaded, term.window_length, selections, kept=kept))
        return windows


def compute(
    pipeline: Any, source: Source, start: int, end: int, *, watch: Watch | None = None
) -> Computed:
    """Compute a pipeline over the sessions numbered `start` to `end`.

    Args:
        pipeline: The pipeline.
        source: The market data.
        start: First session.
        end: Last session.
        watch: Called with the work of each term.

    Raises:
        NoFurtherDataError: a window of the first day begins before the data.
        ValueError: no asset is listed, or a term raises it.
    """
    _keep_freed_memory()
    return _Run(pipeline, source, start, end).compute(watch)


# glibc returns freed memory to the system above twice the largest freed array, and each
# page then costs a fault on reuse: a fifth of a run over 3,000 assets. An array that is
# never touched costs nothing and raises the limit to 64 MB permanently.
@cache
def _keep_freed_memory() -> None:
    np.empty(_LARGE)
