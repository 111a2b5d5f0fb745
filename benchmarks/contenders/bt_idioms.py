"""bt: A2 with one more idiom each, as an algo of its own; it has no limit orders."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bt
import pandas as pd

from benchmarks.contenders.bt_engine import Averages, _run, prepare
from benchmarks.measure import main
from benchmarks.workloads import EVERY, WINDOW


class Held(bt.Algo):
    """Goes through all positions each day, and adds up what they are worth."""

    def __call__(self, target):
        worth = 0.0
        for child in target.children.values():
            worth += child.position * child.price
        target.perm["worth"] = worth
        return True


class Asked(bt.Algo):
    """Asks for each asset's position each day."""

    def __call__(self, target):
        held = 0
        for name in target.universe.columns:
            if name in target.children and target.children[name].position > 0:
                held += 1
        target.perm["open"] = held
        return True


class Record(bt.Algo):
    """Records three values each day."""

    def __call__(self, target):
        held = sum(child.position != 0 for child in target.children.values())
        rows = target.perm.setdefault("recorded", [])
        rows.append((1.0 - target.capital / target.value, target.capital, held))
        return True


def run(*more, turn=None):
    def of(closes):
        means = closes.rolling(WINDOW).mean()
        strategy = bt.Strategy(
            "rotation",
            [
                bt.algos.RunAfterDays(WINDOW),
                Averages(means),
                *(algo() for algo in more),
                bt.algos.RunEveryNPeriods(EVERY) if turn is None else turn(),
                bt.algos.SelectAll(),
                bt.algos.WeighEqually(),
                bt.algos.Rebalance(),
            ],
        )
        return _run(strategy, closes)

    return of


def momentum(closes):
    strategy = bt.Strategy(
        "momentum",
        [
            bt.algos.RunAfterDays(WINDOW),
            bt.algos.RunMonthly(),
            bt.algos.SelectAll(),
            bt.algos.SelectMomentum(10, lookback=pd.DateOffset(days=WINDOW)),
            bt.algos.WeighEqually(),
            bt.algos.Rebalance(),
        ],
    )
    return _run(strategy, closes)


VARIANTS = {
    "A2": run(),
    "A2-held": run(Held),
    "A2-asked": run(Asked),
    "A2-monthly": run(turn=bt.algos.RunMonthly),
    "A2-record": run(Record),
    "A2-momentum": momentum,
}

if __name__ == "__main__":
    main({name: (prepare, variant) for name, variant in VARIANTS.items()})
