"""Statistics of the returns so far, one value per session, computed for all sessions in
one pass.

The rule: element n equals empyrical's value for the first n + 1 returns (to 1e-9,
mostly to the last bit), and is NaN where that is not finite. NaN returns are ignored,
as in empyrical. All returns are daily, 252 a year.
"""

from __future__ import annotations

from typing import TypeAlias

from rbtlive.model.arrays import NDArray, np

Floats: TypeAlias = "NDArray[np.float64]"

SESSIONS_A_YEAR = 252
_FLAT_VARIANCE = 1e-30  # below this, empyrical treats the benchmark as constant
_DELICATE_ALPHA = 1e-3  # nearer to zero, cancellation in (1 + x)^252 - 1 costs digits
_DELICATE_CORRELATION = 1e-5


def cumulative_returns(returns: Floats) -> Floats:
    """Return the compounded return since the start, a fraction (0.1 is ten percent)."""
    return np.subtract(_growth(returns), 1.0, dtype=np.float64)


def drawdowns(returns: Floats) -> Floats:
    """Return how far the value is below its highest so far, a fraction, zero or
    negative.
    """
    values = np.concatenate(([1.0], _growth(returns))) * 100.0
    peaks = np.maximum.accumulate(values)
    with np.errstate(all="ignore"):
        depths: Floats = (values - peaks) / peaks
    return depths[1:]


def max_drawdown(returns: Floats) -> Floats:
    """Return the deepest drawdown so far, zero or negative.

    Source: empyrical.max_drawdown.
    """
    return _finite(np.fmin.accumulate(drawdowns(returns)))


def deviation(returns: Floats) -> Floats:
    """Return the sample standard deviation so far; NaN before the second return."""
    count = np.cumsum(~np.isnan(returns))
    with np.errstate(all="ignore"):
        return np.where(count > 1, np.sqrt(_second_moment(returns) / (count - 1)), np.nan)


def annual_volatility(returns: Floats, *, known: Floats | None = None) -> Floats:
    """Return the annualised sample standard deviation so far; NaN before the second
    return.

    Args:
        returns: Daily returns.
        known: Their `deviation`, if the caller has it.

    Source: empyrical.annual_volatility.
    """
    deviations = deviation(returns) if known is None else known
    return _finite(deviations * np.sqrt(SESSIONS_A_YEAR))


def sharpe(returns: Floats, *, known: Floats | None = None) -> Floats:
    """Return the annualised ratio of mean return to its standard deviation so far,
    without a risk-free rate.

    Args:
        returns: Daily returns.
        known: Their `deviation`, if the caller has it.

    Source: empyrical.sharpe_ratio.
    """
    deviations = deviation(returns) if known is None else known
    with np.errstate(all="ignore"):
        return _from_second(_finite(_mean(returns) / deviations * np.sqrt(SESSIONS_A_YEAR)))


def sortino(returns: Floats) -> Floats:
    """Return the annualised mean return over the downside deviation below zero so far.

    Source: empyrical.sortino_ratio.
    """
    downside = np.sqrt(_mean(np.square(np.clip(returns, -np.inf, 0.0)))) * np.sqrt(SESSIONS_A_YEAR)
    with np.errstate(all="ignore"):
        return _from_second(_finite(_mean(returns) * SESSIONS_A_YEAR / downside))


def alpha_beta(returns: Floats, benchmark: Floats) -> tuple[Floats, Floats]:
    """Return annualised alpha and beta to `benchmark` so far; NaN before the second
    return.

    Args:
        returns: Daily returns.
        benchmark: Daily returns of the benchmark, of the same length.

    Source: empyrical.alpha_beta_aligned.
    """
    if not np.nan_to_num(benchmark).any():  # the benchmark is constant, so neither exists
        return np.full(len(returns), np.nan), np.full(len(returns), np.nan)
    paired = np.where(np.isnan(benchmark), np.nan, returns)
    factor = np.where(np.isnan(returns), np.nan, benchmark)
    count = np.maximum(np.cumsum(~np.isnan(paired)), 1)
    covariance = _co_moment(paired, factor) / count
    variance = _second_moment(factor) / count
    spread = _second_moment(paired) / count
    variance[variance < _FLAT_VARIANCE] = np.nan
    with np.errstate(all="ignore"):
        beta = _from_second(covariance / variance)
        alpha = np.power(_mean(paired) - beta * _mean(factor) + 1.0, SESSIONS_A_YEAR) - 1.0
        correlation = np.abs(covariance) / np.sqrt(variance * spread)
        delicate = (np.abs(alpha) < _DELICATE_ALPHA) | (correlation < _DELICATE_CORRELATION)
    for n in np.flatnonzero(delicate & (covariance != 0.0)):
        alpha[n], beta[n] = _alpha_beta_of(paired[: n + 1], factor[: n + 1])
    return _finite(alpha), beta


# The growth of one unit; a missing return does not change it.
def _growth(returns: Floats) -> Floats:
    return np.cumprod(1.0 + np.where(np.isnan(returns), 0.0, returns), dtype=np.float64)


# Computes one prefix in two passes, for the few sessions at which the running
# computation loses digits.
def _alpha_beta_of(returns: Floats, benchmark: Floats) -> tuple[float, float]:
    known = ~np.isnan(returns)
    returns, benchmark = returns[known], benchmark[known]
    residual = benchmark - _sequential_mean(benchmark)
    variance = _sequential_mean(np.square(residual))
    beta = _sequential_mean(residual * returns) / variance
    excess = _sequential_mean(returns - beta * benchmark)
    return float(np.power(excess + 1.0, SESSIONS_A_YEAR) - 1.0), beta


# Adds from first to last, as empyrical does; numpy's own sum works in pairs and differs
# in the last bits.
def _sequential_mean(values: Floats) -> float:
    return float(np.cumsum(values)[-1] / len(values))


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    with np.errstate(all="ignore"):
        means: Floats = np.cumsum(np.where(known, values, 0.0)) / np.cumsum(known)
    return means


# Sum of the products of deviations from the running means, by Welford's update: sums of
# squares would cancel if the mean is large compared to the deviation, and would leave a
# residue if all values are equal. A plain loop: 5,000 sessions take about a
# millisecond.
def _co_moment(left: Floats, right: Floats) -> Floats:
    moments = []
    mean_left = mean_right = moment = 0.0
    count = 0
    for x, y in zip(left.tolist(), right.tolist(), strict=True):
        if x == x and y == y:  # noqa: PLR0124 - NaN is the only value unequal to itself
            count += 1
            before = x - mean_left
            mean_left += before / count
            mean_right += (y - mean_right) / count
            moment += before * (y - mean_right)
        moments.append(moment)
    return np.array(moments, dtype=np.float64)


# The same of values with themselves, in half the steps.
def _second_moment(values: Floats) -> Floats:
    if not values.any():  # as the returns of no benchmark
        return np.zeros(len(values))
    moments = []
    mean = moment = 0.0
    count = 0
    for x in values.tolist():
        if x == x:  # noqa: PLR0124 - NaN is the only value unequal to itself
            count += 1
            before = x - mean
            mean += before / count
            moment += before * (x - mean)
        moments.append(moment)
    return np.array(moments, dtype=np.float64)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _from_second(values: Floats) -> Floats:
    values[:1] = np.nan
    return values
