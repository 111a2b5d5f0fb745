"""The ratios of many runs at once, one row of daily returns per run.

The rule: each equals empyrical's value for the row (to 1e-9), 252 sessions a year;
values that do not exist are NaN. Returns have no missing values.
"""

from __future__ import annotations

from rbtlive.model.arrays import NDArray, np

SESSIONS_A_YEAR = 252
RATIOS = (
    *("total_return", "annual_return", "annual_volatility", "sharpe", "sortino", "max_drawdown"),
    *("calmar", "stability", "omega", "tail_ratio", "downside_risk", "value_at_risk", "best_day"),
    "worst_day",
)
"""Their names, in order."""
_AT_ONCE = 1 << 17
"""Maximum number of returns processed at a time: they fit into a processor's cache."""


def ratios(
    returns: NDArray[np.float64], a_year: int = SESSIONS_A_YEAR
) -> dict[str, NDArray[np.float64]]:
    """Return the ratios of runs, by name of the metric.

    Args:
        returns: Runs x sessions, fractions; at least one session.
        a_year: Number of sessions per year.

    Source: empyrical-reloaded.
    """
    runs, sessions = returns.shape
    step = max(1, _AT_ONCE // sessions)
    parts = [_ratios(returns[low : low + step], a_year) for low in range(0, runs, step)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ratios(returns: NDArray[np.float64], a_year: int) -> dict[str, NDArray[np.float64]]:
    sessions = returns.shape[1]
    with np.errstate(all="ignore"):
        growth: NDArray[np.float64] = np.cumprod(1.0 + returns, axis=1, dtype=np.float64)
        mean = returns.mean(axis=1)
        deviation = returns.std(axis=1, ddof=1) if sessions > 1 else np.full(len(returns), np.nan)
        losses = np.minimum(returns, 0.0)
        downside = np.sqrt(np.mean(losses * losses, axis=1)) * np.sqrt(a_year)
        annual = growth[:, -1] ** (a_year / sessions) - 1.0
        deepest = _deepest(growth)
        high, low = np.percentile(returns, (95, 5), axis=1)
        lost = -losses.sum(axis=1)
        won = returns.sum(axis=1) + lost
        found = {
            "total_return": growth[:, -1] - 1.0,
            "annual_return": annual,
            "annual_volatility": deviation * np.sqrt(a_year),
            "sharpe": mean / deviation * np.sqrt(a_year),
            "sortino": mean * a_year / downside,
            "max_drawdown": deepest,
            "calmar": np.where(deepest < 0, annual / np.abs(deepest), np.nan),
            "stability": _stability(returns),
            "omega": np.where(lost > 0.0, won / lost, np.nan),
            "tail_ratio": np.abs(high) / np.abs(low),
            "downside_risk": downside,
            "value_at_risk": low,
            "best_day": returns.max(axis=1),
            "worst_day": returns.min(axis=1),
        }
    if sessions < 2:
        for name in ("annual_volatility", "sharpe", "sortino", "stability", "omega"):
            found[name] = np.full(len(returns), np.nan)
    return found


def _deepest(growth: NDArray[np.float64]) -> NDArray[np.float64]:
    peaks = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    deepest: NDArray[np.float64] = np.minimum((growth / peaks).min(axis=1) - 1.0, 0.0)
    return deepest


# The square of the correlation of the log value with time.
def _stability(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    logs = np.cumsum(np.log1p(returns), axis=1)
    time = np.arange(returns.shape[1]) - (returns.shape[1] - 1) / 2.0
    logs -= logs.mean(axis=1, keepdims=True)
    # Without matrix products: their last bits depend on the number of runs.
    covariance = (logs * time).sum(axis=1)
    spread = (logs * logs).sum(axis=1) * (time * time).sum()
    squared: NDArray[np.float64] = covariance * covariance / spread
    return squared


def alpha_beta(
    returns: NDArray[np.float64],
    benchmark: NDArray[np.float64],
    a_year: int = SESSIONS_A_YEAR,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return annualised alpha and beta of runs against a benchmark without missing
    values.

    Source: empyrical.alpha_beta_aligned.
    """
    residual = benchmark - benchmark.mean()
    variance = float(np.mean(residual * residual))
    if variance < 1e-30 or len(benchmark) < 2:
        none = np.full(len(returns), np.nan)
        return none, none
    beta = (returns * residual).mean(axis=1) / variance
    excess = returns.mean(axis=1) - beta * benchmark.mean()
    alpha: NDArray[np.float64] = (excess + 1.0) ** a_year - 1.0
    return alpha, beta
