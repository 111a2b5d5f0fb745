"""What the fingerprint of a portal is made of: the bytes of its columns."""

from __future__ import annotations

from typing import Any

import polars as pl

from rbtlive.data.bars.minute_bars import MinuteBars


def digest_minutes(minutes: MinuteBars, digest: Any) -> None:
    """Give a hash all bars column by column, as if they were held: once through them
    for each column.
    """
    for number, (name, dtype) in enumerate(minutes.part(0, -1).schema.items()):
        digest.update(f"{name} {dtype} {minutes.height}\n".encode())
        for part in minutes.parts(minutes.first_session, minutes.last_session):
            digest.update(column_bytes(part.to_series(number)))


def column_bytes(column: pl.Series) -> bytes:
    """Return a column's values, the same for equal data on every machine."""
    values = column.to_numpy()
    if values.dtype.kind == "f":
        values = values + 0.0  # so that -0.0 and 0.0 are the same data
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
