"""Reads a CSV file: a series by its own name, columns for assets, functions before and
after, and orders by it.
"""

from zipline.api import fetch_csv, order, record, symbols

CASE = {"data": "edge_daily", "start": "2017-01-10", "end": "2017-03-10", "default_safe": True}
LOG = []
FETCH_CSV = """date,symbol,score,note
2017-01-05,ALFA,1.5,a
2017-01-12,VOLA,2.5,b
2017-01-17,ALFA,-3.25,c
2017-01-28,VOLA,0.75,d
2017-02-06,ALFA,4.0,e
2017-02-06,NOBODY,9.0,f
2017-02-21,VOLA,-1.0,g
2017-03-01,ALFA,0.5,h
"""


def double(frame):
    frame["twice"] = frame["score"] * 2
    return frame


def initialize(context):
    context.alfa, context.vola = symbols("ALFA", "VOLA")
    fetch_csv(FETCH_PATH, post_func=double)  # noqa: F821 - the suite tells where
    fetch_csv(
        FETCH_PATH,
        symbol="MOOD",
        pre_func=lambda frame: frame[["date", "score"]].assign(mood=frame["score"] + 1),
    )  # noqa: F821


def handle_data(context, data):
    scores = [data.current(asset, "score") for asset in (context.alfa, context.vola)]
    LOG.append(
        [data.current_dt, scores, data.current(context.alfa, "twice"), data.current("MOOD", "mood")]
    )
    for asset, score in zip((context.alfa, context.vola), scores):
        if score == score and score:
            order(asset, int(score * 4))
    record(mood=data.current("MOOD", "mood"))
