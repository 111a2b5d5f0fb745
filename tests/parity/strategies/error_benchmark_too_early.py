"""A benchmark asset that lists after the first session ends the run before its first
bar.
"""

from zipline.api import set_benchmark, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-03-01",
    "end": "2017-06-30",
    "default_safe": True,
    "error": "BenchmarkAssetNotAvailableTooEarly",
}


def initialize(context):
    set_benchmark(symbol("LATE"))


def handle_data(context, data):
    pass
