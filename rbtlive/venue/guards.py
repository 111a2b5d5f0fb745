"""The middlewares in front of every request: access control and deliberate faults.

The rule: a request for another host, from a page of another origin, or without keys is
rejected before any handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from rbtlive.venue.faults import Fault
from rbtlive.venue.order_requests import Refused
from rbtlive.venue.venue import Venue

VENUE: web.AppKey[Venue] = web.AppKey("venue", Venue)
_STREAMS = frozenset({"/stream", "/v2/iex", "/v2/sip", "/v2/test", "/v1beta3/crypto/us"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refusal(
    status: int, code: int, message: str, *, retry_after_s: int | None = None
) -> web.Response:
    """Return a refusal in the venue's shape."""
    headers = None if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return web.json_response({"code": code, "message": message}, status=status, headers=headers)


@web.middleware
async def told_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Convert any exception of a handler to an answer in the venue's shape."""
    try:
        return await handler(request)
    except Refused as no:
        return refusal(no.status, no.code, no.message)
    except web.HTTPException as error:
        return refusal(error.status, error.status * 100000, error.reason)
    except ConnectionError:  # the client left before its whole request arrived
        return refusal(400, 40010000, "request was cut off")
    except Exception:  # the outermost frame of a request
        logging.getLogger("rbtlive.venue").exception("a request failed")
        return refusal(500, 50010000, "internal server error occurred")


@web.middleware
async def own_host_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Reject another Host (a name made to point here) and another Origin (a page in a
    browser).
    """
    own = {f"127.0.0.1:{_port(request)}", f"localhost:{_port(request)}"}
    if request.host not in own or len(request.headers.getall("Host", [])) != 1:
        return refusal(403, 40310000, "host must be that of this machine's venue")
    origin = request.headers.get("Origin")
    if origin is not None and origin not in {f"http://{host}" for host in own}:
        return refusal(403, 40310000, "origin must be that of this machine's venue")
    return await handler(request)


@web.middleware
async def known_keys_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Require the key headers, or the control token; streams require keys
    themselves.
    """
    venue = request.app[VENUE]
    if request.path.startswith("/control/"):
        if not venue.controls(request.headers.get("X-Control-Token")):
            return refusal(401, 40110000, "control token is missing or wrong")
    elif request.path not in _STREAMS:
        headers = request.headers
        if not venue.knows(headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")):
            return refusal(401, 40110000, "request is not authorized")
    return await handler(request)


@web.middleware
async def faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Apply the active faults for the request's place."""
    place = _place(request)
    limit = request.app[VENUE].limits.of(request.path)
    wait_s = limit.refused_for_s() if place else None
    if wait_s is not None:
        refused = refusal(429, 42910000, "too many requests.", retry_after_s=wait_s)
        refused.headers.update(limit.headers())
        return refused
    struck = request.app[VENUE].faults.at_request(place) if place else []
    before = [f for f in struck if f.kind in {"delay", "error", "rate_limit", "reset_before"}]
    after = [f for f in struck if f not in before]
    answer = await _strike(request, before)
    if answer is not None:
        return answer
    response = await told_errors(request, handler)  # a refusal can be lost on its way too
    if place:
        response.headers.update(limit.headers())
    return await _strike(request, after) or response


async def _strike(request: web.Request, struck: list[Fault]) -> web.Response | None:
    # The answer that a fault gives instead of the real one, or None.
    for fault in struck:
        if fault.kind in {"delay", "delay_after"}:
            await asyncio.sleep(fault.delay_s)
        elif fault.kind == "rate_limit":
            return refusal(429, 42910000, "rate limit exceeded", retry_after_s=fault.retry_after_s)
        elif fault.kind in {"error", "error_after"}:
            return refusal(fault.status, fault.status * 100000 + 10000, "service unavailable")
        elif request.transport is not None:
            request.transport.abort()
            return web.Response(status=500)
    return None


def _place(request: web.Request) -> str:
    # The name of a request for faults; empty for requests that they do not affect.
    path = request.path
    if path in _STREAMS or path.startswith("/control/"):
        return ""
    if path.startswith("/v2/orders"):
        return {"POST": "submit", "DELETE": "cancel"}.get(request.method, "orders")
    if path.startswith(("/v2/account", "/v2/positions")):
        return "account"
    return "data" if path.startswith(("/v2/stocks", "/v1beta3/crypto")) else "other"


def _port(request: web.Request) -> Any:
    transport = request.transport
    address = None if transport is None else transport.get_extra_info("sockname")
    return address[1] if address else None
