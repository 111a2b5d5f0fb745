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


def _flat(computed: Computed, name: str, chosen: Any) -> Any:
    return computed.terms[name].postprocess(computed.columns[name][chosen])


# zipline shows a missing text as the column's missing value.
def _texts(computed: Computed, name: str, chosen: Any) -> Any:
    values = computed.columns[name][chosen]
    missing = computed.terms[name].missing_value
    return np.where(is_missing(values, missing), missing, values)


# A row of a screen, as a table that has that row alone.
def _one_row(computed: Computed, row: int) -> Any:
    chosen = np.zeros(computed.screen.shape, dtype=bool)
    chosen[row] = computed.screen[row]
    return chosen


def polars_frame(computed: Computed, row: int | None = None) -> pl.DataFrame:
    """Return `date` (Date), `symbol` (String) and the columns; of one row without
    `date`.
    """
    chosen = computed.screen if row is None else _one_row(computed, row)
    days, assets = np.nonzero(chosen)
    symbols = np.array([asset.symbol for asset in computed.assets], dtype=object)
    labels = computed.dates.values.astype("datetime64[D]")
    shown: list[Any] = [] if row is not None else [pl.Series("date", labels[days], dtype=pl.Date)]
    shown.append(pl.Series("symbol", symbols[assets].tolist(), dtype=pl.String))
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

    chosen = computed.screen if row is None else _one_row(computed, row)
    days, assets = np.nonzero(chosen)
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
