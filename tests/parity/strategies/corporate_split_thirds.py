"""Holds more than it owns over a split of two thirds, whose fractions are paid in cash,
against a benchmark with dividends.
"""

from zipline.api import (
    date_rules,
    get_datetime,
    order_target_percent,
    record,
    schedule_function,
    set_benchmark,
    set_commission,
    set_slippage,
    symbol,
    time_rules,
)
from zipline.finance import commission, slippage

CASE = {
    "data": "edge_daily",
    "start": "2017-02-01",
    "end": "2017-09-29",
    "quirks": ["look_ahead_before_start", "round_history"],
}
LOG = []


def initialize(context):
    set_benchmark(symbol("DIVI"))
    context.a = symbol("SPLT")
    set_slippage(slippage.NoSlippage())
    set_commission(commission.PerShare(0))
    schedule_function(go, date_rules.month_start(3), time_rules.market_close(minutes=1))
    schedule_function(out, date_rules.month_end(3))


def go(context, data):
    order_target_percent(context.a, 1.3)


def out(context, data):
    order_target_percent(context.a, -0.4)


def before_trading_start(context, data):
    record(pv=context.portfolio.portfolio_value, price=data.current(context.a, "price"))
    context.univ = data.history(context.a, "price", 5, "1d")
    LOG.append(context.univ)
    LOG.append([get_datetime(), data.current_dt, data.can_trade(context.a), data.current_session])


def analyze(context, perf):
    LOG.append(perf.returns.sum())
    LOG.append(perf.algo_volatility.iloc[-1])
    LOG.append(perf.index[0])
    LOG.append(perf["portfolio_value"].pct_change().std())
    LOG.append(perf.alpha.iloc[-1])
    LOG.append(perf[["beta", "sharpe"]].iloc[-1])
    LOG.append(perf.orders.apply(len).sum())
    LOG.append(perf.transactions.apply(lambda x: sum(t["amount"] * t["price"] for t in x)).sum())
    LOG.append(perf.loc["2017-03":"2017-04", "pnl"].sum())
    LOG.append(perf.pv.iloc[:3])
