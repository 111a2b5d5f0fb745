"""An exception in analyze ends the run after its last bar."""

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-01-31",
    "default_safe": True,
    "error": "ValueError",
}


def initialize(context):
    pass


def analyze(context, perf):
    raise ValueError("no result is good enough")
