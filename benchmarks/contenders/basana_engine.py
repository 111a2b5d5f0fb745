"""basana: bar events from a source, a coroutine a bar, orders at its backtesting
exchange.
"""

import asyncio
import datetime as dt
import sys
from collections import deque
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import basana as bs
from basana.backtesting import exchange as backtesting_exchange
from basana.backtesting import fees, liquidity

from benchmarks.measure import Outcome, main
from benchmarks.workloads import (
    CAPITAL,
    COMMISSION,
    EVERY,
    FAST,
    SHARES,
    SLOW,
    WINDOW,
    Bars,
    symbols,
)

RESERVE = (
    CAPITAL  # a purchase is refused while the money of a sale on the same bar is not there yet
)
UTC = dt.UTC


class Mean:
    """A running mean of the last values."""

    def __init__(self, length):
        self.values, self.total, self.length = deque(), Decimal(0), length

    def add(self, value):
        self.values.append(value)
        self.total += value
        if len(self.values) > self.length:
            self.total -= self.values.popleft()

    @property
    def value(self):
        return self.total / self.length if len(self.values) == self.length else None


class Crossover:
    def __init__(self, exchange, pairs):
        self.exchange, self.pair = exchange, pairs[0]
        self.fast, self.slow, self.was_above, self.holds = Mean(FAST), Mean(SLOW), None, False

    async def on_bar(self, event):
        self.fast.add(event.bar.close)
        self.slow.add(event.bar.close)
        slow = self.slow.value
        if slow is None:
            return
        above = self.fast.value > slow
        if self.was_above is not None and above != self.was_above and above != self.holds:
            side = bs.OrderOperation.BUY if above else bs.OrderOperation.SELL
            await self.exchange.create_market_order(side, self.pair, Decimal(SHARES))
            self.holds = above
        self.was_above = above


class Rotation:
    def __init__(self, exchange, pairs):
        self.exchange, self.pairs = exchange, pairs
        self.means = {pair: Mean(WINDOW) for pair in pairs}
        self.closes, self.held, self.day = {}, dict.fromkeys(pairs, 0), 0

    async def on_bar(self, event):
        pair, close = event.bar.pair, event.bar.close
        self.closes[pair] = close
        self.means[pair].add(close)
        self.average = self.means[pair].value
        if pair is not self.pairs[-1]:
            return
        self.day += 1
        if self.day > WINDOW and (self.day - 1) % EVERY == 0:
            await self.rebalance()

    async def rebalance(self):
        cash = (await self.exchange.get_balance("USD")).available
        value = cash - RESERVE + sum(self.held[pair] * self.closes[pair] for pair in self.pairs)
        changes = [
            int(value / len(self.pairs) / self.closes[pair]) - self.held[pair]
            for pair in self.pairs
        ]
        for pair, change in zip(self.pairs, changes, strict=True):
            if change:
                side = bs.OrderOperation.BUY if change > 0 else bs.OrderOperation.SELL
                await self.exchange.create_market_order(side, pair, Decimal(abs(change)))
                self.held[pair] += change


def prepare(bars: Bars):
    minutes = bars.times[1] - bars.times[0] > 1
    unit_us, length = (
        (1, dt.timedelta(minutes=1)) if minutes else (86_400_000_000, dt.timedelta(days=1))
    )
    pairs = [bs.Pair(name, "USD") for name in symbols(bars.closes.shape[1])]
    epoch = dt.datetime(1970, 1, 1, tzinfo=UTC)
    moments = [epoch + dt.timedelta(microseconds=int(time) * unit_us) for time in bars.times]
    sources = []
    for place, pair in enumerate(pairs):
        columns = [
            values[:, place].tolist()
            for values in (bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes)
        ]
        events = [
            bs.BarEvent(
                moment,
                bs.Bar(moment - length, pair, *(Decimal(str(value)) for value in values), length),
            )
            for moment, *values in zip(moments, *columns, strict=True)
        ]
        sources.append(bs.FifoQueueEventSource(events=events))
    return pairs, sources, bars.closes[-1]


def run(strategy_class):
    async def trade(pairs, sources, last):
        dispatcher = bs.backtesting_dispatcher()
        exchange = backtesting_exchange.Exchange(
            dispatcher,
            {"USD": Decimal(CAPITAL + RESERVE)},
            liquidity_strategy_factory=liquidity.InfiniteLiquidity,
            fee_strategy=fees.Percentage(Decimal(str(COMMISSION * 100))),
        )
        strategy = strategy_class(exchange, pairs)
        for pair, source in zip(pairs, sources, strict=True):
            exchange.add_bar_source(source)
            exchange.subscribe_to_bar_events(pair, strategy.on_bar)
        await dispatcher.run()
        balances = await exchange.get_balances()
        equity = float(balances["USD"].total) - RESERVE
        for pair, close in zip(pairs, last, strict=True):
            equity += (
                float(balances[pair.base_symbol].total) * close
                if pair.base_symbol in balances
                else 0.0
            )
        orders = await exchange.get_orders()
        return Outcome(equity, sum(order.amount_filled > 0 for order in orders))

    def of(ready):
        return asyncio.run(trade(*ready))

    return of


if __name__ == "__main__":
    main({"A1": (prepare, run(Crossover)), "A2": (prepare, run(Rotation))})
