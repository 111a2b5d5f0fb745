"""Pipelines in the manner of public algorithms: their idioms, imports and habits, for
zipline; `rbtlive` runs the same text with its name in the import lines.
"""

import numpy as np
import pandas as pd
from zipline.pipeline import Pipeline
from zipline.pipeline.classifiers import Classifier, CustomClassifier, Latest, Quantiles
from zipline.pipeline.data import EquityPricing, USEquityPricing
from zipline.pipeline.data.dataset import Column, DataSet
from zipline.pipeline.domain import GENERIC, GB_EQUITIES, US_EQUITIES
from zipline.pipeline.factors import (
    RSI,
    VWAP,
    AnnualizedVolatility,
    AverageDollarVolume,
    BollingerBands,
    BusinessDaysSincePreviousEvent,
    BusinessDaysUntilNextEvent,
    CustomFactor,
    DailyReturns,
    EWMA,
    Factor,
    PeerCount,
    PercentChange,
    Returns,
    RollingPearson,
    RollingSpearman,
    SimpleBeta,
    SimpleMovingAverage,
    WeightedAverageValue,
)
from zipline.pipeline.factors.basic import MaxDrawdown
from zipline.pipeline.factors.statistical import vectorized_beta, vectorized_pearson_r
from zipline.pipeline.factors.technical import Aroon, FastStochasticOscillator, TrueRange
from zipline.pipeline.filters import (
    AllPresent,
    AtLeastN,
    CustomFilter,
    Filter,
    SingleAsset,
    StaticAssets,
)
from zipline.pipeline.loaders.frame import DataFrameLoader
from zipline.utils.math_utils import nanargmax, nanmax, nanmean, nanstd, nansum

SPANS = {
    "p_month_start_momentum": ("2016-01-25", "2016-03-10"),
    "p_across_listings": ("2015-11-05", "2015-11-20"),
    "p_first_days": ("2015-01-14", "2015-02-04"),
}


class PriceRange(CustomFactor):
    """How far the close has moved, the way the tutorial writes it."""

    inputs = [USEquityPricing.close]

    def compute(self, today, assets, out, values):
        out[:] = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)


class StdDev(CustomFactor):
    def compute(self, today, asset_ids, out, values):
        out[:] = np.nanstd(values, axis=0)


class TenDayMeanDifference(CustomFactor):
    inputs = [USEquityPricing.close, USEquityPricing.open]
    window_length = 10

    def compute(self, today, asset_ids, out, close, open):
        out[:] = np.nanmean(close, axis=0) - np.nanmean(open, axis=0)


class Multiplier(CustomFactor):
    inputs = [EquityPricing.close]
    window_length = 5
    params = ("multiplier", "offset")

    def compute(self, today, assets, out, close, multiplier, offset):
        out[:] = close[-1] * multiplier + offset


class SafeVolatility(CustomFactor):
    inputs = [Returns(window_length=2)]
    window_length = 12
    window_safe = True

    def compute(self, today, assets, out, returns):
        out[:] = nanstd(returns, axis=0)


class Stats(CustomFactor):
    inputs = [USEquityPricing.close, USEquityPricing.volume]
    outputs = ["alpha", "beta", "turnover"]
    window_length = 9
    params = {"weight": 0.5}

    def compute(self, today, assets, out, close, volume, weight):
        out.alpha[:] = close[-1] / close[0] - 1
        out.beta[:] = nanmean(close, axis=0) * weight
        out.turnover[:] = nansum(close * volume, axis=0)


class Oldest(CustomFactor):
    inputs = [USEquityPricing.high]
    window_length = 8

    def compute(self, today, assets, out, high):
        have = ~np.isnan(high).all(axis=0)
        out[have] = nanargmax(high[:, have], axis=0)


class ByFrame(CustomFactor):
    """pandas inside compute."""

    inputs = [USEquityPricing.close]
    window_length = 15

    def compute(self, today, assets, out, close):
        frame = pd.DataFrame(close, columns=assets)
        out[:] = frame.pct_change(fill_method=None).rolling(5).std().iloc[-1].values


class OneByOne(CustomFactor):
    inputs = [USEquityPricing.close]
    window_length = 12

    def compute(self, today, assets, out, close):
        for column in range(len(assets)):
            y = close[:, column]
            if np.isnan(y).any():
                out[column] = np.nan
            else:
                out[column] = np.polyfit(np.arange(len(y)), np.log(y), 1)[0] * 252


class Momentum52(CustomFactor):
    inputs = [USEquityPricing.close, Returns(window_length=6)]
    window_length = 40

    def compute(self, today, assets, out, prices, returns):
        out[:] = ((prices[-5] - prices[-40]) / prices[-40]) / nanstd(returns, axis=0)


class Correlated(CustomFactor):
    inputs = [DailyReturns()]
    window_length = 20

    def compute(self, today, assets, out, returns):
        vectorized_pearson_r(returns, nanmean(returns, axis=1)[:, None], 3, out)


class HigherLow(CustomFilter):
    inputs = [USEquityPricing.low]
    window_length = 6
    params = ("n",)

    def compute(self, today, assets, out, low, n):
        out[:] = low[-1] > np.nanmin(low[:-n], axis=0)


class Company(DataSet):
    """Values of one's own: numbers, codes, texts and times, with holes."""

    pe = Column(np.float64)
    sector = Column(object, missing_value="")
    grade = Column(object, missing_value="")
    code = Column(np.int64, missing_value=-1)
    listed = Column(bool)
    report = Column("datetime64[ns]")
    domain = US_EQUITIES


def loaders(days, sids):
    """Return what loads each column, from frames of days down and sids across."""
    day, sid = np.arange(len(days))[:, None], np.asarray(sids)[None, :]
    mixed = (day // 9 * 7 + sid * 3) % 11
    texts = np.array(["Tech", "Energy", "Health Care", "tech", "", "Energy"], dtype=object)
    sectors = texts[mixed % 6]
    grades = np.array(["", "AA", "AB", "B"], dtype=object)[(day // 30 + sid) % 4]
    reports = np.asarray(days, dtype="datetime64[ns]")[day // 20 * 20 + 0 * sid]
    reports = np.where(mixed == 5, np.datetime64("NaT", "D"), reports + np.timedelta64(5, "D"))
    tables = {
        "pe": np.where(mixed == 3, np.nan, mixed * 1.5 + sid / 10.0),
        "sector": sectors,
        "grade": grades,
        "code": np.where(mixed == 4, -1, mixed),
        "listed": mixed > 2,
        "report": reports,
    }
    index = pd.DatetimeIndex(days)
    return {
        getattr(Company, name): DataFrameLoader(
            getattr(Company, name), pd.DataFrame(table, index=index, columns=list(sids))
        )
        for name, table in tables.items()
    }


class Distinct(CustomFactor):
    inputs = [Company.code]
    window_length = 12

    def compute(self, today, assets, out, codes):
        out[:] = [len(np.unique(column)) for column in codes.T]


class LastGrade(CustomFactor):
    inputs = [Company.listed]
    window_length = 7

    def compute(self, today, assets, out, listed):
        out[:] = listed.sum(axis=0)


class Bucket(CustomClassifier):
    inputs = [USEquityPricing.close]
    window_length = 1
    dtype = np.int64
    missing_value = -9999

    def compute(self, today, assets, out, close):
        known = ~np.isnan(close[-1])
        out[known] = (close[-1, known] > 150).astype(np.int64)


def universe(asset):
    return AverageDollarVolume(window_length=15).percentile_between(25, 100)


def p_tutorial(asset):
    mean_10 = SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=10)
    mean_30 = SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=30)
    percent_difference = (mean_10 - mean_30) / mean_30
    dollar_volume = AverageDollarVolume(window_length=30)
    high = dollar_volume.percentile_between(60, 100)
    latest = USEquityPricing.close.latest > 20
    return Pipeline(
        columns={
            "percent_difference": percent_difference,
            "latest_close": USEquityPricing.close.latest,
        },
        screen=(high & latest),
    )


def p_added_later(asset):
    pipe = Pipeline()
    pipe.add(RSI(window_length=10), "rsi")
    pipe.add(VWAP(window_length=5), "vwap")
    pipe.add(Returns(window_length=5).rank(ascending=False), "rank", overwrite=True)
    pipe.add(USEquityPricing.volume.latest, "rsi", overwrite=True)
    pipe.set_screen(USEquityPricing.close.latest > 10)
    pipe.set_screen(universe(asset), overwrite=True)
    pipe.add(AverageDollarVolume(window_length=2), "gone")
    pipe.remove("gone")
    return pipe


def p_custom_by_hand(asset):
    std = StdDev(inputs=[USEquityPricing.close], window_length=7)
    return Pipeline(
        {
            "range": PriceRange(window_length=11),
            "std": std,
            "diff": TenDayMeanDifference(),
            "more": Multiplier(multiplier=2.5, offset=-1),
            "less": Multiplier(multiplier=2.5, offset=0, window_length=2),
            "z": std.zscore(mask=universe(asset)),
        }
    )


def p_outputs(asset):
    stats = Stats()
    alpha, beta, turnover = Stats(window_length=4, weight=2.0)
    return Pipeline(
        {
            "a": stats.alpha,
            "b": stats.beta.rank(),
            "t": stats.turnover.log(),
            "a4": alpha,
            "b4": beta,
            "t4": turnover.top(3),
        },
        screen=stats.alpha.notnull(),
    )


def p_safe_windows(asset):
    volatility = SafeVolatility()
    return Pipeline(
        {
            "v": volatility,
            "mean": SimpleMovingAverage(inputs=[volatility], window_length=4),
            "ranks": SimpleMovingAverage(inputs=[volatility.rank()], window_length=4),
            "z": EWMA(inputs=[Returns(window_length=3).zscore()], window_length=5, decay_rate=0.8),
            "drop": MaxDrawdown(inputs=[volatility], window_length=5),
            "all": AllPresent(inputs=[volatility], window_length=3),
        }
    )


def p_long_short(asset):
    base = universe(asset)
    momentum = Momentum52(mask=base)
    reversal = -Returns(window_length=6, mask=base)
    quality = AnnualizedVolatility(window_length=30, mask=base)
    combined = (
        momentum.winsorize(0.1, 0.9).zscore()
        + 0.5 * reversal.demean(mask=base).zscore()
        - quality.rank(mask=base).zscore()
    )
    longs, shorts = combined.top(3, mask=base), combined.bottom(3, mask=base)
    return Pipeline(
        {"combined": combined, "longs": longs, "shorts": shorts, "q": combined.quantiles(3)},
        screen=(longs | shorts) & base,
    )


def p_groups_of_quantiles(asset):
    size = AverageDollarVolume(window_length=20).quantiles(3)
    returns = Returns(window_length=10)
    return Pipeline(
        {
            "size": size,
            "neutral": returns.demean(groupby=size),
            "z": returns.zscore(groupby=size, mask=universe(asset)),
            "rank": returns.rank(groupby=size),
            "top": returns.top(1, groupby=size),
            "top2": returns.top(2, groupby=size),
            "bottom2": returns.bottom(2, groupby=size),
            "peers": PeerCount(inputs=[size]),
            "is0": size.eq(0),
            "not1": size != 1,
            "in": size.element_of([0, 2]),
            "cut": returns.winsorize(0.2, 0.8, groupby=size),
        }
    )


def p_letters(asset):
    letter = Company.sector.latest
    returns = Returns(window_length=4)
    return Pipeline(
        {
            "letter": letter,
            "tech": letter.eq("Tech"),
            "starts": letter.startswith("T"),
            "ends": letter.endswith("y"),
            "part": letter.has_substring("e"),
            "match": letter.matches("[Tt]ec"),
            "in": letter.element_of({"Tech", "Energy"}),
            "null": letter.isnull(),
            "not": letter.notnull(),
            "ne": letter != "Tech",
            "other": letter.relabel(str.upper),
            "filled": letter.fillna("none"),
            "grade": Company.grade.latest,
            "no_grade": Company.grade.latest.isnull(),
            "not_aa": Company.grade.latest != "AA",
            "if": (Company.pe.latest > 8).if_else(letter, letter.fillna("none")),
            "grade_z": returns.zscore(groupby=Company.grade.latest),
            "demeaned": returns.demean(groupby=letter),
            "peers": letter.peer_count(),
            "sum": returns.rank(groupby=letter, ascending=False),
        }
    )


def p_own_numbers(asset):
    pe, code = Company.pe.latest, Company.code.latest
    return Pipeline(
        {
            "pe": pe,
            "mean": SimpleMovingAverage(inputs=[Company.pe], window_length=12),
            "change": PercentChange(inputs=[Company.pe], window_length=10),
            "rank": pe.rank(method="ordinal", groupby=code),
            "code": code,
            "code3": code.eq(3),
            "codes": code.element_of([1, 2, 3]),
            "no_code": code.isnull(),
            "peers": code.peer_count(mask=Company.listed.latest),
            "listed": Company.listed.latest,
            "since": BusinessDaysSincePreviousEvent(inputs=[Company.report]),
            "until": BusinessDaysUntilNextEvent(inputs=[Company.report]),
            "report": Company.report.latest,
            "no_report": Company.report.latest.isnull(),
            "there": AllPresent(inputs=[Company.pe], window_length=12),
        },
        screen=Company.listed.latest | pe.notnull(),
    )


def p_own_labels_in_windows(asset):
    return Pipeline({"n": Distinct(), "last": LastGrade()})


def p_ranks_of_times(asset):
    return Pipeline({"rank": Company.report.latest.rank(), "top": Company.report.latest.top(4)})


def p_buckets(asset):
    bucket = Bucket()
    masked = Bucket(mask=universe(asset))
    return Pipeline(
        {
            "bucket": bucket,
            "masked": masked,
            "missing": masked.isnull(),
            "count": masked.peer_count(),
            "z": USEquityPricing.close.latest.zscore(groupby=masked),
            "choose": bucket.eq(1).if_else(Returns(window_length=2), Returns(window_length=5)),
            "if": universe(asset).if_else(bucket, masked),
        }
    )


def p_month_start_momentum(asset):
    returns = Returns(window_length=15)
    return Pipeline(
        {
            "monthly": returns.downsample("month_start"),
            "rank": returns.rank().downsample("month_start"),
            "class": returns.quantiles(4).downsample("week_start"),
            "liquid": universe(asset).downsample("month_start"),
            "custom": PriceRange(window_length=6, mask=universe(asset)).downsample("week_start"),
            "price": USEquityPricing.close.latest.downsample("quarter_start"),
        }
    )


def p_pandas_in_compute(asset):
    return Pipeline(
        {"std": ByFrame(), "slope": OneByOne(), "masked": OneByOne(mask=universe(asset))}
    )


def p_positions_in_windows(asset):
    return Pipeline(
        {
            "age": Oldest(),
            "aroon": Aroon(
                window_length=6, mask=AllPresent([USEquityPricing.low], window_length=6)
            ).up,
            "fso": FastStochasticOscillator(window_length=9),
            "own": WeightedAverageValue(
                inputs=[USEquityPricing.low, USEquityPricing.volume], window_length=4
            ),
        }
    )


def p_to_one_asset(asset):
    returns = DailyReturns()
    target = returns[asset("BB1")]
    base = StaticAssets([asset("AA0"), asset("BB1"), asset("HH7"), asset("KK10")])
    return Pipeline(
        {
            "pearson": returns.pearsonr(target=target, correlation_length=15),
            "spearman": RollingSpearman(
                base_factor=returns, target=target, correlation_length=10, mask=base
            ),
            "both": RollingPearson(
                base_factor=returns, target=Returns(window_length=3), correlation_length=9
            ),
            "beta": SimpleBeta(target=asset("BB1"), regression_length=20),
            "strict": SimpleBeta(
                target=asset("BB1"), regression_length=20, allowed_missing_percentage=0.0
            ),
            "less": returns - target,
            "market": Correlated(),
            "single": SingleAsset(asset("HH7")),
            **{
                name: getattr(returns.linear_regression(target, 14), name)
                for name in ("alpha", "beta", "r_value", "p_value", "stderr")
                if name != "beta"
            },
        }
    )


def p_bands_as_filter(asset):
    price = USEquityPricing.close.latest
    bands = BollingerBands(window_length=10, k=1)
    return Pipeline(
        {
            "below": price < bands.lower,
            "above": price > bands.upper,
            "b": (price - bands.lower) / (bands.upper - bands.lower),
        },
        screen=~(price >= bands.lower) | (price > bands.upper),
    )


def p_over_time(asset):
    up = Returns(window_length=2) > 0
    return Pipeline(
        {
            "n": AtLeastN(inputs=[up], window_length=5, N=3),
            "low": HigherLow(n=2),
            "lower": HigherLow(n=1, window_length=9, mask=universe(asset)),
            "range": TrueRange().rank(mask=HigherLow(n=2)),
        }
    )


def p_masks_of_masks(asset):
    first = AverageDollarVolume(window_length=10).top(12)
    second = Returns(window_length=10, mask=first).top(8)
    third = AnnualizedVolatility(window_length=15, mask=second).bottom(5)
    return Pipeline(
        {
            "first": first,
            "second": second,
            "third": third,
            "rank": RSI(mask=third).rank(),
            "pct": RSI(mask=second).percentile_between(20, 80),
            "mean": DailyReturns(mask=second).demean(),
        },
        screen=second,
    )


def p_numbers_and_nans(asset):
    returns = Returns(window_length=5)
    price = USEquityPricing.close.latest
    return Pipeline(
        {
            "nan": returns.isnan(),
            "notnan": returns.notnan(),
            "finite": (1.0 / returns).isfinite(),
            "fill": returns.fillna(0.0),
            "fill2": returns.fillna(price),
            "clip": returns.clip(-0.02, 0.02),
            "log": price.log(),
            "abs": abs_(returns),
            "pow": price**0.5,
            "mod": price % 7,
            "neg": -returns,
            "mix": 2 * price - price / 3 + 1,
            "eq": price.eq(price),
            "cmp": (price > 100) & ~(price >= 300) | (returns < -0.05),
            "alias": returns.alias("mine"),
        }
    )


def abs_(factor):
    return factor.abs()


def p_across_listings(asset):
    return Pipeline(
        {
            "sma": SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=8),
            "r": Returns(window_length=4),
            "adv": AverageDollarVolume(window_length=6),
            "rank": USEquityPricing.volume.latest.rank(method="min"),
            "all": AllPresent(inputs=[USEquityPricing.close], window_length=4),
            "mean": Returns(window_length=4).demean(),
        }
    )


def p_first_days(asset):
    return Pipeline(
        {
            "mean": SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=5),
            "r": Returns(window_length=5),
        },
        screen=StaticAssets([asset("AA0"), asset("DD3"), asset("JJ9")]),
    )
