"""Whether the best of many runs beats a benchmark, given the number of runs tried.

The rule: time is resampled in blocks, the same for every run, so that runs keep their
correlation and returns their autocorrelation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from rbtlive.errors import MissingExtra, SweepError
from rbtlive.model.arrays import NDArray, np


class SuperiorAbility(NamedTuple):
    """P-values of Hansen's test for superior predictive ability.

    Attributes:
        lower: Ignores runs that are worse than the benchmark.
        consistent: Ignores runs that are clearly worse; the value to use.
        upper: Counts every run in full.
    """

    lower: float
    consistent: float
    upper: float


def stationary_counts(
    periods: int, *, draws: int, block: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return how often each period occurs in each draw of a stationary bootstrap.

    Args:
        periods: Number of periods.
        draws: Number of draws.
        block: Mean length of a block.
        generator: Random generator.

    Returns:
        draws x periods.

    Source: Politis & Romano (1994), The Stationary Bootstrap.
    """
    counts = np.zeros((draws, periods))
    for row in range(draws):
        np.add.at(counts[row], stationary_places(periods, block=block, generator=generator), 1.0)
    return counts


def stationary_places(
    periods: int, *, block: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return the periods of one draw of a stationary bootstrap, in their new order."""
    begins = generator.random(periods) < 1.0 / block
    begins[0] = True
    starts = generator.integers(periods, size=int(begins.sum()))
    which = np.cumsum(begins) - 1
    since = np.arange(periods) - np.flatnonzero(begins)[which]
    places: NDArray[np.int64] = (starts[which] + since) % periods
    return places


def block_length(periods: int) -> float:
    """Return the default mean block length: the cube root of the number of periods."""
    return float(max(1, round(periods ** (1.0 / 3.0))))


def reality_check(
    excess: NDArray[np.float64], *, draws: int = 1000, block: float | None = None, seed: int = 0
) -> float:
    """Return the p-value of White's reality check: the probability that chance alone
    gives a best run as good as this one.

    Args:
        excess: Returns over the benchmark's, periods x runs.
        draws: Draws of the stationary bootstrap.
        block: Mean length of its blocks; None is the cube root of the periods.
        seed: Makes it repeatable.

    Source: White (2000), A Reality Check for Data Snooping.
    """
    periods, runs = excess.shape
    if not runs or periods < 3:
        raise SweepError(f"a reality check needs runs over three periods: was {periods} x {runs}")
    generator = np.random.default_rng(seed)
    length = block_length(periods) if block is None else block
    counts = stationary_counts(periods, draws=draws, block=length, generator=generator)
    means = excess.mean(axis=0)
    best = math.sqrt(periods) * float(means.max())
    resampled = counts @ excess / periods
    chance = math.sqrt(periods) * (resampled - means).max(axis=1)
    return float(np.mean(chance >= best))


def superior_ability(
    excess: NDArray[np.float64], *, draws: int = 1000, block: float | None = None, seed: int = 0
) -> SuperiorAbility:
    """Return the p-values of Hansen's test, computed by arch.

    Raises:
        MissingExtra: arch is not installed (`pip install rbtlive[odds]`).

    Source: Hansen (2005), A Test for Superior Predictive Ability.
    """
    try:
        from arch.bootstrap import SPA
    except ImportError as error:
        raise MissingExtra(
            "the test for superior predictive ability needs arch, which is not installed: pip "
            "install rbtlive[odds]"
        ) from error
    periods, _ = excess.shape
    moving = excess[:, excess.std(axis=0) > 1e-15]
    if not moving.shape[1]:
        return SuperiorAbility(1.0, 1.0, 1.0)
    length = block_length(periods) if block is None else block
    # arch compares losses: the benchmark's are zero, a run's are its negative excess
    # returns.
    test = SPA(np.zeros(periods), -moving, block_size=int(length), reps=draws, seed=seed)
    test.compute()
    values = test.pvalues
    return SuperiorAbility(
        float(values["lower"]), float(values["consistent"]), float(values["upper"])
    )
