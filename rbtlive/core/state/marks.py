"""What positions are worth now: prices as exact numbers, and the portfolio marked at
them once a step.

The rule: a price is made exact when somebody looks at it, and looks no different for
having waited.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.number import to_decimal

if TYPE_CHECKING:
    from rbtlive.core.state.portfolio import Portfolio
    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.bars.market import Market


KEPT_PRICES = 200_000


class Marks:
    """Marks a portfolio at the market; each distinct price is made exact once.

    Attributes:
        waiting: The prices of a session's close, one a position, that nobody has looked
            at yet; None otherwise.
    """

    __slots__ = (
        "_decimals",
        "_marked_us",
        "_market",
        "_places",
        "_places_version",
        "_portfolio",
        "_waiting_row",
        "_waiting_us",
        "waiting",
    )

    def __init__(self, market: Market, portfolio: Portfolio) -> None:
        self._market = market
        self._portfolio = portfolio
        self._decimals: dict[float, Decimal] = {}
        self._marked_us: int | None = None
        self._places: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._places_version = -1
        self.waiting: Floats | None = None
        self._waiting_us = self._waiting_row = 0

    def price_of(self, asset: Asset) -> Decimal | None:
        """Return the last known price, or None."""
        return self._exactly(self._market.price(asset.index))

    def value_of(self, asset: Asset) -> Decimal | None:
        """Return the price a position in `asset` is valued at, or None."""
        return self._exactly(self._market.value_price(asset.index))

    def mark(self) -> None:
        """Mark the portfolio at the current step, exactly when somebody looks; once a
        step is enough.
        """
        market = self._market
        if self._marked_us == market.now_us:
            return
        if not self._portfolio.holdings:
            self._marked_us = market.now_us
        elif market.table.computed is None or not (
            market.values_are_closes and self.mark_row_unseen()
        ):
            self.mark_now()

    def mark_now(self) -> None:
        """Mark the portfolio at the current step, even if it was marked before."""
        self._marked_us = self._market.now_us
        positions = self._portfolio.holdings
        if positions:
            self._portfolio.mark(self._values(positions), datetime_of(self._market.now_us))
            self.waiting = None

    def mark_unseen(self) -> Floats | None:
        """Mark the portfolio at the current step, exactly when somebody looks; return
        the price of each position.

        Returns:
            The prices; None if one is not known or nothing is held: then the portfolio
            is marked already.
        """
        prices = self._prices() if self._portfolio.holdings else None
        if prices is None:
            self.mark_now()
            return None
        self._marked_us = self._waiting_us = self._market.now_us
        self.waiting = prices
        self._portfolio.mark_later(self._make_exact)
        return prices

    def mark_row_unseen(self) -> bool:
        """Do the same without looking at the prices; only where every asset has a close
        in the row that is seen, else return False.
        """
        market, row = self._market, self._market.row
        table = market.table
        complete = table.complete
        if complete is None:
            closes = table.values("close", 0, table.rows)
            complete = table.complete = (~np.isnan(closes).any(axis=1)).tobytes()
        if not complete[row]:
            return False
        self._marked_us = self._waiting_us = market.now_us
        self.waiting, self._waiting_row = None, row
        if not self._portfolio.is_waiting:
            self._portfolio.mark_later(self._make_exact)
        return True

    def _make_exact(self) -> None:
        prices, self.waiting = self.waiting, None
        if prices is None:
            prices = self._closes(self._waiting_row).take(self.places())
        known, exactly = self._decimals, self._exactly
        values = [known.get(price) or exactly(price) for price in prices.tolist()]
        self._portfolio.mark(values, datetime_of(self._waiting_us))

    # What every position is valued at, None if there is one without a price: NaN makes
    # any sum NaN.
    def _prices(self) -> Floats | None:
        market, places = self._market, self.places()
        if market.values_are_closes:
            prices = self._closes(market.row).take(places)
            if not _has_nan(prices):
                return prices
            for place in np.flatnonzero(np.isnan(prices)):
                prices[place] = market.value_price(int(places[place]))
        else:
            prices = np.array(
                [market.value_price(place) for place in places.tolist()], dtype=np.float64
            )
        return None if _has_nan(prices) else prices

    def places(self) -> NDArray[np.intp]:
        """Return the index of the asset of each position."""
        portfolio = self._portfolio
        if self._places_version != portfolio.version:
            self._places = np.array([asset.index for asset in portfolio.holdings], dtype=np.intp)
            self._places_version = portfolio.version
        return self._places

    def _closes(self, row: int) -> Floats:
        closes: Floats = self._market.table.values("close", row, row + 1)[0]
        return closes

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


# The sum of squares is NaN if one of the prices is, at a third of the cost of asking
# each.
def _has_nan(prices: Floats) -> bool:
    total = float(prices.dot(prices))
    return total != total  # noqa: PLR0124
