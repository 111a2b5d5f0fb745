"""The table of all statistics: each with its unit and meaning.

The rule: every statistic of a run is listed here, in display order, and appears in the
frame even if it does not exist for this run (null).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import polars as pl

from rbtlive.core.state.record import RunRecord, column
from rbtlive.research.result_frames import benchmark_returns, daily_returns
from rbtlive.research.run_bars import RunBars
from rbtlive.research.statistics.annual import row_word, rows_a_year
from rbtlive.research.statistics.returns import Values, against_benchmark, return_statistics
from rbtlive.research.statistics.trading import (
    cost_statistics,
    holding_statistics,
    trade_statistics,
)

SECTIONS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "Return": {
        "total_return": ("fraction", "profit over the capital at the start, compounded"),
        "annual_return": ("fraction", "the yearly rate that compounds to the total return"),
        "buy_and_hold_return": ("fraction", "holding the traded assets throughout, in equal parts"),
        "benchmark_return": ("fraction", "the benchmark over the same sessions"),
        "excess_return": ("fraction", "total return less the benchmark's"),
        "best_day": ("fraction", "the best session"),
        "worst_day": ("fraction", "the worst session"),
        "mean_day": ("fraction", "mean return of a session"),
        "best_month": ("fraction", "the best calendar month"),
        "worst_month": ("fraction", "the worst calendar month"),
        "best_year": ("fraction", "the best calendar year"),
        "worst_year": ("fraction", "the worst calendar year"),
        "win_days": ("fraction", "sessions with a gain, of those with a gain or a loss"),
        "win_months": ("fraction", "months with a gain"),
        "win_days_in_a_row": ("sessions", "the longest run of sessions with a gain"),
        "loss_days_in_a_row": ("sessions", "the longest run of sessions with a loss"),
        "sessions": ("sessions", "finished sessions of the run"),
    },
    "Risk": {
        "annual_volatility": ("fraction", "standard deviation of returns, annualised"),
        "downside_risk": ("fraction", "deviation of the returns below zero, annualised"),
        "max_drawdown": ("fraction", "the deepest fall from a high"),
        "mean_drawdown": ("fraction", "mean depth of all drawdowns"),
        "current_drawdown": ("fraction", "distance from the high at the end"),
        "drawdowns": ("count", "how many there were"),
        "max_drawdown_days": ("days", "the longest time from a high to the same height"),
        "mean_drawdown_days": ("days", "mean time from a high to the same height"),
        "max_recovery_days": ("days", "the longest way from a low back to the high"),
        "days_since_high": ("days", "time since the last high, at the end"),
        "time_under_water": ("fraction", "time below a high, of the whole time"),
        "ulcer_index": ("fraction", "root mean square of the drawdown of all sessions"),
        "value_at_risk": ("fraction", "return that one session in twenty falls short of"),
        "conditional_value_at_risk": ("fraction", "mean return of the worst twentieth"),
        "skew": ("ratio", "skewness of returns: negative has the longer tail in losses"),
        "kurtosis": ("ratio", "excess kurtosis of returns: 0 for a normal distribution"),
        "tail_ratio": ("ratio", "95th percentile of returns over the 5th, in size"),
    },
    "Reward for risk": {
        "sharpe": ("ratio", "mean return over its deviation, annualised, without interest"),
        "sharpe_error": ("ratio", "standard error of the Sharpe ratio (Lo 2002)"),
        "sortino": ("ratio", "mean return over downside risk, annualised"),
        "calmar": ("ratio", "annual return over the deepest drawdown"),
        "omega": ("ratio", "sum of gains over sum of losses of sessions"),
        "gain_to_pain": ("ratio", "sum of returns over the sum of losses"),
        "ulcer_performance": ("ratio", "annual return over the ulcer index"),
        "recovery_factor": ("ratio", "total return over the deepest drawdown"),
        "stability": ("ratio", "R squared of a straight line through the log of value"),
    },
    "Against the benchmark": {
        "alpha": ("fraction", "return a year that the benchmark does not explain"),
        "alpha_error": ("fraction", "standard error of alpha"),
        "beta": ("ratio", "return for each unit of the benchmark's"),
        "beta_error": ("ratio", "standard error of beta"),
        "r_squared": ("fraction", "part of the variance that the benchmark explains"),
        "correlation": ("ratio", "correlation of returns with the benchmark's"),
        "tracking_error": ("fraction", "deviation of the difference of returns, annualised"),
        "information_ratio": ("ratio", "mean difference of returns over its deviation, annualised"),
        "up_capture": ("ratio", "annual return over the benchmark's, in its rising sessions"),
        "down_capture": ("ratio", "annual return over the benchmark's, in its falling sessions"),
    },
    "Trades": {
        "trades": ("count", "closed round trips"),
        "open_trades": ("count", "round trips still open"),
        "long_trades": ("count", "closed ones that were long"),
        "short_trades": ("count", "closed ones that were short"),
        "win_rate": ("fraction", "closed trades with a net profit"),
        "profit_factor": ("ratio", "sum of profits over sum of losses, net"),
        "expectancy": ("money", "mean net profit of a trade"),
        "payoff": ("ratio", "mean profit over mean loss"),
        "kelly": ("fraction", "win rate less loss rate over payoff: the bet of most growth"),
        "sqn": ("ratio", "system quality: root of trades times mean profit over its deviation"),
        "gross_profit": ("money", "sum of the profitable trades, net of costs"),
        "gross_loss": ("money", "sum of the losing trades, net of costs"),
        "mean_win": ("money", "mean of the profitable trades"),
        "mean_loss": ("money", "mean of the losing trades"),
        "best_trade": ("fraction", "the best return of a trade"),
        "worst_trade": ("fraction", "the worst return of a trade"),
        "mean_trade": ("fraction", "mean return of a trade"),
        "median_trade": ("fraction", "median return of a trade"),
        "wins_in_a_row": ("count", "the longest run of profitable trades"),
        "losses_in_a_row": ("count", "the longest run of losing trades"),
        "mean_mae": ("fraction", "mean of the worst reached on the way"),
        "mean_mfe": ("fraction", "mean of the best reached on the way"),
        "mean_bars_held": ("bars", "mean holding time of a trade"),
        "mean_days_held": ("days", "mean holding time, calendar days"),
        "max_days_held": ("days", "the longest holding time, calendar days"),
    },
    "Exposure, costs and capacity": {
        "exposure": ("fraction", "sessions that ended with a position"),
        "mean_gross_leverage": ("ratio", "mean of positions, shorts positive, over value"),
        "max_gross_leverage": ("ratio", "the highest of it"),
        "mean_net_leverage": ("ratio", "mean of positions, shorts negative, over value"),
        "turnover": ("per year", "how often a year the mean portfolio was traded over"),
        "traded_value": ("money", "sum of all executions, in size"),
        "commission": ("money", "commissions paid"),
        "commission_bps": ("bps", "commissions over the value traded"),
        "slippage": ("money", "cost of executions against the close of their bar"),
        "slippage_bps": ("bps", "slippage over the value traded"),
        "dividends": ("money", "dividends received, less those paid on shorts"),
        "max_volume_share": ("fraction", "largest share of a bar's volume an execution was"),
        "capacity": ("money", "portfolio whose executions are a tenth of volume, 19 of 20 times"),
        "orders": ("count", "orders sent"),
        "fills": ("count", "executions"),
        "denied": ("count", "orders that our own guards refused"),
        "rejected": ("count", "orders that the venue refused"),
        "canceled": ("count", "orders cancelled or expired"),
    },
}
"""By section: each statistic's unit and meaning."""

FACTS: Final[Mapping[str, tuple[str, str]]] = {
    name: fact for section in SECTIONS.values() for name, fact in section.items()
}


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
