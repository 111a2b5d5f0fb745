"""Spans of sessions to choose parameters in, and to try them in.

The rule: what is tried comes after what it was chosen in, and no session is tried
twice.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rbtlive.errors import BadFolds, InvalidSetting
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.given import whole
from rbtlive.research.sweeping.options import BACKTEST_OPTIONS

SWEEPS: Final = ("method", "n", "where", "workers", "backend", "seed", "gear", "verify")
PASSED_ON: Final = (*SWEEPS, "store", "progress", *BACKTEST_OPTIONS)
"""What a walk forward and a cross validation take beside their own arguments."""
"""What goes to the sweeps of the folds, and not to their backtests."""
_SESSIONS: Final = {
    **dict.fromkeys(("d", "b", "bd", "session", "trading day", "business day"), 1),
    **dict.fromkeys(("w", "wk", "week"), 5),
    **dict.fromkeys(("mo", "mon", "mth", "month"), 21),
    **dict.fromkeys(("q", "quarter"), 63),
    **dict.fromkeys(("y", "yr", "year"), 252),
}
"""Sessions of each unit; all but letters may end in an s."""
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)[\s_-]*([a-z ]+?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fold:
    """Sessions by place in the span: first of each, and one past its last.

    Attributes:
        train: Where parameters are chosen.
        test: Where they are tried.
    """

    train: tuple[int, int]
    test: tuple[int, int]


def sessions_of(value: object, name: str, *, least: int = 1) -> int:
    """Return a number of sessions: an int, text such as "2y", "6 months", "4w", "10d"
    (252, 21, 5 and 1 sessions each), a timedelta of whole days (252 sessions are 365),
    or an offset of pandas or dateutil.

    Raises:
        BadFolds: it is neither, or below `least`.
    """
    count = value
    if isinstance(value, np.timedelta64) and not np.isnat(value):
        value = value.astype("timedelta64[us]").item()
    if isinstance(value, timedelta):
        count = None if value % timedelta(days=1) else _of_days(value.days)
    elif isinstance(value, str):
        count = _of_text(value.strip().lower())
    elif hasattr(value, "years") or hasattr(value, "months"):
        years, months = getattr(value, "years", 0), getattr(value, "months", 0)
        days = getattr(value, "days", 7 * getattr(value, "weeks", 0))
        count = 252 * years + 21 * months + _of_days(days)
    try:
        return whole(count, name, least=least)
    except InvalidSetting:
        hint = "" if not isinstance(value, str) else _hint(value.strip())
        raise BadFolds(
            f"{name} must be a number of sessions from {least} on, or text such as '2y', '6mo', "
            f"'4w', '10d': was {value!r}{hint}"
        ) from None


def _of_days(days: int) -> int:
    return round(days * 252 / 365)


def _of_text(text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    match = _LENGTH.fullmatch(text)
    unit = match and next((u for u in (match[2], match[2].removesuffix("s")) if u in _SESSIONS), "")
    if not match or not unit:
        return None
    return round(float(match[1]) * _SESSIONS[unit])


# "180 days" are 124 sessions of a calendar, or 180 sessions: only the letter is clear.
def _hint(text: str) -> str:
    found = re.fullmatch(r"(\d+)\s*(days?|m|min|t)", text, re.IGNORECASE)
    if not found:
        return ""
    if found[2].lower().startswith("day"):
        days = int(found[1])
        return f"; write '{days}d' for {days} sessions, or {_of_days(days)} for that many days"
    return f"; write '{found[1]}mo' for months"


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
