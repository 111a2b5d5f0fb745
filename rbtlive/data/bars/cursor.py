"""A run's position in its bars, and the numbers read there.

The rule: nothing after the visible row is read. Assets are identified by index, numbers
are floats, NaN is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rbtlive.data.bars.bar_table import BarTable
from rbtlive.data.bars.session_bars import LastRows
from rbtlive.data.bars.table_maker import ListingDates
from rbtlive.data.windows.adjustments import Adjustments
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV

NAN: Final = float("nan")
BEHIND: Final = -(1 << 48)
"""A row number that no column has."""


class Cursor:
    """A position in the bars of a run, and the view from there.

    Args:
        table: The bars of the run's interval.
        listing: Listing dates of each asset.
        look_ahead_before_start: Let a daily `before_trading_start` see the coming
            session's bar, as zipline does.
        lag: Number of rows by which each bar is shown late; positions are valued at the
            current one.
        without_volume: Assets whose bars' volume means nothing: they traded in every
            row with a price.

    Attributes:
        table: The bars of the run's interval.
        session: Number of the session the cursor is in; -1 before the first.
        row: Row being processed; the last row of history before the first, -1 without
            history.
        now_us: Time of the cursor, µs UTC.
        before_open: True while `before_trading_start` runs.
        looks_back: True while the visible bar belongs to an earlier session.
        view: The visible row; -1 if no row is visible.
        view_session: Its session.
        seen: The visible row; while `looks_back` is true it is BEHIND, which no column
            has, so that reads by it find nothing.
        listing: Listing dates of each asset.
        adjustments: Splits and dividends in effect.
    """

    # A dict of more than 30 attributes is searched; a slot is found directly.
    __slots__ = (
        "__weakref__",
        "_close",
        "_fields",
        "_first",
        "_generation",
        "_high",
        "_intraday",
        "_known",
        "_lag",
        "_last",
        "_look_ahead",
        "_low",
        "_open",
        "_shift",
        "_traded",
        "_us",
        "_volume",
        "_width",
        "_without_volume",
        "adjustments",
        "before_open",
        "listing",
        "looks_back",
        "now_us",
        "row",
        "seen",
        "session",
        "table",
        "view",
        "view_session",
    )

    adjustments: Adjustments

    def __init__(
        self,
        table: BarTable,
        listing: ListingDates,
        *,
        look_ahead_before_start: bool,
        lag: int,
        without_volume: frozenset[int] = frozenset(),
    ) -> None:
        self.table = table
        self.listing = listing
        self._first, self._last = listing.first, listing.last
        self._look_ahead = look_ahead_before_start
        self._lag = lag
        self._intraday = table.interval.intraday
        self.forget_last_rows()
        self._without_volume = without_volume
        self.session, self.now_us = -1, 0
        self.before_open = self.looks_back = False
        self.row = self.view = self.seen = self.view_session = -1

    def forget_last_rows(self) -> None:
        """Forget where assets had their last price and volume: earlier bars came."""
        self._known = LastRows(self.table, "close")
        self._traded = LastRows(self.table, "volume")

    # Flat views of the columns: reading a number is one indexing operation. They become
    # invalid when the table moves its arrays.
    def _bind(self) -> None:
        self._generation = self.table.generation
        self._width = self.table.width
        self._shift = self.table.base * self._width
        self._us = self.table.flat_us()
        self._fields = {field: self.table.flat(field) for field in OHLCV}
        self._open, self._high, self._low = (
            self._fields[field] for field in ("open", "high", "low")
        )
        self._close, self._volume = self._fields["close"], self._fields["volume"]

    def rows_us(self) -> Sequence[int]:
        """Return the END of each row, µs UTC, until the table moves its arrays."""
        return self._us

    @property
    def lags(self) -> bool:
        """Whether each bar is shown late."""
        return self._lag > 0

    def step(self, session: int) -> None:
        """Move to the only bar of the next session, whose rows all exist and in which
        no split or dividend takes effect.
        """
        row = session - self.table.first_session
        self.session = self.view_session = session
        self.row = self.view = self.seen = row
        self.now_us = self._us[row]
        self.looks_back = self.before_open = False

    # Shows a row of an earlier session as it looks from the current one.
    def _look_back_at(self, row: int) -> None:
        self.view, self.seen = row, BEHIND
        self.view_session = self.table.session_at(row) if row >= 0 else self.session - 1
        self.looks_back = True

    def row_at(self, us: int) -> int:
        """Return the row that ends at `us`; with daily bars, the row of the session
        that contains `us`.
        """
        if not self._intraday:
            return self.table.calendar.session_of_us(us) - self.table.first_session
        return int(np.searchsorted(self.table.row_us, us))

    # --- reads of core, venue and models
    # ---------------------------------------------------

    # Index of an asset's value in the flat columns.
    def _place(self, index: int) -> int:
        return self.view * self._width - self._shift + index

    def open_(self, index: int) -> float:
        """Return the open of the visible row."""
        return self._open[self._place(index)] if self.view >= 0 else NAN

    def high(self, index: int) -> float:
        """Return the high of the visible row."""
        return self._high[self._place(index)] if self.view >= 0 else NAN

    def low(self, index: int) -> float:
        """Return the low of the visible row."""
        return self._low[self._place(index)] if self.view >= 0 else NAN

    def close(self, index: int) -> float:
        """Return the close of the visible row."""
        return self._close[self._place(index)] if self.view >= 0 else NAN

    def closes(self) -> Sequence[float]:
        """Return the closes of the visible row by asset index; there must be such a
        row.
        """
        first = self._place(0)
        return self._close[first : first + self._width]

    def volumes(self) -> Sequence[float]:
        """Return the volumes of that row, like `closes`."""
        first = self._place(0)
        return self._volume[first : first + self._width]

    def volume(self, index: int) -> float:
        """Return the volume of the visible row; 0 if nothing traded."""
        return self._volume[self._place(index)] if self.view >= 0 else 0.0

    def spot(self, index: int, field: str) -> float:
        """Return a field of the visible row, adjusted for this morning's splits and
        dividends.
        """
        if self.view < 0:
            return 0.0 if field == "volume" else NAN
        value: float = self._fields[field][self._place(index)]
        if not self.looks_back or self._lag:  # a late bar is shown as it was
            return value
        return value * self.adjustments.ratio(index, self.view_session, volume=field == "volume")

    def price(self, index: int) -> float:
        """Return the last known close, adjusted to now; NaN before the first and after
        the asset's end.
        """
        if not self.looks_back:
            value: float = self._close[self.view * self._width - self._shift + index]
            if value == value:  # noqa: PLR0124 -- a fifth of the cost of math.isnan
                return value
        return self._carried(index)

    # Source: zipline-reloaded 3.2.1, data/data_portal.py: minutes carry forward the
    # last close that traded, days the last known one.
    def _carried(self, index: int) -> float:
        row = self.view
        if row < 0 or self.view_session > self._last[index]:
            return NAN
        close = self.table.value(index, "close", row)
        if np.isnan(close):
            by_volume = self._intraday and index not in self._without_volume
            row = (self._traded if by_volume else self._known).find(index, row)
            if row < 0:
                return NAN
            close = self.table.value(index, "close", row)
        ratio = self.adjustments.ratio(index, self.table.session_at(row))
        if self._lag:  # adjusted to the bar that is shown
            ratio /= self.adjustments.ratio(index, self.view_session)
        return close * ratio

    def value_price(self, index: int) -> float:
        """Return the price at which positions are valued: `price`, but never late, and
        early with zipline's look-ahead.
        """
        if not self.before_open and not self._lag:
            return self.price(index)
        if self.before_open and self.session > self._last[index]:
            return NAN  # it has left the market, so it has no price this morning
        row = self.view + self._lag
        if self.before_open and self._look_ahead and self._intraday:
            row = self._row_ending_now(row)
        if row == self.view:
            return self.price(index)
        view = self.view
        self._look_back_at(row)
        price = self.price(index)
        self._look_back_at(view)
        return price

    @property
    def values_are_closes(self) -> bool:
        """Whether `value_price` is the close of the visible row for assets that traded
        in it.
        """
        return self.view >= 0 and not (self.looks_back or self.before_open or self._lag)

    # If a morning is within a session (24/7), zipline values positions at the minute
    # that ends then.
    def _row_ending_now(self, row: int) -> int:
        found = self.row_at(self.now_us)
        return found if found < self.table.rows and self._us[found] == self.now_us else row

    def last_traded_row(self, index: int) -> int:
        """Return the last visible row in which the asset traded; -1 if it never did."""
        if self.view < 0:
            return -1
        rows = self._known if index in self._without_volume else self._traded
        return rows.find(index, self.view)

    def trades_now(self, index: int) -> bool:
        """Say whether the asset traded in the visible row."""
        if index in self._without_volume:
            return not np.isnan(self.spot(index, "close"))
        return self.spot(index, "volume") > 0

    def last_traded_us(self, index: int) -> int:
        """Return the END of the last visible row in which the asset traded, µs UTC; -1
        if it never did.
        """
        row = self.last_traded_row(index)
        return self._us[row] if row >= 0 else -1

    def alive(self, index: int) -> bool:
        """Say whether the asset is listed in the current session."""
        return self._first[index] <= self.session <= self._last[index]

    def exchange_is_open(self) -> bool:
        """Say whether the cursor is at a minute of the calendar."""
        if not self.before_open:
            return True
        moment = np.array([self.now_us])
        return bool(self.table.calendar.sessions_of_minutes(moment)[0] >= 0)
