"""data.history in daily bars: all shapes and fields, over gaps, a late listing and
delistings.
"""

from zipline.api import symbols

CASE = {"data": "edge_daily", "start": "2017-03-24", "end": "2017-07-10", "default_safe": True}
LOG = []


def initialize(context):
    context.assets = symbols("GAPS", "LATE", "GONE", "QUIT", "THIN")
    context.day = 0


def handle_data(context, data):
    gaps, late, gone, quit, thin = context.assets
    context.day += 1
    LOG.append(
        [
            data.current_dt,
            data.history(gaps, "price", 4, "1d"),
            data.history(gaps, "close", 1, "1d"),
        ]
    )
    if context.day % 6:
        return
    for field in ("open", "high", "low", "close", "price", "volume"):
        LOG.append(data.history(gaps, field, 5, "1d"))
        LOG.append(data.history([late, gone, quit], field, 4, "1d"))
    LOG.append(data.history(gaps, ["close", "volume"], 3, "1d"))
    LOG.append(data.history([thin, gaps], ["price", "high"], 3, "1d"))
    LOG.append(data.history([thin], ["price"], 2, "1d"))
    LOG.append(data.history([thin], "low", 2, "1d"))
    window = data.history(context.assets, "price", 20, "1d")
    LOG.append(
        [window.mean().tolist(), window.shape, len(window[gaps].dropna()), window.iloc[-1][thin]]
    )
