"""Splits and dividends as factors on earlier bars.

The rule: a factor is known from the start of the session it takes effect in, never
before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias, cast

from rbtlive.model.arrays import np

NAN = float("nan")


class Factor(NamedTuple):
    """Multipliers for bars before `session`, to compare them with later bars.

    Attributes:
        session: Session it takes effect in.
        asset: Index of the asset.
        price: Multiplies open, high, low and close.
        volume: Multiplies volume.
        split: Whether a split caused it.
    """

    session: int
    asset: int
    price: float
    volume: float
    split: bool


# It takes a third of the class's own time: there may be a hundred thousand factors.
make_factor = cast(Callable[[tuple[Any, ...]], Factor], partial(tuple.__new__, Factor))


Coming: TypeAlias = tuple[int, Sequence[tuple[int, int, float]]]
"""A session, and all actions that take effect in it, in order: (1 for a split, 0 for a
dividend, asset, ratio or amount).
"""

Known: TypeAlias = dict[int, tuple[Sequence[Any], list[Factor]]]
"""By session: the actions that took effect, and their factors."""


class Adjustments:
    """The factors in effect, and the actions still to come.

    Args:
        upcoming: All known actions, the latest session first.
        width: Number of assets.
        closes_before: Returns the unadjusted closes of the previous session by asset,
            NaN for missing ones; None if no asset has one.
        known: Factors shared by runs over the same bars; this one adds its own. None if
            closes may differ.
    """

    def __init__(
        self,
        upcoming: Iterable[Coming],
        *,
        width: int,
        closes_before: Callable[[int], Sequence[float] | None],
        known: Known | None = None,
    ) -> None:
        self._by_asset: list[list[Factor]] = [[] for _ in range(width)]
        self._unsorted: list[Factor] = []  # in effect, but not in `_by_asset` yet
        self._closes_before = closes_before
        self._known = known
        self._pending = list(upcoming)
        self._effective: list[tuple[int, Sequence[Any], list[Factor]]] = []

    @property
    def by_asset(self) -> list[list[Factor]]:
        """Factors in effect, by asset index, in the order they took effect."""
        if self._unsorted:
            for factor in self._unsorted:
                self._by_asset[factor.asset].append(factor)
            self._unsorted.clear()
        return self._by_asset

    def add_split(self, asset: int, session: int, ratio: float) -> None:
        """Add a split that was not known before."""
        place = next(
            (n for n, (other, _) in enumerate(self._pending) if other <= session),
            len(self._pending),
        )
        if self._pending[place : place + 1] and self._pending[place][0] == session:
            _, actions = self._pending[place]
            dividends = [action for action in actions if not action[0]]
            splits = [action for action in actions if action[0]]
            self._pending[place] = (session, [*dividends, (1, asset, ratio), *splits])
        else:
            self._pending.insert(place, (session, [(1, asset, ratio)]))

    def advance(self, session: int) -> list[Factor]:
        """Apply all actions up to the start of `session`; return the new factors, in
        order.
        """
        fresh: list[Factor] = []
        pending, known = self._pending, self._known
        while pending and pending[-1][0] <= session:
            effective, actions = pending.pop()
            found = None if known is None else known.get(effective)
            if found is None or found[0] is not actions:  # a split was added to them
                found = (actions, self._factors(effective, actions))
                if known is not None:
                    known.setdefault(effective, found)
            fresh += found[1]
            self._effective.append((effective, *found))
        self._unsorted += fresh
        return fresh

    def stand_alone(self) -> None:
        """Stop sharing factors: this run has closes that others do not have."""
        self._known = None

    def renew(self, sessions: Collection[int]) -> list[Factor] | None:
        """Compute the factors of some sessions again, because closes before them have
        arrived.

        Returns:
            All factors in effect, in the order in which they took effect; None if none
            has changed.
        """
        changed = False
        for place, (session, actions, factors) in enumerate(self._effective):
            again = self._factors(session, actions) if session in sessions else factors
            if again != factors:
                self._effective[place] = (session, actions, again)
                changed = True
        if not changed:
            return None
        found = [factor for _, _, factors in self._effective for factor in factors]
        self._by_asset, self._unsorted = [[] for _ in self._by_asset], list(found)
        return found

    # A dividend has no factor if there is no previous close, or it exceeds that close.
    # Source: 1 - amount / close before, zipline-reloaded 3.2.1,
    # data/windows/adjustments.py.
    def _factors(self, session: int, actions: Sequence[tuple[int, int, float]]) -> list[Factor]:
        wanted = [action[1] for action in actions]
        row = None if all(action[0] for action in actions) else self._closes_before(session)
        closes = [NAN] * len(wanted) if row is None else np.take(row, wanted).tolist()
        factors = []
        for (is_split, asset, number), close in zip(actions, closes, strict=True):
            if is_split:
                factors.append(make_factor((session, asset, number, 1.0 / number, True)))
            elif close and (price := 1.0 - number / close) > 0.0:
                factors.append(make_factor((session, asset, price, 1.0, False)))
        return factors

    def next_session(self) -> int | None:
        """Return the session in which the next split or dividend takes effect; None if
        no other is known.
        """
        return self._pending[-1][0] if self._pending else None

    def ratio(self, asset: int, after: int, *, volume: bool = False) -> float:
        """Return the product of all factors in effect from sessions after `after`."""
        factors = self.by_asset[asset]
        if not factors or factors[-1].session <= after:
            return 1.0
        product = 1.0
        for wanted in (
            True,
            False,
        ):  # zipline's order of multiplication: splits, then dividends
            for factor in factors:
                if factor.split is wanted and factor.session > after:
                    product *= factor.volume if volume else factor.price
        return product
