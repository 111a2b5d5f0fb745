"""Pipelines at random: the same seed makes the same tree of terms under both engines.

What is drawn is written for zipline; `rbtlive` runs it with its name in the import
lines.
"""

from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import (
    EWMA,
    RSI,
    VWAP,
    AverageDollarVolume,
    LinearWeightedMovingAverage,
    MaxDrawdown,
    PercentChange,
    Returns,
    SimpleMovingAverage,
    TrueRange,
)
from zipline.pipeline.filters import All, AllPresent, Any, AtLeastN

COLUMNS = [getattr(USEquityPricing, name) for name in ("open", "high", "low", "close", "volume")]


class Spread(CustomFactor):
    window_length = 4

    def compute(self, today, assets, out, *inputs):
        out[:] = sum(values[-1] - values.min(axis=0) for values in inputs)


class Tree:
    """Draws terms; `dice` gives whole numbers."""

    def __init__(self, dice):
        self.dice = dice

    def pick(self, *choices):
        return choices[self.dice.between(0, len(choices) - 1)]

    def number(self):
        return self.dice.between(-400, 400) / 100.0 or 0.5

    def leaf(self):
        length, column = self.dice.between(2, 12), self.pick(*COLUMNS)
        kwargs = {} if self.dice.between(1, 3) > 1 else {"mask": self.simple_filter()}
        return self.pick(
            lambda: column.latest,
            lambda: Returns(window_length=length, **kwargs),
            lambda: SimpleMovingAverage(inputs=[column], window_length=length, **kwargs),
            lambda: AverageDollarVolume(window_length=length, **kwargs),
            lambda: VWAP(window_length=length, **kwargs),
            lambda: EWMA(inputs=[column], window_length=length, decay_rate=0.6, **kwargs),
            lambda: LinearWeightedMovingAverage(inputs=[column], window_length=length, **kwargs),
            lambda: MaxDrawdown(inputs=[COLUMNS[3]], window_length=length, **kwargs),
            lambda: PercentChange(inputs=[column], window_length=length, **kwargs),
            lambda: RSI(window_length=length + 2, **kwargs),
            lambda: TrueRange(**kwargs),
            lambda: Spread(
                inputs=[column, self.pick(*[c for c in COLUMNS if c is not column])],
                window_length=length,
                **kwargs,
            ),
        )()

    def simple_filter(self):
        return self.pick(
            lambda: COLUMNS[3].latest > 10.0 * self.dice.between(1, 9),
            lambda: COLUMNS[4].latest > 5_000.0 * self.dice.between(0, 9),
            lambda: Returns(window_length=self.dice.between(2, 5)) > 0.0,
            lambda: AllPresent(inputs=[COLUMNS[3]], window_length=self.dice.between(1, 5)),
        )()

    def safe(self, depth):
        term = self.factor(depth - 1)
        return self.pick(
            lambda: Returns(window_length=self.dice.between(2, 6)),
            lambda: term.rank(ascending=self.pick(True, False)),
            term.zscore,
        )()

    def factor(self, depth):
        if depth <= 0:
            return self.leaf()
        one = self.factor(depth - 1)
        mask = {} if self.dice.between(0, 1) else {"mask": self.filter(depth - 1)}
        group = {} if self.dice.between(0, 2) else {"groupby": self.label(depth - 1)}
        return self.pick(
            lambda: one + self.factor(depth - 1),
            lambda: one - self.factor(depth - 1),
            lambda: one * self.number(),
            lambda: self.number() - one,
            lambda: one / self.factor(depth - 1),
            lambda: one.rank(ascending=self.pick(True, False), **mask),
            lambda: one.demean(**mask, **group),
            lambda: one.zscore(**mask, **group),
            lambda: one.winsorize(0.1, 0.9, **mask),
            lambda: one.fillna(self.number()),
            lambda: one.fillna(self.factor(depth - 1)),
            lambda: one.clip(-1.0, 50.0),
            lambda: self.filter(depth - 1).if_else(one, self.factor(depth - 1)),
            lambda: one - one.mean(**mask),
            lambda: one.downsample(self.pick("week_start", "month_start")),
            lambda: SimpleMovingAverage(
                inputs=[self.safe(depth - 1)], window_length=self.dice.between(2, 5)
            ),
            lambda: abs_of(one).log1p(),
            lambda: one.alias("named"),
        )()

    def label(self, depth):
        return self.factor(depth - 1).rank().quantiles(self.dice.between(2, 3))

    def filter(self, depth):
        if depth <= 0:
            return self.simple_filter()
        one = self.factor(depth - 1)
        return self.pick(
            lambda: one > self.number(),
            lambda: one <= self.factor(depth - 1),
            lambda: one.top(self.dice.between(1, 4)),
            lambda: one.bottom(self.dice.between(2, 4)),
            lambda: one.percentile_between(20.0, 80.0),
            one.isnan,
            one.notnull,
            one.isfinite,
            lambda: self.filter(depth - 1) & ~self.filter(depth - 1),
            lambda: self.filter(depth - 1) | self.filter(depth - 1),
            lambda: Any(inputs=[self.filter(depth - 1)], window_length=2),
            lambda: All(inputs=[self.filter(depth - 1)], window_length=2),
            lambda: AtLeastN(inputs=[self.filter(depth - 1)], window_length=4, N=2),
            lambda: self.filter(depth - 1).downsample("week_start"),
        )()


def abs_of(term):
    return term.abs()


def tree(dice):
    """Return a pipeline of a few random terms."""
    draws = Tree(dice)
    columns = {f"factor{number}": draws.factor(dice.between(1, 3)) for number in range(2)}
    columns["filter"] = draws.filter(2)
    return Pipeline(columns, screen=draws.filter(1) if dice.between(0, 1) else None)
