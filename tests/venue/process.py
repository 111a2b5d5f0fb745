"""The venue as the real process that it is: started, steered, and ended."""

import asyncio
import functools
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import polars as pl

KEY, SECRET, TOKEN = "key-of-the-tests", "secret-of-the-tests-4f9a", "token-of-the-tests"


class VenueProcess:
    """A venue on a free port; `state` and `port` let another carry on where it stopped."""

    def __init__(self, *arguments, port=0):
        environment = os.environ | {
            "RBTLIVE_VENUE_KEY_ID": KEY,
            "RBTLIVE_VENUE_SECRET_KEY": SECRET,
            "RBTLIVE_VENUE_CONTROL_TOKEN": TOKEN,
        }
        command = [sys.executable, "-m", "rbtlive.venue", "--port", str(port), *map(str, arguments)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the venue did not start: {self._ended()}")
        self.greeting = json.loads(line)
        self.url = self.greeting["url"]
        self.port = int(self.url.rpartition(":")[2])

    def control(self, path, body=None):
        """Ask a control endpoint and return its answer."""
        method = "GET" if path == "state" else "POST"
        return self.request(
            f"/control/{path}", method=method, body=body, headers={"X-Control-Token": TOKEN}
        )[1]

    def request(self, path, *, method="GET", body=None, headers=None, keys=False):
        """Send a request and return (status, parsed answer); a body of bytes is sent as
        it is.
        """
        shown = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET} if keys else {}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path,
            data=data,
            method=method,
            headers={"Content-Type": "application/json"} | shown | (headers or {}),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read() or b"null")

    def place(self, client_id, *, qty="10", side="buy", symbol="IBM", **facts):
        """Send an order as any client would, and return (status, answer)."""
        order = {
            "symbol": symbol,
            "qty": qty,
            "side": side,
            "type": "market",
            "time_in_force": "gtc",
            "client_order_id": client_id,
        }
        return self.request("/v2/orders", method="POST", body=order | facts, keys=True)

    def faults(self, *specs):
        """Switch these faults on, and all others off."""
        return self.control("faults", list(specs))

    def hits(self):
        """Return how often each fault that is switched on has happened."""
        _status, faults = self.request("/control/faults", headers={"X-Control-Token": TOKEN})
        return [fault["hits"] for fault in faults]

    def advance(self, steps=1):
        return self.control("advance", {"steps": steps})

    def stop(self):
        """End it in order, and return what it wrote to stderr."""
        self._process.terminate()
        return self._ended()

    @property
    def process_id(self):
        return self._process.pid

    def kill(self):
        """End it at once."""
        self._process.kill()
        return self._ended()

    def _ended(self):
        if self._process.stdout.closed:
            return ""
        _out, err = self._process.communicate(timeout=60)
        return err


@functools.cache
def shared_venue(*arguments):
    """Return the one venue of these arguments that all tests of a run share."""
    return VenueProcess(*arguments)


def within(coroutine, seconds=60.0):
    """Run a coroutine to its end, which must come in time."""

    async def timed():
        async with asyncio.timeout(seconds):
            return await coroutine

    return asyncio.run(timed())


async def until(condition, *, every=0.01):
    """Return once a condition holds; the caller sets the time limit."""
    while not condition():  # noqa: ASYNC110 - what is waited for may be in another process
        await asyncio.sleep(every)


def minute_bars(path, *, sessions=2, symbols=("AAA", "BBB")):
    """Write minute bars of some sessions from 2024-01-03 on, one price higher each
    minute; return the path.
    """
    rows = []
    for day in range(sessions):
        opened = datetime(2024, 1, 3 + day, 14, 30, tzinfo=UTC)
        for minute in range(390):
            for place, symbol in enumerate(symbols):
                price = 100.0 * (place + 1) + day * 4 + minute * 0.01
                rows.append(
                    {
                        "timestamp": opened + timedelta(minutes=minute + 1),
                        "symbol": symbol,
                        "open": price,
                        "high": price + 0.5,
                        "low": price - 0.5,
                        "close": price,
                        "volume": 1000.0 + minute,
                    }
                )
    pl.DataFrame(rows).write_parquet(path)
    return path
