"""if_else, fillna, downsampled factors and filters, month and week starts."""

from zipline.api import (
    attach_pipeline,
    date_rules,
    order_target,
    order_target_value,
    pipeline_output,
    schedule_function,
    time_rules,
)
from zipline.pipeline import Pipeline
from zipline.pipeline.data import EquityPricing
from zipline.pipeline.factors import (
    AverageDollarVolume,
    DailyReturns,
    PercentChange,
    Returns,
    SimpleMovingAverage,
)

CASE = {"data": "bazaar_us", "start": "2016-08-29", "end": "2016-10-20", "default_safe": True}
LOG = []


def initialize(context):
    universe = AverageDollarVolume(window_length=22).top(9).downsample("month_start")
    fast = SimpleMovingAverage(inputs=[EquityPricing.close], window_length=5)
    slow = SimpleMovingAverage(inputs=[EquityPricing.close], window_length=40)
    regime = (fast > slow).downsample("week_start")
    signal = regime.if_else(Returns(window_length=10), -Returns(window_length=3))
    weekly = (
        PercentChange(inputs=[EquityPricing.volume], window_length=6)
        .downsample("week_start")
        .fillna(-1.0)
    )
    pipe = Pipeline({"signal": signal, "regime": regime, "weekly": weekly})
    pipe.set_screen(universe)
    pipe.add(signal.fillna(weekly), "filled")
    pipe.add(
        universe.if_else(EquityPricing.close.latest, EquityPricing.open.latest).downsample(
            "quarter_start"
        ),
        "price",
    )
    pipe.add(DailyReturns().downsample("month_start"), "new_year")
    attach_pipeline(pipe, "p", chunks=[1, 4, 9, 30, 90])
    schedule_function(monthly, date_rules.month_start(2), time_rules.market_close(minutes=10))
    schedule_function(weekly_cut, date_rules.week_end(), time_rules.market_open())


def before_trading_start(context, data):
    context.out = pipeline_output("p")
    LOG.append(context.out)


def monthly(context, data):
    best = context.out["filled"].sort_values(ascending=False).index[:5]
    for asset in best:
        if data.can_trade(asset) and not data.is_stale(asset):
            order_target_value(asset, context.portfolio.portfolio_value / 5)
    for asset in context.portfolio.positions:
        if asset not in best:
            order_target(asset, 0)


def weekly_cut(context, data):
    for asset, position in context.portfolio.positions.items():
        if position.last_sale_price < position.cost_basis * 0.97:
            order_target(asset, 0)
