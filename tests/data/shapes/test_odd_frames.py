"""Odd but real frames, dicts and texts: what people have in memory, and broken files.

Sources: pandas' to_dict and to_json, PeriodIndex, pyarrow's dictionary columns, numpy
records, ib_async's `util.df`, MetaTrader5's `copy_rates_range`, QuantConnect's
`history`, Tiingo's `get_dataframe`, CRSP, quantmod, tushare and akshare.
"""

import io
import json
from dataclasses import make_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rbtlive as rbt
from rbtlive.errors import EmptyData, NotAFrame, UnclearData, UnreadableFile
from tests.data.shapes.plain import (
    FIELDS,
    SYMBOLS,
    daily,
    minutes,
    pandas_of,
    reads,
    round_the_clock,
    same_daily,
)

ONE, ALL, MINUTES = daily(("AAPL",)), daily(), minutes()
COINS = round_the_clock()[13:1400]
NEW_YORK = ZoneInfo("America/New_York")
START = pl.col("timestamp").dt.offset_by("-1m")
BY_DATE = pandas_of(ONE.drop("symbol")).set_index("date")
WIDE = pandas_of(ALL).pivot(index="date", columns="symbol")  # noqa: PD010 - no aggregate
CSV = ONE.select("date", *FIELDS).write_csv()


def starts(row):
    return (row["timestamp"] - timedelta(minutes=1)).astimezone(NEW_YORK)


@pytest.mark.parametrize(
    "how", ["dict", "index", "split", "json", "json-index", "json-split", "json-table"]
)
def test_what_pandas_writes_is_read_back(how):
    kind, _, orient = how.partition("-")
    if kind == "json":
        source = json.loads(BY_DATE.to_json(orient=orient or "columns", date_format="iso"))
    else:
        source = BY_DATE.to_dict(kind)

    reads(source, ONE, symbol="AAPL")


def test_dicts_of_dicts_by_symbol_and_date():
    by_symbol = {
        symbol: {
            str(row["date"]): {name: row[name] for name in FIELDS}
            for row in ALL.filter(symbol=symbol).to_dicts()
        }
        for symbol in SYMBOLS
    }

    reads(by_symbol, ALL)
    reads(pandas_of(ALL).to_dict("list"), ALL)
    reads(json.loads(pandas_of(ALL).to_json(orient="columns", date_format="iso")), ALL)


@pytest.mark.parametrize("name", ["date", None])
def test_periods_are_dates(name):
    frame = pandas_of(ONE.drop("symbol"))
    frame.index = pd.PeriodIndex(frame.pop("date"), freq="D", name=name)

    reads(frame, ONE, symbol="AAPL")


def decimals(frame):
    return frame.assign(**{name: [Decimal(repr(x)) for x in frame[name]] for name in FIELDS})


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.astype({"symbol": "category"}),
        lambda frame: frame.astype(dict.fromkeys(FIELDS, object)),
        decimals,
        lambda frame: frame.astype(dict.fromkeys(FIELDS, "string")),
        lambda frame: frame.astype(dict.fromkeys(FIELDS, "Float64")),
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
        lambda frame: frame.astype(str).map("  {} ".format),
        lambda frame: frame.to_records(index=False),
        lambda frame: frame.to_dict("records"),
        lambda frame: frame.groupby("symbol"),
        lambda frame: dict(list(frame.groupby("symbol"))),
        lambda frame: frame.melt(id_vars=["date", "symbol"]),
        lambda frame: frame.rename(columns={name: f"Adj {name.title()}" for name in FIELDS}),
        lambda frame: frame.assign(name="Apple Inc").rename(columns={"symbol": "ticker"}),
        lambda frame: io.StringIO(frame.to_csv()),
        lambda frame: frame.to_csv(),
        lambda frame: frame.sample(frac=1, random_state=1),
    ],
)
def test_types_and_containers_of_pandas(change):
    reads(change(pandas_of(ALL)), ALL)


def test_numbers_of_rows_in_front_are_no_data():
    frame = pandas_of(ALL)
    frame.insert(0, "Unnamed: 0", range(len(frame)))
    frame.insert(0, "Unnamed: 0.1", range(len(frame)))

    reads(frame, ALL)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.with_columns(pl.col("symbol").cast(pl.Categorical)),
        lambda frame: frame.with_columns(pl.col(name).cast(pl.Decimal(20, 4)) for name in FIELDS),
        lambda frame: frame.with_columns(pl.col("date").cast(pl.Datetime("ns"))),
        lambda frame: frame.lazy(),
        lambda frame: frame.to_arrow().to_batches()[0],
        lambda frame: frame.to_arrow().set_column(
            1, "symbol", pa.array(frame["symbol"].to_list()).dictionary_encode()
        ),
        lambda frame: frame.with_columns(date=pl.col("date").cast(int) + 25_569),
        lambda frame: frame.with_columns(date=pl.col("date").dt.strftime("%a %b %d %Y")),
        lambda frame: frame.with_columns(
            date=pl.col("date").dt.strftime("%a, %d %b %Y 00:00:00 GMT")
        ),
        lambda frame: frame.with_columns(date=pl.col("date").dt.strftime("%B %-d, %Y")),
    ],
)
def test_types_of_polars_and_arrow_and_forms_of_dates(change):
    reads(change(ALL), ALL)


@pytest.mark.parametrize(
    "change",
    [
        lambda wide: wide.swaplevel(axis=1).rename_axis(columns=(None, None)),
        lambda wide: wide.set_axis([f"{a.title()}_{b}" for a, b in wide.columns], axis=1),
        lambda wide: wide.set_axis([f"{b}.{a.title()}" for a, b in wide.columns], axis=1),
        lambda wide: pd.concat({"Exchange": wide}, axis=1),
        lambda wide: wide.reindex(pd.date_range("2023-01-03", "2023-04-28")),
        lambda wide: {name: wide[name] for name in FIELDS},
        lambda wide: wide.stack(level=1),  # noqa: PD013 - the shape in question
    ],
)
def test_wide_frames_however_their_columns_are_named(change):
    reads(change(WIDE), ALL)


def test_closes_alone_are_flat_bars():
    closes = WIDE["close"]
    series = {symbol: closes[symbol] for symbol in SYMBOLS}
    flat = ALL.with_columns(
        *(pl.col("close").alias(name) for name in FIELDS[:3]), volume=pl.lit(1e12)
    )

    for source in (closes, series, {s: closes[s].to_dict() for s in SYMBOLS}):
        reads(source, flat)
    reads(closes["AAPL"], flat.filter(symbol="AAPL"))


def test_frames_and_objects_of_interactive_brokers():
    day = pandas_of(ONE.select("date", *FIELDS)).assign(average=1.0, barCount=3)
    day["date"] = [moment.date() for moment in day["date"]]
    bar = make_dataclass("BarData", ["date", *FIELDS])
    bars = [bar(row["date"], *(row[name] for name in FIELDS)) for row in ONE.to_dicts()]
    minute = pandas_of(MINUTES.drop("timestamp", "symbol")).assign(average=1.0, barCount=3)
    rows = MINUTES.to_dicts()
    minute["date"] = pd.Series([starts(row) for row in rows], dtype=object)
    texts = [
        {"date": f"{starts(row):%Y%m%d %H:%M:%S} US/Eastern"} | {n: row[n] for n in FIELDS}
        for row in rows
    ]

    reads(day, ONE, symbol="AAPL")
    reads(bars, ONE, symbol="AAPL")
    reads(minute, MINUTES, symbol="AAPL")
    reads(texts, MINUTES, symbol="AAPL")


def test_metatraders_rates_are_an_array_of_records():
    kinds = [("time", "<i8"), *((name, "<f8") for name in FIELDS[:4])]
    kinds += [("tick_volume", "<u8"), ("spread", "<i4"), ("real_volume", "<u8")]
    rows = [
        (row["timestamp"].timestamp() - 60, *(row[n] for n in FIELDS[:4]), int(row["volume"]), 3, 0)
        for row in COINS.to_dicts()
    ]

    reads(np.array(rows, dtype=kinds), COINS, symbol="BTC/USDT", calendar="24/7")


def test_a_plain_array_of_epochs_and_prices():
    rows = [
        [row["timestamp"].timestamp() * 1000 - 60_000, *(row[name] for name in FIELDS)]
        for row in COINS.to_dicts()
    ]

    reads(np.array(rows), COINS, symbol="BTC/USDT", calendar="24/7")


@pytest.mark.parametrize("kind", ["text", "timedelta"])
def test_dates_and_times_of_day_in_two_columns(kind):
    frame = pandas_of(MINUTES.drop("timestamp"))
    local = MINUTES.select(START.dt.convert_time_zone("America/New_York")).to_series()
    frame["Date"] = pd.to_datetime(local.dt.date().to_list())
    clock = local.dt.strftime("%H:%M:%S").to_list()
    frame["Time"] = clock if kind == "text" else pd.to_timedelta(clock)

    reads(frame, MINUTES)


def test_dates_of_the_midnight_that_ends_the_day_are_taken_back():
    after = ALL.with_columns(pl.col("date").dt.offset_by("1d"))

    reads(after, ALL)
    assert any("a day earlier" in note for note in rbt.read(after).report().notes)


def test_chinese_columns_and_codes():
    shanghai = daily(("600000.SH",), calendar="XSHG")
    tushare = shanghai.select(
        pl.col("symbol").alias("ts_code"),
        pl.col("date").dt.strftime("%Y%m%d").alias("trade_date"),
        *FIELDS[:4],
        pl.lit(1.0).alias("pre_close"),
        pl.col("volume").alias("vol"),
        pl.lit(1.0).alias("amount"),
    )
    names = dict(zip(FIELDS, ("开盘", "最高", "最低", "收盘", "成交量"), strict=True))
    akshare = shanghai.rename({"date": "日期", "symbol": "股票代码"} | names)

    reads(pandas_of(tushare[::-1]), shanghai)
    reads(akshare, shanghai)


def test_crsps_columns():
    frame = ALL.select(
        pl.lit(14593).alias("PERMNO"),
        pl.col("date").dt.strftime("%Y%m%d").cast(int),
        pl.col("symbol").alias("TICKER"),
        *(
            pl.col(a).alias(b)
            for a, b in zip(FIELDS, ("OPENPRC", "ASKHI", "BIDLO", "PRC", "VOL"), strict=True)
        ),
    )

    reads(frame, ALL)
    portal = rbt.read(
        frame.with_columns(PRC=pl.when(pl.col("VOL") > 9e5).then("PRC").otherwise(-pl.col("PRC")))
    )
    same_daily(portal, ALL)  # below zero: the middle of bid and ask, no trade
    assert "CRSP's mark" in str(portal.report())


@pytest.mark.parametrize(
    "names",
    [
        ("DlyCalDt", "Ticker", "DlyOpen", "DlyHigh", "DlyLow", "DlyPrc", "DlyVol"),
        (" DATE1", "SYMBOL", " OPEN_PRICE", " HIGH_PRICE", " LOW_PRICE", " CLOSE_PRICE",
         " TTL_TRD_QNTY"),
    ],
)  # fmt: skip
def test_columns_of_crsps_second_version_and_of_indias_full_bhavcopy(names):
    """Before, one word in front of all fields was taken for the symbol, beside a column of
    symbols.
    """
    reads(
        ALL.select(pl.col("date", "symbol", *FIELDS)).rename(
            dict(zip(("date", "symbol", *FIELDS), names, strict=True))
        ),
        ALL,
    )


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode("utf-8-sig"),
        CSV.encode("utf-16"),
        CSV.encode("utf-16-le"),
        CSV.replace("\n", ",\r\n").encode(),
        CSV.replace("\n", "\r").encode(),
        (CSV + "Total,,,,,12345678\n").encode(),
        (CSV + '\n"Source: a vendor, all rights reserved"\n').encode(),
        ("# Symbol: AAPL\n# Currency: USD\n#\n" + CSV).encode(),
        ("Historical Prices\nAAPL\n\nFrom 2023-01-03 to 2023-04-28\n\n" + CSV).encode(),
    ],
)
def test_texts_in_any_code_with_lines_above_and_below(tmp_path, content):
    path = tmp_path / "AAPL.csv"
    path.write_bytes(content)

    reads(path, ONE)


def german(frame, **forms):
    usual = dict.fromkeys(FIELDS[:4], "{:.2f}") | {"volume": "{:,.0f}"} | forms
    return frame.with_columns(
        pl.col(name)
        .map_elements(form.format, pl.String)
        .str.replace_all(",", "_", literal=True)
        .str.replace(".", ",", literal=True)
        .str.replace_all("_", ".", literal=True)
        for name, form in usual.items()
    )


def test_a_dot_is_of_thousands_where_commas_are_decimal_and_else_decimal(tmp_path):
    small = ONE.with_columns(volume=pl.col("volume") % 900_000 + 1_000)
    path = tmp_path / "AAPL.csv"

    german(small.select("date", *FIELDS)).write_csv(path, separator=";")
    reads(path, small)
    ONE.select("date", *FIELDS).with_columns(
        pl.col(name).map_elements("${:.2f}".format, pl.String) for name in FIELDS
    ).write_csv(path, separator=";")
    reads(path, ONE)
    thousands = {name: pl.lit("$1.234") for name in FIELDS}
    ONE.select("date").with_columns(**thousands).write_csv(path, separator=";")
    with pytest.raises(UnclearData, match="the numbers"):
        rbt.read(path)


def test_columns_that_are_there_twice_are_asked_for(tmp_path):
    path = tmp_path / "AAPL.csv"
    frame = ONE.select("date", *FIELDS, pl.lit(1.0).alias("more"))
    path.write_text(frame.write_csv().replace("more", "close"))
    twice = pandas_of(ALL)
    twice = pd.concat([twice, twice[["close"]] * 2], axis=1)
    closes = WIDE["close"].set_axis(["AAPL", "AAPL", "XOM"], axis=1)

    reads(path, ONE, columns={"close": "close"})
    reads(twice, ALL, columns={"close": "close"})
    with pytest.raises(UnclearData, match="several are named 'AAPL'"):
        rbt.read(closes)


def test_bids_beside_asks_and_an_adjusted_close_alone_are_asked_for():
    sides = COINS.select(
        START.alias("timestamp"),
        *(pl.col(name).alias(f"bid_{name}") for name in FIELDS[:4]),
        *((pl.col(name) + 1).alias(f"ask_{name}") for name in FIELDS[:4]),
    )
    mixed = ALL.rename({"close": "Adj Close"})

    reads(
        sides,
        COINS.with_columns(volume=pl.lit(1e12)),
        symbol="BTC/USDT",
        calendar="24/7",
        labels="start",
        columns={name: f"bid_{name}" for name in FIELDS[:4]},
    )
    reads(mixed, ALL, columns={"close": "Adj Close"})


def test_intervals_that_are_none_are_named():
    quarters = pd.DataFrame(
        dict.fromkeys(FIELDS, 1.0) | {"symbol": "A"},
        index=pd.date_range("2015-01-31", periods=20, freq="QE"),
    )
    seconds = pl.DataFrame(
        {"timestamp": [datetime(2024, 3, 1, 14, 30, n, tzinfo=UTC) for n in range(50)]}
    ).with_columns(symbol=pl.lit("A"), close=pl.lit(1.0))

    with pytest.raises(UnclearData, match="not 1d, 1w or 1mo"):
        rbt.read(quarters)
    with pytest.raises(UnclearData, match=r"convert them to minute bars first\n"):
        rbt.read(seconds)


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("a.xlsx", b"PK\x03\x04", UnreadableFile, "workbook that can be opened"),
        ("a.xls", b"\xd0\xcf\x11\xe0", UnreadableFile, "workbook that can be opened"),
        ("a.xls", b"<html><table></table></html>", UnreadableFile, "web page"),
        ("a.h5", b"\x89HDF", UnreadableFile, r"pd.read_hdf"),
        ("a.csv", b"<!DOCTYPE html><html><body>404</body></html>", UnreadableFile, "web page"),
        ("a.csv", b"", EmptyData, "at least one bar"),
        ("a.csv", b"Date,Open,High,Low,Close,Volume\n", EmptyData, "at least one bar"),
        ("a.json", b"[]", EmptyData, "at least one bar"),
        ("a.json", b'"hello"', NotAFrame, "hello"),
        ("a.json", b"{", UnreadableFile, "cannot be read"),
        ("a.parquet", b"PAR1", UnreadableFile, "cannot be read"),
        ("a.db", b"no database", UnreadableFile, "cannot be read"),
        ("a.zip", b"PK\x05\x06", UnreadableFile, "cannot be read"),
        ("a.csv.gz", b"\x1f\x8b", UnreadableFile, "cannot be read"),
    ],
)
def test_files_that_hold_no_bars_say_why(tmp_path, name, content, error, words):
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(error, match=words):
        rbt.read(path)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (b"date,close", EmptyData, "at least one bar"),
        (3.5, NotAFrame, "was float"),
        (None, NotAFrame, "was NoneType"),
        ("https://example.invalid/a.csv", UnreadableFile, "file on this machine"),
        ("x" * 5_000, UnreadableFile, "file that exists"),
        ("nul\0byte.csv", UnreadableFile, "file that exists"),
        ({"AAPL": ONE.drop("symbol"), "MSFT": None}, NotAFrame, r"\['MSFT'\]"),
        ([[1_709_251_200_123, 100.0]] * 9, NotAFrame, "rows of a time"),
        (ALL.select(FIELDS).to_numpy(), UnclearData, "no column or index holds dates"),
        ([], EmptyData, "at least one bar"),
        ({}, EmptyData, "at least one bar"),
    ],
)
def test_what_holds_no_bars_is_refused_by_name(source, error, words):
    with pytest.raises(error, match=words):
        rbt.read(source)


def test_an_array_of_another_library_is_refused_by_name():
    array = type("DataArray", (), {"__module__": "xarray.core", "values": np.zeros(3)})()

    with pytest.raises(NotAFrame, match=r"xarray\.core\.DataArray"):
        rbt.read(array)


def test_texts_beside_the_bars_of_a_folder_are_left_alone(tmp_path):
    for symbol in SYMBOLS:
        frame = ALL.filter(symbol=symbol).drop("symbol")
        frame.write_csv(tmp_path / f"{symbol}.csv")
    (tmp_path / "notes.txt").write_text("these are my bars")
    (tmp_path / "README.md").write_text("# bars")

    reads(tmp_path, ALL)


def test_a_frame_without_rows_is_noted():
    portal = rbt.read({"AAPL": ONE.drop("symbol"), "MSFT": ONE.drop("symbol").clear()})

    same_daily(portal, ONE)
    assert "MSFT has no bars: the source['MSFT'] was empty" in portal.report().notes


def test_the_date_of_an_aware_midnight_is_kept():
    frame = BY_DATE.tz_localize("UTC")

    reads(frame, ONE, symbol="AAPL")
    assert rbt.read(frame, symbol="AAPL").to_frame("1d")["date"][0] == date(2023, 1, 3)
