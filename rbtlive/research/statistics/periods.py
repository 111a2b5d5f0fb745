"""Returns by calendar period, rolling figures, and results in known crises.

The rule: returns compound within a period; a period that the run covers in part counts
with that part.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Literal

import polars as pl

from rbtlive.model.arrays import np
from rbtlive.research import expanding
from rbtlive.research.expanding import Floats

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def grown_by(
    returns: Floats, dates: Sequence[date], period: Literal["month", "year"]
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield year (and month) and the compounded return of each period."""
    keys = [(day.year, day.month) if period == "month" else (day.year,) for day in dates]
    values = np.nan_to_num(returns).tolist()
    for key, rows in itertools.groupby(zip(keys, values, strict=True), key=lambda row: row[0]):
        growth = 1.0
        for _key, value in rows:
            growth *= 1.0 + value
        yield key, growth - 1.0


def monthly_frame(returns: Floats, dates: Sequence[date]) -> pl.DataFrame:
    """Return one row per year: `year`, `jan` … `dec` (null without a session) and the
    whole `year_return`.
    """
    months = dict(grown_by(returns, dates, "month"))
    years = dict(grown_by(returns, dates, "year"))
    rows = [
        (year, *(months.get((year, month)) for month in range(1, 13)), total)
        for (year,), total in years.items()
    ]
    schema = {
        "year": pl.Int64(),
        **dict.fromkeys(MONTHS, pl.Float64()),
        "year_return": pl.Float64(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def yearly_frame(
    returns: Floats, dates: Sequence[date], benchmark: Floats | None, a_year: int
) -> pl.DataFrame:
    """Return one row per year: `year`, `return`, `benchmark_return` (null without one),
    `volatility` (annualised), `sharpe`, `max_drawdown`, `sessions`.
    """
    years = np.array([day.year for day in dates], dtype=np.int64)
    rows: list[tuple[Any, ...]] = []
    for year in np.unique(years).tolist():
        chosen = years == year
        part = returns[chosen]
        market = None if benchmark is None else benchmark[chosen]
        rows.append(
            (
                year,
                float(expanding.cumulative_returns(part)[-1]),
                None if market is None else float(expanding.cumulative_returns(market)[-1]),
                *_risk(part, a_year),
                len(part),
            )
        )
    schema = {
        "year": pl.Int64(),
        "return": pl.Float64(),
        "benchmark_return": pl.Float64(),
        "volatility": pl.Float64(),
        "sharpe": pl.Float64(),
        "max_drawdown": pl.Float64(),
        "sessions": pl.Int64(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _risk(returns: Floats, a_year: int) -> tuple[float | None, float | None, float]:
    deepest = float(np.nanmin(np.append(expanding.drawdowns(returns), 0.0)))
    deviation = float(np.nanstd(returns, ddof=1)) if len(returns) > 1 else 0.0
    if not deviation:
        return None if len(returns) < 2 else 0.0, None, deepest
    sharpe = float(np.nanmean(returns)) / deviation * a_year**0.5
    return deviation * a_year**0.5, sharpe, deepest


def rolling_frame(
    returns: Floats,
    dates: Sequence[date],
    *,
    benchmark: Floats | None,
    exposure: Sequence[float],
    window: int,
    a_year: int,
) -> pl.DataFrame:
    """Return one row per session: `date`, and over the last `window` sessions the
    compounded `return`, annualised `volatility` and `sharpe`, `beta` (null without a
    benchmark) and the mean gross `exposure`; null before the window is full.
    """
    frame = pl.DataFrame(
        {
            "date": pl.Series(dates, dtype=pl.Date),
            "own": np.nan_to_num(returns),
            "market": np.full(len(returns), np.nan) if benchmark is None else benchmark,
            "gross": pl.Series(exposure, dtype=pl.Float64),
        }
    )
    own, market = pl.col("own"), pl.col("market")
    mean, deviation = own.rolling_mean(window), own.rolling_std(window)
    spread = market.rolling_var(window)
    growth = (own + 1.0).log().rolling_sum(window).exp() - 1.0
    flat = deviation < 1e-15
    return frame.select(
        "date",
        growth.alias("return"),
        (deviation * a_year**0.5).alias("volatility"),
        pl.when(flat).then(None).otherwise(mean / deviation * a_year**0.5).alias("sharpe"),
        pl.when(spread > 0.0)
        .then(pl.rolling_cov(own, market, window_size=window) / spread)
        .alias("beta")
        .fill_nan(None),
        pl.col("gross").rolling_mean(window).alias("exposure"),
    )


CRISES: tuple[tuple[str, date, date], ...] = (
    ("Dot-com fall", date(2000, 3, 10), date(2002, 10, 9)),
    ("September 11", date(2001, 9, 10), date(2001, 9, 21)),
    ("Quant quake", date(2007, 8, 1), date(2007, 8, 16)),
    ("Financial crisis", date(2007, 10, 9), date(2009, 3, 9)),
    ("Lehman", date(2008, 9, 12), date(2008, 11, 20)),
    ("Flash crash", date(2010, 5, 5), date(2010, 5, 10)),
    ("Fukushima", date(2011, 3, 10), date(2011, 3, 16)),
    ("US downgrade, euro debt", date(2011, 7, 22), date(2011, 10, 3)),
    ("China devaluation", date(2015, 8, 17), date(2015, 8, 25)),
    ("Brexit vote", date(2016, 6, 23), date(2016, 6, 27)),
    ("Volatility spike", date(2018, 1, 26), date(2018, 2, 8)),
    ("Fourth quarter 2018", date(2018, 9, 20), date(2018, 12, 24)),
    ("Covid", date(2020, 2, 19), date(2020, 3, 23)),
    ("Rate rises", date(2022, 1, 3), date(2022, 10, 12)),
    ("Regional banks", date(2023, 3, 6), date(2023, 3, 13)),
    ("Yen carry unwind", date(2024, 7, 31), date(2024, 8, 5)),
    ("Tariffs", date(2025, 4, 2), date(2025, 4, 8)),
)
"""Periods in which equity markets fell: the name, the first and the last session."""


def crises_frame(returns: Floats, dates: Sequence[date], benchmark: Floats | None) -> pl.DataFrame:
    """Return one row for each crisis within the run: `crisis`, `start`, `end`,
    `return`, `benchmark_return`, `max_drawdown`.
    """
    days = np.array(dates, dtype="datetime64[D]")
    rows: list[tuple[Any, ...]] = []
    for name, start, end in CRISES:
        if not dates or start < dates[0] or end > dates[-1]:
            continue
        chosen = (days >= np.datetime64(start)) & (days <= np.datetime64(end))
        part = returns[chosen]
        if not len(part):
            continue
        market = None
        if benchmark is not None:
            market = float(expanding.cumulative_returns(benchmark[chosen])[-1])
        deepest = float(np.nanmin(np.append(expanding.drawdowns(part), 0.0)))
        grown = float(expanding.cumulative_returns(part)[-1])
        rows.append((name, start, end, grown, market, deepest))
    schema = {
        "crisis": pl.String(),
        "start": pl.Date(),
        "end": pl.Date(),
        "return": pl.Float64(),
        "benchmark_return": pl.Float64(),
        "max_drawdown": pl.Float64(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
