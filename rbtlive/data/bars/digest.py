"""A portal's fingerprint: a hash of its facts as text, and the bytes of its columns.

The rule: equal data gives an equal hash, on every machine and in every version; facts
added later are left out if they have their default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import polars as pl

from rbtlive.data.bars.minute_bars import MinuteBars
from rbtlive.data.checking.corporate import Dividend, Split
from rbtlive.data.columns.keyed import PortalColumns
from rbtlive.model.arrays import np
from rbtlive.model.asset import Equity
from rbtlive.model.interval import DAY, MINUTE, Interval
from rbtlive.model.number import plain_text


def fingerprint(
    facts: Iterable[str],
    daily: pl.DataFrame,
    minutes: MinuteBars | None,
    further: PortalColumns,
) -> str:
    """Return the SHA-256, in hex, of a portal's facts, bars and further columns."""
    digest = hashlib.sha256()
    for line in facts:
        digest.update(line.encode() + b"\n")
    for column in daily.get_columns():
        digest.update(f"{column.name} {column.dtype} {len(column)}\n".encode())
        digest.update(column_bytes(column))
    if minutes is not None:
        digest_minutes(minutes, digest)
    for columns in further.given:
        keys = pl.DataFrame({"time": columns.times, "asset": columns.assets})
        for name in sorted(columns.names):
            values = columns.values(name)
            if values is not None:
                digest.update(f"further {name!r} {len(values)}\n".encode())
                same = np.where(np.isnan(values), np.nan, values)  # NaN has many bit patterns
                for column in (*keys, pl.Series(same)):
                    digest.update(column_bytes(column))
    return digest.hexdigest()


def facts_as_text(
    calendar: str,
    interval: Interval,
    *,
    assets: Iterable[Equity],
    splits: Iterable[Split],
    dividends: Iterable[Dividend],
) -> list[str]:
    """Return the facts besides the bars, one line per fact."""
    length = "" if interval in (MINUTE, DAY) else f" {interval}"
    lines = [f"portal 1 {calendar}{length}"]
    lines += [
        f"asset {a.sid} {a.symbol!r} {a.start_date} {a.end_date} {a.auto_close_date} "
        f"{plain_text(a.lot_size)} {plain_text(a.tick_size)}{_class_text(a)}"
        for a in assets
    ]
    lines += [f"split {s.asset} {s.session} {plain_text(s.ratio)}" for s in splits]
    lines += [
        f"dividend {d.asset} {d.ex_date} {d.pay_date} {plain_text(d.amount)}" for d in dividends
    ]
    return lines


def _class_text(asset: Equity) -> str:
    if asset.asset_class == "equity" and asset.quote_currency == "USD":
        return ""
    return f" {asset.asset_class} {asset.quote_currency}"


def digest_minutes(minutes: MinuteBars, digest: Any) -> None:
    """Add all bars to a hash column by column, as if they were in memory: one pass per
    column.
    """
    for number, (name, dtype) in enumerate(minutes.part(0, -1).schema.items()):
        digest.update(f"{name} {dtype} {minutes.height}\n".encode())
        for part in minutes.parts(minutes.first_session, minutes.last_session):
            digest.update(column_bytes(part.to_series(number)))


def column_bytes(column: pl.Series) -> bytes:
    """Return a column's values as bytes, the same for equal data on every machine."""
    values = column.to_numpy()
    if values.dtype.kind == "f":
        values = values + 0.0  # so that -0.0 and 0.0 hash the same
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
