"""Pipelines as people published them with their algorithms, for zipline; `rbtlive` runs
the same text with its name in the import lines.
"""

import numpy as np
import pandas as pd
from zipline.pipeline import CustomClassifier, CustomFactor, CustomFilter, Pipeline
from zipline.pipeline.data import Column, DataSet, USEquityPricing
from zipline.pipeline.domain import US_EQUITIES
from zipline.pipeline.factors import (
    EWMA,
    EWMSTD,
    RSI,
    VWAP,
    AnnualizedVolatility,
    AverageDollarVolume,
    BollingerBands,
    DailyReturns,
    Latest,
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
from zipline.pipeline.filters import All, AllPresent, Any, AtLeastN, StaticAssets, StaticSids
from zipline.pipeline.loaders.frame import DataFrameLoader

SPANS = {
    "p_pub_weekly_reversal": ("2016-01-04", "2016-03-31"),
    "p_pub_quarterly_value": ("2015-12-21", "2016-02-26"),
    "p_pub_low_volatility": ("2016-02-01", "2016-04-20"),
    "p_pub_across_delistings": ("2016-02-09", "2016-03-28"),
}
OPENING, CLOSE, VOLUME = USEquityPricing.open, USEquityPricing.close, USEquityPricing.volume


class Morningstar(DataSet):
    """Figures as a vendor of fundamentals has them."""

    market_cap = Column(float)
    pe_ratio = Column(float)
    book_value_yield = Column(float)
    sector_code = Column(np.int64, missing_value=-1)
    exchange = Column(object, missing_value="")
    is_depositary_receipt = Column(bool)
    filed = Column("datetime64[ns]")
    domain = US_EQUITIES


def loaders(days, sids):
    """Return what loads each column: figures that change by month, with gaps."""
    index = pd.DatetimeIndex(days)
    sid = np.asarray(sids)[None, :]
    month = (index.year * 12 + index.month).to_numpy()[:, None]
    spread = (month * 31 + sid * 17) % 97
    gap = (month + sid) % 11 == 0
    label = np.where((sid + month // 6) % 7 == 0, -1, 101 + sid % 4)
    starts = index.to_period("M").start_time.to_numpy()[:, None]
    frames = {
        Morningstar.market_cap: np.where(gap, np.nan, 1e8 * (5.0 + spread)),
        Morningstar.pe_ratio: np.where(spread % 5 == 0, np.nan, spread / 3.0 - 4.0),
        Morningstar.book_value_yield: np.where(gap, np.nan, (spread % 13) / 10.0),
        Morningstar.sector_code: label,
        Morningstar.exchange: np.array(["", "NYS", "NAS"], dtype=object)[(sid + month) % 3],
        Morningstar.is_depositary_receipt: (sid + 0 * month) % 6 == 0,
        Morningstar.filed: starts + (sid % 20) * np.timedelta64(1, "D"),
    }
    return {
        column: DataFrameLoader(column, pd.DataFrame(values, index=index, columns=list(sids)))
        for column, values in frames.items()
    }


def tradable():
    """Return the universe that half of all algorithms begin with."""
    primary = Morningstar.exchange.latest.element_of(["NYS", "NAS"])
    not_depositary = ~Morningstar.is_depositary_receipt.latest
    have_cap = Morningstar.market_cap.latest.notnull()
    not_penny = CLOSE.latest > 5.0
    liquid = AverageDollarVolume(window_length=20).percentile_between(20, 100)
    return primary & not_depositary & have_cap & not_penny & liquid


def p_pub_sector_neutral_momentum(asset):
    sector = Morningstar.sector_code.latest
    momentum = Returns(window_length=120) - Returns(window_length=20)
    universe = tradable() & sector.notnull()
    score = momentum.demean(mask=universe, groupby=sector)
    ranked = score.rank(mask=universe)
    return Pipeline(
        {
            "score": score,
            "z": momentum.zscore(mask=universe, groupby=sector),
            "rank": ranked,
            "longs": ranked.top(3),
            "shorts": ranked.bottom(3),
            "sector": sector,
        },
        screen=ranked.top(3) | ranked.bottom(3),
    )


def p_pub_mean_reversion_of_a_few(asset):
    few = StaticAssets([asset("AA0"), asset("BB1"), asset("KK10"), asset("MM12")])
    short = SimpleMovingAverage(inputs=[CLOSE], window_length=5, mask=few)
    long = SimpleMovingAverage(inputs=[CLOSE], window_length=30, mask=few)
    spread = (short - long) / long
    return Pipeline(
        {
            "spread": spread,
            "z": spread.zscore(),
            "weight": -spread.demean() / 4.0,
            "cheapest": spread.bottom(1),
            "dearest": spread.top(1),
        },
        screen=few,
    )


def p_pub_three_factors(asset):
    universe = tradable()
    size = -Morningstar.market_cap.latest.log1p()
    value = Morningstar.book_value_yield.latest
    momentum = Returns(window_length=60)

    def normal(factor):
        return factor.winsorize(0.1, 0.9, mask=universe).zscore(mask=universe)

    total = normal(size) + 2 * normal(value) + normal(momentum)
    return Pipeline(
        {
            "size": normal(size),
            "value": normal(value),
            "momentum": normal(momentum),
            "total": total,
            "quintile": total.quintiles(mask=universe),
        },
        screen=universe & total.notnull(),
    )


def p_pub_dollar_volume_universe(asset):
    dollars = AverageDollarVolume(window_length=30)
    high = dollars.percentile_between(90, 100)
    mid = dollars.percentile_between(40, 80)
    top = dollars.top(10)
    return Pipeline(
        {
            "dollars": dollars,
            "high": high,
            "mid": mid,
            "within": Returns(window_length=10, mask=top).percentile_between(25, 75, mask=top),
            "decile": dollars.deciles(),
        },
        screen=high | mid | top,
    )


class Trend(CustomFactor):
    """A line through log prices: what one buys, how straight it is."""

    inputs = [USEquityPricing.close]
    outputs = ["slope", "r2", "annual"]
    params = {"days": 252}

    def compute(self, today, assets, out, close, days):
        x = np.arange(len(close))
        logs = np.log(close)
        x = x - x.mean()
        y = logs - logs.mean(axis=0)
        slope = x @ y / (x @ x)
        out.slope[:] = slope
        out.r2[:] = (slope**2) * (x @ x) / (y**2).sum(axis=0)
        out.annual[:] = np.exp(slope) ** days - 1.0


def p_pub_clenow(asset):
    liquid = AverageDollarVolume(window_length=20).top(12)
    slope, r2, annual = Trend(window_length=45, mask=liquid)
    faster = Trend(window_length=20, mask=liquid, days=21)
    score = annual * r2
    return Pipeline(
        {
            "slope": slope,
            "score": score,
            "fast": faster.annual,
            "fits": faster.r2 > 0.3,
            "above": CLOSE.latest > SimpleMovingAverage(inputs=[CLOSE], window_length=60),
        },
        screen=score.top(5) & (r2 > 0.05),
    )


def p_pub_quarterly_value(asset):
    ep = 1 / Morningstar.pe_ratio.latest
    good = (Morningstar.pe_ratio.latest > 0) & Morningstar.pe_ratio.latest.isfinite()
    held = ep.downsample("quarter_start")
    return Pipeline(
        {
            "ep": ep,
            "held": held,
            "rank": ep.rank(mask=good, ascending=False),
            "group": Morningstar.sector_code.latest.downsample("month_start"),
            "was_good": good.downsample("month_start"),
        },
        screen=good | held.notnull(),
    )


def p_pub_weekly_reversal(asset):
    dollars = AverageDollarVolume(window_length=10)
    universe = dollars.top(9)
    weekly = Returns(window_length=6, mask=universe).downsample("week_start")
    return Pipeline(
        {
            "last_week": weekly,
            "losers": Returns(window_length=6, mask=universe).bottom(3).downsample("week_start"),
            "rank": weekly.rank(mask=universe),
            "now": Returns(window_length=6, mask=universe),
        },
        screen=universe.downsample("week_start"),
    )


def p_pub_quantiles_as_groups(asset):
    size = Morningstar.market_cap.latest.quartiles()
    beta = SimpleBeta(asset("AA0"), 40)
    volatility = AnnualizedVolatility(window_length=20)
    return Pipeline(
        {
            "within_size": Returns(window_length=21).demean(groupby=size),
            "within_risk": Returns(window_length=21).zscore(groupby=volatility.quantiles(3)),
            "best_of_size": Returns(window_length=21).top(1, groupby=size),
            "two_of_size": Returns(window_length=21).top(2, groupby=size),
            "ranked": volatility.rank(groupby=size),
            "clipped": Returns(window_length=5).winsorize(0.2, 0.8, groupby=size),
            "beta": beta,
            "size": size,
        },
        screen=size.notnull(),
    )


def p_pub_beta_hedged(asset):
    market = asset("BB1")
    betas = RollingLinearRegressionOfReturns(target=market, returns_length=2, regression_length=30)
    slow = RollingLinearRegressionOfReturns(target=market, returns_length=5, regression_length=25)
    return Pipeline(
        {
            "alpha": betas.alpha,
            "beta": betas.beta,
            "slow_r": slow.r_value,
            "slow_p": slow.p_value,
            "error": betas.stderr,
            "simple": SimpleBeta(market, 30, allowed_missing_percentage=0.2),
            "neutral": Returns(window_length=10) - betas.beta * Returns(window_length=10)[market],
        },
        screen=betas.beta.notnull() & (betas.beta < 2),
    )


def p_pub_correlated_pairs(asset):
    one, other = asset("KK10"), asset("II8")
    pearson = RollingPearsonOfReturns(target=one, returns_length=2, correlation_length=20)
    spearman = RollingSpearmanOfReturns(target=other, returns_length=3, correlation_length=15)
    ours = Returns(window_length=2).pearsonr(Returns(window_length=2)[one], 20)
    return Pipeline(
        {
            "pearson": pearson,
            "spearman": spearman,
            "ours": ours,
            "with_rank": CLOSE.latest.rank().spearmanr(VOLUME.latest.rank(), 10),
            "far": abs_of(pearson) < 0.3,
        },
        screen=pearson.notnull(),
    )


def abs_of(factor):
    return factor.abs()


def p_pub_bollinger_reversion(asset):
    bands = BollingerBands(inputs=[CLOSE], window_length=20, k=2)
    percent = (CLOSE.latest - bands.lower) / (bands.upper - bands.lower)
    fast_rsi = RSI(window_length=5)
    oversold = (percent < 0.3) & (fast_rsi < 50) & ~(CLOSE.latest < 2)
    overbought = (percent > 0.7) & (fast_rsi > 50)
    return Pipeline(
        {"percent": percent, "rsi": fast_rsi, "long": oversold, "short": overbought},
        screen=(oversold | overbought) & VOLUME.latest.isfinite(),
    )


def p_pub_macd_and_averages(asset):
    fast = EWMA.from_halflife(inputs=[CLOSE], window_length=20, halflife=4)
    slow = EWMA.from_span(inputs=[CLOSE], window_length=40, span=26)
    spread = EWMSTD.from_center_of_mass(inputs=[CLOSE], window_length=20, center_of_mass=8)
    signal = MACDSignal(fast_period=8, slow_period=17, signal_period=5)
    return Pipeline(
        {
            "crossed": fast > slow,
            "gap": (fast - slow) / spread,
            "signal": signal,
            "weighted": LinearWeightedMovingAverage(inputs=[CLOSE], window_length=12),
            "vwap": VWAP(window_length=7) / CLOSE.latest - 1,
        },
        screen=(fast > slow) | (signal > 0),
    )


class Efficiency(CustomFactor):
    """Kaufman's ratio: how much of the way was progress."""

    inputs = [USEquityPricing.close]
    window_length = 11

    def compute(self, today, assets, out, close):
        way = np.nansum(np.abs(np.diff(close, axis=0)), axis=0)
        out[:] = np.abs(close[-1] - close[0]) / np.where(way == 0, np.nan, way)


class Turnover(CustomFactor):
    """Volume against its own history, of those that a mask leaves."""

    inputs = [USEquityPricing.volume, USEquityPricing.close]
    window_length = 25
    params = ("recent",)

    def compute(self, today, assets, out, volume, close, recent):
        dollars = np.nan_to_num(volume * close)
        usual = dollars[:-recent].mean(axis=0)
        usual[usual == 0] = np.nan
        out[:] = dollars[-recent:].mean(axis=0) / usual


def p_pub_masked_windows(asset):
    liquid = AverageDollarVolume(window_length=10).top(11)
    quiet = AnnualizedVolatility(window_length=15, mask=liquid).bottom(7)
    efficiency = Efficiency(mask=quiet)
    busy = Turnover(recent=3, mask=liquid & ~quiet)
    return Pipeline(
        {
            "efficiency": efficiency,
            "busy": busy,
            "either": quiet.if_else(efficiency, busy),
            "rank": efficiency.rank(mask=quiet, method="dense"),
            "filled": busy.fillna(1.0),
            "capped": busy.clip(0.5, 1.5),
        },
        screen=liquid,
    )


class Regime(CustomClassifier):
    """0 falling, 1 flat, 2 rising; those that move too little are left out."""

    inputs = [USEquityPricing.close]
    window_length = 8
    dtype = np.int64
    missing_value = -9

    def compute(self, today, assets, out, close):
        change = close[-1] / close[0] - 1
        out[:] = np.where(change < -0.01, 0, np.where(change > 0.01, 2, 1))
        out[np.isnan(change)] = self.missing_value


def p_pub_regimes(asset):
    regime = Regime()
    returns = Returns(window_length=3)
    return Pipeline(
        {
            "regime": regime,
            "rising": regime.eq(2),
            "moving": regime.element_of([0, 2]),
            "not_flat": regime != 1,
            "peers": returns.rank(groupby=regime),
            "relative": returns.demean(groupby=regime),
            "best": returns.top(1, groupby=regime),
        },
        screen=regime.notnull(),
    )


class Steady(CustomFilter):
    """Rises on most days."""

    inputs = [USEquityPricing.close]
    window_length = 10

    def compute(self, today, assets, out, close):
        out[:] = (np.diff(close, axis=0) > 0).mean(axis=0) >= 0.5


def p_pub_filters_of_filters(asset):
    up = DailyReturns() > 0
    listed = AllPresent(inputs=[CLOSE], window_length=12)
    several = AtLeastN(inputs=[up], window_length=8, N=4)
    every = All(inputs=[VOLUME.latest > 0], window_length=5)
    once = Any(inputs=[CLOSE.latest > 100], window_length=6)
    static = StaticSids([3, 8, 13, 18, 23, 28, 33, 9999])
    return Pipeline(
        {
            "steady": Steady(),
            "several": several,
            "every": every,
            "once": once,
            "static": static,
            "mixed": (Steady() & ~several) | (every & static & ~once),
            "masked": Returns(window_length=5).top(3, mask=listed & every),
        },
        screen=listed | ~static,
    )


def p_pub_low_volatility(asset):
    universe = AverageDollarVolume(window_length=60).top(12)
    returns = DailyReturns(mask=universe)
    volatility = AnnualizedVolatility(window_length=60, mask=universe)
    fall = MaxDrawdown(inputs=[CLOSE], window_length=60, mask=universe)
    inverse = 1 / volatility
    return Pipeline(
        {
            "volatility": volatility,
            "fall": fall,
            "share": inverse / 12,
            "calm": volatility.percentile_between(0, 30, mask=universe),
            "score": volatility.rank(mask=universe) + fall.rank(mask=universe),
            "today": returns,
        },
        screen=universe,
    )


def p_pub_gaps(asset):
    class Overnight(CustomFactor):
        inputs = [OPENING, CLOSE]
        window_length = 6
        outputs = ["usual", "last", "worst"]

        def compute(self, today, assets, out, opening, close):
            gap = opening[1:] / close[:-1] - 1
            out.usual[:] = np.nanmean(gap, axis=0)
            out.last[:] = gap[-1]
            out.worst[:] = np.nanmin(gap, axis=0)

    gaps = Overnight()
    return Pipeline(
        {
            "usual": gaps.usual,
            "last": gaps.last,
            "worst": gaps.worst.rank(),
            "range": TrueRange() / CLOSE.latest,
        },
        screen=gaps.last.notnull(),
    )


def p_pub_words(asset):
    exchange = Morningstar.exchange.latest
    return Pipeline(
        {
            "exchange": exchange,
            "nyse": exchange.eq("NYS"),
            "starts": exchange.startswith("N"),
            "not_nasdaq": exchange != "NAS",
            "has": exchange.has_substring("Y"),
            "matches": exchange.matches("N.S"),
            "by_exchange": Returns(window_length=5).demean(groupby=exchange),
        },
        screen=exchange.notnull() | (CLOSE.latest > 50),
    )


def p_pub_ages_of_filings(asset):
    filed = Morningstar.filed.latest

    class Age(CustomFactor):
        inputs = [Morningstar.filed]
        window_length = 1

        def compute(self, today, assets, out, filed):
            out[:] = (today.to_datetime64() - filed[-1]) / np.timedelta64(1, "D")

    age = Age()
    return Pipeline(
        {"filed": filed, "age": age, "fresh": (age >= 0) & (age < 10), "known": filed.notnull()},
        screen=filed.notnull(),
    )


def p_pub_price_to_peak(asset):
    class ToPeak(CustomFactor):
        inputs = [USEquityPricing.close, USEquityPricing.high]
        window_length = 90

        def compute(self, today, assets, out, close, high):
            out[:] = close[-1] / np.nanmax(high, axis=0)

    near = ToPeak()
    change = PercentChange(inputs=[CLOSE], window_length=30)
    rate = RateOfChangePercentage(inputs=[CLOSE], window_length=30)
    return Pipeline(
        {"near": near, "top": near.top(4), "change": change, "rate": rate, "z": near.zscore()},
        screen=near.percentile_between(30, 100),
    )


def p_pub_volume_weighted(asset):
    value = WeightedAverageValue(inputs=[CLOSE, VOLUME], window_length=15)
    latest = Latest(inputs=[VOLUME])
    return Pipeline(
        {
            "value": value,
            "over": CLOSE.latest / value,
            "busy": latest > 1.2 * SimpleMovingAverage(inputs=[VOLUME], window_length=15),
            "log": latest.log(),
            "power": (CLOSE.latest / value) ** 2,
            "sqrt": latest.sqrt(),
        }
    )


def p_pub_ranks_summed(asset):
    factors = [
        Returns(window_length=20),
        -AnnualizedVolatility(window_length=20),
        AverageDollarVolume(window_length=20),
        Morningstar.book_value_yield.latest,
    ]
    total = sum(factor.rank(mask=tradable()) for factor in factors)
    mean = total / len(factors)
    return Pipeline(
        {"total": total, "mean": mean, "long": mean.top(2), "group": mean.clip(2, 6)},
        screen=mean.notnull(),
    )


def p_pub_smoothed_ranks(asset):
    class Smoothed(CustomFactor):
        window_length = 5

        def compute(self, today, assets, out, ranks):
            out[:] = np.nanmean(ranks, axis=0)

    ranks = Returns(window_length=15).rank(mask=AverageDollarVolume(window_length=15).top(12))
    smooth = Smoothed(inputs=[ranks])
    return Pipeline(
        {
            "smooth": smooth,
            "average": SimpleMovingAverage(inputs=[ranks], window_length=5),
            "change": ranks - smooth,
            "z": SimpleMovingAverage(inputs=[Returns(window_length=4).zscore()], window_length=3),
        },
        screen=smooth.notnull(),
    )


def p_pub_across_delistings(asset):
    universe = AverageDollarVolume(window_length=15).top(8)
    score = Returns(window_length=10, mask=universe)
    return Pipeline(
        {
            "score": score.zscore(),
            "rank": score.rank(ascending=False),
            "long": score.top(2),
            "short": score.bottom(2),
            "weight": score.demean() / 8,
        },
        screen=score.top(2) | score.bottom(2),
    )


def p_pub_made_in_parts(asset):
    pipe = Pipeline()
    universe = tradable()
    pipe.add(CLOSE.latest, "price")
    pipe.add(Returns(window_length=3), "r")
    pipe.add(Returns(window_length=9), "r", overwrite=True)
    pipe.add(Morningstar.sector_code.latest, "sector")
    pipe.set_screen(universe)
    pipe.set_screen(universe & (CLOSE.latest < 400), overwrite=True)
    pipe.remove("price")
    pipe.add(CLOSE.latest.alias("p").rank(), "price_rank")
    return pipe
