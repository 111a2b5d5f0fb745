"""Pipelines of whole research ideas, for zipline; `rbtlive` runs the same text with its
name in the import lines.
"""

import numpy as np
import pandas as pd
from zipline.lib.adjustment import MULTIPLY, OVERWRITE
from zipline.pipeline import CustomClassifier, CustomFactor, CustomFilter, Pipeline
from zipline.pipeline.data import Column, DataSet, USEquityPricing
from zipline.pipeline.domain import US_EQUITIES
from zipline.pipeline.factors import (
    RSI,
    VWAP,
    AverageDollarVolume,
    DailyReturns,
    EWMA,
    Latest,
    MaxDrawdown,
    PeerCount,
    Returns,
    RollingLinearRegressionOfReturns,
    RollingPearsonOfReturns,
    SimpleBeta,
    SimpleMovingAverage,
)
from zipline.pipeline.filters import All, AllPresent, Any, AtLeastN, StaticAssets
from zipline.pipeline.loaders.frame import DataFrameLoader

SPANS = {
    "p_study_restated_quarters": ("2016-02-03", "2016-02-26"),
    "p_study_quarters_downsampled": ("2015-11-16", "2016-02-26"),
}


class Quarterly(DataSet):
    """Figures of each quarter, known weeks after it ended; some are restated."""

    earnings = Column(float)
    shares = Column(float)
    sector = Column(np.int64, missing_value=-1)
    analysts = Column(np.int64, missing_value=0)
    reported = Column("datetime64[ns]")
    domain = US_EQUITIES


def loaders(days, sids):
    """Return what loads each column: the figures of a quarter from its report on, a
    different day for each asset.
    """
    index = pd.DatetimeIndex(days)
    sid = np.asarray(sids)
    quarters = (index.year * 4 + index.quarter).to_numpy()[:, None]
    into = (index - index.to_period("Q").start_time).days.to_numpy()[:, None]
    known = quarters - (into < 20 + sid[None, :] % 25)
    earnings = ((known * 37 + sid[None, :] * 11) % 101 - 30) / 4.0
    earnings = np.where((known + sid[None, :]) % 13 == 0, np.nan, earnings)
    starts = index.to_period("Q").start_time.to_numpy()[:, None]
    reported = starts + (20 + sid[None, :] % 25) * np.timedelta64(1, "D")
    reported = np.where(into < 20 + sid[None, :] % 25, np.datetime64("NaT", "ns"), reported)
    frames = {
        "earnings": earnings,
        "shares": 50.0 + (known * 7 + sid[None, :] * 3) % 40,
        "sector": np.broadcast_to(np.where(sid % 9 == 4, -1, sid % 4), earnings.shape),
        "analysts": (known + sid[None, :]) % 6,
        "reported": reported.astype("datetime64[ns]"),
    }
    restated = pd.DataFrame(
        [
            (sids[1], 9.75, OVERWRITE, "2016-01-20", "2016-02-08", "2016-02-10"),
            (sids[3], 1.1, MULTIPLY, None, "2016-02-12", "2016-02-16"),
            (sids[6], -4.25, OVERWRITE, "2016-02-01", "2016-02-17", "2016-02-19"),
            (sids[6], -4.5, OVERWRITE, "2016-02-01", "2016-02-19", "2016-02-23"),
        ],
        columns=["sid", "value", "kind", "start_date", "end_date", "apply_date"],
    )
    for name in ("start_date", "end_date", "apply_date"):
        restated[name] = pd.to_datetime(restated[name])
    return {
        getattr(Quarterly, name): DataFrameLoader(
            getattr(Quarterly, name),
            pd.DataFrame(values, index=index, columns=list(sids)),
            restated if name == "earnings" else None,
        )
        for name, values in frames.items()
    }


class Surprise(CustomFactor):
    """Earnings against those of a quarter ago."""

    inputs = [Quarterly.earnings, Quarterly.shares]
    window_length = 64
    outputs = ["change", "a_share"]

    def compute(self, today, assets, out, earnings, shares):
        out.change[:] = earnings[-1] - earnings[0]
        out.a_share[:] = earnings[-1] / shares[-1]


class Residual(CustomFactor):
    """Momentum that is left when the cross-section's own is taken out."""

    inputs = [DailyReturns()]
    window_length = 40

    def compute(self, today, assets, out, returns):
        market = np.nanmean(returns, axis=1)[:, None]
        own = np.where(np.isnan(returns), 0.0, returns)
        x = market - market.mean()
        beta = (x * own).sum(axis=0) / (x**2).sum()
        rest = own - beta * market
        out[:] = rest[:-5].sum(axis=0) / rest[:-5].std(axis=0)


class Age(CustomClassifier):
    """How long an asset has had prices, in three classes."""

    inputs = [USEquityPricing.close]
    window_length = 50
    dtype = np.int64
    missing_value = -1

    def compute(self, today, assets, out, close):
        counts = (~np.isnan(close)).sum(axis=0)
        out[:] = np.where(counts == 0, -1, np.digitize(counts, [20, 45]))


class Gapped(CustomFilter):
    inputs = [USEquityPricing.open, USEquityPricing.close]
    window_length = 3

    def compute(self, today, assets, out, opens, closes):
        out[:] = np.nanmax(np.abs(opens[1:] / closes[:-1] - 1), axis=0) > 0.01


def p_study_sector_neutral(asset):
    """Two factors without their sectors' means, ranked and summed."""
    sector = Quarterly.sector.latest
    liquid = AverageDollarVolume(window_length=15).top(13) & sector.notnull()
    value = Quarterly.earnings.latest / USEquityPricing.close.latest
    momentum = Returns(window_length=30)
    parts = [
        term.winsorize(0.1, 0.9, mask=liquid).demean(mask=liquid, groupby=sector)
        for term in (value, momentum)
    ]
    score = parts[0].rank(mask=liquid) + parts[1].rank(mask=liquid)
    return Pipeline(
        {
            "value": parts[0],
            "momentum": parts[1],
            "score": score,
            "sector": sector,
            "peers": PeerCount(inputs=[sector]),
            "long": score.top(2, groupby=sector),
            "short": score.bottom(2, groupby=sector),
        },
        screen=liquid,
    )


def p_study_beta_and_residual(asset):
    beta = SimpleBeta(asset("AA0"), 30, allowed_missing_percentage=0.2)
    momentum = Returns(window_length=20)
    rest = momentum - beta * momentum[asset("AA0")]
    return Pipeline(
        {
            "beta": beta,
            "rest": rest,
            "rank": rest.rank(ascending=False),
            "own": Residual(),
            "scored": Residual().zscore() + rest.zscore(),
        },
        screen=beta.notnull(),
    )


def p_study_regressions_of_returns(asset):
    rolling = RollingLinearRegressionOfReturns(
        target=asset("HH7"), returns_length=5, regression_length=20
    )
    pearson = RollingPearsonOfReturns(target=asset("HH7"), returns_length=5, correlation_length=20)
    return Pipeline(
        {
            "alpha": rolling.alpha,
            "beta": rolling.beta,
            "r": rolling.r_value,
            "error": rolling.stderr,
            "pearson": pearson,
            "steady": (rolling.p_value < 0.05) & (pearson > 0),
        }
    )


def p_study_winsorised_combo(asset):
    mask = AllPresent([USEquityPricing.close], window_length=30)
    value = (Quarterly.earnings.latest / Quarterly.shares.latest).winsorize(0.05, 0.95, mask=mask)
    trend = (
        SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=10)
        / SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=30)
        - 1
    )
    calm = -DailyReturns().winsorize(0.2, 0.8, mask=mask)
    combo = (
        0.5 * value.zscore(mask=mask)
        + 0.3 * trend.zscore(mask=mask).clip(-1.5, 1.5)
        + 0.2 * calm.zscore(mask=mask)
    )
    return Pipeline(
        {"combo": combo, "decile": combo.quantiles(4, mask=combo.notnull()), "trend": trend},
        screen=mask & combo.percentile_between(20, 100, mask=mask),
    )


def p_study_groups_by_age(asset):
    age = Age()
    momentum = Returns(window_length=10)
    return Pipeline(
        {
            "age": age,
            "neutral": momentum.demean(groupby=age),
            "scored": momentum.zscore(groupby=age, mask=age.element_of([1, 2])),
            "rank": momentum.rank(groupby=age, method="ordinal"),
            "best": momentum.top(1, groupby=age),
        },
        screen=~age.eq(0),
    )


def p_study_month_starts(asset):
    ranked = Returns(window_length=21).rank(mask=AverageDollarVolume(window_length=21).top(9))
    monthly = ranked.downsample("month_start")
    return Pipeline(
        {
            "rank": ranked,
            "monthly": monthly,
            "moved": ranked - monthly,
            "kept": (monthly <= 3).downsample("week_start"),
            "drawn": MaxDrawdown(inputs=[USEquityPricing.close], window_length=15).downsample(
                "quarter_start"
            ),
        },
        screen=monthly.notnull() | ranked.notnull(),
    )


def p_study_choices(asset):
    rsi = RSI(window_length=10)
    fast = EWMA.from_span(inputs=[USEquityPricing.close], window_length=20, span=6)
    oversold, rising = rsi < 40, USEquityPricing.close.latest > fast
    bet = oversold.if_else(-rsi, rising.if_else(rsi, rsi * 0.0))
    return Pipeline(
        {
            "bet": bet,
            "filled": bet.fillna(-1.0),
            "other": rising.if_else(oversold, ~oversold),
            "label": Quarterly.sector.latest.fillna(9),
            "price": rising.if_else(fast, Latest(inputs=[USEquityPricing.close])),
        }
    )


def p_study_masks_in_masks(asset):
    liquid = AverageDollarVolume(window_length=10).top(12)
    cheap = USEquityPricing.close.latest.bottom(8, mask=liquid)
    calm = MaxDrawdown(inputs=[USEquityPricing.close], window_length=20, mask=cheap).bottom(
        5, mask=cheap
    )
    momentum = Returns(window_length=15, mask=calm)
    return Pipeline(
        {
            "momentum": momentum,
            "rank": momentum.rank(mask=calm),
            "wide": Returns(window_length=15).zscore(mask=liquid).rank(mask=cheap),
            "three": momentum.top(3, mask=calm & cheap),
        },
        screen=liquid & ~StaticAssets([asset("AA0")]),
    )


def p_study_outputs_of_quarters(asset):
    surprise = Surprise()
    change, a_share = surprise.change, surprise.a_share
    return Pipeline(
        {
            "change": change,
            "a_share": a_share,
            "both": change.zscore() + a_share.zscore(),
            "up": change > 0,
            "best": a_share.top(4, mask=change.notnull()),
        },
        screen=change.notnull() | a_share.notnull(),
    )


def p_study_restated_quarters(asset):
    """What was corrected later is seen as it was known on each day."""

    class Ago(CustomFactor):
        inputs = [Quarterly.earnings]
        window_length = 12
        outputs = ["now", "first", "total"]

        def compute(self, today, assets, out, earnings):
            out.now[:] = earnings[-1]
            out.first[:] = earnings[0]
            out.total[:] = np.nansum(earnings, axis=0)

    ago = Ago()
    return Pipeline(
        {
            "latest": Quarterly.earnings.latest,
            "now": ago.now,
            "first": ago.first,
            "total": ago.total,
            "reported": Quarterly.reported.latest,
        }
    )


def p_study_quarters_downsampled(asset):
    earnings = Quarterly.earnings.latest
    return Pipeline(
        {
            "quarter": earnings.downsample("quarter_start"),
            "since": earnings - earnings.downsample("month_start"),
            "sector": Quarterly.sector.latest.downsample("month_start"),
            "covered": Quarterly.analysts.latest.element_of([3, 4, 5]).downsample("week_start"),
        },
        screen=Quarterly.analysts.latest.notnull(),
    )


def p_study_filters_over_days(asset):
    up = DailyReturns() > 0
    gap = Gapped()
    return Pipeline(
        {
            "always": All(inputs=[up], window_length=3),
            "once": Any(inputs=[gap], window_length=5),
            "often": AtLeastN(inputs=[up], window_length=8, N=5),
            "share": VWAP(window_length=5, mask=gap) / USEquityPricing.close.latest,
        },
        screen=AtLeastN(inputs=[up], window_length=8, N=2) | gap,
    )


def p_study_ranks_of_scores_over_days(asset):
    """A mean of ranks over a week, which is safe in windows, ranked again."""
    liquid = AverageDollarVolume(window_length=20).percentile_between(30, 100)
    daily = Returns(window_length=5).rank(mask=liquid)
    week = SimpleMovingAverage(inputs=[daily], window_length=5)
    spread = week.rank(ascending=False, mask=liquid) - daily
    return Pipeline(
        {"daily": daily, "week": week, "spread": spread, "tail": spread.abs().top(3)},
        screen=liquid & week.notnull(),
    )
