"""The latest known price of each position, and its time.

The rule: a price stays until a newer one is known, and is dropped with its position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.core.state.whole_fills import WholeFills
from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.model.asset import Asset
from rbtlive.model.money_units import money_of_units
from rbtlive.model.number import NAN

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats


class LastSale:
    """Latest known price of one position.

    Args:
        price: The price.
        dt: When the price was known: a datetime, or µs UTC.

    Attributes:
        price: The price, NaN before the first.
        when: The time in the form it was given.
        is_kept: A caller reads it even after its position has ended.
    """

    __slots__ = ("is_kept", "price", "when")

    def __init__(self, price: Decimal = NAN, dt: datetime | int | None = None) -> None:
        self.price = price
        self.when = dt
        self.is_kept = False

    @property
    def dt(self) -> datetime | None:
        """When the price was known, UTC; None before the first."""
        when = self.when
        if isinstance(when, int):  # few callers read it, so it is converted on demand
            when = self.when = datetime_of(when)
        return when


class LastSales:
    """The last sale of each position, in the order of the positions.

    Attributes:
        by_asset: The last sales; newer prices may still be pending until `catch_up`.
        version: Grows whenever a price may have changed.
        holding_version: Grows whenever an asset comes or goes.
    """

    __slots__ = ("_is_behind", "by_asset", "holding_version", "version")

    def __init__(self) -> None:
        self.by_asset: dict[Asset, LastSale] = {}
        self.version = self.holding_version = 0
        self._is_behind = False

    def catch_up(self) -> None:
        """Apply pending prices; this class never has any."""

    def catch_up_without(self, asset: Asset) -> None:
        """Do the same, but for a position that ends."""

    def read(self, sale: LastSale) -> LastSale:
        """Return `sale` with its newest price."""
        if self._is_behind:
            self.catch_up()
        return sale

    def of(self, asset: Asset) -> LastSale:
        """Return the last sale of a position; an empty one if `asset` is not held."""
        if self._is_behind:
            self.catch_up()
        return self.by_asset.get(asset) or LastSale()

    def to_keep(self, asset: Asset) -> LastSale:
        """Return the last sale of a position, to be read even after it has ended."""
        sale = self.by_asset.get(asset) or LastSale()
        sale.is_kept = True
        return sale

    def prices(self) -> list[Decimal]:
        """Return the price of each position."""
        if self._is_behind:
            self.catch_up()
        return [sale.price for sale in self.by_asset.values()]

    def note_fill(self, asset: Asset, price: Decimal, dt: datetime) -> None:
        """Record the price of a fill, if it is newer than the known one.

        Source: zipline-reloaded 3.2.1, finance/position.py, update.
        """
        if self._is_behind:
            self.catch_up()
        if asset in self.by_asset:
            sale = self.by_asset[asset]
            if sale.dt is None or dt > sale.dt:
                sale.price, sale.when = price, dt
        else:
            self.by_asset[asset] = LastSale(price, dt)
            self.holding_version += 1
        self.version += 1

    def unread_prices(self) -> Floats | None:
        """Return the price of each position if prices are pending, otherwise None."""
        return None

    def unread_close(self, index: int) -> float | None:  # noqa: ARG002 - of an asset
        """Return a position's price if it is a pending close, otherwise None."""
        return None

    def note_fills(self, fills: Mapping[Asset, Decimal], dt: datetime) -> None:
        """Record the prices of several fills, by asset, in turn."""
        if self._is_behind:
            self.catch_up()
        self._note_fills(fills, dt, us_of(dt))

    def note_columns(self, fills: WholeFills, gone: Sequence[Asset], dt: datetime) -> None:
        """Record the prices of fills, one per asset.

        Args:
            fills: The fills.
            gone: Assets whose positions these fills closed.
            dt: Time of the fills, UTC.
        """
        over = set(gone)
        prices = zip(fills.assets, fills.prices.tolist(), strict=True)
        self.note_fills({a: money_of_units(price) for a, price in prices if a not in over}, dt)
        for asset in gone:
            self.drop(asset)

    def _note_fills(self, fills: Mapping[Asset, Decimal], dt: datetime, us: int) -> None:
        by_asset = self.by_asset
        for asset, price in fills.items():
            sale = by_asset.get(asset)
            if sale is None:
                by_asset[asset] = LastSale(price, dt)
                self.holding_version += 1
                continue
            when = sale.when
            if when is None or (when < us if type(when) is int else when < dt):  # type: ignore[operator]
                sale.price, sale.when = price, dt
        self.version += 1

    def drop(self, asset: Asset) -> None:
        """Forget an asset that is no longer held."""
        if self._is_behind:
            self.catch_up_without(asset)
        if asset in self.by_asset:
            del self.by_asset[asset]
            self.holding_version += 1
        self.version += 1

    def apply_split(self, asset: Asset, ratio: Decimal) -> None:
        """Adjust the price of a position for a split of `ratio`."""
        self.of(asset).price *= ratio
        self.version += 1

    def set_prices(self, prices: Iterable[Decimal | None], dt: datetime | int) -> None:
        """Set the price of every position to the one known at `dt`; an unknown price
        keeps the last one.

        Args:
            prices: One per position, in the order of the positions.
            dt: When they are known: a datetime, or µs UTC.
        """
        for sale, price in zip(self.by_asset.values(), prices, strict=True):
            if price is not None:
                sale.price, sale.when = price, dt
        self.version += 1

    def restore(self, sales: dict[Asset, LastSale]) -> None:
        """Set the last sales of restored positions, in their order."""
        self.by_asset, self._is_behind = sales, False
        self.version += 1
        self.holding_version += 1
