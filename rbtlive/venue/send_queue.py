"""The outgoing side of one WebSocket: messages in order, limited in number, with the
active faults.

The rule: a client that does not read is disconnected; the venue never waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from rbtlive.venue.faults import Faults

MOST_WAITING = 20_000
HELD_S = 0.25
"""How long a reordered message waits for the next one, at most."""


class SendQueue:
    """Sends messages to one client.

    Args:
        transport: The connection's transport.
        place: The place name of its faults: "trade_updates" or "market_data".
        faults: The faults.
        send: Encodes a message and sends it.
    """

    def __init__(
        self,
        transport: asyncio.Transport | None,
        *,
        place: str,
        faults: Faults,
        send: Callable[[Any], Any],
    ) -> None:
        self._transport = transport
        self._place = place
        self._faults = faults
        self._send = send
        self._queue: asyncio.Queue[tuple[float, Any]] = asyncio.Queue(MOST_WAITING)
        self._held: list[Any] = []
        self._task = asyncio.get_running_loop().create_task(self._pump(), name=f"venue {place}")

    def push(self, message: object, *, event: str | None = None) -> None:
        """Send a message, subject to faults."""
        kinds = {f.kind: f for f in self._faults.at_message(self._place, event)}
        if "disconnect" in kinds:
            self.abort()
        if kinds.keys() & {"drop", "silence", "disconnect"}:
            return
        if "reorder" in kinds:
            self._held.append(message)
            asyncio.get_running_loop().call_later(HELD_S, self._release)
            return
        delay_s = kinds["delay"].delay_s if "delay" in kinds else 0.0
        for _copy in range(2 if "duplicate" in kinds else 1):
            self._put(delay_s, message)
        self._release()

    def reply(self, message: object) -> None:
        """Answer a client's message; faults do not affect it."""
        self._put(0.0, message)

    def abort(self) -> None:
        """Cut the connection without a closing handshake."""
        if self._transport is not None:
            self._transport.abort()
        self._task.cancel()

    async def close(self) -> None:
        """Stop sending."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _release(self) -> None:
        held, self._held = self._held, []
        for message in held:
            self._put(0.0, message)

    def _put(self, delay_s: float, message: object) -> None:
        try:
            self._queue.put_nowait((delay_s, message))
        except asyncio.QueueFull:
            self.abort()

    async def _pump(self) -> None:
        while True:
            delay_s, message = await self._queue.get()
            if delay_s:
                await asyncio.sleep(delay_s)
            try:
                await self._send(message)
            except ConnectionError:
                return
