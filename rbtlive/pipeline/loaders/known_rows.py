"""Checks a frame of a data set's values: asset, time of knowledge and described day.

The rule: values are refused if a backtest would see them before they were known, or if
they depend on the order of rows.
"""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rbtlive.errors import (
    DataError,
    MissingColumn,
    NotAFrame,
    NoTimeOfKnowledge,
    WrongColumnType,
)
from rbtlive.pipeline.term import BOOL, FLOAT, INT

if TYPE_CHECKING:
    from rbtlive.pipeline.data.dataset import DataSet


IS_DAY: Final = "timestamp is a day"
"""Column that says of each row whether it became known at an unknown time of a day."""


def known_rows(
    dataset: type[DataSet], frame: object, *, pick: str = "latest"
) -> tuple[pl.DataFrame, str]:
    """Return the rows of a frame by time of knowledge, and the column that names their
    asset.

    Args:
        dataset: The data set.
        frame: polars or pandas.
        pick: Which of the known rows count, see `FrameLoader`.
    """
    name = dataset.__name__
    rows = _as_polars(name, frame)
    if "timestamp" not in rows.columns:
        raise NoTimeOfKnowledge(
            f"values of {name} need a column 'timestamp', when each row became known: the frame "
            f"has {', '.join(rows.columns)}; without it a backtest would see what nobody knew yet"
        )
    key = "sid" if "sid" in rows.columns else "symbol"
    if key == "sid" and not rows[key].dtype.is_numeric():
        raise WrongColumnType(
            f"'sid' of {name} must hold whole numbers: it holds {rows[key].dtype}; write e.g. "
            'frame.with_columns(pl.col("sid").cast(pl.Int64)), or rename the column to symbol'
        )
    missing = [one for one in (key, *dataset.column_names) if one not in rows.columns]
    if missing:
        raise MissingColumn(
            f"a frame for {name} needs the columns {', '.join(missing)}: it has "
            f"{', '.join(rows.columns)}"
        )
    if "asof" not in rows.columns:
        if pick != "latest":
            raise MissingColumn(
                f"a frame for {name} needs the column asof with pick={pick!r}, the day that each "
                f"row is about: it has {', '.join(rows.columns)}"
            )
        rows = rows.with_columns(pl.col("timestamp").alias("asof"))
    rows = rows.with_columns(_are_days(rows["timestamp"]).alias(IS_DAY))
    rows = rows.with_columns(_moments(name, rows, key, one) for one in ("timestamp", "asof"))
    if pick == "latest":
        _check_days(name, rows, key)
    _check_values(dataset, rows)
    _check_copies(dataset, rows, key)
    known = pl.col("timestamp").cast(pl.Datetime("us"))  # a day is over at the next midnight
    ended = pl.when(IS_DAY).then(known.dt.offset_by("1d")).otherwise(known)
    return rows.sort(ended, "asof", maintain_order=True), key


def _as_polars(name: str, frame: object) -> pl.DataFrame:
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if type(frame).__name__ == "DataFrame" and hasattr(frame, "reset_index"):
        table: Any = frame
        levels = [one for one in table.index.names if one is not None and one not in table.columns]
        found: pl.DataFrame = pl.from_pandas(table.reset_index(levels) if levels else table)
        return found
    raise NotAFrame(
        f"values of {name} come from a polars or pandas frame, or a loader: was a "
        f"{type(frame).__name__}; pass a frame with the columns symbol, timestamp and "
        "those of the data set"
    )


# pandas has no type for dates, so that a midnight without a zone is one.
def _are_days(values: pl.Series) -> pl.Series:
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is None:
        return values.dt.time() == time()
    return pl.repeat(values.dtype == pl.Date, len(values), eager=True)


# Returns dates if the column has no times of day, and moments in UTC otherwise.
def _moments(name: str, rows: pl.DataFrame, key: str, column: str) -> pl.Series:
    values = rows[column]
    if values.dtype != pl.Date and not isinstance(values.dtype, pl.Datetime):
        raise WrongColumnType(
            f"{column!r} of {name} must hold dates or moments: it holds {values.dtype}; "
            f'write e.g. frame.with_columns(pl.col("{column}").str.to_date())'
        )
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        error = NoTimeOfKnowledge if column == "timestamp" else DataError
        raise error(
            f"each row of {name} needs {column!r}: row {row} ({rows[key][row]}) has none; fill it, "
            "or leave the row out"
        )
    if values.dtype == pl.Date:
        return values
    assert isinstance(values.dtype, pl.Datetime)
    if values.dtype.time_zone is None and _are_days(values).all():
        return values.dt.date()
    return values.cast(pl.Datetime("us")).alias(column)


# A moment's day depends on the zone: an Asian day begins before UTC's, and an American
# evening lies in UTC's next day.
def _check_days(name: str, rows: pl.DataFrame, key: str) -> None:
    about, known = pl.col("asof"), pl.col("timestamp")
    if rows["asof"].dtype != pl.Date:
        about = about.dt.offset_by("-12h")
    if rows["timestamp"].dtype != pl.Date:
        known = pl.when(IS_DAY).then(known).otherwise(known.dt.offset_by("14h"))
    ahead = rows.filter(about.cast(pl.Date) > known.cast(pl.Date))
    if len(ahead):
        asof, timestamp = ahead["asof"][0], ahead["timestamp"][0]
        raise DataError(
            f"'asof' of {name}, the day that a row is about, must not be after 'timestamp', when "
            f"it became known: a row of {ahead[key][0]} is about {asof} and known since "
            f"{timestamp} ({len(ahead)} in all); if they are the wrong way round, swap them; if "
            f"a row is about a day to come, such as an estimate, write {name}.use(frame, "
            'pick="next")'
        )


def _check_values(dataset: type[DataSet], rows: pl.DataFrame) -> None:
    for column in dataset.column_names:
        wanted, held = getattr(dataset, column).dtype, rows[column].dtype
        fits = held.is_numeric() or held in {pl.Boolean, pl.Null} or held == pl.Object
        if wanted in {FLOAT, INT, BOOL} and not fits:
            raise WrongColumnType(
                f"{dataset.__name__}.{column} holds {wanted}: the frame has {held}; cast it, e.g. "
                f'frame.with_columns(pl.col("{column}").cast(pl.Float64))'
            )


# Rows without a value contradict nothing.
def _check_copies(dataset: type[DataSet], rows: pl.DataFrame, key: str) -> None:
    said = [key, "timestamp", "asof"]
    for column in dataset.column_names:
        if rows[column].dtype == pl.Object:
            continue
        values = rows.select(*said, column).drop_nulls(column).unique()
        several = values.filter(pl.struct(said).is_duplicated()).sort(*said, column)
        if len(several):
            first = several.row(0, named=True)
            raise DataError(
                f"rows of {dataset.__name__} must not contradict each other: {first[key]} has "
                f"several values of {column} with timestamp {first['timestamp']} and asof "
                f"{first['asof']}, {several[column][0]} and {several[column][1]}; keep one of "
                f"them, e.g. frame.unique({said!r}, keep='last', maintain_order=True)"
            )
