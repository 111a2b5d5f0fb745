"""How often the best run of one half of the time is at or below the median in the
other.

The rule: blocks of time keep their order and length, every split into halves is used,
and ties share their rank.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from rbtlive.errors import SweepError
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.given import whole

AT_ONCE = 4_000_000
"""Maximum number of values in memory at a time."""
BLOCKS = 16
BLOCKS_AT_MOST = 20
"""More blocks would give millions of splits."""


@dataclass(frozen=True, slots=True)
class Overfitting:
    """The results of combinatorially symmetric cross-validation.

    Attributes:
        probability: Fraction of splits in which the best run in sample ranks at or
            below the median out of sample; NaN if all runs are equal.
        splits: Number of splits.
        logits: Log odds of the rank out of sample, one per split.
        loss_probability: Fraction of splits in which the best run in sample loses out
            of sample.
        slope: Slope of the line through the chosen runs' Sharpe ratios in sample and
            out of sample; negative if better in sample is worse out of sample.
    """

    probability: float
    splits: int
    logits: NDArray[np.float64]
    loss_probability: float
    slope: float


def overfitting(returns: NDArray[np.float64], *, blocks: int | None = None) -> Overfitting:
    """Return the probability of backtest overfitting of a set of runs.

    Args:
        returns: Periods x runs; periods after the last whole block are left out.
        blocks: Number of blocks: an even number up to 20. None is 16, or as many blocks
            of two periods as fit.

    Raises:
        SweepError: there are fewer than two runs, an odd number of blocks, or blocks of
            fewer than two periods.

    Source: Bailey, Borwein, López de Prado & Zhu (2017), The Probability of Backtest
    Overfitting.
    """
    periods, runs = returns.shape
    if runs < 2:
        raise SweepError(f"the probability of overfitting needs two runs at least, was {runs}")
    if blocks is None:
        blocks = max(2, min(BLOCKS, periods // 4 * 2))
    if whole(blocks, "blocks", least=2) % 2 or blocks > BLOCKS_AT_MOST:
        raise SweepError(f"blocks must be an even number from 2 to {BLOCKS_AT_MOST}: was {blocks}")
    length = periods // blocks
    if length < 2:
        raise SweepError(
            f"{periods} periods are too few for {blocks} blocks of two: pass fewer blocks="
        )
    cut = returns[: length * blocks].reshape(blocks, length, runs)
    sums, squares = cut.sum(axis=1), (cut**2).sum(axis=1)
    chosen = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, halves in enumerate(itertools.combinations(range(blocks), blocks // 2)):
        chosen[row, halves] = 1.0
    count = length * blocks // 2
    parts = [
        _of_splits(chosen[low : low + step], sums, squares, count)
        for step in (max(1, AT_ONCE // runs),)
        for low in range(0, len(chosen), step)
    ]
    inside, outside, ranks = (np.concatenate(column) for column in zip(*parts, strict=True))
    share = ranks / (runs + 1)
    logits = np.log(share / (1.0 - share))
    spread = float(np.var(inside))
    slope = float(np.cov(inside, outside, bias=True)[0, 1] / spread) if spread > 0 else 0.0
    differs = bool((returns != returns[:, :1]).any())
    return Overfitting(
        float(np.mean(logits <= 0.0)) if differs else math.nan,
        len(chosen),
        logits,
        float(np.mean(outside < 0.0)),
        slope,
    )


# For each split, the Sharpe ratio in and out of sample and the rank out of sample (1 is
# worst) of the best run in sample.
def _of_splits(
    chosen: NDArray[np.float64],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    inside = _sharpe(chosen @ sums, chosen @ squares, count)
    rest = 1.0 - chosen
    outside = _sharpe(rest @ sums, rest @ squares, count)
    places = np.arange(len(chosen))
    best = inside.argmax(axis=1)
    own = outside[places, best]
    below = (outside < own[:, None]).sum(axis=1)
    equal = (outside == own[:, None]).sum(axis=1)
    return inside[places, best], own, below + (equal + 1) / 2.0


def _sharpe(
    total: NDArray[np.float64], square: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    mean = total / count
    variance = np.maximum(square / count - mean**2, 0.0)
    flat = variance <= 1e-28
    ratio: NDArray[np.float64] = np.where(flat, 0.0, mean / np.sqrt(np.where(flat, 1.0, variance)))
    return ratio
