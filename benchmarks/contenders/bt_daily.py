"""bt: ten assets over ten daily years, rebalanced by its own algos."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bt
import pandas as pd

from benchmarks.contenders.bt_engine import _run, prepare
from benchmarks.measure import main
from benchmarks.workloads import WINDOW

BEST = 3


class WeighReversal(bt.Algo):
    """Weighs each asset against its last change."""

    def __call__(self, target):
        closes = target.universe.loc[: target.now].iloc[-2:]
        if len(closes) < 2 or closes.isna().to_numpy().any():
            return False
        changes = closes.iloc[1] / closes.iloc[0] - 1
        weights = changes.mean() - changes
        target.temp["weights"] = weights / weights.abs().sum()
        return True


def run(turn, *choice):
    def of(closes):
        algos = [turn(), *(algo() for algo in choice), bt.algos.Rebalance()]
        return _run(bt.Strategy("ten", algos), closes)

    return of


EQUAL = (bt.algos.SelectAll, bt.algos.WeighEqually)
MOMENTUM = (
    lambda: bt.algos.RunAfterDays(WINDOW),
    bt.algos.SelectAll,
    lambda: bt.algos.SelectMomentum(BEST, lookback=pd.DateOffset(days=WINDOW)),
    bt.algos.WeighEqually,
)
VARIANTS = {
    "ten-daily": run(bt.algos.RunDaily, *EQUAL),
    "ten-mapped": run(bt.algos.RunDaily, *EQUAL),
    "ten-weekly": run(bt.algos.RunWeekly, *EQUAL),
    "ten-monthly": run(bt.algos.RunMonthly, *EQUAL),
    "ten-momentum": run(bt.algos.RunMonthly, *MOMENTUM),
    "ten-reversal": run(bt.algos.RunDaily, WeighReversal),
}

if __name__ == "__main__":
    main({name: (prepare, variant) for name, variant in VARIANTS.items()})
