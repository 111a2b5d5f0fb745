"""The cost of an order: the money that it needs, and the money that open orders hold
back.

The rule: only the part that enlarges a position needs buying power; closing needs none.
"""

from __future__ import annotations

from decimal import Decimal

from rbtlive.model.number import ZERO
from rbtlive.venue.book_entries import VenueOrder
from rbtlive.venue.order_requests import OrderRequest

SHORT_MARGIN = Decimal("1.03")
"""An order that opens a short is valued 3 % above its price."""


def money_needed(request: OrderRequest, held: Decimal, price: Decimal, *, strict: bool) -> Decimal:
    """Return the money that a request needs.

    Args:
        request: The request.
        held: Signed shares held of the asset.
        price: Last price of the asset.
        strict: Whether sales are valued with the broker's margin.
    """
    worth = request.limit_price or request.stop_price or price
    if request.side == "sell" and strict:
        worth = max(request.limit_price or ZERO, price * SHORT_MARGIN)
    return opening(held, request.amount) * worth


def money_reserved(placed: VenueOrder, held: Decimal, price: Decimal | None) -> Decimal:
    """Return the money that an open order holds back.

    Args:
        placed: The order.
        held: Signed shares held of its asset.
        price: Last price of the asset, if known.
    """
    return opening(held, placed.order.open_amount) * (placed.asked_price or price or ZERO)


def opening(held: Decimal, amount: Decimal) -> Decimal:
    """Return the unsigned shares by which an order would enlarge a position, beyond the
    shares that it closes.
    """
    if held == 0 or (held > 0) == (amount > 0):
        return abs(amount)
    return max(ZERO, abs(amount) - abs(held))
