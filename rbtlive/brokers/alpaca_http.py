"""HTTPS requests to Alpaca: keys, addresses, and the meaning of answers.

The rule: keys go only into request headers, and an exception that leaves this module
contains no request. Only queries are repeated; an order is sent once.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from rbtlive.brokers.alpaca_answers import (
    Answer,
    header_date,
    parsed,
    read_body,
    retry_after_s,
)
from rbtlive.brokers.alpaca_keys import AlpacaKeys
from rbtlive.brokers.alpaca_pace import Pace
from rbtlive.data.feeds.as_feed import Backoff
from rbtlive.errors import BrokerError, InvalidSetting, MissingExtra

PAPER_URL = "https://paper-api.alpaca.markets"
LIVE_URL = "https://api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
DATA_STREAM_URL = "wss://stream.data.alpaca.markets"
FIRST_WAIT_S = 0.5
REDIRECTED = "it answered with a redirect, which is not followed: keys go to the address given only"
MOST_REFUSALS = 40
"""Maximum number of times that a request that was not processed is resent."""
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


def aiohttp_package() -> ModuleType:
    """Return aiohttp.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("aiohttp")
    except ImportError:
        raise MissingExtra(
            "trading at Alpaca needs aiohttp, which is not installed: pip install 'rbtlive[alpaca]'"
        ) from None


def checked_url(url: str, name: str) -> str:
    """Return an address without a trailing slash.

    Raises:
        InvalidSetting: keys must not be sent to it: it is neither HTTPS nor plain HTTP
            on this machine.
    """
    parts = urlsplit(url)
    fine = parts.hostname and not parts.username and not parts.query and not parts.fragment
    if not fine or not (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    ):
        raise InvalidSetting(
            f"{name} must be an https:// address, or an http:// one on this machine, without user, "
            "query or fragment: keys are "
            f"sent there; was one with scheme {parts.scheme!r} and host {parts.hostname!r}"
        )
    return url.rstrip("/")


def socket_url(url: str) -> str:
    """Return the WebSocket address for an HTTP address."""
    return "ws" + url.removeprefix("http")


class NoAnswer(BrokerError):  # noqa: N818 - named for its meaning
    """A request got no answer, or an answer that does not tell its outcome."""


# aiohttp's websockets follow redirects and send the keys along: a hook that runs before
# a redirect is followed ends the request.
def _refusing_redirects(aiohttp: Any) -> Any:
    async def refuse(_session: object, _context: object, _redirect: object) -> None:
        raise aiohttp.ClientConnectionError(REDIRECTED)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


def what_broke(error: Exception) -> str:
    """Return the cause of a broken connection without its text, which may contain the
    request and so the keys.
    """
    return REDIRECTED if error.args == (REDIRECTED,) else type(error).__name__


class AlpacaHttp:
    """Requests to one address.

    Args:
        keys: Sent with every request.
        url: The address, checked.
        timeout_s: Maximum time for an answer.
        attempts: Maximum number of attempts for a query, including the first.
        backoff: How long to wait before a query is repeated.
        chance: Returns random numbers from 0 to 1 for the jitter.
        requests_per_minute: Maximum requests per minute; None is no limit.
    """

    def __init__(
        self,
        keys: AlpacaKeys,
        url: str,
        *,
        timeout_s: float = 10.0,
        attempts: int = 4,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
        requests_per_minute: int | None = None,
    ) -> None:
        self.url = url
        self.pace = Pace(requests_per_minute)
        self._keys = keys
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._backoff = backoff or Backoff(initial_s=0.25, limit_s=5.0)
        self._chance = chance
        self._session: Any = None
        self._server_time: tuple[datetime, float] | None = None
        self.retries = 0

    @property
    def session(self) -> Any:
        """The aiohttp session; opened on first use, on the running loop."""
        if self._session is None or self._session.closed:
            aiohttp = aiohttp_package()
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                trust_env=False,
                auto_decompress=False,  # compressed data is unpacked up to a limit
                trace_configs=[_refusing_redirects(aiohttp)],
            )
        return self._session

    def now(self) -> datetime:
        """Return the server's time, by the date of its last answer and the seconds
        since; 1970 before the first.
        """
        if self._server_time is None:
            return _EPOCH
        stated, heard_s = self._server_time
        return stated + timedelta(seconds=asyncio.get_running_loop().time() - heard_s)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def once(
        self, method: str, path: str, *, body: object = None, query: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request once.

        Raises:
            NoAnswer: no answer came, or it cannot be read; the outcome of the request
                is unknown.
        """
        failure: str
        aiohttp = aiohttp_package()
        await self.pace.take(urgent=method == "DELETE")
        try:
            async with self.session.request(
                method,
                self.url + path,
                params=dict(query or {}),
                data=None if body is None else json.dumps(body),
                headers=self._keys.headers() | _HEADERS,
                allow_redirects=False,
            ) as response:
                self._note_time(response.headers.get("Date"))
                wait_s = retry_after_s(response.headers) if response.status == 429 else None
                body_of = parsed(await read_body(response), self._keys)
                answer = Answer(response.status, body_of, wait_s)
                if answer.status == 429:
                    self.pace.refused(FIRST_WAIT_S if wait_s is None else wait_s)
                return answer
        except TimeoutError:
            failure = f"no answer within {self._timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
            failure = what_broke(error)
        raise NoAnswer(f"{method} {path}: {failure}")

    def _note_time(self, date: str | None) -> None:
        stated = header_date(date)
        if stated is not None:
            self._server_time = stated, asyncio.get_running_loop().time()

    async def insist(self, method: str, path: str, *, body: object) -> Answer:
        """Send a request, and resend it while the answer is that it was not processed
        for lack of capacity (429).

        Raises:
            NoAnswer: no answer came, or it cannot be read; the outcome of the request
                is unknown.
        """
        for attempt in range(1, MOST_REFUSALS + 1):
            answer = await self.once(method, path, body=body)
            if answer.status != 429:
                return answer
            self.retries += 1
            if answer.retry_after_s is None:
                self.pace.refused(self._backoff.delay_s(attempt, chance=self._chance()))
        return answer

    async def ask(
        self, path: str, *, query: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        """Send a query, and repeat it while there is no answer or the broker is
        busy.

        Raises:
            NoAnswer: there was no answer after all attempts.
        """
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            try:
                answer = await self.once(method, path, query=query)
            except NoAnswer:
                if last:
                    raise
            else:
                if answer.status not in _AGAIN:
                    return answer
                if last:
                    raise NoAnswer(
                        f"{method} {path}: {answer.message} (HTTP status {answer.status})"
                    )
            self.retries += 1
            await asyncio.sleep(self._backoff.delay_s(attempt, chance=self._chance()))
        raise AssertionError("attempts must be 1 or more")

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> Any:
        """Send a query, and return its parsed JSON.

        Raises:
            BrokerError: there was no answer, or a refusal.
        """
        answer = await self.ask(path, query=query)
        if answer.status != 200:
            raise BrokerError(
                f"GET {path} was refused: {answer.message} (HTTP status {answer.status})"
            )
        return answer.body
