"""No engine: a loop over lists with the same decisions, the limit of what Python can
do.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from benchmarks.measure import Outcome, main
from benchmarks.workloads import CAPITAL, COMMISSION, EVERY, FAST, SHARES, SLOW, WINDOW, Bars


def _mean(closes, length):
    total = np.cumsum(np.vstack([np.zeros(closes.shape[1]), closes]), axis=0)
    means = np.full(closes.shape, np.nan)
    means[length - 1 :] = (total[length:] - total[:-length]) / length
    return means


def prepare_crossover(bars: Bars):
    return tuple(
        values[:, 0].tolist()
        for values in (bars.closes, _mean(bars.closes, FAST), _mean(bars.closes, SLOW))
    )


def crossover(ready):
    closes, fasts, slows = ready
    cash, held, waiting, trades, was_above = float(CAPITAL), 0, 0, 0, None
    for close, fast, slow in zip(closes, fasts, slows, strict=True):
        if waiting:
            value = waiting * close
            cash -= value + abs(value) * COMMISSION
            held += waiting
            trades += 1
            waiting = 0
        if slow != slow:
            continue
        above = fast > slow
        if was_above is not None and above != was_above:
            waiting = SHARES - held if above else -held
        was_above = above
    return Outcome(cash + held * closes[-1], trades)


def prepare_rotation(bars: Bars):
    return bars.closes.tolist(), _mean(bars.closes, WINDOW).tolist()


def rotation(ready):
    closes, means = ready
    width = len(closes[0])
    cash, held, trades, waiting = float(CAPITAL), [0] * width, 0, None
    for day, (row, mean) in enumerate(zip(closes, means, strict=True)):
        if waiting:
            for place, shares in enumerate(waiting):
                if shares:
                    value = shares * row[place]
                    cash -= value + abs(value) * COMMISSION
                    held[place] += shares
                    trades += 1
            waiting = None
        if day < WINDOW:
            continue
        above = [close > average for close, average in zip(row, mean, strict=True)]
        if day % EVERY == 0 and above:
            value = cash + sum(shares * price for shares, price in zip(held, row, strict=True))
            waiting = [
                int(value / width / price) - have for price, have in zip(row, held, strict=True)
            ]
    value = cash + sum(shares * price for shares, price in zip(held, closes[-1], strict=True))
    return Outcome(value, trades)


if __name__ == "__main__":
    main({"A1": (prepare_crossover, crossover), "A2": (prepare_rotation, rotation)})
