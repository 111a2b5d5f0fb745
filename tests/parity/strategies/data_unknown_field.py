"""A field that nobody knows is a missing value to zipline: it could be a column fetched
from a file.
"""

from zipline.api import symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-01-06",
    "end": "2017-01-12",
    "quirks": ["loose_argument_types"],
}
LOG = []


def initialize(context):
    context.assets = symbols("ALFA", "VOLA")


def handle_data(context, data):
    LOG.append([data.current(context.assets[0], "colour"), data.current(context.assets, "colour")])
    LOG.append(data.current(context.assets, ["close", "colour"]))
