"""Feed a session a million events and tell what it keeps of them:
`python -m benchmarks.memory --events 1000000`.

A paper session with a journal on disk takes minute bars of one asset from an async
iterator. Bars and orders are stored, as they must be; what memory grows by beyond them
has to stay below 20 MB. Exit status is 1 if it does not.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rbtlive.brokers.paper import PaperBroker
from rbtlive.data.feeds.as_feed import StreamFeed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.journal.opening import open_journal
from rbtlive.runtime.journal.state_folder import StateFolder

BEGIN = datetime(2015, 1, 1, tzinfo=UTC)
LIMIT_MB = 20.0
WARM_EVENTS = 50_000
"""Events before the first look: buffers, caches and windows have their size by then."""


class Looker:
    """A strategy that buys or sells a share every so many bars, and looks at what the
    session holds at some of them.

    Args:
        look: Called with the engine at each of `at`.
        at: Numbers of bars.
        order_every: Bars between two orders; 0 places none.
    """

    def __init__(
        self, look: Callable[[TradingEngine], None], *, at: set[int], order_every: int = 0
    ) -> None:
        self.engine: TradingEngine | None = None
        self._look, self._at, self._every, self._seen = look, at, order_every, 0

    def initialize(self, context: Any) -> None:
        """Take the asset."""
        context.asset = context.symbol("AAA")

    def handle_data(self, context: Any, data: Any) -> None:
        """Read a price, order by turns, look."""
        self._seen += 1
        data.current(context.asset, "close")
        if self._every and self._seen % self._every == 0:
            context.order(context.asset, 1 if self._seen % (2 * self._every) else -1)
        if self._seen in self._at and self.engine is not None:
            self._look(self.engine)


def bars(count: int) -> Iterator[dict[str, Any]]:
    """Yield so many minute bars, as a client library gives them."""
    for number in range(count):
        price = 100.0 + number % 97 * 0.25
        yield {
            "symbol": "AAA",
            "timestamp": BEGIN + timedelta(minutes=number + 1),
            "open": price,
            "high": price + 1,
            "low": price - 1,
            "close": price,
            "volume": 1000.0,
        }


def feed_session(looker: Looker, folder: Path, *, events: int) -> TradingEngine:
    """Run a paper session over so many events, and return its engine when they are
    over.
    """
    before = {**next(bars(1)), "timestamp": BEGIN - timedelta(days=1)}
    portal = PolarsDataPortal(
        None, minute_bars=pl.DataFrame([before]), calendar="24/7"
    ).without_end()

    async def source() -> AsyncIterator[dict[str, Any]]:
        for bar in bars(events):
            yield bar

    async def session() -> TradingEngine:
        engine = TradingEngine(
            {
                "__name__": "looker",
                "initialize": looker.initialize,
                "handle_data": looker.handle_data,
            },
            PaperBroker(),
            feed=StreamFeed(source()),
            portal=portal,
            journal=open_journal(StateFolder(folder), "memory", header=dict),
            start=BEGIN.date(),
            frequency="1m",
        )
        engine.on_message = engine.core.state.on_message = lambda _level, _text: (
            None
        )  # loading a logger would be counted
        looker.engine = engine
        await engine.run()
        return engine

    return asyncio.run(session())


def stored_bytes(engine: TradingEngine) -> int:
    """Return the bytes of the arrays in which a session stores its bars."""
    market = engine.core.state.market
    return sum(array.nbytes for owner in (market, market.table) for array in _arrays(owner))


def _arrays(owner: object) -> Iterator[np.ndarray]:
    slots = [name for kind in type(owner).__mro__ for name in getattr(kind, "__slots__", ())]
    for value in [getattr(owner, name, None) for name in {*getattr(owner, "__dict__", {}), *slots}]:
        parts = (
            value.values()
            if isinstance(value, dict)
            else value
            if isinstance(value, (list, tuple))
            else [value]
        )
        for part in parts:
            if isinstance(part, np.ndarray) and part.base is None:
                yield part


def resident_bytes() -> int:
    """Return the memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def main(arguments: list[str] | None = None) -> int:
    """Measure as the command line says, print the figures, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--events", type=int, default=1_000_000, help="events after the first 50,000"
    )
    parser.add_argument(
        "--order-every", type=int, default=0, help="bars between two orders; 0 places none"
    )
    wanted = parser.parse_args(arguments)
    seen: list[tuple[int, int, int]] = []

    def look(engine: TradingEngine) -> None:
        gc.collect()
        seen.append((resident_bytes(), stored_bytes(engine), len(engine.core.state.orders)))

    last = WARM_EVENTS + wanted.events
    looker = Looker(look, at={WARM_EVENTS, last}, order_every=wanted.order_every)
    with tempfile.TemporaryDirectory() as folder:
        feed_session(looker, Path(folder), events=last + 1)
    (rss, stored, orders), (rss_after, stored_after, orders_after) = seen
    grown_mb, bars_mb = (rss_after - rss) / 1e6, (stored_after - stored) / 1e6
    placed = orders_after - orders
    print(
        f"{wanted.events:,} events: memory grew by {grown_mb:.1f} MB, of which {bars_mb:.1f} MB "
        "are stored bars"
    )
    if placed:
        print(
            f"{placed:,} orders: {(grown_mb - bars_mb) * 1e6 / placed:,.0f} bytes each, with their "
            "fills"
        )
        return 0
    print(f"beyond them: {grown_mb - bars_mb:.1f} MB; the limit is {LIMIT_MB:.0f} MB")
    return int(grown_mb - bars_mb > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
