"""Screens, ranks and chains of terms, for zipline; `rbtlive` runs the same text with its
name in the import lines.
"""

import numpy as np
from zipline.pipeline import CustomClassifier, CustomFactor, CustomFilter, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import (
    EWMA,
    RSI,
    VWAP,
    AnnualizedVolatility,
    AverageDollarVolume,
    BollingerBands,
    DailyReturns,
    LinearWeightedMovingAverage,
    MaxDrawdown,
    Returns,
    SimpleMovingAverage,
    TrueRange,
)
from zipline.pipeline.filters import StaticAssets

SPANS = {
    "p_screen_over_listings": ("2015-11-02", "2015-12-04"),
    "p_rank_of_few": ("2015-08-20", "2015-11-20"),
    "p_screen_across_splits": ("2016-03-01", "2016-04-08"),
}
close, volume = USEquityPricing.close, USEquityPricing.volume


class Letters(CustomClassifier):
    """A class by the whole part of the price."""

    inputs = [close]
    window_length = 1
    dtype = np.int64
    missing_value = -1

    def compute(self, today, assets, out, price):
        known = ~np.isnan(price[-1])
        out[known] = price[-1][known].astype(np.int64) % 4


class Gap(CustomFactor):
    """The open over the close before, and how many days lacked either."""

    inputs = [USEquityPricing.open, close]
    outputs = ["gap", "lost"]
    window_length = 4

    def compute(self, today, assets, out, opens, closes):
        out.gap[:] = opens[-1] / closes[-2] - 1.0
        out.lost[:] = np.isnan(opens).sum(axis=0)


class Rising(CustomFilter):
    """Higher lows, day by day."""

    inputs = [USEquityPricing.low]
    window_length = 3

    def compute(self, today, assets, out, lows):
        out[:] = (np.diff(lows, axis=0) > 0).all(axis=0)


class Weighted(CustomFactor):
    """A sum with a parameter, over what a mask leaves."""

    inputs = [close, volume]
    window_length = 6
    params = {"power": 1.0}

    def compute(self, today, assets, out, price, shares, power):
        out[:] = np.nansum(price * shares**power, axis=0) / len(assets)


def p_rank_of_few(asset):
    few = AverageDollarVolume(window_length=15).top(3)
    momentum = Returns(window_length=20)
    return Pipeline(
        {"up": momentum.rank(mask=few), "down": momentum.rank(ascending=False, mask=few)},
        screen=AverageDollarVolume(window_length=15).top(5),
    )


def p_ranks_of_ranks(asset):
    value, speed = close.latest.rank(), Returns(window_length=5).rank(ascending=False)
    both = (value + speed).rank(mask=volume.latest > 0)
    return Pipeline({"value": value, "both": both, "last": both.bottom(2)})


def p_rank_of_whole_numbers(asset):
    return Pipeline(
        {"size": volume.latest.rank(), "class": Letters(), "few": volume.latest.bottom(3)}
    )


def p_every_rank_method(asset):
    rounded = Letters().eq(2).if_else(close.latest, close.latest * 0.0 + 7.0)
    masked = rounded.notnull()
    methods = ("ordinal", "min", "max", "dense", "average")
    return Pipeline({name: rounded.rank(method=name, mask=masked) for name in methods})


def p_screen_over_listings(asset):
    adv = AverageDollarVolume(window_length=10)
    return Pipeline(
        {"adv": adv, "share": adv / adv.demean(), "z": adv.log().zscore()},
        screen=adv.percentile_between(25, 75) | adv.top(1),
    )


def p_screen_across_splits(asset):
    fast, slow = (SimpleMovingAverage(inputs=[close], window_length=n) for n in (4, 21))
    return Pipeline(
        {"ratio": fast / slow, "vwap": VWAP(window_length=7), "range": TrueRange()},
        screen=fast > slow,
    )


def p_percentiles_of_masked(asset):
    volatile = AnnualizedVolatility(window_length=25)
    calm = volatile.percentile_between(0, 50, mask=close.latest > 5)
    return Pipeline(
        {"calm": calm, "wild": volatile.percentile_between(90, 100), "volatility": volatile}
    )


def p_groups_demeaned(asset):
    returns = Returns(window_length=8)
    liquid = volume.latest > 0
    return Pipeline(
        {
            "mean": returns.demean(groupby=Letters(), mask=liquid),
            "z": returns.zscore(groupby=Letters()),
            "rank": returns.rank(groupby=Letters(), mask=returns.notnan() & liquid),
            "top": returns.top(1, groupby=Letters(), mask=liquid),
        }
    )


def p_winsorized_scores(asset):
    raw = Returns(window_length=12)
    cut = raw.winsorize(0.1, 0.9, mask=close.latest.notnull())
    return Pipeline({"cut": cut, "score": cut.zscore().clip(-1, 1), "raw": raw})


def p_two_outputs_masked(asset):
    first = StaticAssets([asset("AA0"), asset("KK10"), asset("HH7")])
    both = Gap(mask=first)
    return Pipeline({"gap": both.gap, "lost": both.lost, "best": both.gap.top(1)}, screen=first)


def p_filter_over_windows(asset):
    return Pipeline(
        {"rising": Rising(), "falling": ~Rising(), "close": close.latest},
        screen=Rising() | (RSI() > 60),
    )


def p_params_and_masks(asset):
    liquid = AverageDollarVolume(window_length=5).top(6)
    return Pipeline(
        {
            "one": Weighted(),
            "half": Weighted(power=0.5, mask=liquid),
            "long": Weighted(window_length=11, mask=~liquid),
        }
    )


def p_bands_and_breaks(asset):
    bands = BollingerBands(window_length=18, k=1.5)
    above = close.latest > bands.upper
    return Pipeline(
        {
            "above": above,
            "below": close.latest < bands.lower,
            "width": (bands.upper - bands.lower) / bands.middle,
        }
    )


def p_drawdown_of_the_liquid(asset):
    liquid = AverageDollarVolume(window_length=20).percentile_between(40, 100)
    drop = MaxDrawdown(inputs=[close], window_length=30, mask=liquid)
    return Pipeline(
        {"drop": drop, "rank": drop.rank(mask=liquid), "deciles": drop.quantiles(3)}, screen=liquid
    )


def p_returns_of_ranks(asset):
    ranks = close.latest.rank()

    class Moved(CustomFactor):
        inputs = [ranks]
        window_length = 5

        def compute(self, today, assets, out, rank):
            out[:] = rank[-1] - rank[0]

    return Pipeline({"moved": Moved(), "now": ranks})


def p_monthly_choice(asset):
    best = Returns(window_length=20).top(3).downsample("month_start")
    weekly = RSI().rank().downsample("week_start")
    return Pipeline({"best": best, "weekly": weekly}, screen=best | weekly.notnull())


def p_masks_within_masks(asset):
    outer = close.latest > 10
    inner = AverageDollarVolume(window_length=8, mask=outer).top(4, mask=volume.latest > 0)
    slow = LinearWeightedMovingAverage(inputs=[close], window_length=9, mask=inner)
    return Pipeline({"slow": slow, "inner": inner, "rank": slow.rank(mask=outer)})


def p_arithmetic_of_the_missing(asset):
    daily = DailyReturns()
    ratio = daily / daily.fillna(0.0)
    return Pipeline(
        {
            "ratio": ratio,
            "finite": ratio.isfinite(),
            "nan": ratio.isnan(),
            "power": (1 + daily) ** 5,
            "rest": close.latest % 3,
        }
    )


def p_correlated_with_one(asset):
    base = asset("AA0")
    returns = Returns(window_length=2)
    return Pipeline(
        {
            "pearson": returns.pearsonr(target=returns[base], correlation_length=15),
            "beta": returns.linear_regression(target=returns[base], regression_length=15).beta,
            "ewma": EWMA.from_halflife(inputs=[close], window_length=14, halflife=4),
        }
    )


def p_choices_by_group(asset):
    letters = Letters()
    chosen = letters.element_of([0, 2]).if_else(
        Returns(window_length=6), -Returns(window_length=11)
    )
    return Pipeline({"chosen": chosen, "sum": chosen + 1, "labels": letters}, screen=letters != 3)
