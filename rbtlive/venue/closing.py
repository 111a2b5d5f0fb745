"""Close positions by one request, like a person on the broker's page.

The rule: a position is closed by a market order, which is checked by the same rules as
any other. Source: docs.alpaca.markets/reference/deleteallopenpositions and
/deleteopenposition.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from aiohttp import web

from rbtlive.core.state.position import Position
from rbtlive.venue import shapes
from rbtlive.venue.guards import VENUE
from rbtlive.venue.order_requests import MAX_DECIMALS, OrderRequest, Refused, wire_number
from rbtlive.venue.venue import Venue


async def delete_position(request: web.Request) -> web.Response:
    """Close a position, or a part of it: `qty` shares, or `percentage` of them."""
    venue = request.app[VENUE]
    position = position_of(venue, request.match_info["symbol"])
    return web.json_response(_close(venue, position, _part(request, position)))


async def delete_positions(request: web.Request) -> web.Response:
    """Close every position; with `cancel_orders=true`, cancel open orders first."""
    venue = request.app[VENUE]
    if request.query.get("cancel_orders", "false").lower() == "true":
        for placed in venue.book.open_orders():
            venue.cancel(placed)
    answers: list[dict[str, Any]] = []
    for position in list(venue.book.portfolio):
        answer: dict[str, Any] = {"symbol": position.asset.symbol}
        try:
            answer |= {"status": 200, "body": _close(venue, position, abs(position.amount))}
        except Refused as no:
            body = {"code": no.code, "message": no.message}
            answer |= {"status": no.status, "body": body}
        answers.append(answer)
    return web.json_response(answers, status=207)


def position_of(venue: Venue, name: str) -> Position:
    """Return a position by symbol or asset id.

    Raises:
        Refused: the account has no such position.
    """
    for position in venue.book.portfolio:
        symbol = position.asset.symbol
        if name in (symbol, symbol.replace("/", ""), str(venue.book.asset_id(symbol))):
            return position
    raise Refused(404, 40410000, "position does not exist")


def _part(request: web.Request, position: Position) -> Decimal:
    query, whole = request.query, abs(position.amount)
    if "qty" in query and "percentage" in query:
        raise Refused(422, 40010001, "qty and percentage must not both be given")
    try:
        if "qty" in query:
            part = wire_number(query["qty"])
        else:
            percent = wire_number(query.get("percentage", "100"))
            part = (whole * percent / 100).quantize(Decimal(1).scaleb(-MAX_DECIMALS), ROUND_DOWN)
    except InvalidOperation:
        part = Decimal(0)
    if not 0 < part <= whole:
        raise Refused(422, 40010001, "qty must be above 0, and at most what is held")
    return part


def _close(venue: Venue, position: Position, shares: Decimal) -> dict[str, Any]:
    symbol = position.asset.symbol
    wanted = OrderRequest(
        client_order_id=str(uuid4()),
        symbol=symbol,
        qty=shares,
        side="sell" if position.amount > 0 else "buy",
        type="market",
        time_in_force="gtc" if "/" in symbol else "day",
    )
    return shapes.order_shape(venue.book, venue.place(wanted))
