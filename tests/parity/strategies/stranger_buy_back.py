"""Output kept over days; what left the screen is sold, what came is bought."""

from zipline.api import (
    attach_pipeline,
    get_datetime,
    order,
    order_target_percent,
    pipeline_output,
    record,
    get_open_orders,
    cancel_order,
)
from zipline.finance import commission, slippage
from zipline.api import set_commission, set_slippage, set_long_only, set_max_position_size
from zipline.pipeline import Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import (
    AverageDollarVolume,
    MovingAverageConvergenceDivergenceSignal,
    Returns,
)
from zipline.pipeline.factors.technical import (
    FastStochasticOscillator,
    IchimokuKinkoHyo,
    Aroon,
    TrueRange,
)

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "capital_base": 1_000_000.0,
    "default_safe": True,
}
LOG = []


def initialize(context):
    set_commission(commission.PerTrade(cost=3.0))
    set_slippage(slippage.FixedBasisPointsSlippage(basis_points=8, volume_limit=0.2))
    set_long_only()
    macd = MovingAverageConvergenceDivergenceSignal(fast_period=5, slow_period=15, signal_period=4)
    cloud = IchimokuKinkoHyo(
        window_length=26, tenkan_sen_length=5, kijun_sen_length=13, chikou_span_length=13
    )
    aroon = Aroon(window_length=12)
    screen = (
        (macd > 0)
        & (FastStochasticOscillator() > 25)
        & (AverageDollarVolume(window_length=5) > 1e4)
    )
    pipe = Pipeline(
        {
            "macd": macd,
            "tenkan": cloud.tenkan_sen,
            "cloud": cloud.senkou_span_a - cloud.senkou_span_b,
            "up": aroon.up,
            "down": aroon.down,
            "range": TrueRange(),
            "gap": Returns(inputs=[USEquityPricing.open], window_length=2),
        },
        screen=screen,
    )
    context.attached = attach_pipeline(pipe, "screener")
    context.before = set()


def before_trading_start(context, data):
    context.output = pipeline_output("screener")
    LOG.append(context.output)
    now = set(context.output.index)
    context.came, context.left = now - context.before, context.before - now
    context.before = now


def handle_data(context, data):
    for asset, orders in get_open_orders().items():
        for one in orders:
            if asset not in context.before:
                cancel_order(one)
    for asset in sorted(context.came):
        if data.can_trade(asset):
            order_target_percent(asset, 0.08)
    for asset in sorted(context.left):
        amount = context.portfolio.positions[asset].amount
        if amount and data.can_trade(asset):
            order(asset, -amount)
    LOG.append(
        [
            get_datetime().isoformat(),
            [
                one.symbol
                for one in context.output.index.difference(list(context.portfolio.positions))
            ],
        ]
    )
    record(came=len(context.came), left=len(context.left), strongest=context.output["up"].max())
