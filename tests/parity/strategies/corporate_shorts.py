"""Goes short and long in turn over splits, dividends, late listings and delistings."""

from zipline.api import order, record, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {
    "data": "edge_daily",
    "start": "2017-01-27",
    "end": "2017-12-29",
    "capital_base": 30000,
    "quirks": ["lose_dividend_off_session"],
}
LOG = []


def initialize(context):
    context.s = symbols("DIVI", "DIVQ", "SPLT", "GONE", "QUIT", "VOLA", "LATE")
    set_slippage(slippage.FixedSlippage(spread=0.04))
    set_commission(commission.PerDollar(cost=0.0013))
    context.i = 0


def handle_data(context, data):
    if context.i % 20 == 0:
        for s in context.s:
            if data.can_trade(s):
                order(s, -37 if (context.i // 20) % 2 == 0 else 53)
    context.i += 1
    p = context.portfolio
    LOG.append(
        [
            p.cash,
            p.pnl,
            p.returns,
            p.positions_value,
            p.positions_exposure,
            p.capital_used,
            context.account.leverage,
            context.account.net_leverage,
            context.account.cushion,
        ]
    )
    LOG.append(
        {
            s: [q.amount, q.cost_basis, q.last_sale_price, q.last_sale_date]
            for s, q in p.positions.items()
        }
    )
    record(n=len(p.positions))
