"""Pipelines in the habits of lectures, forum posts and notebooks, for zipline;
`rbtlive` runs the same text with its name in the import lines.
"""

from functools import reduce
from operator import add, and_, or_

import numpy as np
import pandas as pd
from scipy import stats
from zipline.lib.adjustment import ADD, MULTIPLY, OVERWRITE
from zipline.pipeline import (
    Classifier,
    CustomClassifier,
    CustomFactor,
    CustomFilter,
    Factor,
    Filter,
    Pipeline,
)
from zipline.pipeline.data import Column, DataSet, USEquityPricing
from zipline.pipeline.domain import US_EQUITIES
from zipline.pipeline.factors import (
    EWMSTD,
    RSI,
    AnnualizedVolatility,
    AverageDollarVolume,
    DailyReturns,
    MaxDrawdown,
    Returns,
    SimpleBeta,
    SimpleMovingAverage,
    TrueRange,
    WeightedAverageValue,
)
from zipline.pipeline.filters import (
    AllPresent,
    SingleAsset,
)
from zipline.pipeline.loaders.frame import DataFrameLoader

SPANS = {
    "p_habit_restated_shares": ("2016-02-03", "2016-02-19"),
}


class Momentum(CustomFactor):
    inputs = [USEquityPricing.close]
    window_length = 45

    def compute(self, today, assets, out, prices):
        out[:] = (prices[-22] - prices[-45]) / prices[-45] - (prices[-1] - prices[-22]) / prices[
            -22
        ]


class Slope(CustomFactor):
    """Clenow's exponential regression, all assets at once."""

    inputs = [USEquityPricing.close]
    window_length = 20
    params = {"squared": True}

    def compute(self, today, assets, out, prices, squared):
        x = np.arange(len(prices)) - (len(prices) - 1) / 2
        y = np.log(prices)
        distances = y - y.mean(axis=0)
        slope = x @ distances / (x @ x)
        fit = 1 - ((distances - np.outer(x, slope)) ** 2).sum(axis=0) / (distances**2).sum(axis=0)
        out[:] = (np.exp(slope) ** 252 - 1) * (fit if squared else 1)


class Linregress(CustomFactor):
    inputs = [USEquityPricing.close, USEquityPricing.volume]
    window_length = 12
    outputs = ["slope", "r2", "p"]

    def compute(self, today, assets, out, close, volume):
        for n, (one, other) in enumerate(zip(close.T, volume.T)):
            if np.isnan(one).any():
                continue
            slope, _, r, p, _ = stats.linregress(other, one)
            out[n] = (slope, r**2, p)


class Shape(CustomFactor):
    inputs = [DailyReturns()]
    outputs = ["skew", "kurtosis"]
    window_length = 25

    def compute(self, today, assets, out, returns):
        clean = np.where(np.isnan(returns), 0.0, returns)
        out.skew[:] = stats.skew(clean, axis=0)
        out.kurtosis[:] = stats.kurtosis(clean, axis=0)


class ATR(CustomFactor):
    inputs = [USEquityPricing.high, USEquityPricing.low, USEquityPricing.close]
    window_length = 15

    def compute(self, today, assets, out, high, low, close):
        hml = high - low
        hmpc = np.abs(high - np.roll(close, 1, axis=0))
        lmpc = np.abs(low - np.roll(close, 1, axis=0))
        out[:] = np.nanmean(np.maximum(hml, np.maximum(hmpc, lmpc))[1:], axis=0)


class Rolled(CustomFactor):
    """pandas, by frame, with labels of the assets."""

    inputs = [USEquityPricing.close, USEquityPricing.volume]
    window_length = 10

    def compute(self, today, assets, out, close, volume):
        frame = pd.DataFrame(close, columns=assets).ffill()
        weights = pd.DataFrame(volume, columns=assets)
        mean = (frame * weights).sum() / weights.sum()
        out[:] = (frame.iloc[-1] / mean - 1).reindex(assets).values


class HalfLife(CustomFactor):
    inputs = [USEquityPricing.close]
    window_length = 15

    def compute(self, today, assets, out, close):
        out[:] = pd.DataFrame(close).ewm(halflife=4).mean().values[-1]


class Weekday(CustomFactor):
    inputs = []
    window_length = 1

    def compute(self, today, assets, out):
        out[:] = today.weekday() * 1000 + np.argsort(np.argsort(assets))


class Market(CustomFactor):
    """One benchmark's returns out of the assets given."""

    inputs = [DailyReturns()]
    window_length = 10
    params = ("sid",)

    def compute(self, today, assets, out, returns, sid):
        where = assets.get_loc(sid)
        market = returns[:, where]
        for n in range(len(assets)):
            one = returns[:, n]
            both = ~np.isnan(one) & ~np.isnan(market)
            out[n] = np.cov(one[both], market[both])[0, 1] if both.sum() > 2 else np.nan


class Firm(DataSet):
    """Texts and numbers of one's own, with holes; the numbers are restated later."""

    country = Column(object, missing_value="")
    shares = Column(float)
    rating = Column(int, missing_value=0)
    domain = US_EQUITIES


def loaders(days, sids):
    """Return what loads each column, from frames of days down and sids across."""
    day, sid = np.arange(len(days))[:, None], np.asarray(sids)[None, :]
    mixed = (day // 5 * 3 + sid) % 7
    names = np.array(["US", "CA", "", "GB", "us", "CA", "US"], dtype=object)
    index = pd.DatetimeIndex(days)
    frames = {
        "country": names[mixed],
        "shares": np.where(mixed == 2, np.nan, mixed * 10.0 + day / 8),
        "rating": np.where(mixed == 5, 0, mixed),
    }
    restated = pd.DataFrame(
        [
            (sids[2], 2.0, MULTIPLY, None, "2016-02-05", "2016-02-10"),
            (sids[2], 0.5, MULTIPLY, "2016-02-03", "2016-02-08", "2016-02-11"),
            (sids[4], 7.5, ADD, "2016-01-25", "2016-02-09", "2016-02-10"),
            (sids[5], 99.5, OVERWRITE, "2016-02-01", "2016-02-04", "2016-02-09"),
            (sids[5], 3.0, MULTIPLY, None, "2016-02-09", "2016-02-12"),
            (sids[7], 4.0, MULTIPLY, None, "2016-02-12", "2016-02-13"),
            (sids[8], 2.5, ADD, None, "2016-01-29", "2016-02-01"),
        ],
        columns=["sid", "value", "kind", "start_date", "end_date", "apply_date"],
    )
    for name in ("start_date", "end_date", "apply_date"):
        restated[name] = pd.to_datetime(restated[name])
    return {
        getattr(Firm, name): DataFrameLoader(
            getattr(Firm, name),
            pd.DataFrame(values, index=index, columns=list(sids)),
            restated if name == "shares" else None,
        )
        for name, values in frames.items()
    }


class Shares(CustomFactor):
    inputs = [Firm.shares]
    window_length = 6

    def compute(self, today, assets, out, shares):
        weights = np.arange(1.0, 7.0)[:, None]
        out[:] = (np.nan_to_num(shares) * weights).sum(axis=0)


class Home(CustomClassifier):
    """The text that was there most often; texts out of texts."""

    inputs = [Firm.country]
    window_length = 7
    dtype = object
    missing_value = ""

    def compute(self, today, assets, out, countries):
        out[:] = countries[0]


class Places(CustomFactor):
    inputs = [Firm.country, Firm.rating]
    window_length = 6

    def compute(self, today, assets, out, countries, ratings):
        inside = (countries == "US") | (countries == "CA")
        out[:] = inside.sum(axis=0) * 100 + ratings.max(axis=0)


class Tens(CustomClassifier):
    inputs = [USEquityPricing.close]
    window_length = 2
    dtype = "int64"
    missing_value = -1
    window_safe = True

    def compute(self, today, assets, out, close):
        last = np.nan_to_num(close[-1], nan=-10.0)
        out[:] = (last // 100).astype(int)


class Mode(CustomFactor):
    """A window of codes."""

    inputs = [Tens()]
    window_length = 4

    def compute(self, today, assets, out, codes):
        out[:] = codes.max(axis=0) - codes.min(axis=0)


class Broke(CustomFilter):
    inputs = [USEquityPricing.high, USEquityPricing.close]
    window_length = 15

    def compute(self, today, assets, out, high, close):
        out[:] = close[-1] >= np.nanmax(high[:-1], axis=0) * 0.99


class Since(CustomFactor):
    """Days since a filter held, from a window of filters."""

    window_length = 8

    def compute(self, today, assets, out, held):
        ages = np.argmax(held[::-1], axis=0).astype(float)
        ages[~held.any(axis=0)] = np.nan
        out[:] = ages


class Unwritten(CustomFactor):
    inputs = [USEquityPricing.volume]
    window_length = 2
    missing_value = -7.0

    def compute(self, today, assets, out, volume):
        out[volume[-1] > volume[0]] = 1.0


class Event(CustomFactor):
    """A factor of times."""

    inputs = [USEquityPricing.volume]
    window_length = 3
    dtype = "datetime64[ns]"

    def compute(self, today, assets, out, volume):
        rose = volume[-1] > volume[0]
        out[rose] = np.datetime64(today)
        out[~rose & (volume[-1] > 0)] = np.datetime64(today) - np.timedelta64(3, "D")


def universe(count=10):
    adv = AverageDollarVolume(window_length=20)
    return (
        adv.top(count)
        & (USEquityPricing.close.latest > 5)
        & AllPresent([USEquityPricing.close], window_length=10)
    )


def p_habit_ranked_sum(asset):
    mask = universe()
    parts = [
        Momentum(mask=mask).rank(mask=mask, method="average"),
        -AnnualizedVolatility(window_length=21, mask=mask).rank(mask=mask),
        RSI(mask=mask).zscore(mask=mask),
    ]
    total = sum(parts)
    longs, shorts = total.top(3), total.bottom(3)
    return Pipeline(
        {
            "total": total,
            "reduced": reduce(add, parts),
            "longs": longs,
            "shorts": shorts,
            "either": reduce(or_, [longs, shorts]),
            "both": reduce(and_, [longs, ~shorts, mask]),
        },
        screen=mask,
    )


def p_habit_slopes(asset):
    return Pipeline(
        {
            "slope": Slope(),
            "plain": Slope(squared=False, window_length=11),
            "masked": Slope(mask=universe(5)),
            "rank": Slope().rank(ascending=False, mask=universe(7)),
        }
    )


def p_habit_scipy(asset):
    slope, r2, p = Linregress(mask=universe())
    return Pipeline(
        {
            "slope": slope,
            "r2": r2,
            "good": (p < 0.05) & (r2 > 0.2),
            "skew": Shape().skew,
            "kurt": Shape(window_length=10).kurtosis.winsorize(0.05, 0.95),
        }
    )


def p_habit_ranges(asset):
    close = USEquityPricing.close.latest
    atr = ATR()
    return Pipeline(
        {
            "atr": atr,
            "share": atr / close,
            "stop": close - 2 * atr,
            "true": SimpleMovingAverage(inputs=[TrueRange().rank()], window_length=3),
            "broke": Broke(),
            "since": Since(inputs=[Broke()]),
            "quiet": Since(inputs=[close < close + atr], window_length=3),
        },
        screen=atr.notnan(),
    )


def p_habit_pandas(asset):
    return Pipeline(
        {
            "dev": Rolled(),
            "ewm": HalfLife(),
            "weekday": Weekday(),
            "masked": Rolled(mask=universe(6)),
        }
    )


def p_habit_weekday_masked(asset):
    return Pipeline({"day": Weekday(mask=universe(4))}, screen=universe(12))


def p_habit_one_benchmark(asset):
    sid = asset("BB1").sid
    return Pipeline(
        {"cov": Market(sid=sid), "beta": SimpleBeta(asset("BB1"), 15, 0.5)},
        screen=~SingleAsset(asset("BB1")),
    )


def p_habit_texts(asset):
    side = Home()
    returns = Returns(window_length=6)
    return Pipeline(
        {
            "side": side,
            "many": side.eq("US"),
            "not_all": side != "CA",
            "few": side.element_of(["US", "GB"]),
            "is": side.matches("^[Uu]"),
            "null": side.isnull(),
            "any": side.matches(".*") | side.has_substring(""),
            "demean": returns.demean(groupby=side),
            "count": side.peer_count(),
            "masked": Home(mask=universe(5)),
            "label": side.relabel(lambda s: s[:1] + "!"),
        }
    )


def p_habit_label_of_no_text(asset):
    return Pipeline({"label": Firm.country.latest.relabel(lambda s: len(s))})


def p_habit_codes(asset):
    tens = Tens()
    return Pipeline(
        {
            "tens": tens,
            "span": Mode(),
            "top": Returns(window_length=3).top(2, groupby=tens),
            "rank": Returns(window_length=3).rank(groupby=tens, mask=universe(12)),
            "eq": tens.eq(1),
            "ne": tens != 1,
            "monthly": tens.downsample("month_start"),
        }
    )


def p_habit_unwritten(asset):
    some = Unwritten()
    return Pipeline(
        {
            "some": some,
            "masked": Unwritten(mask=universe(6)),
            "null": some.isnull(),
            "rank": some.rank(),
            "when": Event(),
        }
    )


def p_habit_months(asset):
    momentum = Momentum()
    monthly = momentum.downsample("month_start")
    return Pipeline(
        {
            "monthly": monthly,
            "change": momentum - monthly,
            "weekly": Slope().rank().downsample("week_start"),
            "flag": universe(6).downsample("month_start"),
            "group": Returns(window_length=8).zscore(groupby=Tens()).downsample("week_start"),
            "quantile": Returns(window_length=8).quartiles().downsample("month_start"),
            "beta": SimpleBeta(asset("HH7"), 12).downsample("week_start"),
        },
        screen=universe(12).downsample("week_start"),
    )


def p_habit_restated_shares(asset):
    shares = Firm.shares
    return Pipeline(
        {
            "sum": Shares(),
            "masked": Shares(mask=universe(8)),
            "latest": shares.latest,
            "mean": SimpleMovingAverage(inputs=[shares], window_length=5),
            "change": Returns(inputs=[shares], window_length=4),
            "std": EWMSTD(inputs=[shares], window_length=5, decay_rate=0.9),
            "low": MaxDrawdown(inputs=[shares], window_length=6),
            "week": Shares().downsample("week_start"),
            "ratio": WeightedAverageValue(inputs=[USEquityPricing.close, shares], window_length=4),
        }
    )


def p_habit_places(asset):
    return Pipeline(
        {"n": Places(), "home": Home(), "rating": Firm.rating.latest},
        screen=Firm.country.latest.notnull() | Firm.rating.latest.eq(3),
    )


def p_habit_if_else(asset):
    up = Returns(window_length=5) > 0
    size = AverageDollarVolume(window_length=10).quantiles(3)
    return Pipeline(
        {
            "number": up.if_else(Returns(window_length=5), -Returns(window_length=3)),
            "class": up.if_else(size, AverageDollarVolume(window_length=5).quantiles(2)),
            "filter": up.if_else(universe(5), universe(12)),
            "text": up.if_else(Home(), Home().fillna("none")),
            "filled": Returns(window_length=5).fillna(USEquityPricing.close.latest * 0),
            "clip": Returns(window_length=5).clip(-0.01, 0.01).zscore(),
        }
    )


def p_habit_empty_days(asset):
    never = USEquityPricing.close.latest < 0
    return Pipeline(
        {"x": Returns(window_length=2), "q": Tens(), "f": universe(4)},
        screen=never & universe(3),
    )


def p_habit_kinds(asset):
    flags = {
        "factor": isinstance(Returns(window_length=2), Factor),
        "filter": isinstance(universe(3), Filter),
        "classifier": isinstance(Tens(), Classifier),
    }
    chosen = Returns(window_length=2) if all(flags.values()) else Returns(window_length=9)
    return Pipeline({"chosen": chosen, "alias": chosen.alias("r"), "two": chosen.rank().alias("x")})


def p_habit_written_over(asset):
    class Spoiled(CustomFactor):
        inputs = [USEquityPricing.close]
        window_length = 3

        def compute(self, today, assets, out, close):
            close[np.isnan(close)] = 0.0
            out[:] = close.sum(axis=0)

    return Pipeline({"n": Spoiled()})
