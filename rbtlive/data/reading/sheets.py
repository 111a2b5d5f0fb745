"""Frames that pandas read from sheets with two header rows, with too few arguments.

The rule: restore the result of `index_col=0` and `header=[0, 1]`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.pandas_columns import pandas_column
from rbtlive.data.reading.column_roles import field_of
from rbtlive.data.reading.day_counts import UnclearDays
from rbtlive.data.reading.numbers import is_number_text
from rbtlive.data.reading.timestamps import DayOrMonth, UnreadableTimes, moments_of

_UNTIMELY: Final = (
    UnreadableTimes,
    DayOrMonth,
    UnclearDays,
    TypeError,
    ValueError,
    pl.exceptions.PolarsError,
)


def with_index_of_sheet(source: Any) -> Any:
    """Return a frame with two rows of names with its first column as the index, if that
    contains times: the result of `read_csv(header=[0, 1])` without `index_col=0`.
    """
    if source.columns.nlevels < 2 or type(source.index).__name__ != "RangeIndex" or not len(source):
        return source
    first, rest = source.iloc[:, 0], source.iloc[:, 1:]
    name = "date"
    if isinstance(first.iloc[0], str) and rest.iloc[0].isna().all():  # the index's own name
        name, first, rest = first.iloc[0], first.iloc[1:], rest.iloc[1:]
    try:
        moments_of(pandas_column(first.reset_index(drop=True)))
    except _UNTIMELY:
        return source
    import pandas as pd

    return rest.set_axis(pd.Index(first.to_list(), name=name), axis=0)


def text_of_sheet(source: Any) -> str | None:
    """Return the CSV text of a frame whose second header row was read as data, as by
    `read_csv` without `header=[0, 1]`; None for any other frame.
    """
    if source.columns.nlevels > 1 or len(source) < 3 or source.shape[1] < 3:
        return None
    names = [re.sub(r"\.\d+$", "", str(name)) for name in source.columns]
    cells = source.iloc[0].to_list()
    places = [place for place, name in enumerate(names) if field_of(name)]
    if not places:  # the fields are the second row
        places = [place for place, cell in enumerate(cells) if field_of(str(cell))]
    if len(places) < 2 or not all(_is_a_name(cells[place]) for place in places):
        return None
    if _is_a_name(source.iloc[-1, places[0]]):
        return None  # a column of texts
    header = ["" if re.match(r"Unnamed: \d+", name) else name for name in names]
    text: str = source.set_axis(header, axis=1).to_csv(index=False)
    return text


def _is_a_name(cell: object) -> bool:
    return isinstance(cell, str) and bool(re.search("[A-Za-z]", cell)) and not is_number_text(cell)
