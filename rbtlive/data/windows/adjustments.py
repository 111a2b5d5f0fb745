"""Splits and dividends as factors on earlier bars.

The rule: a factor is known from the start of the session it takes effect in, never
before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

NAN = float("nan")


class Factor(NamedTuple):
    """What bars before `session` are multiplied with to compare with later ones.

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


class Adjustments:
    """The factors that are in effect, and those still to come.

    Args:
        upcoming: (session, 1 for a split, 0 for a dividend, asset, ratio or amount) of
            all that are known, the latest first.
        width: How many assets there are.
        closes_before: Returns the unadjusted closes of the session before that one by
            asset, NaN where there is none; None if no asset has one.

    Attributes:
        by_asset: Factors in effect, by asset index, in the order they took effect.
        unpriced: (asset, ex session) of dividends that have no factor, for want of a
            close before or because they exceed it.
    """

    def __init__(
        self,
        upcoming: Iterable[tuple[int, int, int, float]],
        *,
        width: int,
        closes_before: Callable[[int], Sequence[float] | None],
    ) -> None:
        self.by_asset: list[list[Factor]] = [[] for _ in range(width)]
        self.unpriced: list[tuple[int, int]] = []
        self._closes_before = closes_before
        self._pending = list(upcoming)

    def add_split(self, asset: int, session: int, ratio: float) -> None:
        """Take a split that was not known before."""
        self._pending.append((session, 1, asset, ratio))
        self._pending.sort(key=lambda action: action[:2], reverse=True)

    def advance(self, session: int) -> list[Factor]:
        """Put into effect what takes effect up to the start of `session`; return what
        is new, in order.
        """
        fresh: list[Factor] = []
        pending, of_session, closes = self._pending, None, None
        while pending and pending[-1][0] <= session:
            effective, is_split, asset, number = pending.pop()
            if is_split:
                factor = Factor(effective, asset, number, 1.0 / number, split=True)
            else:
                if effective != of_session:
                    of_session, closes = effective, self._closes_before(effective)
                # Source: 1 - amount / close before, zipline-reloaded 3.2.1,
                # data/windows/adjustments.py.
                close = NAN if closes is None else float(closes[asset])
                price = 1.0 - number / close if close else NAN
                if not price > 0.0:
                    self.unpriced.append((asset, effective))
                    continue
                factor = Factor(effective, asset, price, 1.0, split=False)
            self.by_asset[asset].append(factor)
            fresh.append(factor)
        return fresh

    def next_session(self) -> int | None:
        """Return the session in which the next split or dividend takes effect; None if
        no other is known of.
        """
        return self._pending[-1][0] if self._pending else None

    def ratio(self, asset: int, after: int, *, volume: bool = False) -> float:
        """Return the product of all factors in effect that came after session
        `after`.
        """
        factors = self.by_asset[asset]
        if not factors or factors[-1].session <= after:
            return 1.0
        product = 1.0
        for wanted in (
            True,
            False,
        ):  # the order of multiplication is zipline's: splits, then dividends
            for factor in factors:
                if factor.split is wanted and factor.session > after:
                    product *= factor.volume if volume else factor.price
        return product
