"""What analyze receives: the frame's columns and index, its rows, and what recorded
variables became.
"""

from zipline.api import order, record, symbol

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-02-15", "default_safe": True}
LOG = []


def initialize(context):
    context.asset = symbol("ALFA")
    context.day = 0


def handle_data(context, data):
    context.day += 1
    order(context.asset, 3)
    if context.day == 7:
        record(seventh=True)


def analyze(context, perf):
    LOG.append(
        [sorted(perf.columns), perf.shape, perf.index[0], perf.index[-1], str(perf.index.tz)]
    )
    LOG.append(
        [
            perf["portfolio_value"].iloc[-1],
            perf["returns"].sum(),
            int(perf["seventh"].isnull().sum()),
        ]
    )
    LOG.append(
        [
            sorted(perf["transactions"].iloc[5][0]),
            sorted(perf["orders"].iloc[5][0]),
            sorted(perf["positions"].iloc[5][0]),
        ]
    )
    LOG.append(
        [
            [
                o["id"],
                o["amount"],
                o["filled"],
                int(o["status"]),
                o["dt"],
                o["created"],
                o["reason"],
            ]
            for o in perf["orders"].iloc[5]
        ]
    )
    LOG.append(
        [
            [t["amount"], t["price"], t["dt"], t["order_id"], t["commission"], t["sid"]]
            for t in perf["transactions"].iloc[5]
        ]
    )
    LOG.append(context.day)
