"""Filters of filters: windows of conditions, static lists, masks upon masks, and none left."""

from zipline.api import (
    attach_pipeline,
    order_target_percent,
    pipeline_output,
    symbols,
    symbol,
    set_symbol_lookup_date,
)
from zipline.pipeline import CustomFilter, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import DailyReturns, Returns, SimpleMovingAverage, AverageDollarVolume
from zipline.pipeline.filters import (
    All,
    AllPresent,
    Any,
    AtLeastN,
    ArrayPredicate,
    NullFilter,
    SingleAsset,
    StaticAssets,
    StaticSids,
)
import numpy as np

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


class Cross(CustomFilter):
    inputs = [USEquityPricing.close]

    def compute(self, today, assets, out, close):
        half = close[len(close) // 2 :]
        out[:] = (np.nanmean(half, axis=0) > np.nanmean(close, axis=0)) & (
            close[-1] < np.nanmean(half, axis=0)
        )


def initialize(context):
    close = USEquityPricing.close.latest
    gains = DailyReturns() > 0
    streak = All(inputs=[gains], window_length=2)
    any_gain = Any(inputs=[Returns(window_length=3) > 0.05], window_length=6)
    often = AtLeastN(
        inputs=[close > SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=12)],
        window_length=10,
        N=7,
    )
    static = StaticAssets(symbols("ACRE", "BOLT", "CALM", "GUST", "HAZE"))
    some = StaticSids([40, 54, 68, 82, 96, 110, 124])
    liquid = AverageDollarVolume(window_length=3, mask=static | some).top(6)
    present = AllPresent(inputs=[USEquityPricing.volume], window_length=4)
    pipe = Pipeline(
        {
            "streak": streak,
            "any_gain": any_gain,
            "often": often,
            "liquid": liquid,
            "present": present,
            "cross": Cross(window_length=14, mask=liquid),
            "week": streak.downsample("week_start"),
            "one": SingleAsset(symbol("CALM")),
            "null": close.isnull(),
            "pred": ~close.isfinite() | (close <= 5),
            "xor": (streak | any_gain) & ~(streak & any_gain),
            "lat": close.latest if hasattr(close, "latest") else close,
        },
        screen=(static | some) & ~(streak & SingleAsset(symbol("MINT"))),
    )
    attach_pipeline(pipe, "filters")


def before_trading_start(context, data):
    context.out = pipeline_output("filters")
    LOG.append(context.out)
    LOG.append([str(one) for one in context.out.dtypes])


def handle_data(context, data):
    out = context.out
    flags = out[["streak", "any_gain", "often", "cross"]].sum(axis=1)
    best = flags[flags >= 2].index.intersection(out.index[out.liquid])
    for asset in context.portfolio.positions.keys() - set(best):
        order_target_percent(asset, 0)
    for asset in best:
        order_target_percent(asset, 1.0 / max(len(best), 4))
