"""Check whether data in the documented long form really is: end-stamped, in UTC, on the
calendar; otherwise it is read like any other shape.

The rule: the long form is trusted unless the calendar contradicts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.checking.frames import READ_ERRORS, parquet_files, read_frame, scan_files
from rbtlive.data.checking.pandas_columns import is_pandas
from rbtlive.data.checking.schema import distinct_symbols
from rbtlive.data.reading import fit
from rbtlive.data.reading.long_bars import are_weekends
from rbtlive.errors import DataError, NotAFrame
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset_class import common_class
from rbtlive.model.bar import OHLCV
from rbtlive.model.interval import DAY, DAY_US, MINUTE, Interval

_TIMES: Final = ("date", "timestamp")

_FIRST_WEEKDAY: Final = 3
"""1 January 1970 was a Thursday: three days after a Monday."""
_MANY: Final = 10
"""With this many bars that are weeks apart, they are weekly bars."""


def refuse_what_is_no_data(data: object) -> None:
    """Raise an error for a value that cannot be bars in any form.

    Raises:
        NotAFrame: nothing was passed, or a class, as if the strategy were the second
            argument.
    """
    was = "None; pass e.g. load_sample('us-daily')"
    if isinstance(data, type):
        name = data.__name__
        was = f"the class {name}; the strategy comes first, e.g. backtest({name}, bars)"
    elif data is not None:
        return
    raise NotAFrame(f"data must be a portal, a frame or a path: was {was}")


def must_be_read(source: object, interval: Interval, calendar: str | None) -> bool:
    """Say whether a source must be read, or is in the documented long form.

    Args:
        source: Any source except a portal.
        interval: The run's interval.
        calendar: The calendar, if the user named one.
    """
    names = _names(source)
    if names is None or not _is_long(names, interval):
        return True
    if isinstance(source, (str, Path, pl.LazyFrame)):
        return interval == DAY and "date" in names and _has_weeks(source)
    time = "timestamp" if interval.intraday or "date" not in names else "date"
    try:
        frame = read_frame(source, what="bars", wanted=(time, "symbol"))
    except DataError:
        return False  # the portal reports the error
    if interval == DAY and _has_zero_opens(source):
        return True  # which mean a missing price
    if interval.spans_sessions and _are_dated_on_weekends(frame[time], interval):
        return True  # which may be either end
    return _contradicted(frame, time, interval, calendar)


def _are_dated_on_weekends(column: pl.Series, interval: Interval) -> bool:
    if not isinstance(column.dtype, (pl.Date, pl.Datetime)):
        return False
    return are_weekends(_distinct_us(column) // DAY_US, interval)


def _has_zero_opens(source: object) -> bool:
    try:
        opens = read_frame(source, what="bars", wanted=("open", "close"))
        column = opens["open"]
        if column.dtype == pl.Float64:
            return bool((column.to_numpy() == 0.0).any())
        return bool(opens.select((pl.col("open") == 0.0).any()).item())
    except (DataError, *READ_ERRORS):
        return False  # the portal reports the error


def _is_long(names: set[str], interval: Interval) -> bool:
    times = ("timestamp",) if interval.intraday else _TIMES
    return {"symbol", *OHLCV} <= names and bool(names & set(times))


def _names(source: Any) -> set[str] | None:
    if isinstance(source, pl.DataFrame):
        return set(source.columns)
    if isinstance(source, pl.LazyFrame):
        return set(source.collect_schema().names())
    if is_pandas(source):
        if source.columns.nlevels > 1:
            return None
        return {str(name) for name in [*source.columns, *source.index.names]}
    if isinstance(source, (str, Path)):
        return _names_of_path(source)
    return None


def _names_of_path(source: str | Path) -> set[str] | None:
    files = parquet_files(source)
    try:
        lazy = _scanned(source, files)
        return None if lazy is None else set(lazy.collect_schema().names())
    except READ_ERRORS:
        return None if not files else {"symbol", *OHLCV, *_TIMES}


def _scanned(source: str | Path, files: Sequence[Path]) -> pl.LazyFrame | None:
    if files:
        return scan_files(files, below=Path(source))
    if str(source).lower().endswith((".csv", ".csv.gz", ".csv.zst")):
        return pl.scan_csv(source, infer_schema=False, glob=False)
    return None


# Only one column of a file is read for this.
def _has_weeks(source: str | Path | pl.LazyFrame) -> bool:
    try:
        if not isinstance(source, pl.LazyFrame):
            scanned = _scanned(source, parquet_files(source))
            if scanned is None:
                return False
            source = scanned
        dates = source.select(pl.col("date").unique()).collect().to_series()
    except READ_ERRORS:
        return False  # the portal reports the error
    if dates.dtype == pl.String:
        dates = dates.str.to_date("%Y-%m-%d", strict=False)
    return not dates.null_count() and _are_longer_than_days(dates)


def _contradicted(frame: pl.DataFrame, time: str, interval: Interval, calendar: str | None) -> bool:
    column = frame[time]
    if frame.is_empty() or column.null_count():
        return False
    if interval == DAY and _are_longer_than_days(column):
        return True  # weekly bars read as daily ones would be full of gaps
    own_class = _class(frame) if calendar is None else None
    name = calendar or {"crypto": "24/7", "fx": "24/5"}.get(str(own_class), "XNYS")
    if name != "XNYS" and calendar is None:
        return True
    exchange = get_calendar(name)
    if isinstance(column.dtype, pl.Datetime) and time == "timestamp":
        us = _distinct_us(column)
        if interval.intraday:
            # Bars with gaps seem longer than they are, so stamps that fit minutes
            # contradict nothing.
            grids = (BarGrid(exchange, _actual(us, interval)), BarGrid(exchange, MINUTE))
            return all(_stamps_contradict(us, grid) for grid in grids)
        symbols = frame["symbol"].n_unique()
        if _has_parts_of_days(us, frame.height // max(symbols, 1)):
            return True
        labels = exchange.sessions_of_labels((us // DAY_US).astype("datetime64[D]")) >= 0
        inside = (exchange.sessions_of_us(us) >= 0) | ((us % DAY_US == 0) & labels)
        return bool((~inside).any())
    if calendar is not None or interval.intraday:
        return False
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        if column.dtype == pl.Date:
            days = (column.cast(pl.Int32).to_numpy() + _FIRST_WEEKDAY) % 7 + 1
        else:
            days = column.dt.weekday().to_numpy()
        return float((days > 5).mean()) > 0.15
    return False


# Uses all symbols together: days with gaps are not weeks.
def _are_longer_than_days(column: pl.Series) -> bool:
    if not isinstance(column.dtype, (pl.Date, pl.Datetime)):
        return False
    us = _distinct_us(column)
    if len(us) < _MANY:
        return False
    found = fit.interval_of_step(fit.usual_step(us, np.zeros(len(us), dtype=np.int32)))
    return found is not None and found.spans_sessions


# In any order.
def _distinct_us(column: pl.Series) -> NDArray[np.int64]:
    us = column.cast(pl.Datetime("us")).cast(pl.Int64)
    values: NDArray[np.int64] = us.to_numpy()
    return values if (values[1:] > values[:-1]).all() else us.unique().to_numpy()


# A symbol has more than twice as many bars as there are days.
def _has_parts_of_days(us: NDArray[np.int64], bars: int) -> bool:
    return bars > 2 * len(np.unique(us // DAY_US))


# Shorter bars than wanted are combined, so their own length counts.
def _actual(us: NDArray[np.int64], interval: Interval) -> Interval:
    found = fit.interval_of_step(fit.usual_step(us, np.zeros(len(us), dtype=np.int32)))
    return found if found is not None and found.intraday and found.makes_up(interval) else interval


def _stamps_contradict(us: NDArray[np.int64], grid: BarGrid) -> bool:
    if grid.calendar.name == "24/7":
        return fit.by_whole_days(us, grid.interval.us) == "start"
    if len(us) < 60:
        return False
    outside = float((fit.ends_of(us, grid, "end") < 0).mean())
    if outside == 0:
        return False
    return outside > fit.LOSS or bool((fit.ends_of(us, grid, "start") >= 0).all())


def _class(frame: pl.DataFrame) -> str | None:
    column = frame["symbol"]
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return None
    texts = column.cast(pl.String)
    return common_class(distinct_symbols(texts.drop_nulls() if texts.null_count() else texts))
