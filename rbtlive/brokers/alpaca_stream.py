"""The stream of the account's order updates: opened, kept open, and translated.

The rule: updates are passed on in the order they arrived, and none is dropped for lack
of room. A stream that breaks is reopened and reports the break, because updates
meanwhile can only be queried.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from rbtlive.brokers.alpaca_answers import parsed
from rbtlive.brokers.alpaca_http import (
    AlpacaHttp,
    aiohttp_package,
    socket_url,
    what_broke,
)
from rbtlive.brokers.alpaca_keys import AlpacaKeys
from rbtlive.brokers.alpaca_messages import read_message
from rbtlive.brokers.alpaca_values import Untranslatable
from rbtlive.data.feeds.as_feed import Backoff
from rbtlive.errors import BrokerError
from rbtlive.model.events import Event, OrderFillEvent, SystemErrorEvent

SOURCE = "alpaca"
BACK = "the trade stream is back"
HEARTBEAT_S = 10.0
ANSWER_S = 10.0
LARGEST_MESSAGE = 1024 * 1024
MOST_WAITING = 10_000
MOST_REMEMBERED = 50_000

Teller = Literal["stream", "activities"]
_Facts = tuple[str, Decimal, Decimal, Decimal]


class KnownExecutions:
    """Ids of executions, matched between the stream and the account's activities.

    Both should use the same id. If they do not, an execution is recognized by the facts
    in both (its order, the cumulative shares, its own shares and price), and the id
    reported first is used.
    """

    def __init__(self) -> None:
        self._ids: dict[Teller, OrderedDict[str, None]] = {
            "stream": OrderedDict(),
            "activities": OrderedDict(),
        }
        self._by_facts: dict[Teller, OrderedDict[_Facts, str]] = {
            "stream": OrderedDict(),
            "activities": OrderedDict(),
        }

    def settled(
        self,
        execution_id: str,
        *,
        by: Teller,
        order_id: str,
        cumulative: Decimal,
        amount: Decimal,
        price: Decimal,
    ) -> str:
        """Return the id to use for an execution that one of the two reported."""
        other: Teller = "activities" if by == "stream" else "stream"
        facts = (order_id, cumulative, amount, price)
        self._ids[by][execution_id] = None
        self._by_facts[by].setdefault(facts, execution_id)
        for known in (self._ids[by], self._by_facts[by]):
            if len(known) > MOST_REMEMBERED:
                known.popitem(last=False)
        if execution_id in self._ids[other]:
            return execution_id
        return self._by_facts[other].get(facts, execution_id)


class TradeStream:
    """Order updates as events.

    Args:
        keys: Sent to the stream.
        http: Provides connections and address.
        executions: Matches the ids of executions.
        now: Returns the time for the stream's own reports.
        backoff: How long to wait before reopening it.
        chance: Returns random numbers from 0 to 1 for the jitter.

    Attributes:
        reconnects: Number of times it was reopened.
        quarantined: Number of messages that could not be translated.
    """

    def __init__(
        self,
        keys: AlpacaKeys,
        http: AlpacaHttp,
        *,
        executions: KnownExecutions,
        now: Callable[[], datetime],
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._keys = keys
        self._http = http
        self._executions = executions
        self._now = now
        self._backoff = backoff or Backoff()
        self._chance = chance
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(MOST_WAITING)
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._was_open = False
        self._refusal = ""
        self.reconnects = 0
        self.quarantined = 0

    async def open(self, *, timeout_s: float) -> None:
        """Open the stream, and return once it listens.

        Raises:
            BrokerError: it does not listen within `timeout_s`.
        """
        self._task = asyncio.get_running_loop().create_task(
            self._run(), name="rbtlive alpaca trade stream"
        )
        try:
            async with asyncio.timeout(timeout_s):
                await self._listening.wait()
        except TimeoutError:
            await self.close()
            reason = f": {self._refusal}" if self._refusal else ""
            raise BrokerError(
                f"the trade stream did not open within {timeout_s:g} s{reason}"
            ) from None

    async def close(self) -> None:
        """Close the stream; its consumer gets the remaining events, and then the
        end.
        """
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)

    async def take(self) -> Event | None:
        """Return the next event, None after the end."""
        return await self._events.get()

    async def put(self, event: Event) -> None:
        """Add an event that the adapter itself reports."""
        await self._events.put(event)

    def translate(self, body: object) -> Event | None:
        """Return the event in a stream's message, or None for a message without one; a
        message that cannot be understood becomes an error event.
        """
        try:
            event, order_id, cumulative = read_message(body)
        except Untranslatable as reason:
            self.quarantined += 1
            return self._say(f"a trade update was left out: {reason}; its news is asked for")
        if isinstance(event, OrderFillEvent):
            settled = self._executions.settled(
                event.execution_id,
                by="stream",
                order_id=order_id,
                cumulative=cumulative,
                amount=event.amount,
                price=event.price,
            )
            if settled != event.execution_id:
                return event.model_copy(update={"execution_id": settled})
        return event

    def _say(self, message: str) -> SystemErrorEvent:
        return SystemErrorEvent(timestamp=self._now(), message=message[:500], source=SOURCE)

    async def _run(self) -> None:
        attempt = 0
        while True:
            try:
                await self._listen()
                reason = "it was closed"
            except _Broken as broken:
                reason = str(broken)
            attempt = 1 if self._listening.is_set() else attempt + 1
            if self._listening.is_set():
                self._listening.clear()
                await self._events.put(
                    self._say(f"the trade stream broke: {reason}; it is opened again")
                )
            self._refusal = reason
            await asyncio.sleep(self._backoff.delay_s(attempt, chance=self._chance()))

    async def _listen(self) -> None:
        # One connection, from its opening to its end.
        aiohttp = aiohttp_package()
        failure = ""
        try:
            async with self._http.session.ws_connect(
                socket_url(self._http.url) + "/stream",
                heartbeat=HEARTBEAT_S,
                max_msg_size=LARGEST_MESSAGE,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            ) as socket:
                async with asyncio.timeout(ANSWER_S):
                    await self._introduce(socket)
                if self._was_open:
                    self.reconnects += 1
                    await self._events.put(self._say(f"{BACK}; what was missed is asked for"))
                self._was_open = True
                self._listening.set()
                async for message in socket:
                    if message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                        event = self.translate(parsed(message.data, self._keys))
                        if event is not None:
                            await self._events.put(event)
        except TimeoutError:
            failure = "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = what_broke(error)
        if failure:
            raise _Broken(failure)

    async def _introduce(self, socket: Any) -> None:
        await socket.send_str(json.dumps(_keys_message(self._keys)))
        answer = parsed(await _data(socket), self._keys)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict) or data.get("status") != "authorized":
            raise _Broken("the keys were refused")
        await socket.send_str(
            json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}})
        )
        answer = parsed(await _data(socket), self._keys)
        if not isinstance(answer, dict) or answer.get("stream") != "listening":
            raise _Broken("it does not listen")


class _Broken(Exception):  # noqa: N818 - named for its meaning
    pass


def _keys_message(keys: AlpacaKeys) -> dict[str, Any]:
    return {
        "action": "authenticate",
        "data": {
            "key_id": keys.key_id.get_secret_value(),
            "secret_key": keys.secret.get_secret_value(),
        },
    }


async def _data(socket: Any) -> str | bytes:
    message = await socket.receive()
    if not isinstance(message.data, (str, bytes)):
        raise _Broken("it was closed")
    return message.data
