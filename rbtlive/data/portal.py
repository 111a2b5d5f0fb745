"""The data known at the start of a run: bars, assets, splits, dividends, and their
calendar.

The rule: a portal is checked and normalised when it is created, and never changes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any, NoReturn

import polars as pl

from rbtlive.data.bars.digest import facts_as_text, fingerprint
from rbtlive.data.bars.folding import aggregate_by_session
from rbtlive.data.bars.resampled_portal import PeriodFold, fold_minutes
from rbtlive.data.bars.shared_bars import SharedBars
from rbtlive.data.calendars.calendar import TradingCalendar, as_label, get_calendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.calendars.reach import calendar_through
from rbtlive.data.checking.intervals import (
    has_shorter_rows,
    interval_of,
    minutes_apart,
    no_such_bars,
)
from rbtlive.data.foreign_attributes import BARS_OF, PORTAL_WORDS
from rbtlive.data.forked_polars import refuse_in_forked_child
from rbtlive.data.portal_parts import GivenParts
from rbtlive.data.reading.bar_reader import ReadBars, read_bars
from rbtlive.data.reading.intake import Intake
from rbtlive.data.reading.judging import must_be_read, refuse_what_is_no_data
from rbtlive.data.reading.tables import Labels
from rbtlive.data.report import DataReport, report_of
from rbtlive.data.symbol_lookup import find_by_symbol
from rbtlive.errors import (
    BadFrequency,
    DuplicateBar,
    EmptyData,
    SettingsError,
)
from rbtlive.model.arrays import np
from rbtlive.model.asset import Equity
from rbtlive.model.bar import OHLCV
from rbtlive.model.given import DateLike
from rbtlive.model.interval import DAY, MINUTE, Interval
from rbtlive.model.other_names import answering

NO_END = date(9999, 12, 31)
"""The end date of an asset without one."""


class PolarsDataPortal:
    """Bars of many assets, checked, with reference data of the assets.

    Frames may be polars (eager or lazy) or pandas, or paths: a Parquet or CSV file, a
    folder of Parquet files, a pattern such as "minutes/*.parquet". Long form, rows in
    any order. A row whose close is NaN or null is a missing bar.

    Further columns of numbers or booleans (1 and 0), and texts of numbers, are fields:
    `data.current(asset, "score")`. A value belongs to its bar's END and is known from
    then on; a missing one is NaN. Splits and dividends do not change it, and a longer
    bar has the last known value. `report()` lists the columns that are fields. They are
    held in memory; bars that stay on disk have none.

    Minute bars of Parquet files and lazy frames stay on disk if there are more than a
    million of them. They are checked in one pass, a part at a time, and backtests read
    only their current sessions, so that memory is bounded by those and by the longest
    window requested. Files with rows in time order are read in place and must not
    change; bars in another order, and those of a lazy frame, are copied into a
    temporary file (TMPDIR) that lives as long as the portal: 56 bytes per bar.

    Args:
        bars: Daily bars: `date` (the session's label) or `timestamp` (UTC, the bar's
            END), `symbol`, `open`, `high`, `low`, `close`, `volume`. May be None if
            there are minute bars; daily bars are then built from them by session.
        minute_bars: Intraday bars: `timestamp` (UTC, the bar's END; without a time zone
            taken as UTC) and the same columns. Bars that do not end where the
            calendar's do are left out with a `DataWarning`, if they are at most 1 % of
            all.
        interval: Length of the bars: "1m" (the default), "5m", "1h" and so on for
            `minute_bars`; "1w" or "1mo" for `bars`, which then contain one row per week
            or month, dated by any day in it.
        assets: `symbol`, and optionally `sid`, `start_date`, `end_date`,
            `auto_close_date`, `lot_size`, `tick_size`, `asset_class`, `quote_currency`.
            Missing and null values get defaults: sids in sorted symbol order, start and
            end the first and last bar, auto-close the day after the end, the class that
            the symbol shows ("BTC/USDT", "EURUSD"), otherwise equity, and the class's
            lot and tick (shares: 1 and 0.01).
        splits: `symbol`, `effective_date`, `ratio` (new price / old price: 0.5 is two
            for one).
        dividends: `symbol`, `ex_date`, `pay_date` (null: never paid), `amount` (money
            per share).
        calendar: Name of the exchange's calendar, e.g. "XNYS" or "24/7".
        asset_class: Class of all assets that `assets` does not classify: "equity",
            "etf", "crypto", "fx", "future" or "option".
        in_memory: Whether to hold minute bars in memory, whatever their source and
            number. None decides as described above.

    Attributes:
        calendar: The calendar, reaching at least to the last date in the data. With
            weekly or monthly bars, each week or month is one of its sessions.
        interval: Length of the shortest bars.
        assets: All assets in the order of their sids; `asset.index` is the index here.
        minutes: The minute bars, which can be read in parts; None without minute bars.
        splits: All splits.
        dividends: All dividends.
        further: Further columns of the source, which are fields.
        first_session: Number of the first session with a bar.
        last_session: Number of the last session with a bar.

    Raises:
        DataError: one of its subclasses; it names column, row and value, what was
            expected and what to do.
    """

    __slots__ = (
        "_by_symbol",
        "_by_upper",
        "_daily",
        "_ends_given",
        "_fingerprint",
        "_intake",
        "_resampled",
        "_shared",
        "assets",
        "calendar",
        "dividends",
        "first_session",
        "further",
        "interval",
        "last_session",
        "minutes",
        "splits",
    )

    def __init__(  # noqa: PLR0913 - a portal's parts, each by name
        self,
        bars: object,
        *,
        minute_bars: object = None,
        assets: object = None,
        splits: object = None,
        dividends: object = None,
        calendar: str = "XNYS",
        interval: str | Interval | None = None,
        asset_class: str | None = None,
        in_memory: bool | None = None,
    ) -> None:
        refuse_in_forked_child("a look at bars")
        get_calendar(calendar)  # report a wrong name before the long check of the bars
        self.interval = interval_of(interval, minute_bars=minute_bars)
        if bars is None and minute_bars is None:
            raise EmptyData(
                "bars or minute_bars must be given: were both None; pass a frame or a path"
            )
        parts = GivenParts.read(
            bars,
            minute_bars,
            in_memory=in_memory,
            assets=assets,
            splits=splits,
            dividends=dividends,
        ).fitted(calendar, self.interval, asset_class=asset_class)
        self.calendar: TradingCalendar = parts.calendar
        self.assets: tuple[Equity, ...] = parts.assets
        self._ends_given = parts.ends_given
        self._name_assets()
        self._daily, self.minutes, self.further = parts.daily, parts.minutes, parts.further
        self.splits, self.dividends = parts.splits, parts.dividends
        self.first_session, self.last_session = parts.first_session, parts.last_session
        self._fingerprint: str | None = None
        self._intake: Intake | None = None

    def _name_assets(self) -> None:
        self._shared = SharedBars()  # runs over other assets share nothing
        self._resampled: dict[Interval, PolarsDataPortal] = {}
        self._by_symbol = {asset.symbol: asset for asset in self.assets}
        self._by_upper: dict[str, list[Equity]] = {}
        for asset in self.assets:
            self._by_upper.setdefault(asset.symbol.upper(), []).append(asset)

    def without_end(self) -> PolarsDataPortal:
        """Return the same portal for a feed that goes on: assets end only if an end
        date was given.
        """
        endless = copy.copy(self)
        endless.assets = tuple(
            asset
            if asset.symbol in self._ends_given
            else replace(asset, end_date=NO_END, auto_close_date=NO_END)
            for asset in self.assets
        )
        endless._name_assets()  # noqa: SLF001 - a copy of ourselves
        endless._fingerprint = None  # noqa: SLF001
        return endless

    def at(self, interval: str | Interval) -> PolarsDataPortal:
        """Return a portal with bars of this length: itself, or one whose bars are built
        from its own; built once.

        Raises:
            BadFrequency: its bars do not add up to such bars.
        """
        wanted = Interval.parse(interval, name="interval")
        if wanted in (self.interval, DAY) and wanted.spans_sessions == self.interval.spans_sessions:
            return self  # also for minute bars: their sessions are available
        if not self.interval.makes_up(wanted):
            raise BadFrequency(no_such_bars(self.interval, wanted))
        if wanted not in self._resampled:
            self._resampled[wanted] = self._folded(wanted)
        return self._resampled[wanted]

    def sessions_only(self) -> PolarsDataPortal:
        """Return the same portal without its intraday bars: itself if it has none."""
        made = self if self.minutes is None and self.interval == DAY else self._copy(DAY)
        made._daily, made.minutes = self.daily, None  # noqa: SLF001 - a copy of ourselves
        made.further = self.further.without_bars()
        return made

    def _copy(self, interval: Interval) -> PolarsDataPortal:
        made = copy.copy(self)
        made.interval = interval
        made._fingerprint = None  # noqa: SLF001 - a copy of ourselves
        made._resampled = {}  # noqa: SLF001
        made._shared = SharedBars()  # noqa: SLF001
        return made

    def _folded(self, interval: Interval) -> PolarsDataPortal:
        made = self._copy(interval)
        if interval.intraday:
            assert self.minutes is not None
            grid = BarGrid(self.calendar, interval)
            made.minutes = fold_minutes(self.minutes, grid)
            made.further = self.further.folded_bars(grid.ends_of)
            return made
        days = self.calendar
        made.minutes = None
        made.calendar = calendar_through(days.name, days.label(self.last_session), interval)
        fold = PeriodFold(days, made.calendar)
        made._daily = fold.daily(self.daily, self.splits)  # noqa: SLF001 - a copy of ourselves
        made.further = self.further.folded_days(fold.periods_of)
        made.first_session = fold.session(self.first_session)
        made.last_session = fold.session(self.last_session)
        made.splits = tuple(fold.split(split) for split in self.splits)
        made.dividends = tuple(fold.dividend(paid, self.splits) for paid in self.dividends)
        made.assets = tuple(
            asset
            if asset.symbol in self._ends_given or asset.end_date == NO_END
            else replace(asset, **fold.end(asset.end_date))
            for asset in self.assets
        )
        made._name_assets()  # noqa: SLF001 - a copy of ourselves
        return made

    @classmethod
    def coerce(
        cls, data: object, *, frequency: str | Interval = "1d", calendar: str | None = None
    ) -> PolarsDataPortal:
        """Return `data` as a portal with bars of a frequency: a portal unchanged or
        resampled, other data as the bars of a new one.

        Args:
            data: A portal, or anything that `rbt.read` accepts.
            frequency: The bars wanted: "1m", "5m", "1h", "1d", "1w" and so on. A frame
                contains such bars, or shorter ones that add up to them.
            calendar: Name of the calendar; None uses the portal's, or "XNYS" for a
                frame.

        Raises:
            BadFrequency: the frequency is not an interval, or the data has no bars that
                add up to it.
            SettingsError: the portal's calendar differs from the one given.
            DataError: the frame cannot be used.
        """
        interval = Interval.parse(frequency)
        refuse_what_is_no_data(data)
        if not isinstance(data, cls):
            if must_be_read(data, interval, calendar):
                # A week that is dated on a Sunday may start or end there.
                default: Labels | None = None if interval.spans_sessions else "end"
                read = read_bars(data, calendar=calendar, labels_by_default=default)
                return cls.of_bars(read).at(interval)
            name = "XNYS" if calendar is None else calendar
            return cls._of_frame(data, interval, calendar=name)
        if calendar is not None and get_calendar(calendar).name != data.calendar.name:
            raise SettingsError(
                f"calendar must be that of the portal, {data.calendar.name}: was {calendar!r}; "
                "leave it out, or make the portal "
                f"with calendar={calendar!r}"
            )
        return data.at(interval)

    @classmethod
    def of_bars(cls, read: ReadBars) -> PolarsDataPortal:
        """Return the portal of bars that were read; identical duplicate rows count
        once.

        Raises:
            DataError: a bar is invalid.
        """
        interval = read.placed.interval
        name = "minute_bars" if interval.intraday else "bars"
        options: Any = {
            "calendar": read.placed.calendar,
            "interval": interval,
            "asset_class": read.placed.asset_class,
        }
        try:
            made = cls(**{"bars": None, name: read.source(), **options})
        except DuplicateBar:
            once = read.once()
            if once.frame.height == read.frame.height:
                raise
            read.intake.leave_out("the same row again", read.frame.height - once.frame.height)
            read.intake.rows_out = once.frame.height
            made = cls(**{"bars": None, name: once.source(), **options})
        made._intake = read.intake
        return made

    @property
    def shared(self) -> SharedBars:
        """The data shared by all runs over this portal."""
        return self._shared

    def report(self) -> DataReport:
        """Return what was read and its quality: rows in and out and why, interval,
        labels, zone, gaps, zero volumes, outliers, suspected splits, stale prices. A
        notebook displays it directly.
        """
        return report_of(self, self._intake)

    # Bars of a frame have the wanted interval, or are shorter and add up to it.
    @classmethod
    def _of_frame(cls, data: object, interval: Interval, *, calendar: str) -> PolarsDataPortal:
        there = interval
        if not interval.intraday:
            if interval.spans_sessions and has_shorter_rows(data, interval):
                there = DAY
            return cls(data, calendar=calendar, interval=there).at(interval)
        if interval != MINUTE and minutes_apart(data) % interval.minutes:
            there = MINUTE
        return cls(None, minute_bars=data, calendar=calendar, interval=there).at(interval)

    def asset(self, symbol: str) -> Equity:
        """Return an asset by its symbol, in upper or lower case.

        Raises:
            UnknownSymbol: no asset has this symbol; the message suggests the nearest.
            MultipleSymbolsFound: several symbols differ from this one only in case.
            TypeError: `symbol` is not a string.
        """
        return find_by_symbol(symbol, self._by_symbol, self._by_upper)

    @property
    def daily(self) -> pl.DataFrame:
        """All daily bars: `session`, `asset` (Int32), `open`, `high`, `low`, `close`,
        `volume` (Float64), sorted by session and asset.

        If there are only minute bars, they are built on first access.
        """
        if self._daily is None:
            assert self.minutes is not None
            self._daily = aggregate_by_session(self.minutes.whole())
        return self._daily

    def daily_between(self, first: int, last: int) -> pl.DataFrame:
        """Return the daily bars of some sessions; if there are only minute bars, only
        these are built, until all have been requested.
        """
        if self._daily is None:
            assert self.minutes is not None
            minutes = self.minutes.part(first, last)
            return aggregate_by_session(minutes) if len(minutes) else minutes.drop("us")
        return self._daily.filter(pl.col("session").is_between(first, last))

    def daily_sessions(self) -> list[int]:
        """Return the numbers of the sessions with daily bars, in order."""
        bars = self._daily
        if bars is None:
            assert self.minutes is not None
            bars = self.minutes.whole()
        sessions = bars["session"].to_numpy()
        changes = np.flatnonzero(sessions[1:] != sessions[:-1]) + 1
        firsts: list[int] = (
            sessions[np.append(0, changes)] if len(sessions) else sessions
        ).tolist()
        return firsts

    @property
    def minute(self) -> pl.DataFrame | None:
        """All minute bars: `us` (Int64, µs UTC), then the columns of `daily`, sorted by
        us and asset; None without minute bars.

        Bars that are not held in memory are read each time.
        """
        return None if self.minutes is None else self.minutes.whole()

    def to_frame(
        self,
        frequency: str | Interval | None = None,
        *,
        symbols: str | Iterable[str] | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        further: bool = False,
    ) -> pl.DataFrame:
        """Return bars in readable form, which a portal accepts.

        Args:
            frequency: "1d", "1m", or any interval that the bars add up to; by default
                "1d", or the bars' own interval if it is longer.
            symbols: A symbol or several, in upper or lower case; all by default.
            start: First session, a date or text like "2005-01-03"; by default the first
                with a bar.
            end: Last session; by default the last with a bar.
            further: Add the further columns of the source that are fields.

        Returns:
            `date` (Date, the session's label) or `timestamp` (Datetime µs UTC, the
            bar's END), `symbol` (String), `open`, `high`, `low`, `close`, `volume`
            (Float64), and further columns if requested; sorted by time, then by sid.
            Unadjusted, as they were given.

        Raises:
            BadFrequency: the frequency is not an interval, or there are no bars for it.
            UnknownSymbol: no asset has this symbol.
            InvalidSetting: `start` or `end` is not a date.
        """
        if frequency is None:
            frequency = self.interval if self.interval.spans_sessions else DAY
        interval = Interval.parse(frequency)
        other = self.at(interval)
        if other is not self:
            return other.to_frame(interval, symbols=symbols, start=start, end=end, further=further)
        labels = self.calendar.labels
        first, last = self.first_session, self.last_session
        if start is not None:
            first = max(
                first, int(np.searchsorted(labels, np.datetime64(as_label(start, "start"))))
            )
        if end is not None:
            last = min(
                last,
                int(np.searchsorted(labels, np.datetime64(as_label(end, "end")), side="right")) - 1,
            )
        wanted = None
        if symbols is not None:
            names = [symbols] if isinstance(symbols, str) else symbols
            wanted = pl.Series([self.asset(name).index for name in names], dtype=pl.Int32)
        if not interval.intraday or self.minutes is None:
            parts: Iterable[pl.DataFrame] = [
                self.daily.filter(pl.col("session").is_between(first, last))
            ]
        else:
            parts = [self.minutes.part(0, -1), *self.minutes.parts(first, last)]
        chosen = [
            part if wanted is None else part.filter(part["asset"].is_in(wanted.implode()))
            for part in parts
        ]
        return self._readable(pl.concat(chosen), further=further)

    def _readable(self, bars: pl.DataFrame, *, further: bool) -> pl.DataFrame:
        symbols = pl.Series("symbol", [asset.symbol for asset in self.assets], dtype=pl.String)
        if "us" not in bars.columns:
            time = pl.Series(
                "date", self.calendar.labels[bars["session"].to_numpy()], dtype=pl.Date
            )
        else:
            time = bars["us"].cast(pl.Datetime("us", "UTC")).alias("timestamp")
        beside = self.further.rows_of(bars) if further else []
        return bars.select(time, symbols.gather(bars["asset"]), *OHLCV, *beside)

    def fingerprint(self) -> str:
        """Return the SHA-256, in hex, of the normalised content: equal for equal data,
        whatever its source and row order.
        """
        if self._fingerprint is None:
            facts = facts_as_text(
                self.calendar.name,
                self.interval,
                assets=self.assets,
                splits=self.splits,
                dividends=self.dividends,
            )
            self._fingerprint = fingerprint(facts, self.daily, self.minutes, self.further)
        return self._fingerprint

    def __getitem__(self, name: object) -> NoReturn:
        """Raise an error that says where the requested bars are."""
        symbol = name if isinstance(name, str) else "AAPL"
        raise TypeError(
            f"a portal has no items: was {name!r:.40}; write {BARS_OF.format(symbol)}, or "
            "portal.to_frame() for all bars"
        )

    __getattr__ = answering(PORTAL_WORDS, of_symbol=BARS_OF)

    def __repr__(self) -> str:
        minutes = "" if self.minutes is None else f", {self.minutes.height} {self._kind} bars"
        first, last = (
            self.calendar.label(self.first_session),
            self.calendar.label(self.last_session),
        )
        days = self.interval.text if self.interval.spans_sessions else "daily"
        return (
            f"PolarsDataPortal({len(self.assets)} assets, {self.daily.height} {days} "
            f"bars{minutes}, "
            f"{first} to {last}, "
            f"calendar {self.calendar.name})"
        )

    @property
    def _kind(self) -> str:
        return "minute" if self.interval in (MINUTE, DAY) else self.interval.text
