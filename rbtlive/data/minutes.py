"""The minute bars of a portal: held in memory, or left where they are and read a part at a time.

The rule: whoever reads them a part at a time sees the same bars, in the same order, as who holds them all.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rbtlive.data.schema import FIELDS

_COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    "us": np.dtype(np.int64),
    "session": np.dtype(np.int32),
    "asset": np.dtype(np.int32),
    **dict.fromkeys(FIELDS, np.dtype(np.float64)),
}
_MOST_BLOCKS: Final = 1_000
"""Bars that go to more places than these are sorted by place before they are written."""


def temporary_folder(owner: object, purpose: str) -> tuple[Path, Callable[[], object]]:
    """Return a new folder that goes when `owner` does, or the process ends, and what removes it at once."""
    import shutil  # a tenth of the time that rbtlive's import takes, for what few runs need
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix=f"rbtlive-{purpose}-"))
    return folder, weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)


class MinuteBars(ABC):
    """Minute bars, checked and numbered.

    Attributes:
        height: How many bars there are.
        first_session: Session of the first bar.
        last_session: Session of the last bar.
        step: How many sessions are worth reading at once.
    """

    height: int
    first_session: int
    last_session: int
    step: int

    @abstractmethod
    def part(self, first: int, last: int, *, in_order: bool = True) -> pl.DataFrame:
        """Return the bars of sessions `first` to `last`.

        Returns:
            us (Int64: END of the bar, µs UTC), session (Int32), asset (Int32), the five fields (Float64); sorted by us, then
            asset, unless the order does not matter.
        """

    def parts(self, first: int, last: int, *, in_order: bool = True) -> Iterator[pl.DataFrame]:
        """Yield the bars of sessions `first` to `last` in parts of bounded size, one after the other."""
        first, last = max(first, self.first_session), min(last, self.last_session)
        begin = first
        while begin <= last:
            end = min(last, self.end_of_part(begin))
            yield self.part(begin, end, in_order=in_order)
            begin = end + 1

    def end_of_part(self, session: int) -> int:
        """Return the last session of the part that a session is in."""
        return session + self.step - 1 - (session - self.first_session) % self.step

    def whole(self) -> pl.DataFrame:
        """Return all bars."""
        return self.part(self.first_session, self.last_session)


class HeldMinutes(MinuteBars):
    """Minute bars in memory."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self.height = frame.height
        self.first_session = int(frame["session"][0])
        self.last_session = int(frame["session"][-1])
        self.step = self.last_session - self.first_session + 1

    def part(self, first: int, last: int, *, in_order: bool = True) -> pl.DataFrame:
        """Return the bars of some sessions; they are in order in any case."""
        del in_order
        sessions = self._frame["session"]
        begin, end = sessions.search_sorted(first, side="left"), sessions.search_sorted(last, side="right")
        return self._frame.slice(begin, end - begin)


class Layout(NamedTuple):
    """How sessions are grouped into parts: `step` of them each, from session `first` to `last`."""

    first: int
    last: int
    step: int

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return (self.last - self.first) // self.step + 1

    def part_of(self, session: int) -> int:
        """Return the part that a session is in, or the nearest."""
        return (min(max(session, self.first), self.last) - self.first) // self.step

    def parts_of(self, sessions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the part of each session."""
        return (np.clip(sessions, self.first, self.last).astype(np.int64) - self.first) // self.step


class PartStore(Protocol):
    """Where parts are read from."""

    def read(self, part: int) -> pl.DataFrame:
        """Return a part in any order, assets numbered as they were met."""


class StoredMinutes(MinuteBars):
    """Minute bars on a disk.

    Args:
        store: Where they are.
        layout: How they are grouped there.
        height: How many there are.
        daily: Their daily bars, sorted by session, assets numbered as they were met.
        symbols: Name of each of these numbers.
    """

    def __init__(
        self, store: PartStore, layout: Layout, *, height: int, daily: pl.DataFrame, symbols: Sequence[str]
    ) -> None:
        self._store = store
        self._layout = layout
        self.height = height
        self.daily = daily
        self.symbols = tuple(symbols)
        self.first_session, self.last_session = int(daily["session"][0]), int(daily["session"][-1])
        self.step = layout.step
        self._places: pl.Series | None = None

    def end_of_part(self, session: int) -> int:
        """Return the last session of the part that a session is in."""
        return self._layout.first + (self._layout.part_of(session) + 1) * self.step - 1

    def number(self, places: Sequence[int]) -> None:
        """Number the assets anew: each number becomes its place's."""
        self._places = None if list(places) == list(range(len(places))) else pl.Series(places, dtype=pl.Int32)
        self.daily = self._numbered(self.daily).sort("session", "asset")

    def part(self, first: int, last: int, *, in_order: bool = True) -> pl.DataFrame:
        """Return the bars of some sessions, read from where they are."""
        layout = self._layout
        numbers = range(layout.part_of(first), layout.part_of(last) + 1)
        frames = [self._within(self._store.read(number), first, last) for number in numbers]
        frame = self._numbered(frames[0] if len(frames) == 1 else pl.concat(frames))
        return frame.sort("us", "asset").rechunk() if in_order else frame

    @staticmethod
    def _within(frame: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
        inside = frame["session"].is_between(first, last)
        return frame if inside.all() else frame.filter(inside)

    def _numbered(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self._places is None:
            return frame
        return frame.with_columns(self._places.gather(frame["asset"]).alias("asset"))


class Spill:
    """Parts in files of a temporary folder, which goes when it is no longer used.

    A file is a run of blocks: a number of bars, then their columns one after the other.

    Args:
        layout: Says which bar goes where.

    Attributes:
        remove: Removes the folder at once.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._folder, self.remove = temporary_folder(self, "minutes")

    def add(self, frame: pl.DataFrame) -> None:
        """Put bars into the files of their parts.

        Args:
            frame: us, session, asset and the five fields.
        """
        if frame.is_empty():
            return
        columns = [frame[name].to_numpy() for name in _COLUMNS]
        parts = self._layout.parts_of(columns[1])
        starts = np.flatnonzero(np.diff(parts, prepend=-1))
        if len(starts) > _MOST_BLOCKS:
            order = np.argsort(parts, kind="stable")
            parts, columns = parts[order], [column[order] for column in columns]
            starts = np.flatnonzero(np.diff(parts, prepend=-1))
        for begin, end in zip(starts, [*starts[1:], len(parts)], strict=True):
            with self._file(int(parts[begin])).open("ab") as file:
                file.write(np.array([end - begin], dtype=np.int64).data)
                for column in columns:
                    file.write(np.ascontiguousarray(column[begin:end]).data)

    def read(self, part: int) -> pl.DataFrame:
        """Return a part, in the order its bars were added."""
        file = self._file(part)
        data = file.read_bytes() if file.exists() else b""
        blocks: list[list[NDArray[Any]]] = [[np.empty(0, dtype=dtype) for dtype in _COLUMNS.values()]]
        place = 0
        while place < len(data):
            rows = int(np.frombuffer(data, dtype=np.int64, count=1, offset=place)[0])
            place += 8
            blocks.append([])
            for dtype in _COLUMNS.values():
                blocks[-1].append(np.frombuffer(data, dtype=dtype, count=rows, offset=place))
                place += rows * dtype.itemsize
        columns = zip(_COLUMNS, zip(*blocks, strict=True), strict=True)
        return pl.DataFrame({name: np.concatenate(values) for name, values in columns})

    def _file(self, part: int) -> Path:
        return self._folder / f"{part}.bars"
