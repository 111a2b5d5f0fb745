"""What a pipeline shows: frames of polars, or zipline's of pandas.

The rule: rows in the order of sids, columns in the order they were given.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from rbtlive.model.arrays import np
from rbtlive.pipeline.engine import Computed
from rbtlive.pipeline.term import BOOL, FLOAT, INT, TEXT, TIME, is_missing

_TYPES: dict[Any, Any] = {
    BOOL: pl.Boolean,
    FLOAT: pl.Float64,
    INT: pl.Int64,
    TIME: pl.Datetime("ns"),
}


# What is chosen of a column: numbers of cells, row by row.
def _flat(computed: Computed, name: str, chosen: Any) -> Any:
    return computed.terms[name].postprocess(computed.columns[name].reshape(-1)[chosen])


# zipline shows a missing text as the column's missing value.
def _texts(computed: Computed, name: str, chosen: Any) -> Any:
    values = computed.columns[name].reshape(-1)[chosen]
    missing = computed.terms[name].missing_value
    return np.where(is_missing(values, missing), missing, values)


# The numbers of the cells that the screen shows, of all rows or of one.
def _chosen(computed: Computed, row: int | None) -> Any:
    if row is None:
        return np.flatnonzero(computed.screen)
    return np.flatnonzero(computed.screen[row]) + row * computed.screen.shape[1]


def polars_frame(computed: Computed, row: int | None = None) -> pl.DataFrame:
    """Return `date` (Date), `symbol` (String) and the columns; of one row without
    `date`.
    """
    chosen = _chosen(computed, row)
    days, assets = np.divmod(chosen, len(computed.assets))
    symbols = pl.Series("symbol", [asset.symbol for asset in computed.assets], dtype=pl.String)
    labels = computed.dates.values.astype("datetime64[D]")
    shown: list[Any] = [] if row is not None else [pl.Series("date", labels[days], dtype=pl.Date)]
    shown.append(symbols.gather(assets))
    for name, term in computed.terms.items():
        values = _flat(computed, name, chosen)
        if isinstance(values, list):
            shown.append(pl.Series(name, [list(value) for value in values]))
        elif term.dtype in _TYPES:
            shown.append(pl.Series(name, np.ascontiguousarray(values), dtype=_TYPES[term.dtype]))
        else:
            shown.append(pl.Series(name, values.tolist(), dtype=pl.String))
    return pl.DataFrame(shown)


def pandas_frame(computed: Computed, row: int | None = None) -> Any:
    """Return zipline's frame: (date, asset) down, of one row assets down; columns
    across.
    """
    import pandas as pd

    chosen = _chosen(computed, row)
    days, assets = np.divmod(chosen, len(computed.assets))
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
