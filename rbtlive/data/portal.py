"""The data a run knows from the start: bars, assets, splits, dividends, and the calendar they live by.

The rule: a portal is checked and normalised when it is made, and never changes.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any, Literal

import polars as pl

from rbtlive.data.calendar import TradingCalendar, get_calendar
from rbtlive.data.corporate import (
    Dividend,
    Split,
    Table,
    make_assets,
    make_dividends,
    make_splits,
    read_assets,
    read_dividends,
    read_splits,
    unknown_symbol_words,
)
from rbtlive.data.schema import TypedBars, aggregate_by_session, daily_frame, minute_frame, typed_bars
from rbtlive.errors import (
    BadFrequency,
    EmptyData,
    MultipleSymbolsFound,
    NotAFrame,
    OutsideCalendar,
    SettingsError,
    UnknownSymbol,
)
from rbtlive.model.asset import Equity
from rbtlive.model.number import plain_text

# A later date in data is a slip of the pen, not a reason to compute a calendar that far.
_LAST = date(2100, 12, 31)

NO_END = date(9999, 12, 31)
"""The end of an asset that has none."""


class PolarsDataPortal:
    """Bars of many assets, checked, with what is known of the assets.

    Frames may be polars (eager or lazy) or pandas, or paths to Parquet or CSV; long form, rows in any order, further columns
    ignored. A row whose close is NaN or null is a missing bar.

    Args:
        bars: Daily bars: `date` (the session's label) or `timestamp` (UTC, the bar's END), `symbol`, `open`, `high`, `low`,
            `close`, `volume`. May be None if there are minute bars; daily bars are then theirs, aggregated by session.
        minute_bars: Minute bars: `timestamp` (UTC, the bar's END; without a time zone taken as UTC) and the same columns. Bars
            outside the calendar's minutes are left out with a `DataWarning`.
        assets: `symbol`, and if wanted `sid`, `start_date`, `end_date`, `auto_close_date`, `lot_size`, `tick_size`. What is
            missing or null takes its default: sids in sorted symbol order, start and end the first and last bar, auto-close
            the day after the end, lots of 1, ticks of 0.01.
        splits: `symbol`, `effective_date`, `ratio` (new price / old price: 0.5 is two for one).
        dividends: `symbol`, `ex_date`, `pay_date` (null: never paid), `amount` (money a share).
        calendar: Name of the exchange's calendar, e.g. "XNYS" or "24/7".

    Attributes:
        calendar: The calendar, reaching at least to the last date in the data.
        assets: All assets in the order of their sids; `asset.index` is the place here.
        daily: `session`, `asset` (Int32), `open`, `high`, `low`, `close`, `volume` (Float64), sorted by session and asset.
        minute: The same behind `us` (Int64, µs UTC), sorted by us and asset; None without minute bars.
        splits: All splits.
        dividends: All dividends.
        first_session: Number of the first session with a bar.
        last_session: Number of the last session with a bar.

    Raises:
        DataError: one of its subclasses; it names column, row and value, what was expected and what to do.
    """

    __slots__ = (
        "_by_symbol", "_by_upper", "_ends_given", "_fingerprint", "assets", "calendar", "daily", "dividends", "first_session", "last_session",
        "minute", "splits",
    )  # fmt: skip

    def __init__(
        self, bars: Any, *, minute_bars: Any = None, assets: Any = None, splits: Any = None, dividends: Any = None,
        calendar: str = "XNYS",
    ) -> None:  # fmt: skip
        get_calendar(calendar)  # a wrong name is told before a long look at the bars
        daily = None if bars is None else typed_bars(bars, what="bars")
        minute = None if minute_bars is None else typed_bars(minute_bars, what="minute_bars")
        tables = (
            None if assets is None else read_assets(assets),
            None if splits is None else read_splits(splits),
            None if dividends is None else read_dividends(dividends),
        )
        self.calendar: TradingCalendar = _calendar_through(calendar, [daily, minute, *tables[1:]])
        symbols = _symbols(daily, minute)
        code = {symbol: number for number, symbol in enumerate(symbols)}
        frames: list[pl.DataFrame] = []
        if daily is not None:
            frames.append(daily_frame(daily, calendar=self.calendar, asset_of=code))
        if minute is not None:
            frames.append(minute_frame(minute, calendar=self.calendar, asset_of=code))

        life = _life(frames, symbols, self.calendar)
        self.assets: tuple[Equity, ...] = make_assets(tables[0], life, exchange=self.calendar.name)
        self._ends_given = frozenset(
            row["symbol"]
            for row in ([] if tables[0] is None else tables[0].rows())
            if row.get("end_date") is not None
        )
        self._name_assets()
        frames = [_indexed(frame, [self._by_symbol.get(symbol) for symbol in symbols]) for frame in frames]
        self.minute: pl.DataFrame | None = None if minute is None else frames[-1]
        self.daily: pl.DataFrame = aggregate_by_session(frames[-1]) if daily is None else frames[0]
        index = {asset.symbol: asset.index for asset in self.assets}
        self.splits: tuple[Split, ...] = make_splits(tables[1], index=index, calendar=self.calendar)
        self.dividends: tuple[Dividend, ...] = make_dividends(tables[2], index=index, calendar=self.calendar)
        self.first_session = min(int(frame["session"][0]) for frame in frames)
        self.last_session = max(int(frame["session"][-1]) for frame in frames)
        self._fingerprint: str | None = None

    def _name_assets(self) -> None:
        self._by_symbol = {asset.symbol: asset for asset in self.assets}
        self._by_upper: dict[str, list[Equity]] = {}
        for asset in self.assets:
            self._by_upper.setdefault(asset.symbol.upper(), []).append(asset)

    def without_end(self) -> PolarsDataPortal:
        """Return the same portal for a feed that goes on: assets end only where their end was given."""
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

    @classmethod
    def coerce(
        cls, data: Any, *, frequency: Literal["1d", "1m"] = "1d", calendar: str | None = None
    ) -> PolarsDataPortal:
        """Return `data` as a portal: a portal as it is, anything else as the bars of a new one.

        Args:
            data: A portal, a frame, or a path.
            frequency: "1d" or "1m": what kind of bars a frame holds.
            calendar: Name of the calendar; None is that of the portal, or "XNYS" for a frame.

        Raises:
            BadFrequency: the frequency is neither, or minutes are wanted of a portal without minute bars.
            SettingsError: a portal lives by another calendar than the one named.
            DataError: the frame cannot be used.
        """
        if frequency not in ("1d", "1m"):
            raise BadFrequency(f"frequency must be '1d' or '1m': was {frequency!r}; pass one of them")
        if data is None:
            raise NotAFrame(
                "data must be a portal, a frame or a path: was None; pass e.g. load_sample('us-daily')"
            )
        if not isinstance(data, cls):
            name = "XNYS" if calendar is None else calendar
            return (
                cls(None, minute_bars=data, calendar=name) if frequency == "1m" else cls(data, calendar=name)
            )
        if calendar is not None and get_calendar(calendar).name != data.calendar.name:
            raise SettingsError(
                f"calendar must be that of the portal, {data.calendar.name}: was {calendar!r}; leave it out, or make the portal "
                f"with calendar={calendar!r}"
            )
        if frequency == "1m" and data.minute is None:
            raise BadFrequency(
                "frequency must be '1d' for a portal without minute bars: was '1m'; pass minute_bars= to the portal"
            )
        return data

    def asset(self, symbol: str) -> Equity:
        """Return an asset by its symbol, in upper or lower case.

        Raises:
            UnknownSymbol: there is no such asset; the message suggests the nearest.
            MultipleSymbolsFound: several symbols differ from this one only in case.
            TypeError: `symbol` is no text.
        """
        if not isinstance(symbol, str):
            raise TypeError(
                f"symbol must be text: was {symbol!r} ({type(symbol).__name__}); pass e.g. 'AAPL'"
            )
        exact = self._by_symbol.get(symbol)
        if exact is not None:
            return exact
        alike = self._by_upper.get(symbol.upper(), [])
        if len(alike) > 1:
            names = " and ".join(asset.symbol for asset in alike)
            raise MultipleSymbolsFound(
                f"symbol must mean one asset: was {symbol!r}, which may be {names}; write it as the data does"
            )
        if not alike:
            raise UnknownSymbol(unknown_symbol_words(symbol, self._by_symbol, where="the portal"))
        return alike[0]

    def fingerprint(self) -> str:
        """Return the SHA-256, in hex, of the normalised content: equal for equal data, whatever its source and row order."""
        if self._fingerprint is None:
            digest = hashlib.sha256()
            for line in self._facts():
                digest.update(line.encode() + b"\n")
            for frame in (self.daily, self.minute):
                for column in [] if frame is None else frame.get_columns():
                    digest.update(f"{column.name} {column.dtype} {len(column)}\n".encode())
                    digest.update(_bytes(column))
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def __repr__(self) -> str:
        minutes = "" if self.minute is None else f", {self.minute.height} minute bars"
        first, last = self.calendar.label(self.first_session), self.calendar.label(self.last_session)
        return (
            f"PolarsDataPortal({len(self.assets)} assets, {self.daily.height} daily bars{minutes}, {first} to {last}, "
            f"calendar {self.calendar.name})"
        )

    def _facts(self) -> list[str]:
        lines = [f"portal 1 {self.calendar.name}"]
        lines += [
            f"asset {a.sid} {a.symbol!r} {a.start_date} {a.end_date} {a.auto_close_date} {plain_text(a.lot_size)} {plain_text(a.tick_size)}"
            for a in self.assets
        ]
        lines += [f"split {s.asset} {s.session} {plain_text(s.ratio)}" for s in self.splits]
        lines += [
            f"dividend {d.asset} {d.ex_date} {d.pay_date} {plain_text(d.amount)}" for d in self.dividends
        ]
        return lines


def _symbols(*bars: TypedBars | None) -> list[str]:
    names: set[str] = set()
    for one in bars:
        if one is not None:
            names.update(one.frame["symbol"].unique())
    if not names:
        raise EmptyData("bars or minute_bars must be given: were both None; pass a frame or a path")
    return sorted(names)


# Where a calendar is not known far enough, the rows beyond it are what is wrong, and are named when their turn comes.
def _calendar_through(name: str, parts: Iterable[TypedBars | Table | None]) -> TradingCalendar:
    ends = [part.last_date() for part in parts if part is not None]
    try:
        return get_calendar(
            name, through=min(_LAST, max((day for day in ends if day is not None), default=date.min))
        )
    except OutsideCalendar:
        return get_calendar(name)


def _life(
    frames: list[pl.DataFrame], symbols: list[str], calendar: TradingCalendar
) -> dict[str, tuple[date, date]]:
    spans = pl.concat([frame.select("asset", "session") for frame in frames]).group_by("asset").agg(
        first=pl.col("session").min(), last=pl.col("session").max()
    )  # fmt: skip
    return {
        symbols[row["asset"]]: (calendar.label(row["first"]), calendar.label(row["last"]))
        for row in spans.iter_rows(named=True)
    }


# Frames are checked before assets are known, so they come numbered by symbol; sids may say another order. A symbol whose
# bars were all left out has no asset, and no row either.
def _indexed(frame: pl.DataFrame, assets: list[Equity | None]) -> pl.DataFrame:
    places = [-1 if asset is None else asset.index for asset in assets]
    if places == list(range(len(places))):
        return frame
    time = frame.columns[0]
    renamed = frame.with_columns(pl.Series(places, dtype=pl.Int32).gather(frame["asset"]).alias("asset"))
    return renamed.sort(time, "asset").rechunk()


def _bytes(column: pl.Series) -> bytes:
    values = column.to_numpy()
    if values.dtype.kind == "f":
        values = values + 0.0  # so that -0.0 and 0.0 are the same data
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
