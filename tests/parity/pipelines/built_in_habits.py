"""Pipelines of built-in terms alone, in the habits of lectures, forum posts and notebooks,
for zipline; `rbtlive` runs the same text with its name in the import lines.
"""

import numpy as np
from zipline.pipeline import (
    CustomFactor,
    Pipeline,
)
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import (
    EWMA,
    EWMSTD,
    RSI,
    VWAP,
    Aroon,
    AverageDollarVolume,
    BollingerBands,
    DailyReturns,
    ExponentialWeightedMovingAverage,
    FastStochasticOscillator,
    IchimokuKinkoHyo,
    Latest,
    LinearWeightedMovingAverage,
    MACDSignal,
    MaxDrawdown,
    MovingAverageConvergenceDivergenceSignal,
    RateOfChangePercentage,
    Returns,
    RollingLinearRegressionOfReturns,
    RollingPearsonOfReturns,
    RollingSpearmanOfReturns,
    SimpleMovingAverage,
    WeightedAverageValue,
)
from zipline.pipeline.filters import (
    All,
    AllPresent,
    Any,
    AtLeastN,
    SingleAsset,
    StaticAssets,
    StaticSids,
)

SPANS = {
    "p_habit_quarterly": ("2016-03-28", "2016-04-08"),
    "p_habit_delisting": ("2016-02-08", "2016-03-30"),
    "p_habit_new_listings": ("2016-01-28", "2016-03-18"),
    "p_habit_across_a_year": ("2015-12-24", "2016-01-08"),
    "p_habit_january": ("2016-01-05", "2016-01-20"),
}


def universe(count=10):
    adv = AverageDollarVolume(window_length=20)
    return (
        adv.top(count)
        & (USEquityPricing.close.latest > 5)
        & AllPresent([USEquityPricing.close], window_length=10)
    )


def p_habit_quarterly(asset):
    return Pipeline(
        {
            "q": Returns(window_length=12).downsample("quarter_start"),
            "y": AverageDollarVolume(window_length=5).downsample("year_start"),
            "m": USEquityPricing.close.latest.downsample("month_start"),
        }
    )


def p_habit_delisting(asset):
    returns = Returns(window_length=20)
    return Pipeline(
        {
            "r": returns,
            "z": returns.zscore(),
            "dd": MaxDrawdown(inputs=[USEquityPricing.close], window_length=15),
            "all": All(inputs=[returns > -0.5], window_length=3),
            "any": Any(inputs=[returns > 0.05], window_length=6),
            "few": AtLeastN(inputs=[returns.notnan()], window_length=5, N=5),
        },
        screen=AllPresent([USEquityPricing.volume], window_length=20),
    )


def p_habit_new_listings(asset):
    close = USEquityPricing.close
    return Pipeline(
        {
            "sma": SimpleMovingAverage(inputs=[close], window_length=15),
            "ema": ExponentialWeightedMovingAverage.from_span([close], 12, span=8),
            "half": EWMA.from_halflife(inputs=[close], window_length=12, halflife=3),
            "com": EWMSTD.from_center_of_mass(inputs=[close], window_length=12, center_of_mass=5),
            "lwma": LinearWeightedMovingAverage(inputs=[close], window_length=7),
            "adv": AverageDollarVolume(window_length=15),
            "vwap": VWAP(window_length=9),
            "dd": MaxDrawdown(inputs=[close], window_length=9),
            "roc": RateOfChangePercentage(inputs=[close], window_length=6),
            "new": close.latest.notnan() & ~AllPresent([close], window_length=8),
        }
    )


def p_habit_across_a_year(asset):
    returns = Returns(window_length=3)
    return Pipeline(
        {
            "q": returns.downsample("quarter_start"),
            "w": returns.downsample("week_start"),
            "m": returns.rank().downsample("month_start"),
        }
    )


def p_habit_january(asset):
    returns = Returns(window_length=3)
    return Pipeline(
        {
            "y": returns.downsample("year_start"),
            "q": returns.downsample("quarter_start"),
            "w": returns.downsample("week_start"),
        }
    )


def p_habit_crossings(asset):
    close = USEquityPricing.close
    fast = SimpleMovingAverage(inputs=[close], window_length=5)
    slow = SimpleMovingAverage(inputs=[close], window_length=20)
    above = fast > slow
    golden = above & ~All(inputs=[above], window_length=2)
    return Pipeline(
        {
            "above": above,
            "golden": golden,
            "spread": (fast / slow - 1).zscore(),
            "share": SimpleMovingAverage(inputs=[above], window_length=6),
            "change": SimpleMovingAverage(
                inputs=[Returns(inputs=[USEquityPricing.open], window_length=4)], window_length=3
            ),
        },
        screen=above | golden,
    )


def p_habit_indicators(asset):
    bands = BollingerBands(window_length=12, k=2.5, mask=universe(12))
    cloud = IchimokuKinkoHyo(
        window_length=30, tenkan_sen_length=5, kijun_sen_length=12, chikou_span_length=10
    )
    aroon = Aroon(window_length=12, mask=AllPresent([USEquityPricing.low], window_length=13))
    return Pipeline(
        {
            "upper": bands.upper,
            "middle": bands.middle,
            "squeeze": (bands.upper - bands.lower) / bands.middle,
            "tenkan": cloud.tenkan_sen,
            "kijun": cloud.kijun_sen,
            "a": cloud.senkou_span_a,
            "b": cloud.senkou_span_b,
            "chikou": cloud.chikou_span,
            "osc": aroon.up - aroon.down,
            "macd": MACDSignal(fast_period=4, slow_period=9, signal_period=3),
            "same": MovingAverageConvergenceDivergenceSignal(),
            "k": FastStochasticOscillator(window_length=6),
            "rsi_close": RSI(inputs=[USEquityPricing.high], window_length=9),
        }
    )


def p_habit_percentiles(asset):
    mask = universe(12)
    adv = AverageDollarVolume(window_length=10)
    returns = Returns(window_length=10, mask=mask)
    return Pipeline(
        {
            "top": returns.percentile_between(75, 100),
            "bottom": returns.percentile_between(0, 25, mask=adv.top(9)),
            "middle": adv.percentile_between(30, 70, mask=mask),
            "near": returns.percentile_between(49, 51),
            "tail": (returns.percentile_between(0, 10) | returns.percentile_between(90, 100)),
            "quint": returns.quintiles(mask=adv.top(10)),
            "thirds": returns.quantiles(3),
        },
        screen=mask,
    )


def p_habit_winsorized(asset):
    size = AverageDollarVolume(window_length=10).quantiles(3)
    value = 1 / USEquityPricing.close.latest
    return Pipeline(
        {
            "plain": value.winsorize(0.1, 0.9),
            "low": value.winsorize(min_percentile=0.25, max_percentile=1.0),
            "grouped": value.winsorize(0.2, 0.8, groupby=size),
            "masked": value.winsorize(0.2, 0.8, mask=universe(11), groupby=size),
            "z": value.log().winsorize(0.05, 0.95, mask=universe(11)).zscore(groupby=size),
            "demeaned": value.demean(mask=size.notnull(), groupby=size) * 100,
        }
    )


def p_habit_statics(asset):
    names = [asset("AA0"), asset("HH7"), asset("KK10"), asset("FF5")]
    base = StaticAssets(names)
    sids = StaticSids([one.sid for one in names[:2]])
    return Pipeline(
        {
            "rank": USEquityPricing.volume.latest.rank(mask=base),
            "two": sids,
            "other": base & ~sids,
            "z": DailyReturns().zscore(mask=base),
        },
        screen=base,
    )


def p_habit_to_one(asset):
    base = universe(12) | SingleAsset(asset("BB1"))
    fit = RollingLinearRegressionOfReturns(
        target=asset("BB1"), returns_length=3, regression_length=12, mask=base
    )
    return Pipeline(
        {
            "alpha": fit.alpha,
            "beta": fit.beta,
            "good": fit.p_value < 0.1,
            "r2": fit.r_value**2,
            "pearson": RollingPearsonOfReturns(asset("BB1"), 3, 12),
            "spearman": RollingSpearmanOfReturns(asset("HH7"), 4, 9, mask=base),
            "spread": Returns(window_length=5) - Returns(window_length=5)[asset("BB1")],
            "against": Returns(window_length=5) > Returns(window_length=5)[asset("KK10")],
        }
    )


def p_habit_regression_of_terms(asset):
    volume = SimpleMovingAverage(inputs=[USEquityPricing.volume], window_length=2).rank()
    returns = DailyReturns()
    fit = returns.linear_regression(volume.zscore(), regression_length=10)
    return Pipeline(
        {
            "beta": fit.beta,
            "err": fit.stderr,
            "corr": returns.pearsonr(volume.zscore(), 8),
            "rank": returns.spearmanr(volume.zscore(), 8),
            "masked": returns.pearsonr(volume.zscore(), 8, mask=universe(5)),
        }
    )


def p_habit_summaries(asset):
    returns = DailyReturns()
    mask = universe(12)
    return Pipeline(
        {
            "excess": returns - returns.mean(mask=mask),
            "scaled": (returns - returns.mean()) / returns.stddev(mask=mask),
            "share": returns / returns.sum(),
            "range": (returns.max() - returns.min()) + 0 * returns,
            "count": returns.notnull_count() + 0 * returns,
            "median": returns - returns.median(mask=mask),
            "up": returns > returns.median(),
        },
        screen=mask,
    )


def p_habit_zero_volume(asset):
    volume = USEquityPricing.volume
    return Pipeline(
        {
            "silent": volume.latest.eq(0),
            "mean": SimpleMovingAverage(inputs=[volume], window_length=7),
            "vwap": VWAP(window_length=2),
            "own": WeightedAverageValue(inputs=[USEquityPricing.open, volume], window_length=1),
            "log": volume.latest.log(),
            "change": Returns(inputs=[volume], window_length=2),
            "finite": Returns(inputs=[volume], window_length=2).isfinite(),
            "latest": Latest(inputs=[volume]),
            "rank": volume.latest.rank(method="dense"),
        }
    )


def p_habit_unsafe_inputs_of_one_day(asset):
    class Ratio(CustomFactor):
        inputs = [
            SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=4),
            SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=16),
            USEquityPricing.volume,
        ]
        window_length = 1

        def compute(self, today, assets, out, fast, slow, volume):
            out[:] = fast[0] / slow[0] * np.sqrt(volume[-1])

    return Pipeline({"ratio": Ratio(), "masked": Ratio(mask=universe(5))})


def p_habit_copied_first(asset):
    class Filled(CustomFactor):
        inputs = [USEquityPricing.close, USEquityPricing.volume]
        window_length = 6

        def compute(self, today, assets, out, close, volume):
            close = close.copy()
            lost = np.where(np.isnan(close))
            close[lost] = np.take(np.nanmean(close, axis=0), lost[1])
            order = np.argsort(-volume.sum(axis=0), kind="stable")
            out[order] = np.arange(len(order))
            out += close[-1] / 1e6

    return Pipeline({"n": Filled(), "few": Filled(mask=universe(5))})
