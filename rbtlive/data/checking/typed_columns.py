"""Convert columns of symbols, numbers, dates and times to one type each.

The rule: a value is either read exactly or refused with an error that names column, row
and value. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any, Final

import polars as pl

from rbtlive.data.calendars.calendar import us_of
from rbtlive.errors import MissingValue, WrongColumnType

TIME_COLUMNS: Final = ("date", "timestamp", "effective_date", "ex_date")


def row_words(frame: pl.DataFrame, row: int) -> str:
    """Return words that name a row: its symbol and its date or time, as far as
    known.
    """
    symbol = frame["symbol"][row] if "symbol" in frame.columns else None
    times = [name for name in TIME_COLUMNS if name in frame.columns]
    when = frame[times[0]][row] if times else None
    if symbol is None and when is None:
        return f"row {row}"
    who = "an unknown symbol" if symbol is None else str(symbol)
    if not times:
        return who
    if isinstance(when, datetime):
        return f"{who} on {when:%Y-%m-%d %H:%M:%S %Z}".strip()
    return f"{who} on {'an unknown date' if when is None else when}"


def number_column(frame: pl.DataFrame, name: str, *, what: str, exact: bool = False) -> pl.Series:
    """Return a column as Float64; NaN and null stay as they are.

    Args:
        frame: Holds the column.
        name: The column; integers, floats and decimals are numbers, booleans and text
            are not.
        what: The frame's name in messages.
        exact: Keep integers and decimals unconverted.

    Raises:
        WrongColumnType: the column does not contain numbers.
    """
    column = frame[name]
    if column.dtype.is_numeric():
        return column if exact else column.cast(pl.Float64)
    if column.dtype == pl.Null:
        return column.cast(pl.Float64)
    raise _wrong_type(
        frame,
        name,
        what=what,
        expected="numbers",
        do=f"cast it, e.g. pl.col({name!r}).cast(pl.Float64)",
    )


def symbol_column(frame: pl.DataFrame, *, what: str) -> pl.Series:
    """Return the symbols as String.

    Raises:
        WrongColumnType: the column does not contain text.
        MissingValue: a symbol is null or empty.
    """
    column = frame["symbol"]
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        raise _wrong_type(
            frame,
            "symbol",
            what=what,
            expected="text",
            do="cast it with pl.col('symbol').cast(pl.String)",
        )
    column = column.cast(pl.String)
    refuse_null(frame, "symbol", what=what)
    empty = column == ""
    if empty.any():
        raise MissingValue(
            f"column 'symbol' of {what} must not be empty: was '' in "
            f"{row_words(frame, int(empty.arg_max() or 0))}; leave the row out"
        )
    return column


def refuse_null(frame: pl.DataFrame, name: str, *, what: str) -> None:
    """Refuse a column with nulls.

    Raises:
        MissingValue: names the first row.
    """
    column = frame[name]
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        raise MissingValue(
            f"column {name!r} of {what} must not be null: was null in {row_words(frame, row)}; "
            "leave the row out or fill it"
        )


def date_column(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    """Return a column as Date; nulls stay. Takes dates, date-times at midnight of their
    own zone, and ISO 8601 text.

    Raises:
        WrongColumnType: the column does not contain dates, or a date-time is not
            midnight.
    """
    column = frame[name]
    if column.dtype == pl.Date:
        return column
    if column.dtype == pl.Null:
        return column.cast(pl.Date)
    if isinstance(column.dtype, pl.Datetime):
        wall = column.dt.replace_time_zone(None)
        dates = wall.dt.date()
        off = (wall != dates.cast(wall.dtype)).fill_null(value=False)
        if off.any():
            raise _not_midnight(frame, name, row=int(off.arg_max() or 0), what=what)
        return dates
    if column.dtype == pl.String:
        return _parse_text(frame, name, what=what, parse=_date_of_text, dtype=pl.Date())
    raise _wrong_type(
        frame,
        name,
        what=what,
        expected="dates",
        do="cast it, e.g. with .str.to_date() or .dt.date()",
    )


def instant_column(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    """Return a column of date-times as Int64 microseconds since 1970, UTC; nulls stay.

    Times without a zone are taken as UTC. ISO 8601 text is accepted too.

    Raises:
        WrongColumnType: the column does not contain date-times.
    """
    column = frame[name]
    if isinstance(column.dtype, pl.Datetime):
        # The conversion to an integer keeps the unit, at a tenth of the cost.
        return column.cast(pl.Int64) if column.dtype.time_unit == "us" else column.dt.epoch("us")
    if column.dtype == pl.Null:
        return column.cast(pl.Int64)
    if column.dtype == pl.String:
        return _parse_text(frame, name, what=what, parse=_us_of_text, dtype=pl.Int64())
    raise _wrong_type(
        frame,
        name,
        what=what,
        expected="date-times (UTC, the END of the bar)",
        do="cast it to pl.Datetime('us', 'UTC'), e.g. with pl.from_epoch()",
    )


def _parse_text(
    frame: pl.DataFrame, name: str, *, what: str, parse: Callable[[str], Any], dtype: pl.DataType
) -> pl.Series:
    column = frame[name]
    distinct = column.drop_nulls().unique()
    try:
        parsed = [parse(text) for text in distinct]
    except ValueError:
        bad = next(text for text in distinct.sort() if not _parses(text, parse))
        row = int((column == bad).arg_max() or 0)
        raise WrongColumnType(
            f"column {name!r} of {what} must be ISO 8601, e.g. 2012-11-23: was {bad!r} in "
            f"{row_words(frame, row)}; "
            f"write it so, or parse it with pl.col({name!r}).str.to_date(format)"
        ) from None
    return column.replace_strict(distinct, pl.Series(parsed, dtype=dtype), return_dtype=dtype)


def _parses(text: str, parse: Callable[[str], Any]) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _date_of_text(text: str) -> date:
    moment = datetime.fromisoformat(text.strip())
    if moment.time() != time(0):
        raise ValueError(text)
    return moment.date()


def _us_of_text(text: str) -> int:
    moment = datetime.fromisoformat(text.strip())
    return us_of(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def _wrong_type(
    frame: pl.DataFrame, name: str, *, what: str, expected: str, do: str
) -> WrongColumnType:
    column = frame[name]
    row = int(column.is_not_null().arg_max() or 0)
    seen = f" ({column[row]!r} in {row_words(frame, row)})" if column.len() else ""
    return WrongColumnType(
        f"column {name!r} of {what} must hold {expected}: was {column.dtype}{seen}; {do}"
    )


def _not_midnight(frame: pl.DataFrame, name: str, *, row: int, what: str) -> WrongColumnType:
    do = (
        "put the end of a bar into a column 'timestamp'"
        if name == "date"
        else "cast it with .dt.date()"
    )
    return WrongColumnType(
        f"column {name!r} of {what} must hold dates: was {frame[name][row]} in "
        f"{row_words(frame, row)}; {do}"
    )
