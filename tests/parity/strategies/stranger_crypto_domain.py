"""Around the clock with a domain of one's own."""

from zipline.api import attach_pipeline, order_target_percent, pipeline_output, record
from zipline.pipeline import Pipeline
from zipline.pipeline.data import EquityPricing
from zipline.pipeline.domain import EquityCalendarDomain
from zipline.pipeline.factors import AverageDollarVolume, EWMA, Returns

CASE = {
    "data": "bazaar_crypto",
    "start": "2016-06-02",
    "end": "2016-06-30",
    "quirks": ["target_ignores_open_orders", "lag_at_midnight"],
}
LOG = []
CRYPTO = EquityCalendarDomain("??", "24/7")


def initialize(context):
    pipe = Pipeline(
        {
            "r": Returns(window_length=8),
            "ewma": EWMA.from_span(inputs=[EquityPricing.close], window_length=12, span=6),
            "month": Returns(window_length=3).downsample("month_start"),
            "week": EquityPricing.close.latest.downsample("week_start"),
        },
        screen=AverageDollarVolume(window_length=6).top(7),
        domain=CRYPTO,
    )
    attach_pipeline(pipe, "crypto")


def before_trading_start(context, data):
    context.out = pipeline_output("crypto")
    LOG.append(context.out)


def handle_data(context, data):
    best = context.out.sort_values("r").index[-3:]
    for asset in context.portfolio.positions:
        if asset not in best and data.can_trade(asset):
            order_target_percent(asset, 0)
    for asset in best:
        if data.can_trade(asset):
            order_target_percent(asset, 0.3)
    record(best=context.out.r.max())
