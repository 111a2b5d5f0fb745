"""No slippage, no commission: fills at the close, all at once, even where hardly
anything traded.
"""

from zipline.api import order, order_target_percent, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-03-31", "default_safe": True}


def initialize(context):
    set_slippage(slippage.NoSlippage())
    set_commission(commission.NoCommission())
    context.thin, context.gaps, context.alfa = symbols("THIN", "GAPS", "ALFA")
    context.day = 0


def handle_data(context, data):
    order(context.thin, 5_000 if context.day % 2 else -4_999)
    if data.can_trade(context.gaps) and not data.is_stale(context.gaps):
        order_target_percent(context.gaps, 0.1)
    order_target_percent(context.alfa, (context.day % 7) / 10)
    context.day += 1
