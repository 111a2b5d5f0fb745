"""The minute bars of a portal: in memory, or on disk and read in parts.

The rule: reading in parts gives the same bars, in the same order, as holding all of
them.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import IO, Final, NamedTuple, Protocol

import polars as pl

from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import OHLCV

_COLUMNS: Final = {
    "us": "int64",
    "session": "int32",
    "asset": "int32",
    **dict.fromkeys(OHLCV, "float64"),
}
_MOST_BLOCKS: Final = 1_000
_LEAST_ROWS: Final = 32
"""Bars that would make more blocks, or smaller ones on average, are sorted by part
before they are written: every block is read by itself.
"""


def temporary_file(owner: object) -> IO[bytes]:
    """Return a file that no other process sees. It is deleted when it is closed, when
    its owner is collected, or when the process ends in any way.
    """
    import tempfile  # slow to import, and few runs need it

    file = tempfile.TemporaryFile(prefix="rbtlive-")  # noqa: SIM115 - closed with its owner
    weakref.finalize(owner, file.close)
    return file


class MinuteBars(ABC):
    """Minute bars, checked and numbered.

    Attributes:
        height: Number of bars.
        first_session: Session of the first bar.
        last_session: Session of the last bar.
        step: Number of sessions to read at once.
    """

    height: int
    first_session: int
    last_session: int
    step: int

    @abstractmethod
    def part(self, first: int, last: int, *, in_order: bool = True) -> pl.DataFrame:
        """Return the bars of sessions `first` to `last`.

        Returns:
            us (Int64: END of the bar, µs UTC), session (Int32), asset (Int32), the five
            fields (Float64); sorted by us, then asset, unless the order does not
            matter.
        """

    def parts(self, first: int, last: int, *, in_order: bool = True) -> Iterator[pl.DataFrame]:
        """Yield the bars of sessions `first` to `last` in consecutive parts of bounded
        size.
        """
        first, last = max(first, self.first_session), min(last, self.last_session)
        begin = first
        while begin <= last:
            end = min(last, self.end_of_part(begin))
            yield self.part(begin, end, in_order=in_order)
            begin = end + 1

    def end_of_part(self, session: int) -> int:
        """Return the last session of the part that contains a session."""
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
        """Return the bars of some sessions; they are always in order."""
        del in_order
        sessions = self._frame["session"].to_numpy()
        begin, end = np.searchsorted(sessions, [first, last + 1]).tolist()
        return self._frame.slice(begin, end - begin)


class Layout(NamedTuple):
    """How sessions are grouped into parts: `step` sessions each, from session `first`
    to `last`.
    """

    first: int
    last: int
    step: int

    @property
    def parts(self) -> int:
        """Number of parts."""
        return (self.last - self.first) // self.step + 1

    def part_of(self, session: int) -> int:
        """Return the part that contains a session, or the nearest part."""
        return (min(max(session, self.first), self.last) - self.first) // self.step

    def parts_of(self, sessions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the part of each session."""
        return (np.clip(sessions, self.first, self.last).astype(np.int64) - self.first) // self.step


class PartStore(Protocol):
    """The storage from which parts are read."""

    def read(self, part: int) -> pl.DataFrame:
        """Return a part in any order, with assets numbered in the order of first
        appearance.
        """


class StoredMinutes(MinuteBars):
    """Minute bars on disk.

    Args:
        store: Their storage.
        layout: How they are grouped there.
        height: Number of bars.
        daily: Their daily bars, sorted by session, with assets numbered in the order of
            first appearance.
        symbols: Symbol of each of these numbers.
    """

    def __init__(
        self,
        store: PartStore,
        layout: Layout,
        *,
        height: int,
        daily: pl.DataFrame,
        symbols: Sequence[str],
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
        """Return the last session of the part that contains a session."""
        return self._layout.first + (self._layout.part_of(session) + 1) * self.step - 1

    def number(self, places: Sequence[int]) -> None:
        """Renumber the assets: each number becomes its entry in `places`."""
        self._places = (
            None if list(places) == list(range(len(places))) else pl.Series(places, dtype=pl.Int32)
        )
        self.daily = self._numbered(self.daily).sort("session", "asset")

    def part(self, first: int, last: int, *, in_order: bool = True) -> pl.DataFrame:
        """Return the bars of some sessions, read from storage."""
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
    """Parts in a temporary file, which is deleted when it is no longer used or the
    process ends, even by a kill.

    The file is a sequence of blocks: the columns of some bars of one part, one after
    the other.

    Args:
        layout: Decides which part a bar belongs to.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._file = temporary_file(self)
        self._blocks: list[list[tuple[int, int]]] = [
            [] for _ in range(layout.parts)
        ]  # offset and rows, by part
        self._end = 0
        self._dtypes = [np.dtype(name) for name in _COLUMNS.values()]
        self._bar_bytes = sum(dtype.itemsize for dtype in self._dtypes)

    def close(self) -> None:
        """Delete the file at once."""
        self._file.close()

    def add(self, frame: pl.DataFrame) -> None:
        """Write bars to their parts.

        Args:
            frame: us, session, asset and the five fields.
        """
        if frame.is_empty():
            return
        columns = [frame[name].to_numpy() for name in _COLUMNS]
        parts = self._layout.parts_of(columns[1])
        starts = np.flatnonzero(np.diff(parts, prepend=-1))
        if len(starts) > min(_MOST_BLOCKS, len(parts) // _LEAST_ROWS):
            order = np.argsort(parts, kind="stable")
            parts, columns = parts[order], [column[order] for column in columns]
            starts = np.flatnonzero(np.diff(parts, prepend=-1))
        self._file.seek(self._end)
        for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(parts)], strict=True):
            self._blocks[int(parts[begin])].append((self._end, end - begin))
            for column in columns:
                self._file.write(np.ascontiguousarray(column[begin:end]).data)
            self._end += (end - begin) * self._bar_bytes

    def read(self, part: int) -> pl.DataFrame:
        """Return a part, in the order its bars were added."""
        pieces: list[list[memoryview]] = [[] for _ in self._dtypes]
        widths = [dtype.itemsize for dtype in self._dtypes]
        for place, rows in self._blocks[part]:
            self._file.seek(place)
            data = memoryview(self._file.read(rows * self._bar_bytes))
            begin = 0
            for width, found in zip(widths, pieces, strict=True):
                end = begin + rows * width
                found.append(data[begin:end])
                begin = end
        columns = zip(_COLUMNS, self._dtypes, pieces, strict=True)
        return pl.DataFrame(
            {name: np.frombuffer(b"".join(found), dtype=dtype) for name, dtype, found in columns}
        )
