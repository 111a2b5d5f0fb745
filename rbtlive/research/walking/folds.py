"""Spans of sessions for choosing parameters, and for testing them.

The rule: a test comes after its training, and no session is tested twice.
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
"""Options for the sweeps of the folds, but not for their backtests."""
PASSED_ON: Final = (*SWEEPS, "store", "progress", *BACKTEST_OPTIONS)
"""Options of a walk forward and a cross validation besides their own arguments."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Ranges of sessions by index in the span: the first, and one past the last.

    Attributes:
        train: Where parameters are chosen.
        test: Where they are tested.
    """

    train: tuple[int, int]
    test: tuple[int, int]


def walk(
    sessions: int, *, train: int, test: int, step: int, anchored: bool, distance: int
) -> list[Fold]:
    """Return the folds of a walk forward.

    Args:
        sessions: Number of sessions.
        train: Number of training sessions; with `anchored`, of the first fold.
        test: Number of test sessions; the last fold may have fewer, but at least half
            of them.
        step: Number of sessions from one test to the next.
        anchored: Whether every training starts at the first session.
        distance: Sessions between training and test that neither uses.

    Raises:
        BadFolds: tests would overlap, or not even one fold fits.
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
        train: Sessions for choosing parameters.
        test: Sessions of each tested block, by the block's number.
    """

    train: NDArray[np.int64]
    test: dict[int, NDArray[np.int64]]


def combinations(
    sessions: int, *, blocks: int, tested: int, purge: int = 0, embargo: int = 0
) -> Iterator[Split]:
    """Yield every split of time into blocks of which some are tested.

    Args:
        sessions: Number of sessions.
        blocks: Number of blocks.
        tested: Number of blocks tested at once.
        purge: Sessions left out of training on each side of a tested block.
        embargo: Further sessions left out after it.

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
    """Return the number of complete paths through time that the splits form.

    Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 12.3.
    """
    return math.comb(blocks, tested) * tested // blocks
