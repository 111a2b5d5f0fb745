"""How a run lays its bars out: without a copy where they are all rows, and days of
minutes when somebody asks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rbtlive.data.portal import PolarsDataPortal
from tests.data.markets import DAYS, Run, bars, dividends, minute_stamps, splits

RISING = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0]


def shown(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), 9) for value in values]


def window(run: Run, field: str, count: int, *, frequency: str = "1d") -> list[float | None]:
    return shown(run.market.windows.values(0, field, run.market.windows.span(count, frequency)))


def test_bars_that_are_all_rows_are_taken_without_a_copy_and_cannot_be_written() -> None:
    given = PolarsDataPortal(bars({"A": RISING, "B": RISING[::-1]}))
    table = Run(given).market.table

    closes = table.values("close", 0, table.rows)

    assert np.shares_memory(closes, given.daily["close"].to_numpy())
    assert closes.tolist() == [[a, b] for a, b in zip(RISING, RISING[::-1], strict=True)]
    assert not closes.flags.writeable


def test_bars_that_are_not_all_rows_leave_the_others_empty() -> None:
    given = PolarsDataPortal(bars({"A": [10.0, None, 12.0], "B": [20.0, 21.0, 22.0]}))
    table = Run(given, last=2).market.table

    closes = table.values("close", 0, table.rows)

    assert [shown(row) for row in closes] == [[10, 20], [None, 21], [12, 22]]
    assert table.values("volume", 0, table.rows).tolist() == [[100, 100], [0, 100], [100, 100]]
    assert not closes.flags.writeable


def test_days_look_alike_whenever_they_are_first_asked_for() -> None:
    stamps = [stamp for day in DAYS[:3] for stamp in minute_stamps(day, 2)]
    data = PolarsDataPortal(
        None,
        minute_bars=bars({"A": [10.0, 13.0, 6.0, 7.0, 8.0, 9.0]}, stamps),
        splits=splits(("A", DAYS[1], 0.5)),
        dividends=dividends(("A", DAYS[2], 0.7)),
    )
    early, late = Run(data, frequency="1m", last=2), Run(data, frequency="1m", last=2)
    early.to_bar(0, 0)
    assert window(early, "close", 1) == [10]

    for run in (early, late):
        run.to_bar(2, 1)

    for field in ("open", "high", "low", "close", "volume", "price"):
        assert window(early, field, 3) == window(late, field, 3)
    assert window(late, "close", 3) == [5.85, 6.3, 9]


def test_days_that_nobody_asks_for_are_not_made() -> None:
    stamps = [stamp for day in DAYS[:2] for stamp in minute_stamps(day, 2)]
    data = PolarsDataPortal(
        None,
        minute_bars=bars({"A": [10.0, 13.0, 6.0, 7.0]}, stamps),
        splits=splits(("A", DAYS[1], 0.5)),
    )
    run = Run(data, frequency="1m", last=1)

    run.to_bar(1, 1)
    assert window(run, "close", 2, frequency="1m") == [6, 7]

    assert data._daily is None
    assert window(run, "close", 2) == [6.5, 7]
    assert data._daily is not None
