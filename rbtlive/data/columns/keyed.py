"""Further columns keyed by time and asset, as a portal stores them besides its bars.

The rule: a value belongs to the END of its bar; a longer bar has the last known value
of its shorter bars.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

from rbtlive.data.columns.found import ROW
from rbtlive.model.arrays import NDArray, np

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.columns.found import FoundColumns

Micros: TypeAlias = "NDArray[np.int64]"
Times: TypeAlias = "NDArray[np.int64] | NDArray[np.int32]"
Sessions: TypeAlias = "NDArray[np.int32]"

ON_DISK: Final = (
    "stays on the disk with its bars, and only bars in memory have further fields: pass "
    "PolarsDataPortal(..., in_memory=True)"
)
"""Why a column of bars on disk cannot be a field."""
_TIME, _ASSET = "time of the bar", "asset of the bar"
"""Names of the keys while columns are joined; a field has another one."""


class KeyedColumns(ABC):
    """Columns of bars of one length, one value per key.

    Attributes:
        times: END of each bar, µs UTC; for daily and longer bars the session.
        sessions: Session of each bar.
        assets: Asset index of each bar.
    """

    times: Times
    sessions: NDArray[np.int32]
    assets: NDArray[np.int32]

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of all columns, numbers or not."""

    @abstractmethod
    def values(self, name: str) -> Floats | None:
        """Return a column's values, one per key, with NaN for missing ones; None if the
        column does not exist or does not contain numbers.
        """

    @abstractmethod
    def why_not(self, name: str) -> str:
        """Return why a column does not contain numbers, as the end of a sentence."""

    def holds(self, name: str) -> bool:
        """Say whether a column exists and contains numbers."""
        return self.values(name) is not None


class GivenColumns(KeyedColumns):
    """Columns of a source, for the bars built from its rows.

    Args:
        bars: us or session, asset, and `ROW`.
        found: The columns.
    """

    def __init__(self, bars: pl.DataFrame, found: FoundColumns) -> None:
        self.times = bars.to_series(0).to_numpy()
        self.sessions, self.assets = bars["session"].to_numpy(), bars["asset"].to_numpy()
        self._rows = bars[ROW].to_numpy()
        self._found = found
        self._known: dict[str, Floats | None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return self._found.names

    def values(self, name: str) -> Floats | None:
        """Return a column."""
        if name not in self._known and name in self.names:
            numbers = self._found.numbers(name)
            self._known[name] = None if numbers is None else numbers[self._rows]
        return self._known.get(name)

    def why_not(self, name: str) -> str:
        """Return why a column does not contain numbers."""
        return self._found.why_not(name)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_known": {}}


class FoldedColumns(KeyedColumns):
    """Columns of longer bars.

    Args:
        shorter: The columns of their shorter bars.
        ends: The END of each shorter bar's longer bar, or another ascending number for
            it.
        intraday: Whether these numbers are times; otherwise they are sessions.
    """

    def __init__(self, shorter: KeyedColumns, ends: Times, *, intraday: bool) -> None:
        self._shorter, self._ends, self._intraday = shorter, ends, intraday
        self._known: dict[str, Floats | None] = {}

    # The order of the shorter bars, and where each longer bar begins in it.
    @cached_property
    def _groups(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        assets = self._shorter.assets
        key = self._ends.astype(np.int64) * (int(assets.max()) + 1) + assets
        order = np.argsort(key, kind="stable")
        return order, np.flatnonzero(np.diff(key[order], prepend=-1))

    def _first_of_each(self, values: Times) -> Times:
        order, starts = self._groups
        return values[order][starts]

    @cached_property
    def times(self) -> Times:  # type: ignore[override] # computed on request
        """END of each bar."""
        return self._first_of_each(self._ends)

    @cached_property
    def sessions(self) -> NDArray[np.int32]:  # type: ignore[override]
        """Session of each."""
        sessions = self._shorter.sessions if self._intraday else self._ends
        return self._first_of_each(sessions).astype(np.int32)

    @cached_property
    def assets(self) -> NDArray[np.int32]:  # type: ignore[override]
        """Asset index of each bar."""
        return self._first_of_each(self._shorter.assets).astype(np.int32)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return self._shorter.names

    def values(self, name: str) -> Floats | None:
        """Return a column: the last known value in each bar."""
        if name not in self._known:
            shorter = self._shorter.values(name)
            self._known[name] = None if shorter is None else self._last_known(shorter)
        return self._known[name]

    def _last_known(self, values: Floats) -> Floats:
        order, starts = self._groups
        values = values[order]
        places = np.where(np.isnan(values), -1, np.arange(len(values)))
        last = np.maximum.reduceat(places, starts)
        return np.where(last < 0, np.nan, values[last])

    def is_made_of(self, other: KeyedColumns | None) -> bool:
        """Say whether these columns belong to longer bars built from those of
        `other`.
        """
        return self._shorter is other

    def holds(self, name: str) -> bool:
        """Say whether a column exists and contains numbers."""
        return self._shorter.holds(name)

    def why_not(self, name: str) -> str:
        """Return why a column does not contain numbers."""
        return self._shorter.why_not(name)

    def __getstate__(self) -> dict[str, object]:
        return {
            "_shorter": self._shorter, "_ends": self._ends, "_intraday": self._intraday,
            "_known": {},
        }  # fmt: skip


class PortalColumns:
    """The further columns of a portal.

    Args:
        days: Columns of daily or longer bars, in order of precedence.
        intraday: Columns of intraday bars.
        left_out: Columns that are not fields, and why, as the end of a sentence.
    """

    __slots__ = ("days", "intraday", "left_out")

    def __init__(
        self,
        days: tuple[KeyedColumns, ...] = (),
        intraday: KeyedColumns | None = None,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self.days = days
        self.intraday = intraday
        self.left_out = dict(left_out or {})

    def __bool__(self) -> bool:
        return bool(self.days or self.left_out) or self.intraday is not None

    @classmethod
    def beside(
        cls,
        daily: KeyedColumns | None,
        intraday: KeyedColumns | None,
        on_disk: tuple[str, ...] = (),
    ) -> PortalColumns:
        """Return the columns of daily and intraday bars: a session has the last value
        of its bars if its daily bar lacks the column.

        Args:
            daily: Columns of daily bars.
            intraday: Columns of intraday bars.
            on_disk: Names of the columns of bars on disk.
        """
        days = () if daily is None else (daily,)
        if intraday is not None:
            days = (*days, FoldedColumns(intraday, intraday.sessions, intraday=False))
        return cls(days, intraday, dict.fromkeys(on_disk, ON_DISK))

    def folded_bars(self, ends_of: Callable[[Micros, Sessions], Micros]) -> PortalColumns:
        """Return the columns of longer intraday bars.

        Args:
            ends_of: Returns the END of the longer bar that contains each bar, by time
                and session.
        """
        bars = self.intraday
        if bars is None:
            return self
        longer = FoldedColumns(
            bars, ends_of(bars.times.astype(np.int64), bars.sessions), intraday=True
        )
        return PortalColumns(self.days, longer, self.left_out)

    def folded_days(self, periods_of: Callable[[Sessions], Times]) -> PortalColumns:
        """Return the columns of weeks or months.

        Args:
            periods_of: Returns the week or month that contains each session.
        """
        days = tuple(
            FoldedColumns(one, periods_of(one.sessions), intraday=False) for one in self.days
        )
        return PortalColumns(days, None, self.left_out)

    def without_bars(self) -> PortalColumns:
        """Return the columns of days only."""
        return PortalColumns(self.days, None, self.left_out)

    @property
    def given(self) -> tuple[KeyedColumns, ...]:
        """The columns that are not derived from others here: those of intraday bars,
        then of days.
        """
        bars = self.intraday
        days = [
            one
            for one in self.days
            if not (isinstance(one, FoldedColumns) and one.is_made_of(bars))
        ]
        return tuple(days) if bars is None else (bars, *days)

    @property
    def _sets(self) -> tuple[KeyedColumns, ...]:
        return self.days if self.intraday is None else (self.intraday, *self.days)

    def of(self, name: str, *, intraday: bool) -> KeyedColumns | None:
        """Return the columns that contain a name, of intraday bars or of days and
        longer bars; None if no column with this name contains numbers.
        """
        chosen = (self.intraday,) if intraday else self.days
        return next((one for one in chosen if one is not None and one.holds(name)), None)

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of all columns, numbers or not."""
        return tuple(dict.fromkeys(name for one in self._sets for name in one.names))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are fields."""
        return tuple(n for n in self.all_names if any(one.holds(n) for one in self._sets))

    def rows_of(self, bars: pl.DataFrame) -> list[pl.Series]:
        """Return the columns that are fields, a value for each bar; NaN for a missing
        one.

        Args:
            bars: `us` or `session`, `asset`, and any other columns.
        """
        intraday = "us" in bars.columns
        keys = bars.select(bars.columns[0], "asset")
        keys.columns = [_TIME, _ASSET]
        found = []
        for name in self.names:
            columns = self.of(name, intraday=intraday)
            if columns is None:
                continue
            values = {_TIME: columns.times, _ASSET: columns.assets, name: columns.values(name)}
            keyed = pl.DataFrame(values).cast(keys.schema)
            joined = keys.join(keyed, on=[_TIME, _ASSET], how="left", maintain_order="left")
            found.append(joined[name].fill_null(float("nan")))
        return found

    def why_not(self, name: str) -> str | None:
        """Return why an existing column is not a field, as the end of a sentence; None
        if there was no such column.
        """
        if name in self.left_out:
            return self.left_out[name]
        there = next((one for one in self._sets if name in one.names), None)
        return None if there is None else there.why_not(name)

    def sentences(self) -> list[str]:
        """Return the sentences of a report about them."""
        fields, rest = self.names, [name for name in self.all_names if name not in self.names]
        said = [f"further columns are fields: {', '.join(fields)}"] if fields else []
        why = {name: self.why_not(name) for name in (*rest, *self.left_out)}
        said += [f"column {name!r} is not a field: it {reason}" for name, reason in why.items()]
        return said


def parted(
    frames: Sequence[pl.DataFrame],
    sources: Sequence[FoundColumns | None],
    *,
    on_disk: tuple[str, ...],
) -> tuple[list[pl.DataFrame], PortalColumns]:
    """Return a portal's bars without row numbers, and their further columns.

    Args:
        frames: Bars in a portal's form, with `ROW` if there are further columns; those
            with `us` are intraday.
        sources: The further columns of each frame.
        on_disk: Names of the columns of bars on disk.
    """
    bars, given = [], {}
    for frame, found in zip(frames, sources, strict=False):
        if found is not None:
            given["us" in frame.columns] = GivenColumns(frame, found)
        bars.append(frame.drop(ROW) if found is not None else frame)
    beside = PortalColumns.beside(given.get(False), given.get(True), on_disk)
    return [*bars, *frames[len(bars) :]], beside
