"""A table as found: its columns unchanged, and facts from its place.

The rule: a column has no meaning yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import polars as pl

Labels = Literal["start", "end"]

SEPARATOR: Final = "|"
"""Separator of the parts of a column's name."""


@dataclass(frozen=True)
class Table:
    """One table of a source, before its columns have meanings.

    Attributes:
        frame: All columns; the names are strings.
        where: Its name in messages, e.g. "prices.csv".
        symbol: The symbol according to its place: a key of a dict, a file's name.
        labels: Which end of a bar this vendor stamps, if the form shows the vendor.
        vendor: The vendor of this form, for messages and the report.
        interval: Length of a bar according to the vendor's name, e.g. "1m".
        decimal_comma: Whether the file's delimiter shows that "1,5" is one and a half.
        zone: Time zone of this vendor's times, if the form shows it.
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
        """Return the same table with changed values."""
        return replace(self, **changes)
