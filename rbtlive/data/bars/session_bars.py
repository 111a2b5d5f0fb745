"""Sessions built from their minutes, and the last row with a known value.

The rule: a session so far equals its daily bar if it ended now.
"""

from __future__ import annotations

from rbtlive.data.bars.bar_reads import Floats
from rbtlive.data.bars.bar_table import EMPTY, BarTable
from rbtlive.model.arrays import np
from rbtlive.model.bar import BAR_FIELDS, OHLCV


def session_bar(table: BarTable, session: int) -> dict[str, Floats]:
    """Return the daily bar of a session in a minute table, one value per asset and
    field.

    Open is the first, close the last known price, high and low are the extremes, volume
    the sum.
    """
    low, high = table.rows_of_session(session)
    return {field: _fold(field, table.values(field, low, high)) for field in OHLCV}


def session_so_far(table: BarTable, field: str, *, row: int) -> Floats:
    """Return a field of the session that contains `row`, up to and including it, one
    value per asset.
    """
    low = table.rows_of_session(table.session_at(row))[0]
    return _fold(field, table.values(field, low, row + 1))


def _fold(field: str, window: Floats) -> Floats:
    fold = BAR_FIELDS[field].fold
    if fold == "sum":
        return np.asarray(window.sum(axis=0))
    if not len(window):
        return np.full(window.shape[1:], np.nan)
    if fold == "highest":
        return np.asarray(np.fmax.reduce(window, axis=0))
    if fold == "lowest":
        return np.asarray(np.fmin.reduce(window, axis=0))
    if fold == "last":
        window = window[::-1]
    if not np.isnan(window[0]).any():  # most sessions begin and end with a price
        return np.asarray(window[0])
    first = np.argmax(~np.isnan(window), axis=0)
    return np.asarray(np.take_along_axis(window, np.expand_dims(first, 0), axis=0)[0])


class TodaySoFar:
    """Running values of the session that contains a row of a minute table, updated only
    on request.
    """

    def __init__(self, table: BarTable) -> None:
        self._table = table
        self._rows = (0, 0)  # of the session requested last: its first one, and the one after it
        self._known: dict[tuple[int, str], tuple[int, int, float]] = {}

    def value(self, index: int, field: str, *, row: int) -> float:
        """Return a field of the session up to and including `row`; `price` is the
        close.
        """
        field = "close" if field == "price" else field
        first, end = self._rows
        if not first <= row < end:
            self._rows = self._table.rows_of_session(self._table.session_at(row))
            first = self._rows[0]
        start, done, value = self._known.get((index, field), (-1, -1, np.nan))
        if start != first or done > row:
            done, value = first - 1, EMPTY[field]
        if done < row:
            table = self._table
            if done == row - 1:
                value = self._step(field, value, table.value(index, field, row))
            else:
                value = self._forward(field, value, table.column(index, field, done + 1, row + 1))
            self._known[index, field] = (first, row, value)
        return value

    # The same for one more row, without arrays.
    @staticmethod
    def _step(field: str, value: float, fresh: float) -> float:
        fold = BAR_FIELDS[field].fold
        if fold == "sum":
            return value + fresh
        if fresh != fresh:  # noqa: PLR0124 - NaN
            return value
        if value != value or fold == "last":  # noqa: PLR0124 - NaN
            return fresh
        if fold == "first":
            return value
        return max(value, fresh) if fold == "highest" else min(value, fresh)

    @staticmethod
    def _forward(field: str, value: float, fresh: Floats) -> float:
        fold = BAR_FIELDS[field].fold
        if fold == "sum":
            return value + float(fresh.sum())
        if fold == "first" and not np.isnan(value):
            return value
        step = float(_fold(field, fresh))
        if fold == "highest":
            return float(np.fmax(value, step))
        if fold == "lowest":
            return float(np.fmin(value, step))
        return value if np.isnan(step) else step


class LastRows:
    """Finds the last row in which an asset has a price or a volume; each row is
    examined once as time goes on.
    """

    def __init__(self, table: BarTable, field: str) -> None:
        self._table = table
        self._field = field
        self._known: dict[int, tuple[int, int]] = {}

    def find(self, index: int, row: int) -> int:
        """Return the last row up to `row` with a known price (or a volume other than
        0); -1 if there is none.
        """
        done, found = self._known.get(index, (-1, -1))
        if done == row:
            return found
        last_known = self._table.last_known
        if done > row:
            return last_known(index, self._field, low=0, high=row)
        later = last_known(index, self._field, low=done + 1, high=row)
        found = later if later >= 0 else found
        self._known[index] = (row, found)
        return found
