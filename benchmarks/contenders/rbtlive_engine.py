"""rbtlive, as its README would have it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import polars as pl

import rbtlive as rbt
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
from rbtlive.finance.commission import PerDollar
from rbtlive.finance.slippage import NoSlippage

COSTS = {"capital_base": CAPITAL, "calendar": "24/7"}


def frame_of(bars: Bars) -> pl.DataFrame:
    """Return the long frame that a user would have."""
    count, width = bars.closes.shape
    minutes = count > 1 and bars.times[1] - bars.times[0] > 1
    stamps = pl.Series(np.repeat(bars.times, width))
    time = (
        {"timestamp": stamps.cast(pl.Datetime("us", "UTC"))}
        if minutes
        else {"date": stamps.cast(pl.Int32).cast(pl.Date)}
    )
    return pl.DataFrame(
        {
            **time,
            "symbol": symbols(width) * count,
            "open": bars.opens.reshape(-1),
            "high": bars.highs.reshape(-1),
            "low": bars.lows.reshape(-1),
            "close": bars.closes.reshape(-1),
            "volume": bars.volumes.reshape(-1),
        }
    )


class Crossover(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.asset, context.bars, context.was_above = self.symbol("A000"), 0, None

    def means(self, context, data):
        return (
            data.history(context.asset, "close", FAST, "1m").mean(),
            data.history(context.asset, "close", SLOW, "1m").mean(),
        )

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars < SLOW:
            return
        fast, slow = self.means(context, data)
        above = fast > slow
        if context.was_above is not None and above != context.was_above:
            self.order_target(context.asset, SHARES if above else 0)
        context.was_above = above


class CrossoverOfIndicators(Crossover):
    def initialize(self, context):
        super().initialize(context)
        self.indicator("fast", pl.col("close").rolling_mean(FAST))
        self.indicator("slow", pl.col("close").rolling_mean(SLOW))

    def means(self, context, data):
        return data.current(context.asset, "fast"), data.current(context.asset, "slow")


class Rotation(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.day = -1

    def averages(self, context, data):
        frame = data.history(context.universe, "close", WINDOW, "1d")
        return frame.row(-1)[1:], [column.mean() for column in frame.get_columns()[1:]]

    def handle_data(self, context, data):
        context.day += 1
        if context.day == 0:
            context.universe = [self.symbol(name) for name in symbols(context.width)]
        if context.day < WINDOW:
            return
        context.closes, context.means = self.averages(context, data)
        if context.day % EVERY == 0:
            for asset in context.universe:
                self.order_target_percent(asset, 1 / context.width)


class RotationOfWindows(Rotation):
    def averages(self, context, data):
        window = data.window(context.universe, "close", WINDOW)
        return window[-1], window.mean(axis=0)


def run(strategy, frequency):
    def of(frame):
        if frequency == "1d":
            width = frame["symbol"].n_unique()
            strategy_run = type(
                strategy.__name__, (strategy,), {"initialize": _with_width(strategy, width)}
            )
        else:
            strategy_run = strategy
        result = rbt.backtest(
            strategy_run,
            frame,
            frequency=frequency,
            commission=PerDollar(COMMISSION),
            slippage=NoSlippage(),
            progress=False,
            **COSTS,
        )
        return Outcome(result.performance["portfolio_value"][-1], result.transactions.height)

    return of


def _with_width(strategy, width):
    def initialize(self, context):
        strategy.initialize(self, context)
        context.width = width

    return initialize


if __name__ == "__main__":
    main(
        {
            "A1": (frame_of, run(Crossover, "1m")),
            "A1-indicators": (frame_of, run(CrossoverOfIndicators, "1m")),
            "A2": (frame_of, run(Rotation, "1d")),
            "A2-windows": (frame_of, run(RotationOfWindows, "1d")),
        }
    )
