"""The venue on loopback: its application, its control endpoints, and the process around
them.

aiohttp serves it: one well-maintained library has HTTP and WebSockets on both sides,
server here and client in the broker, so that the two extras share one dependency.

The rule: it listens only on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from decimal import Decimal

from aiohttp import web
from pydantic import ValidationError

from rbtlive.venue import guards, rest
from rbtlive.venue.guards import VENUE
from rbtlive.venue.order_requests import Refused, wire_number
from rbtlive.venue.streams import LARGEST_MESSAGE
from rbtlive.venue.venue import Venue, VenueSettings

HOST = "127.0.0.1"
MOST_STEPS = 100_000
LARGEST_RATIO = 100_000
ACCOUNT_FACTS: dict[str, type] = {
    "account_blocked": bool,
    "trading_blocked": bool,
    "trade_suspended_by_user": bool,
    "status": str,
    "currency": str,
}
"""Facts of the account that `/control/account` changes."""


def make_app(venue: Venue) -> web.Application:
    """Return the application that serves a venue."""
    app = web.Application(
        middlewares=[
            guards.told_errors,
            guards.own_host_only,
            guards.known_keys_only,
            guards.faults,
        ],
        client_max_size=LARGEST_MESSAGE,
    )
    app[VENUE] = venue
    rest.add_routes(app)
    app.add_routes([web.get("/stream", venue.trade_streams.serve)])
    app.add_routes(
        [web.get(path, venue.market_streams.serve) for path in ("/v2/iex", "/v2/sip", "/v2/test")]
        + [web.get("/v1beta3/crypto/us", venue.market_streams.serve_crypto)]
    )
    app.add_routes(
        [
            web.get("/control/state", get_state),
            web.post("/control/advance", post_advance),
            web.get("/control/faults", get_faults),
            web.post("/control/faults", post_faults),
            web.post("/control/disconnect", post_disconnect),
            web.post("/control/cash", post_cash),
            web.post("/control/limit", post_limit),
            web.post("/control/account", post_account),
            web.post("/control/symbol", post_symbol),
            web.post("/control/split", post_split),
            web.post("/control/restart", post_restart),
            web.post("/control/reset", post_reset),
        ]
    )
    return app


async def get_state(request: web.Request) -> web.Response:
    """Return the venue's current state."""
    return web.json_response(_state(request.app[VENUE]))


async def post_advance(request: web.Request) -> web.Response:
    """Advance by `steps` slices, 1 by default; fewer if the bars end."""
    body = await rest.read_json(request) if request.can_read_body else {}
    steps = body.get("steps", 1) if isinstance(body, dict) else None
    if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= MOST_STEPS:
        raise Refused(422, 40010001, f"steps must be a whole number from 1 to {MOST_STEPS}")
    venue = request.app[VENUE]
    moved = 0
    while moved < steps and venue.advance():
        moved += 1
        await asyncio.sleep(0)
    return web.json_response(_state(venue) | {"moved": moved})


async def get_faults(request: web.Request) -> web.Response:
    """Return the active faults, and how often each has occurred."""
    return web.json_response([fault.model_dump() for fault in request.app[VENUE].faults.active])


async def post_faults(request: web.Request) -> web.Response:
    """Replace the active faults by the given list; an empty one switches all off."""
    body = await rest.read_json(request)
    if not isinstance(body, list) or not all(isinstance(spec, dict) for spec in body):
        raise Refused(422, 40010001, "faults must be a list of objects")
    try:
        request.app[VENUE].faults.switch(body)
    except ValidationError as error:
        raise Refused(422, 40010001, "; ".join(str(e["msg"]) for e in error.errors())) from None
    return await get_faults(request)


async def post_cash(request: web.Request) -> web.Response:
    """Change the account's cash: `kind` (dividend, interest, fee, deposit), `amount`,
    and `symbol` if it concerns an asset.
    """
    body = await rest.read_json(request)
    codes = {"dividend": "DIV", "interest": "INT", "fee": "FEE", "deposit": "CSD"}
    code = codes.get(str(body.get("kind"))) if isinstance(body, dict) else None
    try:
        amount = wire_number(str(body["amount"])) if code else Decimal(0)
    except (KeyError, ArithmeticError):
        amount = Decimal(0)
    if code is None or not amount.is_finite() or not amount:
        raise Refused(422, 40010001, f"kind must be one of {', '.join(codes)}, amount a number")
    request.app[VENUE].pay(code, amount, str(body.get("symbol") or ""))
    return web.json_response(_state(request.app[VENUE]))


async def post_symbol(request: web.Request) -> web.Response:
    """Announce the new symbol `new_symbol` for `symbol` from the next session on."""
    body = await rest.read_json(request)
    names = [body.get(n) if isinstance(body, dict) else None for n in ("symbol", "new_symbol")]
    if not all(isinstance(name, str) and name.isalnum() and name.isascii() for name in names):
        raise Refused(422, 40010001, "symbol and new_symbol must be letters and digits")
    request.app[VENUE].announce_symbol(*map(str, names))
    return web.json_response(_state(request.app[VENUE]))


async def post_split(request: web.Request) -> web.Response:
    """Announce a split of `symbol` in the next session: `ratio` is the factor for
    prices.
    """
    body = await rest.read_json(request)
    symbol = body.get("symbol") if isinstance(body, dict) else None
    try:
        ratio = wire_number(str(body["ratio"])) if isinstance(symbol, str) else Decimal(0)
    except (KeyError, ArithmeticError):
        ratio = Decimal(0)
    if not isinstance(symbol, str) or not 0 < ratio < LARGEST_RATIO or ratio == 1:
        raise Refused(422, 40010001, "symbol must be text, ratio a number above 0 that is not 1")
    request.app[VENUE].announce_split(symbol, ratio)
    return web.json_response(_state(request.app[VENUE]))


async def post_account(request: web.Request) -> web.Response:
    """Change the account's flags (true or false), `status` or `currency`."""
    body = await rest.read_json(request)
    known = isinstance(body, dict) and all(
        isinstance(value, ACCOUNT_FACTS.get(name, tuple)) for name, value in body.items()
    )
    if not known or not body:
        raise Refused(422, 40010001, f"the account's facts are {', '.join(ACCOUNT_FACTS)}")
    request.app[VENUE].restrict(body)
    return web.json_response(_state(request.app[VENUE]))


async def post_limit(request: web.Request) -> web.Response:
    """Answer at most `requests_per_minute` from now on; null is no limit."""
    body = await rest.read_json(request)
    most = body.get("requests_per_minute") if isinstance(body, dict) else 0
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise Refused(
            422, 40010001, "requests_per_minute must be a whole number from 1 on, or null"
        )
    request.app[VENUE].limits.switch(most)
    return web.json_response(_state(request.app[VENUE]))


async def post_disconnect(request: web.Request) -> web.Response:
    """Cut all streams."""
    return web.json_response({"cut": request.app[VENUE].disconnect()})


async def post_restart(request: web.Request) -> web.Response:
    """Simulate a crash and a restart."""
    request.app[VENUE].restart()
    return web.json_response(_state(request.app[VENUE]))


async def post_reset(request: web.Request) -> web.Response:
    """Start a new book, without faults."""
    request.app[VENUE].reset()
    return web.json_response(_state(request.app[VENUE]))


def _state(venue: Venue) -> dict[str, object]:
    market = venue.market
    return {
        "now": venue.clock.now().isoformat(),
        "session": market.calendar.label(market.session).isoformat(),
        "ended": market.next_end_us is None,
        "orders": len(venue.book.orders),
        "open_orders": len(venue.book.open_orders()),
        "executions": len(venue.book.executions),
    }


async def serve(
    settings: VenueSettings,
    *,
    port: int,
    on_ready: Callable[[int], None],
    stop: asyncio.Event | None = None,
) -> None:
    """Serve a venue until `stop` is set, or the process is asked to end.

    Args:
        settings: The venue's settings.
        port: Port on 127.0.0.1; 0 picks a free one.
        on_ready: Called with the port once the venue listens.
        stop: Ends the service; without it SIGINT and SIGTERM do.
    """
    loop = asyncio.get_running_loop()
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    venue = Venue(settings, monotonic_s=loop.time)
    runner = web.AppRunner(make_app(venue), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    replay: asyncio.Task[None] | None = None
    try:
        site = web.TCPSite(runner, HOST, port)
        await site.start()
        on_ready(runner.addresses[0][1])
        replay = loop.create_task(venue.run(), name="venue replay")
        ending = loop.create_task(stop.wait(), name="venue stop")
        await asyncio.wait({ending})
    finally:
        if replay is not None:
            replay.cancel()
            await asyncio.gather(replay, return_exceptions=True)
        venue.disconnect()
        await runner.cleanup()
        venue.close()
