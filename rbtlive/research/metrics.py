"""Metrics of a whole run.

The rule: ratios are empyrical's on the returns of sessions, annualised by the calendar
and interval (252 sessions on an exchange, 365 if every day trades); values that do not
exist are None.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, Any

from rbtlive.core.state.record import (
    RunRecord,
    floats,
    transaction_column,
    transaction_floats,
)
from rbtlive.model.arrays import np
from rbtlive.model.number import ENGINE_CONTEXT, ZERO
from rbtlive.research.ratios import RATIOS, alpha_beta, ratios
from rbtlive.research.result_frames import benchmark_returns, daily_returns
from rbtlive.research.statistics.annual import rows_a_year

if TYPE_CHECKING:
    from rbtlive.research.expanding import Floats

Metrics = dict[str, float | int | None]


def metrics_of(record: RunRecord) -> Metrics:
    """Return the metrics of a run.

    All returns and ratios are fractions (0.1 is ten percent), `max_drawdown` is zero or
    negative, `commission` is money, `turnover` is how many times a year the average
    portfolio was traded over (half of the traded value over the mean portfolio value).
    `alpha` and `beta` are None without a benchmark.

    Source: empyrical-reloaded for every ratio that it has.
    """
    returns, benchmark = daily_returns(record.sessions), benchmark_returns(record.sessions)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # Short or flat runs divide zero by zero inside scipy too; the answer is None,
        # not a warning.
        warnings.simplefilter("ignore", RuntimeWarning)
        a_year = rows_a_year(record.settings)
        metrics = _ratios(returns, a_year) | _against(returns, benchmark, a_year)
    return {name: _known(value) for name, value in (metrics | _activity(record)).items()}


def _ratios(returns: Floats, a_year: int) -> dict[str, Any]:
    if not len(returns):
        return dict.fromkeys(RATIOS)
    if not np.isnan(returns).any():  # the same numbers as empyrical, at a tenth of its cost
        return {name: float(value[0]) for name, value in ratios(returns[None, :], a_year).items()}
    import empyrical  # importing it loads pandas and scipy

    functions: dict[str, Callable[..., Any]] = {
        "total_return": empyrical.cum_returns_final,
        "annual_return": empyrical.annual_return,
        "annual_volatility": empyrical.annual_volatility,
        "sharpe": empyrical.sharpe_ratio,
        "sortino": empyrical.sortino_ratio,
        "max_drawdown": empyrical.max_drawdown,
        "calmar": empyrical.calmar_ratio,
        "stability": empyrical.stability_of_timeseries,
        "omega": empyrical.omega_ratio,
        "tail_ratio": empyrical.tail_ratio,
        "downside_risk": empyrical.downside_risk,
        "value_at_risk": empyrical.value_at_risk,
        "best_day": np.nanmax,
        "worst_day": np.nanmin,
    }
    return {
        name: function(returns, annualization=a_year) if name in _ANNUAL else function(returns)
        for name, function in functions.items()
    }


_ANNUAL = {"annual_return", "annual_volatility", "sharpe", "sortino", "calmar", "downside_risk"}


def _against(returns: Floats, benchmark: Floats | None, a_year: int) -> dict[str, Any]:
    if benchmark is None or not len(returns):
        return {"alpha": None, "beta": None, "benchmark_return": None}
    if not np.isnan(returns).any() and not np.isnan(benchmark).any():  # as above
        found = alpha_beta(returns[None, :], benchmark, a_year)
        whole = float(np.prod(1.0 + benchmark) - 1.0)
        return {"alpha": found[0][0], "beta": found[1][0], "benchmark_return": whole}
    import empyrical

    alpha, beta = empyrical.alpha_beta_aligned(returns, benchmark, annualization=a_year)
    return {
        "alpha": alpha,
        "beta": beta,
        "benchmark_return": empyrical.cum_returns_final(benchmark),
    }


def _activity(record: RunRecord) -> dict[str, Any]:
    sessions, a_year = record.sessions, rows_a_year(record.settings)
    values = floats(sessions, "portfolio_value")
    amounts, prices = (transaction_floats(record.transactions, n) for n in ("amount", "price"))
    costs = transaction_column(record.transactions, "commission")
    traded = math.fsum(map(abs, map(mul, amounts, prices)))
    mean = math.fsum(values) / len(values) if values else 0.0
    # Exact (0.1 + 0.2 is 0.3), whatever the caller's decimal context.
    commission = reduce(ENGINE_CONTEXT.add, costs, ZERO)
    return {
        "sessions": len(sessions),
        "orders": len(record.orders),
        "denied": len(record.denied),
        "fills": len(record.transactions),
        "commission": float(commission),
        "turnover": traded / 2 / mean / (len(sessions) / a_year) if mean > 0 else None,
        "max_gross_leverage": max(floats(sessions, "gross_leverage"), default=None),
        "final_value": values[-1] if values else None,
    }


def _known(value: Any) -> float | int | None:
    if value is None or isinstance(value, int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
