"""Builders of whole runs: small markets, a strategy that does a bit of everything,
sources of bars, sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import polars as pl

import rbtlive as rbt
from rbtlive.api import date_rules, time_rules
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.model.events import Event, MarketDataEvent
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder

SYMBOLS = ("AAA", "BBB", "CCC")
START = date(2017, 1, 3)
LONGEST_S = 120.0
"""No session of a test takes as long; one that hangs is ended with an error."""


# -- markets -------------------------------------------------------------------------


def price(symbol: int, number: int) -> float:
    """Return a close in cents that wanders without any chance in it."""
    swing = (number * (7 + 3 * symbol)) % 23 - (number * (5 + symbol)) % 19
    return round(50.0 * (symbol + 1) + swing * 0.75 + number * 0.05, 2)


def row_of(stamp: object, symbol: int, number: int) -> tuple[Any, ...]:
    """Return a bar whose volume is small enough for orders to fill in parts."""
    close = price(symbol, number)
    before = price(symbol, number - 1)
    volume = 400.0 + 100 * ((number * 7 + symbol) % 5)
    return (
        stamp,
        SYMBOLS[symbol],
        before,
        max(before, close) + 1,
        min(before, close) - 1,
        close,
        volume,
    )


@lru_cache(maxsize=32)
def daily_frame(sessions: int = 40, symbols: int = 2, gaps: bool = False) -> pl.DataFrame:
    """Return daily bars from the third of January 2017 on; with `gaps`, some bars and
    one whole session are missing.
    """
    calendar = get_calendar("XNYS")
    first = calendar.number(START)
    rows = [
        row_of(calendar.label(first + number), symbol, number)
        for number in range(sessions)
        for symbol in range(symbols)
        if not (gaps and (number == 7 or (number + 3 * symbol) % 6 == 5))
    ]
    return _frame("date", rows)


@lru_cache(maxsize=8)
def minute_frame(sessions: int = 2, symbols: int = 2, *, every: int = 1) -> pl.DataFrame:
    """Return minute bars of whole sessions; each `every`th minute has bars."""
    calendar = get_calendar("XNYS")
    first = calendar.number(START)
    rows = []
    number = 0
    for session in range(first, first + sessions):
        for us in calendar.minutes_us(session).tolist()[::every]:
            rows += [(us, *row_of(None, symbol, number)[1:]) for symbol in range(symbols)]
            number += 1
    frame = _frame("timestamp", rows)
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))


def _frame(key: str, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    names = [key, "symbol", "open", "high", "low", "close", "volume"]
    return pl.DataFrame(rows, schema=names, orient="row")


def slices(frame: pl.DataFrame) -> list[list[rbt.Bar]]:
    """Return a frame's bars as lists, one a slice."""
    calendar = get_calendar("XNYS")
    key = "date" if "date" in frame.columns else "timestamp"
    found: dict[datetime, list[rbt.Bar]] = {}
    for row in frame.sort(key, "symbol").iter_rows(named=True):
        stamp = row.pop(key)
        if not isinstance(stamp, datetime):
            stamp = calendar.close(calendar.number(stamp))
        values = {
            name: Decimal(repr(row[name])) for name in ("open", "high", "low", "close", "volume")
        }
        found.setdefault(stamp, []).append(rbt.Bar(symbol=row["symbol"], timestamp=stamp, **values))
    return [found[stamp] for stamp in sorted(found)]


# -- sources of bars -----------------------------------------------------------------


class Silent:
    """A source that gives its items, then says nothing until it is asked to end."""

    def __init__(self, items: Iterable[object]) -> None:
        self._items = list(items)
        self.given = asyncio.Event()
        self.over = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[object]:
        """Yield the items, then wait."""
        for item in self._items:
            yield item
        self.given.set()
        await self.over.wait()


class Gated(rbt.ReplayFeed):
    """A replay that gives no more slices than it was allowed."""

    def __init__(self, data: Any, allowed: int) -> None:
        super().__init__(data)
        self.allowed = allowed
        self.given = 0
        self._more = asyncio.Event()

    def allow(self, more: int) -> None:
        """Let that many more slices through."""
        self.allowed += more
        self._more.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield slices as far as they are allowed."""
        async for event in super().__aiter__():
            while self.given >= self.allowed:
                self._more.clear()
                await self._more.wait()
            self.given += 1
            yield event


# -- strategies ----------------------------------------------------------------------


class Churn(rbt.TradingAlgorithm):
    """Does a bit of everything, and lets everything that happens decide what it does
    next.
    """

    step = 3

    def initialize(self, context: Any) -> None:
        """Take two assets and a schedule."""
        context.assets = [self.symbol("AAA"), self.symbol("BBB")]
        context.bars = context.fills = context.cancels = context.mornings = 0
        self.schedule_function(
            self.rebalance, date_rules.every_day(), time_rules.market_close(minutes=1)
        )

    def before_trading_start(self, context: Any, data: Any) -> None:
        """Count the morning."""
        context.mornings += 1

    def handle_data(self, context: Any, data: Any) -> None:
        """Order by turns, by kind of order, and cancel what grew old."""
        context.bars += 1
        first, second = context.assets
        turn = context.bars % (4 * self.step)
        if turn == 1:
            self.order_target_percent(first, 0.4)
        elif turn == self.step:
            self.order(second, 90, limit_price=float(data.current(second, "price")) + 0.5)
        elif turn == 2 * self.step:
            self.order(
                first, -150 - context.fills, stop_price=float(data.current(first, "price")) - 1
            )
        elif turn == 3 * self.step:
            for orders in self.get_open_orders().values():
                for order in orders:
                    self.cancel_order(order)
        self.record(bars=context.bars, fills=context.fills, cash=float(context.portfolio.cash))

    def rebalance(self, context: Any, data: Any) -> None:
        """Trim what has become large."""
        second = context.assets[1]
        if context.portfolio.positions[second].amount > 200:
            self.order_target(second, 50)

    def on_order_fill(self, context: Any, order: Any, transaction: Any) -> None:
        """Count."""
        context.fills += 1

    def on_order_cancel(self, context: Any, order: Any, reason: str) -> None:
        """Count, and place something instead."""
        context.cancels += 1
        self.order(context.assets[1], -5)


class Hold(rbt.TradingAlgorithm):
    """Buys ten shares of the first asset at the first bar."""

    amount = 10

    def initialize(self, context: Any) -> None:
        """Buy nothing yet."""
        context.done = False

    def handle_data(self, context: Any, data: Any) -> None:
        """Buy once."""
        if not context.done:
            context.done = True
            self.order(self.symbol("AAA"), self.amount)


def defined(source: str, name: str, **names: Any) -> Any:
    """Return the class that a cell's source defines, as a notebook's user would: its
    source is in no file.
    """
    namespace: dict[str, Any] = {"__name__": "__main__", "rbt": rbt, **names}
    exec(compile(source, f"<cell of {name}>", "exec"), namespace)
    return namespace[name]


# -- running -------------------------------------------------------------------------


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop of its own, and end it with an error if it hangs."""

    async def limited() -> Any:
        async with asyncio.timeout(LONGEST_S):
            return await coroutine

    return asyncio.run(limited())


async def until(condition: Any) -> None:
    """Give the loop back until a condition holds; `run` ends it if it never does."""
    while not condition():  # noqa: ASYNC110 - what is waited for is somebody else's state
        await asyncio.sleep(0.001)


async def processed(session: rbt.LiveSession, count: int) -> None:
    """Wait until a session has processed so many events of its own, those it replayed
    not counted.
    """
    await until(
        lambda: (
            session.engine.failure
            or (session.state != "starting" and session.engine.meters.events >= count)
        )
    )
    if session.engine.failure is not None:
        raise session.engine.failure


async def whole(strategy: Any, folder: Any, *, feed: Any, **options: Any) -> rbt.LiveSession:
    """Attach a session and wait for its end."""
    session = rbt.attach(strategy, rbt.PaperBroker(), feed=feed, journal=folder, **options)
    await session.wait()
    return session


def books(result: rbt.BacktestResult) -> dict[str, pl.DataFrame]:
    """Return everything that a run decided and what it came to, to be compared digit
    for digit.
    """
    return {
        "orders": result.orders,
        "denied": result.denied,
        "transactions": result.transactions,
        "positions": result.positions,
        "performance": result.performance.select(sorted(result.performance.columns)),
    }


def same(one: rbt.BacktestResult, other: rbt.BacktestResult) -> bool:
    """Say whether two runs are equal; the assertion that fails shows where not."""
    ours, theirs = books(one), books(other)
    for name, frame in ours.items():
        if not frame.equals(theirs[name], null_equal=True):
            pairs = zip(frame.rows(named=True), theirs[name].rows(named=True), strict=False)
            first = next(((a, b) for a, b in pairs if repr(a) != repr(b)), None)
            unequal = (
                None
                if first is None
                else [
                    (k, first[0][k], first[1][k])
                    for k in first[0]
                    if repr(first[0][k]) != repr(first[1][k])
                ]
            )
            raise AssertionError(
                f"{name}: {len(frame)} and {len(theirs[name])} rows; first unequal: {unequal} in "
                f"{first}"
            )
    return True


def rows_of(folder: Any, name: str, run: int | None = None) -> list[tuple[str, str, str, str]]:
    """Return what a journal's rows say, without those that are for people."""
    with open_run(StateFolder(folder), name, run) as recorded:
        return [
            (row.kind, row.type, row.ts, row.payload)
            for row in recorded.rows()
            if row.kind != "note"
        ]


def moments(folder: Any, name: str) -> list[datetime]:
    """Return the times of the slices that a journal holds."""
    with open_run(StateFolder(folder), name) as recorded:
        return [
            event.timestamp
            for _seq, event in recorded.events()
            if isinstance(event, MarketDataEvent)
        ]
