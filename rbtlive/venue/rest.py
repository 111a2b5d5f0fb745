"""The venue's REST API: trading and market data, version 2.

The rule: a handler only reads the request, queries or changes the venue, and answers in
the venue's shapes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from aiohttp import web

from rbtlive.errors import OutsideCalendar
from rbtlive.model.number import plain_text
from rbtlive.venue import closing, corporate_shapes, shapes
from rbtlive.venue.bars import Frequency, Print
from rbtlive.venue.book_entries import VenueOrder
from rbtlive.venue.guards import VENUE
from rbtlive.venue.order_requests import Refused, positive_number, read_order_request
from rbtlive.venue.venue import Venue

MOST_ORDERS = 500
MOST_ACTIVITIES = 100
MOST_BARS = 10_000
_TIMEFRAMES: dict[str, Frequency] = {"1Min": "1m", "1T": "1m", "1Day": "1d", "1D": "1d"}
_CLOSED_FIRST = "closed"
_NEW_YORK = ZoneInfo("America/New_York")


async def read_json(request: web.Request) -> Any:
    """Return a request's body, with exact fractions.

    Raises:
        Refused: the body is not JSON.
    """
    body = await request.read()
    try:
        return json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError):
        raise Refused(400, 40010000, "request body format is invalid") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


# -- orders --------------------------------------------------------------------------


async def post_order(request: web.Request) -> web.Response:
    """Place an order."""
    venue = request.app[VENUE]
    wanted = read_order_request(
        _spelled(venue, await read_json(request)), new_id=str(uuid4()), price_of=_price_of(venue)
    )
    placed = venue.place(wanted)
    answer = shapes.order_shape(venue.book, placed) | {
        "status": "accepted",
        "filled_qty": "0",
        "filled_avg_price": None,
        "filled_at": None,
        "updated_at": shapes.wire_time(placed.submitted),
    }
    return web.json_response(
        answer
    )  # like a real venue, its immediate result is sent by the stream


async def list_orders(request: web.Request) -> web.Response:
    """List orders."""
    venue, query = request.app[VENUE], request.query
    status = _choice(query.get("status", "open"), "status", ("open", _CLOSED_FIRST, "all"))
    limit = _limit(query.get("limit"), default=50, most=MOST_ORDERS)
    newest_first = _choice(query.get("direction", "desc"), "direction", ("asc", "desc")) == "desc"
    after, until = _moment(query.get("after"), "after"), _moment(query.get("until"), "until")
    symbols = {s for s in query.get("symbols", "").split(",") if s}
    side = query.get("side")
    if side is not None:
        _choice(side, "side", ("buy", "sell"))
    classes = {s for s in query.get("asset_class", "").split(",") if s}
    found = [
        placed
        for placed in venue.book.orders.values()
        if (status == "all" or placed.is_open == (status == "open"))
        and (after is None or placed.submitted > after)
        and (until is None or placed.submitted < until)
        and (not symbols or placed.request.symbol in symbols)
        and side in (None, placed.request.side)
        and (not classes or shapes.asset_class(placed.request.symbol) in classes)
    ]
    if newest_first:
        found.reverse()
    return web.json_response([shapes.order_shape(venue.book, placed) for placed in found[:limit]])


async def get_order(request: web.Request) -> web.Response:
    """Return an order by the venue's id."""
    return web.json_response(shapes.order_shape(request.app[VENUE].book, _order(request)))


async def get_order_by_client_id(request: web.Request) -> web.Response:
    """Return an order by the client's id."""
    book = request.app[VENUE].book
    placed = book.by_client_id(request.query.get("client_order_id", ""))
    if placed is None:
        raise Refused(404, 40410000, "order not found")
    return web.json_response(shapes.order_shape(book, placed))


async def delete_order(request: web.Request) -> web.Response:
    """Cancel an order."""
    placed = _order(request)
    if not placed.is_open:
        raise Refused(422, 42210000, "order is not cancelable")
    request.app[VENUE].cancel(placed)
    return web.Response(status=204)


async def delete_orders(request: web.Request) -> web.Response:
    """Cancel every open order."""
    venue = request.app[VENUE]
    cancelled = venue.book.open_orders()
    for placed in cancelled:
        venue.cancel(placed)
    results = [
        {"id": str(p.id), "status": 200, "body": shapes.order_shape(venue.book, p)}
        for p in cancelled
    ]
    return web.json_response(results, status=207)


async def patch_order(request: web.Request) -> web.Response:
    """Replace an open order by one with another amount or other prices."""
    venue, placed = request.app[VENUE], _order(request)
    if not placed.is_open:
        raise Refused(422, 42210000, "order is not open")
    changes = await read_json(request)
    if not isinstance(changes, dict):
        raise Refused(422, 40010001, "request body must be an object")
    wanted = placed.request
    filled = abs(placed.order.filled)
    body = {
        "symbol": wanted.symbol,
        "qty": plain_text(abs(placed.order.open_amount)),
        "side": wanted.side,
        "type": wanted.type,
        "time_in_force": changes.get("time_in_force") or wanted.time_in_force,
        "limit_price": shapes.optional(wanted.limit_price),
        "stop_price": shapes.optional(wanted.stop_price),
        "client_order_id": changes.get("client_order_id"),
        "extended_hours": wanted.extended_hours,
    }
    for name in ("limit_price", "stop_price"):
        if changes.get(name) is not None:
            body[name] = changes[name]
    if changes.get("qty") is not None:
        body["qty"] = plain_text(positive_number(changes, "qty") - filled)
    asked = read_order_request(body, new_id=str(uuid4()), price_of=_price_of(venue))
    successor = venue.replace(placed, asked)
    return web.json_response(shapes.order_shape(venue.book, successor))


# Orders may name a pair without its slash, as was usual before pairs had one.
def _spelled(venue: Venue, body: Any) -> Any:
    symbol = body.get("symbol") if isinstance(body, dict) else None
    if not isinstance(symbol, str) or symbol in venue.market.by_symbol:
        return body
    pairs = {name.replace("/", ""): name for name in venue.market.by_symbol if "/" in name}
    return body | {"symbol": pairs.get(symbol, symbol)}


def _price_of(venue: Venue) -> Callable[[str], Decimal | None]:
    def price(symbol: str) -> Decimal | None:
        asset = venue.market.by_symbol.get(symbol)
        return None if asset is None else venue.market.price(asset)

    return price


def _order(request: web.Request) -> VenueOrder:
    try:
        placed = request.app[VENUE].book.orders.get(UUID(request.match_info["order_id"]))
    except ValueError:
        raise Refused(422, 40010001, "order_id must be a UUID") from None
    if placed is None:
        raise Refused(404, 40410000, "order not found")
    return placed


# -- account -------------------------------------------------------------------------


async def get_account(request: web.Request) -> web.Response:
    """Return the account."""
    book = request.app[VENUE].book
    return web.json_response(shapes.account_shape(book) | book.restrictions)


async def list_activities(request: web.Request) -> web.Response:
    """List executions and other changes of the account's cash as activities."""
    book, query = request.app[VENUE].book, request.query
    after, until = _moment(query.get("after"), "after"), _moment(query.get("until"), "until")
    day, order_id = _day(query.get("date"), "date"), query.get("order_id")
    newest_first = _choice(query.get("direction", "desc"), "direction", ("asc", "desc")) == "desc"
    wanted = _wanted_activities(request)
    known: list[tuple[datetime, dict[str, Any]]] = [
        (e.at, shapes.activity_shape(e))
        for e in book.executions
        if wanted("FILL") and order_id in (None, str(e.order.id))
    ]
    known += [(c.at, shapes.cash_activity_shape(c)) for c in book.activities if wanted(c.code)]
    found = [
        shape
        for at, shape in sorted(known, key=itemgetter(0))
        if (after is None or at > after)
        and (until is None or at < until)
        and (day is None or at.astimezone(_NEW_YORK).date() == day)
    ]
    if newest_first:
        found.reverse()
    token = query.get("page_token")
    if token:
        ids = [one["id"] for one in found]
        if token not in ids:
            raise Refused(422, 40010001, "page_token must be the id of an activity")
        found = found[ids.index(token) + 1 :]
    # A whole day is returned at once, unless a page is requested.
    most = MOST_ACTIVITIES if day is None else max(len(found), 1)
    limit = _limit(query.get("page_size"), default=most, most=most, name="page_size")
    return web.json_response(found[:limit])


# Returns a function that says whether a type of activity is requested; by default all
# are, as in the broker's reference of account activities.
def _wanted_activities(request: web.Request) -> Callable[[str], bool]:
    asked = request.match_info.get("kind") or request.query.get("activity_types")
    category = request.query.get("category")
    if category is not None:
        if asked:
            raise Refused(422, 40010001, "category and activity type must not both be given")
        _choice(category, "category", ("trade_activity", "non_trade_activity"))
        return lambda code: (code == "FILL") == (category == "trade_activity")
    kinds = set((asked or "").split(",")) - {""}
    return lambda code: not kinds or code in kinds


async def list_positions(request: web.Request) -> web.Response:
    """List the positions."""
    book = request.app[VENUE].book
    return web.json_response([shapes.position_shape(book, p) for p in book.portfolio])


async def get_position(request: web.Request) -> web.Response:
    """Return a position by symbol or asset id."""
    venue = request.app[VENUE]
    position = closing.position_of(venue, request.match_info["symbol"])
    return web.json_response(shapes.position_shape(venue.book, position))


# -- market --------------------------------------------------------------------------


async def get_clock(request: web.Request) -> web.Response:
    """Return the market clock."""
    venue = request.app[VENUE]
    return web.json_response(shapes.clock_shape(venue.market.calendar, venue.clock.now()))


async def get_calendar(request: web.Request) -> web.Response:
    """Return the days of the market, by default those of the bars."""
    venue, query = request.app[VENUE], request.query
    calendar, portal = venue.market.calendar, venue.settings.portal
    start, end = _day(query.get("start"), "start"), _day(query.get("end"), "end")
    try:
        first = portal.first_session if start is None else calendar.at_or_after(start)
        last = portal.last_session if end is None else calendar.at_or_before(end)
    except OutsideCalendar:
        return web.json_response([])
    return web.json_response(
        [shapes.day_shape(calendar, session) for session in range(first, last + 1)]
    )


async def list_assets(request: web.Request) -> web.Response:
    """List the assets."""
    venue, query = request.app[VENUE], request.query
    if _choice(query.get("status", "active"), "status", ("active", "inactive")) != "active":
        return web.json_response([])
    found = [shapes.asset_shape(venue.book, asset) for asset in venue.market.by_symbol.values()]
    return web.json_response(
        [
            one
            for one in found
            if query.get("asset_class", one["class"]) == one["class"]
            and query.get("exchange", one["exchange"]) == one["exchange"]
        ]
    )


async def get_asset(request: web.Request) -> web.Response:
    """Return an asset by symbol or id."""
    venue, name = request.app[VENUE], request.match_info["symbol"]
    for asset in venue.market.by_symbol.values():
        symbol = asset.symbol
        if name in (symbol, symbol.replace("/", ""), str(venue.book.asset_id(symbol))):
            return web.json_response(shapes.asset_shape(venue.book, asset))
    raise Refused(404, 40410000, f"asset not found for {name[:64]}")


async def list_bars(request: web.Request) -> web.Response:
    """Return recorded bars of several assets, a page at a time; only finished bars."""
    symbols = _symbols(request)
    page, token = _page(request, symbols)
    bars: dict[str, list[dict[str, Any]]] = {}
    for one in page:
        bars.setdefault(one.symbol, []).append(shapes.bar_shape(one))
    return web.json_response({"bars": bars, "next_page_token": token})


async def list_bars_of_one(request: web.Request) -> web.Response:
    """Return recorded bars of one asset, a page at a time."""
    symbol = request.match_info["symbol"]
    page, token = _page(request, [symbol])
    bars = [shapes.bar_shape(one) for one in page]
    return web.json_response({"bars": bars, "symbol": symbol, "next_page_token": token})


async def corporate_actions(request: web.Request) -> web.Response:
    """Return splits, dividends and symbol changes of symbols between two days."""
    venue, query = request.app[VENUE], request.query
    wanted = {s for s in query.get("symbols", "").split(",") if s}
    first, last = _day(query.get("start"), "start"), _day(query.get("end"), "end")
    calendar = venue.market.calendar
    types = {f"{s}s" for s in query.get("types", "").split(",") if s}
    found: dict[str, list[dict[str, Any]]] = {}

    def put(kind: str, names: tuple[str, ...], label: date, shape: dict[str, Any]) -> None:
        asked = not wanted or wanted.intersection(names)
        within = (first is None or label >= first) and (last is None or label <= last)
        if asked and within and (not types or kind in types):
            found.setdefault(kind, []).append(shape)

    portal, book = venue.settings.portal, venue.book
    for asset, session, ratio in venue.market.known_splits():
        label = calendar.label(session)
        kind = "forward_splits" if ratio < 1 else "reverse_splits"
        shape = corporate_shapes.split_shape(book, asset, label, ratio)
        put(kind, (asset.symbol,), label, shape)
    for dividend in portal.dividends:
        asset = venue.market.assets[dividend.asset]
        shape = corporate_shapes.dividend_shape(book, asset, dividend)
        put("cash_dividends", (asset.symbol,), dividend.ex_date, shape)
    for change in book.symbol_changes:
        label = calendar.label(change.session)
        shape = corporate_shapes.symbol_change_shape(book, change, label)
        put("name_changes", (change.symbol, change.new_symbol), label, shape)
    return web.json_response({"corporate_actions": found, "next_page_token": None})


async def latest_bars(request: web.Request) -> web.Response:
    """Return the last bar of several assets."""
    found = _latest(request)
    return web.json_response({"bars": {one.symbol: shapes.bar_shape(one) for one in found}})


async def latest_trades(request: web.Request) -> web.Response:
    """Return the last price of several assets."""
    found = _latest(request)
    return web.json_response({"trades": {one.symbol: shapes.trade_shape(one) for one in found}})


def _latest(request: web.Request) -> list[Print]:
    market = request.app[VENUE].market
    symbols = _symbols(request)
    return [one for one in map(market.latest, symbols) if one is not None]


# Shares and pairs have different addresses, each with its own spelling.
def _symbols(request: web.Request) -> list[str]:
    symbols = [s for s in request.query.get("symbols", "").split(",") if s]
    if not symbols:
        raise Refused(400, 40010001, "symbols is required")
    crypto = request.path.startswith("/v1beta3/crypto")
    for symbol in symbols:
        if ("/" in symbol) != crypto:
            raise Refused(400, 40010001, f"invalid symbol: {symbol[:64]}")
    return symbols


def _page(request: web.Request, symbols: list[str]) -> tuple[list[Print], str | None]:
    query = request.query
    frequency = _TIMEFRAMES.get(query.get("timeframe", ""))
    if frequency is None:
        raise Refused(400, 40010001, f"timeframe must be one of {', '.join(_TIMEFRAMES)}")
    if query.get("adjustment", "raw") != "raw":
        raise Refused(400, 40010001, "adjustment must be raw: this venue has no other bars")
    limit = _limit(query.get("limit"), default=1000, most=MOST_BARS)
    found = request.app[VENUE].market.history(
        symbols,
        frequency=frequency,
        start=_moment(query.get("start"), "start"),
        end=_moment(query.get("end"), "end"),
    )
    if _choice(query.get("sort", "asc"), "sort", ("asc", "desc")) == "desc":
        found.sort(key=lambda one: (one.symbol, -one.end_us))
    begin = _begin(query.get("page_token"), found)
    page = found[begin : begin + limit]
    more = begin + limit < len(found)
    return page, _token(page[-1]) if more else None


def _token(one: Print) -> str:
    return base64.urlsafe_b64encode(json.dumps([one.symbol, one.end_us]).encode()).decode()


def _begin(token: str | None, found: list[Print]) -> int:
    if not token:
        return 0
    try:
        place = tuple(json.loads(base64.urlsafe_b64decode(token)))
        return [(one.symbol, one.end_us) for one in found].index(cast(tuple[str, int], place)) + 1
    except (ValueError, TypeError, RecursionError):
        raise Refused(400, 40010001, "page_token is invalid") from None


# -- queries -------------------------------------------------------------------------


def _choice(value: str, name: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise Refused(422, 40010001, f"{name} must be one of {', '.join(choices)}")
    return value


def _limit(text: str | None, *, default: int, most: int, name: str = "limit") -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) >= 1):
        raise Refused(422, 40010001, f"{name} must be a whole number from 1 to {most}")
    return min(int(text), most)


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo("UTC"))
    except ValueError:
        raise Refused(422, 40010001, f"{name} must be an RFC 3339 time") from None


def _day(text: str | None, name: str) -> date | None:
    moment = _moment(text, name)
    return None if moment is None else moment.date()


def add_routes(app: web.Application) -> None:
    """Add every REST endpoint to an application."""
    app.add_routes(
        [
            web.post("/v2/orders", post_order),
            web.get("/v2/orders", list_orders),
            web.delete("/v2/orders", delete_orders),
            web.get("/v2/orders:by_client_order_id", get_order_by_client_id),
            web.get("/v2/orders/{order_id}", get_order),
            web.delete("/v2/orders/{order_id}", delete_order),
            web.patch("/v2/orders/{order_id}", patch_order),
            web.get("/v2/account", get_account),
            web.get("/v2/account/activities", list_activities),
            web.get("/v2/account/activities/{kind}", list_activities),
            web.get("/v2/positions", list_positions),
            web.delete("/v2/positions", closing.delete_positions),
            web.get("/v2/positions/{symbol:.+}", get_position),
            web.delete("/v2/positions/{symbol:.+}", closing.delete_position),
            web.get("/v2/clock", get_clock),
            web.get("/v2/calendar", get_calendar),
            web.get("/v2/assets", list_assets),
            web.get("/v2/assets/{symbol:.+}", get_asset),
            web.get("/v1/corporate-actions", corporate_actions),
            web.get("/v1beta3/crypto/us/bars", list_bars),
            web.get("/v1beta3/crypto/us/latest/bars", latest_bars),
            web.get("/v1beta3/crypto/us/latest/trades", latest_trades),
            web.get("/v2/stocks/bars", list_bars),
            web.get("/v2/stocks/bars/latest", latest_bars),
            web.get("/v2/stocks/trades/latest", latest_trades),
            web.get("/v2/stocks/{symbol}/bars", list_bars_of_one),
        ]
    )
