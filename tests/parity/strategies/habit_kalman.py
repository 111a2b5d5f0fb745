"""A Kalman filter in numpy over two prices, kept in an object on the context."""

import numpy as np
from zipline.api import *

CASE = {"data": "real_daily", "start": "2008-01-02", "end": "2008-03-31", "default_safe": True}
LOG = []


class KalmanHedge(object):
    def __init__(self, delta=1e-4, vt=1e-3):
        self.wt = delta / (1 - delta) * np.eye(2)
        self.vt = vt
        self.theta = np.zeros(2)
        self.P = np.zeros((2, 2))
        self.R = None
        self.invested = None

    def step(self, x, y):
        F = np.asarray([x, 1.0]).reshape((1, 2))
        self.R = self.P + self.wt if self.R is not None else np.zeros((2, 2))
        yhat = F.dot(self.theta)
        et = y - yhat
        Qt = F.dot(self.R).dot(F.T) + self.vt
        At = self.R.dot(F.T) / Qt
        self.theta = self.theta + At.flatten() * et
        self.P = self.R - At * F.dot(self.R)
        self.R = self.P
        return et[0], np.sqrt(Qt)[0, 0]


def initialize(context):
    context.x, context.y = symbols("MSFT", "IBM")
    context.k = KalmanHedge()
    context.i = 0
    set_commission(us_equities=commission.PerShare(cost=0.005, min_trade_cost=1.0))
    set_slippage(us_equities=slippage.FixedBasisPointsSlippage())


def handle_data(context, data):
    context.i += 1
    x, y = data.current([context.x, context.y], "price")
    et, q = context.k.step(x, y)
    record(et=et, q=q, beta=context.k.theta[0])
    LOG.append([round(float(et), 7), round(float(q), 7)])
    if context.i < 10:
        return
    qty = 100
    if context.k.invested is None:
        if et < -q:
            order(context.y, qty)
            order(context.x, -int(np.floor(qty * context.k.theta[0])))
            context.k.invested = "long"
        elif et > q:
            order(context.y, -qty)
            order(context.x, np.floor(qty * context.k.theta[0]))
            context.k.invested = "short"
    elif (context.k.invested == "long" and et > -q) or (context.k.invested == "short" and et < q):
        for asset in context.portfolio.positions:
            order_target(asset, 0)
        context.k.invested = None
