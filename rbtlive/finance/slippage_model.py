"""Base of slippage models: it prices the orders of one asset at a bar.

The rule: the orders of one asset are tried one after the other against one volume
budget, and the caller books each fill before requesting the next.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from rbtlive.errors import (
    LiquidityExceeded,
    TransactionVolumeExceedsOrder,
    TransactionWithWrongDirection,
)
from rbtlive.finance.financial_model import FinancialModel, plain_moment, whole_lots
from rbtlive.finance.protocols import OrderLike
from rbtlive.model.asset import Asset
from rbtlive.model.number import to_decimal

NO_FILL = (None, None)
"""The result of `process_order` for an order that does not fill in this bar."""
_NOTHING, _ONE = Decimal(0), Decimal(1)
_ROUNDED = Decimal("1.000000000000001")

Fill = tuple[Any, Any, Decimal]
"""A fill of one order in one bar: the order, the model's price per share, signed amount
in whole lots.
"""


def fill_price_worse_than_limit_price(fill_price: Any, order: OrderLike) -> bool:
    """Say whether a price is above a buy's limit or below a sale's.

    A limit of 0 counts as no limit.
    """
    if not order.limit:
        return False
    price, limit, direction = float(fill_price), float(order.limit), float(order.direction)
    return (direction > 0 and price > limit) or (direction < 0 and price < limit)


class SlippageModel(FinancialModel, abc.ABC):
    """Base of slippage models; to define your own, derive from it and write
    `process_order`.

    A subclass with a constructor calls `super().__init__()` first.

    Our own models have a faster method for a market order of whole shares that is alone
    in its bar, `price_of_all`: the price if all of it fills, otherwise None. Both give
    the same price.
    """

    def __init__(self) -> None:
        self._filled, self._whole = _NOTHING, True

    @property
    def volume_for_bar(self) -> int | float:
        """Shares of the current asset already filled in this bar, buys and sales
        together.
        """
        return int(self._filled) if self._whole or not self._filled else float(self._filled)

    @abc.abstractmethod
    def process_order(self, data: Any, order: Any) -> tuple[Any, Any]:
        """Return the price and the signed amount at which the order fills in this bar.

        It is called for triggered orders only, and only on bars with volume.

        Args:
            data: The bar, as `handle_data` sees it.
            order: The order; `order.open_amount` is its unfilled amount.

        Returns:
            Price per share and signed amount, or (None, None) for no fill. The amount
            has the order's sign and is at most the open amount; it is truncated to
            whole lots. The rest is tried again at the next bar.

        Raises:
            LiquidityExceeded: no more of this asset fills in this bar, for this order
                or any later one.
        """

    def simulate(self, data: Any, asset: Asset, orders_for_asset: Iterable[Any]) -> Iterator[Fill]:
        """Try the orders of one asset against the current bar, in turn.

        The generator reads an order only when its turn comes: book each fill before
        taking the next.

        Args:
            data: The bar, as `handle_data` sees it.
            asset: The asset of all the orders.
            orders_for_asset: The orders, in the sequence in which they were placed.

        Raises:
            Exception: `process_order` gave a price but less than one lot.
            TransactionWithWrongDirection: `process_order` gave an amount against the
                order's direction.
            TransactionVolumeExceedsOrder: the amount exceeds the order's open amount.

        Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 160-206. zipline
        accepts the last two, and then keeps the order open forever.
        """
        self._filled, self._whole = _NOTHING, asset.lot_size == _ONE
        if asset.has_volume and float(data.current(asset, "volume")) == 0:
            return
        close = data.current(asset, "close")
        if math.isnan(close):
            return
        for order in orders_for_asset:
            left = order.open_amount
            if not left:
                continue
            if not order.triggered:
                order.check_triggers(to_decimal(close), plain_moment(data.current_dt))
                if not order.triggered:
                    continue
            try:
                result = self.process_order(data, order)
            except LiquidityExceeded:
                break
            price, amount = (
                result if type(result) is tuple and len(result) == 2 else self._pair(result)
            )
            if price is None:
                continue
            # The whole remainder is in whole lots, and can be used as written only if
            # both numbers come from the books: a user's may be 5.000.
            if type(amount) is not Decimal or type(left) is not Decimal or amount != left:
                amount = self._checked_amount(
                    amount, order, to_decimal(left), lot_size=asset.lot_size
                )
            self._filled += abs(amount)
            yield order, price, amount

    def asdict(self) -> dict[str, Any]:
        """Return the model's attributes by name."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _pair(self, result: object) -> tuple[Any, Any]:
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(
                f"process_order of {type(self).__name__} must return a price and an amount: was "
                f"{result!r}; "
                "return (None, None) for no fill"
            )
        return result  # type: ignore[return-value]

    def _checked_amount(
        self, amount: object, order: Any, left: Decimal, *, lot_size: Decimal
    ) -> Decimal:
        if lot_size == _ONE and isinstance(amount, Decimal) and _ONE.same_quantum(left):
            if amount == left and _ONE.same_quantum(amount):
                return left
        elif lot_size != _ONE and type(amount) is float and amount == float(left):
            return left  # the whole amount, which may have more digits than a float
        cut = whole_lots(amount, lot_size)
        if abs(left) < abs(cut) <= abs(left) * _ROUNDED and (cut > 0) == (left > 0):
            cut = left  # a float cannot hold more digits
        if 0 < abs(cut) <= abs(left) and (cut > 0) == (left > 0):
            return cut
        facts = (
            f"process_order of {type(self).__name__} gave {amount} for order {order.id} "
            f"({order.asset.symbol}), "
            f"which has {left} open"
        )
        if cut == 0:
            raise Exception(  # noqa: TRY002 -- zipline's class; a ported strategy may check for it by name
                f"a fill must be at least one lot of {lot_size}: {facts}; return (None, None) for "
                "no fill"
            )
        if (cut > 0) != (left > 0):
            raise TransactionWithWrongDirection(f"a fill must have its order's sign: {facts}")
        raise TransactionVolumeExceedsOrder(f"a fill must not exceed its order: {facts}")
