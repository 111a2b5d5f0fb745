"""Pipelines as research notebooks have them, for zipline; `rbtlive` runs the same text
with its name in the import lines.
"""

import numpy as np
import pandas as pd
from zipline.pipeline import CustomClassifier, CustomFactor, CustomFilter, Pipeline
from zipline.pipeline.classifiers import Everything, Quantiles
from zipline.pipeline.data import Column, DataSet, EquityPricing, USEquityPricing
from zipline.pipeline.domain import US_EQUITIES
from zipline.pipeline.factors import (
    RSI,
    VWAP,
    AnnualizedVolatility,
    AverageDollarVolume,
    BollingerBands,
    BusinessDaysSincePreviousEvent,
    DailyReturns,
    EWMA,
    LinearWeightedMovingAverage,
    MaxDrawdown,
    MovingAverageConvergenceDivergenceSignal,
    PercentChange,
    Returns,
    SimpleBeta,
    SimpleMovingAverage,
    TrueRange,
)
from zipline.pipeline.filters import AllPresent, AtLeastN, StaticAssets
from zipline.pipeline.loaders.frame import DataFrameLoader

SPANS = {
    "p_notebook_monthly_betas": ("2016-01-25", "2016-03-09"),
    "p_notebook_around_a_split": ("2016-03-03", "2016-03-23"),
    "p_notebook_weeks_of_ranks": ("2016-02-24", "2016-03-16"),
}
SECTORS = ("Energy", "Banks", "Software", "")


class Ratings(DataSet):
    """What analysts say, in words and numbers; some say nothing."""

    sector = Column(object, missing_value="")
    score = Column(float)
    covered = Column(bool)
    opinions = Column(np.int64, missing_value=0)
    revised = Column("datetime64[ns]")
    domain = US_EQUITIES


def loaders(days, sids):
    """Return what loads each column."""
    index = pd.DatetimeIndex(days)
    day, sid = np.arange(len(index))[:, None], np.asarray(sids)[None, :]
    words = np.array(SECTORS, dtype=object)[(sid // 5 + day // 40) % 4]
    score = ((day // 5 * 7 + sid * 3) % 23 - 11) / 2.0
    revised = index.to_numpy()[day - day % (3 + sid % 5)]
    frames = {
        Ratings.sector: words,
        Ratings.score: np.where((day + sid) % 11 == 0, np.nan, score),
        Ratings.covered: (day // 20 + sid) % 3 > 0,
        Ratings.opinions: (day // 10 + sid) % 6,
        Ratings.revised: np.where(sid % 7 == 0, np.datetime64("NaT"), revised),
    }
    return {
        column: DataFrameLoader(column, pd.DataFrame(values, index=index, columns=list(sids)))
        for column, values in frames.items()
    }


class Skewness(CustomFactor):
    """The third moment of daily returns."""

    inputs = (DailyReturns(),)
    params = {"least": 5}
    window_length = 21

    def compute(self, today, assets, out, returns, least):
        centred = returns - np.nanmean(returns, axis=0)
        moments = np.nanmean(centred**3, axis=0) / np.nanmean(centred**2, axis=0) ** 1.5
        enough = np.isfinite(returns).sum(axis=0) >= least
        out[:] = np.where(enough, moments, np.nan)


class Channel(CustomFactor):
    """High, low and where the close stands between them."""

    inputs = (USEquityPricing.high, USEquityPricing.low, USEquityPricing.close)
    outputs = ("top", "floor", "place")
    window_length = 15

    def compute(self, today, assets, out, high, low, close):
        out.top[:] = np.nanmax(high, axis=0)
        out.floor[:] = np.nanmin(low, axis=0)
        out.place[:] = (close[-1] - out.floor) / (out.top - out.floor)


class Weekday(CustomClassifier):
    """The day of the week, of assets whose close is there."""

    inputs = (USEquityPricing.close,)
    window_length = 1
    dtype = np.int64
    missing_value = -1

    def compute(self, today, assets, out, close):
        out[:] = np.where(np.isnan(close[-1]), -1, today.weekday())


class Breakout(CustomFilter):
    """The last close above the days before."""

    inputs = (USEquityPricing.close,)
    window_length = 12

    def compute(self, today, assets, out, close):
        out[:] = close[-1] > np.nanmax(close[:-1], axis=0)


class Dollars(CustomFactor):
    """A row of money, by a mask of its own."""

    inputs = (EquityPricing.close, EquityPricing.volume)
    window_length = 8
    mask = AverageDollarVolume(window_length=5).percentile_between(20, 100)

    def compute(self, today, assets, out, close, volume):
        out[:] = np.nansum(close * volume, axis=0)


def p_notebook_made_bit_by_bit(asset):
    """Columns are added, one taken out again, and the screen is changed."""
    pipe = Pipeline()
    returns = Returns(window_length=11)
    pipe.add(returns, "returns")
    pipe.add(returns.rank(), "rank")
    pipe.add(RSI(window_length=9), "rsi")
    pipe.set_screen(returns.notnull())
    pipe.remove("rsi")
    pipe.add(RSI(window_length=9) > 55, "strong")
    pipe.set_screen(pipe.screen & Ratings.covered.latest, overwrite=True)
    pipe.add(Ratings.sector.latest, "returns", overwrite=True)
    return pipe


def p_notebook_words(asset):
    """Words are compared, matched and used as groups."""
    sector = Ratings.sector.latest
    score = Ratings.score.latest
    return Pipeline(
        {
            "sector": sector,
            "same": sector.eq("Energy"),
            "other": sector != "Banks",
            "one of": sector.element_of(["Banks", "Software"]),
            "starts": sector.startswith("E"),
            "ends": sector.endswith("s"),
            "has": sector.has_substring("ft"),
            "matches": sector.matches(".*[nk].*"),
            "neutral": score.demean(groupby=sector),
            "best": score.top(1, groupby=sector),
            "short": sector.relabel(lambda word: word[:2]),
        },
        screen=~sector.isnull() | sector.isnull(),
    )


def p_notebook_pairs_of_classifiers(asset):
    """The same ranks by two ways to group, and by one within the other."""
    wealth = AverageDollarVolume(window_length=10).quartiles()
    sector = Ratings.sector.latest
    trend = SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=5) / (
        SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=20)
    )
    return Pipeline(
        {
            "by wealth": trend.rank(groupby=wealth),
            "by sector": trend.rank(groupby=sector, ascending=False),
            "z": trend.demean(groupby=sector).zscore(groupby=wealth),
            "both": trend.zscore(groupby=wealth, mask=sector.eq("Software") | wealth.eq(0)),
            "wealth": wealth,
            "none": trend.demean(groupby=Everything()),
        }
    )


def p_notebook_winsorized_scores(asset):
    universe = AverageDollarVolume(window_length=20).top(12)
    raw = [Ratings.score.latest, -Returns(window_length=6), Skewness(mask=universe)]
    weights = (0.5, 0.3, 0.2)
    scores = [
        one.winsorize(min_percentile=0.1, max_percentile=0.9, mask=universe).zscore(mask=universe)
        for one in raw
    ]
    total = sum((weight * score for weight, score in zip(weights, scores, strict=True)), 0)
    return Pipeline(
        {"total": total, "first": scores[0], "skew": raw[2], "bins": total.quantiles(3)},
        screen=universe & (total.top(4) | total.bottom(4)),
    )


def p_notebook_monthly_betas(asset):
    market = asset("KK10")
    beta = SimpleBeta(market, 20).downsample("month_start")
    calm = AnnualizedVolatility(window_length=15).downsample("week_start")
    return Pipeline(
        {
            "beta": beta,
            "calm": calm,
            "rank": beta.rank(),
            "both": (beta.rank(mask=calm.notnull()) + calm.rank()).rank(),
        }
    )


def p_notebook_several_outputs(asset):
    top, floor, place = Channel()
    masked = Channel(window_length=7, mask=Breakout())
    return Pipeline(
        {
            "place": place,
            "width": (top - floor) / floor,
            "decile": place.quantiles(4),
            "masked": masked.place,
            "rank": masked.top.rank(ascending=False),
        }
    )


def p_notebook_rank_of_ranks(asset):
    momentum = Returns(window_length=30).rank(
        mask=AllPresent([USEquityPricing.close], window_length=30)
    )
    value = Ratings.score.latest.rank(ascending=False)
    both = momentum + value
    return Pipeline(
        {"both": both, "rank": both.rank(method="min"), "dense": both.rank(method="dense")},
        screen=both.rank().rank(ascending=False) <= 6,
    )


def p_notebook_nested_masks(asset):
    one = AverageDollarVolume(window_length=15).top(13)
    two = Returns(window_length=10, mask=one).bottom(9)
    three = RSI(window_length=10, mask=one & two).percentile_between(25, 75)
    four = Breakout(mask=three)
    money = Dollars()
    return Pipeline(
        {
            "two": two,
            "three": three,
            "four": four,
            "money": money.rank(mask=two),
            "share": money / money.mean(mask=one),
            "deviation": money.demean(mask=three),
        },
        screen=one,
    )


def p_notebook_around_a_split(asset):
    weighted = LinearWeightedMovingAverage(inputs=[USEquityPricing.close], window_length=8)
    lower, middle, upper = BollingerBands(window_length=10, k=1.5)
    return Pipeline(
        {
            "weighted": weighted,
            "vwap": VWAP(window_length=6),
            "over": (USEquityPricing.close.latest > upper) | (USEquityPricing.close.latest < lower),
            "middle": middle,
            "range": TrueRange() / USEquityPricing.close.latest,
            "macd": MovingAverageConvergenceDivergenceSignal(),
            "drop": MaxDrawdown(inputs=[USEquityPricing.close], window_length=10),
        },
        screen=StaticAssets([asset("AA0"), asset("HH7"), asset("BB1"), asset("JJ9")]),
    )


def p_notebook_weeks_of_ranks(asset):
    score = Ratings.score.latest
    smooth = SimpleMovingAverage(inputs=[score.rank()], window_length=5)
    change = PercentChange(inputs=[score.zscore()], window_length=4)
    return Pipeline(
        {
            "smooth": smooth,
            "change": change,
            "steady": AtLeastN([score.top(8)], window_length=5, N=4),
            "weighted": EWMA.from_span(inputs=[DailyReturns().rank()], window_length=6, span=3),
        },
        screen=smooth.notnull(),
    )


def p_notebook_dates(asset):
    since = BusinessDaysSincePreviousEvent(inputs=[Ratings.revised])
    fresh = since <= 2
    return Pipeline(
        {
            "since": since,
            "revised": Ratings.revised.latest,
            "fresh": fresh,
            "weekday": Weekday(),
            "by day": Returns(window_length=5).zscore(groupby=Weekday()),
            "fewest": since.bottom(3, mask=Ratings.covered.latest),
        },
        screen=Ratings.revised.latest.notnull(),
    )


def p_notebook_counts_are_labels(asset):
    return Pipeline({"many": Ratings.opinions.latest > 3})


def p_notebook_counts_as_groups(asset):
    opinions = Ratings.opinions.latest
    return Pipeline(
        {
            "opinions": opinions,
            "few": opinions.element_of([1, 2]),
            "none": opinions.isnull(),
            "one": opinions.eq(1) | opinions.eq(5),
            "by": Returns(window_length=8).rank(groupby=opinions, mask=opinions.notnull()),
        }
    )


def p_notebook_choices(asset):
    up = Returns(window_length=5) > 0
    score = up.if_else(Ratings.score.latest, Ratings.score.latest.fillna(0.0) - 1.0)
    sector = Ratings.covered.latest.if_else(Ratings.sector.latest, Ratings.sector.latest)
    return Pipeline(
        {
            "score": score.clip(-4, 4),
            "sector": sector,
            "filled": score.fillna(USEquityPricing.close.latest),
            "log": score.abs().log1p(),
            "power": (score**2 - 1) / (1 + score.abs()),
            "mod": score % 3,
        },
        screen=up | ~up,
    )


def p_notebook_quantile_edges(asset):
    score = Ratings.score.latest
    bins = Quantiles(inputs=[Returns(window_length=12)], bins=5)
    return Pipeline(
        {
            "quintile": bins,
            "last": bins.eq(4),
            "outer": bins.element_of([0, 4]),
            "tertile": Returns(window_length=12).quantiles(bins=3, mask=score.notnull()),
            "mean": Returns(window_length=3).demean(groupby=bins),
        }
    )


def p_notebook_domain(asset):
    specialized = EquityPricing.specialize(US_EQUITIES)
    return Pipeline(
        {
            "close": specialized.close.latest,
            "same": EquityPricing.close.latest - USEquityPricing.close.latest,
            "adv": AverageDollarVolume(window_length=3),
        },
        screen=specialized.volume.latest > 5_000,
        domain=US_EQUITIES,
    )


def p_notebook_alias_and_slices(asset):
    returns = Returns(window_length=7).alias("weekly")
    market = returns[asset("II8")]
    return Pipeline(
        {
            "excess": returns - market,
            "correlation": Returns(window_length=7).pearsonr(
                target=Returns(window_length=7)[asset("II8")], correlation_length=12
            ),
            "spearman": Returns(window_length=7).spearmanr(
                target=Returns(window_length=7)[asset("CC2")], correlation_length=9
            ),
            "up": market > 0,
        }
    )
