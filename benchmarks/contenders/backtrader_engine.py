"""backtrader: a PandasData feed an asset, indicators in `__init__`, decisions in
`next`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import backtrader as bt
import pandas as pd

from benchmarks.measure import Outcome, main
from benchmarks.workloads import CAPITAL, COMMISSION, EVERY, FAST, SHARES, SLOW, WINDOW, Bars


class Counting(bt.Strategy):
    trades = 0

    def notify_order(self, order):
        if order.status == order.Completed:
            self.trades += 1


class SmaCross(Counting):
    def __init__(self):
        fast, slow = bt.ind.SMA(period=FAST), bt.ind.SMA(period=SLOW)
        self.crossover = bt.ind.CrossOver(fast, slow)

    def next(self):
        if self.crossover > 0:
            self.buy(size=SHARES)
        elif self.crossover < 0 and self.position:
            self.close()


class Rotation(Counting):
    def __init__(self):
        self.means = [bt.ind.SMA(data, period=WINDOW) for data in self.datas]

    def next(self):
        self.closes = [data.close[0] for data in self.datas]
        self.averages = [mean[0] for mean in self.means]
        if (len(self) - 1) % EVERY == 0:
            for data in self.datas:
                self.order_target_percent(data, target=1 / len(self.datas))


def prepare(bars: Bars):
    minutes = bars.times[1] - bars.times[0] > 1
    index = pd.to_datetime(bars.times, unit="us" if minutes else "D")
    fields = ("opens", "highs", "lows", "closes", "volumes")
    names = ("open", "high", "low", "close", "volume")
    return [
        pd.DataFrame(
            {
                name: getattr(bars, field)[:, place]
                for name, field in zip(names, fields, strict=True)
            },
            index=index,
        )
        for place in range(bars.closes.shape[1])
    ]


def run(strategy):
    def of(frames):
        cerebro = bt.Cerebro(stdstats=False)
        for frame in frames:
            cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(strategy)
        cerebro.broker.setcash(CAPITAL)
        cerebro.broker.setcommission(commission=COMMISSION)
        strategies = cerebro.run()
        return Outcome(cerebro.broker.getvalue(), strategies[0].trades)

    return of


if __name__ == "__main__":
    main({"A1": (prepare, run(SmaCross)), "A2": (prepare, run(Rotation))})
