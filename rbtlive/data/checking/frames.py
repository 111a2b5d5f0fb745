"""From what users have (polars, pandas, Parquet, CSV) to typed polars columns.

The rule: a value is either read exactly or refused with an error that names column, row
and value. Nothing is guessed.
"""

from __future__ import annotations

import difflib
import glob
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.checking.bounds import refuse_many_rows, unpacked
from rbtlive.errors import MissingColumn, MissingValue, NotAFrame, UnreadableFile, WrongColumnType
from rbtlive.model.arrays import np

TIME_COLUMNS: Final = ("date", "timestamp", "effective_date", "ex_date")
TEXT_COLUMNS: Final = frozenset(
    (
        "symbol",
        "date",
        "timestamp",
        "effective_date",
        "ex_date",
        "pay_date",
        "start_date",
        "end_date",
        "auto_close_date",
    )
)

_PARQUET: Final = (".parquet", ".pq")
_CSV: Final = (".csv", ".csv.gz", ".csv.zst")
READ_ERRORS: Final = (
    pl.exceptions.ComputeError,
    pl.exceptions.NoDataError,
    pl.exceptions.SchemaError,
    OSError,
)
"""What polars raises of a file that is broken."""

NO_ONE_TYPE: Final = (
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    pl.exceptions.PanicException,
    pl.exceptions.PolarsError,
)
"""What polars raises of objects that it has no common type for."""

_NO_NUMBER: Final = ("", "NA", "N/A", "NULL", "null", "None")


def read_frame(
    source: object,
    *,
    what: str,
    wanted: Collection[str],
    also: Callable[[pl.Schema], Collection[str]] | None = None,
) -> pl.DataFrame:
    """Return those of the wanted columns that a source has, as a polars frame in the
    source's order.

    Args:
        source: A frame of polars (eager or lazy) or pandas, or a path: a Parquet or CSV
            file, a folder of Parquet files, or a pattern such as "minutes/*.parquet".
        what: How messages call it, e.g. "bars".
        wanted: Column names; others are ignored. In CSV those outside `TEXT_COLUMNS`
            are read as numbers.
        also: Says of what is there which columns are wanted as they are, except of
            pandas.

    Raises:
        NotAFrame: `source` is something else.
        UnreadableFile: the file is missing or broken, or neither Parquet nor CSV.
        WrongColumnType: text in a CSV column of numbers, or a pandas column that polars
            has no type for.
    """
    if isinstance(source, (str, Path)):
        return _read_file(Path(source), what=what, wanted=wanted, also=also)
    if isinstance(source, pl.LazyFrame):
        return source.select(_chosen(source.collect_schema(), wanted, also)).collect()
    if isinstance(source, pl.DataFrame):
        return source.select(_chosen(source.schema, wanted, also))
    if is_pandas(source):
        return _from_pandas(source, what=what, wanted=wanted)
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    raise NotAFrame(
        f"{what} must be a polars or pandas DataFrame, a LazyFrame, or a path to Parquet or CSV: "
        f"was {kind}; "
        f"build a frame with pl.DataFrame(...)"
    )


def _chosen(
    schema: pl.Schema,
    wanted: Collection[str],
    also: Callable[[pl.Schema], Collection[str]] | None,
) -> list[str]:
    more = () if also is None else also(schema)
    return [name for name in schema if name in wanted or name in more]


def require_columns(
    frame: pl.DataFrame, names: Sequence[str], *, what: str, source: object
) -> None:
    """Refuse a frame that lacks a column.

    Raises:
        MissingColumn: the first that is missing; the message names a column of the
            source that may be meant.
    """
    for name in names:
        if name not in frame.columns:
            there = _names_of(source, frame)
            near = [other for other in there if other.strip().lower() == name]
            near = near or difflib.get_close_matches(name, there, n=1, cutoff=0.7)
            hint = f"rename {near[0]!r} to {name!r}" if near else "add it or rename one"
            raise MissingColumn(
                f"{what} must have a column {name!r}: has {', '.join(there) or 'none'}; {hint}"
            )


def row_words(frame: pl.DataFrame, row: int) -> str:
    """Return words that name a row: its symbol and its date or time, whatever of it is
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
        what: How messages call the frame.
        exact: Leave integers and decimals as they are.

    Raises:
        WrongColumnType: the column holds no numbers.
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
        WrongColumnType: the column holds no text.
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
        WrongColumnType: the column holds no dates, or a date-time that is not midnight.
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

    Without a time zone they are taken as UTC. Takes ISO 8601 text as well.

    Raises:
        WrongColumnType: the column holds no date-times.
    """
    column = frame[name]
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.epoch("us")
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


# pandas is not imported to ask: who passes a frame of it has imported it already.
def is_pandas(source: object, kind: str = "DataFrame") -> bool:
    """Say whether this is a pandas frame, or another kind of pandas object."""
    kinds = (
        f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(source).__mro__
    )
    return f"pandas.{kind}" in kinds


def parquet_files(source: object) -> list[Path]:
    """Return the Parquet files that a path means, in order: itself, those below it, or
    those of its pattern; else none.
    """
    if not isinstance(source, (str, Path)):
        return []
    path = Path(source)
    if path.is_dir():
        found = (file for file in path.rglob("*") if file.is_file())
    elif path.exists() or not glob.has_magic(str(path)):
        found = (file for file in (path,) if file.is_file())
    else:
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - it may be absolute
        found = (Path(name) for name in names if Path(name).is_file())
    return sorted(file for file in found if file.name.lower().endswith(_PARQUET))


def scan_files(files: Sequence[Path], *, below: Path) -> pl.LazyFrame:
    """Return a lazy frame over Parquet files; in a folder, names like `symbol=AAPL` are
    columns.

    Args:
        files: What `parquet_files` gave.
        below: The path it gave them for.
    """
    return pl.scan_parquet(list(files), glob=False, hive_partitioning=below.is_dir())


def _read_file(
    path: Path,
    *,
    what: str,
    wanted: Collection[str],
    also: Callable[[pl.Schema], Collection[str]] | None,
) -> pl.DataFrame:
    files = parquet_files(path)
    if not files:
        _refuse_path(path, what=what)
    try:
        if files:
            refuse_many_rows(files, str(path))
            scanned = scan_files(files, below=path)
            return read_frame(scanned, what=what, wanted=wanted, also=also)
        texts = read_frame(
            pl.scan_csv(unpacked(path, path.name), infer_schema=False, glob=False),
            what=what,
            wanted=wanted,
            also=also,
        )
    except READ_ERRORS as error:
        raise unreadable(path, error, what=what) from error
    for column in texts.columns:
        if column in wanted and column not in TEXT_COLUMNS:
            texts = texts.with_columns(_number_of_text(texts, column, what=what))
    return texts


def _refuse_path(path: Path, *, what: str) -> None:
    if path.is_dir() or (glob.has_magic(str(path)) and not path.exists()):
        raise UnreadableFile(
            f"{what} must name Parquet files: was {str(path)!r}, where none exists; check the path"
        )
    if not path.name.lower().endswith(_PARQUET + _CSV):
        raise UnreadableFile(
            f"{what} must be a Parquet or CSV file: was {str(path)!r}; convert it, or pass a frame"
        )
    if not path.is_file():
        raise UnreadableFile(
            f"{what} must be a file that exists: was {str(path)!r}; check the path"
        )


def unreadable(path: object, error: Exception, *, what: str) -> UnreadableFile:
    """Return the error for a file that polars cannot read."""
    return UnreadableFile(
        f"{what} cannot be read from {str(path)!r}: {error}; check that the file is whole"
    )


def _number_of_text(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    text = frame[name].str.strip_chars()
    numbers = text.cast(pl.Float64, strict=False)
    bad = numbers.is_null() & text.is_not_null() & ~text.is_in(_NO_NUMBER)
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise WrongColumnType(
            f"column {name!r} of {what} must hold numbers: was {frame[name][row]!r} in "
            f"{row_words(frame, row)}; "
            f"write a number, or nothing where the bar is missing"
        )
    return numbers


# pl.from_pandas needs pyarrow, which pandas does not bring along; columns are taken
# over one by one instead, and copied, because a pandas frame may be changed in place.
def _from_pandas(source: Any, *, what: str, wanted: Collection[str]) -> pl.DataFrame:
    if any(name in wanted and name not in source.columns for name in source.index.names):
        source = source.reset_index()
    columns = []
    for name in source.columns:
        if name in wanted:
            there = list(source.columns).count(name)
            if there > 1:
                raise WrongColumnType(
                    f"column {name!r} of {what} must be there once: was there {there} times; drop "
                    "one"
                )
            try:
                columns.append(pandas_column(source[name]).alias(str(name)))
            except NO_ONE_TYPE as error:
                raise WrongColumnType(
                    f"column {name!r} of {what} must hold values of one type: was pandas "
                    f"{source[name].dtype} "
                    f"({error}); convert it first"
                ) from error
    return pl.DataFrame(columns)


def pandas_column(column: Any) -> pl.Series:
    """Return a pandas Series as polars has it; times keep their zone.

    Raises:
        TypeError, ValueError, OverflowError, PolarsError: its values have no one type.
    """
    kind = column.dtype.kind
    if kind == "M":
        if getattr(column.dtype, "tz", None) is None:
            return _moments(column)
        # kept in its own zone: midnight there is what makes it a date
        return (
            _moments(column.dt.tz_convert(None))
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(_zone_name(column.dtype.tz))
        )
    if kind in "iuf" and hasattr(column.dtype, "itemsize") and not column.hasnans:
        return pl.Series(column.to_numpy(copy=True))
    if kind in "iuf":
        return pl.Series(column.to_numpy(dtype="float64", na_value=float("nan"), copy=True))
    # text, categories and other objects: few distinct values, so only those are looked
    # at
    codes, distinct = column.factorize()
    values = [value.item() if hasattr(value, "item") else value for value in list(distinct)]
    places = pl.Series(codes)
    return pl.Series(values, strict=True).gather(places.set(places < 0, None))


def _moments(column: Any) -> pl.Series:
    values = column.to_numpy(copy=True)
    if np.datetime_data(values.dtype)[0] == "s":  # polars begins at milliseconds
        values = values.astype("datetime64[ms]")
    return pl.Series(values)


def _zone_name(zone: object) -> str:
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return str(name) if name else "UTC"


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


def _names_of(source: object, frame: pl.DataFrame) -> list[str]:
    if isinstance(source, pl.LazyFrame):
        return source.collect_schema().names()
    if isinstance(source, (str, Path)):
        files = parquet_files(source)
        lazy = (
            scan_files(files, below=Path(source))
            if files
            else pl.scan_csv(source, infer_schema=False, glob=False)
        )
        return lazy.collect_schema().names()
    return [str(name) for name in getattr(source, "columns", frame.columns)]


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
