"""Windows as strategies request them: the last bars, of the run's own length or
longer.

The rule: a window ends with the row that the market's cursor sees; its last bar may be
unfinished, and is then built from its bars so far.
"""

from __future__ import annotations

import weakref
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple, Protocol

import polars as pl

from rbtlive.data.bars.bar_reads import Floats, to_series
from rbtlive.data.bars.session_bars import TodaySoFar
from rbtlive.data.windows.higher_timeframe import BarsOfDay, BarsOfSessions, Places, fold
from rbtlive.data.windows.history import BASE_FIELD, History
from rbtlive.errors import (
    BadFrequency,
    HistoryWindowStartsBeforeData,
    IncompatibleHistoryFrequency,
)
from rbtlive.errors.pipeline import AskedWindow
from rbtlive.model.arrays import np
from rbtlive.model.interval import DAY, Interval

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_table import BarTable
    from rbtlive.data.bars.daily_bars import DailyBars
    from rbtlive.data.calendars.calendar import TradingCalendar
    from rbtlive.data.columns.of_run import RunColumns
    from rbtlive.data.windows.adjustments import Adjustments
    from rbtlive.data.windows.indicators import Indicators
    from rbtlive.model.asset import Asset


class Seen(Protocol):
    """The parts of a market that windows need; see `rbtlive.data.bars.market`."""

    assets: tuple[Asset, ...]
    calendar: TradingCalendar
    interval: Interval
    frequency: str
    table: BarTable
    days: DailyBars
    indicators: Indicators
    further: RunColumns
    adjustments: Adjustments
    round_history: bool
    data_start: int
    session: int
    view: int
    view_session: int
    looks_back: bool

    @property
    def lags(self) -> bool:
        """Whether each bar is shown late."""


class Span(NamedTuple):
    """The place of a window.

    Attributes:
        history: The history that it is cut from.
        low: First row.
        high: Row after the last.
        today: Whether one more row follows: the session so far, built from its bars.
        starts: If longer bars are built from these rows: first row of each, counted
            from `low`.
        dates: Dates of these longer bars.
    """

    history: History
    low: int
    high: int
    today: bool
    starts: Places | None = None
    dates: pl.Series | None = None

    @property
    def rows(self) -> int:
        """Length of the window."""
        return self.high - self.low + self.today if self.starts is None else len(self.starts)


class _OfToday:
    # What does not change until the next session: places of windows that end with the
    # session so far, and such windows, of which only the last value changes.
    __slots__ = ("session", "spans", "windows")

    def __init__(self, session: int = -2) -> None:
        self.session = session
        self.spans: dict[tuple[int, str | Interval], Span] = {}
        self.windows: dict[tuple[int, str, int, int, int], Floats] = {}


_KEPT_WINDOWS = 4096


class _Place(NamedTuple):
    # The end of a window: a row, and the session seen there.
    view: int
    session: int


class Windows:
    """Windows over the bars of one market, as seen from its cursor.

    Args:
        market: The market.
        history: Windows over the run's own bars.
    """

    def __init__(self, market: Seen, history: History) -> None:
        self._market = market
        self._history = history
        self._so_far = TodaySoFar(history.table)
        self._of_today = _OfToday()
        self._of_day: dict[Interval, BarsOfDay] = {}
        self._of_sessions: dict[Interval, BarsOfSessions] = {}

    def forget(self) -> None:
        """Forget what was made of the bars: some earlier ones are others."""
        self._so_far = TodaySoFar(self._history.table)
        self._of_today = _OfToday()
        self._of_day.clear()

    def release(self) -> None:
        """Drop the market, so that the two form no cycle."""
        self._market = weakref.proxy(self._market)

    # --- places -----------------------------------------------------------------------

    def span(self, bar_count: int, frequency: str | Interval, *, partial: bool = True) -> Span:
        """Return the place of the window of the last `bar_count` bars.

        Args:
            bar_count: Number of bars.
            frequency: Length of the bars.
            partial: Whether the last bar is an unfinished longer bar; otherwise it is
                the last finished one.

        Raises:
            HistoryWindowStartsBeforeData: the window begins before the data.
            IncompatibleHistoryFrequency: the run's bars do not add up to such bars.
            ValueError: the frequency is not an interval.
        """
        market = self._market
        kept = self._of_today
        if partial and kept.session == market.view_session and type(frequency) is str:
            same = kept.spans.get((bar_count, frequency))
            if same is not None:
                return same
        own = market.interval
        wanted = own if frequency == market.frequency else _parsed(frequency)
        if not own.makes_up(wanted):
            raise IncompatibleHistoryFrequency(_cannot_be_made(own, wanted))
        here = _Place(market.view, market.view_session)
        span = self._span_at(here, bar_count, wanted, partial=partial)
        if span is None:
            raise self._too_early(bar_count, wanted, partial=partial)
        if partial and span.today and span.starts is None:
            self._kept_today().spans[bar_count, frequency] = span
        return span

    # What stays the same until the next session.
    def _kept_today(self) -> _OfToday:
        if self._of_today.session != self._market.view_session:
            self._of_today = _OfToday(self._market.view_session)
        return self._of_today

    # None if it would begin before the data.
    def _span_at(
        self, here: _Place, bar_count: int, wanted: Interval, *, partial: bool
    ) -> Span | None:
        if wanted == self._market.interval:
            high = here.view + 1
            low = high - bar_count
            if low < self._history.first_row:
                return None
            return Span(self._history, low, high, today=False)
        if wanted == DAY:
            return self._days(here, bar_count, partial=partial)
        if wanted.intraday:
            return self._longer_of_day(here, bar_count, wanted, partial=partial)
        return self._longer_of_sessions(here, bar_count, wanted, partial=partial)

    def _days(self, here: _Place, bar_count: int, *, partial: bool) -> Span | None:
        history = self._market.days.history
        high = here.session - history.table.first_session
        today = partial or self._session_is_over(here)
        low = high + today - bar_count
        return Span(history, low, high, today=today) if low >= history.first_row else None

    def _session_is_over(self, here: _Place) -> bool:
        market = self._market
        closes_us = market.calendar.closes_us[here.session]
        return here.view >= 0 and bool(market.table.row_us[here.view] == closes_us)

    def _longer_of_day(
        self, here: _Place, bar_count: int, wanted: Interval, *, partial: bool
    ) -> Span | None:
        table = self._history.table
        bars = self._of_day.get(wanted)
        if bars is None:
            bars = self._of_day[wanted] = BarsOfDay(table, wanted)
        starts, high = bars.starts(), here.view + 1
        last = int(starts.searchsorted(high))  # number of longer bars that have begun
        if not partial and high and not bars.is_over(high - 1):
            last -= 1
            high = int(starts[last])
        first = last - bar_count
        if first < 0 or starts[first] < self._history.first_row:
            return None
        places = starts[first:last]
        low = int(places[0])
        ends = pl.Series("date", bars.ends(low, high)[places - low])
        dates = ends.cast(pl.Datetime("us", "UTC"))
        return Span(self._history, low, high, today=False, starts=places - low, dates=dates)

    # In a daily run built from its own rows, in an intraday run from days and the
    # session so far.
    def _longer_of_sessions(
        self, here: _Place, bar_count: int, wanted: Interval, *, partial: bool
    ) -> Span | None:
        market = self._market
        periods = self._of_sessions.get(wanted)
        if periods is None:
            periods = self._of_sessions[wanted] = BarsOfSessions(market.calendar, wanted)
        history, session = market.days.history, here.session
        before = history.table.first_session
        today = market.interval.intraday
        last = periods.place(session) + 1
        if not partial and not (
            periods.is_over(session) and (not today or self._session_is_over(here))
        ):
            last -= 1
            session, today = int(periods.firsts(last, last + 1)[0]) - 1, False
        first = last - bar_count
        firsts = periods.firsts(max(first, 0), last) - before
        # The first longer bar may have begun before the data.
        if first < 0 or (len(firsts) > 1 and firsts[1] <= history.first_row) or session < before:
            return None
        low = max(int(firsts[0]), history.first_row)
        return Span(
            history,
            low,
            session + 1 - today - before,
            today=today,
            starts=np.maximum(firsts - low, 0),
            dates=pl.Series("date", periods.labels(first, last)),
        )

    def _too_early(
        self, bar_count: int, wanted: Interval, *, partial: bool
    ) -> HistoryWindowStartsBeforeData:
        market = self._market
        first = market.calendar.label(market.data_start)
        now = market.calendar.label(max(market.session, 0))
        error = HistoryWindowStartsBeforeData(
            f"data.history() must not reach before the first session of the data, {first}: was "
            f"{bar_count} bars of {wanted.text!r} in session {now}; ask for fewer bars, start "
            "later, or give earlier bars"
        )
        inside = market.view - market.table.rows_of_session(market.session)[0]
        error.window = f"{bar_count} bars of {wanted.text!r}"
        error.asked = AskedWindow(bar_count, wanted.text, partial, market.session, inside)
        error.fits_from = self.fits_from(error.asked)
        return error

    def fits_from(self, asked: AskedWindow) -> int | None:
        """Return the first later session in which the same window, requested at the
        same bar of the session, would be within the data; None if there is none, or it
        is unknown yet.
        """
        table, wanted = self._market.table, _parsed(asked.frequency)

        def fits(session: int) -> bool:
            view = table.rows_of_session(session)[0] + asked.inside
            here = _Place(view, session if asked.inside >= 0 else session - 1)
            return self._span_at(here, asked.bar_count, wanted, partial=asked.partial) is not None

        sessions = range(asked.session + 1, table.last_session + 1 if table.frozen else 0)
        found = bisect_left(sessions, True, key=fits)
        return sessions[found] if found < len(sessions) else None

    # --- content ----------------------------------------------------------------------

    def values(self, index: int, field: str, span: Span, *, like: int | None = None) -> Floats:
        """Return a window of one asset; NaN if missing. It may be read-only.

        Args:
            index: The asset.
            field: open, high, low, close, volume, price, an indicator or a further
                column.
            span: Place of the window.
            like: With zipline's rounding, before the open: the asset whose factors of
                this morning are used.
        """
        values = self._of_rows(index, field, span, like=like)
        return values if span.starts is None else fold(values, span.starts, field)

    def _of_rows(self, index: int, field: str, span: Span, *, like: int | None) -> Floats:
        market = self._market
        if field not in BASE_FIELD:
            if field in market.indicators:
                return self._indicator(index, field, span)
            return self._further((index,), field, span)[:, 0]
        tail = self._today(index, field) if span.today else None
        if not market.looks_back:
            if tail is not None and span.history.table.frozen:
                return self._past_and_today(index, field, span, tail=tail)
            return span.history.values(index, field, span.low, span.high, tail=tail)
        ratio = market.adjustments.ratio(
            index if like is None else like, market.view_session, volume=field == "volume"
        )
        if not market.round_history:
            tail = None if tail is None else tail * ratio
            return span.history.values(index, field, span.low, span.high, tail=tail)
        # zipline rounds the window as seen the evening before, and then applies the
        # morning's factors to all of it; a window that is late has no morning
        seen_from = market.view_session
        values = span.history.values(
            index, field, span.low, span.high, tail=tail, seen_from=seen_from
        )
        return values if market.lags else values * ratio

    # Until the next session only the last value of such a window changes. A price that
    # is missing is filled from the past.
    def _past_and_today(self, index: int, field: str, span: Span, *, tail: float) -> Floats:
        history, kept = span.history, self._kept_today().windows
        key = (index, field, span.low, span.high, history.changes)
        known = kept.get(key)
        if known is None or (field == "price" and tail != tail):  # noqa: PLR0124 - NaN
            window = history.values(index, field, span.low, span.high, tail=tail)
            if field != "price" or not np.isnan(window).any():
                if len(kept) >= _KEPT_WINDOWS:
                    kept.clear()
                kept[key] = window
            return window
        window = known.copy()
        window[-1] = tail
        return window

    # The visible session so far; in the morning the previous one, which has ended.
    def _today(self, index: int, field: str) -> float:
        market = self._market
        if market.looks_back:
            late = market.days.late_value(index, field, market.view_session)
            if late is not None:
                return late
        return self._so_far.value(index, field, row=market.view)

    # Neither adjusted nor filled.
    def _further(self, indices: tuple[int, ...], name: str, span: Span) -> Floats:
        market = self._market
        rows = market.further.rows(span.history.table, name, span.low, span.high)[:, indices]
        if span.today:
            rows = np.vstack([rows, self._further_today(indices, name)])
        return rows

    # A finished session has the value of its daily bar, whose END is its close.
    def _further_today(self, indices: tuple[int, ...], name: str) -> Floats:
        market = self._market
        if self._session_is_over(_Place(market.view, market.view_session)):
            days = market.days.table
            row = market.view_session - days.first_session
            last: Floats = market.further.rows(days, name, row, row + 1)[0, indices]
            return last
        return market.further.so_far(market.table, name, market.view, indices)

    def _indicator(self, index: int, name: str, span: Span) -> Floats:
        market = self._market
        if span.history is not self._history or span.starts is not None:
            raise IncompatibleHistoryFrequency(
                f"indicator {name!r} must be read at the run's own frequency, "
                f"{market.frequency!r}: was another; ask for that, or compute it from the window"
            )
        return market.indicators.values(index, name, span.low, span.high)

    # Whether a window is a slice of the unchanged columns.
    def _is_plain(self, field: str, span: Span) -> bool:
        market = self._market
        return not (
            span.today
            or span.starts is not None
            or (market.looks_back and market.round_history)
            or field not in BASE_FIELD
        )

    def series(self, index: int, field: str, span: Span) -> pl.Series:
        """Return a window of one asset as a Float64 Series named by symbol, NaN if
        missing.
        """
        if self._is_plain(field, span):
            return span.history.series(index, field, span.low, span.high)
        return to_series(self._market.assets[index].symbol, self.values(index, field, span))

    def frame(self, indices: tuple[int, ...], field: str, span: Span) -> pl.DataFrame:
        """Return a window of several assets: `date`, and one Float64 column per asset
        named by symbol.
        """
        if self._is_plain(field, span):
            return span.history.frame(indices, field, span.low, span.high)
        columns = [self.series(index, field, span) for index in indices]
        return pl.DataFrame([self.dates(span), *columns])

    def matrix(
        self, indices: tuple[int, ...], field: str, span: Span, *, like: int | None = None
    ) -> Floats:
        """Return a window of several assets as a read-only array, rows x assets, NaN if
        missing; the arguments are those of `values`.
        """
        if self._is_plain(field, span):
            return span.history.matrix(indices, field, span.low, span.high)
        if span.starts is not None and self._is_plain(field, span._replace(starts=None)):
            rows = span.history.matrix(indices, field, span.low, span.high)
            window = fold(rows, span.starts, field)
        elif field not in BASE_FIELD and field not in self._market.indicators:
            window = self._further(indices, field, span)
            window = window if span.starts is None else fold(window, span.starts, field)
        else:
            window = np.empty((span.rows, len(indices)))
            for place, index in enumerate(indices):
                window[:, place] = self.values(index, field, span, like=like)
        window.setflags(write=False)
        return window

    def dates(self, span: Span) -> pl.Series:
        """Return the `date` column of a window: session labels (Date), for weeks and
        months the last session's, or ENDs of bars (Datetime, µs, UTC).
        """
        if span.dates is not None:
            return span.dates
        if not span.today:
            return span.history.table.dates(span.low, span.high)
        first = span.history.table.first_session
        labels = self._market.calendar.labels
        return pl.Series("date", labels[first + span.low : first + span.high + 1])


# Raises zipline's class, which ported strategies may catch.
def _parsed(frequency: str | Interval) -> Interval:
    try:
        return Interval.parse(frequency, name="frequency in data.history()")
    except BadFrequency as error:
        raise ValueError(str(error)) from None


def _cannot_be_made(own: Interval, wanted: Interval) -> str:
    if not own.intraday and wanted.intraday:
        return (
            f"frequency in data.history() must be {own.text!r} in a daily run: was "
            f"{wanted.text!r}; run with frequency={wanted.text!r} over such bars"
            if own == DAY
            else f"frequency in data.history() must be {own.text!r} in a run over such bars: was "
            f"{wanted.text!r}; run with frequency={wanted.text!r}"
        )
    return (
        f"frequency in data.history() must be one that bars of {own.text!r} add up to: was "
        f"{wanted.text!r}; run with a shorter frequency"
    )
