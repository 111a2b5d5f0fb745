"""Tables of a result that display amounts in readable form.

The rule: only displays differ; the values have all their digits.
"""

from __future__ import annotations

import polars as pl

from rbtlive.research.foreign_attributes import FigureFrame


class PeopleFrame(FigureFrame):
    """A frame that shows 83,313.25 where polars shows 83313.250000000000."""

    def __str__(self) -> str:
        with _as_people_write():
            return pl.DataFrame.__str__(self)

    def _repr_html_(self, *, _from_series: bool = False) -> str:
        with _as_people_write():
            return pl.DataFrame._repr_html_(self, _from_series=_from_series)


def _as_people_write() -> pl.Config:
    return pl.Config(
        trim_decimal_zeros=True, thousands_separator=",", tbl_cell_numeric_alignment="RIGHT"
    )
