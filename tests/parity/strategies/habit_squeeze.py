"""Short entries with limits and stop covers, cancelled by age."""

from zipline.api import *
import pandas as pd

CASE = {
    "data": "edge_daily",
    "start": "2017-02-15",
    "end": "2017-09-29",
    "quirks": ["target_ignores_open_orders", "limit_may_be_passed"],
}
LOG = []


def initialize(context):
    context.u = symbols("VOLA", "GONE", "THIN", "GAPS")
    context.placed = {}
    set_slippage(slippage.FixedBasisPointsSlippage(basis_points=25, volume_limit=0.02))
    set_commission(commission.PerShare(0.0075, min_trade_cost=1))


def cancel_old(context, data, days=3):
    for a, oo in get_open_orders().items():
        for o in oo:
            age = (get_datetime() - o.created).days
            if age >= days:
                cancel_order(o.id)
                LOG.append(["cancel", a, o.filled, age])


def handle_data(context, data):
    cancel_old(context, data)
    for a in context.u:
        if not data.can_trade(a):
            continue
        p = data.current(a, "close")
        if p != p:
            continue
        h = data.history(a, "high", 6, "1d").iloc[:-1].max()
        amt = context.portfolio.positions[a].amount
        if not amt and not get_open_orders(a) and p > h * 0.985:
            context.placed[a] = order_value(a, -9000, limit_price=p * 1.004)
        elif amt < 0:
            if (
                context.portfolio.positions[a].last_sale_price
                < context.portfolio.positions[a].cost_basis * 0.97
            ):
                order_target(a, 0)
            elif not [o for o in get_open_orders(a) if o.stop]:
                order(
                    a,
                    -amt,
                    stop_price=context.portfolio.positions[a].cost_basis * 1.03,
                    limit_price=context.portfolio.positions[a].cost_basis * 1.06,
                )
    LOG.append(
        {
            a: [o.status, o.filled, o.amount]
            for a, i in context.placed.items()
            if i
            for o in [get_order(i)]
        }
    )
    record(short=context.account.net_leverage, gross=context.account.leverage)
