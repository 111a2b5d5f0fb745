"""The two WebSocket services: updates of the account's orders, and market data.

The rule: a client gets nothing before it has shown its keys, and an invalid message
gets an answer, not a crash. Source: Alpaca's streaming pages; the account's stream has
JSON in binary frames, market data is text, or MessagePack for a client that asks for
it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgpack
from aiohttp import WSMsgType, web

from rbtlive.venue.bars import Print
from rbtlive.venue.faults import Faults
from rbtlive.venue.send_queue import SendQueue
from rbtlive.venue.shapes import bar_shape, trade_shape

LARGEST_MESSAGE = 64 * 1024
AUTH_TIMEOUT_S = 10.0
HEARTBEAT_S = 15.0
CHANNELS = (
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "corrections",
    "cancelErrors",
    "orderbooks",
)

KeyCheck = Callable[[Any, Any], bool]


class TradeStreams:
    """The clients that listen to the account's orders."""

    def __init__(self, faults: Faults, *, knows: KeyCheck) -> None:
        self._faults = faults
        self._knows = knows
        self._listening: dict[SendQueue, bool] = {}

    def tell(self, message: dict[str, Any]) -> None:
        """Send an update to all of them."""
        for send_queue, listens in list(self._listening.items()):
            if listens:
                send_queue.push(message, event=message["data"]["event"])

    def abort_all(self) -> int:
        """Cut all connections and return how many there were."""
        return _abort(self._listening)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=LARGEST_MESSAGE)
        await socket.prepare(request)

        async def send(message: object) -> None:
            await socket.send_bytes(json.dumps(message).encode())

        send_queue = SendQueue(
            request.transport, place="trade_updates", faults=self._faults, send=send
        )
        try:
            if await self._authorised(socket, send_queue):
                self._listening[send_queue] = False
                async for message in socket:
                    self._hear(send_queue, _read_json(message.data))
        finally:
            self._listening.pop(send_queue, None)
            await send_queue.close()
        return socket

    async def _authorised(self, socket: web.WebSocketResponse, send_queue: SendQueue) -> bool:
        while True:
            said = await _receive(socket)
            if said is None:
                return False
            body = _read_json(said)
            action = body.get("action")
            if action in ("authenticate", "auth"):  # the value may be unhashable
                keys = body.get("data") if action == "authenticate" else body
                keys = keys if isinstance(keys, dict) else {}
                ok = self._knows(
                    keys.get("key_id", keys.get("key")), keys.get("secret_key", keys.get("secret"))
                )
            else:
                ok = False
            status = "authorized" if ok else "unauthorized"
            send_queue.reply(
                {"stream": "authorization", "data": {"status": status, "action": "authenticate"}}
            )
            if ok:
                return True

    def _hear(self, send_queue: SendQueue, body: dict[str, Any]) -> None:
        data = body.get("data")
        streams = data.get("streams") if isinstance(data, dict) else None
        if body.get("action") != "listen" or not isinstance(streams, list):
            send_queue.reply(
                {"stream": "error", "data": {"code": 400, "msg": 'expected {"action": "listen"}'}}
            )
            return
        known = [name for name in ("trade_updates",) if name in streams]
        self._listening[send_queue] = bool(known)
        send_queue.reply({"stream": "listening", "data": {"streams": known}})


class MarketStreams:
    """The clients that listen to the market."""

    def __init__(self, faults: Faults, *, knows: KeyCheck) -> None:
        self._faults = faults
        self._knows = knows
        self._wants: dict[SendQueue, dict[str, set[str]]] = {}
        self._crypto: set[SendQueue] = set()

    def tell(self, *, prints: Iterable[Print], days: Iterable[Print], minutes: bool) -> None:
        """Send a slice: trades, minute bars (for a slice of minutes), and the daily
        bars that it completes.
        """
        messages = [
            ("trades", p.symbol, {"T": "t", "S": p.symbol} | trade_shape(p)) for p in prints
        ]
        if minutes:
            messages += [
                ("bars", p.symbol, {"T": "b", "S": p.symbol} | bar_shape(p)) for p in prints
            ]
        messages += [
            ("dailyBars", p.symbol, {"T": "d", "S": p.symbol} | bar_shape(p)) for p in days
        ]
        for send_queue, wants in list(self._wants.items()):
            wanted = [
                message
                for channel, symbol, message in messages
                if (symbol in wants[channel] or "*" in wants[channel])
                and ("/" in symbol) == (send_queue in self._crypto)
            ]
            if wanted:
                send_queue.push(wanted)

    def abort_all(self) -> int:
        """Cut all connections and return how many there were."""
        return _abort(self._wants)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client that listens to shares."""
        return await self._serve(request, crypto=False)

    async def serve_crypto(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client that listens to pairs."""
        return await self._serve(request, crypto=True)

    async def _serve(self, request: web.Request, *, crypto: bool) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=LARGEST_MESSAGE)
        await socket.prepare(request)
        packed = request.headers.get("Content-Type") == "application/msgpack"

        async def send(message: object) -> None:
            if packed:
                await socket.send_bytes(msgpack.packb(_with_timestamps(message), datetime=True))
            else:
                await socket.send_str(json.dumps(message))

        send_queue = SendQueue(
            request.transport, place="market_data", faults=self._faults, send=send
        )
        send_queue.reply([{"T": "success", "msg": "connected"}])
        try:
            if await self._authorised(socket, send_queue, packed=packed):
                if crypto:
                    self._crypto.add(send_queue)
                self._wants[send_queue] = {channel: set() for channel in CHANNELS}
                async for message in socket:
                    self._hear(send_queue, _read(message.data, packed=packed))
        finally:
            self._wants.pop(send_queue, None)
            self._crypto.discard(send_queue)
            await send_queue.close()
        return socket

    async def _authorised(
        self, socket: web.WebSocketResponse, send_queue: SendQueue, *, packed: bool
    ) -> bool:
        while True:
            said = await _receive(socket)
            if said is None:
                return False
            body = _read(said, packed=packed)
            if body.get("action") != "auth":
                send_queue.reply([{"T": "error", "code": 401, "msg": "not authenticated"}])
            elif self._knows(body.get("key"), body.get("secret")):
                send_queue.reply([{"T": "success", "msg": "authenticated"}])
                return True
            else:
                send_queue.reply([{"T": "error", "code": 402, "msg": "auth failed"}])

    def _hear(self, send_queue: SendQueue, body: dict[str, Any]) -> None:
        action, wants = body.get("action"), self._wants[send_queue]
        asked = {channel: body.get(channel, []) for channel in CHANNELS}
        fine = all(
            isinstance(names, list) and all(isinstance(n, str) for n in names)
            for names in asked.values()
        )
        if action == "auth":
            send_queue.reply([{"T": "error", "code": 403, "msg": "already authenticated"}])
            return
        if action not in ("subscribe", "unsubscribe") or not fine:
            send_queue.reply([{"T": "error", "code": 400, "msg": "invalid syntax"}])
            return
        for channel, names in asked.items():
            wants[channel] = (
                wants[channel] | set(names)
                if action == "subscribe"
                else wants[channel] - set(names)
            )
        send_queue.reply(
            [{"T": "subscription"} | {channel: sorted(wants[channel]) for channel in CHANNELS}]
        )


def _abort(send_queues: Iterable[SendQueue]) -> int:
    found = list(send_queues)
    for send_queue in found:
        send_queue.abort()
    return len(found)


async def _receive(socket: web.WebSocketResponse) -> str | bytes | None:
    # The next message of a client that has not shown its keys; None if it is gone, or
    # took too long.
    try:
        async with asyncio.timeout(AUTH_TIMEOUT_S):
            message = await socket.receive()
    except TimeoutError:
        await socket.close(code=1008, message=b"auth timeout")
        return None
    return message.data if message.type in {WSMsgType.TEXT, WSMsgType.BINARY} else None


def _read(data: object, *, packed: bool) -> dict[str, Any]:
    if not packed:
        return _read_json(data)
    try:
        body = msgpack.unpackb(data) if isinstance(data, bytes) else None
    except (ValueError, msgpack.UnpackException, RecursionError):
        body = None
    return body if isinstance(body, dict) else {}


def _read_json(data: Any) -> dict[str, Any]:
    # A message that is not a JSON object counts as an empty one: it has no action and
    # gets the answer for an unknown action.
    try:
        body = json.loads(data)
    except (TypeError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _with_timestamps(messages: Any) -> list[Any]:
    # MessagePack has its own type for times, and clients expect `t` in it.
    return [
        m | {"t": datetime.fromisoformat(m["t"])}
        if isinstance(m, dict) and isinstance(m.get("t"), str)
        else m
        for m in messages
    ]
