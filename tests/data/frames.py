"""Small frames of bars, right unless a test makes one value wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import DataError

DAYS = (date(2012, 11, 21), date(2012, 11, 23), date(2012, 11, 26))
"""Three sessions of New York: the middle one closes early, the last follows a weekend.
"""

COLUMNS = ("open", "high", "low", "close", "volume")


def daily(symbols: Sequence[str] = ("AAPL", "MSFT"), days: Sequence[date] = DAYS) -> pl.DataFrame:
    """Return a daily bar a day and symbol, sorted by day; every bar has prices of its
    own.
    """
    rows = []
    for number, day in enumerate(days):
        for place, symbol in enumerate(symbols):
            price = 100.0 * (place + 1) + number
            rows.append((day, symbol, price, price + 2, price - 2, price + 1, 1000 + number))
    return pl.DataFrame(rows, schema=["date", "symbol", *COLUMNS], orient="row")


def minutes(stamps: Sequence[datetime], symbols: Sequence[str] = ("AAPL",)) -> pl.DataFrame:
    """Return a minute bar a stamp and symbol."""
    rows = []
    for number, stamp in enumerate(stamps):
        for place, symbol in enumerate(symbols):
            price = 100.0 * (place + 1) + number
            rows.append((stamp, symbol, price, price + 2, price - 2, price + 1, 10 + number))
    return pl.DataFrame(
        rows,
        schema={"timestamp": pl.Datetime("us", "UTC"), "symbol": pl.String}
        | dict.fromkeys(COLUMNS, pl.Float64),
        orient="row",
    )


def at(hour: int, minute: int, *, day: date = DAYS[0]) -> datetime:
    """Return a time of day, UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def with_value(frame: pl.DataFrame, row: int, values: Mapping[str, Any]) -> pl.DataFrame:
    """Return the frame with some values of one row replaced."""
    rows = frame.to_dicts()
    rows[row] |= values
    return pl.DataFrame(rows, schema=frame.schema)


SPLITS = {"symbol": ["MSFT"], "effective_date": [date(2012, 11, 24)], "ratio": [0.5]}
DIVIDENDS = {
    "symbol": ["AAPL"],
    "ex_date": [DAYS[1]],
    "pay_date": [date(2012, 12, 1)],
    "amount": [0.41],
}


def message_of(error: type[Exception], **tables: object) -> str:
    with pytest.raises(error) as caught:
        PolarsDataPortal(daily(), **{name: pl.DataFrame(table) for name, table in tables.items()})
    assert type(caught.value) is error
    assert isinstance(caught.value, DataError)
    return str(caught.value)
