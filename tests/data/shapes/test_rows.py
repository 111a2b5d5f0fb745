"""Lists, dicts and objects as exchanges' and vendors' libraries give them.

Sources: docs.ccxt.com "OHLCV Structure"; Coinbase and Bitfinex candles; Alpaca
/v2/stocks/bars; alphavantage.co TIME_SERIES_DAILY; Yahoo's /v8/finance/chart.
"""

from collections import namedtuple
from dataclasses import make_dataclass

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import EmptyData, NotAFrame
from tests.data.shapes.plain import (
    FIELDS,
    daily,
    minutes,
    round_the_clock,
    same_daily,
    same_minutes,
    titled,
)

ONE, ALL, MINUTES = daily(("AAPL",)), daily(), minutes()
COINS = round_the_clock()[13:1400]
ROWS = [
    list(row)
    for row in COINS.select(pl.col("timestamp").dt.epoch("ms") - 60_000, *FIELDS).iter_rows()
]


def test_ccxt_rows_are_stamped_at_the_start_in_ms():
    same_minutes(rbt.read(ROWS, symbol="BTC/USDT"), COINS)
    same_minutes(rbt.read({"BTC/USDT": ROWS}), COINS)


def test_other_orders_of_prices_are_found_by_what_prices_can_be():
    coinbase = [[t // 1000, low, high, o, c, v] for t, o, high, low, c, v in reversed(ROWS)]
    bitfinex = [[t, o, c, high, low, v] for t, o, high, low, c, v in ROWS]

    same_minutes(rbt.read(coinbase, symbol="BTC/USDT"), COINS)
    same_minutes(rbt.read(bitfinex, symbol="BTC/USDT"), COINS)


def test_rows_of_text_are_numbers():
    texts = [[row[0], *map(str, row[1:])] for row in ROWS]

    same_minutes(rbt.read(texts, symbol="BTC/USDT"), COINS)


def test_dicts_tuples_and_objects_are_rows():
    records = ALL.to_dicts()
    Named = namedtuple("Named", ALL.columns)  # noqa: PYI024 - as users have them
    data = make_dataclass("Data", ALL.columns)

    same_daily(rbt.read(records), ALL)
    same_daily(rbt.read([Named(**row) for row in records]), ALL)
    same_daily(rbt.read([data(**row) for row in records]), ALL)
    same_daily(rbt.read(ONE.to_dict(as_series=False)), ONE)


def test_json_of_alpaca_and_alpha_vantage():
    alpaca = {
        "bars": {
            "AAPL": [
                {
                    "t": row["timestamp"].strftime("%Y-%m-%dT%H:%M:00Z"),
                    **{name[0]: row[name] for name in FIELDS},
                    "n": 3,
                    "vw": 1.0,
                }
                for row in MINUTES.with_columns(pl.col("timestamp").dt.offset_by("-1m")).to_dicts()
            ]
        },
        "next_page_token": None,
    }
    vantage = {
        "Meta Data": {"2. Symbol": "AAPL"},
        "Time Series (Daily)": {
            str(row["date"]): {f"{n}. {name}": str(row[name]) for n, name in enumerate(FIELDS, 1)}
            for row in ONE.to_dicts()
        },
    }

    same_minutes(rbt.read(alpaca), MINUTES)
    same_daily(rbt.read(vantage), ONE)


def test_an_object_with_df_is_its_frame():
    class BarSet:
        df = titled(ONE, "AAPL").assign(symbol="AAPL")

    same_daily(rbt.read(BarSet()), ONE)


@pytest.mark.parametrize("nothing", [[], {}, ONE.clear()])
def test_nothing_is_refused(nothing):
    with pytest.raises(EmptyData):
        rbt.read(nothing)


@pytest.mark.parametrize("thing", [3, object(), [1, 2, 3]])
def test_what_holds_no_bars_is_refused(thing):
    with pytest.raises(NotAFrame):
        rbt.read(thing)
