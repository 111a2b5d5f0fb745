"""backtesting.py: A1 with one more idiom each, as its documentation writes it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from backtesting import Backtest
from backtesting.lib import crossover

from benchmarks.contenders.backtesting_py import SmaCross, prepare
from benchmarks.measure import Outcome, main
from benchmarks.workloads import CAPITAL, COMMISSION, FAST, SHARES, SLOW


class Histories(SmaCross):
    """Cuts two windows of closes at each bar, in place of indicators."""

    def init(self):
        self.held = False

    def next(self):
        if len(self.data) < SLOW:
            return
        closes = self.data.Close
        above = closes[-FAST:].mean() > closes[-SLOW:].mean()
        if above and not self.held:
            self.buy(size=SHARES)
        elif not above and self.held:
            self.position.close()
        self.held = above


class Position(SmaCross):
    """Asks for the position at each bar."""

    def next(self):
        above, held = self.fast[-1] > self.slow[-1], self.position.size
        if above and not held:
            self.buy(size=SHARES)
        elif not above and held:
            self.position.close()


class TradesInLoop(SmaCross):
    """Goes through all open trades at each bar."""

    def next(self):
        held = 0
        for trade in self.trades:
            held += trade.size
        above = self.fast[-1] > self.slow[-1]
        if above and not held:
            self.buy(size=SHARES)
        elif not above and held:
            self.position.close()


class Recording(SmaCross):
    """Records three values at each bar."""

    def init(self):
        super().init()
        self.recorded = []

    def next(self):
        super().next()
        self.recorded.append((self.fast[-1], self.slow[-1], self.data.Close[-1]))


class Price(SmaCross):
    """Reads the price at each bar."""

    def next(self):
        self.price = self.data.Close[-1]
        super().next()


class TwoFields(SmaCross):
    """Reads two fields at each bar."""

    def next(self):
        self.rises = self.data.Close[-1] > self.data.Open[-1]
        super().next()


class Value(SmaCross):
    """Looks at the equity at each bar."""

    def next(self):
        self.room = self.equity / CAPITAL
        super().next()


class Stops(SmaCross):
    """Holds each trade with a stop loss."""

    def next(self):
        if crossover(self.fast, self.slow):
            self.buy(size=SHARES, sl=self.data.Close[-1] * 0.8)
        elif crossover(self.slow, self.fast):
            self.position.close()


class Scheduled(SmaCross):
    """Looks at the time at each bar, and does something once a day."""

    def init(self):
        super().init()
        self.looks = 0

    def next(self):
        now = self.data.index[-1]
        if now.hour == 1 and now.minute == 0:
            self.looks += 1
        super().next()


class Pandas(Histories):
    """Takes windows as pandas Series."""

    def next(self):
        if len(self.data) < SLOW:
            return
        closes = self.data.Close.s.iloc[-SLOW:]
        above = closes.iloc[-FAST:].mean() > closes.mean()
        if above and not self.held:
            self.buy(size=SHARES)
        elif not above and self.held:
            self.position.close()
        self.held = above


class FieldWindows(SmaCross):
    """Takes windows of two fields at each bar."""

    def next(self):
        opens, closes = self.data.Open[-SLOW:], self.data.Close[-SLOW:]
        self.gap = closes.mean() - opens.mean()
        super().next()


class DualAverage(Histories):
    """Cuts two windows, and records the price and both means."""

    def init(self):
        super().init()
        self.recorded = []

    def next(self):
        super().next()
        closes = self.data.Close
        self.recorded.append((closes[-1], closes[-FAST:].mean(), closes[-SLOW:].mean()))


class OwnList(Histories):
    """Keeps prices in a list of its own, and takes means of its end."""

    def init(self):
        super().init()
        self.closes = []

    def next(self):
        self.closes.append(float(self.data.Close[-1]))
        if len(self.closes) < SLOW:
            return
        above = sum(self.closes[-FAST:]) / FAST > sum(self.closes[-SLOW:]) / SLOW
        if above and not self.held:
            self.buy(size=SHARES)
        elif not above and self.held:
            self.position.close()
        self.held = above


class Leverage(SmaCross):
    """Looks at the leverage at each bar."""

    def next(self):
        if abs(self.position.size) * self.data.Close[-1] / self.equity < 2:
            super().next()


class OpenOrders(SmaCross):
    """Asks for open orders at each bar, and waits while there are some."""

    def next(self):
        if not self.orders:
            super().next()


class Clock(SmaCross):
    """Looks at the clock at each bar."""

    def next(self):
        if self.data.index[-1].hour < 24:
            super().next()


class Profit(SmaCross):
    """Looks at the position's profit at each bar, for a stop of its own."""

    def next(self):
        if self.position.size > 0 and self.position.pl_pct < -0.2:
            self.position.close()
        super().next()


class Limits(SmaCross):
    """Buys by limit orders that work for some bars."""

    def next(self):
        above, held = self.fast[-1] > self.slow[-1], self.position.size
        if above and not held:
            if not self.orders:
                self.buy(size=SHARES, limit=self.data.Close[-1] * 0.999)
        elif not above and held:
            self.position.close()


def run(strategy):
    def of(frame):
        test = Backtest(frame, strategy, cash=CAPITAL, commission=COMMISSION, finalize_trades=True)
        stats = test.run()
        return Outcome(stats["Equity Final [$]"], 2 * stats["# Trades"])  # it counts round trips

    return of


VARIANTS = {
    "A1": Histories,
    "A1-indicators": SmaCross,
    "A1-position": Position,
    "A1-loop": TradesInLoop,
    "A1-record": Recording,
    "A1-can-trade": Price,
    "A1-fields": TwoFields,
    "A1-value": Value,
    "A1-stops": Stops,
    "A1-scheduled": Scheduled,
    "A1-pandas": Pandas,
    "A1-field-windows": FieldWindows,
    "A1-dual-average": DualAverage,
    "A1-own-list": OwnList,
    "A1-leverage": Leverage,
    "A1-open-orders": OpenOrders,
    "A1-clock": Clock,
    "A1-profit": Profit,
    "A1-limits": Limits,
}

if __name__ == "__main__":
    main({name: (prepare, run(strategy)) for name, strategy in VARIANTS.items()})
