"""A strategy that does nothing: the figures of an idle account."""

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-01-31",
    "default_safe": True,
    "capital_base": 777.77,
}


def initialize(context):
    pass
