"""Statistics of a run's returns, alone and against a benchmark.

The rule: use empyrical's and scipy's functions if they exist; returns are per session,
with `a_year` of them per year.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.research.expanding import Floats
from rbtlive.research.statistics.drawdowns import Drawdown, drawdowns_of
from rbtlive.research.statistics.periods import grown_by

Values = dict[str, float | None]


def return_statistics(returns: Floats, dates: Sequence[date], a_year: int) -> Values:
    """Return the statistics of returns alone.

    Args:
        returns: Returns of sessions, fractions.
        dates: Labels of the sessions.
        a_year: Number of them per year.
    """
    if not len(returns):
        return {}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        drawdowns = drawdowns_of(returns, dates)
        values = _ratios(returns, a_year) | _shape(returns) | _days(returns)
        values |= _months(returns, dates)
        values |= _falls(drawdowns, dates)
        return values | _of_both(values, returns, drawdowns)


def _ratios(returns: Floats, a_year: int) -> Values:
    import empyrical

    yearly: dict[str, Callable[..., Any]] = {
        "annual_return": empyrical.annual_return,
        "annual_volatility": empyrical.annual_volatility,
        "sharpe": empyrical.sharpe_ratio,
        "sortino": empyrical.sortino_ratio,
        "calmar": empyrical.calmar_ratio,
        "downside_risk": empyrical.downside_risk,
    }
    plain: dict[str, Callable[..., Any]] = {
        "total_return": empyrical.cum_returns_final,
        "max_drawdown": empyrical.max_drawdown,
        "stability": empyrical.stability_of_timeseries,
        "omega": empyrical.omega_ratio,
        "tail_ratio": empyrical.tail_ratio,
        "value_at_risk": empyrical.value_at_risk,
        "conditional_value_at_risk": empyrical.conditional_value_at_risk,
    }
    values = {name: function(returns, annualization=a_year) for name, function in yearly.items()}
    values |= {name: function(returns) for name, function in plain.items()}
    sharpe = float(values["sharpe"])
    # The standard error of a Sharpe ratio of independent returns; Lo (2002), equation
    # 9.
    a_row = sharpe / math.sqrt(a_year)
    values["sharpe_error"] = math.sqrt((1.0 + a_row**2 / 2.0) / len(returns) * a_year)
    return values


def _shape(returns: Floats) -> Values:
    from scipy import stats

    known = returns[~np.isnan(returns)]
    enough = len(known) > 3 and bool(np.ptp(known))
    return {
        "skew": float(stats.skew(known, bias=False)) if enough else None,
        "kurtosis": float(stats.kurtosis(known, bias=False)) if enough else None,
    }


def _days(returns: Floats) -> Values:
    traded = returns[returns != 0.0]
    gains, losses = traded[traded > 0.0], traded[traded < 0.0]
    lost = float(-losses.sum())
    return {
        "best_day": float(np.nanmax(returns)),
        "worst_day": float(np.nanmin(returns)),
        "mean_day": float(np.nanmean(returns)),
        "win_days": len(gains) / len(traded) if len(traded) else None,
        "gain_to_pain": float(returns.sum()) / lost if lost else None,
        "win_days_in_a_row": float(longest_streak(returns > 0.0)),
        "loss_days_in_a_row": float(longest_streak(returns < 0.0)),
    }


def longest_streak(flags: object) -> int:
    """Return the length of the longest stretch of true values."""
    longest = running = 0
    for flag in np.asarray(flags).tolist():
        running = running + 1 if flag else 0
        longest = max(longest, running)
    return longest


def _months(returns: Floats, dates: Sequence[date]) -> Values:
    months = [value for _key, value in grown_by(returns, dates, "month")]
    years = [value for _key, value in grown_by(returns, dates, "year")]
    return {
        "best_month": max(months),
        "worst_month": min(months),
        "win_months": sum(value > 0.0 for value in months) / len(months),
        "best_year": max(years),
        "worst_year": min(years),
    }


def _falls(drawdowns: Sequence[Drawdown], dates: Sequence[date]) -> Values:
    days = [float(drawdown.days) for drawdown in drawdowns]
    recoveries = [float((d.recovery - d.valley).days) for d in drawdowns if d.recovery is not None]
    span = (dates[-1] - dates[0]).days
    current = drawdowns[-1] if drawdowns and drawdowns[-1].recovery is None else None
    return {
        "mean_drawdown": float(np.mean([d.depth for d in drawdowns])) if drawdowns else 0.0,
        "drawdowns": float(len(drawdowns)),
        "max_drawdown_days": max(days, default=0.0),
        "mean_drawdown_days": float(np.mean(days)) if days else 0.0,
        "max_recovery_days": max(recoveries, default=None),
        "days_since_high": float(current.days) if current is not None else 0.0,
        "time_under_water": sum(days) / span if span else None,
    }


def _of_both(values: Values, returns: Floats, drawdowns: Sequence[Drawdown]) -> Values:
    from rbtlive.research.expanding import drawdowns as depths_of

    depths = np.nan_to_num(depths_of(returns))
    ulcer = float(np.sqrt(np.mean(np.square(depths))))
    annual, total, deepest = values["annual_return"], values["total_return"], values["max_drawdown"]
    return {
        "ulcer_index": ulcer,
        "ulcer_performance": annual / ulcer if ulcer and annual is not None else None,
        "recovery_factor": total / -deepest
        if drawdowns and deepest and total is not None
        else None,
        "current_drawdown": float(depths[-1]),
    }


def against_benchmark(returns: Floats, benchmark: Floats | None, a_year: int) -> Values:
    """Return the statistics of returns against those of a benchmark.

    Args:
        returns: Returns of the sessions.
        benchmark: The benchmark's returns, NaN for missing ones; None gives no
            statistics.
        a_year: Number of them per year.

    Source: empyrical for alpha, beta and captures; the errors are those of the ordinary
    least squares line, with alpha's propagated through the compounding by its
    derivative.
    """
    if benchmark is None or len(returns) < 3:
        return {}
    import empyrical
    from scipy import stats

    known = ~(np.isnan(returns) | np.isnan(benchmark))
    own, market = returns[known], benchmark[known]
    if len(own) < 3 or not np.ptp(market):
        return {}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        alpha, beta = empyrical.alpha_beta_aligned(own, market, annualization=a_year)
        line = stats.linregress(market, own)
        active = own - market
        spread = float(np.std(active, ddof=1))
        tracking = spread * math.sqrt(a_year)
        return {
            "benchmark_return": float(empyrical.cum_returns_final(market)),
            "excess_return": float(
                empyrical.cum_returns_final(own) - empyrical.cum_returns_final(market)
            ),
            "alpha": float(alpha),
            "alpha_error": float(
                line.intercept_stderr * a_year * (1.0 + line.intercept) ** (a_year - 1)
            ),
            "beta": float(beta),
            "beta_error": float(line.stderr),
            "r_squared": float(line.rvalue**2),
            "correlation": float(line.rvalue),
            "tracking_error": tracking,
            "information_ratio": float(active.mean()) * a_year / tracking if tracking else None,
            "up_capture": _capture(own, market, market > 0.0, a_year),
            "down_capture": _capture(own, market, market < 0.0, a_year),
        }


# Annual return over the benchmark's, in the chosen sessions.
def _capture(own: Floats, market: Floats, chosen: Any, a_year: int) -> float | None:
    import empyrical

    if not chosen.any():
        return None
    theirs = float(empyrical.annual_return(market[chosen], annualization=a_year))
    ours = float(empyrical.annual_return(own[chosen], annualization=a_year))
    return ours / theirs if theirs else None
