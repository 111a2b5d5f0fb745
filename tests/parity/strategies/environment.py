"""Asks for the environment, for times in other zones, and for assets by symbol, sid and
attribute.
"""

import pytz
from zipline.api import get_datetime, get_environment, set_symbol_lookup_date, sid, symbol, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-01-20",
    "default_safe": True,
    "capital_base": 12345.0,
}
LOG = []


def facts(asset):
    return [
        asset.symbol,
        asset.sid,
        int(asset),
        asset.start_date,
        asset.end_date,
        asset.auto_close_date,
        asset.tick_size,
        asset.price_multiplier,
    ]


def initialize(context):
    set_symbol_lookup_date("2017-01-10")
    context.asset = symbol("alfa")
    LOG.append([context.asset == sid(11), context.asset == symbols("ALFA", "VOLA")[0], symbols()])
    LOG.append([facts(asset) for asset in symbols("ALFA", "GONE", "QUIT", "THIN")])
    LOG.append([symbol("ALFA") < symbol("VOLA"), hash(context.asset) == hash(sid(11))])
    everything = get_environment("*")
    LOG.append(
        [
            sorted(everything),
            everything["start"],
            everything["end"],
            everything["capital_base"],
            everything["arena"],
            everything["data_frequency"],
        ]
    )
    LOG.append(
        [get_environment("start"), get_environment("data_frequency"), get_environment("arena")]
    )


def handle_data(context, data):
    LOG.append(
        [
            get_datetime(),
            get_datetime("US/Eastern"),
            get_datetime(pytz.timezone("Europe/Berlin")),
            data.current_dt,
        ]
    )
    LOG.append([data.current_session])
