"""The newest rows of an open journal as written, so that they can be packed without
reading the file.

The rule: all rows kept here are in the file too. If rows to be packed next may be
missing here, the file is read instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from rbtlive.model.bar import BAR_DEFAULTS
from rbtlive.model.events import SLICE_DEFAULTS
from rbtlive.model.slice_columns import SliceColumns
from rbtlive.runtime.journal.codec import SliceFloats
from rbtlive.runtime.journal.packing import SealedRow

_HAS_MORE: Final = bool(BAR_DEFAULTS) or SLICE_DEFAULTS.keys() != {"priority", "event_type"}
_MOST_ROWS: Final = 1 << 13
_MOST_CHARACTERS: Final = 1 << 20


class UnpackedRows:
    """The rows of one journal that are committed but not packed.

    Attributes:
        floats: The numbers of slices among them, and among those to be committed next,
            by row number.
    """

    def __init__(self) -> None:
        self.floats: dict[int, SliceFloats] = {}
        self._rows: deque[SealedRow] = deque()
        self._characters = 0

    def note_columns(self, seq: int, columns: SliceColumns) -> None:
        """Record the numbers of a slice of columns, if it is not bars."""
        if columns.made is None and not _HAS_MORE:
            names, rows = columns.names, columns.rows()
            symbols = tuple([names.symbols[at] for at in names.order])
            self.floats[seq] = symbols, [rows[at] for at in names.order]

    def extend(self, rows: Sequence[SealedRow]) -> None:
        """Keep rows that were just committed."""
        self._rows.extend(rows)
        self._characters += sum([len(row[4]) for row in rows])
        if len(self._rows) > _MOST_ROWS or self._characters > _MOST_CHARACTERS:
            self.forget()

    def after(self, seq: int) -> Sequence[SealedRow]:
        """Return the rows after a packed one, oldest first; empty if some are
        unknown.
        """
        rows = self._rows
        return rows if rows and rows[0][0] == seq + 1 else ()

    def drop_through(self, seq: int) -> None:
        """Drop the rows up to a packed one."""
        rows, floats = self._rows, self.floats
        while rows and rows[0][0] <= seq:
            row = rows.popleft()
            self._characters -= len(row[4])
        if floats:
            self.floats = {number: made for number, made in floats.items() if number > seq}

    def forget(self) -> None:
        """Drop all rows."""
        self._rows.clear()
        self.floats.clear()
        self._characters = 0
