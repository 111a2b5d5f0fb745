"""Twelve-minus-one momentum with a long window; top decile; orders spread over days."""

from zipline.api import *
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing
import numpy as np

CASE = {"data": "bazaar_us", "start": "2016-10-03", "end": "2016-11-15", "default_safe": True}
LOG = []


class MomentumFactor(CustomFactor):
    inputs = [USEquityPricing.close, USEquityPricing.close]
    window_length = 126

    def compute(self, today, assets, out, price, again):
        out[:] = (
            (price[-21] - price[0])
            / price[0]
            / (1e-9 + np.nanstd(np.diff(np.log(again[:-21]), axis=0), axis=0))
        )


class MomentumOnce(CustomFactor):
    inputs = (USEquityPricing.close,)

    def compute(self, today, assets, out, price):
        out[:] = price[-21] / price[0] - 1


def initialize(context):
    pipe = Pipeline()
    attach_pipeline(pipe, "late")
    momentum = MomentumOnce(window_length=126)
    pipe.add(momentum, "momentum")
    pipe.add(momentum.rank(ascending=False), "rank")
    pipe.add(momentum.percentile_between(70, 100), "leaders")
    pipe.set_screen(momentum.notnan())
    context.queue = []
    schedule_function(
        plan, date_rules.month_start(days_offset=0), time_rules.market_open(minutes=1)
    )
    schedule_function(work, date_rules.every_day(), time_rules.market_open(minutes=20))


def before_trading_start(context, data):
    context.output = pipeline_output("late")
    LOG.append(context.output.sort_values("rank"))


def plan(context, data):
    leaders = context.output.query("leaders").index
    context.queue = [(one, 0) for one in context.portfolio.positions if one not in leaders]
    context.queue += [(one, 1.0 / len(leaders)) for one in leaders]


def work(context, data):
    for asset, weight in context.queue[:2]:
        if data.can_trade(asset):
            order_target_percent(asset, weight)
        else:
            log.append(asset) if False else LOG.append(["cannot trade", asset.symbol])
    context.queue = context.queue[2:]
    record(left=len(context.queue))
