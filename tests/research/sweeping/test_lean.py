"""What a run of a sweep was made of is gone before the next one begins."""

import gc
import weakref

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import LookAheadIndicator
from tests.research.sweeping.sweeps import Cross, portal

SEEN: list[weakref.ref] = []
ALIVE: list[int] = []


class Watched(Cross):
    def initialize(self, context):
        ALIVE.append(sum(ref() is not None for ref in SEEN))
        SEEN.append(weakref.ref(self))
        super().initialize(context)


def fails_on_four(metrics):
    return 1 / (metrics["orders"] - metrics["orders"])


@pytest.mark.parametrize("maximize", ["sharpe", fails_on_four])
def test_a_run_is_freed_without_a_garbage_collection(maximize):
    SEEN.clear()
    ALIVE.clear()
    gc.disable()
    try:
        found = rbt.sweep(
            Watched,
            portal(),
            {"fast": [2, 3, 4], "slow": [6, 7]},
            workers=1,
            maximize=maximize,
            progress=False,
        )
    finally:
        gc.enable()

    assert len(found) == 6
    assert set(ALIVE) == {0}


@pytest.mark.parametrize("length", [9, 10, 30])
def test_an_indicator_that_looks_ahead_is_refused_after_others_of_its_shape(length):
    bars = portal()

    class Centred(rbt.TradingAlgorithm):
        length, scale = 1, 1

        def initialize(self, context):
            context.asset = self.symbol("AAA")
            mean = pl.col("close").rolling_mean(self.length, center=True)
            self.indicator("mean", mean * self.scale)

        def handle_data(self, context, data):
            data.current(context.asset, "mean")

    for scale in (1, 2, 3):
        rbt.backtest(Centred, bars, params={"scale": scale}, progress=False)
    with pytest.raises(LookAheadIndicator):
        rbt.backtest(Centred, bars, params={"length": length}, progress=False)
