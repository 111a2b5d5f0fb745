"""Percentiles, deciles, and screens on what barely trades; equal weights; late listings."""

from zipline.api import (
    attach_pipeline,
    order_target_percent,
    pipeline_output,
    record,
    schedule_function,
    date_rules,
    time_rules,
)
from zipline.pipeline import Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import AverageDollarVolume, Returns, PeerCount, DailyReturns
from zipline.pipeline.filters import SingleAsset
from zipline.api import symbol, symbols

CASE = {"data": "bazaar_us", "start": "2016-08-29", "end": "2016-10-06", "default_safe": True}
LOG = []


def initialize(context):
    price, adv = USEquityPricing.close.latest, AverageDollarVolume(window_length=7)
    quartile = adv.quartiles(mask=price > 1)
    group = (price + adv / 1e9).quantiles(bins=4, mask=price > 1)
    ret = Returns(window_length=9)
    pipe = Pipeline(
        columns={
            "quartile": quartile,
            "decile": (price + adv / 1e9).deciles(mask=price > 1),
            "group": group,
            "peers": PeerCount(inputs=[group]),
            "daily": DailyReturns(),
            "rank_in": ret.rank(groupby=group, ascending=False),
            "best_in": ret.top(1, groupby=group),
            "worst_in": ret.bottom(2, groupby=quartile, mask=price > 1),
            "mint": SingleAsset(symbol("MINT")),
            "same": price.eq(USEquityPricing.low.latest),
            "between": ret.percentile_between(25, 75, mask=group.notnull()),
            "less_max": ret - ret.max(),
            "share": adv / adv.sum(mask=price > 10),
        },
    )
    attach_pipeline(pipe, "screens", chunks=17)
    context.static = symbols("ACRE", "LOOM")
    schedule_function(rebalance, date_rules.month_start(), time_rules.market_open())


def before_trading_start(context, data):
    context.out = pipeline_output("screens")
    LOG.append(context.out)


def rebalance(context, data):
    out = context.out
    picks = out[out.best_in | out.worst_in].index.union(context.static)
    picks = [one for one in picks if data.can_trade(one)]
    for asset in context.portfolio.positions:
        if asset not in picks:
            order_target_percent(asset, 0)
    for asset in picks:
        order_target_percent(asset, 0.9 / len(picks))
    record(picks=len(picks), share=out["share"].max())
