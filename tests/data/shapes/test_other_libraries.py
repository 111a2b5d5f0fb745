"""What other libraries hand over in place of a frame: cursors, connections, open files,
arrays with named axes, objects of any build.

Sources: PEP 249 cursors and sqlite3.Row, DuckDB's connections, pyarrow's ParquetFile,
xarray's `to_dataframe`, polars' and pandas' groups, ib_async's `BarDataList.contract`,
refinitiv.data and eikon, Bloomberg's sheets, CoinGecko, TradingView, FRED.
"""

import io
import sqlite3
import zipfile
from datetime import date, time, timedelta
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

import rbtlive as rbt
from rbtlive.errors import NotAFrame, UnclearData, UnreadableFile, WrongColumnType
from tests.data.shapes.plain import (
    FIELDS,
    SYMBOLS,
    daily,
    minutes,
    pandas_of,
    reads,
    round_the_clock,
    same_daily,
    same_minutes,
)

ONE, ALL, FIVES, COINS = daily(("AAPL",)), daily(), minutes(step=5), round_the_clock()
BY_DATE = pandas_of(ONE.drop("symbol")).set_index("date")


def database():
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE bars (date, symbol, open, high, low, close, volume)")
    rows = [(str(row[0]), *row[1:]) for row in ALL.rows()]
    made.executemany("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return made


@pytest.mark.parametrize("how", ["cursor", "rows"])
def test_a_databases_cursor_names_its_columns(how):
    bars = database()
    if how == "rows":
        bars.row_factory = sqlite3.Row
    cursor = bars.execute("SELECT * FROM bars")

    reads(cursor if how == "cursor" else cursor.fetchall(), ALL)

    bars.close()


def test_what_was_asked_of_duckdb_is_read_from_its_connection():
    with duckdb.connect() as database:
        database.register("bars", ALL.to_arrow())
        reads(database.execute("SELECT * FROM bars"), ALL)


def test_open_files_and_bytes_say_by_their_first_bytes_what_they_are(tmp_path):
    packed = io.BytesIO()
    ALL.write_parquet(packed)
    ALL.write_parquet(tmp_path / "bars.parquet")
    with zipfile.ZipFile(tmp_path / "bars.zip", "w") as archive:
        archive.writestr("XOM.csv", ALL.filter(symbol="XOM").write_csv())
    xom = ALL.filter(symbol="XOM")

    reads(packed.getvalue(), ALL)
    reads(io.BytesIO(packed.getvalue()), ALL)
    reads(ALL.write_csv().encode(), ALL)
    reads((tmp_path / "bars.zip").read_bytes(), xom)
    with pq.ParquetFile(tmp_path / "bars.parquet") as opened:
        reads(opened, ALL)
    with zipfile.ZipFile(tmp_path / "bars.zip") as archive:
        reads(archive, xom)


class Slotted:
    __slots__ = ("close", "high", "low", "open", "symbol", "time", "volume")

    def __init__(self, row):
        self.time, self.symbol, self.open, self.high, self.low, self.close, self.volume = row


class Computed:
    def __init__(self, row):
        self._row = row

    date = property(lambda self: self._row[0])
    symbol = property(lambda self: self._row[1])
    open = property(lambda self: self._row[2])
    high = property(lambda self: self._row[3])
    low = property(lambda self: self._row[4])
    close = property(lambda self: self._row[5])
    volume = property(lambda self: self._row[6])

    def index(self):
        raise AssertionError("a method is no fact of a bar")


@pytest.mark.parametrize("kind", [Slotted, Computed])
def test_objects_of_slots_and_of_properties_are_bars(kind):
    reads([kind(row) for row in ALL.rows()], ALL)


def test_groups_of_polars_are_bars_by_symbol():
    reads(ALL.group_by("symbol"), ALL)
    reads(ALL.partition_by("symbol", as_dict=True), ALL)
    reads([(name, ALL.filter(symbol=name).drop("symbol")) for name in SYMBOLS], ALL)


class NamedAxes:
    """xarray's part that is used: `dims`, and `to_dataframe` with a name for an array."""

    def __init__(self, frame, array):
        self.frame, self.dims = frame, tuple(frame.index.names)
        if array:
            self.name = None
            self.to_dataframe = lambda name: self.frame.rename(columns={"value": name})
        else:
            self.data_vars = list(frame)
            self.to_dataframe = lambda: self.frame

    def __arrow_c_stream__(self, requested_schema=None):
        raise NotImplementedError("axes of text are no type of Arrow's")


def test_arrays_with_named_axes_are_taken_apart():
    indexed = pandas_of(ALL).set_index(["date", "symbol"])
    melted = indexed.rename_axis("field", axis=1).stack().rename("value").to_frame()  # noqa: PD013

    reads(NamedAxes(indexed, array=False), ALL)
    reads(NamedAxes(melted, array=True), ALL)


class BarDataList(list):
    def __init__(self, rows, **contract):
        super().__init__(rows)
        self.contract = SimpleNamespace(**contract)


def test_interactive_brokers_bars_carry_their_contract():
    start = pl.col("timestamp").dt.offset_by("-5m").dt.convert_time_zone("America/New_York")
    bars = [
        SimpleNamespace(**row, average=row["close"], barCount=1)
        for row in FIVES.select(date=start, **{name: pl.col(name) for name in FIELDS}).to_dicts()
    ]
    share = BarDataList(bars, symbol="AAPL", secType="STK", currency="USD")
    euros = [SimpleNamespace(**row) for row in daily(calendar="24/5").to_dicts()[::3]]
    pair = BarDataList(euros, symbol="EUR", secType="CASH", currency="USD")
    for one in euros:
        del one.symbol

    reads(share, FIVES)
    assert [asset.symbol for asset in rbt.read(pair).assets] == ["EUR/USD"]


def test_refinitivs_names_and_the_axis_that_names_the_instrument():
    names = ["OPEN_PRC", "HIGH_1", "LOW_1", "TRDPRC_1", "ACVOL_UNS"]
    one = BY_DATE.set_axis(names, axis=1)
    wide = pandas_of(ALL).pivot(index="date", columns="symbol")  # noqa: PD010 - no aggregate
    many = wide.rename(columns=dict(zip(FIELDS, names, strict=True))).swaplevel(axis=1)
    ric = pl.col("symbol") + ".O"

    reads(one.rename_axis("AAPL.O", axis=1), ONE.with_columns(ric))
    reads(
        many.rename(columns=lambda name: f"{name}.O" if name in SYMBOLS else name),
        ALL.with_columns(ric),
    )
    reads(BY_DATE.rename_axis("Price", axis=1), ONE, symbol="AAPL")


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("corner", ["Dates", ""])
def test_a_sheet_of_securities_above_their_fields(tmp_path, merged, corner):
    wide = ALL.pivot(on="symbol", index="date", values=list(FIELDS))  # noqa: PD010 - polars
    columns = [f"{name}_{symbol}" for symbol in SYMBOLS for name in FIELDS]
    securities = [f"{symbol} US Equity" for symbol in SYMBOLS for _ in FIELDS]
    if merged:
        securities = [name if place % 5 == 0 else "" for place, name in enumerate(securities)]
    fields = ["PX_OPEN", "PX_HIGH", "PX_LOW", "PX_LAST", "PX_VOLUME"] * 3
    lines = [",".join(["", *securities]), ",".join([corner, *fields])]
    path = tmp_path / "sheet.csv"
    path.write_text(
        "\n".join(lines) + "\n" + wide.select("date", *columns).write_csv(include_header=False)
    )

    reads(path, ALL.with_columns(pl.col("symbol") + " US Equity"))


def test_coingeckos_chart_has_a_list_a_field():
    days = pl.date_range(date(2024, 1, 1), date(2024, 3, 1), eager=True)
    stamps = days.cast(pl.Datetime("ms")).dt.epoch("ms").to_list()
    chart = {
        "prices": [[stamp, 100.5 + place] for place, stamp in enumerate(stamps)],
        "market_caps": [[stamp, 1e9] for stamp in stamps],
        "total_volumes": [[stamp, 1e6 + place] for place, stamp in enumerate(stamps)],
    }

    bars = rbt.read(chart, symbol="BTC").to_frame("1d")

    assert bars["date"].to_list() == days.to_list()
    assert bars["close"].to_list() == [row[1] for row in chart["prices"]]
    assert bars["volume"].to_list() == [row[1] for row in chart["total_volumes"]]


@pytest.mark.parametrize(
    "bad", [timedelta(days=1), True, date(2020, 1, 1), time(1), np.timedelta64(1, "D")]
)
@pytest.mark.parametrize("field", ["close", "volume"])
@pytest.mark.parametrize("shape", [list, dict, pd.DataFrame, tuple])
def test_what_is_no_number_among_numbers_is_refused_by_its_row(bad, field, shape):
    rows = ONE.to_dicts()
    rows[3][field] = bad
    if shape is dict:
        source = {name: [row[name] for row in rows] for name in rows[0]}
    elif shape is tuple:
        source = [tuple(row[name] for name in ("date", *FIELDS)) for row in rows]
    else:
        source = shape(rows)

    with pytest.raises(WrongColumnType, match="must hold numbers"):
        rbt.read(source, symbol="AAPL")


def test_a_column_of_truths_is_no_price():
    with pytest.raises(WrongColumnType, match="Boolean"):
        rbt.read(ONE.with_columns(close=pl.lit(value=True)))


def test_tradingviews_and_browsers_endings_of_names_are_no_symbols(tmp_path):
    hours = COINS.filter(pl.col("timestamp").dt.minute() == 0)
    epochs = (pl.col("timestamp").dt.epoch("s") - 3_600).alias("time")
    crypto = tmp_path / "BINANCE_BTCUSDT, 60.csv"
    hours.select(epochs, *FIELDS).write_csv(crypto)
    fives = tmp_path / "BATS_AAPL, 5_ab12c.csv"
    start = pl.col("timestamp").dt.offset_by("-5m").alias("time")
    FIVES.select(start, *FIELDS).write_csv(fives)
    again = tmp_path / "AAPL (1).csv"
    ONE.drop("symbol").write_csv(again)

    same_minutes(rbt.read(crypto), hours.with_columns(symbol=pl.lit("BTCUSDT")))
    same_minutes(rbt.read(fives), FIVES)
    same_daily(rbt.read(again), ONE)


def test_a_series_of_freds_is_a_close_by_its_name(tmp_path):
    closes = (
        ONE.select("date", "close")
        .with_row_index()
        .with_columns(close=pl.when(pl.col("index") % 9 != 0).then("close"))
    )
    series = closes.select(observation_date="date", SP500="close").write_csv()

    read = rbt.read(series).to_frame("1d")

    assert read["close"].to_list() == closes["close"].drop_nulls().to_list()
    assert set(read["symbol"]) == {"SP500"}


def test_the_only_column_of_dates_is_the_time_and_of_two_one_is_asked_for():
    odd = ALL.rename({"date": "whenever"})

    reads(odd, ALL)
    with pytest.raises(UnclearData, match="the time"):
        rbt.read(odd.with_columns(settled=pl.col("whenever").dt.offset_by("2d")))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("bars.pkl", "rbt.read(pd.read_pickle('{}'))"),
        ("bars.npz", "rbt.read(dict(np.load('{}')))"),
        ("bars.dbn", "rbt.read(databento.DBNStore.from_file('{}'))"),
        ("bars.tar.gz", "shutil.unpack_archive('{}', 'unpacked'); rbt.read('unpacked')"),
    ],
)
def test_files_of_pythons_own_forms_name_the_line_that_opens_them(tmp_path, name, line):
    (tmp_path / name).write_bytes(b"\x00")

    with pytest.raises(UnreadableFile) as refused:
        rbt.read(tmp_path / name)

    assert line.format(tmp_path / name) in str(refused.value)


def test_a_text_is_not_repeated_in_the_question():
    with pytest.raises(UnclearData) as refused:
        rbt.read(ONE.drop("symbol").write_csv())

    assert "from text (81 rows" in str(refused.value)


@pytest.mark.parametrize("bad", [10**40, -(10**40)])
def test_an_integer_beyond_all_numbers_is_no_missing_bar(bad):
    rows = ONE.to_dicts()
    rows[3]["close"] = bad

    with pytest.raises(WrongColumnType, match="in row 3"):
        rbt.read(rows)


def test_rows_that_break_off_are_refused_with_the_reason():
    def rows():
        yield ONE.to_dicts()[0]
        raise OSError("the line went dead")

    with pytest.raises(NotAFrame, match="the line went dead"):
        rbt.read(rows())
