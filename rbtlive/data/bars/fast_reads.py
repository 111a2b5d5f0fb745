"""Fast paths for the most frequent reads of strategies: a number of one asset, and a
window that is a plain slice of its bars.

The rule: a fast path gives the same result as the slow one; when that could change, all
fast paths are discarded.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import polars as pl

from rbtlive.data.bars.bar_reads import shelled
from rbtlive.model.bar import OHLCV

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_table import BarTable
    from rbtlive.data.windows.history import History
    from rbtlive.data.windows.indicators import Indicators
    from rbtlive.model.arrays import NDArray, np

_index_of = attrgetter("index")

Cutting = TypeVar("Cutting")

Cut = Callable[[int, int], pl.Series]
"""Cuts a window out of a column: first row, number of rows."""

FrameCut = Callable[[int, int], pl.DataFrame]
"""Cuts a window for several assets."""

ArrayCut = Callable[[int, int], "NDArray[np.float64]"]
"""Gives a window of one or several assets as a read-only array, rows x assets: first
row, row after the last.
"""


class Floats(Protocol):
    """One float per row; IndexError for rows that are not held."""

    def __getitem__(self, row: int, /) -> float: ...


class FastReads:
    """Earlier requests, found again in two look-ups.

    Args:
        table: The bars of the run's frequency.
        history: Windows over the bars.
        indicators: Columns computed from the bars.

    Attributes:
        numbers: By field, then by asset: a float per row, and how the reader shows it.
            Filled by the reader.
        windows: By field, then by asset: the function that cuts a window, and the first
            row at which one may begin. Filled by the reader.
        frames: The same by field, then by group of assets, for windows of several
            assets.
        field_frames: The same by fields, then by asset, for windows of several fields.
        arrays: The same by field, then by group of assets, for windows as arrays.
    """

    __slots__ = (
        "_history",
        "_indicators",
        "_table",
        "arrays",
        "field_frames",
        "frames",
        "numbers",
        "windows",
    )

    def __init__(self, table: BarTable, history: History, indicators: Indicators) -> None:
        self._table = table
        self._history = history
        self._indicators = indicators
        self.numbers: dict[str, dict[Any, tuple[Floats, Any]]] = {}
        self.windows: dict[str, dict[Any, tuple[Cut, int]]] = {}
        self.field_frames: dict[tuple[str, ...], dict[Any, tuple[FrameCut, int]]] = {}
        self.frames: dict[str, dict[tuple[Any, ...], tuple[FrameCut, int]]] = {}
        self.arrays: dict[str, dict[tuple[Any, ...], tuple[ArrayCut, int]]] = {}

    @property
    def is_used(self) -> bool:
        """Whether any request was stored since the last `forget`."""
        return bool(self.numbers or self.windows or self.frames or self.field_frames or self.arrays)

    def column(self, index: int, field: str) -> Floats | None:
        """Return an asset's field, one float per row; None if the field is not a column
        with fixed values.
        """
        if field in self._indicators:
            return self._indicators.flat(index, field)
        table, further = self._table, self._history.further
        if field not in _COLUMNS:
            if further is None or not further.is_now(field, table):
                return None
            return further.view(table, index, field)
        view = table.view(index, _COLUMNS[field])
        return view if table.base == 0 else _FromRow(table.base, view)

    def window(self, index: int, field: str) -> tuple[Cut, int] | None:
        """Return a function that cuts windows of a field, and the first row at which
        they may begin; None if windows are not plain slices.
        """
        first, base = self._history.clean_from(index, field), self._table.base
        if first is None:
            return None
        cut = cutter(self._table.held_series(index, _COLUMNS[field]))
        return (
            (cut, first)
            if base == 0
            else (lambda low, rows: cut(low - base, rows), max(first, base))
        )

    def frame(self, indices: tuple[int, ...], field: str) -> tuple[FrameCut, int] | None:
        """Return a function that cuts windows of several assets, and the first row at
        which they may begin; None if days are rounded.
        """
        history, table = self._history, self._table
        if field == "price" and all(map(history.has_every_close, indices)):
            field = "close"
        if history.clean_from(0, field) is None:
            return None
        if table.frozen and table.base == 0 and field in OHLCV:
            return history.frame(indices, field, 0, table.end).slice, history.first_row
        return (lambda low, rows: history.frame(indices, field, low, low + rows)), history.first_row

    def fields(self, index: int, fields: list[str]) -> tuple[FrameCut, int] | None:
        """Return a function that cuts windows of several fields of one asset, and the
        first row at which they may begin; None if windows are not plain slices.
        """
        table = self._table
        firsts = [self._history.clean_from(index, field) for field in fields]
        if table.base or None in firsts or len(set(fields)) < len(fields):
            return None
        columns = [table.held_series(index, _COLUMNS[field]).alias(field) for field in fields]
        whole = pl.DataFrame([table.dates(0, table.rows), *columns])
        return whole.slice, max(first for first in firsts if first is not None)

    def matrix(self, indices: tuple[int, ...], field: str) -> tuple[ArrayCut, int] | None:
        """Return a function that gives windows as arrays, and the first row at which
        they may begin; None as in `frame`. Windows of one asset that nothing adjusts
        are slices of its column.
        """
        history, table = self._history, self._table
        if history.clean_from(0, field) is None:
            return None
        if len(indices) == 1 and table.frozen and not table.base:
            first = history.clean_from(indices[0], field)
            if first == history.first_row:
                column = table.held_series(indices[0], _COLUMNS[field]).to_numpy()[:, None]
                column.setflags(write=False)
                return (lambda low, high: column[low:high]), first
        return (lambda low, high: history.matrix(indices, field, low, high)), history.first_row

    def forget_assets(self, indices: set[int]) -> None:
        """Discard the paths to these assets' earlier bars, because a split or dividend
        of theirs has taken effect. Paths to current values, and those of other assets,
        stay.
        """
        for field, numbers in self.numbers.items():
            if field in self._indicators:
                _drop(numbers, indices)
        for windows in self.windows.values():
            _drop(windows, indices)
        for fields in self.field_frames.values():
            _drop(fields, indices)
        for frames in self.frames.values():
            _drop_groups(frames, indices)
        for arrays in self.arrays.values():
            _drop_groups(arrays, indices)

    def forget(self) -> None:
        """Discard all paths: columns have moved or changed."""
        self.numbers.clear()
        self.windows.clear()
        self.frames.clear()
        self.field_frames.clear()
        self.arrays.clear()


def _drop(known: dict[Any, Any], indices: set[int]) -> None:
    for asset in [asset for asset in known if asset.index in indices]:
        del known[asset]


def _drop_groups(known: dict[tuple[object, ...], Cutting], indices: set[int]) -> None:
    for chosen in [group for group in known if not indices.isdisjoint(map(_index_of, group))]:
        del known[chosen]


class _FromRow:
    """A column whose first rows are not held."""

    __slots__ = ("_base", "_view")

    def __init__(self, base: int, view: Floats) -> None:
        self._base = base
        self._view = view

    def __getitem__(self, row: int, /) -> float:
        if row < self._base:
            raise IndexError(f"rows are held from {self._base} on: was {row}")
        return self._view[row - self._base]


_COLUMNS = {name: name for name in OHLCV} | {"price": "close"}


def cutter(series: pl.Series) -> Cut:
    """Return a function that cuts windows out of `series` like `Series.slice`, at a
    third of its cost.

    A Series is a shell around a column in the compiled part of polars, so a window is a
    cut column in its own shell. Both names are private to polars and may disappear;
    then `Series.slice` is used.
    """
    try:
        cut = series._s.slice  # noqa: SLF001 - see above
        if not shelled(cut(0, len(series))).equals(series):
            return series.slice
    except (AttributeError, TypeError):
        return series.slice

    def window(low: int, rows: int) -> pl.Series:
        made = _new(pl.Series)
        made._s = cut(low, rows)  # noqa: SLF001 - see above
        return made

    return window


_new = pl.Series.__new__
