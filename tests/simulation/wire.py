"""Between processes and the outside: requests with answers, streams of text, and
everything that happens to them.

The rule: a message that is on its way arrives, or not, whatever becomes of the process
that sent it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from rbtlive.errors import BrokerError, OrderRefused
from tests.simulation import odd
from tests.simulation.faults import Fault, Faults

TIMEOUT_S = 5.0
"""How long a client waits for an answer."""
_GAP_S = 1e-5


class TooManyError(BrokerError):
    """A request was not processed: there were too many.

    Attributes:
        again_s: Seconds after which it may be sent again.
    """

    def __init__(self, again_s: float) -> None:
        super().__init__("429 too many requests")
        self.again_s = again_s


class Pipe:
    """One connection of a stream: text in order, until it breaks."""

    def __init__(self) -> None:
        self.open = True
        self.last_due_s = 0.0
        self.held: str | None = None
        self._texts: deque[str] = deque()
        self._news = asyncio.Event()

    def deliver(self, text: str) -> None:
        """Let a message arrive, if the connection still stands."""
        if self.open:
            self._texts.append(text)
            self._news.set()

    def close(self) -> None:
        """Break the connection; what has not been read yet is lost."""
        self.open = False
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield messages.

        Raises:
            ConnectionResetError: the connection broke.
        """
        while self.open:
            if self._texts:
                yield self._texts.popleft()
                continue
            self._news.clear()
            await self._news.wait()
        raise ConnectionResetError("the stream's connection broke")


class Wire:
    """Carries everything.

    Args:
        faults: What goes wrong.
        latency_s: How long a message takes one way.
    """

    def __init__(self, faults: Faults, *, latency_s: float) -> None:
        self.faults = faults
        self.latency_s = latency_s
        self.down = False
        self.silent: set[str] = set()
        self.opened = 0
        self._pipes: dict[str, list[Pipe]] = {"news": [], "bars": []}

    # -- streams ----------------------------------------------------------------------

    def connect(self, name: str) -> Pipe:
        """Open a connection of a stream.

        Raises:
            ConnectionRefusedError: nobody answers at the other end.
        """
        if self.down or name in self.silent:
            raise ConnectionRefusedError(f"nobody listens for {name}")
        pipe = Pipe()
        self._pipes[name] = [p for p in self._pipes[name] if p.open] + [pipe]
        self.opened += 1
        return pipe

    def disconnect(self, name: str) -> None:
        """Break every connection of a stream."""
        for pipe in self._pipes[name]:
            pipe.close()

    def publish(self, name: str, text: str) -> None:
        """Send a message down every connection of a stream; a fault strikes all of them
        alike.
        """
        fault = self.faults.take(name)
        if name in self.silent:
            return
        for pipe in self._pipes[name]:
            if pipe.open:
                self._push(pipe, text, fault)

    def _push(self, pipe: Pipe, text: str, fault: Fault | None) -> None:
        what = fault.what if fault else ""
        held, pipe.held = pipe.held, None
        if what == "reorder":
            pipe.held = text
            asyncio.get_running_loop().call_later(2.0, self._let_go, pipe)
        elif what == "cut":
            self._send(pipe, text[: len(text) // 2])
            asyncio.get_running_loop().call_later(self.latency_s + _GAP_S, pipe.close)
        elif what == "disconnect":
            pipe.close()
        elif what == "delay" and fault:
            asyncio.get_running_loop().call_later(self.latency_s + fault.size, pipe.deliver, text)
        elif what != "drop":
            if what == "garbage" and fault:
                self._send(pipe, odd.MESSAGES[int(fault.size) % len(odd.MESSAGES)])
            self._send(pipe, text)
            if what == "duplicate" and fault:
                for copy in range(1, int(fault.size)):
                    asyncio.get_running_loop().call_later(
                        self.latency_s + copy * 1.7, pipe.deliver, text
                    )
        if held is not None:
            self._send(pipe, held)

    def _let_go(self, pipe: Pipe) -> None:
        if pipe.held is not None:
            text, pipe.held = pipe.held, None
            self._send(pipe, text)

    def _send(self, pipe: Pipe, text: str) -> None:
        loop = asyncio.get_running_loop()
        pipe.last_due_s = max(loop.time() + self.latency_s, pipe.last_due_s + _GAP_S)
        loop.call_at(pipe.last_due_s, pipe.deliver, text)

    # -- requests ---------------------------------------------------------------------

    async def ask(self, where: str, handle: Callable[[], Any]) -> Any:
        """Send a request and wait for its answer.

        Args:
            where: Which kind of request.
            handle: What the other end does with it when it arrives.

        Raises:
            ConnectionResetError: the connection broke, before or after the request had
                arrived.
            TimeoutError: no answer came in time.
            BrokerError: the other end is in trouble, or what `handle` raised.
        """
        fault = self.faults.take(where)
        what = fault.what if fault else ""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        way_s = self.latency_s + (fault.size if fault and what == "late" else 0.0)
        if what != "lost":
            loop.call_later(way_s, self._arrive, handle, answer, fault)
        async with asyncio.timeout(TIMEOUT_S):
            return await answer

    def _arrive(
        self, handle: Callable[[], Any], answer: asyncio.Future[Any], fault: Fault | None
    ) -> None:
        what = fault.what if fault else ""
        if self.down or what == "reset before":
            self._answer(answer, ConnectionResetError("reset by peer"))
        elif what == "too many" and fault:
            self._answer(answer, TooManyError(fault.size))
        elif what == "refused":
            self._answer(answer, OrderRefused("not now"))
        elif what == "server error":
            self._answer(answer, BrokerError("503 service unavailable"))
        else:
            try:
                result = handle()
            except BrokerError as refusal:
                result = refusal
            if fault and not isinstance(result, Exception):
                result = odd.answer(result, what, int(fault.size))
            if what == "reset after":
                self._answer(answer, ConnectionResetError("reset by peer"))
            elif what == "server error after":
                self._answer(answer, BrokerError("502 bad gateway"))
            elif what != "no answer":
                late_s = fault.size if fault and what == "slow" else 0.0
                asyncio.get_running_loop().call_later(
                    self.latency_s + late_s, self._answer, answer, result
                )

    def _answer(self, answer: asyncio.Future[Any], result: Any) -> None:
        if answer.done():  # nobody waits any more
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
