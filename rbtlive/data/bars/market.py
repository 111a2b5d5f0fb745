"""The market data known up to now: a cursor over bars, moved only by the core.

The rule: nothing after the cursor is read. Assets are identified by index, numbers are
floats, NaN is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import partial
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from rbtlive.data.bars.bar_table import BarTable
from rbtlive.data.bars.cursor import NAN, Cursor
from rbtlive.data.bars.daily_bars import DailyBars
from rbtlive.data.bars.fast_reads import FastReads
from rbtlive.data.bars.rolling_table import RollingTable
from rbtlive.data.bars.sequential_append import SequentialAppend
from rbtlive.data.bars.table_maker import ListingDates, TableMaker
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.checking.corporate import Split
from rbtlive.data.columns.of_run import RunColumns
from rbtlive.data.windows.adjustments import Adjustments
from rbtlive.data.windows.history import History
from rbtlive.data.windows.indicators import Indicators
from rbtlive.data.windows.windows import Windows
from rbtlive.errors import UnknownSymbol
from rbtlive.model.asset import Asset
from rbtlive.model.interval import DAY, Interval
from rbtlive.model.slice_columns import SliceColumns

if TYPE_CHECKING:
    from rbtlive.data.checking.corporate import Dividend
    from rbtlive.data.portal import PolarsDataPortal
    from rbtlive.model.bar import Bar


class Market(Cursor):
    """The market as the core sees it.

    Args:
        portal: Provides assets, bars, splits and dividends.
        frequency: Length of the run's bars, e.g. "1d"; the portal has such bars.
        first_session: Number of the run's first session; earlier bars are history.
        last_session: Number of its last one; None if unknown.
        preload: Take all bars from the portal, as in a backtest; otherwise bars from
            `first_session` on come through `append_slice`.
        round_history: Keep prices in thousandths and round histories to three decimals,
            as zipline does.
        look_ahead_before_start: Let a daily `before_trading_start` see the coming
            session's bar, as zipline does.
        lag_at_midnight: If sessions end at midnight (24/7), show each daily bar one
            session late, as zipline does; positions are valued at the current one.
        amends: Let `take_past_bars` fill rows of bars that are all taken from the
            portal.

    Attributes:
        assets: The assets, in the order of their index.
        interval: Length of the run's bars.
        frequency: Its text.
        data_start: Session before which there is no data.
        days: The daily bars.
        windows: Windows over the bars, as seen from the cursor.
        indicators: The indicators added by `add_column`.
        further: Further columns of the portal.
        quick: Fast paths to numbers and windows of the visible row, valid while
            `looks_back` is false.
        sources: The look-ups added by `add_source`, by field.
        appender: Recognizes the bar after the last one.
        append_next: Stores the bar after the last one; leaves any other slice to
            `append_slice` and returns -1.
        append_row: The same for a slice of one plain bar.
        append_columns: The same for a slice of columns.
    """

    __slots__ = (
        "_dividends",
        "_history",
        "_index",
        "_splits",
        "append_columns",
        "append_next",
        "append_row",
        "appender",
        "assets",
        "calendar",
        "data_start",
        "days",
        "first_session",
        "frequency",
        "further",
        "indicators",
        "interval",
        "known_splits",
        "portal",
        "preload",
        "quick",
        "round_history",
        "sources",
        "windows",
    )

    def __init__(  # noqa: PLR0913 - what a market is made of, each by name
        self,
        portal: PolarsDataPortal,
        *,
        frequency: str | Interval,
        first_session: int,
        last_session: int | None,
        preload: bool,
        round_history: bool = False,
        look_ahead_before_start: bool = False,
        lag_at_midnight: bool = False,
        amends: bool = False,
    ) -> None:
        self.portal = portal
        self.calendar = portal.calendar
        self.assets: tuple[Asset, ...] = tuple(portal.assets)
        self.interval = interval = Interval.parse(frequency)
        self.frequency = interval.text
        self.first_session = first_session
        self.preload = preload
        self.round_history = round_history
        self._index = {asset.symbol: asset.index for asset in self.assets}
        self.sources: dict[str, Callable[[Any, int], Any]] = {}
        listing = portal.shared.listing(lambda: ListingDates(self.calendar, self.assets))
        self.data_start = (
            portal.first_session if preload else min(portal.first_session, first_session)
        )
        maker = TableMaker(
            portal,
            listing,
            first_session=first_session,
            end=self._end(last_session),
            data_start=self.data_start,
            frozen=preload,
            thousandths=round_history,
        )
        super().__init__(
            _amendable(maker.main(interval)) if amends else maker.main(interval),
            listing,
            look_ahead_before_start=look_ahead_before_start,
            lag=int(lag_at_midnight and interval == DAY and self._ends_at_midnight()),
            without_volume=frozenset(a.index for a in self.assets if not a.has_volume),
        )
        self._make_readers(maker)
        if not preload or isinstance(self.table, RollingTable):
            _ = self.days.history  # rows that it is built from may not be held later
        self._learn_actions()
        self.appender = SequentialAppend(self.table, self._index, listing)
        self.append_next = self.appender.append
        self.append_row = self.appender.append_row
        self.append_columns = self.appender.append_columns
        self.row = self.table.rows_of_session(first_session)[0] - 1
        self.table.reach(first_session, back_to=self.row)
        self._apply_actions(first_session - 1)
        self._bind()
        self._look_back_at(self.row)

    # --- construction -----------------------------------------------------------------

    def _end(self, last_session: int | None) -> int:
        if not self.preload:
            return self.first_session - 1
        return self.portal.last_session if last_session is None else last_session

    def _learn_actions(self) -> None:
        portal = self.portal
        actions = portal.shared.actions(portal.splits, portal.dividends)
        self._splits, self._dividends = dict(actions.splits), actions.dividends
        self.known_splits = {(one.asset, one.session): one.ratio for one in portal.splits}
        key = (self.frequency, self.round_history)
        self.adjustments = Adjustments(
            actions.coming,
            width=len(self.assets),
            closes_before=self.days.closes_before,
            known=portal.shared.factors(key) if self.preload else None,
            lazy=self.preload,
        )

    def _make_readers(self, maker: TableMaker) -> None:
        self.further = RunColumns(self.portal.further, self.listing)
        history_of = partial(
            _history_of,
            further=self.further,
            data_start=self.data_start,
            last_sessions=self._last,
            decimals=3 if self.round_history else None,
            without_volume=self._without_volume,
        )
        self._history = history_of(self.table)
        self.days = DailyBars(self._history, self.portal, maker=maker, history_of=history_of)
        self.windows = Windows(self, self._history)
        self.indicators = Indicators(self._history, self._first)
        self.quick = FastReads(self.table, self._history, self.indicators)

    def release(self) -> None:
        """Break reference cycles: the run has ended, and its market is only read from
        now on.
        """
        self.windows.release()

    @property
    def daily(self) -> BarTable:
        """Bars with one row per session; the same as `table` in a daily run."""
        return self.days.table

    # --- the cursor -------------------------------------------------------------------

    def open_session(self, session: int) -> None:
        """Begin a session: the previous one is complete, and this one's splits and
        dividends take effect.
        """
        self.session = session
        self.before_open = False
        self.appender.expect_nothing()
        if not self.preload and self.interval.intraday:
            self.days.complete(session - 1)
        self.table.reach(session, back_to=self.row)
        if self._generation != self.table.generation:
            self._bind()
        self._apply_actions(session)
        self._look_back_at(self.row)

    def before_trading_start(self, session: int) -> None:
        """Move to the morning of a session: the visible bar is the previous one, as it
        looks this morning.
        """
        self.now_us = self.calendar.morning_us(session)
        self.before_open = True
        coming = session - self.table.first_session - self._lag
        if self._look_ahead and not self.interval.intraday and coming < self.table.rows:
            self._look_back_at(coming)
        else:
            self._look_back_at(self.row)

    def advance(self, row: int) -> None:
        """Move to a row of the main table in the current session."""
        self.row = self.view = self.seen = row
        self.now_us = self._us[row]
        if self.looks_back:  # the first bar of a session; with a lag, every bar
            self.view_session = self.session
            self.looks_back = self.before_open = False
            if self._lag:
                self._look_back_at(row - 1)

    def end_session(self, session: int) -> None:
        """End a session; its last bar stays visible."""
        self.session = session
        self.appender.expect_nothing()

    def append_slice(
        self, us: int, bars: Mapping[str, Bar] | SliceColumns | None, *, session: int = -1
    ) -> int:
        """Store the slice that ends at `us`; the cursor does not move.

        Args:
            us: END of the slice, µs UTC; in a daily run any moment of the session.
            bars: Bars by symbol, or as columns; None or empty if nothing traded.
            session: Number of its session, if known.

        Returns:
            The slice's row.

        Raises:
            UnknownSymbol: a bar belongs to no asset of the run.
            ValueError: the slice does not follow the last one.
        """
        if session < 0:
            session = self.calendar.session_of_us(us)
        if not self.interval.intraday and session >= 0:
            us = int(self.calendar.closes_us[session])
        values = {}
        if isinstance(bars, SliceColumns):
            given: Iterable[tuple[str, Any]] = zip(bars.names.symbols, bars.rows(), strict=True)
        else:
            given = bars.items() if bars else ()
        for symbol, bar in given:
            index = self._index.get(symbol)
            if index is None:
                raise UnknownSymbol(
                    f"a bar must be of an asset of the run: was {symbol!r}; subscribe to known "
                    "symbols"
                )
            if self._first[index] <= session <= self._last[index]:
                values[index] = bar if type(bar) is tuple else bar.floats()
        row = self.table.append(session, us, values)
        if self._generation != self.table.generation:
            self._bind()
        if self.interval.intraday:
            self.appender.expect_after(us, session)
        return row

    @property
    def last_slice_us(self) -> int | None:
        """END of the last row that was processed, µs UTC; None before the first of the
        run.
        """
        first = (
            self.table.rows_of_session(self.first_session)[0]
            if self.table.last_session >= self.first_session
            else None
        )
        return None if first is None or self.row < first else int(self._us[self.row])

    def _ends_at_midnight(self) -> bool:
        label = datetime.combine(self.calendar.label(self.first_session), time(), UTC)
        return self.calendar.session_of_us(us_of(label)) == self.first_session - 1

    def _apply_actions(self, session: int) -> None:
        fresh = self.adjustments.advance(session)
        if fresh:
            if self.quick.is_used:
                self.quick.forget_assets({factor.asset for factor in fresh})
            self._history.note(fresh)
            self.days.note(fresh)

    def _bind(self) -> None:
        super()._bind()
        self.quick.forget()

    def take_past_days(self, days: Mapping[int, Mapping[int, Sequence[float]]]) -> None:
        """Add daily bars of finished sessions; dividends of later days then use their
        closes.

        Args:
            days: Open, high, low, close and volume by session, then by asset index.
        """
        self.adjustments.stand_alone()
        self.days.take_late(days)
        after = {session + 1 for session in days}.intersection(self._dividends)
        factors = self.adjustments.renew(after) if after else None
        if factors is not None:
            self._history.begin_anew(factors)
            self.days.history.begin_anew(factors)
        self.quick.forget()

    def take_past_bars(self, bars: Mapping[int, Mapping[int, Sequence[float]]]) -> None:
        """Take bars of the run's own frequency where an asset has none yet.

        Args:
            bars: Open, high, low, close and volume by END, µs UTC, then by asset index.
        """
        table, taken = self.table, False
        for us, given in bars.items():
            session = self.calendar.session_of_us(us)
            row = -1 if session < 0 else table.row_of(us, session)
            if not 0 <= row <= self.row:
                continue
            closes = table.values("close", row, row + 1)[0]
            new = {
                index: bar
                for index, bar in given.items()
                if isnan(closes[index]) and self.is_listed(index, session)
            }
            if new:
                table.amend(row, new)
                taken = True
        if taken:
            self._history.forget_bars()
            self.indicators.forget()
            self.windows.forget()
            self.forget_last_rows()
            self.quick.forget()

    def is_listed(self, index: int, session: int) -> bool:
        """Say whether an asset is listed in a session."""
        return self._first[index] <= session <= self._last[index]

    def splits_at(self, session: int) -> Sequence[Split]:
        """Return the splits that take effect in a session."""
        return self._splits.get(session, ())

    def splits_of(self, index: int) -> list[tuple[int, Decimal]]:
        """Return the session and the ratio of each known split of an asset."""
        return [
            (session, split.ratio)
            for session, splits in self._splits.items()
            for split in splits
            if split.asset == index
        ]

    def ratio_of(self, index: int, session: int) -> Decimal | None:
        """Return the ratio of an asset's split in a session; None without a split."""
        return self.known_splits.get((index, session))

    def coming_splits(self) -> dict[int, Decimal]:
        """Return the ratios of known splits that are not in effect yet, by asset
        index.
        """
        return {
            split.asset: split.ratio
            for session, splits in self._splits.items()
            if session > self.session
            for split in splits
        }

    def add_split(self, index: int, session: int, ratio: Decimal, *, of_books: bool) -> None:
        """Add a split during the run.

        Args:
            index: Index of the asset.
            session: Number of the session it takes effect in.
            ratio: New price / old price.
            of_books: Whether positions and orders must still be adjusted at the
                session's start.
        """
        self.known_splits[index, session] = ratio
        if of_books:
            known = self._splits.get(session, ())
            self._splits[session] = [*known, Split(index, session, ratio)]
        self.adjustments.add_split(index, session, float(ratio))
        if session <= self.session:
            self._apply_actions(self.session)

    def dividends_ex_at(self, session: int) -> Sequence[Dividend]:
        """Return the dividends whose ex date is in a session."""
        return self._dividends.get(session, ())

    # --- indicators and fetched values ------------------------------------------------

    def add_column(self, name: str, expression: pl.Expr) -> None:
        """Add an indicator: an expression over an asset's bars, with the columns of a
        history, adjusted to now.

        Raises:
            StrategyError: the name is a field's, or `expression` is not a polars
                expression.
        """
        self.quick.forget()
        self.indicators.add(name, expression)
        self.further.hide(name)

    def column_value(self, index: int, name: str) -> float:
        """Return an indicator's value at the visible row; NaN if it has none.

        Raises:
            LookAheadIndicator: its values change once later bars are known.
        """
        return self.indicators.value(index, name, self.view) if self.view >= 0 else NAN

    def add_source(self, field: str, lookup: Callable[[Any, int], Any]) -> None:
        """Make `field` available through `data.current`.

        Args:
            field: Name of the value.
            lookup: Returns the value of (asset or name, session number).
        """
        self.sources[field] = lookup
        self.further.hide(field)
        self.quick.numbers.pop(field, None)

    def benchmark_returns(self, index: int, first_session: int, count: int) -> list[float]:
        """Return an asset's daily returns over `count` complete sessions, dividends
        reinvested.
        """
        if not self.preload and self.interval.intraday:
            self.days.complete(first_session + count - 1)
        return self.days.returns(
            index, first_session=first_session, count=count, listed_since=self._first[index]
        )


# A table whose rows may be filled, where several runs share the portal's.
def _amendable(table: BarTable) -> BarTable:
    if table.frozen:
        table = copy(table)
        table.loosen()
    return table


def _history_of(
    table: BarTable,
    *,
    further: RunColumns,
    data_start: int,
    last_sessions: Sequence[int],
    decimals: int | None,
    without_volume: frozenset[int],
) -> History:
    history = History(
        table,
        last_sessions=last_sessions,
        decimals=decimals,
        without_volume=without_volume,
        further=further,
    )
    history.first_row = table.rows_of_session(data_start)[0]
    return history
