"""Reads minute frames as pandas users do: unstacked, grouped, resampled, indexed by
tuples.
"""

import numpy as np
import pandas as pd
from zipline.api import order, symbols

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "quirks": ["round_history"],
}
LOG = []


def initialize(context):
    context.s = symbols("CHEF", "ABLE", "BAKE")
    context.i = 0


def handle_data(context, data):
    context.i += 1
    if context.i % 111:
        return
    s = context.s
    f = data.history(s, ["price", "volume", "high"], 12, "1m")
    LOG.append(
        [list(f.columns), f.shape, [str(x) for x in f.dtypes], list(f.index.names), f.index.nlevels]
    )
    LOG.append(f.loc[f.index.get_level_values(0)[-1]])
    LOG.append(f.groupby(level=1).mean())
    LOG.append(f["price"].unstack())
    LOG.append(f.xs(s[0], level=1).iloc[-1])
    g = data.history(s[0], ["close", "volume"], 5, "1m")
    LOG.append(g)
    LOG.append([type(g.index).__name__, g["close"].iloc[-1]])
    h = data.history(s, "close", 60, "1m")
    r = h.resample("15min").last()
    LOG.append(r)
    LOG.append(h.ffill().pct_change().mean())
    d = data.history(s, "close", 4, "1d")
    LOG.append(d)
    LOG.append([str(d.index[-1]), str(d.index.dtype), str(h.index.dtype), str(h.index.tz)])
    LOG.append(data.history(s, "volume", 4, "1d"))
    LOG.append(data.history(s[2], "volume", 9, "1m"))
    LOG.append(str(data.history(s[2], "volume", 9, "1m").dtype))
    c = data.current(s, ["open", "close", "volume", "price", "last_traded"])
    LOG.append(c)
    LOG.append([str(x) for x in c.dtypes])
    LOG.append(list(c.columns))
    LOG.append(data.current(s[0], ["price", "volume", "last_traded"]))
    LOG.append(str(data.current(s[0], ["price", "volume"]).dtype))
    LOG.append(data.current(s, "volume"))
    LOG.append(str(data.current(s, "volume").dtype))
    LOG.append(data.current(tuple(s), "price"))
    LOG.append(data.current(pd.Index(s), "price"))
    LOG.append(data.current(s[0], ("price", "close")))
    LOG.append(data.history(tuple(s), "price", 2, "1d"))
    LOG.append(data.history(pd.Index(s), ["open"], 2, "1m"))
    LOG.append(
        [
            type(data.current(s[0], "price")).__name__ in ("float", "float64"),
            type(data.current(s[0], "volume")).__name__,
        ]
    )
    LOG.append(
        [
            context.portfolio.start_date,
            str(type(context.portfolio.positions[s[0]].amount).__name__),
            type(context.portfolio.cash).__name__,
        ]
    )
    LOG.append(np.array(data.current(s, "close")))
    LOG.append(np.isnan(data.current(s[2], "close")))
    LOG.append(np.round(data.current(s[0], "price") * 1.01, 2))
    LOG.append(round(data.current(s[0], "price"), 1))
    LOG.append("%.3f" % data.current(s[0], "price"))
    LOG.append("{:.2f}".format(context.portfolio.cash))
    order(s[0], int(1000 / data.current(s[0], "price")))
