"""Spans of sessions to choose parameters in, and to try them in.

The rule: what is tried comes after what it was chosen in, and no session is tried
twice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rbtlive.errors import BadFolds
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.sweeping.options import BACKTEST_OPTIONS

SWEEPS: Final = ("method", "n", "where", "workers", "backend", "seed", "gear", "verify")
"""What goes to the sweeps of the folds, and not to their backtests."""
PASSED_ON: Final = (*SWEEPS, "store", "progress", *BACKTEST_OPTIONS)
"""What a walk forward and a cross validation take beside their own arguments."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Sessions by place in the span: first of each, and one past its last.

    Attributes:
        train: Where parameters are chosen.
        test: Where they are tried.
    """

    train: tuple[int, int]
    test: tuple[int, int]


def walk(
    sessions: int, *, train: int, test: int, step: int, anchored: bool, distance: int
) -> list[Fold]:
    """Return the folds of a walk forward.

    Args:
        sessions: How many sessions there are.
        train: Sessions to choose in; with `anchored` those of the first fold.
        test: Sessions to try in; the last fold may have fewer, but half of them.
        step: Sessions from one test to the next.
        anchored: Whether every fold is trained from the first session on.
        distance: Sessions between training and test that neither uses.

    Raises:
        BadFolds: tests would overlap, or not one fold fits.
    """
    if step < test:
        raise BadFolds(
            f"tests must not overlap: a test has {test} sessions and the next begins {step} later; "
            "pass a step of at least a test"
        )
    folds = []
    begin = train + distance
    while sessions - begin >= max(1, math.ceil(test / 2)):
        end = begin - distance
        folds.append(
            Fold((0 if anchored else end - train, end), (begin, min(begin + test, sessions)))
        )
        begin += step
    if not folds:
        raise BadFolds(
            f"not one fold fits into {sessions} sessions: it takes {train} to train, {distance} "
            f"between and {test} to test; pass shorter ones, or more data"
        )
    return folds


@dataclass(frozen=True, slots=True)
class Split:
    """One split of a combinatorial cross-validation.

    Attributes:
        train: Sessions to choose in.
        test: Sessions of each block that is tried, by the block's number.
    """

    train: NDArray[np.int64]
    test: dict[int, NDArray[np.int64]]


def combinations(
    sessions: int, *, blocks: int, tested: int, purge: int = 0, embargo: int = 0
) -> Iterator[Split]:
    """Yield every split of time into blocks of which some are tried.

    Args:
        sessions: How many sessions there are.
        blocks: Into how many blocks time is cut.
        tested: How many of them are tried at once.
        purge: Sessions left out of training on each side of a tried block.
        embargo: Further sessions left out behind it.

    Raises:
        BadFolds: the numbers do not fit, or nothing is left to train on.

    Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 7 and 12.
    """
    if not 0 < tested < blocks or blocks > sessions:
        raise BadFolds(
            f"of {blocks} blocks of {sessions} sessions, from 1 to {blocks - 1} can be tried: was "
            f"{tested}"
        )
    parts = np.array_split(np.arange(sessions), blocks)
    for chosen in itertools.combinations(range(blocks), tested):
        free = np.ones(sessions, dtype=bool)
        for number in chosen:
            first, last = int(parts[number][0]), int(parts[number][-1])
            free[max(0, first - purge) : last + 1 + purge + embargo] = False
        train = np.flatnonzero(free)
        if not len(train):
            raise BadFolds(
                f"nothing is left to train on: purge {purge} and embargo {embargo} take all of "
                f"the {blocks - tested} blocks that are not tried"
            )
        yield Split(train, {number: parts[number] for number in chosen})


def path_count(blocks: int, tested: int) -> int:
    """Return how many whole paths through time the splits make.

    Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 12.3.
    """
    return math.comb(blocks, tested) * tested // blocks
