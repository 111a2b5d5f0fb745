"""The market's time, by the clock of Alpaca's trading address.

The rule: a clock that is a day away from its server's own time is a simulation's, and
stands still until the next query.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Final

from rbtlive.brokers.alpaca_http import AlpacaHttp
from rbtlive.brokers.alpaca_values import as_object, read_moment
from rbtlive.errors import BrokerError

_OWN_TIME: Final = timedelta(days=1)
"""A market clock further than this from its server's own time is a simulation's."""


class MarketClock:
    """The market's time since the last query.

    Args:
        http: The trading address; None if no clock is queried.
    """

    def __init__(self, http: AlpacaHttp | None) -> None:
        self._http = http
        self._said: tuple[datetime, float | None] | None = None

    @property
    def present(self) -> datetime | None:
        """The market's current time; None before the first answer."""
        if self._said is None:
            return None
        reported, asked_s = self._said
        if asked_s is None:
            return reported
        return reported + timedelta(seconds=asyncio.get_running_loop().time() - asked_s)

    async def ask(self) -> None:
        """Query the time; without an answer, this machine's clock is used."""
        if self._http is None:
            return
        with contextlib.suppress(BrokerError):
            clock = as_object(await self._http.get("/v2/clock"), "the clock")
            reported = read_moment(clock, "timestamp")
            runs = abs(reported - self._http.now()) <= _OWN_TIME
            self._said = reported, asyncio.get_running_loop().time() if runs else None

    async def close(self) -> None:
        """Close the connection."""
        if self._http is not None:
            await self._http.close()
