"""Pipelines as people write them, for zipline; `rbtlive` runs the same text with its
name in the import lines.

A function whose name begins with `p_` makes one: it gets a look-up of assets by symbol
and returns a pipeline. `SPANS` says over which days it runs, if not over the usual ones.
"""

import numpy as np
from zipline.pipeline import CustomClassifier, CustomFactor, CustomFilter, Pipeline
from zipline.pipeline.classifiers import Everything
from zipline.pipeline.data import EquityPricing, USEquityPricing
from zipline.pipeline.factors import (
    EWMA,
    EWMSTD,
    RSI,
    VWAP,
    AnnualizedVolatility,
    Aroon,
    AverageDollarVolume,
    BollingerBands,
    DailyReturns,
    ExponentialWeightedMovingAverage,
    FastStochasticOscillator,
    IchimokuKinkoHyo,
    LinearWeightedMovingAverage,
    MACDSignal,
    MaxDrawdown,
    PercentChange,
    RateOfChangePercentage,
    Returns,
    RollingLinearRegressionOfReturns,
    RollingPearsonOfReturns,
    RollingSpearmanOfReturns,
    SimpleBeta,
    SimpleMovingAverage,
    TrueRange,
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

USUAL = ("2016-02-01", "2016-03-31")
SPANS = {
    "p_around_splits": ("2016-03-02", "2016-03-24"),
    "p_downsample": ("2016-01-20", "2016-03-10"),
    "p_downsample_mid": ("2016-02-17", "2016-03-02"),
    "p_yearly": ("2016-01-04", "2016-01-29"),
    "p_long_window": ("2016-03-01", "2016-03-18"),
    "p_not_listed": ("2016-03-01", "2016-03-18"),
    "p_chunks": ("2015-08-20", "2016-04-29"),
}
close, volume = USEquityPricing.close, USEquityPricing.volume


class Momentum(CustomFactor):
    inputs = [USEquityPricing.close]
    window_length = 60

    def compute(self, today, assets, out, closes):
        out[:] = (closes[-1] - closes[-20]) / closes[-20] - (closes[-20] - closes[0]) / closes[0]


class Liquidity(CustomFactor):
    inputs = [USEquityPricing.volume, USEquityPricing.close]
    window_length = 10
    params = {"scale": 1.0}

    def compute(self, today, assets, out, volumes, closes, scale):
        out[:] = np.nanmedian(volumes * closes, axis=0) * scale


class MinMax(CustomFactor):
    inputs = [USEquityPricing.low, USEquityPricing.high]
    outputs = ["lowest", "highest"]
    window_length = 7

    def compute(self, today, assets, out, lows, highs):
        out.lowest[:] = np.nanmin(lows, axis=0)
        out.highest[:] = np.nanmax(highs, axis=0)


class Weekday(CustomFactor):
    inputs = []
    window_length = 1

    def compute(self, today, assets, out):
        out[:] = today.weekday() * 1000 + assets


class HalfWritten(CustomFactor):
    inputs = [USEquityPricing.open]
    window_length = 1

    def compute(self, today, assets, out, opens):
        out[::2] = opens[-1, ::2]


class UpDays(CustomFilter):
    inputs = [USEquityPricing.open, USEquityPricing.close]
    window_length = 5

    def compute(self, today, assets, out, opens, closes):
        out[:] = (closes > opens).sum(axis=0) >= 3


class PriceBucket(CustomClassifier):
    inputs = [USEquityPricing.close]
    window_length = 1
    dtype = np.int64
    missing_value = -1

    def compute(self, today, assets, out, closes):
        out[:] = np.where(np.isnan(closes[-1]), -1, np.nan_to_num(closes[-1]) // 40)


def p_latest(asset):
    return Pipeline(
        {
            "o": USEquityPricing.open.latest,
            "h": USEquityPricing.high.latest,
            "l": USEquityPricing.low.latest,
            "c": close.latest,
            "v": volume.latest,
            "generic": EquityPricing.close.latest,
        }
    )


def p_around_splits(asset):
    return Pipeline(
        {
            "c": close.latest,
            "v": volume.latest,
            "sma": SimpleMovingAverage(inputs=[close], window_length=5),
            "volume": SimpleMovingAverage(inputs=[volume], window_length=5),
            "r": Returns(window_length=3),
            "adv": AverageDollarVolume(window_length=4),
            "vwap": VWAP(window_length=4),
        }
    )


def p_momentum_example(asset):
    momentum = Momentum()
    return Pipeline(
        {"momentum": momentum, "rank": momentum.rank(ascending=False)},
        screen=Liquidity().top(8),
    )


def p_moving_averages(asset):
    fast = SimpleMovingAverage(inputs=[close], window_length=10)
    slow = SimpleMovingAverage(inputs=[close], window_length=30)
    return Pipeline(
        {"fast": fast, "slow": slow, "cross": fast > slow, "gap": (fast - slow) / slow},
        screen=fast > slow,
    )


def p_mean_reversion(asset):
    returns = Returns(window_length=5)
    base = AverageDollarVolume(window_length=20).percentile_between(20, 90)
    z = returns.zscore(mask=base)
    return Pipeline(
        {"z": z, "longs": z.bottom(2), "shorts": z.top(2)}, screen=base & (z.bottom(2) | z.top(2))
    )


def p_exponential(asset):
    return Pipeline(
        {
            "ewma": EWMA.from_span(inputs=[close], window_length=15, span=8),
            "half": ExponentialWeightedMovingAverage.from_halflife(
                inputs=[close], window_length=12, halflife=4
            ),
            "com": EWMA.from_center_of_mass(
                inputs=[USEquityPricing.high], window_length=9, center_of_mass=3
            ),
            "std": EWMSTD.from_span(inputs=[close], window_length=15, span=8),
            "rate": EWMA(inputs=[close], window_length=5, decay_rate=0.7),
        }
    )


def p_weighted(asset):
    return Pipeline(
        {
            "lwma": LinearWeightedMovingAverage(inputs=[close], window_length=8),
            "wav": WeightedAverageValue(inputs=[USEquityPricing.high, volume], window_length=6),
            "vwap": VWAP(window_length=6),
            "drawdown": MaxDrawdown(inputs=[close], window_length=21),
        }
    )


def p_volatility(asset):
    return Pipeline(
        {
            "year": AnnualizedVolatility(window_length=40),
            "days": AnnualizedVolatility(window_length=20, annualization_factor=100.0),
            "daily": DailyReturns(),
            "change": PercentChange(inputs=[volume], window_length=4),
            "roc": RateOfChangePercentage(inputs=[close], window_length=6),
        }
    )


def p_technical(asset):
    bands = BollingerBands(window_length=15, k=1.5)
    return Pipeline(
        {
            "rsi": RSI(),
            "rsi5": RSI(inputs=[USEquityPricing.high], window_length=5),
            "low": bands.lower,
            "mid": bands.middle,
            "up": bands.upper,
            "fso": FastStochasticOscillator(),
            "tr": TrueRange(),
            "macd": MACDSignal(),
            "macd2": MACDSignal(fast_period=4, slow_period=9, signal_period=3),
        }
    )


def p_aroon(asset):
    aroon = Aroon(window_length=10, mask=StaticAssets([asset("AA0"), asset("BB1"), asset("KK10")]))
    return Pipeline({"down": aroon.down, "up": aroon.up})


def p_ichimoku(asset):
    cloud = IchimokuKinkoHyo()
    small = IchimokuKinkoHyo(
        window_length=20, tenkan_sen_length=4, kijun_sen_length=11, chikou_span_length=7
    )
    names = ("tenkan_sen", "kijun_sen", "senkou_span_a", "senkou_span_b", "chikou_span")
    columns = {name: getattr(cloud, name) for name in names}
    return Pipeline({**columns, "small": small.chikou_span})


def p_ranks(asset):
    returns = Returns(window_length=8)
    return Pipeline(
        {
            "up": returns.rank(),
            "down": returns.rank(ascending=False),
            "masked": returns.rank(mask=volume.latest > 20_000),
            "volume": volume.latest.rank(),
            "again": returns.rank().rank(ascending=False),
        }
    )


def p_rank_methods(asset):
    bucket = (close.latest / 50.0 - 0.5).clip(0.0, 2.0)
    return Pipeline(
        {m: bucket.rank(method=m) for m in ("average", "min", "max", "dense", "ordinal")}
    )


def p_rank_methods_masked(asset):
    safe = StaticAssets([asset(s) for s in ("AA0", "BB1", "CC2", "HH7", "II8", "KK10")])
    return Pipeline(
        {m: Returns(window_length=4).rank(method=m, mask=safe) for m in ("average", "min", "dense")}
    )


def p_ties(asset):
    level = (volume.latest > 30_000).if_else(close.latest * 0.0 + 1.0, close.latest * 0.0)
    return Pipeline(
        {
            "up": level.rank(),
            "down": level.rank(ascending=False),
            "top": level.top(4),
            "bottom": level.bottom(4),
        }
    )


def p_top_one(asset):
    returns = Returns(window_length=2)
    return Pipeline(
        {
            "top": returns.top(1),
            "negative": (returns - 5.0).top(1),
            "grouped": returns.top(1, groupby=PriceBucket()),
            "bottom": returns.bottom(1),
        }
    )


def p_groups(asset):
    returns, bucket = Returns(window_length=6), PriceBucket()
    return Pipeline(
        {
            "bucket": bucket,
            "demeaned": returns.demean(groupby=bucket),
            "z": returns.zscore(groupby=bucket),
            "rank": returns.rank(groupby=bucket),
            "down": returns.rank(groupby=bucket, ascending=False, method="min"),
            "top": returns.top(2, groupby=bucket),
            "peers": bucket.peer_count(),
        }
    )


def p_group_masks(asset):
    mask = volume.latest > 15_000
    returns, bucket = Returns(window_length=6, mask=close.latest > 20.0), PriceBucket(mask=mask)
    return Pipeline(
        {
            "demeaned": returns.demean(mask=mask, groupby=bucket),
            "plain": returns.demean(mask=mask),
            "z": returns.zscore(mask=mask),
            "wins": returns.winsorize(0.1, 0.8, mask=mask),
            "peers": bucket.peer_count(mask=mask),
        }
    )


def p_winsorize(asset):
    r = Returns(window_length=11)
    return Pipeline(
        {
            "both": r.winsorize(min_percentile=0.15, max_percentile=0.85),
            "low": r.winsorize(min_percentile=0.3, max_percentile=1),
            "high": r.winsorize(min_percentile=0, max_percentile=0.5),
            "grouped": r.winsorize(0.2, 0.8, groupby=PriceBucket()),
        }
    )


def p_quantiles(asset):
    factor = SimpleMovingAverage(inputs=[close], window_length=3)
    return Pipeline(
        {
            "four": factor.quartiles(),
            "five": factor.quintiles(mask=volume.latest > 0),
            "three": Returns(window_length=9).quantiles(3),
            "top": factor.quartiles().eq(3),
            "some": factor.quantiles(6).element_of([0, 5]),
            "not": factor.quartiles() != 1,
        }
    )


def p_deciles(asset):
    return Pipeline({"deciles": close.latest.deciles(), "null": close.latest.deciles().isnull()})


def p_percentiles(asset):
    f = AverageDollarVolume(window_length=5)
    return Pipeline(
        {
            "mid": f.percentile_between(25, 75),
            "top": f.percentile_between(90, 100),
            "masked": f.percentile_between(0, 30, mask=close.latest > 40.0),
        }
    )


def p_fill_and_choose(asset):
    r = Returns(window_length=2)
    return Pipeline(
        {
            "zero": r.fillna(0.0),
            "other": r.fillna(Returns(window_length=9)),
            "choice": (r > 0).if_else(close.latest, USEquityPricing.open.latest),
            "clip": r.clip(-0.01, 0.01),
            "label": PriceBucket().fillna(99),
            "alias": r.alias("daily"),
        }
    )


def p_custom_outputs(asset):
    lowest, highest = MinMax()
    both = MinMax(window_length=3, mask=close.latest > 45.0)
    return Pipeline({"l": lowest, "h": highest, "range": highest - lowest, "masked": both.highest})


def p_custom_params(asset):
    return Pipeline(
        {"one": Liquidity(), "thousand": Liquidity(scale=1000.0, window_length=3)}, screen=UpDays()
    )


def p_today_and_assets(asset):
    return Pipeline({"w": Weekday(), "masked": Weekday(mask=UpDays()), "half": HalfWritten()})


def p_filters_over_time(asset):
    up = Returns(window_length=2) > 0
    return Pipeline(
        {
            "all": All(inputs=[up], window_length=3),
            "any": Any(inputs=[up], window_length=2),
            "three": AtLeastN(inputs=[up], window_length=5, N=3),
            "present": AllPresent(inputs=[close], window_length=5),
            "updays": UpDays(),
        }
    )


def p_static(asset):
    some = StaticAssets([asset("AA0"), asset("GG6"), asset("EE4")])
    return Pipeline({"c": close.latest, "sids": StaticSids([3, 8, 13])}, screen=some)


def p_mask_on_custom(asset):
    big = AverageDollarVolume(window_length=10).top(6)
    return Pipeline(
        {
            "m": Momentum(mask=big),
            "sma": SimpleMovingAverage(inputs=[close], window_length=5, mask=big),
            "rank": Momentum(mask=big).rank(),
            "q": Momentum(mask=big).quantiles(2),
        }
    )


def p_windowed_ranks(asset):
    ranks = Returns(window_length=3).rank()
    zs = Returns(window_length=3).zscore()
    return Pipeline(
        {
            "mean": SimpleMovingAverage(inputs=[ranks], window_length=5),
            "z": SimpleMovingAverage(inputs=[zs], window_length=4),
            "std": EWMSTD.from_span(inputs=[zs], window_length=5, span=3),
        }
    )


def p_daily_summary(asset):
    r = Returns(window_length=5)
    return Pipeline(
        {
            "excess": r - r.mean(),
            "share": close.latest / close.latest.sum(),
            "scaled": (r - r.median()) / r.stddev(),
            "range": (r - r.min()) / (r.max() - r.min()),
            "masked": r - r.mean(mask=close.latest > 50.0),
            "count": r * 0.0 + r.notnull_count(),
        }
    )


def p_slices(asset):
    r = Returns(window_length=2)
    return Pipeline(
        {
            "relative": r - r[asset("AA0")],
            "pearson": r.pearsonr(target=r[asset("AA0")], correlation_length=10),
            "spearman": r.spearmanr(target=r[asset("BB1")], correlation_length=10),
            "beta": r.linear_regression(target=r[asset("CC2")], regression_length=12).beta,
        }
    )


def p_betas(asset):
    return Pipeline(
        {
            "beta": SimpleBeta(target=asset("AA0"), regression_length=25),
            "strict": SimpleBeta(asset("KK10"), 12, 0.0),
            "loose": SimpleBeta(
                target=asset("BB1"), regression_length=12, allowed_missing_percentage=0.5
            ),
        }
    )


def p_correlations(asset):
    pair = Returns(window_length=2).pearsonr(Returns(window_length=3), correlation_length=9)
    return Pipeline(
        {
            "pearson": RollingPearsonOfReturns(
                target=asset("AA0"), returns_length=3, correlation_length=12
            ),
            "spearman": RollingSpearmanOfReturns(
                target=asset("HH7"), returns_length=2, correlation_length=12
            ),
            "pair": pair,
        }
    )


def p_regressions(asset):
    fit = RollingLinearRegressionOfReturns(
        target=asset("AA0"), returns_length=2, regression_length=15
    )
    return Pipeline(
        {name: getattr(fit, name) for name in ("alpha", "beta", "r_value", "p_value", "stderr")}
    )


def p_downsample(asset):
    r = Returns(window_length=5)
    return Pipeline(
        {
            "month": r.downsample("month_start"),
            "week": r.rank().downsample("week_start"),
            "filter": (r > 0).downsample("month_start"),
            "label": PriceBucket().downsample("week_start"),
            "custom": Momentum(window_length=30).downsample("month_start"),
            "sma": SimpleMovingAverage(inputs=[close], window_length=5).downsample("week_start"),
        }
    )


def p_downsample_mid(asset):
    weekly = Returns(window_length=4).zscore().downsample("week_start")
    return Pipeline(
        {
            "weekly": weekly,
            "gap": weekly - weekly.mean(),
            "q": close.latest.downsample("quarter_start"),
        }
    )


def p_yearly(asset):
    return Pipeline({"year": close.latest.downsample("year_start"), "c": close.latest})


def p_long_window(asset):
    return Pipeline(
        {
            "r": Returns(window_length=252),
            "vol": AnnualizedVolatility(),
            "dd": MaxDrawdown(inputs=[close], window_length=120),
        }
    )


def p_everything(asset):
    return Pipeline(
        {
            "all": Everything(),
            "masked": Everything(mask=close.latest > 50.0),
            "peers": Everything().peer_count(),
        }
    )


def p_chunks(asset):
    return Pipeline(
        {
            "sma": SimpleMovingAverage(inputs=[close], window_length=50),
            "r": Returns(window_length=21).rank(),
        },
        screen=AverageDollarVolume(window_length=30).top(3),
    )


def p_empty_screen(asset):
    return Pipeline({"c": close.latest, "b": PriceBucket()}, screen=close.latest > 1e9)


def p_no_columns(asset):
    return Pipeline({}, screen=Returns(window_length=2).top(3))


def p_not_listed(asset):
    return Pipeline(
        {"r": Returns(window_length=2)},
        screen=SingleAsset(asset("EE4")) | UpDays() & SingleAsset(asset("GG6")),
    )
