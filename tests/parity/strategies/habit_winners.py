"""Rebalances through the difference of sets; sorted dicts; only buys with cash left."""

from zipline.api import *
import operator

CASE = {"data": "bazaar_us", "start": "2016-06-01", "end": "2016-12-15", "default_safe": True}
LOG = []


def initialize(context):
    context.universe = [
        symbol(s) for s in "ACRE BOLT CALM DUSK ECHO IRIS JADE KILN LOOM NOVA".split()
    ]
    context.top_n = 3
    schedule_function(rebalance, date_rules.week_start(2), time_rules.market_open(minutes=90))
    schedule_function(record_vars, date_rules.every_day(), time_rules.market_close())
    set_commission(commission.PerShare(cost=0.01, min_trade_cost=2.0))


def rebalance(context, data):
    tradable = [a for a in context.universe if data.can_trade(a)]
    hist = data.history(tradable, "price", 43, "1d")
    mom = (hist.iloc[-1] / hist.iloc[0] - 1).dropna().to_dict()
    ranked = sorted(mom.items(), key=operator.itemgetter(1), reverse=True)
    winners = {a for a, _ in ranked[: context.top_n]}
    held = set(context.portfolio.positions)
    for a in held - winners:
        if data.can_trade(a):
            order_target_percent(a, 0)
    for a in sorted(winners - held):
        order_target_percent(a, 0.95 / context.top_n)
    LOG.append(
        [
            [a.symbol for a, _ in ranked],
            sorted(held, key=lambda a: a.symbol),
            max(tradable),
            tradable[0] < tradable[1],
            hash(tradable[0]) == hash(symbol(tradable[0].symbol)),
        ]
    )


def record_vars(context, data):
    longs = shorts = 0
    for position in context.portfolio.positions.values():
        if position.amount > 0:
            longs += 1
        elif position.amount < 0:
            shorts += 1
    record(
        leverage=context.account.leverage,
        longs=longs,
        shorts=shorts,
        num=len(context.portfolio.positions),
    )
