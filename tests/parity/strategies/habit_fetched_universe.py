"""Takes its universe from a file, with every argument of `fetch_csv` that people pass."""

import pandas as pd
from zipline.api import (
    fetch_csv,
    order_target_percent,
    set_benchmark,
    symbol,
    symbols,
)

CASE = {
    "data": "edge_daily",
    "start": "2017-01-10",
    "end": "2017-03-31",
    "default_safe": True,
}
LOG = []
FETCH_CSV = """Date;Ticker;Sentiment;Rank
01/05/2017;ALFA;0.5;1
01/12/2017;VOLA;-0.25;2
01/17/2017;ALFA;;3
02/01/2017;VOLA;1.5;x
02/14/2017;DIVI;0.1;5
"""


def rename(frame):
    frame = frame.rename(columns={"Ticker": "symbol", "Sentiment": "sentiment"})
    for name in ("sentiment", "Rank"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame.fillna({"sentiment": 0})


def mark(frame):
    frame["strong"] = frame["sentiment"].abs() > 0.4
    return frame


def initialize(context):
    fetch_csv(
        FETCH_PATH,  # noqa: F821 - the suite tells where
        pre_func=rename,
        post_func=mark,
        date_column="Date",
        timezone="US/Eastern",
        symbol_column="symbol",
        delimiter=";",
    )
    set_benchmark(symbol("ALFA"))
    context.all = symbols("ALFA", "VOLA", "DIVI", "SPLT")


def handle_data(context, data):
    universe = data.fetcher_assets
    LOG.append(sorted(asset.symbol for asset in universe))
    for asset in context.all:
        LOG.append([data.current(asset, name) for name in ("sentiment", "strong", "Rank")])
    for asset in universe:
        order_target_percent(asset, 0.2 * data.current(asset, "sentiment"))
    for asset in set(context.portfolio.positions) - set(universe):
        order_target_percent(asset, 0)
