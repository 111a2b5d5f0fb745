"""backtesting.py: strategies over ten daily years that trade often, as its documentation
writes them.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd
from backtesting import Strategy
from backtesting.lib import crossover

from benchmarks.contenders.backtesting_idioms import run
from benchmarks.contenders.backtesting_py import prepare as minutes
from benchmarks.contenders.backtesting_py import sma
from benchmarks.measure import main
from benchmarks.workloads import FAST, SHARES, SLOW, WINDOW


def prepare(bars):
    return minutes(bars).set_index(pd.to_datetime(bars.times, unit="D"))


class Daily(Strategy):
    """One asset."""

    def init(self):
        self.best = 0.0

    def aim(self, part):
        missing = int(self.equity * part / self.data.Close[-1]) - self.position.size
        if missing > 0:
            self.buy(size=missing)
        elif missing < 0:
            self.sell(size=-missing)

    def cancel_all(self):
        for order in self.orders:
            order.cancel()


class Crossing(Daily):
    """Holds nearly everything while the fast mean is above."""

    def init(self):
        self.fast = self.I(sma, self.data.Close, FAST)
        self.slow = self.I(sma, self.data.Close, SLOW)

    def next(self):
        if crossover(self.fast, self.slow):
            self.buy(size=0.95)
        elif crossover(self.slow, self.fast):
            self.position.close()


class Windows(Daily):
    """Computes both means of a window."""

    def next(self):
        closes = self.data.Close[-SLOW:]
        if closes[-FAST:].mean() > closes.mean():
            if not self.position:
                self.buy(size=0.95)
        elif self.position:
            self.position.close()


def strength(closes):
    change = pd.Series(closes).diff()
    gain = change.clip(lower=0).rolling(14).mean()
    loss = (-change).clip(lower=0).rolling(14).mean()
    return 100 - 100 / (1 + gain / loss)


class Strength(Daily):
    """Buys at a low relative strength and sells at a high one."""

    def init(self):
        self.strength = self.I(strength, self.data.Close)

    def next(self):
        if self.strength[-1] < 40 and not self.position:
            self.buy(size=SHARES)
        elif self.strength[-1] > 60 and self.position:
            self.position.close()


class Half(Daily):
    """Holds half of the equity, adjusted each day."""

    def next(self):
        self.aim(0.5)


def deviation(closes):
    return pd.Series(closes).pct_change().rolling(WINDOW).std()


class Volatility(Daily):
    """Aims at one percent a day."""

    def init(self):
        self.deviation = self.I(deviation, self.data.Close)

    def next(self):
        self.aim(min(1.0, 0.01 / self.deviation[-1]))


class Alternating(Daily):
    """Buys one day and closes the next."""

    def next(self):
        if self.position:
            self.position.close()
        else:
            self.buy(size=SHARES)


class Reversal(Daily):
    """Is long below the mean of five days, and short above it."""

    def init(self):
        self.mean = self.I(sma, self.data.Close, 5)

    def next(self):
        if self.data.Close[-1] < self.mean[-1]:
            if not self.position.is_long:
                self.position.close()
                self.buy(size=0.9)
        elif not self.position.is_short:
            self.position.close()
            self.sell(size=0.9)


class Limits(Daily):
    """Places a limit each day, and takes that of the day before back."""

    def next(self):
        self.cancel_all()
        price = self.data.Close[-1]
        if self.position:
            self.sell(size=self.position.size, limit=price * 1.005)
        else:
            self.buy(size=SHARES, limit=price * 0.995)


class Stops(Daily):
    """Enters and leaves by stops, placed anew each day."""

    def next(self):
        self.cancel_all()
        price = self.data.Close[-1]
        if self.position:
            self.sell(size=self.position.size, stop=price * 0.99)
        else:
            self.buy(size=SHARES, stop=price * 1.01)


class Bracket(Daily):
    """Places a stop and a limit with each purchase."""

    def next(self):
        if not self.position:
            price = self.data.Close[-1]
            self.buy(size=SHARES, sl=price * 0.98, tp=price * 1.02)


class Trailing(Daily):
    """Sells once the price is two percent below the best one since the purchase."""

    def next(self):
        price = self.data.Close[-1]
        if not self.position:
            self.buy(size=SHARES)
            self.best = price
        else:
            self.best = max(self.best, price)
            if price < self.best * 0.98:
                self.position.close()


class Profit(Daily):
    """Closes at a percent of profit or loss."""

    def next(self):
        if not self.position:
            self.buy(size=0.9)
        elif not -0.01 <= self.position.pl_pct <= 0.01:
            self.position.close()


class Recording(Crossing):
    """Keeps three values each day in a list of its own."""

    def init(self):
        super().init()
        self.recorded = []

    def next(self):
        super().next()
        self.recorded.append((self.fast[-1], self.slow[-1], self.data.Close[-1]))


if __name__ == "__main__":
    main(
        {
            f"daily-{one.__name__.lower()}": (prepare, run(one))
            for one in (*Daily.__subclasses__(), Recording)
        }
    )
