"""A table as it was found: its columns untouched, and what its place says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import polars as pl

Labels = Literal["start", "end"]

SEPARATOR: Final = "|"
"""Between the parts of a column's name that came in several."""


@dataclass(frozen=True)
class Table:
    """One table of a source, before its columns have meanings.

    Attributes:
        frame: All columns; the names are texts.
        where: What messages call it, e.g. "prices.csv".
        symbol: What the place says the symbol is: a key of a dict, a file's name.
        labels: Which end of a bar this vendor stamps, if the shape shows the vendor.
        vendor: Whose shape it is, for messages and the report.
        interval: How long the vendor's name says a bar is, e.g. "1m".
        decimal_comma: Whether the file's delimiter shows that "1,5" is one and a half.
        zone: Whose clock this vendor's times are, if the shape shows it.
    """

    frame: pl.DataFrame
    where: str
    symbol: str | None = None
    labels: Labels | None = None
    vendor: str | None = None
    interval: str | None = None
    decimal_comma: bool | None = None
    zone: str | None = None

    def but(self, **changes: Any) -> Table:
        """Return the same table with other values."""
        return replace(self, **changes)
