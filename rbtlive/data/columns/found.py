"""Further columns of a source, stored as found: a prediction, a signal, open
interest.

The rule: a column is converted to numbers when it is first requested, and one that
cannot be converted is left out by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rbtlive.data.checking.frames import read_frame
from rbtlive.data.checking.pandas_columns import NO_ONE_TYPE, is_pandas, pandas_column
from rbtlive.data.reading.numbers import NOTHING, UnclearDecimals, number_series
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats

ROW: Final = "row of the source"
"""The column in a frame of bars with each bar's row number in the source."""
RESERVED: Final = frozenset((*OHLCV, "date", "timestamp", "symbol", ROW, ""))
"""Names of a bar's own columns."""
ANSWERED: Final = frozenset(("price", "last_traded", "contract"))
"""Names that `data.current` answers itself, so a column cannot be read by them."""
_TRUTH: Final = {"true": 1.0, "false": 0.0}
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class Part:
    """Some rows of a source.

    Attributes:
        frame: A polars or pandas frame that no other code changes.
        names: The columns besides the bars.
        height: Number of rows.
        decimal_comma: Whether texts are known to have a decimal comma.
    """

    frame: object
    names: tuple[str, ...]
    height: int
    decimal_comma: bool | None = None


class FoundColumns:
    """Further columns, one part of the source after the other.

    Args:
        parts: The parts; if one lacks a column, its rows have no value.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, numbers or not, in the source's order."""
        return tuple(dict.fromkeys(name for part in self._parts for name in part.names))

    def numbers(self, name: str) -> Floats | None:
        """Return a column's values, one per row of the source, with NaN for missing
        ones; None if the column does not contain numbers.
        """
        if name in ANSWERED:
            return None
        found = []
        for part in self._parts:
            if name not in part.names:
                found.append(np.full(part.height, np.nan))
                continue
            values = _numbers(_column(part.frame, name), part.decimal_comma)
            if values is None:
                return None
            found.append(values)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def why_not(self, name: str) -> str:
        """Return why a column is not a field, as the end of a sentence."""
        if name in ANSWERED:
            return f"has a name that data.current({name!r}) answers itself; rename the column"
        columns = [_column(part.frame, name) for part in self._parts if name in part.names]
        kinds = {None if column is None else column.dtype for column in columns}
        texts = any(kind in _TEXTS for kind in kinds if kind is not None)
        return "holds text" if texts else "holds no numbers"

    def but(self, names: Collection[str]) -> FoundColumns:
        """Return the same without some columns."""
        kept = [
            replace(part, names=tuple(name for name in part.names if name not in names))
            for part in self._parts
        ]
        return FoundColumns(kept)

    # pandas frames are pickled as polars ones, which are memory-mapped.
    def __reduce__(self) -> tuple[object, ...]:
        return FoundColumns, ([_for_travel(part) for part in self._parts],)


@dataclass(frozen=True)
class BarsOfSource:
    """Bars in a portal's form, with the further columns of their source.

    Attributes:
        frame: The bars; the column `ROW` has each bar's row in the source.
        found: The further columns.
    """

    frame: pl.DataFrame
    found: FoundColumns


def read_beside(
    source: object, *, what: str, wanted: Collection[str]
) -> tuple[pl.DataFrame, FoundColumns | None]:
    """Return the result of `read_frame`, and the further columns of the source, or None
    if it has none; with them, `ROW` has the source's row numbers.

    Raises:
        DataError: as in `read_frame`.
    """
    if isinstance(source, BarsOfSource):
        return source.frame, source.found
    if is_pandas(source):
        raw, part = read_frame(source, what=what, wanted=wanted), part_of(source, wanted)
    else:
        whole = read_frame(
            source, what=what, wanted=wanted, also=lambda schema: beside(schema.items(), wanted)
        )
        part = part_of(whole, wanted)
        raw = whole.drop(part.names) if part.names else whole
    return (raw.with_row_index(ROW), FoundColumns([part])) if part.names else (raw, None)


def part_of(frame: object, taken: Collection[str], decimal_comma: bool | None = None) -> Part:
    """Return the columns of a frame other than the known ones.

    Args:
        frame: A polars or pandas frame; a pandas frame is copied, because it may be
            changed in place.
        taken: Names with a meaning already.
        decimal_comma: Whether texts are known to have a decimal comma.
    """
    if isinstance(frame, pl.DataFrame):
        names = beside(frame.schema.items(), taken)
        chosen = frame[list(names)] if names else pl.DataFrame()
        return Part(chosen, names, frame.height, decimal_comma)
    there: Any = frame
    once = [str(name) for name in there.columns if list(there.columns).count(name) == 1]
    names = tuple(n for n in once if n in there.columns and n not in taken and n not in RESERVED)
    return Part(there[list(names)].copy(), names, len(there), decimal_comma)


def names_beside(source: object, taken: Collection[str]) -> tuple[str, ...]:
    """Return the names of possible fields in a frame (eager or lazy), besides the known
    columns.
    """
    if isinstance(source, (pl.DataFrame, pl.LazyFrame)):
        return beside(source.collect_schema().items(), taken)
    return part_of(source, taken).names if is_pandas(source) else ()


def beside(schema: Iterable[tuple[str, pl.DataType]], taken: Collection[str]) -> tuple[str, ...]:
    """Return the names of columns that can be fields: not known ones, and not times,
    lists or objects.
    """
    return tuple(
        name
        for name, dtype in schema
        if name not in taken
        and name not in RESERVED
        and (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null, *_TEXTS))
    )


def _column(frame: object, name: str) -> pl.Series | None:
    if isinstance(frame, pl.DataFrame):
        return frame[name]
    there: Any = frame
    try:
        return pandas_column(there[name])
    except NO_ONE_TYPE:
        return None


def _numbers(column: pl.Series | None, decimal_comma: bool | None) -> Floats | None:
    if column is None:
        return None
    if column.dtype in _TEXTS:
        column = _numbers_of_text(column.cast(pl.String), decimal_comma=bool(decimal_comma))
    if column is None or not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        return None
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _numbers_of_text(column: pl.Series, *, decimal_comma: bool) -> pl.Series | None:
    text = column.str.strip_chars().str.to_lowercase()
    text = text.set(text.is_in(NOTHING), None)
    head = text.drop_nulls().head(1)
    if len(head) and head[0] in _TRUTH:
        read = text.replace_strict(_TRUTH, default=None, return_dtype=pl.Float64)
    else:
        try:
            read = number_series({"": text}, decimal_comma=decimal_comma)[""]
        except UnclearDecimals:
            return None
    return read if read.null_count() == text.null_count() else None


def _for_travel(part: Part) -> Part:
    if not is_pandas(part.frame):
        return part
    columns = {name: _column(part.frame, name) for name in part.names}
    # A column without one type counts as text, which is not a number.
    kept = [
        pl.repeat("?", part.height, eager=True).alias(name)
        if column is None
        else column.alias(name)
        for name, column in columns.items()
    ]
    return replace(part, frame=pl.DataFrame(kept))
