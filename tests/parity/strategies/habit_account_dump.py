"""Writes down every field of portfolio, account and positions each day, with shorts, splits and dividends."""

from zipline.api import *

CASE = {"data": "edge_daily", "start": "2017-02-01", "end": "2017-06-28", "default_safe": True}

LOG = []


def initialize(context):
    context.u = symbols("ALFA", "SPLT", "DIVI", "GONE")
    context.i = 0


def handle_data(context, data):
    P, A = context.portfolio, context.account
    if context.i % 10 == 0:
        for weight, s in zip((0.4, -0.3, 0.5, 0.1), context.u):
            if data.can_trade(s):
                order_target_percent(s, weight)
    context.i += 1
    LOG.append([P.cash, P.portfolio_value, P.positions_value, P.positions_exposure, P.pnl])
    LOG.append([P.returns, P.cash_flow, P.start_date, P.starting_cash])
    LOG.append([A.leverage, A.net_leverage, A.buying_power, A.settled_cash, A.equity_with_loan])
    LOG.append([A.total_positions_value, A.available_funds, A.excess_liquidity, A.cushion])
    LOG.append([A.net_liquidation, A.day_trades_remaining, A.accrued_interest, A.regt_equity])
    LOG.append([A.regt_margin, A.initial_margin_requirement, A.maintenance_margin_requirement])
    LOG.append(P.current_portfolio_weights.to_dict() if len(P.positions) else {})
    for s in sorted(P.positions):
        q = P.positions[s]
        LOG.append([q.sid.symbol, q.asset.symbol, q.amount, q.cost_basis, q.last_sale_price])
    LOG.append([bool(P.positions), context.u[0] in P.positions, len(P.positions)])
    LOG.append([P.positions.get(context.u[1]) is None, P.positions[symbol("VOLA")].amount])
