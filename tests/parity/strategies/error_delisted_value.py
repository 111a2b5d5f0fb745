"""An order by value before the listing, not caught, ends the run."""

from zipline.api import order_value, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-03-20",
    "end": "2017-04-28",
    "default_safe": True,
    "error": "CannotOrderDelistedAsset",
}


def initialize(context):
    context.asset = symbol("LATE")


def handle_data(context, data):
    if data.current_dt.day == 23:
        order_value(context.asset, 1_000.0)
