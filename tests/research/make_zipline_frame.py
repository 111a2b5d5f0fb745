"""Writes expected/zipline_frame.json: what zipline's run_algorithm returns for a small
run of ours.

Run by hand, by an interpreter that has zipline-reloaded 3.2.1:
`python tests/research/make_zipline_frame.py`.
"""

import json
import math
import os
import tempfile
from datetime import date, datetime
from enum import Enum
from pathlib import Path

os.environ["ZIPLINE_ROOT"] = tempfile.mkdtemp()

import numpy as np
import pandas as pd
from exchange_calendars import get_calendar
from zipline import run_algorithm
from zipline.api import cancel_order, order, record, symbol
from zipline.data.bundles import ingest, register

SYMBOLS = ("AAA", "BBB")
SESSIONS = get_calendar("XNYS").sessions_in_range("2012-01-03", "2012-06-29")
DICE = np.random.default_rng(5)
CLOSES = {s: np.round(50 * np.cumprod(1 + DICE.normal(0, 0.02, len(SESSIONS))), 2) for s in SYMBOLS}
BENCHMARK = pd.Series(DICE.normal(0, 0.01, len(SESSIONS)), index=SESSIONS)
START, END = pd.Timestamp("2012-02-01"), pd.Timestamp("2012-03-09")


def bars(symbol_name):
    close = CLOSES[symbol_name]
    volume = np.full(len(SESSIONS), 1000)
    return pd.DataFrame(
        {"open": close, "high": close + 0.5, "low": close - 0.5, "close": close, "volume": volume},
        index=SESSIONS,
    )


def write_bundle(environ, assets, minutes, daily, adjustments, *rest):
    daily.write((sid, bars(name)) for sid, name in enumerate(SYMBOLS))
    days = {
        "start_date": SESSIONS[0],
        "end_date": SESSIONS[-1],
        "auto_close_date": SESSIONS[-1] + pd.Timedelta(days=1),
    }
    listed = pd.DataFrame(
        [{"symbol": name, "asset_name": name, "exchange": "X", **days} for name in SYMBOLS]
    )
    exchange = {"exchange": "X", "canonical_name": "X", "country_code": "US"}
    assets.write(equities=listed, exchanges=pd.DataFrame([exchange]))
    adjustments.write()


def initialize(context):
    context.bars = 0


def handle_data(context, data):
    context.bars += 1
    bar, first, second = context.bars, symbol("AAA"), symbol("BBB")
    if bar == 2:
        order(first, 250)
    if bar == 3:
        order(second, -120)
    if bar == 4:
        context.waiting = order(second, 500, limit_price=10)
    if bar == 6:
        cancel_order(context.waiting)
    if bar == 9:
        order(first, -300, stop_price=60)
    if bar > 5:
        record(
            bar=bar,
            price=data.current(first, "price"),
            even=bar % 2 == 0,
            text="<b>",
            pair=[1, bar],
            gap=math.nan,
        )
    if bar > 20:
        record(nothing=None)


def plain(value):
    """JSON of anything in the frame; an order's random id is left as it is, its status
    becomes an int.
    """
    if isinstance(value, Enum):
        return int(value.value)
    if hasattr(value, "symbol"):
        return {"asset": value.symbol}
    if isinstance(value, (datetime, date)):
        return {"time": value.isoformat()}
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and math.isnan(value):
        return {"float": "nan"}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def facts(benchmark):
    frame = run_algorithm(
        start=START,
        end=END,
        initialize=initialize,
        handle_data=handle_data,
        capital_base=10_000,
        bundle="small",
        benchmark_returns=benchmark,
    )
    ids = {}
    for orders in frame["orders"]:
        for row in orders:
            row["id"] = ids.setdefault(row["id"], str(len(ids) + 1))
    for transactions in frame["transactions"]:
        for row in transactions:
            row["order_id"] = ids[row["order_id"]]
    columns = {
        name: {"dtype": str(frame[name].dtype), "values": [plain(v) for v in frame[name].tolist()]}
        for name in sorted(frame)
    }
    daily = None if benchmark is None else benchmark[START:END].tolist()
    return {
        "index": [stamp.isoformat() for stamp in frame.index],
        "benchmark": daily,
        "columns": columns,
    }


if __name__ == "__main__":
    register(
        "small",
        write_bundle,
        calendar_name="XNYS",
        start_session=SESSIONS[0],
        end_session=SESSIONS[-1],
    )
    ingest("small", show_progress=False)
    expected = {"zipline": "3.2.1", "plain": facts(None), "benchmark": facts(BENCHMARK)}
    target = Path(__file__).parent / "expected" / "zipline_frame.json"
    target.write_text(json.dumps(expected, separators=(",", ":")) + "\n")
