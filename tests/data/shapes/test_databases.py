"""Exports of databases, exchanges and terminals: each loads as it was written, or asks
for what it does not say.

Sources: mongodb.com "Extended JSON (v2)", AWS DynamoDB "AttributeValue", clickhouse.com
"JSONCompact", elastic.co "Search API", docs.influxdata.com "Annotated CSV",
iss.moex.com "history", NSE's "UDiFF" of 2024, Wind's AShareEODPrices, TradeStation's
"Data Export", Upbit's candles, Robinhood's historicals.
"""

import json

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import UnclearData, UnreadableFile
from tests.data.shapes.plain import FIELDS, daily, minutes, same_daily, same_minutes

ONE, MINUTES = daily(("AAPL",)), minutes()
ROWS = ONE.to_dicts()
NAMES = ("date", "symbol", *FIELDS)
PLAIN = [{**row, "date": str(row["date"])} for row in ROWS]


def text_of(rows, names, *, delimiter=","):
    return "\n".join(delimiter.join(map(str, row)) for row in [names, *rows]) + "\n"


def file(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


COMPACT = {
    "meta": [{"name": name, "type": "String"} for name in NAMES],
    "data": [[row[name] for name in NAMES] for row in PLAIN],
    "rows": len(PLAIN),
    "statistics": {"elapsed": 0.1, "rows_read": 81},
}
HITS = {
    "took": 3,
    "_shards": {"total": 5, "successful": 5},
    "hits": {
        "total": {"value": len(PLAIN), "relation": "eq"},
        "hits": [{"_index": "bars", "_id": str(n), "_source": row} for n, row in enumerate(PLAIN)],
    },
}
ITEMS = {
    "Items": [
        {name: {"S" if isinstance(value, str) else "N": str(value)} for name, value in row.items()}
        for row in PLAIN
    ],
    "Count": len(PLAIN),
}
MOEX = {
    "history": {
        "columns": ["BOARDID", "TRADEDATE", "SHORTNAME", "SECID", *(n.upper() for n in FIELDS)],
        "data": [
            ["TQBR", row["date"], "Apple", "AAPL", *(row[name] for name in FIELDS)] for row in PLAIN
        ],
    },
    "history.cursor": {"columns": ["INDEX", "TOTAL", "PAGESIZE"], "data": [[0, 81, 100]]},
}


@pytest.mark.parametrize("answer", [COMPACT, HITS, ITEMS, MOEX], ids=lambda one: next(iter(one)))
def test_answers_of_databases_load_as_they_are(answer):
    same_daily(rbt.read(answer), ONE)


def test_documents_of_mongodb_name_the_type_of_each_value(tmp_path):
    documents = [
        {
            **row,
            "_id": {"$oid": f"{n:024d}"},
            "date": {"$date": f"{row['date']}T00:00:00Z"},
            "high": {"$numberDouble": str(row["high"])},
            "volume": {"$numberLong": str(int(row["volume"]))},
        }
        for n, row in enumerate(PLAIN)
    ]
    path = file(tmp_path, "bars.json", "\n".join(map(json.dumps, documents)))
    same_daily(rbt.read(path), ONE)
    same_daily(rbt.read(documents), ONE)


@pytest.mark.parametrize("annotated", [True, False])
def test_an_answer_of_influxdb_has_a_row_a_field(tmp_path, annotated):
    span = ("2023-01-01T00:00:00Z", "2023-06-01T00:00:00Z")
    rows = [
        ("", "_result", n, *span, f"{row['date']}T00:00:00Z", row[field], field, "ohlc", "AAPL")
        for n, field in enumerate(FIELDS)
        for row in PLAIN
    ]
    names = ["", "result", "table", "_start", "_stop", "_time", "_value", "_field"]
    text = text_of(rows, [*names, "_measurement", "symbol"])
    head = "#group,false,false,true\n#datatype,string,long,dateTime:RFC3339\n#default,_result,,\n"
    same_daily(rbt.read(file(tmp_path, "x.csv", head * annotated + text)), ONE)


def test_names_of_the_national_exchange_of_india_and_of_wind(tmp_path):
    prices = [[row[name] for name in FIELDS] for row in PLAIN]
    udiff = [
        (row["date"], "CM", "INE002A01018", "AAPL", "", *values[:4], 1.0, values[4])
        for row, values in zip(PLAIN, prices, strict=True)
    ]
    names = "TradDt Sgmt ISIN TckrSymb StrkPric OpnPric HghPric LwPric ClsPric PrvsClsgPric"
    text = text_of(udiff, [*names.split(), "TtlTradgVol"])
    same_daily(rbt.read(file(tmp_path, "udiff.csv", text)), ONE)
    wind = pl.DataFrame(
        {
            "S_INFO_WINDCODE": ["AAPL"] * len(PLAIN),
            "TRADE_DT": [row["date"].replace("-", "") for row in PLAIN],
            **{f"S_DQ_{name.upper()}": ONE[name] for name in FIELDS},
            "S_DQ_ADJCLOSE": [1.0] * len(PLAIN),
        }
    )
    same_daily(rbt.read(wind), ONE)


def test_upticks_and_downticks_are_the_volume_of_tradestation(tmp_path):
    local = MINUTES["timestamp"].dt.convert_time_zone("America/New_York")
    rows = [
        (when, *(row[name] for name in FIELDS[:4]), int(row["volume"]) // 3, 0)
        for when, row in zip(
            local.dt.strftime("%m/%d/%Y,%H:%M"), MINUTES.iter_rows(named=True), strict=True
        )
    ]
    names = ['"Date"', '"Time"', '"Open"', '"High"', '"Low"', '"Close"', '"Up"', '"Down"']
    portal = rbt.read(file(tmp_path, "ts.txt", text_of(rows, names)), symbol="AAPL")
    same_minutes(portal, MINUTES.with_columns(pl.col("volume") // 3))


def test_the_symbol_beside_the_only_list_is_no_key():
    answer = {
        "symbol": "AAPL",
        "interval": "day",
        "ohlcRows": [{**row, "session": "reg"} for row in PLAIN],
    }
    for row in answer["ohlcRows"]:
        row.pop("symbol")
    same_daily(rbt.read(answer), ONE)


def test_a_statement_of_an_account_gets_no_prices_below_zero():
    rows = [
        {"Date": row["date"], "Symbol": "AAPL", "Quantity": 100, "T. Price": 125.1}
        | {"C. Price": 125.3, "Proceeds": -12_510.0}
        for row in PLAIN
    ]
    with pytest.raises(UnclearData, match="no column is named like a close") as refused:
        rbt.read(rows)
    assert "Proceeds" not in str(refused.value.line)


def test_avro_is_opened_by_polars(tmp_path):
    ONE.write_avro(tmp_path / "bars.avro")
    with pytest.raises(UnreadableFile, match=r"rbt.read\(pl.read_avro\('.*bars.avro'\)\)"):
        rbt.read(tmp_path / "bars.avro")
    same_daily(rbt.read(pl.read_avro(tmp_path / "bars.avro")), ONE)
