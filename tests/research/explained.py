"""Markets of a few days, and sessions over them, whose differences are computed by
hand.
"""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from tempfile import mkdtemp

import polars as pl

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.finance.commission import NoCommission
from rbtlive.finance.slippage import FixedBasisPointsSlippage, FixedSlippage
from tests.builders import Gated, run, until

CALENDAR = get_calendar("XNYS")
DAYS = [CALENDAR.label(CALENDAR.number(date(2017, 1, 3)) + n) for n in range(12)]
PRICES = {"AAA": [100 + n for n in range(12)], "BBB": [50 - n for n in range(12)]}
FREE = {"commission": NoCommission(), "slippage": FixedSlippage(0)}
TENTH = {"commission": NoCommission(), "slippage": FixedBasisPointsSlippage(0, 0.1)}


def bars(count=12, *, symbols=("AAA", "BBB"), change=None, lacks=(), volume=1e6, aaa=None):
    """Return bars of the first days: AAA rises from 100, BBB falls from 50 by one a day."""
    prices = PRICES | ({} if aaa is None else {"AAA": aaa})
    rows = []
    for symbol in symbols:
        for n in range(count):
            close = float((change or {}).get((symbol, n), prices[symbol][n]))
            if (symbol, n) not in lacks:
                rows.append((DAYS[n], symbol, close, close, close, close, volume))
    names = ["date", "symbol", "open", "high", "low", "close", "volume"]
    return pl.DataFrame(rows, schema=names, orient="row")


def split_market(aaa, on, **facts):
    """Return AAA's bars with a split of two for one."""
    splits = pl.DataFrame({"symbol": ["AAA"], "effective_date": [DAYS[on]], "ratio": [0.5]})
    return rbt.PolarsDataPortal(bars(aaa=aaa, **facts), splits=splits)


def paying(amount=1.5):
    """Return bars with a dividend of AAA on the sixth day, paid on the eighth."""
    dividends = pl.DataFrame(
        {"symbol": ["AAA"], "ex_date": [DAYS[5]], "pay_date": [DAYS[7]], "amount": [amount]}
    )
    return rbt.PolarsDataPortal(bars(), dividends=dividends)


class Plan(rbt.TradingAlgorithm):
    """Orders what `orders` has for a bar: symbol, shares, and options."""

    orders: dict = {}  # noqa: RUF012 - a parameter
    scale = 1

    def initialize(self, context):
        context.bar = -1

    def handle_data(self, context, data):
        context.bar += 1
        for symbol, amount, *options in self.orders.get(context.bar, ()):
            shares = amount(self, context, data) if callable(amount) else amount
            if shares:
                self.order(
                    self.symbol(symbol), shares * self.scale, **(options[0] if options else {})
                )


def plan(orders, **facts):
    """Return a strategy that orders by a table of bars."""
    return type("Planned", (Plan,), {"orders": orders, **facts})


HOLD = plan({0: [("AAA", 10)]})  # bought at 101
TRIP = plan({0: [("AAA", 10)], 5: [("AAA", -10)]})  # bought at 101, sold at 106


def session_of(strategy, data, *, act=None, after=4, **options):
    """Return a session over all bars; `act` is called when `after` of them are in."""

    async def traded():
        feed = Gated(data, after if act else 10_000)
        session = rbt.attach(
            strategy,
            rbt.PaperBroker(),
            feed=feed,
            journal=mkdtemp(),
            name="plan",
            log_level="error",
            **{**FREE, **options},
        )
        if act:
            await seen(session, after)
            outcome = act(session, feed)
            if asyncio.iscoroutine(outcome):
                await outcome
            feed.allow(10_000)
        await session.wait()
        return session

    return run(traded())


async def seen(session, count):
    """Wait until a session has taken so many events."""
    await until(lambda: session.engine.meters.events >= count and not session.queue_depth)


def alone(strategy, data, **options):
    """Return a backtest without costs."""
    return rbt.backtest(strategy, data, **{**FREE, **options})


def causes(explained):
    """Return the money by cause, once it is known to add up to the difference."""
    runs = explained.session, explained.backtest
    ours, theirs = (result.record.sessions[-1].total_pnl for result in runs)
    assert explained.total == ours - theirs
    assert sum(explained.differences["money"].to_list(), Decimal(0)) == ours - theirs
    assert sum(explained.by_cause["money"].to_list(), Decimal(0)) == ours - theirs
    return {
        cause: float(money) for cause, money in explained.by_cause.select("cause", "money").rows()
    }


def first(explained):
    """Return day, symbol and cause of the first divergence."""
    part = explained.first_divergence
    return None if part is None else (DAYS.index(part.time.date()), part.symbol, part.cause)
