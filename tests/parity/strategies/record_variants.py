"""Records values of every kind: late, by name and value, with assets as names, text,
flags, numpy numbers, nothing.
"""

import numpy as np
from zipline.api import record, symbols

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-02-15", "default_safe": True}


def initialize(context):
    context.alfa, context.vola = symbols("ALFA", "VOLA")
    context.day = 0
    record(from_start=1)


def handle_data(context, data):
    context.day += 1
    record(
        day=context.day,
        ratio=context.day / 7,
        half=np.float64(context.day) / 2,
        count=np.int64(context.day),
    )
    record("positional", context.day * 2, "second", -context.day, keyword=context.day + 1)
    record(
        context.alfa,
        data.current(context.alfa, "price"),
        context.vola,
        data.current(context.vola, "price"),
    )
    if context.day > 5:
        record(late=context.day)
    if context.day % 4 == 0:
        record(rare=context.day, text=f"day {context.day}", flag=context.day % 8 == 0)
    if context.day == 10:
        record(nothing=None, nan=float("nan"))
