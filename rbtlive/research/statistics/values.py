"""The frame of all statistics of a run.

The rule: it has a row for every name of the table, even if the statistic does not exist
for this run (null).
"""

from __future__ import annotations

import math

import polars as pl

from rbtlive.core.state.record import RunRecord, column
from rbtlive.research.result_frames import benchmark_returns, daily_returns
from rbtlive.research.run_bars import RunBars
from rbtlive.research.statistics.annual import row_word, rows_a_year
from rbtlive.research.statistics.returns import Values, against_benchmark, return_statistics
from rbtlive.research.statistics.table import FACTS
from rbtlive.research.statistics.trading import (
    cost_statistics,
    holding_statistics,
    trade_statistics,
)


def statistics_of(record: RunRecord, trades: pl.DataFrame, bars: RunBars | None) -> pl.DataFrame:
    """Return the table: `statistic`, `value` (Float64, null if it does not exist),
    `unit`.

    Args:
        record: The run's record.
        trades: Its round trips.
        bars: Its bars, for slippage, capacity, and buy and hold.
    """
    sessions = record.sessions
    a_year, word = rows_a_year(record.settings), row_word(record.settings)
    returns, benchmark = daily_returns(sessions), benchmark_returns(sessions)
    dates = column(sessions, "label")
    values: Values = {"sessions": float(len(sessions))}
    values |= return_statistics(returns, dates, a_year)
    values |= against_benchmark(returns, benchmark, a_year)
    values |= trade_statistics(trades)
    values |= holding_statistics(record, bars)
    values |= cost_statistics(record, bars, returns, a_year)
    assert set(values) <= set(FACTS), sorted(set(values) - set(FACTS))
    units = (unit for unit, _meaning in FACTS.values())
    return pl.DataFrame(
        {
            "statistic": list(FACTS),
            "value": pl.Series([_known(values.get(name)) for name in FACTS], dtype=pl.Float64),
            "unit": [f"{word}s" if unit == "sessions" else unit for unit in units],
        }
    )


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
