"""The context carries the api functions as methods and whatever else the strategy puts
on it.
"""

from zipline.finance import commission, slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-02-28", "default_safe": True}
LOG = []


def initialize(context):
    context.set_slippage(slippage.FixedBasisPointsSlippage(basis_points=3, volume_limit=0.5))
    context.set_commission(commission.PerDollar(0.001))
    context.asset = context.symbol("ALFA")
    context.pair = context.symbols("VOLA", "DIVI")
    context.table = {"days": 0}
    context.schedule_function(weekly, context_rules().week_end())


def context_rules():
    from zipline.api import date_rules

    return date_rules


def weekly(context, data):
    context.order_target_percent(context.asset, 0.3)
    context.record(week=context.table["days"])


def handle_data(context, data):
    context.table["days"] += 1
    if context.table["days"] % 9 == 1:
        LOG.append([context.order(asset, 20) for asset in context.pair])
    LOG.append(
        [
            context.get_datetime(),
            len(context.get_open_orders()),
            context.get_environment("data_frequency"),
        ]
    )
    context.record(days=context.table["days"])
