"""A CSV file read in minute mode: its rows count by session."""

from zipline.api import fetch_csv, get_datetime, order, record, symbols

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-26",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []
FETCH_CSV = """day;name;signal
2012-11-19;ABLE;1
2012-11-21;ABLE;-2
2012-11-21;BAKE;3
2012-11-25;BAKE;4
"""


def initialize(context):
    context.able, context.bake = symbols("ABLE", "BAKE")
    fetch_csv(FETCH_PATH, date_column="day", symbol_column="name", sep=";")  # noqa: F821 - the suite tells where


def handle_data(context, data):
    if get_datetime().minute in (31, 0):
        signals = [data.current(asset, "signal") for asset in (context.able, context.bake)]
        LOG.append([get_datetime(), signals])
        for asset, signal in zip((context.able, context.bake), signals):
            if signal == signal:
                order(asset, int(signal))
    record(able=data.current(context.able, "signal"))
