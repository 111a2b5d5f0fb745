"""Build pandas Series and frames from parts that are known to fit.

The rule: the result equals that of pandas' own constructors and `iloc`, which check all
their input at five times the cost. The names used here are private to pandas and may
disappear: if they are missing or give a different result, its constructors are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from rbtlive.core.shown.presented import Cut
from rbtlive.model.arrays import NDArray, np

if TYPE_CHECKING:
    import pandas as pd

Values: TypeAlias = "NDArray[Any]"
Series: TypeAlias = "pd.Series[Any]"
Labels: TypeAlias = "pd.Index[Any]"

MakeSeries = Callable[[Values, Labels, object], Series]
"""Makes a Series from values that nobody else changes, their index and a name."""

MakeFrame = Callable[[Values, Labels, "Labels | pd.MultiIndex"], "pd.DataFrame"]
"""Makes a frame from an array (one row per column of the frame), the columns' names,
and the index.
"""

CutIndex = Callable[[slice], "pd.DatetimeIndex"]

_GONE = (AttributeError, TypeError, ValueError, ImportError)


class Makers(NamedTuple):
    """Functions that make pandas objects and that cut their index."""

    series: MakeSeries
    frame: MakeFrame
    index_cutter: Callable[[pd.DatetimeIndex], CutIndex]


@cache
def makers() -> Makers:
    """Return the fastest functions that work with the installed pandas."""
    import pandas as pd

    plain = Makers(
        lambda values, index, name: pd.Series(values, index=index, name=name),
        lambda values, columns, index: pd.DataFrame(values.T, columns=columns, index=index),
        lambda axis: axis.__getitem__,
    )
    try:
        series = pd.Series(np.zeros(1))
        found = Makers(_series_maker(series), _frame_maker(series.to_frame()), _index_cutter)
        same = _agree(found, plain)
    except _GONE:
        return plain
    return found if same else plain


def series_cutter(series: Series) -> Cut:
    """Return a function that cuts rows (first row, number of rows) out of a Series as
    `iloc` does; writing to one does not change the other.
    """
    rows = series.iloc

    def plain(low: int, count: int) -> Series:
        return rows[low : low + count]

    try:
        cut = _cutter_of(series)
        whole = len(series)
        same = whole > 0 and all(
            _same(cut(low, whole - low), plain(low, whole - low)) for low in (0, whole - 1)
        )
    except _GONE:
        return plain
    return cut if same else plain


# pandas' layers: the block that holds the values, and the objects around it.
def _cutter_of(source: Series) -> Cut:
    series: Any = source
    block, manager, holds, place, made = _pieces(series)
    values, name = block.values, series.name  # noqa: PD011 - a block's
    places: dict[int, Any] = {}
    cut_index = makers().index_cutter(series.index)
    put = object.__setattr__  # a Series checks every name that is set

    def cut(low: int, count: int) -> Series:
        rows = slice(low, low + count)
        at = places.get(count)
        if at is None:
            at = places[count] = place(slice(0, count))
        index = cut_index(rows)
        # Shared references make pandas copy before it writes; this keeps `block` alive.
        shown = manager(holds(values[rows], placement=at, ndim=1, refs=block.refs), index)
        window: Series = made(shown, shown.axes)
        put(window, "_name", name)
        return window

    return cut


# The block of a Series or of a frame with one block, and the classes it is built from:
# manager, block, placement, and the owner's own constructor.
def _pieces(example: object) -> tuple[Any, ...]:
    of: Any = example
    block = of._mgr.blocks[0]  # noqa: SLF001 - see above
    made = type(of)._from_mgr  # noqa: SLF001
    return block, type(of._mgr), type(block), type(block.mgr_locs), made  # noqa: SLF001


def _series_maker(example: object) -> MakeSeries:
    _, manager, holds, place, made = _pieces(example)
    put = object.__setattr__

    def make(values: Values, index: Labels, name: object) -> Series:
        shown = manager(holds(values, placement=place(slice(0, len(values))), ndim=1), index)
        series: Series = made(shown, shown.axes)
        put(series, "_name", name)
        return series

    return make


def _frame_maker(example: object) -> MakeFrame:
    _, manager, holds, place, made = _pieces(example)

    def make(values: Values, columns: Labels, index: Labels | pd.MultiIndex) -> pd.DataFrame:
        held = holds(values, placement=place(slice(0, len(values))), ndim=2)
        shown = manager((held,), [columns, index], verify_integrity=False)
        frame: pd.DataFrame = made(shown, shown.axes)
        return frame

    return make


def _index_cutter(index: pd.DatetimeIndex) -> CutIndex:
    axis: Any = index
    made, stamps = type(axis)._simple_new, axis._data  # noqa: SLF001 - see above
    of_stamps, values = stamps._from_backing_data, stamps._ndarray  # noqa: SLF001
    name, shared = axis.name, axis._references  # noqa: SLF001
    if axis.freq is not None:
        raise TypeError("a cut of an index with a frequency has one too")
    return lambda rows: made(of_stamps(values[rows]), name, shared)


# Whether both ways give the same result on a small example.
def _agree(fast: Makers, plain: Makers) -> bool:
    import pandas as pd

    axis = pd.DatetimeIndex(np.arange(4).view("datetime64[ns]")).tz_localize("UTC")
    columns = pd.Index(["a", "b"])
    block = np.arange(8.0).reshape(2, 4)
    cuts = [of.index_cutter(axis)(slice(1, 3)) for of in (fast, plain)]
    return (
        _same_index(*cuts)
        and _same(fast.series(block[0], axis, "n"), plain.series(block[0], axis, "n"))
        and _same(fast.frame(block, columns, axis), plain.frame(block, columns, axis))
    )


def _same(first: object, second: object) -> bool:
    one: Any = first
    other: Any = second
    return (
        type(one) is type(other)
        and bool(one.equals(other))
        and getattr(one, "name", None) is getattr(other, "name", None)
        and all(map(_same_index, one.axes, other.axes))
    )


def _same_index(one: Labels, other: Labels) -> bool:
    return (
        type(one) is type(other)
        and one.dtype == other.dtype
        and bool(one.equals(other))
        and one.name == other.name
        and getattr(one, "freq", None) == getattr(other, "freq", None)
    )


def numbers_of(values: Sequence[object]) -> Values | None:
    """Return floats, or whole numbers, as the array that pandas would make; None for
    anything else.
    """
    kinds = set(map(type, values))
    if kinds in ({float}, {float, int}):
        return np.array(values, dtype=np.float64)
    if kinds == {int}:
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            return None
    return None
