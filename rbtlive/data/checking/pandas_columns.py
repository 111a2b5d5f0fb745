"""Convert pandas columns to polars.

The rule: values are copied, because pandas frames can change in place. pandas is never
imported here: a caller with a pandas frame has imported it already.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import polars as pl

from rbtlive.errors import WrongColumnType
from rbtlive.model.arrays import np

NO_ONE_TYPE: Final = (
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    pl.exceptions.PanicException,
    pl.exceptions.PolarsError,
)
"""polars' exceptions for objects without a common type."""


def is_pandas(source: object, kind: str = "DataFrame") -> bool:
    """Say whether an object is a pandas frame, or another given kind of pandas
    object.
    """
    kinds = (
        f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(source).__mro__
    )
    return f"pandas.{kind}" in kinds


# pl.from_pandas needs pyarrow, which pandas does not install, so columns are converted
# one by one.
def from_pandas(source: Any, *, what: str, wanted: Collection[str]) -> pl.DataFrame:
    """Return the wanted columns that a pandas frame has, in its index or besides it.

    Raises:
        WrongColumnType: a column appears twice, or polars has no type for it.
    """
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
    """Return a pandas Series as a polars Series; times keep their zone.

    Raises:
        TypeError, ValueError, OverflowError, PolarsError: its values have no common
            type.
    """
    kind = column.dtype.kind
    if kind == "M":
        if getattr(column.dtype, "tz", None) is None:
            return _moments(column)
        # the zone is kept: a time is a date if it is midnight there
        return (
            _moments(column.dt.tz_convert(None))
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(_zone_name(column.dtype.tz))
        )
    if kind in "iuf" and hasattr(column.dtype, "itemsize") and not column.hasnans:
        return pl.Series(column.to_numpy(copy=True))
    if kind in "iuf":
        return pl.Series(column.to_numpy(dtype="float64", na_value=float("nan"), copy=True))
    # text, categories and other objects have few distinct values, so only those are
    # examined
    codes, distinct = column.factorize()
    values = [value.item() if hasattr(value, "item") else value for value in list(distinct)]
    places = pl.Series(codes)
    return pl.Series(values, strict=True).gather(places.set(places < 0, None))


def _moments(column: Any) -> pl.Series:
    values = column.to_numpy(copy=True)
    if np.datetime_data(values.dtype)[0] == "s":  # polars' coarsest unit is milliseconds
        values = values.astype("datetime64[ms]")
    return pl.Series(values)


def _zone_name(zone: object) -> str:
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return str(name) if name else "UTC"
