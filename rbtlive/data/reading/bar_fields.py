"""The five fields of a table's bars: parsed as numbers, and completed.

The rule: a cell that is not a number is refused, and a missing field is derived from
the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Final

import polars as pl

from rbtlive.data.reading.column_roles import Roles, plain, shares_a_unit
from rbtlive.data.reading.mending_lines import reading
from rbtlive.data.reading.needs import Needs
from rbtlive.data.reading.numbers import NOTHING, UnclearDecimals, number_series
from rbtlive.data.reading.tables import Table
from rbtlive.errors import WrongColumnType
from rbtlive.model.bar import OHLCV, PRICES

UNLIMITED_VOLUME: Final = 1e12
"""The volume of a bar if the source has none: it limits no order."""

_NO_VOLUME: Final = -1.0
"""Interactive Brokers' volume for bars that have none. Source: its API's historical
bars of MIDPOINT, BID and ASK.
"""

_EVENT: Final = (
    r"(?i)^\s*[\d.:/,\s]+(for\s+[\d.,]+\s+)?(cash\s+|stock\s+|capital\s+)?"
    r"(dividends?|splits?|gains?)\s*$"
)
"""A corporate action in place of a price."""

_FIXED_POINT: Final = 1e-9
"""Databento's prices are integers in this unit. Source: databento.com,
"Conventions".
"""

_MARKED: Final = "prc"
"""CRSP's price, which is negative if nothing traded and it is the midpoint of bid and
ask. Source: CRSP's data descriptions, "Price or Bid/Ask Average".
"""


def fields_of(
    table: Table, roles: Roles, *, source: object, needs: Needs, note: Callable[[str], None]
) -> dict[str, pl.Series] | None:
    """Return the fields of a table, as floats; None if its numbers are ambiguous, which
    adds a question.

    Args:
        table: A long table.
        roles: The field in each column.
        source: The user's source, for the line that an error ends with.
        needs: Collects questions.
        note: Records decisions.

    Raises:
        WrongColumnType: a field contains other values than numbers.
    """
    raw = {name: table.frame[column] for name, column in roles.fields.items()}
    raw = _without_events(raw, note)
    try:
        read = number_series(raw, decimal_comma=table.decimal_comma)
    except UnclearDecimals:
        needs.ask(
            'the numbers: in texts such as "1,234" or "1.234" the sign may be decimal or of '
            "thousands",
            before=reading(source, ', sep=None, decimal=","')
            if isinstance(source, (str, Path))
            else 'source = source.replace({",": ""}, regex=True)',
        )
        return None
    for name, column in read.items():
        _refuse_what_is_no_number(raw[name], table)
        _refuse_text(raw[name], column, table)
    fixed = {"rtype", "publisher_id"} <= set(map(plain, table.frame.columns)) | set(
        table.frame.columns
    )
    if fixed and "open" in read and read["open"].dtype.is_integer():
        for name in read:
            if name != "volume":
                read[name] = (read[name].cast(pl.Float64) * _FIXED_POINT).round(9)
        note("prices are Databento's fixed-point integers of 1e-9")
    found = {
        name: column if column.dtype == pl.Float64 else column.cast(pl.Float64, strict=False)
        for name, column in read.items()
    }
    if (unit := shares_a_unit(roles.fields.get("volume", ""))) > 1.0:
        note(f"{roles.fields['volume']!r} counts {unit:,.0f} shares: taken as shares")
        found["volume"] = found["volume"] * unit
    if plain(roles.fields.get("close", "")) == _MARKED and (found["close"] < 0.0).any():
        quotes = int((found["close"] < 0.0).sum())
        note(f"{quotes:,} closes below zero are CRSP's mark of a mid quote: taken as positive")
        found["close"] = found["close"].abs()
    return found


# Yahoo's printed table has rows of corporate actions among the bars: "0.24 Dividend".
# Source: finance.yahoo.com, "Historical Data".
def _without_events(
    raw: Mapping[str, pl.Series], note: Callable[[str], None]
) -> dict[str, pl.Series]:
    texts = [column for column in raw.values() if column.dtype == pl.String]
    found = [column.str.contains(_EVENT).fill_null(value=False) for column in texts]
    events = reduce(or_, found) if found else None
    if events is None or not events.any():
        return dict(raw)
    note(
        f"{int(events.sum()):,} rows of dividends and splits among the bars are left aside: pass "
        "them as dividends= and splits="
    )
    return {name: column.set(events, None) for name, column in raw.items()}


def completed(fields: Mapping[str, pl.Series], note: Callable[[str], None]) -> list[pl.Series]:
    """Return all five named fields: missing ones are derived from the others, and
    noted.
    """
    close = fields["close"]
    lacking = [name for name in ("open", "high", "low") if name not in fields]
    if lacking:
        note(f"no {', '.join(lacking)} in the source: taken from the other prices")
    opens = fields.get("open", close)
    high = fields.get("high")
    low = fields.get("low")
    both = pl.DataFrame({"a": opens, "b": close})
    if high is None:
        high = both.select(pl.max_horizontal("a", "b")).to_series()
    if low is None:
        low = both.select(pl.min_horizontal("a", "b")).to_series()
    volume = fields.get("volume")
    if volume is None or (len(volume) and (volume.is_null() | (volume == _NO_VOLUME)).all()):
        note(
            f"no volume in the source: taken as {UNLIMITED_VOLUME:.0e} a bar, so that none "
            "limits an order"
        )
        volume = pl.repeat(UNLIMITED_VOLUME, len(close), dtype=pl.Float64, eager=True)
    done = dict(zip(OHLCV, (opens, high, low, close, volume), strict=True))
    whole = pl.DataFrame([series.alias(name) for name, series in done.items()])
    return (whole if lacking else _without_zeros(whole, note)).get_columns()


# Vendors write 0 if nothing traded: for all prices of a missing bar, for all but the
# close of a day without a trade, for an open that was not recorded. Sources: baostock
# and AkShare of suspended shares, Yahoo of indices before 1982.
def _without_zeros(frame: pl.DataFrame, note: Callable[[str], None]) -> pl.DataFrame:
    zero = [pl.col(name) == 0.0 for name in PRICES]
    traded = pl.col("close") > 0.0
    if not all(frame.select(zero[0].any(), traded.any()).row(0)):
        return frame
    none, untraded = pl.all_horizontal(zero), pl.all_horizontal(zero[:3]) & traded
    unknown = zero[0] & (pl.col("low") > 0.0)
    told = {
        "bars whose prices are all 0: taken as missing": none,
        "bars whose open, high and low are 0: taken as their close": untraded,
        "opens of 0 below the low: taken as the close": unknown,
    }
    for what, where in told.items():
        if count := int(frame.select(where.fill_null(value=False).sum()).item()):
            note(f"{count:,} {what}")
    for names, where in ((PRICES[:3], untraded), (PRICES[:1], unknown)):
        frame = frame.with_columns(
            pl.when(where).then("close").otherwise(name).alias(name) for name in names
        )
    missing = pl.lit(None, dtype=pl.Float64)
    return frame.with_columns(pl.when(none).then(missing).otherwise("close").alias("close"))


def _refuse_what_is_no_number(column: pl.Series, table: Table) -> None:
    dtype = column.dtype
    if dtype.is_numeric() or dtype in (pl.String, pl.Null) or column.null_count() == len(column):
        return
    if dtype in (pl.Categorical, pl.Enum):
        return
    raise WrongColumnType(
        f"column {column.name!r} of {table.where} must hold numbers: was {dtype}; convert it first"
    )


def _refuse_text(raw: pl.Series, read: pl.Series, table: Table) -> None:
    if raw.dtype != pl.String or read.null_count() == raw.null_count():
        return
    bad = (
        read.is_null()
        & raw.is_not_null()
        & ~raw.str.strip_chars().str.to_lowercase().is_in(NOTHING)
    )
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise WrongColumnType(
            f"column {raw.name!r} of {table.where} must hold numbers: was {raw[row]!r} in "
            f"row {row}; "
            "write a number, or nothing where the bar is missing"
        )
