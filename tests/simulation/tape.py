"""The market of a simulated world: two assets, a bar each a minute, round a midnight.

The rule: the bars follow from their minute alone; every world of the same length sees
the same market.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

import polars as pl

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.bar import Bar
from tests.simulation.wire import Wire

SYMBOLS = ("AAA", "BBB")
START = datetime(2024, 3, 5, 23, 54, tzinfo=UTC)
"""When a world begins: a session of the 24/7 calendar ends six minutes later."""
MINUTE_S = 60.0


def bar(symbol: int, minute: int) -> Bar:
    """Return the bar that ends `minute` minutes after the start."""

    def close(number: int) -> Decimal:
        swing = (number * (7 + 3 * symbol)) % 23 - (number * (5 + symbol)) % 19
        return Decimal(5000 * (symbol + 1) + swing * 25) / 100

    before, after = close(minute - 1), close(minute)
    return Bar(
        symbol=SYMBOLS[symbol],
        timestamp=START + timedelta(minutes=minute),
        open=before,
        high=max(before, after) + Decimal("0.4"),
        low=min(before, after) - Decimal("0.4"),
        close=after,
        volume=Decimal(10_000),
    )


@lru_cache(maxsize=256)
def slice_of(minute: int) -> tuple[Bar, ...]:
    """Return a minute's bars."""
    return tuple(bar(symbol, minute) for symbol in range(len(SYMBOLS)))


@lru_cache(maxsize=1)
def history() -> PolarsDataPortal:
    """Return the portal that a session knows its assets from: the ten minutes before
    the start.
    """
    rows = [dict(one) for minute in range(-9, 1) for one in slice_of(minute)]
    for row in rows:
        row |= {name: float(row[name]) for name in ("open", "high", "low", "close", "volume")}
    frame = pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))
    return PolarsDataPortal.coerce(frame, frequency="1m", calendar="24/7")


@dataclass(frozen=True, slots=True)
class Night:
    """What happens to an asset overnight, between the minutes 6 and 7.

    Attributes:
        symbol: Which asset.
        ratio: What a price becomes of a split; 1 if the symbol changes.
        new_symbol: What it is called then; the same if it is split.
    """

    symbol: str
    ratio: Decimal
    new_symbol: str

    MINUTE: ClassVar[int] = 6
    SECOND: ClassVar[float] = 390.0

    def on(self, bar: Bar, minute: int) -> Bar:
        """Return a bar in the terms of its minute, under the run's name."""
        if minute <= self.MINUTE or bar.symbol != self.symbol or self.ratio == 1:
            return bar
        prices = {
            name: getattr(bar, name) * self.ratio for name in ("open", "high", "low", "close")
        }
        return bar.model_copy(update={**prices, "volume": bar.volume / self.ratio})

    def called(self, symbol: str, minute: int) -> str:
        """Return what an asset is called in a minute."""
        return self.new_symbol if minute > self.MINUTE and symbol == self.symbol else symbol


MANNERS = ("plain", "starts", "forming", "ahead", "revised")
"""How a vendor gives bars: as they should be, stamped with their start, with words of
the minute that goes on, with some stamped in the future, with some revised."""


class Tape:
    """The sender of bars.

    Args:
        wire: What they go over.
        whole: Whether the bars of a minute go as one message, or one by one.
        manner: One of `MANNERS`.
        night: What happens to an asset overnight, if anything does.
    """

    def __init__(
        self, wire: Wire, *, whole: bool, manner: str = "plain", night: Night | None = None
    ) -> None:
        self.minute = 0
        self.night = night
        self.manner = manner
        self._wire = wire
        self._whole = whole

    def slice_of(self, minute: int) -> list[Bar]:
        """Return a minute's bars, under the run's names."""
        bars, night = list(slice_of(minute)), self.night
        return bars if night is None else [night.on(one, minute) for one in bars]

    def _called(self, minute: int) -> list[Bar]:
        bars, night = self.slice_of(minute), self.night
        if night is None:
            return bars
        names = [night.called(one.symbol, minute) for one in bars]
        return [b.model_copy(update={"symbol": s}) for b, s in zip(bars, names, strict=True)]

    def publish(self) -> list[Bar]:
        """Send the bars of the next minute, and return them."""
        self.minute += 1
        bars = self._called(self.minute)
        for part in [bars] if self._whole else [[one] for one in bars]:
            self._wire.publish("bars", json.dumps([one.model_dump(mode="json") for one in part]))
        return bars

    async def listen(self) -> AsyncIterator[Any]:
        """Yield what a client of the stream yields: first what was sent before, then
        what comes.

        Raises:
            ConnectionResetError: the connection broke.
            ValueError: a message was cut.
        """
        pipe = self._wire.connect("bars")
        try:
            for minute in range(1, self.minute + 1):
                bars = [self._stamped(dict(one)) for one in self._called(minute)]
                for item in [bars] if self._whole else bars:
                    yield item
            async for text in pipe:
                bars = [self._stamped(_bar_of(facts)) for facts in json.loads(text)]
                yield bars if self._whole else bars[0]
                for odd in self._odd(bars[-1]):
                    yield odd
        finally:
            pipe.close()

    def _stamped(self, facts: dict[str, Any]) -> dict[str, Any]:
        if self.manner != "starts":
            return facts
        return {**facts, "timestamp": facts["timestamp"] - timedelta(minutes=1)}

    def _odd(self, facts: dict[str, Any]) -> list[dict[str, Any]]:
        # What comes after a bar that should not change what is decided.
        away = {"forming": 1, "ahead": 40, "revised": -1}.get(self.manner)
        if away is None:
            return []
        moved = facts["timestamp"] + timedelta(minutes=away)
        close = facts["close"] + Decimal("0.25")
        return [{**facts, "timestamp": moved, "close": close, "high": close + 1}]


def _bar_of(facts: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: Decimal(facts[name]) for name in ("open", "high", "low", "close", "volume")}
    return {**facts, **numbers, "timestamp": datetime.fromisoformat(facts["timestamp"])}
