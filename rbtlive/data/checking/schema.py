"""The schema of bars, and frames in that schema: checked, numbered, sorted.

The rule: whole columns are checked at once, and the first bad row is looked up only
after a column fails.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from math import inf
from typing import Any, Final, Literal

import polars as pl

from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.checking.frames import require_columns
from rbtlive.data.checking.off_calendar_bars import LeftOut
from rbtlive.data.checking.typed_columns import (
    date_column,
    instant_column,
    number_column,
    refuse_null,
    symbol_column,
)
from rbtlive.data.columns.found import ROW, FoundColumns, read_beside
from rbtlive.data.reading import fit
from rbtlive.data.reading.suggesting import days_after, exchange_of_dates
from rbtlive.errors import (
    BarOutsideSession,
    DataError,
    DuplicateBar,
    EmptyData,
    HighBelowLow,
    InvalidPrice,
    InvalidVolume,
    MissingValue,
)
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import OHLCV, PRICES
from rbtlive.model.interval import DAY_US, MINUTE_US

COLUMNS: Final = ("date", "timestamp", "symbol", *OHLCV)
"""The columns read from a source of bars."""

_LONGEST_ROUND: Final = 10_000
_ENOUGH_DAYS: Final = 10
_MANY: Final = 0.1  # of the rows
_RETURNS: Final = (
    "these look like returns: pass prices, e.g. source = (1 + source).cumprod() of daily returns"
)
"""This many dates are enough to identify a calendar."""

Kind = Literal["bars", "minute_bars"]


@dataclass(frozen=True, slots=True)
class TypedBars:
    """Bars with valid values, before their calendar and assets are known.

    Attributes:
        what: "bars" or "minute_bars".
        frame: `date` (Date) or `timestamp` (Int64, µs UTC), `symbol` (String), the five
            fields (Float64), and `ROW` if there are further columns; without missing
            bars.
        found: The further columns of the source; None if it has none.
    """

    what: Kind
    frame: pl.DataFrame
    found: FoundColumns | None = None

    @property
    def time_column(self) -> str:
        """The time column of the frame, "date" or "timestamp"."""
        return self.frame.columns[0]

    @property
    def values(self) -> tuple[str, ...]:
        """The columns other than time and symbol."""
        return (*OHLCV, ROW) if ROW in self.frame.columns else OHLCV

    def last_date(self) -> date:
        """Return the latest date, UTC."""
        last: Any = self.frame[self.time_column].max()
        return last if isinstance(last, date) else datetime_of(last).date()


def typed_bars(source: object, *, what: Kind) -> TypedBars:
    """Read bars and check every value.

    Args:
        source: A frame or path; `date` or `timestamp` (daily), `timestamp` (minutes),
            `symbol` and the five fields.
        what: "bars" for daily, "minute_bars" for minute bars.

    Raises:
        DataError: one of its subclasses, naming column, row and value.
    """
    raw, found = read_beside(source, what=what, wanted=COLUMNS)
    time_name = _time_name(raw, what)
    require_columns(raw, (time_name, "symbol", *OHLCV), what=what, source=source)
    bars = typed_part(raw, what=what)
    if bars is None:
        raise EmptyData(f"{what} must have at least one bar with a close: was empty; pass bars")
    return bars if found is None else replace(bars, found=found)


def _time_name(raw: pl.DataFrame, what: Kind) -> str:
    daily = what == "bars" and ("date" in raw.columns or "timestamp" not in raw.columns)
    return "date" if daily else "timestamp"


def typed_part(raw: pl.DataFrame, *, what: Kind) -> TypedBars | None:
    """Check every value of a frame that has all columns; None if no bar has a close.

    Raises:
        DataError: one of its subclasses, naming column, row and value.
    """
    time_name = _time_name(raw, what)
    closes = number_column(raw, "close", what=what)
    if closes.null_count() or np.isnan(closes.to_numpy()).any():
        raw = raw.filter(closes.is_not_null() & closes.is_not_nan())
    if raw.is_empty():
        return None
    refuse_null(raw, time_name, what=what)
    symbols = symbol_column(raw, what=what)
    if time_name == "date":
        times = date_column(raw, "date", what=what)
    elif what == "bars" and raw.schema["timestamp"] == pl.Date:
        times = raw["timestamp"].alias("date")
    else:
        times = instant_column(raw, "timestamp", what=what)
    numbers = [number_column(raw, name, what=what) for name in OHLCV]
    rows = [raw[ROW]] if ROW in raw.columns else []
    bars = TypedBars(what, pl.DataFrame([times, symbols, *numbers, *rows]))
    _check_values(bars)
    return bars


def _check_values(bars: TypedBars) -> None:
    if not _all_possible(bars.frame):
        _refuse_first(bars)


# A tenth of the cost of the single rules. A comparison with NaN is False, and the
# extremes of values that include NaN are NaN.
def _all_possible(frame: pl.DataFrame) -> bool:
    if any(frame[name].null_count() for name in OHLCV):
        return False
    columns = {name: frame[name].to_numpy() for name in OHLCV}
    return all(
        bool(values.min() >= 0) and bool(values.max() < inf) for values in columns.values()
    ) and bool((columns["high"] >= columns["low"]).all())


def _refuse_first(bars: TypedBars) -> None:
    rules: list[tuple[type[DataError], str, pl.Expr, str, str]] = []
    for name in OHLCV:
        column = pl.col(name)
        rules.append(
            (
                MissingValue,
                name,
                column.is_null() | column.is_nan(),
                "be there where the bar has a close",
                "fill it, or make the close null to mark the bar as missing",
            )
        )
    for name in PRICES:
        column = pl.col(name)
        rules.append(
            (
                InvalidPrice,
                name,
                (column < 0) | column.is_infinite(),
                "be finite and not negative",
                "correct it, or make the close null to mark the bar as missing",
            )
        )
    rules.append(
        (
            InvalidVolume,
            "volume",
            (pl.col("volume") < 0) | pl.col("volume").is_infinite(),
            "be finite and not negative",
            "correct it; 0 means that nothing traded",
        )
    )
    rules.append(
        (
            HighBelowLow,
            "high",
            pl.col("high") < pl.col("low"),
            "not be below low",
            "correct the bar",
        )
    )
    counts = bars.frame.select(
        rule[2].sum().alias(str(number)) for number, rule in enumerate(rules)
    ).row(0)
    for count, (error, name, broken, expected, do) in zip(counts, rules, strict=True):
        if count:
            looks_odd = error is InvalidPrice and count > _MANY * bars.frame.height
            remedy = _RETURNS if looks_odd else do
            raise error(
                _first_broken(
                    bars, name, broken=broken, expected=expected, do=remedy, count=int(count)
                )
            )


def _first_broken(
    bars: TypedBars, name: str, *, broken: pl.Expr, expected: str, do: str, count: int
) -> str:
    row = bars.frame.filter(broken).row(0, named=True)
    was = "null" if row[name] is None else repr(row[name])
    if "below low" in expected:
        was = f"{was} with low {row['low']!r}"
    more = f" ({count} rows in all)" if count > 1 else ""
    return f"{name} must {expected}: was {was} in {bars.what} for {_named(row)}{more}; {do}"


def _named(row: dict[str, Any]) -> str:
    when = (
        row["date"] if "date" in row else f"{datetime_of(row['timestamp']):%Y-%m-%d %H:%M:%S} UTC"
    )
    return f"{row['symbol']} on {when}"


def daily_frame(
    bars: TypedBars, *, calendar: TradingCalendar, asset_of: dict[str, int]
) -> pl.DataFrame:
    """Return daily bars with numbered sessions and assets.

    Returns:
        session (Int32), asset (Int32), the five fields (Float64), `ROW` if the bars
        have it; sorted by session, then asset.

    Raises:
        BarOutsideSession: a bar's date is not a session of the calendar.
        DuplicateBar: two bars have the same session and symbol.
    """
    sessions = _daily_sessions(bars, calendar)
    if (sessions < 0).any():
        row = bars.frame.row(int((sessions < 0).argmax()), named=True)
        raise BarOutsideSession(
            f"date must be a session of {calendar.name}: was {_named(row)} in bars "
            f"({int((sessions < 0).sum())} rows are not sessions; "
            f"sessions are known from {calendar.label(0)} to {calendar.label(len(calendar) - 1)}); "
            f"{_cause_of_days(bars, sessions, calendar)}"
        )
    assets = asset_column(bars.frame["symbol"], asset_of)
    values = [bars.frame[name] for name in bars.values]
    frame = pl.DataFrame([pl.Series("session", sessions), assets, *values])
    if _in_order(frame["session"], frame["asset"]):
        return frame.rechunk()
    key = frame["session"].cast(pl.Int64) * len(asset_of) + frame["asset"]
    return _sorted_by(frame, key, bars=bars)


def _cause_of_days(bars: TypedBars, sessions: NDArray[np.int32], calendar: TradingCalendar) -> str:
    usual = 'leave such rows out, or pass calendar="24/7" for what trades every day'
    few = int((sessions < 0).sum()) <= fit.LOSS * len(sessions)
    if few or bars.time_column != "date":
        return usual
    days = np.unique(bars.frame["date"].to_numpy().astype("datetime64[D]"))
    if days_after(days.astype(np.int64), calendar) == 1:
        return (
            "the dates look like those of the midnights that end the bars; write: "
            "rbt.read(bars), which takes them a day earlier"
        )
    if len(days) < _ENOUGH_DAYS:
        return usual
    found = exchange_of_dates(bars.frame["date"].cast(pl.Int32).to_numpy(), bars.frame["symbol"])
    return usual if found is None else f'{found[1]}; pass calendar="{found[0]}"'


def minute_frame(bars: TypedBars, *, grid: BarGrid, asset_of: dict[str, int]) -> pl.DataFrame:
    """Return intraday bars with numbered sessions and assets; bars that do not end
    where the calendar's do are left out with a warning.

    Returns:
        us (Int64: END of the bar, µs UTC), session (Int32), asset (Int32), the five
        fields (Float64), `ROW` if the bars have it; sorted by us, then asset.

    Raises:
        RowsLost: more than 1 % of the bars would be left out.
        DuplicateBar: two bars have the same time and symbol.
    """
    frame, outside = numbered_minutes(bars, grid=grid)
    if outside.count:
        outside.judge(grid)
    assets = asset_column(frame["symbol"], asset_of)
    numbers = frame.get_columns()
    frame = pl.DataFrame([*numbers[:2], assets, *numbers[3:]])
    if _in_order(frame["us"], frame["asset"]):
        return frame.rechunk()
    key = (frame["us"] // MINUTE_US) * len(asset_of) + frame["asset"]
    return _sorted_by(frame, key, bars=bars)


def numbered_minutes(bars: TypedBars, *, grid: BarGrid) -> tuple[pl.DataFrame, LeftOut]:
    """Return the intraday bars that end where the calendar's do, in order, and the bars
    left out.

    Returns:
        us (Int64), session (Int32), symbol, the five fields, `ROW` if the bars have it;
        and the bars outside.
    """
    us, *columns = (bars.frame[name] for name in ("timestamp", "symbol", *bars.values))
    sessions = grid.sessions_of_ends(us.to_numpy())
    frame = pl.DataFrame([us.alias("us"), pl.Series("session", sessions), *columns])
    inside = sessions >= 0
    if inside.all():
        return frame, LeftOut(total=len(inside))
    first = _named(bars.frame.row(int((~inside).argmax()), named=True))
    left_out = LeftOut.of(frame["us"].to_numpy(), sessions, grid=grid, first=first)
    return frame.filter(pl.Series(inside)), left_out


# A daily bar's timestamp is its END; midnight outside any session can only mean the
# label itself.
def _daily_sessions(bars: TypedBars, calendar: TradingCalendar) -> NDArray[np.int32]:
    times = bars.frame[bars.time_column].to_numpy()
    if bars.time_column == "date":
        return calendar.sessions_of_labels(times.astype("datetime64[D]"))
    sessions = calendar.sessions_of_us(times)
    label = (sessions < 0) & (times % DAY_US == 0)
    sessions[label] = calendar.sessions_of_labels((times[label] // DAY_US).astype("datetime64[D]"))
    return sessions


def asset_column(symbols: pl.Series, asset_of: dict[str, int]) -> pl.Series:
    """Return the number of each symbol as `asset` (Int32)."""
    if len(asset_of) == 1:
        (only,) = asset_of.values()
        return pl.Series("asset", np.full(len(symbols), only, dtype=np.int32))
    codes = first_round(symbols).cast(pl.Enum(list(asset_of))).to_physical()
    places = pl.Series("asset", list(asset_of.values()), dtype=pl.Int32).gather(codes)
    if len(places) == len(symbols):
        return places
    rounds = np.empty((-(-len(symbols) // len(places)), len(places)), dtype=np.int32)
    rounds[:] = places.to_numpy()
    return pl.Series("asset", rounds.reshape(-1)[: len(symbols)])


def distinct_symbols(symbols: pl.Series) -> list[str]:
    """Return the different symbols of a column without nulls."""
    few = first_round(symbols)
    few = few if len(few) <= _LONGEST_ROUND else few.unique()
    return list(dict.fromkeys(few.to_list()))


def first_round(symbols: pl.Series) -> pl.Series:
    """Return the symbols up to the point where they repeat: all of them, unless they
    cycle.

    The symbols of one asset's bars cycle, and so do those of several if each has a bar
    at every time: then a few names suffice.
    """
    if symbols.is_empty():
        return symbols
    again = symbols.slice(1, _LONGEST_ROUND) == symbols[0]
    rest = int(again.arg_max() or 0) + 1 if again.any() else len(symbols)
    before = symbols[0] if rest == 1 else symbols.slice(0, len(symbols) - rest)
    return symbols.head(rest) if (symbols.slice(rest) == before).all() else symbols


# Whether rows are sorted by time, then asset, without duplicates: then nothing has to
# be done.
def _in_order(times: pl.Series, assets: pl.Series) -> bool:
    time, asset = times.to_numpy(), assets.to_numpy()
    later = time[1:] > time[:-1]
    return bool(later.all()) or bool(
        (later | ((time[1:] == time[:-1]) & (asset[1:] > asset[:-1]))).all()
    )


def _sorted_by(frame: pl.DataFrame, key: pl.Series, *, bars: TypedBars) -> pl.DataFrame:
    if not key.is_sorted():
        frame = frame.with_columns(key.alias("key")).sort("key", maintain_order=True)
        key = frame["key"]
        frame = frame.drop("key")
    again = (key == key.shift(1)).fill_null(value=False)
    if again.any():
        raise DuplicateBar(first_duplicate(bars, int(again.sum())))
    return frame.rechunk()


def first_duplicate(bars: TypedBars, count: int) -> str:
    """Return the message for `count` bars whose time and symbol another bar has too."""
    keys = [bars.time_column, "symbol"]
    twice = bars.frame.filter(pl.struct(keys).is_duplicated())
    if twice.is_empty():  # two timestamps within one session
        return (
            f"bars must hold one row a session and symbol: {count:,} rows are too many; if they "
            "are parts of days, pass rbt.read(bars), which makes days of them"
        )
    row = twice.row(0, named=True)
    closes = twice.filter((pl.col(keys[0]) == row[keys[0]]) & (pl.col("symbol") == row["symbol"]))[
        "close"
    ].to_list()
    more = f" ({count} rows are too many)" if count > 1 else ""
    return (
        f"({bars.time_column}, symbol) must be unique in {bars.what}: was there {len(closes)} "
        f"times for {_named(row)}, "
        f"with close {', '.join(map(repr, closes[:3]))}{more}; keep one, e.g. "
        f"frame.unique(['{bars.time_column}', 'symbol'])"
    )
