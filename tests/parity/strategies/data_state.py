"""can_trade, is_stale and last_traded, one asset and several, over gaps, a late listing
and delistings.
"""

from zipline.api import symbols

CASE = {"data": "edge_daily", "start": "2017-03-24", "end": "2017-07-03", "default_safe": True}
LOG = []


def initialize(context):
    context.assets = symbols("GAPS", "LATE", "GONE", "QUIT", "THIN")


def handle_data(context, data):
    LOG.append(
        [
            data.current_dt,
            [
                [data.can_trade(a), data.is_stale(a), data.current(a, "last_traded")]
                for a in context.assets
            ],
        ]
    )
    if data.current_dt.day % 5 == 0:
        LOG.append([data.can_trade(context.assets), data.is_stale(context.assets)])
        LOG.append([data.can_trade([context.assets[0]]), data.current_session])
