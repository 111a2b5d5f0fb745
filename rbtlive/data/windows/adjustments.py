"""Splits and dividends as factors on earlier bars.

The rule: a factor is known from the start of the session it takes effect in, never
before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeAlias, cast
from weakref import ref

from rbtlive.model.arrays import NDArray, np

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


class FactorTable(NamedTuple):
    """Factors as arrays, in the order in which they took effect.

    Attributes:
        sessions: Sessions they take effect in.
        assets: Indices of their assets.
        prices: Multipliers of prices.
        volumes: Multipliers of volumes.
    """

    sessions: NDArray[np.int64]
    assets: NDArray[np.int64]
    prices: NDArray[np.float64]
    volumes: NDArray[np.float64]


class FreshFactors:
    """Factors that have come into effect, in order, computed when they are read: a run
    over thousands of assets may have a hundred thousand, and read none.

    Args:
        adjustments: Computes them.
        places: Of their sessions, in the order in which they took effect.
    """

    __slots__ = ("_adjustments", "_places")

    def __init__(self, adjustments: Adjustments, places: range) -> None:
        self._adjustments = ref(adjustments)  # its closes come from who keeps this
        self._places = places

    def __iter__(self) -> Iterator[Factor]:
        adjustments = self._adjustments()
        assert adjustments is not None
        return chain.from_iterable(map(adjustments.factors_at, self._places))


class Adjustments:
    """The factors in effect, and the actions still to come.

    Args:
        upcoming: All known actions, the latest session first.
        width: Number of assets.
        closes_before: Returns the unadjusted closes of the previous session by asset,
            NaN for missing ones; None if no asset has one.
        known: Factors shared by runs over the same bars; this one adds its own. None if
            closes may differ.
        lazy: Compute factors when they are read: no close before them changes.
    """

    def __init__(
        self,
        upcoming: Iterable[Coming],
        *,
        width: int,
        closes_before: Callable[[int], Sequence[float] | None],
        known: Known | None = None,
        lazy: bool = False,
    ) -> None:
        self._by_asset: list[list[Factor]] = [[] for _ in range(width)]
        self._sorted = 0  # of so many sessions in effect they are in `_by_asset`
        self._table: tuple[int, FactorTable] | None = None  # of so many sessions in effect
        self._closes_before = closes_before
        self._known = known
        self._pending = list(upcoming)
        self._lazy = lazy
        # Session, what takes effect in it, and its factors once they are computed.
        self._effective: list[tuple[int, Sequence[Any], list[Factor] | None]] = []

    @property
    def by_asset(self) -> list[list[Factor]]:
        """Factors in effect, by asset index, in the order they took effect."""
        if self._sorted < len(self._effective):
            for place in range(self._sorted, len(self._effective)):
                for factor in self.factors_at(place):
                    self._by_asset[factor.asset].append(factor)
            self._sorted = len(self._effective)
        return self._by_asset

    def table(self) -> FactorTable:
        """Return the factors in effect as arrays."""
        known = self._table
        begin = 0 if known is None else known[0]
        if known is None or begin < len(self._effective):
            places = range(begin, len(self._effective))
            each = [factor for place in places for factor in self.factors_at(place)]
            sessions, assets, prices, volumes, _ = zip(*each, strict=True) if each else ((),) * 5
            table = FactorTable(
                np.array(sessions, np.int64),
                np.array(assets, np.int64),
                np.array(prices, np.float64),
                np.array(volumes, np.float64),
            )
            if known is not None:
                both = zip(known[1], table, strict=True)
                table = FactorTable(*(np.concatenate(pair) for pair in both))
            self._table = known = len(self._effective), table
        return known[1]

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

    def advance(self, session: int) -> Iterable[Factor]:
        """Apply all actions up to the start of `session`; return the new factors, in
        order.
        """
        pending, begun = self._pending, len(self._effective)
        while pending and pending[-1][0] <= session:
            self._effective.append((*pending.pop(), None))
        places = range(begun, len(self._effective))
        if not places:
            return []
        if self._lazy:
            return FreshFactors(self, places)
        return [factor for place in places for factor in self.factors_at(place)]

    def factors_at(self, place: int) -> list[Factor]:
        """Return the factors of a session in effect.

        Args:
            place: How many sessions took effect before it.
        """
        session, actions, factors = self._effective[place]
        if factors is None:
            found = None if self._known is None else self._known.get(session)
            if found is None or found[0] is not actions:  # a split was added to them
                found = (actions, self._factors(session, actions))
                if self._known is not None:
                    self._known.setdefault(session, found)
            factors = found[1]
            self._effective[place] = (session, actions, factors)
        return factors

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
        for place, (session, actions, _) in enumerate(self._effective):
            factors = self.factors_at(place)
            again = self._factors(session, actions) if session in sessions else factors
            if again != factors:
                self._effective[place] = (session, actions, again)
                changed = True
        if not changed:
            return None
        self._by_asset, self._sorted = [[] for _ in self._by_asset], 0
        self._table = None
        return [f for place in range(len(self._effective)) for f in self.factors_at(place)]

    # A dividend has no factor if there is no previous close, or it exceeds that close.
    # Source: 1 - amount / close before, zipline-reloaded 3.2.1,
    # data/windows/adjustments.py.
    def _factors(self, session: int, actions: Sequence[tuple[int, int, float]]) -> list[Factor]:
        wanted = [action[1] for action in actions]
        row = None if all(action[0] for action in actions) else self._closes_before(session)
        closes = [NAN] * len(wanted) if row is None else np.take(row, wanted).tolist()
        price = 0.0
        return [
            make_factor(
                (session, asset, number, 1.0 / number, True)
                if is_split
                else (session, asset, price, 1.0, False)
            )
            for (is_split, asset, number), close in zip(actions, closes, strict=True)
            if is_split or (close and (price := 1.0 - number / close) > 0.0)
        ]

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
