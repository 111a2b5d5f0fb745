"""backtesting.py: ways to order that are common, over A1, as its documentation writes
them.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.contenders.backtesting_idioms import run
from benchmarks.contenders.backtesting_py import SmaCross, prepare
from benchmarks.measure import main
from benchmarks.workloads import SHARES

HOUR = 60


class Crossing(SmaCross):
    """Says at each bar whether the fast mean is above the slow one."""

    def init(self):
        super().init()
        self.bars, self.best, self.was_above = 0, 0.0, None

    def next(self):
        self.bars += 1
        self.turn(self.fast[-1] > self.slow[-1])

    def cancel_all(self):
        for order in self.orders:
            order.cancel()


class Percent(Crossing):
    """Holds half of the equity while above."""

    def turn(self, above):
        if above and not self.position:
            self.buy(size=0.5)
        elif not above and self.position:
            self.position.close()


class Checked(Crossing):
    """Orders at each bar at which nothing is on order."""

    def turn(self, above):
        if not self.orders:
            if above and not self.position:
                self.buy(size=SHARES)
            elif not above and self.position:
                self.position.close()


class Bracket(Crossing):
    """Sets stop loss and take profit of open trades anew each hour."""

    def turn(self, above):
        if not self.position and above:
            self.buy(size=SHARES)
        elif self.position and self.bars % HOUR == 0:
            price = self.data.Close[-1]
            for trade in self.trades:
                trade.sl, trade.tp = price * 0.995, price * 1.005


class Replace(Crossing):
    """Takes a limit back every ten bars and places it at the price of now."""

    def turn(self, above):
        if self.bars % 10 == 0:
            self.cancel_all()
            price = self.data.Close[-1]
            if above and not self.position:
                self.buy(size=SHARES, limit=price * 0.9995)
            elif not above and self.position:
                self.sell(size=self.position.size, limit=price * 1.0005)


class Trailing(Crossing):
    """Closes once the price is below the best one since the purchase by a part."""

    def turn(self, above):
        price = self.data.Close[-1]
        if not self.position:
            if above:
                self.buy(size=SHARES)
                self.best = price
        else:
            self.best = max(self.best, price)
            if price < self.best * 0.998:
                self.position.close()


class Ladder(Crossing):
    """Rests five small limits below the price, anew each hour."""

    def turn(self, _above):
        if self.bars % HOUR == 0:
            self.cancel_all()
            if self.position:
                self.position.close()
            price = self.data.Close[-1]
            for step in range(1, 6):
                self.buy(size=SHARES // 5, limit=price * (1 - step * 0.0005))


class Shorts(Crossing):
    """Is long above and short below."""

    def turn(self, above):
        if above != self.was_above:
            self.position.close()
            if above:
                self.buy(size=SHARES)
            else:
                self.sell(size=SHARES)
        self.was_above = above


class Value(Crossing):
    """Buys for an amount of money, and closes."""

    def turn(self, above):
        if above != self.was_above:
            if above:
                self.buy(size=int(10_000 / self.data.Close[-1]))
            else:
                self.position.close()
        self.was_above = above


class Breakout(Crossing):
    """Buys by a stop above the price, and sells by one below."""

    def turn(self, above):
        if self.orders:
            return
        price = self.data.Close[-1]
        if above and not self.position:
            self.buy(size=SHARES, stop=price * 1.0005)
        elif not above and self.position:
            self.sell(size=self.position.size, stop=price * 0.9995)


class Scaling(Crossing):
    """Buys a little every five bars, and closes all every hour."""

    def turn(self, _above):
        if self.bars % HOUR == 0:
            self.position.close()
        elif self.bars % 5 == 0:
            self.buy(size=SHARES // 10)


if __name__ == "__main__":
    main(
        {f"orders-{one.__name__.lower()}": (prepare, run(one)) for one in Crossing.__subclasses__()}
    )
