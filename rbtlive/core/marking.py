"""What positions are worth now: prices as exact numbers, and the portfolio marked at them once a step."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.data.calendar import datetime_of
from rbtlive.model.asset import Asset
from rbtlive.model.number import to_decimal

if TYPE_CHECKING:
    from rbtlive.core.portfolio import Portfolio
    from rbtlive.data.market import Market


KEPT_PRICES = 200_000


class Marks:
    """Marks a portfolio at the market; each distinct price is made exact once."""

    __slots__ = ("_decimals", "_marked_us", "_market", "_portfolio")

    def __init__(self, market: Market, portfolio: Portfolio) -> None:
        self._market = market
        self._portfolio = portfolio
        self._decimals: dict[float, Decimal] = {}
        self._marked_us: int | None = None

    def price_of(self, asset: Asset) -> Decimal | None:
        """Return the last known price, or None."""
        return self._exactly(self._market.price(asset.index))

    def value_of(self, asset: Asset) -> Decimal | None:
        """Return the price a position in `asset` is valued at, or None."""
        return self._exactly(self._market.value_price(asset.index))

    def mark(self) -> None:
        """Mark the portfolio at the current step; once a step is enough."""
        if self._marked_us != self._market.now_us:
            self.mark_now()

    def mark_now(self) -> None:
        """Mark the portfolio at the current step, even if it was marked before."""
        self._marked_us = self._market.now_us
        positions = self._portfolio.positions
        if positions:
            self._portfolio.mark(self._values(positions), datetime_of(self._market.now_us))

    # A close of this very bar that was made exact before is most of what is asked for.
    def _values(self, assets: Iterable[Asset]) -> list[Decimal | None]:
        if not self._market.values_are_closes:
            return [self.value_of(asset) for asset in assets]
        closes, known = self._market.closes(), self._decimals
        return [known.get(closes[asset.index]) or self.value_of(asset) for asset in assets]

    def _exactly(self, price: float) -> Decimal | None:
        if price != price:  # noqa: PLR0124 - NaN
            return None
        exact = self._decimals.get(price)
        if exact is None:
            if len(self._decimals) >= KEPT_PRICES:
                self._decimals.clear()
            exact = self._decimals[price] = to_decimal(price)
        return exact
