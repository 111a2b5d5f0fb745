"""backtesting.py: indicators declared ahead with `self.I`, decisions in `next`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

from benchmarks.measure import Outcome, main
from benchmarks.workloads import CAPITAL, COMMISSION, FAST, SHARES, SLOW, Bars


def sma(values, length):
    return pd.Series(values).rolling(length).mean()


class SmaCross(Strategy):
    def init(self):
        self.fast = self.I(sma, self.data.Close, FAST)
        self.slow = self.I(sma, self.data.Close, SLOW)

    def next(self):
        if crossover(self.fast, self.slow):
            self.buy(size=SHARES)
        elif crossover(self.slow, self.fast):
            self.position.close()


def prepare(bars: Bars):
    return pd.DataFrame(
        {
            "Open": bars.opens[:, 0],
            "High": bars.highs[:, 0],
            "Low": bars.lows[:, 0],
            "Close": bars.closes[:, 0],
            "Volume": bars.volumes[:, 0],
        },
        index=pd.to_datetime(bars.times, unit="us"),
    )


def run(frame):
    test = Backtest(frame, SmaCross, cash=CAPITAL, commission=COMMISSION, finalize_trades=True)
    stats = test.run()
    return Outcome(stats["Equity Final [$]"], 2 * stats["# Trades"])  # it counts round trips


if __name__ == "__main__":
    main({"A1": (prepare, run)})
