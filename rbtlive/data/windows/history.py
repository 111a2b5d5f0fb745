"""Windows of bars as seen from the current session: adjusted, forward-filled,
sliced.

The rule: a window is cut from past rows; cached values of later rows are never
returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from rbtlive.data.bars.bar_reads import Floats, to_series
from rbtlive.data.bars.bar_table import BarTable
from rbtlive.data.windows.adjustments import Factor
from rbtlive.data.windows.factor_arrays import FactorArrays, rounds
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV
from rbtlive.model.interval import DAY_US

if TYPE_CHECKING:
    from rbtlive.data.columns.of_run import RunColumns

BASE_FIELD = {name: name for name in OHLCV} | {"price": "close"}
"""The fields of a history, and the column that each is built from."""


KEPT_FRAMES = 64
"""Maximum number of asset groups requested together that are remembered."""
KEPT_MATRICES = 8
"""Maximum number of asset groups with a copy of their columns: each is as long as the
data.
"""
FEW = 32
"""Fewer columns than this are multiplied one by one."""


class History:
    """Adjusted windows over one table.

    Args:
        table: The bars.
        last_sessions: Last session of each asset's life; a price is not carried beyond
            it.
        decimals: Round adjusted values to this many decimals, as zipline does with 3;
            None keeps them.
        without_volume: Assets whose bars' volume means nothing: they traded in every
            row with a price.
        further: Further columns, which are neither adjusted nor filled.

    Attributes:
        further: The further columns given.
        first_row: First row at which a window may begin.
        changes: Number of times factors were recorded: results from adjusted bars are
            outdated once it has increased.
    """

    def __init__(
        self,
        table: BarTable,
        *,
        last_sessions: Sequence[int],
        decimals: int | None,
        without_volume: frozenset[int] = frozenset(),
        further: RunColumns | None = None,
    ) -> None:
        self.table = table
        self.further = further
        self._last_sessions = last_sessions
        self._decimals = decimals
        self._without_volume = without_volume
        self._plain = table.frozen and decimals is None
        self._everything = tuple(range(table.width))
        self._generation = table.generation
        self.first_row = 0
        self.changes = 0
        self._forget()

    def _forget(self) -> None:
        width = self.table.width
        self._factors: list[list[tuple[int, Factor]]] = [
            [] for _ in range(width)
        ]  # with the first unaffected row
        self._clear_from = [0] * width  # windows that start here or later are changed by no factor
        self._all_clear_from = 0
        self._clean_from = [
            0
        ] * width  # first row of windows that are slices of the bars, if `_plain`
        self._adjusted: dict[tuple[int, str], tuple[int, Floats, pl.Series]] = {}
        self._every_close: dict[int, bool] = {}
        self._log: list[tuple[int, Factor]] = []  # all factors, in the order they took effect
        self._unread: list[Iterable[Factor]] = []  # recorded, but not in the lists above yet
        self._factor_arrays = FactorArrays()
        self._frames: dict[tuple[tuple[int, ...], str], tuple[int, pl.DataFrame]] = {}
        # A group of assets that was requested once has no copy of its columns yet:
        # None.
        self._matrices: dict[tuple[tuple[int, ...], str], Floats | None] = {}

    def forget_bars(self) -> None:
        """Forget what was made of the bars: some are others, and no factor is."""
        self.changes += 1
        for kept in (self._adjusted, self._every_close, self._frames, self._matrices):
            kept.clear()

    def begin_anew(self, factors: Iterable[Factor]) -> None:
        """Discard results from bars and factors, because some of them have changed.

        Args:
            factors: All factors in effect, in the order in which they took effect.
        """
        self._forget()
        self.note(factors)

    def note(self, factors: Iterable[Factor]) -> None:
        """Record factors that have come into effect."""
        self.changes += 1
        self._unread.append(factors)
        if not self.table.frozen:  # the start of the session is now known
            self._read_factors()

    # A run over thousands of assets may have a hundred thousand factors, and no window.
    def _read_factors(self) -> None:
        every = [factor for factors in self._unread for factor in factors]
        if not self._unread:  # a dividend's close built the daily bars, which have read them
            return
        self._unread = []
        sessions = {factor.session for factor in every}
        rows = {session: self._first_row(session) for session in sessions}
        self._all_clear_from = max(self._all_clear_from, *rows.values(), 0)
        fresh = [(rows[factor.session], factor) for factor in every]
        self._log += fresh
        for pair in fresh:
            row, factor = pair
            self._factors[factor.asset].append(pair)
            self._clear_from[factor.asset] = row
            if self._plain:
                self._clean_from[factor.asset] = row

    @property
    def noted(self) -> list[Factor]:
        """All factors in effect, in the order in which they took effect."""
        if self._unread:
            self._read_factors()
        return [factor for _, factor in self._log]

    def factor_count(self, index: int) -> int:
        """Return how many factors of an asset are in effect."""
        if self._unread:
            self._read_factors()
        return len(self._factors[index])

    def bars(self, index: int, low: int, fields: Iterable[str] = tuple(BASE_FIELD)) -> pl.DataFrame:
        """Return an asset's bars from row `low` on: any of open, high, low, close,
        volume, price, and further columns (null if missing).
        """
        columns = []
        table = self.table
        for field in fields:
            if field not in BASE_FIELD and self.further is not None:
                further = self.further.values(table, index, field, low, table.rows)
                columns.append(to_series(field, further).fill_nan(None))
                continue
            values = self._seen(
                self.table.whole_column(index, BASE_FIELD[field])[low:], index, field, low=low
            )
            column = to_series(field, values)
            columns.append(column.fill_nan(None) if np.isnan(values).any() else column)
        return pl.DataFrame(columns)

    def series(self, index: int, field: str, low: int, high: int) -> pl.Series:
        """Return a field of one asset over rows `low` to `high` - 1 as a Float64 Series
        named by symbol.

        It is adjusted for all recorded factors. Missing values are NaN.
        """
        if self._unread:
            self._read_factors()
        table = self.table
        if not table.frozen:
            return to_series(table.symbols[index], self.values(index, field, low, high))
        if low < table.base:
            table.hold_from(low)
        if field == "price":
            close = table.value(index, "close", low)
            if close != close:  # noqa: PLR0124 -- a fifth of the cost of math.isnan
                return to_series(table.symbols[index], self.values(index, field, low, high))
        elif self._decimals is None and low >= self._clear_from[index]:
            return table.series(index, field, low, high - low)
        whole = self._whole(index, field, adjusted=low < self._clear_from[index])
        return whole.slice(low - table.base, high - low)

    def clean_from(self, index: int, field: str) -> int | None:
        """Return the first row from which windows are slices of the bars, neither
        adjusted, rounded nor filled; None if there is none.
        """
        if not self._plain or (field == "price" and not self.has_every_close(index)):
            return None
        if self._unread:
            self._read_factors()
        return max(self._clean_from[index], self.first_row)

    def has_every_close(self, index: int) -> bool:
        """Say whether an asset has a close in each row of a frozen table: then its
        windows of `price` equal those of `close`.
        """
        known = self._every_close.get(index)
        if known is None:
            table = self.table
            known = table.frozen and table.base == 0 and self._dead_row(index) >= table.end
            if known:
                known = not np.isnan(table.whole_column(index, "close")).any()
            self._every_close[index] = known = bool(known)
        return known

    # The column of the held rows as seen now; kept until the next factor, or until the
    # rows change.
    def _whole(self, index: int, field: str, *, adjusted: bool) -> pl.Series:
        self._forget_what_moved()
        key = (index, field if adjusted else field + " as it was")
        factors = self._factors[index] if adjusted else []
        known = self._adjusted.get(key)
        if known is not None and known[0] == len(factors):
            return known[2]
        base = self.table.base
        done, values = (known[0], known[1].copy()) if known else (0, self._raw(index, field))
        for row, factor in factors[done:]:
            values[: max(0, row - base)] *= factor.volume if field == "volume" else factor.price
        shown = self._rounded(values)
        if field == "price":
            shown = self._forward_filled(shown, index, low=base)
        series = to_series(self.table.symbols[index], shown)
        self._adjusted[key] = (len(factors), values, series)
        return series

    def _forget_what_moved(self) -> None:
        if self._generation != self.table.generation:
            self._generation = self.table.generation
            for kept in (self._adjusted, self._frames, self._matrices):
                kept.clear()

    def _raw(self, index: int, field: str) -> Floats:
        return self.table.column(index, BASE_FIELD[field], self.table.base, self.table.end).copy()

    def _rounded(self, values: Floats) -> Floats:
        return values if self._decimals is None else values.round(self._decimals)

    def values(
        self,
        index: int,
        field: str,
        low: int,
        high: int,
        *,
        seen_from: int | None = None,
        tail: float | None = None,
    ) -> Floats:
        """Return a field of one asset over rows `low` to `high` - 1, NaN if missing.

        Args:
            index: The asset.
            field: One of open, high, low, close, volume, price.
            low: First row.
            high: Row after the last.
            seen_from: Ignore factors of sessions after this one.
            tail: Value of one additional row, unadjusted.
        """
        values = self.table.column(index, BASE_FIELD[field], low, high)
        return self._seen(values, index, field, low=low, seen_from=seen_from, tail=tail)

    def _seen(
        self,
        values: Floats,
        index: int,
        field: str,
        *,
        low: int,
        seen_from: int | None = None,
        tail: float | None = None,
    ) -> Floats:
        if self._unread:
            self._read_factors()
        if low < self._clear_from[index]:
            values = values.copy()
            for row, factor in self._factors[index]:
                if row > low and (seen_from is None or factor.session <= seen_from):
                    values[: row - low] *= factor.volume if field == "volume" else factor.price
        values = self._rounded(values)
        if tail is not None:
            values = np.append(values, tail)
        if field == "price" and (
            np.isnan(values).any() or self._dead_row(index) < low + len(values)
        ):
            values = self._filled(values, index, low=low, seen_from=seen_from)
        return values

    # A gap at the window's start takes the last close that traded before it.
    def _filled(self, values: Floats, index: int, *, low: int, seen_from: int | None) -> Floats:
        values = values.copy()
        if np.isnan(values[0]):
            by = "close" if index in self._without_volume else "volume"
            traded = self.table.last_known(index, by, low=0, high=low - 1)
            if traded > 0 and self._midnight_is_yesterdays(traded):
                traded = self.table.last_known(index, "close", low=0, high=traded - 1)
            if traded >= 0:
                values[0] = self._close_seen_from(index, traded, seen_from)
        return self._forward_filled(values, index, low=low)

    def _close_seen_from(self, index: int, row: int, seen_from: int | None) -> float:
        value = self.table.value(index, "close", row)
        for first_clear, factor in self._factors[index]:
            if first_clear > row and (seen_from is None or factor.session <= seen_from):
                value *= factor.price
        return value

    def _forward_filled(self, values: Floats, index: int, *, low: int) -> Floats:
        known = np.where(np.isnan(values), 0, np.arange(len(values)))
        filled = np.asarray(values[np.maximum.accumulate(known)])
        filled[max(0, self._dead_row(index) - low) :] = np.nan
        return filled

    # With zipline's rounding, windows also end as in zipline: by the UTC date of a
    # minute. The last minute of an asset that trades round the clock, stamped with the
    # next midnight, then has no price.
    def _dead_row(self, index: int) -> int:
        last, calendar = self._last_sessions[index], self.table.calendar
        if self._decimals is None or not self.table.interval.intraday or last >= len(calendar):
            return self._first_row(last + 1)
        midnight = calendar.labels[last].astype("datetime64[us]").astype(np.int64) + DAY_US
        return int(np.searchsorted(self.table.row_us, midnight))

    # zipline looks up a daily price by the session's label, which is midnight: for a
    # round-the-clock calendar, that is the previous session.
    def _midnight_is_yesterdays(self, row: int) -> bool:
        table = self.table
        if self._decimals is None or table.interval.intraday:
            return False
        session = table.session_at(row)
        return session > 0 and bool(
            table.calendar.closes_us[session - 1] == table.calendar.opens_us[session]
            and table.calendar.opens_us[session]
            == table.calendar.labels[session].astype("datetime64[us]").astype(np.int64)
        )

    # A daily row may be requested before it exists: its index follows from the session.
    def _first_row(self, session: int) -> int:
        if not self.table.interval.intraday:
            return max(0, session - self.table.first_session)
        return self.table.rows_of_session(session)[0]

    def matrix(self, indices: tuple[int, ...], field: str, low: int, high: int) -> Floats:
        """Return a field of several assets over rows `low` to `high` - 1 as a read-only
        array, rows x assets.
        """
        if self._unread:
            self._read_factors()
        clear = low >= self._all_clear_from and self._decimals is None
        if clear and self.table.frozen and field != "price":
            return self._columns(indices, field, low, high)
        window: Floats = self.table.values(BASE_FIELD[field], low, high)[:, indices]  # a copy
        if not clear:
            self._adjust(window, indices, low=low, volume=field == "volume")
            window = self._rounded(window)
        if field == "price":
            for place in np.flatnonzero(np.isnan(window).any(axis=0)).tolist():
                window[:, place] = self.values(indices[place], field, low, high)
        window.setflags(write=False)
        return window

    # The factors of a column are applied one after the other, as everywhere: the first
    # of all columns at once, then the second of columns that have two, and so on. A
    # loop over 8,000 assets with quarterly dividends takes seven times as long.
    def _adjust(self, window: Floats, indices: tuple[int, ...], *, low: int, volume: bool) -> None:
        known = self._factor_arrays
        known.extend(self._log)
        first, assets, factors = known.from_row(low, volume=volume)
        for columns, rows, numbers in rounds(assets, first - low, factors, indices):
            if len(columns) < FEW:
                for place, row, number in zip(columns, rows, numbers, strict=True):
                    window[:row, place] *= number
                continue
            top = int(rows.max())
            spread = np.ones((top, len(columns)))
            np.copyto(spread, numbers, where=np.arange(top)[:, None] < rows)
            window[:top, columns] *= spread

    # Copying a window is cheaper than copying whole columns, which pays off when the
    # same assets are requested again.
    def _columns(self, indices: tuple[int, ...], field: str, low: int, high: int) -> Floats:
        table = self.table
        if indices == self._everything:
            return table.values(field, low, high)
        if low < table.base:
            table.hold_from(low)
        self._forget_what_moved()
        key = (indices, field)
        if key not in self._matrices:
            if len(self._matrices) >= KEPT_MATRICES:
                self._matrices.pop(next(iter(self._matrices)))
            self._matrices[key] = None
            window: Floats = table.values(field, low, high)[:, indices]
            window.setflags(write=False)
            return window
        chosen = self._matrices[key]
        if chosen is None:
            chosen = np.ascontiguousarray(table.values(field, table.base, table.end)[:, indices])
            chosen.setflags(write=False)
            self._matrices[key] = chosen
        return chosen[low - table.base : high - table.base]

    def frame(self, indices: tuple[int, ...], field: str, low: int, high: int) -> pl.DataFrame:
        """Return `date` and one Float64 column per asset, named by symbol, over rows
        `low` to `high` - 1.
        """
        if self._unread:
            self._read_factors()
        if field == "price" and all(map(self.has_every_close, indices)):
            field = "close"
        if not self.table.frozen or field == "price":
            columns = [self.series(index, field, low, high) for index in indices]
            return pl.DataFrame([self.table.dates(low, high), *columns])
        table = self.table
        if low < table.base:
            table.hold_from(low)
        self._forget_what_moved()
        key, version = (indices, field), len(self._log)
        known, whole = self._frames.get(key, (-1, None))
        if whole is None:
            columns = [self._now(index, field) for index in indices]
            whole = pl.DataFrame([table.dates(table.base, table.end), *columns])
        elif known != version:
            changed = {factor.asset for _, factor in self._log[known:]}.intersection(indices)
            whole = whole.with_columns([self._now(index, field) for index in changed])
        if known != version:
            if len(self._frames) >= KEPT_FRAMES:
                self._frames.clear()
            self._frames[key] = (version, whole)
        return whole.slice(low - table.base, high - low)

    def _now(self, index: int, field: str) -> pl.Series:
        if self._decimals is None and not self._factors[index]:
            return self.table.held_series(index, field)
        return self._whole(index, field, adjusted=bool(self._factors[index]))
