"""Our own writing of the rules of zipline's example 'olmar', on three companies.

Source: Li and Hoi, "On-Line Portfolio Selection with Moving Average Reversion", ICML
2012; projection onto the simplex after Duchi et al., ICML 2008.
"""

import numpy as np
from zipline.finance import commission, slippage

CASE = {
    "data": "real_daily",
    "start": "2004-01-02",
    "end": "2004-08-31",
    "capital_base": 1e7,
    "twin_of": "zipline.examples.olmar",
    "quirks": ["round_history"],
}
WINDOW, THRESHOLD = 5, 1


def initialize(context):
    context.assets = [context.symbol(name) for name in ("AAPL", "IBM", "MSFT")]
    context.weights = np.full(len(context.assets), 1 / len(context.assets))
    context.invested = False
    context.bars = 0
    context.set_slippage(slippage.VolumeShareSlippage())
    context.set_commission(commission.PerShare(cost=0, min_trade_cost=1.0))


def handle_data(context, data):
    context.bars += 1
    if context.bars < WINDOW:
        return
    if not context.invested:
        rebalance(context, data, context.portfolio.starting_cash)
        context.invested = True
        return
    means = data.history(context.assets, "price", WINDOW, "1d").mean()
    relative = np.array([means[asset] / data.current(asset, "price") for asset in context.assets])
    deviation = relative - relative.mean()
    spread = np.linalg.norm(deviation) ** 2
    step = 0 if spread == 0 else max(0, (THRESHOLD - np.dot(context.weights, relative)) / spread)
    context.weights = onto_simplex(context.weights + step * deviation)
    rebalance(context, data, context.portfolio.positions_value + context.portfolio.cash)


def rebalance(context, data, value):
    prices = np.array([data.current(asset, "price") for asset in context.assets])
    held = np.array([float(context.portfolio.positions[asset].amount) for asset in context.assets])
    wanted = np.round(context.weights * value / prices)
    for asset, amount in zip(context.assets, wanted - held):
        context.order(asset, amount)


def onto_simplex(vector):
    positive = np.where(vector > 0, vector, 0.0)
    ordered = np.sort(positive)[::-1]
    surplus = np.cumsum(ordered) - 1
    last = np.nonzero(ordered > surplus / np.arange(1, len(vector) + 1))[0][-1]
    shift = max(0, surplus[last] / (last + 1))
    return np.clip(positive - shift, 0, None)
