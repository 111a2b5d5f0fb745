"""The certainty of a Sharpe ratio, given the number of trials.

The rule: Sharpe ratios here are per period, not annualised; the kurtosis of a normal
distribution is 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from rbtlive.errors import SweepError
from rbtlive.model.arrays import NDArray, np

EULER_MASCHERONI = 0.5772156649015329
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of a series of returns.

    Attributes:
        count: Number of returns.
        sharpe: Mean over sample standard deviation, per period; 0 for constant returns.
        skew: Skewness.
        kurtosis: Kurtosis, 3 for a normal distribution.
    """

    count: int
    sharpe: float
    skew: float
    kurtosis: float


def moments_of(returns: NDArray[np.float64]) -> Moments:
    """Return the moments of returns.

    Raises:
        SweepError: there are fewer than three returns.
    """
    values = np.asarray(returns, dtype=np.float64)
    count = len(values)
    if count < 3:
        raise SweepError(f"a track record needs three returns at least: was {count}")
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    if variance <= 1e-30:
        return Moments(count, 0.0, 0.0, 3.0)
    deviation = math.sqrt(variance)
    sharpe = float(values.mean()) / (deviation * math.sqrt(count / (count - 1)))
    skew = float(np.mean(centred**3)) / deviation**3
    return Moments(count, sharpe, skew, float(np.mean(centred**4)) / variance**2)


def _spread(moments: Moments) -> float:
    sharpe = moments.sharpe
    spread = 1.0 - moments.skew * sharpe + (moments.kurtosis - 1.0) / 4.0 * sharpe**2
    return max(spread, 1e-300)  # can be zero for a series of two values


def probabilistic_sharpe(moments: Moments, threshold: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above `threshold`.

    Source: Bailey & López de Prado (2012), The Sharpe Ratio Efficient Frontier, eq. 11.
    """
    difference = moments.sharpe - threshold
    return _NORMAL.cdf(difference * math.sqrt(moments.count - 1) / math.sqrt(_spread(moments)))


def min_track_record(
    moments: Moments, threshold: float = 0.0, *, confidence: float = 0.95
) -> float:
    """Return the number of returns until the Sharpe ratio is above `threshold` at a
    confidence; infinite if it is not above.

    Source: Bailey & López de Prado (2012), The Sharpe Ratio Efficient Frontier, eq. 13.
    """
    if not 0.0 < confidence < 1.0:
        raise SweepError(f"confidence must lie between 0 and 1: was {confidence}")
    if moments.sharpe <= threshold:
        return math.inf
    quantile = _NORMAL.inv_cdf(confidence)
    return 1.0 + _spread(moments) * (quantile / (moments.sharpe - threshold)) ** 2


def expected_max_sharpe(trials: float, deviation: float) -> float:
    """Return the highest Sharpe ratio expected from trials without skill; zero for a
    single trial. The paper's approximation is negative below one and a third trials,
    which can be the effective number of many nearly equal trials; that counts as zero.

    Args:
        trials: Number of independent trials; may be fractional.
        deviation: Standard deviation of the trials' Sharpe ratios.

    Source: Bailey & López de Prado (2014), The Deflated Sharpe Ratio, eq. 1.
    """
    if trials <= 1.0 or deviation == 0.0:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return max(0.0, deviation * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second))


def deflated_sharpe(moments: Moments, trials: float, deviation: float) -> float:
    """Return the probability that a Sharpe ratio, the best of trials, is above the
    value expected from trials without skill.

    Source: Bailey & López de Prado (2014), The Deflated Sharpe Ratio, eq. 2.
    """
    return probabilistic_sharpe(moments, expected_max_sharpe(trials, deviation))


def effective_trials(returns: NDArray[np.float64]) -> float:
    """Return the equivalent number of independent trials.

    Args:
        returns: Periods x trials.

    With mean correlation r of N trials: r + (1 - r) N, at least 1. Trials with constant
    returns have no correlation and are ignored.

    Source: Bailey & López de Prado (2014), The Deflated Sharpe Ratio, appendix 3.
    """
    moving = returns[:, returns.std(axis=0) > 1e-15]
    count = moving.shape[1]
    if count < 2:
        return float(max(count, 1))
    scaled = (moving - moving.mean(axis=0)) / moving.std(axis=0)
    # The sum of all correlations is the variance of the sum, so no N x N matrix is
    # needed.
    total = float(np.mean(scaled.sum(axis=1) ** 2))
    mean = (total - count) / (count * (count - 1))
    return float(min(count, max(1.0, mean + (1.0 - mean) * count)))
