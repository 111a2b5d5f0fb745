"""Vendors' JSON loads as it is sent, with the symbol where it names none.

Sources, as documented by each: Tiingo EOD, EODHD, Nasdaq Data Link datasets and
datatables, Polygon aggregates and grouped daily, Alpha Vantage, Yahoo v8 chart, Binance,
Kraken, Coinbase, Bitstamp, Bybit v5, OKX v5, KuCoin and Gemini candles, Financial
Modeling Prep, Finnhub, Twelve Data, IEX Cloud, marketstack, Schwab price history, OANDA
v20, Alpaca multi-symbol bars.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import EmptyData, NotAFrame, UnclearData
from tests.data.shapes.plain import FIELDS, daily, minutes, reads, round_the_clock

ONE, ALL = daily(("AAPL",)), daily()
MINUTES, FIVE = minutes(), minutes(step=5)
COINS = round_the_clock()[13:1400]
EURO = round_the_clock(("EUR_USD",))
NEW_YORK = ZoneInfo("America/New_York")
ROWS, COIN_ROWS = ONE.to_dicts(), COINS.to_dicts()


def prices(row, **more):
    return {name: row[name] for name in FIELDS} | more


def texts(row, names=FIELDS):
    return [str(row[name]) for name in names]


def ms(row, *, minutes_before=1):
    return int(row["timestamp"].timestamp() * 1000) - 60_000 * minutes_before


def local_ms(day, at=time()):
    return int(datetime.combine(day, at, NEW_YORK).timestamp() * 1000)


def letters(row, when):
    bar = {name[0]: row[name] for name in FIELDS}
    return bar | {"t": when, "vw": 1.0, "n": 3}


def named(frame, symbol):
    return frame.with_columns(symbol=pl.lit(symbol))


TIINGO = [
    prices(row, date=f"{row['date']}T00:00:00.000Z", adjClose=1.0, adjOpen=1.0, splitFactor=1.0)
    for row in ROWS
]
EODHD = [prices(row, date=str(row["date"]), adjusted_close=1.0) for row in ROWS]
DATASET = {
    "dataset_data": {
        "column_names": ["Date", *(name.title() for name in FIELDS)],
        "data": [[str(row["date"]), *(row[name] for name in FIELDS)] for row in ROWS[::-1]],
        "order": "desc",
    }
}
IEX = [prices(row, date=str(row["date"]), symbol="AAPL", uOpen=1.0, fOpen=1.0) for row in ROWS]
IB_TEXT = [prices(row, date=row["date"].strftime("%Y%m%d")) for row in ROWS]


def candles(**changes):
    """Rows of seconds and texts, the newest first."""
    return [
        {name: changes.get(name, str)(row[name]) for name in FIELDS}
        | {changes.get("time", "start"): str(ms(row) // 1000)}
        for row in COIN_ROWS[::-1]
    ]


@pytest.mark.parametrize(
    "source", [TIINGO, EODHD, DATASET, IB_TEXT], ids=["tiingo", "eodhd", "dataset", "ib"]
)
def test_daily_bars_without_a_symbol_need_it_and_nothing_else(source):
    reads(source, ONE, symbol="AAPL")


def test_envelopes_are_passed_over_and_what_they_name_is_the_symbol():
    day = {"symbol": "AAPL", "historical": [prices(row, date=str(row["date"])) for row in ROWS]}
    twelve = {
        "meta": {"symbol": "AAPL", "interval": "1day", "exchange_timezone": "America/New_York"},
        "values": [
            dict(zip(FIELDS, texts(row), strict=True)) | {"datetime": str(row["date"])}
            for row in ROWS[::-1]
        ],
        "status": "ok",
    }
    schwab = {
        "symbol": "AAPL",
        "empty": False,
        "candles": [prices(row, datetime=local_ms(row["date"], time(1))) for row in ROWS],
    }

    for source in (day, twelve, schwab, IEX):
        reads(source, ONE)


def test_pages_of_several_symbols_are_kept_apart():
    rows = ALL.to_dicts()
    table = {
        "datatable": {
            "data": [[row["symbol"], str(row["date"]), *(row[n] for n in FIELDS)] for row in rows],
            "columns": [{"name": name, "type": "text"} for name in ("ticker", "date", *FIELDS)],
        },
        "meta": {"next_cursor_id": None},
    }
    page = {
        "pagination": {"limit": 100},
        "data": [
            prices(row, symbol=row["symbol"], date=f"{row['date']}T00:00:00+0000", adj_close=1.0)
            for row in rows
        ],
    }
    grouped = {
        "results": [
            letters(row, local_ms(row["date"], time(16))) | {"T": row["symbol"]} for row in rows
        ]
    }

    for source in (table, page, grouped):
        reads(source, ALL)


def test_aggregates_of_polygon_are_stamped_at_the_start():
    bars = {
        "ticker": "AAPL",
        "adjusted": True,
        "results": [letters(row, local_ms(row["date"])) for row in ROWS],
        "status": "OK",
        "count": 1,
    }

    reads(bars, ONE)
    reads([letters(row, ms(row)) for row in MINUTES.to_dicts()], MINUTES, symbol="AAPL")


def test_bars_by_symbol_in_one_answer():
    both = minutes(("AAPL", "MSFT"))
    by_symbol = {
        symbol: [
            letters(row, (row["timestamp"] - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))
            for row in both.filter(symbol=symbol).to_dicts()
        ]
        for symbol in ("AAPL", "MSFT")
    }

    reads({"bars": by_symbol, "next_page_token": None}, both)


def series_of(frame, time_of):
    return {
        time_of(row): {
            f"{n}. {name}": text
            for n, (name, text) in enumerate(zip(FIELDS, texts(row), strict=True), 1)
        }
        for row in frame.to_dicts()[::-1]
    }


def test_alpha_vantages_series_bring_symbol_and_zone():
    day = {
        "Meta Data": {"1. Information": "Daily", "2. Symbol": "AAPL"},
        "Time Series (Daily)": series_of(ONE, lambda row: str(row["date"])),
    }
    five = {
        "Meta Data": {"2. Symbol": "AAPL", "4. Interval": "5min", "6. Time Zone": "US/Eastern"},
        "Time Series (5min)": series_of(
            FIVE,
            lambda row: (
                (row["timestamp"] - timedelta(minutes=5))
                .astimezone(NEW_YORK)
                .strftime("%Y-%m-%d %H:%M:%S")
            ),
        ),
    }
    euros = daily(("EURUSD",), calendar="24/5")
    fx = {
        "Meta Data": {"2. From Symbol": "EUR", "3. To Symbol": "USD"},
        "Time Series FX (Daily)": series_of(euros, lambda row: str(row["date"])),
    }
    bitcoin = daily(("BTC/EUR",), calendar="24/7")
    coin = {
        "Meta Data": {"2. Digital Currency Code": "BTC", "4. Market Code": "EUR"},
        "Time Series (Digital Currency Daily)": series_of(bitcoin, lambda row: str(row["date"])),
    }

    for source, bars in ((day, ONE), (five, FIVE), (fx, euros), (coin, bitcoin)):
        reads(source, bars)


def test_exchanges_rows_of_text_start_with_the_epoch_of_the_start():
    binance = [[ms(row), *texts(row), ms(row) + 59_999, "1", 3, "1", "1", "0"] for row in COIN_ROWS]
    kucoin = [
        [str(ms(row) // 1000), *texts(row, ("open", "close", "high", "low", "volume")), "1.0"]
        for row in COIN_ROWS[::-1]
    ]
    okx = {
        "code": "0",
        "msg": "",
        "data": [[str(ms(row)), *texts(row), "1", "1", "1"] for row in COIN_ROWS[::-1]],
    }
    coinbase = {"candles": candles()}

    for source in (binance, kucoin, okx, coinbase):
        reads(source, COINS, symbol="BTC/USDT", calendar="24/7")


def test_the_candle_that_okx_has_not_confirmed_is_left_out():
    rows = [[str(ms(row)), *texts(row), "1", "1", "1"] for row in COIN_ROWS[::-1]]
    rows[0][-1] = "0"

    portal = rbt.read({"code": "0", "data": rows}, symbol="BTC/USDT", calendar="24/7")

    assert portal.to_frame("1m").height == len(COIN_ROWS) - 1
    assert "1 a bar that is not complete yet" in str(portal.report())


def test_a_last_column_of_noughts_and_ones_that_marks_no_newest_candle_leaves_nothing_out():
    rows = [[str(ms(row)), *texts(row), "1", "1", "1"] for row in COIN_ROWS]
    rows[1][-1] = "0"

    reads({"data": rows}, COINS, symbol="BTC/USDT", calendar="24/7")


def test_one_bar_of_each_symbol_on_a_full_hour_is_asked_for_as_days():
    grouped = {
        "results": [
            {"T": symbol, "v": 100.0, "o": 10.0, "c": 10.5, "h": 11.0, "l": 9.5, "t": 1709586000000}
            for symbol in ("AAPL", "C", "LOW")
        ]
    }

    with pytest.raises(UnclearData, match="no symbol has two bars") as asked:
        rbt.read(grouped)

    assert 'interval="1d"' in asked.value.line
    frame = rbt.read(grouped, interval="1d").to_frame()
    assert frame["date"].unique().to_list() == [date(2024, 3, 4)]
    assert frame["symbol"].to_list() == ["AAPL", "C", "LOW"]


def test_the_average_price_in_krakens_rows_is_not_their_volume():
    rows = [
        [ms(row) // 1000, *texts(row, FIELDS[:4]), str(row["close"]), str(row["volume"]), 3]
        for row in COIN_ROWS
    ]

    reads({"error": [], "result": {"XXBTZUSD": rows, "last": 1}}, named(COINS, "XXBTZUSD"))


def test_the_symbol_beside_the_rows_is_taken():
    bybit = {
        "retCode": 0,
        "retMsg": "OK",
        "result": {
            "symbol": "BTCUSDT",
            "category": "spot",
            "list": [[str(ms(row)), *texts(row), "1.0"] for row in COIN_ROWS[::-1]],
        },
    }
    bitstamp = {"data": {"pair": "BTC/USD", "ohlc": candles(time="timestamp")}}

    reads(bybit, named(COINS, "BTCUSDT"))
    reads(bitstamp, named(COINS, "BTC/USD"), labels="start")


def oanda(row, *sides):
    start = (row["timestamp"] - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
    side = {name[0]: str(row[name]) for name in FIELDS[:4]}
    return {"complete": True, "volume": row["volume"], "time": start} | dict.fromkeys(sides, side)


def test_the_middle_of_bid_and_ask_is_taken_and_of_both_one_is_asked_for():
    rows = EURO.to_dicts()
    source = {"instrument": "EUR_USD", "granularity": "M1", "candles": None}
    middle = source | {"candles": [oanda(row, "mid", "bid", "ask") for row in rows]}
    higher = [oanda(row, "bid", "ask") for row in rows]
    for row in higher:
        row["ask"] = {name: str(float(price) + 1) for name, price in row["ask"].items()}

    reads(middle, EURO)
    reads(
        source | {"candles": higher},
        EURO,
        columns={name: f"bid_{name}" for name in FIELDS[:4]},
    )


def test_yahoos_chart_and_finnhubs_columns():
    opens = [int(datetime.combine(d, time(9, 30), NEW_YORK).timestamp()) for d in ONE["date"]]
    chart = {
        "meta": {"symbol": "AAPL", "dataGranularity": "1d"},
        "timestamp": opens,
        "indicators": {"quote": [{name: ONE[name].to_list() for name in FIELDS}]},
    }
    finnhub = {name[0]: ONE[name].to_list() for name in FIELDS} | {
        "s": "ok",
        "t": [int(datetime.combine(day, time(), UTC).timestamp()) for day in ONE["date"]],
    }

    reads({"chart": {"result": [chart], "error": None}}, ONE)
    reads(finnhub, ONE, symbol="AAPL")


def test_a_refusal_in_place_of_bars_is_shown():
    gone = {"code": "Not Found", "description": "No data found, symbol may be delisted"}

    with pytest.raises(NotAFrame, match="symbol may be delisted"):
        rbt.read({"chart": {"result": None, "error": gone}})
    with pytest.raises(NotAFrame, match="call frequency"):
        rbt.read({"Note": "Our standard API call frequency is 25 requests per day."})
    with pytest.raises(EmptyData, match=r"source\['bars'\]\['AAPL'\]"):
        rbt.read({"bars": {"AAPL": []}})


def test_a_mapping_of_numbers_without_times_asks_for_them():
    with pytest.raises(UnclearData, match="no column or index holds dates"):
        rbt.read({"close": [1.0, 2.0], "open": [1.0, 2.0]})
