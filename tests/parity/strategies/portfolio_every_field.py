"""Every field of portfolio, account and positions on every bar, long and short, with
corporate actions.
"""

from zipline.api import order, order_target_percent, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-01-27",
    "end": "2017-05-19",
    "default_safe": True,
    "capital_base": 50000.0,
}
LOG = []
PORTFOLIO = (
    "cash_flow",
    "starting_cash",
    "portfolio_value",
    "pnl",
    "returns",
    "cash",
    "start_date",
    "positions_value",
    "positions_exposure",
    "capital_used",
)
ACCOUNT = (
    "settled_cash",
    "accrued_interest",
    "buying_power",
    "equity_with_loan",
    "total_positions_value",
    "total_positions_exposure",
    "regt_equity",
    "regt_margin",
    "initial_margin_requirement",
    "maintenance_margin_requirement",
    "available_funds",
    "excess_liquidity",
    "cushion",
    "day_trades_remaining",
    "leverage",
    "net_leverage",
    "net_liquidation",
    "gross_leverage",
)


def initialize(context):
    context.alfa, context.vola, context.splt, context.divi = symbols("ALFA", "VOLA", "SPLT", "DIVI")
    context.day = 0


def handle_data(context, data):
    portfolio, account = context.portfolio, context.account
    LOG.append([getattr(portfolio, name) for name in PORTFOLIO])
    LOG.append([getattr(account, name) for name in ACCOUNT])
    LOG.append(portfolio.current_portfolio_weights)
    LOG.append(
        [
            [p.asset, p.sid, p.amount, p.cost_basis, p.last_sale_price, p.last_sale_date]
            for p in portfolio.positions.values()
        ]
    )
    LOG.append(
        [context.vola in portfolio.positions, len(portfolio.positions), list(portfolio.positions)]
    )
    if context.day % 12 == 0:
        order(context.alfa, 150)
        order_target_percent(context.vola, -0.4)
        order(context.splt, 31)
    if context.day % 12 == 6:
        order_target_percent(context.alfa, 0)
        order_target_percent(context.divi, 0.5)
    context.day += 1
