"""Frames and files that users have (polars, pandas, Parquet, CSV), as polars frames.

The rule: only the wanted columns are read, unchanged; the error for an unreadable
column or file names it.
"""

from __future__ import annotations

import difflib
import glob
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from rbtlive.data.checking.bounds import refuse_many_rows, unpacked
from rbtlive.data.checking.pandas_columns import from_pandas, is_pandas
from rbtlive.data.checking.typed_columns import row_words
from rbtlive.errors import MissingColumn, NotAFrame, UnreadableFile, WrongColumnType

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
"""polars' exceptions for a broken file."""


_NO_NUMBER: Final = ("", "NA", "N/A", "NULL", "null", "None")


def read_frame(
    source: object,
    *,
    what: str,
    wanted: Collection[str],
    also: Callable[[pl.Schema], Collection[str]] | None = None,
) -> pl.DataFrame:
    """Return the wanted columns that a source has, as a polars frame in the source's
    order.

    Args:
        source: A frame of polars (eager or lazy) or pandas, or a path: a Parquet or CSV
            file, a folder of Parquet files, or a pattern such as "minutes/*.parquet".
        what: The data's name in messages, e.g. "bars".
        wanted: Column names; other columns are ignored. CSV columns outside
            `TEXT_COLUMNS` are read as numbers.
        also: Returns further columns to read unchanged, given the columns present; not
            used for pandas.

    Raises:
        NotAFrame: `source` is something else.
        UnreadableFile: the file is missing or broken, or neither Parquet nor CSV.
        WrongColumnType: text in a CSV column of numbers, or a pandas column for which
            polars has no type.
    """
    if isinstance(source, (str, Path)):
        return _read_file(Path(source), what=what, wanted=wanted, also=also)
    if isinstance(source, pl.LazyFrame):
        return source.select(_chosen(source.collect_schema(), wanted, also)).collect()
    if isinstance(source, pl.DataFrame):
        chosen = _chosen(source.schema, wanted, also)
        return source[chosen] if chosen else pl.DataFrame()  # a third of the cost of `select`
    if is_pandas(source):
        return from_pandas(source, what=what, wanted=wanted)
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
    """Raise an error for a frame that lacks a column.

    Raises:
        MissingColumn: for the first missing column; the message names a column of the
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


def parquet_files(source: object) -> list[Path]:
    """Return the Parquet files at a path, in order: the file itself, those below a
    folder, or those of a pattern; otherwise none.
    """
    if not isinstance(source, (str, Path)):
        return []
    path = Path(source)
    if path.is_dir():
        found = (file for file in path.rglob("*") if file.is_file())
    elif path.exists() or not glob.has_magic(str(path)):
        found = (file for file in (path,) if file.is_file())
    else:
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - the pattern may be absolute
        found = (Path(name) for name in names if Path(name).is_file())
    return sorted(file for file in found if file.name.lower().endswith(_PARQUET))


def scan_files(files: Sequence[Path], *, below: Path) -> pl.LazyFrame:
    """Return a lazy frame over Parquet files; folder names like `symbol=AAPL` become
    columns.

    Args:
        files: The result of `parquet_files`.
        below: The path that it was called with.
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
