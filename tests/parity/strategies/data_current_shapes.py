"""data.current in all its shapes, over gaps, silent bars, a late listing and
delistings.
"""

from zipline.api import symbols

CASE = {"data": "edge_daily", "start": "2017-03-20", "end": "2017-07-10", "default_safe": True}
LOG = []
FIELDS = ["open", "high", "low", "close", "price", "volume", "last_traded"]


def initialize(context):
    context.assets = symbols("GAPS", "LATE", "GONE", "QUIT", "THIN")


def handle_data(context, data):
    gaps, late, gone, quit, thin = context.assets
    LOG.append(data.current_dt)
    LOG.append(
        [data.current(asset, field) for asset in (gaps, late, gone, quit) for field in FIELDS]
    )
    if data.current_dt.day % 4 == 0:
        LOG.append(data.current(gaps, FIELDS))
        LOG.append(data.current(context.assets, "price"))
        LOG.append(data.current(context.assets, "volume"))
        LOG.append(data.current(context.assets, ["close", "volume"]))
        LOG.append(data.current([thin], ["open"]))
        LOG.append(data.current([thin], "high"))
        LOG.append(data.current((gaps, late), ("low", "price")))
