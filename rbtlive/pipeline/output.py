"""A pipeline's output: polars frames, or zipline's pandas frames.

The rule: rows in the order of sids, columns in the order they were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import polars as pl

from rbtlive.errors import InvalidSetting
from rbtlive.model.arrays import np
from rbtlive.pipeline.engine import Computed
from rbtlive.pipeline.term import BOOL, FLOAT, INT, TEXT, TIME, is_missing

_TYPES: dict[Any, Any] = {
    BOOL: pl.Boolean,
    FLOAT: pl.Float64,
    INT: pl.Int64,
    TIME: pl.Datetime("ns"),
}


# The selected cells of a column, by number, row by row.
def _flat(computed: Computed, name: str, chosen: Any) -> Any:
    return computed.terms[name].postprocess(computed.columns[name].reshape(-1).take(chosen))


# zipline shows a missing text as the column's missing value.
def _texts(computed: Computed, name: str, chosen: Any) -> Any:
    values = computed.columns[name].reshape(-1)[chosen]
    missing = computed.terms[name].missing_value
    return np.where(is_missing(values, missing), missing, values)


# The cells that the screen shows, of all rows or one: their numbers, rows and columns.
def _chosen(computed: Computed, row: int | None) -> tuple[Any, Any, Any]:
    screen = computed.screen if row is None else computed.screen[row : row + 1]
    chosen = np.flatnonzero(screen)
    days = np.repeat(np.arange(len(screen)), np.count_nonzero(screen, axis=1))
    assets = chosen - days * screen.shape[1]
    return (chosen if row is None else chosen + row * screen.shape[1]), days, assets


class Shown(NamedTuple):
    """The cells that the screen shows for some days.

    Attributes:
        dates: Label of each cell's day, datetime64[D].
        places: Asset index of each cell.
        assets: The assets.
        columns: Values by name.
        terms: The terms by name.
    """

    dates: Any
    places: Any
    assets: tuple[Any, ...]
    columns: dict[str, Any]
    terms: dict[str, Any]


def shown(computed: Computed, row: int | None = None) -> Shown:
    """Return the cells shown for all rows, or for one."""
    chosen, days, assets = _chosen(computed, row)
    columns = {name: _flat(computed, name, chosen) for name in computed.terms}
    labels = computed.dates.values.astype("datetime64[D]")
    return Shown(labels.take(days), assets, computed.assets, columns, computed.terms)


def polars_frame(computed: Computed, row: int | None = None) -> pl.DataFrame:
    """Return `date` (Date), `symbol` (String) and the columns; for one row without
    `date`.
    """
    frame = polars_frames([shown(computed, row)])
    return frame if row is None else frame.drop("date")


def polars_frames(parts: Sequence[Shown]) -> pl.DataFrame:
    """Return one frame for several stretches of days.

    Raises:
        InvalidSetting: a column has the name of one that each table has.
    """
    taken = sorted({"date", "symbol"}.intersection(parts[0].terms))
    if taken:
        raise InvalidSetting(
            f"a polars table has columns date and symbol of its own: call the pipeline's column "
            f'{taken[0]!r} something else, or take frames="pandas"'
        )
    listed: list[Any] = [pl.Series("date", _joined([p.dates for p in parts]), dtype=pl.Date)]
    listed.append(_symbols(parts))
    for name, term in parts[0].terms.items():
        values = [part.columns[name] for part in parts]
        if isinstance(values[0], list):
            listed.append(pl.Series(name, [list(value) for one in values for value in one]))
        elif term.dtype in _TYPES:
            listed.append(pl.Series(name, _joined(values), dtype=_TYPES[term.dtype]))
        else:
            listed.append(pl.Series(name, _joined(values).tolist(), dtype=pl.String))
    return pl.DataFrame({one.name: one for one in listed})


def _joined(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else np.concatenate(values)


# Only assets that are shown are asked for their symbol: a screen shows few of a market.
def _symbols(parts: Sequence[Shown]) -> pl.Series:
    numbers: dict[str, int] = {}
    assets: tuple[Any, ...] = ()
    found = []
    for part in parts:
        if part.assets is not assets:
            assets = part.assets
            codes = np.full(len(assets), -1, np.int64)  # by asset, its symbol's number
        fresh = np.zeros(len(assets), bool)
        fresh[part.places] = True
        fresh &= codes < 0
        at = fresh.nonzero()[0]
        codes[at] = [numbers.setdefault(assets[i].symbol, len(numbers)) for i in at.tolist()]
        found.append(codes.take(part.places))
    return pl.Series("symbol", list(numbers), dtype=pl.String).gather(_joined(found))


def pandas_frame(computed: Computed, row: int | None = None) -> Any:
    """Return zipline's frame, indexed by (date, asset), or by asset for one row."""
    import pandas as pd

    chosen, days, assets = _chosen(computed, row)
    objects = np.empty(len(computed.assets), dtype=object)
    objects[:] = computed.assets
    columns = {}
    for name, term in computed.terms.items():
        if term.dtype == TEXT:
            columns[name] = pd.Categorical(_texts(computed, name, chosen))
        else:
            columns[name] = _flat(computed, name, chosen)
    if row is None:
        levels: Any = [computed.dates, pd.Index(objects, dtype=object)]
        codes: Any = [days, assets]
        index: Any = pd.MultiIndex(levels, codes, names=[None, None])
    elif not len(assets):
        return pd.DataFrame(index=[], columns=list(columns))
    else:
        index = pd.Index(objects[assets], dtype=object)
    return pd.DataFrame(columns, index=index, columns=list(columns))


def pandas_frames(parts: Sequence[Any]) -> Any:
    """Return one of zipline's frames for several stretches of days; texts have the
    categories of all.
    """
    import pandas as pd
    from pandas.api.types import union_categoricals

    if len(parts) == 1:
        return parts[0]
    frame = pd.concat(parts)
    for name in frame.columns:
        held = [part[name] for part in parts]
        if all(isinstance(one.dtype, pd.CategoricalDtype) for one in held):
            frame[name] = union_categoricals(held, sort_categories=True)
    return frame
