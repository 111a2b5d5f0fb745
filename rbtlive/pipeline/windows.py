"""Windows over the inputs of a term: the values known on each day, as they looked
then.

The rule: a day's window is a view if possible; values before a split or dividend are
adjusted in place once the days have passed it, one action after the other, so that a
window does not depend on where a chunk begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sys import getrefcount
from typing import Any, Final, NamedTuple

from rbtlive.lib.adjustment import ADD, MULTIPLY
from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Places, Values
from rbtlive.pipeline.selections import Selection, Selections

# A changed column costs as much as copying this many numbers one by one, and this many
# more for every row.
_COPY: Final = 2_000
_ROW: Final = 100
_OWN_REFERENCES: Final = 2  # to an array: an attribute's and the call's


class Restatement(NamedTuple):
    """A factor on earlier values of one asset.

    Attributes:
        row: Row of the day on which it takes effect. Rows up to and including it
            contain values of earlier days, and are multiplied.
        column: Column of the asset.
        ratio: The factor.
    """

    row: int
    column: int
    ratio: float


class Step(NamedTuple):
    """Factors that take effect on one row, for different columns.

    Attributes:
        row: The row.
        columns: The columns, or the only one.
        ratios: Their factors.
    """

    row: int
    columns: Any
    ratios: Any


class Restatements(Sequence[Restatement]):
    """Restatements as arrays, in the order in which they take effect.

    Args:
        rows: The row of each.
        columns: Its column.
        ratios: Its factor.
    """

    __slots__ = ("columns", "ratios", "rows")

    def __init__(self, rows: Places, columns: Places, ratios: Values) -> None:
        self.rows = rows
        self.columns = columns
        self.ratios = ratios

    @classmethod
    def of(cls, given: Sequence[Restatement]) -> Restatements:
        """Return restatements of any form in this one."""
        if isinstance(given, Restatements):
            return given
        rows, columns, ratios = zip(*given, strict=True) if given else ((), (), ())
        return cls(np.array(rows, np.intp), np.array(columns, np.intp), np.array(ratios, float))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]

    def __iter__(self) -> Iterator[Restatement]:
        each = (self.rows.tolist(), self.columns.tolist(), self.ratios.tolist())
        return map(Restatement, *each)

    def steps(self) -> Iterator[Step]:
        """Return them row by row: an asset's second action of a day is a step of its
        own, because factors are multiplied one after the other.
        """
        if not len(self):
            return
        rows, columns = self.rows, self.columns
        order = np.lexsort((columns, rows))
        count = np.arange(len(order))
        again = np.append(False, ~(rows[order[1:]] != rows[order[:-1]]))
        again[1:] &= columns[order[1:]] == columns[order[:-1]]
        number = count - np.maximum.accumulate(np.where(again, 0, count))  # within the day
        by_step = np.lexsort((number, rows[order]))
        order, number = order[by_step], number[by_step]
        rows, columns, ratios = rows[order], columns[order], self.ratios[order]
        begins = (rows[1:] != rows[:-1]) | (number[1:] != number[:-1])
        edges = [0, *(begins.nonzero()[0] + 1).tolist(), len(order)]
        for row, low, high in zip(rows[edges[:-1]].tolist(), edges, edges[1:], strict=False):
            if high == low + 1:
                yield Step(row, int(columns[low]), float(ratios[low]))
            else:
                yield Step(row, columns[low:high], ratios[low:high])


class Revision(NamedTuple):
    """A change of a block of values, of any kind.

    Attributes:
        row: Row of the first day that sees it.
        rows: First and last row changed.
        columns: First and last column.
        kind: `MULTIPLY`, `ADD` or `OVERWRITE`.
        value: The factor, summand or new value.
    """

    row: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    kind: int
    value: Any

    def apply(self, values: Any) -> None:
        """Change the values in place."""
        cells = tuple(slice(first, last + 1) for first, last in (self.rows, self.columns))
        if self.kind == MULTIPLY:
            values[cells] *= self.value
        elif self.kind == ADD:
            values[cells] += self.value
        else:
            values[cells] = self.value


class Loaded(NamedTuple):
    """Values of an input, with their adjustments.

    Attributes:
        values: Rows x assets, as recorded.
        restatements: Adjustments, in order of their rows.
        first: Session number of the first row.
        level: Product of all factors that took effect before the first row, by asset;
            None if there are none.
        revisions: Further changes, in order of their rows.
    """

    values: Any
    restatements: Sequence[Restatement] = ()
    first: int = 0
    level: Any = None
    revisions: Sequence[Revision] = ()

    def tail(self, offset: int) -> Loaded:
        """Return the rows from `offset` on; actions that took effect before them do not
        change them, because all their values are from later days.
        """
        if not offset:
            return self
        level, (rows, columns, ratios) = self.level, self._restated()
        earlier, later = rows < offset, rows >= offset
        if earlier.any():
            level = np.ones(self.values.shape[1]) if level is None else level.copy()
            np.multiply.at(level, columns[earlier], ratios[earlier])
        further = Restatements(rows[later] - offset, columns[later], ratios[later])
        values, revisions = self._revised(offset)
        return Loaded(values, further, self.first + offset, level, revisions)

    def _restated(self) -> tuple[Places, Places, Values]:
        all_of_them = Restatements.of(self.restatements)
        return all_of_them.rows, all_of_them.columns, all_of_them.ratios

    # The rows from `offset` on as known there, and their later changes.
    def _revised(self, offset: int) -> tuple[Any, list[Revision]]:
        values, later = self.values, []
        for revision in self.revisions:
            if revision.row < offset:
                values = values.copy() if values is self.values else values
                revision.apply(values)
            elif revision.rows[1] >= offset:
                rows = max(revision.rows[0] - offset, 0), revision.rows[1] - offset
                later.append(revision._replace(row=revision.row - offset, rows=rows))
        return values[offset:], later

    def ends(self, length: int) -> tuple[Any, Any]:
        """Return the first and the last value of each window of `length` rows, adjusted
        as in that window, to the last digit.
        """
        windows = len(self.values) - length + 1
        firsts, lasts = self.values[:windows], self.values[length - 1 :]
        if self.restatements:
            firsts, lasts = firsts.copy(), lasts.copy()
        for row, columns, ratios in Restatements.of(self.restatements).steps():
            newest = row - length + 1  # the window whose last row it is
            firsts[max(newest, 0) : row + 1, columns] *= ratios
            if newest >= 0:
                lasts[newest, columns] *= ratios
        return firsts, lasts

    def levelled(self, length: int, columns: Any = slice(None)) -> tuple[Any, Any]:
        """Return values of some columns adjusted to one common level, and the factors
        from that level to the one of each window of `length` rows; None if nothing is
        adjusted.

        The common level is that of the very first session, so that numbers do not
        depend on where a chunk begins.
        """
        if not self.restatements and self.level is None:
            return self.values[:, columns], None
        rows, width = self.values.shape
        levels = np.ones((rows + 1, width))
        if self.level is not None:
            levels[0] = self.level
        restated, restated_columns, ratios = self._restated()
        np.multiply.at(levels, (restated + 1, restated_columns), ratios)
        levels = np.cumprod(levels[:, columns], axis=0)
        return self.values[:, columns] / levels[:-1], levels[length:]


class InputWindows:
    """The windows of one input, one per row.

    Args:
        loaded: Values from `length` - 1 rows before the first window's day on.
        length: Number of rows in a window.
        selections: The wanted assets of each day; None for all. Inputs of one column
            are never masked.
        kept: What the terms of the same inputs and length have in common.

    Attributes:
        loaded: The values given.
        length: The length given.
        selections: The selections given.
        kept: The dict given; None if no other term has such windows.
    """

    def __init__(
        self,
        loaded: Loaded,
        length: int,
        selections: Selections | None = None,
        *,
        kept: dict[object, Values] | None = None,
    ) -> None:
        self.loaded = loaded
        self.length = length
        self.kept = kept
        values = loaded.values
        self.selections = selections
        self._selections = None if values.shape[1] == 1 else selections
        changed = loaded.restatements or loaded.revisions
        self._values = values.copy() if changed else values
        self._waiting = [*Restatements.of(loaded.restatements).steps()][::-1]
        self._revisions = list(reversed(loaded.revisions))
        self._day = 0
        self._part: Any = None  # columns of one selection, over the days that share it
        self._part_from = self._part_to = 0
        self._selected: Selection | None = None
        self._are_kept = False  # whether a window outlived its day

    def __iter__(self) -> InputWindows:
        return self

    def __next__(self) -> Any:
        day = self._day
        last = day + self.length - 1
        if last >= len(self._values):
            raise StopIteration
        if self._waiting or self._revisions:
            self._restate(last)
        if day >= self._part_to:
            self._take_part(day)
        if self._part is None:
            window = self._values[day : last + 1]
        else:
            window = self._part[day - self._part_from : last + 1 - self._part_from]
        if self._are_kept:
            window = window.copy()
        self._day = day + 1
        window.flags.writeable = False
        return window

    def skip_to(self, day: int) -> None:
        """Leave out the windows before a day's."""
        self._day = day

    # Actions that took effect by the window's day are applied to all rows before it
    # that this window or a later one has.
    def _restate(self, last: int) -> None:
        if self._waiting and self._waiting[-1].row <= last:
            self._keep_what_is_held()
            begin, places = self._day, None if self._selected is None else self._selected.places
            while self._waiting and self._waiting[-1].row <= last:
                row, columns, ratios = self._waiting.pop()
                self._values[begin : row + 1, columns] *= ratios
                if places is not None and row >= begin:
                    self._restate_part(row, columns, ratios, places)
        while self._revisions and self._revisions[-1].row <= last:
            self._keep_what_is_held()
            self._revisions.pop().apply(self._values)
            self._part, self._selected, self._part_to = None, None, 0  # it is copied again

    # The same in the copy of the selected columns.
    def _restate_part(self, row: int, columns: Any, ratios: Any, places: Places) -> None:
        if not len(places):
            return
        found = places.searchsorted(columns)
        selected = places.take(found, mode="clip") == columns
        if isinstance(columns, int):
            if not selected:
                return
        else:
            found, ratios = found[selected], ratios[selected]
        begin, end = self._day - self._part_from, row + 1 - self._part_from
        self._part[begin:end, found] *= ratios

    # A compute may hold on to a window or a row of one: it must not change.
    def _keep_what_is_held(self) -> None:
        if getrefcount(self._values) > _OWN_REFERENCES:
            self._values, self._are_kept = self._values.copy(), True
        if self._part is not None and getrefcount(self._part) > _OWN_REFERENCES:
            self._part, self._are_kept = self._part.copy(), True

    # Consecutive days with the same mask share one copy of its columns.
    def _take_part(self, day: int) -> None:
        if self._selections is None:
            self._part_to = len(self._values)
            return
        selection = self._selections.at(day)
        before, self._selected, self._part_to = self._selected, selection, selection.until
        old = None if self._part is None else self._part[day - self._part_from :]
        self._part_from = day
        if selection.places is None:
            self._part = None
            return
        values = self._values[day : selection.until + self.length - 1]
        few = len(selection.changed) * (_COPY + _ROW * len(values)) <= values.size
        # Rows are contiguous in memory: sums must always add in the same order.
        if before is None or before.until != selection.since or not few:
            old = None
        elif before.places is None:
            old = values
        if old is None:
            self._part = np.take(values, selection.places, axis=1)
        else:
            self._part = _with_changed_columns(old, values, selection, selection.places)


# The selected columns of `values`, whose first rows are in `old` except for the columns
# that changed: copied in stretches, which is several times as fast as column by column.
def _with_changed_columns(
    old: Values, values: Values, selection: Selection, places: Places
) -> Values:
    rows, changed = len(old), selection.changed
    part: Values = np.empty((len(values), len(places)), dtype=values.dtype)
    if rows < len(values):
        values[rows:].take(places, axis=1, out=part[rows:], mode="clip")
    to = since = 0
    ends = np.searchsorted(places, changed).tolist()  # selected columns before each
    enters = selection.mask[changed].tolist()
    for column, end, enter in zip(changed.tolist(), ends, enters, strict=True):
        part[:rows, to:end] = old[:, since : since + end - to]
        since, to = since + end - to, end
        if enter:
            part[:rows, to] = values[:rows, column]
            to += 1
        else:
            since += 1
    part[:rows, to:] = old[:, since:]
    return part


def as_loaded(values: Any, first: int) -> Loaded:
    """Return computed or loaded values in a form from which windows can be taken.

    Args:
        values: Rows x assets.
        first: Session number of the first row.
    """
    return values if isinstance(values, Loaded) else Loaded(values, first=first)


def as_array(values: Any) -> Any:
    """Return computed or loaded values as an array."""
    return values.values if isinstance(values, Loaded) else values
