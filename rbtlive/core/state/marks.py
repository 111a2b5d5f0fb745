"""Current values of positions: exact prices, read from the market once a step.

The rule: a price is made exact when it is read, and the delay does not change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.core.state.last_sales import LastSale, LastSales
from rbtlive.core.state.whole_fills import WholeFills
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.money_units import money_of_units
from rbtlive.model.number import NAN, to_decimal

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.bars.market import Market


KEPT_PRICES = 200_000
FEW = 16


class Marks(LastSales):
    """The last sales of a run's positions, read from its market; each distinct price is
    made exact once.

    Attributes:
        marked_us: When the positions were last marked, µs UTC; None before.
    """

    __slots__ = (
        "_closes_of",
        "_columns",
        "_columns_generation",
        "_columns_holding",
        "_decimals",
        "_lags",
        "_late",
        "_market",
        "_places",
        "_places_version",
        "_unread",
        "_unread_row",
        "_unread_us",
        "marked_us",
    )

    def __init__(self, market: Market) -> None:
        super().__init__()
        self._market = market
        self._decimals: dict[float, Decimal] = {}
        self.marked_us: int | None = None
        self._places: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._places_version = -1
        self._lags = market.lags
        self._columns: list[Sequence[float]] = []  # the column of closes of each position's asset
        self._columns_holding = -1  # the version of the holdings that they belong to
        self._closes_of: dict[int, Sequence[float]] = {}  # column of an asset by its index
        self._columns_generation = -1
        # Pending prices: given ones, or the closes of a row if None.
        self._unread: Floats | None = None
        self._unread_us = self._unread_row = 0
        # Fills after these prices, oldest first.
        self._late: list[tuple[WholeFills, datetime]] = []

    def price_of(self, asset: Asset) -> Decimal | None:
        """Return the last known price, or None."""
        return self._exactly(self._market.price(asset.index))

    def value_of(self, asset: Asset) -> Decimal | None:
        """Return the price a position in `asset` is valued at, or None."""
        return self._exactly(self._market.value_price(asset.index))

    def mark(self) -> None:
        """Mark the positions at the current step, exactly when they are read; once a
        step is enough.
        """
        market = self._market
        us = market.now_us
        if self.marked_us == us or not self.by_asset:
            self.marked_us = us
            return
        row, table = market.seen, market.table
        if row < 0 or self._lags or table.computed is None:  # an earlier session's bar is seen
            self.mark_now()
        elif table.complete is not None and table.complete[row]:
            self.marked_us = us
            if not self._is_behind or self._unread is not None or self._unread_us != us:
                self._unread, self._unread_row, self._unread_us = None, row, us
                self._is_behind = True
                if self._late:
                    self._late = []
                self.version += 1
        elif not self.mark_row_unseen():
            self.mark_now()

    def mark_now(self) -> None:
        """Mark the positions at the current step, even if they are already marked."""
        self.marked_us = self._market.now_us
        if self.by_asset:
            values = self._values(self.by_asset)
            if self._is_behind and None in values:
                self.catch_up()  # where no price is known now, the pending one stays
            self._is_behind, self._unread, self._late = False, None, []
            self.set_prices(values, self._market.now_us)

    def mark_unseen(self) -> Floats | None:
        """Mark the positions at the current step, exactly when they are read; return
        the price of each.

        Returns:
            The prices; None if one is unknown or nothing is held: then the positions
            are already marked.
        """
        if not self.by_asset:
            self.marked_us = self._market.now_us
            return None
        prices = self._prices()
        if prices is None:
            self.mark_now()
            return None
        self.marked_us = self._unread_us = self._market.now_us
        self._unread, self._is_behind, self._late = prices, True, []
        self.version += 1
        return prices

    def mark_row_unseen(self) -> bool:
        """Do the same without reading the prices, and return True; return False unless
        all assets, or each of a few positions, have a close in the current row.
        """
        market = self._market
        us, row, table = market.now_us, market.row, market.table
        if self._is_behind and self._unread is None and self._unread_us == us:
            return True  # already marked at this step, and not read since
        complete = table.complete
        if complete is None:
            closes = table.values("close", 0, table.rows)
            complete = table.complete = (~np.isnan(closes).any(axis=1)).tobytes()
        if not complete[row] and not self._few_have_closes(row):
            return False
        self.marked_us = self._unread_us = us
        self._unread, self._unread_row, self._is_behind = None, row, True
        if self._late:
            self._late = []
        self.version += 1
        return True

    # Checks each price in turn: for more than a few, a sum over all is faster.
    def _few_have_closes(self, row: int) -> bool:
        if len(self.by_asset) > FEW:
            return False
        table = self._market.table
        for asset in self.by_asset:
            known = table.has_close.get(asset.index)
            if known is None:
                closes = table.values("close", 0, table.rows)[:, asset.index]
                known = table.has_close[asset.index] = (~np.isnan(closes)).tobytes()
            if not known[row]:
                return False
        return True

    def catch_up(self) -> None:
        """Make all pending prices exact."""
        if not self._is_behind:
            return
        late, self._late = self._late, []
        self._take_unread()
        for fills, dt in late:
            for asset, units in zip(fills.assets, fills.prices.tolist(), strict=True):
                sale = self.by_asset.get(asset)
                if sale is not None:
                    sale.price, sale.when = money_of_units(units), dt

    def _take_unread(self) -> None:
        known, exactly = self._decimals, self._exactly
        if self._unread is None and len(self.by_asset) <= FEW and not self._market.table.base:
            row, us = self._unread_row, self._unread_us
            self._is_behind = False
            for asset, sale in self.by_asset.items():
                close = (self.column_of(asset.index) or ())[row]
                price = known.get(close) or exactly(close)
                if price is not None:
                    sale.price, sale.when = price, us
            self.version += 1
            return
        prices = self.unread_prices()
        assert prices is not None
        self._is_behind, self._unread = False, None
        values = [known.get(price) or exactly(price) for price in prices.tolist()]
        self.set_prices(values, self._unread_us)

    def unread_prices(self) -> Floats | None:
        """Return the price of each position if prices are pending, otherwise None."""
        if not self._is_behind or self._late:
            return None
        if self._unread is not None:
            return self._unread
        prices: Floats = self._closes(self._unread_row).take(self.places())
        return prices

    def unread_close(self, index: int) -> float | None:
        """Return a position's price if it is a pending close, otherwise None; it stays
        pending.
        """
        if not self._is_behind or self._unread is not None or self._late:
            return None
        column = None
        if self._columns_generation == self._market.table.generation:
            column = self._closes_of.get(index)
        if column is None:
            column = self.column_of(index)
        return None if column is None else column[self._unread_row]

    def column_of(self, index: int) -> Sequence[float] | None:
        """Return the closes of an asset by row, until rows are added; None if the first
        rows may be gone.
        """
        table = self._market.table
        if self._columns_generation != table.generation:
            self._closes_of.clear()
            self._columns_generation, self._columns_holding = table.generation, -1
        column = self._closes_of.get(index)
        if column is None and not table.base:
            column = self._closes_of[index] = table.view(index, "close")
        return column

    def note_fill(self, asset: Asset, price: Decimal, dt: datetime) -> None:
        """Record the price of a fill, if it is newer than the known one; if only the
        price that it replaces is pending, that one is not made exact.
        """
        sale = self.by_asset.get(asset)
        is_only = self._is_behind and sale is not None and len(self.by_asset) == 1
        if is_only and not self._late and us_of(dt) > self._unread_us:
            assert sale is not None
            self._is_behind, self._unread = False, None
            sale.price, sale.when = price, dt
            self.version += 1
        else:
            super().note_fill(asset, price, dt)

    def catch_up_without(self, asset: Asset) -> None:
        """Make all pending prices exact, except that of a position that ends, if it is
        the only one and no caller keeps it.
        """
        sale = self.by_asset.get(asset)
        if sale is None or sale.is_kept or len(self.by_asset) > 1:
            self.catch_up()
        else:
            self._is_behind, self._unread, self._late = False, None, []

    def note_fills(self, fills: Mapping[Asset, Decimal], dt: datetime) -> None:
        """Record the prices of several fills, by asset, in turn; prices that they
        replace are not made exact.
        """
        now_us = self._market.now_us
        if self._late:
            self.catch_up()
        if self._is_behind and self._unread_us < now_us:
            prices = self.unread_prices()
            assert prices is not None
            self._is_behind, self._unread = False, None
            exactly, us = self._exactly, self._unread_us
            for (asset, sale), price in zip(self.by_asset.items(), prices.tolist(), strict=True):
                sale.when = us
                if asset not in fills:
                    exact = exactly(price)
                    sale.price = sale.price if exact is None else exact
        elif self._is_behind:
            self.catch_up()
        self._note_fills(fills, dt, now_us)

    def note_columns(self, fills: WholeFills, gone: Sequence[Asset], dt: datetime) -> None:
        """Record the prices of fills, one per asset; they are made exact only if they
        are read before the next mark.
        """
        if not self._is_behind or self._unread_us >= self._market.now_us:
            super().note_columns(fills, gone, dt)
            return
        by_asset = self.by_asset
        came = [asset for asset in fills.assets if asset not in by_asset]
        if came or gone:
            if self._unread is not None:
                over = set(gone)
                stays = [asset not in over for asset in by_asset]
                unknown = np.full(len(came), np.nan)
                self._unread = np.concatenate([self._unread[stays], unknown])
            for asset in came:
                by_asset[asset] = LastSale()
            for asset in gone:
                del by_asset[asset]
            self.holding_version += 1
        self._late.append((fills, dt))
        self.version += 1

    def prices(self) -> list[Decimal]:
        """Return the price of each position.

        A few pending prices are read one by one, at a tenth of numpy's fixed cost, and
        stay pending: most callers want sums.
        """
        is_row = self._is_behind and self._unread is None and not self._late
        if not is_row or len(self.by_asset) > FEW:
            return super().prices()
        table = self._market.table
        if table.base:  # its first rows may be gone
            return super().prices()
        if (
            self._columns_holding != self.holding_version
            or self._columns_generation != table.generation
        ):
            self._columns = [self.column_of(asset.index) or () for asset in self.by_asset]
            self._columns_holding = self.holding_version
        row, known = self._unread_row, self._decimals
        prices = []
        for column in self._columns:
            price = column[row]
            prices.append(known.get(price) or self._known_close(price))
        return prices

    # The value per share of every position; None if one has no price: NaN makes any sum
    # NaN.
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
        """Return the asset index of each position."""
        if self._places_version != self.holding_version:
            self._places = np.array([asset.index for asset in self.by_asset], dtype=np.intp)
            self._places_version = self.holding_version
        return self._places

    def _closes(self, row: int) -> Floats:
        closes: Floats = self._market.table.values("close", row, row + 1)[0]
        return closes

    # Most requests are for a close of the current bar that was already made exact.
    def _values(self, assets: Iterable[Asset]) -> list[Decimal | None]:
        if not self._market.values_are_closes:
            return [self.value_of(asset) for asset in assets]
        closes, known = self._market.closes(), self._decimals
        return [known.get(closes[asset.index]) or self.value_of(asset) for asset in assets]

    # The exact price for a close that is not missing.
    def _known_close(self, price: float) -> Decimal:
        exact = self._exactly(price)
        return NAN if exact is None else exact

    def _exactly(self, price: float) -> Decimal | None:
        if price != price:  # noqa: PLR0124 - NaN
            return None
        exact = self._decimals.get(price)
        if exact is None:
            if len(self._decimals) >= KEPT_PRICES:
                self._decimals.clear()
            exact = self._decimals[price] = to_decimal(price)
        return exact


# The sum of squares is NaN if one price is, at a third of the cost of checking each.
def _has_nan(prices: Floats) -> bool:
    total = float(prices.dot(prices))
    return total != total  # noqa: PLR0124
