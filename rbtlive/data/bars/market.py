"""All that is known of the market up to now: a cursor over bars, moved by the core
alone.

The rule: nothing is read past the cursor. Assets are named by their index, numbers are
floats, NaN is a missing one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl

from rbtlive.data.bars.fast_reads import FastReads
from rbtlive.data.bars.panel import FIELDS, Floats, Frequency, Panel, to_series
from rbtlive.data.bars.panel_maker import ListingDates, PanelMaker
from rbtlive.data.bars.rolling_panel import RollingPanel
from rbtlive.data.bars.session_bars import LastRows, TodaySoFar, session_bar
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.calendars.next_minute import NextMinute
from rbtlive.data.windows.adjustments import Adjustments
from rbtlive.data.windows.history import History
from rbtlive.data.windows.indicators import Indicators
from rbtlive.errors import (
    HistoryWindowStartsBeforeData,
    IncompatibleHistoryFrequency,
    UnknownSymbol,
)
from rbtlive.model.arrays import np
from rbtlive.model.asset import Asset

if TYPE_CHECKING:
    from rbtlive.data.checking.corporate import Dividend, Split
    from rbtlive.data.portal import PolarsDataPortal
    from rbtlive.model.bar import Bar

NAN: Final = float("nan")
BEHIND: Final = -(1 << 48)
"""A row that no column has."""


class Span(NamedTuple):
    """Where a window lies.

    Attributes:
        history: What it is cut from.
        low: First row.
        high: Row after the last.
        today: Whether one more row follows: the session so far, made of its minutes.
    """

    history: History
    low: int
    high: int
    today: bool

    @property
    def rows(self) -> int:
        """Length of the window."""
        return self.high - self.low + self.today


class Market:
    """The market as the core sees it.

    Args:
        portal: Gives assets, bars, splits and dividends.
        frequency: What a bar of the run is: "1d" or "1m".
        first_session: Number of the run's first session; earlier bars are history.
        last_session: Number of its last one; None if that is not known.
        preload: Take all bars from the portal, as a backtest does; else those from
            `first_session` on come through `append_slice`.
        round_history: Keep prices in thousandths and round histories to three decimals,
            as zipline does.
        look_ahead_before_start: Let a daily `before_trading_start` see the coming
            session's bar, as zipline does.
        lag_at_midnight: Where sessions end at midnight (24/7), show each daily bar one
            session late, as zipline does; positions are valued at the current one.

    Attributes:
        assets: In the order of their index.
        session: Number of the session the cursor is in; -1 before the first.
        row: Row of the main panel being processed; the last row of history before the
            first, -1 without history.
        now_us: Time of the cursor, µs UTC.
        before_open: True while `before_trading_start` runs.
        looks_back: True while what is seen is a bar of an earlier session.
        seen: The row that is seen; while that `looks_back`, BEHIND every column: who
            reads by it then finds nothing.
        lives: From when to when each asset is listed.
        indicators: What `add_column` added.
        quick: Short ways to numbers and windows of the row that is seen, good while
            nothing `looks_back`.
        sources: What `add_source` added, by field.
        append_next: Stores the minute after the last one; another slice it leaves to
            `append_slice`, and gives -1.
        panel: The bars of the run's frequency.
    """

    def __init__(
        self,
        portal: PolarsDataPortal,
        *,
        frequency: Frequency,
        first_session: int,
        last_session: int | None,
        preload: bool,
        round_history: bool = False,
        look_ahead_before_start: bool = False,
        lag_at_midnight: bool = False,
    ) -> None:
        self.portal = portal
        self.calendar = portal.calendar
        self.assets: tuple[Asset, ...] = tuple(portal.assets)
        self.frequency: Frequency = frequency
        self.first_session = first_session
        self.preload = preload
        self.round_history = round_history
        self._look_ahead = look_ahead_before_start
        self._lag = int(
            lag_at_midnight and frequency == "1d" and self._ends_at_midnight(first_session)
        )
        self._index = {asset.symbol: asset.index for asset in self.assets}
        self.sources: dict[str, Callable[[Any, int], Any]] = {}
        self.lives = ListingDates(self.calendar, self.assets)
        self._first, self._last = self.lives.first, self.lives.last
        self._data_start = (
            portal.first_session if preload else min(portal.first_session, first_session)
        )
        end = portal.last_session if last_session is None else last_session
        self._maker = PanelMaker(
            portal,
            self.lives,
            first_session=first_session,
            end=end if preload else first_session - 1,
            data_start=self._data_start,
            frozen=preload,
            thousandths=round_history,
        )
        self.panel = self._maker.main(frequency)
        self._portal_sessions: set[int] = set()  # those with daily bars, once there are days
        self._make_readers()
        if not preload or isinstance(self.panel, RollingPanel):
            self._days()  # what they are made of may not be held later
        self._learn_actions()
        self.session, self.now_us = -1, 0
        self._coming = NextMinute(self.panel, self._index, self.lives)
        self.append_next = self._coming.append
        self.before_open = self.looks_back = False
        self.row = self.panel.rows_of_session(first_session)[0] - 1
        self.panel.reach(first_session, back_to=self.row)
        self._apply_actions(first_session - 1)
        self._bind()
        self._look_back_at(self.row)

    # --- making -----------------------------------------------------------------------

    def _learn_actions(self) -> None:
        portal = self.portal
        self._splits: dict[int, list[Split]] = {}
        self._dividends: dict[int, list[Dividend]] = {}
        for split in portal.splits:
            self._splits.setdefault(split.session, []).append(split)
        for dividend in portal.dividends:
            self._dividends.setdefault(dividend.ex_session, []).append(dividend)
        self._adjustments = Adjustments(
            splits=portal.splits,
            dividends=portal.dividends,
            width=len(self.assets),
            previous_close=self._close_before,
        )

    def _make_readers(self) -> None:
        self._history = self._history_of(self.panel)
        self._daily_history = self._history if self.frequency == "1d" else None
        self.indicators = Indicators(self._history, self._first)
        self.quick = FastReads(self.panel, self._history, self.indicators)
        self._known = LastRows(self.panel, "close")
        self._traded = LastRows(self.panel, "volume")
        self._so_far = TodaySoFar(self.panel)

    def _history_of(self, panel: Panel) -> History:
        history = History(
            panel, last_sessions=self._last, decimals=3 if self.round_history else None
        )
        history.first_row = panel.rows_of_session(self._data_start)[0]
        return history

    # Few runs over minutes ask for days: they are laid out when the first one does.
    def _days(self) -> History:
        if self._daily_history is None:
            self._portal_sessions.update(self.portal.daily["session"].unique().to_list())
            self._daily_history = self._history_of(
                self._maker.daily_beside(self.panel, self._portal_sessions)
            )
            self._daily_history.note(self._history.noted)
        return self._daily_history

    @property
    def daily(self) -> Panel:
        """One row a session; the same as `panel` in a daily run."""
        return self._days().panel

    def _close_before(self, asset: int, session: int) -> float:
        row = session - 1 - self.daily.first_session
        return self.daily.value(asset, "close", row) if 0 <= row < self.daily.rows else NAN

    # --- the cursor -------------------------------------------------------------------

    def open_session(self, session: int) -> None:
        """Begin a session: the one before is complete, and this one's splits and
        dividends take effect.
        """
        self.session = session
        self.before_open = False
        self._coming.expect_nothing()
        if not self.preload and self.frequency == "1m":
            self._complete_days(session - 1)
        self.panel.reach(session, back_to=self.row)
        if self._generation != self.panel.generation:
            self._bind()
        self._apply_actions(session)
        self._look_back_at(self.row)

    def before_trading_start(self, session: int) -> None:
        """Move to the morning of a session: what is seen is the bar before, as it looks
        this morning.
        """
        self.now_us = self.calendar.morning_us(session)
        self.before_open = True
        coming = session - self.panel.first_session - self._lag
        if self._look_ahead and self.frequency == "1d" and coming < self.panel.rows:
            self._look_back_at(coming)
        else:
            self._look_back_at(self.row)

    def advance(self, row: int) -> None:
        """Move to a row of the main panel, which is in the current session."""
        self.row = self._view = self.seen = row
        self.now_us = self._us[row]
        if self.looks_back:  # the first bar of a session; with a lag each
            self._view_session = self.session
            self.looks_back = self.before_open = False
            if self._lag:
                self._look_back_at(row - 1)

    def end_session(self, session: int) -> None:
        """End a session; what is seen stays as it is at its last bar."""
        self.session = session
        self._coming.expect_nothing()

    def append_slice(self, us: int, bars: Mapping[str, Bar] | None, *, session: int = -1) -> int:
        """Store the slice that ends at `us`; the cursor stays where it is.

        Args:
            us: END of the slice, µs UTC; in a daily run any moment of the session.
            bars: By symbol; None or empty if nothing traded.
            session: Number of the session it lies in, if that is known.

        Returns:
            Its row.

        Raises:
            UnknownSymbol: a bar is of no asset of the run.
            ValueError: the slice does not follow the last one.
        """
        if session < 0:
            session = self.calendar.session_of_us(us)
        if self.frequency == "1d" and session >= 0:
            us = int(self.calendar.closes_us[session])
        values = {}
        for symbol, bar in bars.items() if bars else ():
            index = self._index.get(symbol)
            if index is None:
                raise UnknownSymbol(
                    f"a bar must be of an asset of the run: was {symbol!r}; subscribe to known "
                    "symbols"
                )
            if self._first[index] <= session <= self._last[index]:
                values[index] = bar.floats()
        row = self.panel.append(session, us, values)
        if self._generation != self.panel.generation:
            self._bind()
        if self.frequency == "1m":
            self._coming.expect_after(us, session)
        return row

    @property
    def last_slice_us(self) -> int | None:
        """END of the last row that was processed, µs UTC; None before the first of the
        run.
        """
        first = (
            self.panel.rows_of_session(self.first_session)[0]
            if self.panel.last_session >= self.first_session
            else None
        )
        return None if first is None or self.row < first else int(self._us[self.row])

    def row_at(self, us: int) -> int:
        """Return the row of the main panel that ends at `us`, or that is the session
        `us` lies in on daily bars.
        """
        if self.frequency == "1d":
            return self.calendar.session_of_us(us) - self.panel.first_session
        return int(np.searchsorted(self.panel.row_us, us))

    # Flat views of the columns: reading a number is one index away. They end when the
    # panel moves its arrays.
    def _bind(self) -> None:
        self._generation = self.panel.generation
        self._width = self.panel.width
        self._shift = self.panel.base * self._width
        self._us = self.panel.flat_us()
        self._fields = {field: self.panel.flat(field) for field in FIELDS}
        self._open, self._high, self._low = (
            self._fields[field] for field in ("open", "high", "low")
        )
        self._close, self._volume = self._fields["close"], self._fields["volume"]
        self.quick.forget()

    def _ends_at_midnight(self, session: int) -> bool:
        label = datetime.combine(self.calendar.label(session), time(), UTC)
        return self.calendar.session_of_us(us_of(label)) == session - 1

    # Sees a row of an earlier session as it looks from the current one.
    def _look_back_at(self, row: int) -> None:
        self._view, self.seen = row, BEHIND
        self._view_session = self.panel.session_at(row) if row >= 0 else self.session - 1
        self.looks_back = True

    def _apply_actions(self, session: int) -> None:
        fresh = self._adjustments.advance(session)
        if fresh:
            self.quick.forget()
            self._history.note(fresh)
            if self._daily_history is not None and self._daily_history is not self._history:
                self._daily_history.note(fresh)

    def _complete_days(self, last: int) -> None:
        while self.daily.last_session < last:
            session = self.daily.last_session + 1
            row = self.daily.append(session, int(self.calendar.closes_us[session]), {})
            if session in self._portal_sessions:
                bars = self.portal.daily.filter(pl.col("session") == session)
                self.daily.fill(self.lives.keep(bars))
            else:
                self.daily.set_row(row, session_bar(self.panel, session))

    # --- what core, venue and models read ---------------------------------------------

    # Where an asset's value stands in the flat columns.
    def _place(self, index: int) -> int:
        return self._view * self._width - self._shift + index

    def open_(self, index: int) -> float:
        """Return the open of the row that is seen."""
        return self._open[self._place(index)] if self._view >= 0 else NAN

    def high(self, index: int) -> float:
        """Return the high of the row that is seen."""
        return self._high[self._place(index)] if self._view >= 0 else NAN

    def low(self, index: int) -> float:
        """Return the low of the row that is seen."""
        return self._low[self._place(index)] if self._view >= 0 else NAN

    def close(self, index: int) -> float:
        """Return the close of the row that is seen."""
        return self._close[self._place(index)] if self._view >= 0 else NAN

    def closes(self) -> Sequence[float]:
        """Return the close of the row that is seen by asset index; there must be such a
        row.
        """
        first = self._place(0)
        return self._close[first : first + self._width]

    def volume(self, index: int) -> float:
        """Return the volume of the row that is seen; 0 if nothing traded."""
        return self._volume[self._place(index)] if self._view >= 0 else 0.0

    def spot(self, index: int, field: str) -> float:
        """Return a field of the row that is seen, as it looks after this morning's
        splits and dividends.
        """
        if self._view < 0:
            return 0.0 if field == "volume" else NAN
        value: float = self._fields[field][self._place(index)]
        if not self.looks_back:
            return value
        return value * self._adjustments.ratio(index, self._view_session, volume=field == "volume")

    def price(self, index: int) -> float:
        """Return the last known close, adjusted to now; NaN before the first and after
        the asset's end.
        """
        if not self.looks_back:
            value: float = self._close[self._place(index)]
            if value == value:  # noqa: PLR0124 -- a fifth of the cost of math.isnan
                return value
        return self._carried(index)

    # Source: zipline-reloaded 3.2.1, data/data_portal.py: minutes carry the last close
    # that traded, days the last known one.
    def _carried(self, index: int) -> float:
        row = self._view
        if row < 0 or self._view_session > self._last[index]:
            return NAN
        close = self.panel.value(index, "close", row)
        if np.isnan(close):
            row = (self._known if self.frequency == "1d" else self._traded).find(index, row)
            if row < 0:
                return NAN
            close = self.panel.value(index, "close", row)
        return close * self._adjustments.ratio(index, self.panel.session_at(row))

    def value_price(self, index: int) -> float:
        """Return the price that positions are valued at: `price`, but never late, and
        with zipline's look-ahead early.
        """
        if not self.before_open and not self._lag:
            return self.price(index)
        if self.before_open and self.session > self._last[index]:
            return NAN  # it has left the market: no price of this morning
        row = self._view + self._lag
        if self.before_open and self._look_ahead and self.frequency == "1m":
            row = self._row_ending_now(row)
        if row == self._view:
            return self.price(index)
        view = self._view
        self._look_back_at(row)
        price = self.price(index)
        self._look_back_at(view)
        return price

    @property
    def values_are_closes(self) -> bool:
        """Whether `value_price` is the close of the row that is seen, where that
        traded.
        """
        return self._view >= 0 and not (self.looks_back or self.before_open or self._lag)

    # Where a morning lies within a session (24/7), zipline values positions at the
    # minute that ends then.
    def _row_ending_now(self, row: int) -> int:
        found = self.row_at(self.now_us)
        return found if found < self.panel.rows and self._us[found] == self.now_us else row

    def last_traded_row(self, index: int) -> int:
        """Return the last row seen in which the asset traded; -1 if it never did."""
        return self._traded.find(index, self._view) if self._view >= 0 else -1

    def last_traded_us(self, index: int) -> int:
        """Return the END of the last row seen in which the asset traded, µs UTC; -1 if
        it never did.
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
        return bool(self.calendar.sessions_of_minutes(np.array([self.now_us]))[0] >= 0)

    def splits_at(self, session: int) -> Sequence[Split]:
        """Return the splits that take effect in a session."""
        return self._splits.get(session, ())

    def dividends_ex_at(self, session: int) -> Sequence[Dividend]:
        """Return the dividends whose ex date is in a session."""
        return self._dividends.get(session, ())

    # --- indicators and values from elsewhere -----------------------------------------

    def add_column(self, name: str, expression: pl.Expr) -> None:
        """Make an indicator readable: an expression over an asset's bars, with the
        columns of a history, adjusted to now.

        Raises:
            StrategyError: the name is that of a field, or `expression` is no Polars
                expression.
        """
        self.quick.forget()
        self.indicators.add(name, expression)

    def column_value(self, index: int, name: str) -> float:
        """Return an indicator's value at the row that is seen; NaN if it has none.

        Raises:
            LookAheadIndicator: its values change once later bars are known.
        """
        return self.indicators.value(index, name, self._view) if self._view >= 0 else NAN

    def add_source(self, field: str, lookup: Callable[[Any, int], Any]) -> None:
        """Make `field` readable through `data.current`.

        Args:
            field: Name of the value.
            lookup: Returns the value of (asset or name, session number).
        """
        self.sources[field] = lookup

    # --- windows ----------------------------------------------------------------------

    def span(self, bar_count: int, frequency: str) -> Span:
        """Return where the window of the last `bar_count` bars lies.

        Raises:
            HistoryWindowStartsBeforeData: the data begins later.
            IncompatibleHistoryFrequency: minutes are asked of a daily run.
            ValueError: the frequency is neither "1d" nor "1m".
        """
        if frequency == self.frequency:
            history, high, today = self._history, self._view + 1, False
        elif frequency == "1d":
            history, today = self._days(), True
            high = self._view_session - self.daily.first_session
        elif frequency == "1m":
            raise IncompatibleHistoryFrequency(
                "frequency in data.history() must be '1d' in a daily run: was '1m'; run with "
                "frequency='1m' over minute bars"
            )
        else:
            raise ValueError(f"frequency in data.history() must be '1d' or '1m': was {frequency!r}")
        low = high + today - bar_count
        if low < history.first_row:
            self._refuse_early(bar_count, frequency)
        return Span(history, low, high, today)

    def _refuse_early(self, bar_count: int, frequency: str) -> None:
        first = self.calendar.label(self._data_start)
        now = self.calendar.label(max(self.session, 0))
        raise HistoryWindowStartsBeforeData(
            f"data.history() must not reach before the first session of the data, {first}: was "
            f"{bar_count} bars of "
            f"{frequency!r} in session {now}; ask for fewer bars, start later, or give earlier bars"
        )

    def values(self, index: int, field: str, span: Span, *, like: int | None = None) -> Floats:
        """Return a window of one asset; NaN where missing. It may be read-only.

        Args:
            index: The asset.
            field: open, high, low, close, volume or price.
            span: Where the window lies.
            like: With zipline's rounding, before the open: the asset whose factors of
                this morning are used.
        """
        if field in self.indicators:
            return self._indicator(index, field, span)
        tail = self._so_far.value(index, field, row=self._view) if span.today else None
        if not self.looks_back:
            return span.history.values(index, field, span.low, span.high, tail=tail)
        ratio = self._adjustments.ratio(
            index if like is None else like, self._view_session, volume=field == "volume"
        )
        if not self.round_history:
            tail = None if tail is None else tail * ratio
            return span.history.values(index, field, span.low, span.high, tail=tail)
        # zipline rounds the window as it looked the evening before, and then applies
        # the morning's factors to all of it
        seen_from = self._view_session
        return (
            span.history.values(index, field, span.low, span.high, tail=tail, seen_from=seen_from)
            * ratio
        )

    def _indicator(self, index: int, name: str, span: Span) -> Floats:
        if span.history is not self._history:
            raise ValueError(
                f"indicator {name!r} must be read at the run's own frequency, {self.frequency!r}: "
                "was '1d'"
            )
        return self.indicators.values(index, name, span.low, span.high)

    @property
    def _whole_windows(self) -> bool:
        return not (self.looks_back and self.round_history)

    def series(self, index: int, field: str, span: Span) -> pl.Series:
        """Return a window of one asset as a Float64 Series named by symbol, null where
        missing.
        """
        if span.today or not self._whole_windows or field in self.indicators:
            return to_series(self.assets[index].symbol, self.values(index, field, span))
        return span.history.series(index, field, span.low, span.high)

    def frame(self, indices: tuple[int, ...], field: str, span: Span) -> pl.DataFrame:
        """Return a window of several assets: `date`, and one Float64 column an asset
        named by symbol.
        """
        if span.today or not self._whole_windows or field in self.indicators:
            columns = [self.series(index, field, span) for index in indices]
            return pl.DataFrame([self.dates(span), *columns])
        return span.history.frame(indices, field, span.low, span.high)

    def matrix(self, indices: tuple[int, ...], field: str, span: Span) -> Floats:
        """Return a window of several assets as a read-only array, rows x assets, NaN
        where missing.
        """
        if not span.today and self._whole_windows and field not in self.indicators:
            return span.history.matrix(indices, field, span.low, span.high)
        window = np.empty((span.rows, len(indices)))
        for place, index in enumerate(indices):
            window[:, place] = self.values(index, field, span)
        window.setflags(write=False)
        return window

    def dates(self, span: Span) -> pl.Series:
        """Return the `date` column of a window: session labels (Date), or ENDs of
        minutes (Datetime, µs, UTC).
        """
        if not span.today:
            return span.history.panel.dates(span.low, span.high)
        first = self.daily.first_session
        return pl.Series("date", self.calendar.labels[first + span.low : first + span.high + 1])

    # --- after the run ----------------------------------------------------------------

    def benchmark_returns(self, index: int, first_session: int, count: int) -> list[float]:
        """Return an asset's daily returns over `count` complete sessions, dividends
        reinvested.

        The first one is from the close before; for an asset listed on that very
        session, from its open. Source: zipline-reloaded 3.2.1,
        `sources/benchmark_source.py`.
        """
        if not self.preload and self.frequency == "1m":
            self._complete_days(first_session + count - 1)
        low = first_session - self.daily.first_session
        listed_before = self._first[index] < first_session and low > 0
        prices = self._days().values(index, "price", low - listed_before, low + count)
        returns: list[float] = (prices[1:] / prices[:-1] - 1.0).tolist()
        if not listed_before:
            opened = self.daily.value(index, "open", low)
            closed = self.daily.value(index, "close", low)
            returns.insert(0, (closed - opened) / opened)
        return returns
