"""Orders that live over nights and half days, looked at and cancelled in the morning."""

from zipline.api import (
    cancel_order,
    get_datetime,
    get_open_orders,
    order,
    record,
    set_commission,
    set_slippage,
    symbols,
)
from zipline.finance import commission, slippage
from zipline.finance.execution import StopLimitOrder

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "quirks": ["round_history"],
}
LOG = []


def initialize(context):
    context.s = symbols("ABLE", "BAKE", "CHEF", "DUNE")
    context.i = 0
    set_commission(commission.PerTrade(cost=1.5))
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.05, price_impact=0.2))


def before_trading_start(context, data):
    LOG.append(
        [
            "bts",
            get_datetime(),
            data.history(context.s, "close", 3, "1d"),
            data.current(context.s, "price"),
            {k: len(v) for k, v in get_open_orders().items()},
        ]
    )
    LOG.append([context.portfolio.portfolio_value, context.portfolio.cash])
    for k, v in get_open_orders().items():
        for o in v:
            if o.limit and o.amount % 3 == 0:
                cancel_order(o.id)


def handle_data(context, data):
    i = context.i
    context.i += 1
    if i % 97 == 5:
        for s in context.s:
            p = data.current(s, "price")
            if p == p:
                order(s, 300 + s.sid, limit_price=p * 0.999)
    if i % 97 == 50:
        for s in context.s:
            p = data.current(s, "price")
            if p == p:
                order(s, -200, style=StopLimitOrder(p * 0.998, p * 0.9995))
    if i % 131 == 0:
        LOG.append(data.history(context.s, "price", 7, "1m"))
        LOG.append(data.history(context.s[:2], ["open", "volume"], 4, "1d"))
        LOG.append(
            [
                get_datetime(),
                {
                    k: [(o.id, o.filled, o.commission, o.dt) for o in v]
                    for k, v in get_open_orders().items()
                },
            ]
        )
        LOG.append(
            [
                (k, v.amount, v.cost_basis, v.last_sale_price)
                for k, v in context.portfolio.positions.items()
            ]
        )
    record(p=data.current(context.s[0], "price"), q=i)
