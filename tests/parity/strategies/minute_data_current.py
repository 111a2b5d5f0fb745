"""data.current in minute mode: gaps, silent minutes, a morning without bars, a late
listing and a delisting.
"""

from zipline.api import get_datetime, symbols

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []
FIELDS = ["open", "high", "low", "close", "price", "volume", "last_traded"]


def initialize(context):
    context.assets = symbols("BAKE", "DUNE", "ABLE", "CHEF")
    context.bar = 0


def handle_data(context, data):
    context.bar += 1
    bake, dune = context.assets[:2]
    if context.bar % 11 == 0 or get_datetime().minute == 31:
        LOG.append(
            [
                get_datetime(),
                [data.current(bake, field) for field in FIELDS],
                [data.current(dune, field) for field in FIELDS],
            ]
        )
        LOG.append([[data.can_trade(a), data.is_stale(a)] for a in context.assets])
    if context.bar % 97 == 0:
        LOG.append(data.current(context.assets, "price"))
        LOG.append(data.current(context.assets, ["close", "volume"]))
        LOG.append(data.current(bake, FIELDS))
        LOG.append(
            [data.can_trade(context.assets), data.is_stale(context.assets), data.current_session]
        )
