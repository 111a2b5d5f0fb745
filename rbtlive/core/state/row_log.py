"""Rows of one kind, stored as columns: a tenth of the memory that as many objects take.

The rule: a row that is read equals the one that was added, including how its numbers
are written.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, MutableSequence, Sequence
from decimal import Decimal
from itertools import chain, compress, count, islice, repeat, starmap
from operator import is_not
from typing import Any, Generic, TypeVar, overload

BLOCK = 512
"""Rows per packed block; fewer stay unpacked."""
_RARE = 4  # runs of equal objects are stored as runs if their average length reaches this

Row = TypeVar("Row")


class Texts:
    """Decimals stored as one text: a Decimal object takes 104 bytes.

    Args:
        values: At least one.
    """

    __slots__ = ("_text",)

    def __init__(self, values: Iterable[Decimal]) -> None:
        self._text = ",".join(map(str, values))

    def values(self) -> Iterable[Decimal]:
        """Return the decimals."""
        return map(Decimal, self.texts())

    def texts(self) -> list[str]:
        """Return the decimals as written."""
        return self._text.split(",")

    def floats(self) -> Iterable[float]:
        """Return the nearest floats."""
        return map(float, self.texts())


class _Names:
    # Texts without commas, joined into one.
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def values(self) -> Iterable[str]:
        return self._text.split(",")


class _Runs:
    # A few objects, each repeated many times in a row.
    __slots__ = ("_counts", "_values")

    def __init__(self, values: Sequence[Any]) -> None:
        changes = map(is_not, values, islice(values, 1, None))
        starts = [0, *compress(count(1), changes)]
        self._values = [values[start] for start in starts]
        self._counts = [b - a for a, b in zip(starts, [*starts[1:], len(values)], strict=True)]

    def values(self) -> Iterable[Any]:
        return chain.from_iterable(map(repeat, self._values, self._counts))


class _AsTheyAre:
    __slots__ = ("_values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = tuple(values)

    def values(self) -> Iterable[Any]:
        return self._values


def pack(values: Sequence[Any]) -> Any:
    """Return a column of these values, in the smallest form that fits them all."""
    if sum(map(is_not, values, islice(values, 1, None))) * _RARE < len(values):
        return _Runs(values)
    kinds = set(map(type, values))
    if kinds == {Decimal}:
        return Texts(values)
    if kinds == {str}:
        text = ",".join(values)
        if text.count(",") == len(values) - 1:
            return _Names(text)
    return _AsTheyAre(values)


class RowLog(MutableSequence[Row], Generic[Row]):
    """A list of rows that are added one by one and seldom read, stored as columns.

    Args:
        take: Returns the fields of a row.
        make: Builds a row from its fields.
        rows: Initial rows.
    """

    __slots__ = ("_blocks", "_make", "_opened", "_recent", "_starts", "_take")

    def __init__(
        self,
        take: Callable[[Row], tuple[Any, ...]],
        make: Callable[..., Row],
        rows: Iterable[Row] = (),
    ) -> None:
        self._take, self._make = take, make
        self._blocks: list[Sequence[Any]] = []  # blocks of columns
        self._starts = [0]  # index of the first row of each block, and the end of the last
        self._recent = list(rows)
        self._opened: tuple[int, list[Row]] = (-1, [])  # the block that was read last

    def append(self, row: Row) -> None:
        """Add a row."""
        self._recent.append(row)
        if len(self._recent) >= BLOCK:
            self.pack()

    def add(self, row: Row) -> int:
        """Add a row, and return its index."""
        recent = self._recent
        place = self._starts[-1] + len(recent)
        recent.append(row)
        if len(recent) >= BLOCK:
            self.pack()
        return place

    def extend(self, rows: Iterable[Row]) -> None:
        """Add several rows."""
        self._recent.extend(rows)
        if len(self._recent) >= BLOCK:
            self.pack()

    def extend_packed(self, columns: Sequence[Any], count: int) -> None:
        """Add rows that are already columns: results of `pack`, or anything with
        `values`.
        """
        if self._recent:
            self._pack(self._recent)
            self._recent = []
        self._add(columns, count)

    def pack(self) -> None:
        """Pack the waiting rows, as far as they fill blocks."""
        recent = self._recent
        full = len(recent) // BLOCK * BLOCK
        for first in range(0, full, BLOCK):
            self._pack(recent[first : first + BLOCK])
        del recent[:full]

    def _pack(self, rows: list[Row]) -> None:
        fields = zip(*map(self._take, rows), strict=True)
        self._add([pack(column) for column in fields], len(rows))

    def _add(self, columns: Sequence[Any], count: int) -> None:
        self._blocks.append(columns)
        self._starts.append(self._starts[-1] + count)

    def column(self, place: int, first: int = 0) -> list[Any]:
        """Return one field of every row from `first` on."""
        number, unpacked = self._block_at(first), self._starts[-1]
        if first >= unpacked:  # most callers ask for the last few
            return [self._take(row)[place] for row in self._recent[first - unpacked :]]
        packed = chain.from_iterable(block[place].values() for block in self._blocks[number:])
        values = [*packed, *(self._take(row)[place] for row in self._recent)]
        return values[first - self._starts[number] :]

    def floats(self, place: int) -> list[float]:
        """Return one numeric field of every row as the nearest floats."""
        parts = (
            block[place].floats() if isinstance(block[place], Texts) else block[place].values()
            for block in self._blocks
        )
        recent = [self._take(row)[place] for row in self._recent]
        return [*map(float, chain.from_iterable(parts)), *map(float, recent)]

    def texts(self, place: int) -> list[str]:
        """Return one Decimal field of every row as written text, without building
        decimals from packed ones.
        """
        parts = (
            block[place].texts()
            if isinstance(block[place], Texts)
            else map(str, block[place].values())
            for block in self._blocks
        )
        return [*chain.from_iterable(parts), *(str(self._take(row)[place]) for row in self._recent)]

    def __len__(self) -> int:
        return self._starts[-1] + len(self._recent)

    def __iter__(self) -> Iterator[Row]:
        place = 0
        while place < len(self):
            number = self._block_at(place)
            rows = self._rows_of(number)[place - self._starts[number] :]
            yield from rows
            place += len(rows)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            first, past, step = place.indices(len(self))
            if step != 1:
                return list(self)[place]
            if past <= first:
                return []
            numbers = range(self._block_at(first), self._block_at(past - 1) + 1)
            rows = [row for number in numbers for row in self._rows_of(number)]
            skipped = first - self._starts[numbers[0]]
            return rows[skipped : skipped + past - first]
        recent = place - self._starts[-1]
        if 0 <= recent < len(self._recent):  # most that are read were added last
            return self._recent[recent]
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"row {place} of {len(self)}")
        number = self._block_at(place)
        return self._rows_of(number)[place - self._starts[number]]

    @overload
    def __setitem__(self, place: int, row: Row) -> None: ...
    @overload
    def __setitem__(self, place: slice, row: Iterable[Row]) -> None: ...
    def __setitem__(self, place: int | slice, row: Any) -> None:
        self._unpacked()[place] = row

    def __delitem__(self, place: int | slice) -> None:
        del self._unpacked()[place]

    def insert(self, place: int, row: Row) -> None:
        """Insert a row before another."""
        self._unpacked().insert(place, row)

    def __copy__(self) -> RowLog[Row]:
        other = RowLog(self._take, self._make, self._recent)
        other._blocks, other._starts = list(self._blocks), list(self._starts)
        return other

    def __reduce__(self) -> tuple[type, tuple[list[Row]]]:
        return list, (list(self),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by its rows

    def __repr__(self) -> str:
        return repr(list(self))

    def _block_at(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1

    # The rows of a block; after the last block, the unpacked rows.
    def _rows_of(self, number: int) -> list[Row]:
        if number == len(self._blocks):
            return self._recent
        if self._opened[0] != number:
            columns = (column.values() for column in self._blocks[number])
            self._opened = number, list(starmap(self._make, zip(*columns, strict=True)))
        return self._opened[1]

    # All rows as a list that may be changed.
    def _unpacked(self) -> list[Row]:
        self._recent = list(self)
        self._blocks, self._starts, self._opened = [], [0], (-1, [])
        return self._recent
