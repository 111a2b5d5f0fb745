"""bt: a tree of algos over a frame of closes; signals computed ahead as frames, as its
examples do.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bt
import pandas as pd

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


class Crossover(bt.Algo):
    def __init__(self, above):
        super().__init__()
        self.above, self.was_above = above, None

    def __call__(self, target):
        above = bool(self.above.at[target.now])  # noqa: PD008 - pandas' own way to one value
        if self.was_above is not None and above != self.was_above:
            child = target["A000"]
            child.transact(SHARES if above else -child.position)
        self.was_above = above
        return True


class Averages(bt.Algo):
    def __init__(self, means):
        super().__init__()
        self.means = means

    def __call__(self, target):
        target.temp["closes"] = target.universe.loc[target.now]
        target.temp["means"] = self.means.loc[target.now]
        return True


def prepare(bars: Bars):
    minutes = bars.times[1] - bars.times[0] > 1
    index = pd.to_datetime(bars.times, unit="us" if minutes else "D")
    return pd.DataFrame(bars.closes, index=index, columns=symbols(bars.closes.shape[1]))


def _run(strategy, closes):
    test = bt.Backtest(
        strategy,
        closes,
        initial_capital=CAPITAL,
        commissions=lambda quantity, price: abs(quantity) * price * COMMISSION,
        integer_positions=True,
        progress_bar=False,
    )
    test.run()
    trades = sum(
        int((test.positions[name].diff().fillna(0) != 0).sum()) for name in test.positions.columns
    )
    return Outcome(test.strategy.value, trades)


def crossover(closes):
    column = closes["A000"]
    above = column.rolling(FAST).mean() > column.rolling(SLOW).mean()
    strategy = bt.Strategy(
        "crossover", [bt.algos.RunAfterDays(SLOW), Crossover(above)], children=[bt.Security("A000")]
    )
    return _run(strategy, closes)


def rotation(closes):
    means = closes.rolling(WINDOW).mean()
    strategy = bt.Strategy(
        "rotation",
        [
            bt.algos.RunAfterDays(WINDOW),
            Averages(means),
            bt.algos.RunEveryNPeriods(EVERY),
            bt.algos.SelectAll(),
            bt.algos.WeighEqually(),
            bt.algos.Rebalance(),
        ],
    )
    return _run(strategy, closes)


if __name__ == "__main__":
    main({"A1": (prepare, crossover), "A2": (prepare, rotation)})
