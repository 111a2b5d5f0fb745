"""Texts that are no plain CSV: JSON, printed tables, files put together; and sources that
can be read once.
"""

import csv
import io
import json
import sqlite3

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import NotAFrame, UnclearData
from tests.data.shapes.plain import (
    FIELDS,
    daily,
    minutes,
    pandas_of,
    reads,
    same_daily,
    same_minutes,
)

ALL, ONE, MINUTES = daily(), daily(("AAPL",)), minutes()
PANDAS, LONG = pandas_of(ONE.drop("symbol")), pandas_of(ALL)


def as_json(frame, **options):
    return frame.to_json(date_format="iso", **options)


@pytest.mark.parametrize("orient", ["records", "index", "columns", "table", "split"])
def test_json_of_any_orient_as_text_bytes_and_file(tmp_path, orient):
    text = as_json(LONG, orient=orient)
    (tmp_path / "bars.json").write_text(text)

    for source in (text, f" \n{text}", text.encode(), tmp_path / "bars.json"):
        same_daily(rbt.read(source), ALL)


def test_a_line_a_bar_may_be_called_json(tmp_path):
    (tmp_path / "bars.json").write_text(as_json(LONG, orient="records", lines=True))

    same_daily(rbt.read(tmp_path / "bars.json"), ALL)


def test_the_header_of_each_row_may_hold_its_time(tmp_path):
    rows = [
        {
            "hd": {"ts_event": f"{row['timestamp']:%Y-%m-%dT%H:%M:00.000000000Z}", "rtype": 33},
            **{name: str(row[name]) for name in FIELDS},
            "symbol": row["symbol"],
        }
        for row in MINUTES.with_columns(pl.col("timestamp").dt.offset_by("-1m")).to_dicts()
    ]
    (tmp_path / "bars.json").write_text("\n".join(map(json.dumps, rows)))

    same_minutes(rbt.read(tmp_path / "bars.json"), MINUTES)  # databento's DBNStore.to_json


def markdown(frame):
    rows = [frame.columns, *frame.itertuples(index=False)]
    names, *bars = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([names, "|---" * len(frame.columns) + "|", *bars])


def boxed(frame):
    rule = "+-------" * len(frame.columns) + "+"
    rows = markdown(frame).splitlines()
    return "\n".join([rule, rows[0], rule, *rows[2:], rule])


DATED = PANDAS.assign(date=PANDAS["date"].dt.strftime("%Y-%m-%d"))


@pytest.mark.parametrize(
    "text",
    [
        markdown(DATED),
        boxed(DATED),
        DATED.to_string(index=False),
        DATED.set_index("date").to_string(),
        DATED.to_string(),
    ],
    ids=["markdown", "psql", "aligned", "indexed", "numbered"],
)
def test_a_printed_table_is_read(text):
    reads(text, ONE, symbol="AAPL")


def test_a_printed_table_of_minutes_is_read():
    local = MINUTES.with_columns(pl.col("timestamp").dt.replace_time_zone(None)).drop("symbol")
    text = pandas_of(local).set_index("timestamp").to_string()

    reads(text, MINUTES, symbol="AAPL")


def test_files_put_one_behind_the_other_repeat_their_header():
    parts = [ALL.filter(pl.col("symbol") == symbol) for symbol in ("AAPL", "MSFT", "XOM")]

    same_daily(rbt.read("".join(part.write_csv() for part in parts)), ALL)


def test_rows_with_their_header_first_and_with_symbols_behind_the_time():
    text = ONE.drop("symbol").write_csv()
    rows = ALL.select("date", "symbol", *FIELDS).rows()

    reads(list(csv.reader(io.StringIO(text))), ONE, symbol="AAPL")
    same_daily(rbt.read(rows), ALL)


@pytest.fixture
def database(tmp_path):
    file = tmp_path / "bars.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE about (name TEXT)")
        connection.execute(
            'CREATE TABLE "daily prices" (date, symbol, open, high, low, close, volume)'
        )
        rows = ALL.select(pl.col("date").cast(pl.String), "symbol", *FIELDS).rows()
        connection.executemany('INSERT INTO "daily prices" VALUES (?,?,?,?,?,?,?)', rows)
    connection.close()
    return file


def test_the_one_table_of_bars_in_sqlite_is_read(database):
    connection = sqlite3.connect(database)

    same_daily(rbt.read(database), ALL)
    same_daily(rbt.read(connection), ALL)
    connection.close()


def test_of_several_tables_the_line_names_one(database):
    connection = sqlite3.connect(database)
    connection.execute('CREATE TABLE copy AS SELECT * FROM "daily prices"')

    with pytest.raises(NotAFrame, match="there are about, daily prices, copy") as refused:
        rbt.read(connection)

    line = str(refused.value).partition("write: ")[2]
    same_daily(eval(line, {"rbt": rbt, "source": connection}), ALL)
    connection.close()


def lines():
    return io.StringIO(ONE.drop("symbol").write_csv())


@pytest.mark.parametrize(
    "once",
    [
        lambda: iter(ONE.drop("symbol").to_dicts()),
        lambda: (row for row in ONE.drop("symbol").to_dicts()),
        lambda: csv.DictReader(lines()),
        lambda: csv.reader(lines()),
        lines,
        lambda: ONE.drop("symbol").to_arrow().to_reader(),
    ],
    ids=["iterator", "generator", "dicts", "reader", "file", "arrow"],
)
def test_a_source_that_is_read_once_answers_the_line_of_its_error(once):
    source = once()
    with pytest.raises(UnclearData) as refused:
        rbt.read(source)

    same_daily(eval(refused.value.line, {"rbt": rbt, "source": source}), ONE)


def test_a_dict_of_tables_with_their_own_symbols_keeps_them():
    same_daily(rbt.read({"mine": ALL}), ALL)


def test_minus_one_is_no_volume_where_every_bar_has_it():
    bars = pandas_of(ALL.with_columns(volume=pl.lit(-1.0)))  # Interactive Brokers' midpoints

    assert rbt.read(bars).to_frame("1d")["volume"].unique().to_list() == [1e12]
