"""Files as vendors give them load as they are, or with the one argument that is named.

Sources: yfinance `to_csv`; stooq.com downloads and bulk .txt; binance-public-data
klines; databento.com CSV encoding; polygon.io flat files; HistData, FirstRate Data,
Kibot and MetaTrader exports; nasdaq.com and investing.com tables; cryptodatadownload.com.
"""

import gzip
import io
import json
import zipfile

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.reading.file_names import named
from rbtlive.data.reading.nameless import KLINES
from rbtlive.data.reading.tables import Table
from rbtlive.errors import UnclearData, UnreadableFile, WrongColumnType
from tests.data.shapes.plain import (
    FIELDS,
    SYMBOLS,
    daily,
    minutes,
    round_the_clock,
    same_daily,
    same_minutes,
)

ONE, ALL, MINUTES = daily(("AAPL",)), daily(), minutes()
COINS = round_the_clock(("BTCUSDT",))
TITLED = ONE.drop("symbol").rename({name: name.title() for name in ("date", *FIELDS)})
START = pl.col("timestamp").dt.offset_by("-1m")
LOCAL = START.dt.convert_time_zone("America/New_York")


def written(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def csv(frame, **options):
    return frame.write_csv(**options)


def test_yfinance_csv_files_of_one_two_and_three_header_lines(tmp_path):
    rows = csv(ONE.select("date", *FIELDS), include_header=False)
    heads = ",".join(name.title() for name in FIELDS)
    three = f"Price,{heads}\nTicker{',AAPL' * 5}\nDate,,,,,\n{rows}"

    same_daily(rbt.read(written(tmp_path, "AAPL.csv", csv(TITLED))), ONE)
    same_daily(rbt.read(written(tmp_path, "yf.csv", three)), ONE)


@pytest.mark.parametrize("front", ["Price", "Ticker"])
def test_yfinance_csv_files_of_several_tickers(tmp_path, front):
    wide = ALL.pivot(on="symbol", index="date", values=list(FIELDS))
    pairs = [(name, symbol) for name in FIELDS for symbol in SYMBOLS]
    rows = csv(wide.select("date", *(f"{a}_{b}" for a, b in pairs)), include_header=False)
    lines = {
        "Price": ",".join(name.title() for name, _ in pairs),
        "Ticker": ",".join(symbol for _, symbol in pairs),
    }
    back = "Ticker" if front == "Price" else "Price"
    text = f"{front},{lines[front]}\n{back},{lines[back]}\nDate{',' * len(pairs)}\n{rows}"

    same_daily(rbt.read(written(tmp_path, "several.csv", text)), ALL)


def test_stooq_downloads_and_bulk_files(tmp_path):
    bulk = ONE.select(
        pl.lit("AAPL.US").alias("<TICKER>"),
        pl.lit("D").alias("<PER>"),
        pl.col("date").dt.strftime("%Y%m%d").alias("<DATE>"),
        pl.lit("000000").alias("<TIME>"),
        *(pl.col(name).alias(f"<{name.upper()}>") for name in FIELDS[:4]),
        pl.col("volume").alias("<VOL>"),
        pl.lit(0).alias("<OPENINT>"),
    )

    same_daily(rbt.read(written(tmp_path, "aapl_us_d.csv", csv(TITLED))), ONE)
    same_daily(
        rbt.read(written(tmp_path, "aapl.us.txt", csv(bulk))),
        ONE.with_columns(symbol=pl.lit("AAPL.US")),
    )


def klines(factor=1):
    ms = pl.col("timestamp").dt.epoch("ms")
    return COINS.select(
        (ms - 60_000) * factor,
        *FIELDS,
        (ms * factor - 1).alias("close_time"),
        *(pl.lit(1).alias(name) for name in KLINES[7:]),
    ).rename({"timestamp": "open_time"})


@pytest.mark.parametrize("factor", [1, 1_000])
@pytest.mark.parametrize("header", [True, False])
def test_binance_klines_with_and_without_header_in_ms_and_us(tmp_path, factor, header):
    text = csv(klines(factor)[13:1400], include_header=header)

    portal = rbt.read(written(tmp_path, "BTCUSDT-1m-2024-03-01.csv", text))

    same_minutes(portal, COINS[13:1400])
    assert portal.calendar.name == "24/7"


def test_binance_klines_in_their_zip(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("BTCUSDT-1m-2024-03.csv", csv(klines(), include_header=False))

    same_minutes(rbt.read(written(tmp_path, "BTCUSDT-1m-2024-03.zip", packed.getvalue())), COINS)


def test_databento_csv_has_fixed_point_prices_and_starts(tmp_path):
    raw = MINUTES.select(
        START.dt.epoch("ns").alias("ts_event"),
        *(pl.lit(n).alias(name) for name, n in (("rtype", 33), ("publisher_id", 2))),
        pl.lit(11667).alias("instrument_id"),
        *((pl.col(name) * 1e9).round().cast(pl.Int64) for name in FIELDS[:4]),
        pl.col("volume").cast(pl.Int64),
        "symbol",
    )

    same_minutes(rbt.read(written(tmp_path, "xnas.ohlcv-1m.csv", csv(raw))), MINUTES)
    same_minutes(
        rbt.read(written(tmp_path, "raw.csv", csv(raw.drop("symbol")))),
        MINUTES.with_columns(symbol=pl.lit("11667")),
    )


def test_polygon_flat_files_cover_the_night_in_nanoseconds(tmp_path):
    early = MINUTES.with_columns(timestamp=pl.col("timestamp").dt.offset_by("-5h30m")).head(330)
    late = MINUTES.with_columns(timestamp=pl.col("timestamp").dt.offset_by("4h"))[150:390]
    flat = pl.concat([early, MINUTES, late]).select(
        pl.col("symbol").alias("ticker"),
        *("volume", "open", "close", "high", "low"),
        START.dt.epoch("ns").alias("window_start"),
        pl.lit(4).alias("transactions"),
    )
    path = written(tmp_path, "2023-03-09.csv.gz", gzip.compress(csv(flat).encode()))

    portal = rbt.read(path)

    same_minutes(portal, MINUTES)
    assert sum(portal.report().left_out.values()) == 570


def test_folders_patterns_and_partitions(tmp_path):
    for symbol in SYMBOLS:
        one = ALL.filter(pl.col("symbol") == symbol).drop("symbol")
        written(tmp_path, f"kaggle/{symbol}.csv", csv(one))
        folder = tmp_path / "hive" / f"symbol={symbol}"
        folder.mkdir(parents=True)
        one.write_parquet(folder / "part-0.parquet")

    same_daily(rbt.read(tmp_path / "kaggle"), ALL)
    same_daily(rbt.read(str(tmp_path / "kaggle" / "*.csv")), ALL)
    same_daily(rbt.read(tmp_path / "hive"), ALL)
    same_daily(rbt.PolarsDataPortal.coerce(tmp_path / "kaggle"), ALL)


def test_arrow_parquet_and_json_files(tmp_path):
    ALL.write_ipc(tmp_path / "a.feather")
    ALL.write_ndjson(tmp_path / "a.jsonl")
    ALL.rename({"symbol": "Ticker"}).write_parquet(tmp_path / "a.parquet")
    rows = [row | {"date": str(row["date"])} for row in ALL.to_dicts()]
    written(tmp_path, "a.json", json.dumps(rows))

    for name in ("a.feather", "a.jsonl", "a.parquet", "a.json"):
        same_daily(rbt.read(tmp_path / name), ALL)


def dotted(number, digits):
    return f"{number:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def test_german_numbers_and_dates(tmp_path):
    german = pl.DataFrame(
        {"Datum": TITLED["Date"].dt.strftime("%d.%m.%Y")}
        | {
            name: [dotted(value, 2) for value in TITLED[column]]
            for name, column in (
                ("Erster", "Open"),
                ("Hoch", "High"),
                ("Tief", "Low"),
                ("Schlusskurs", "Close"),
            )
        }
        | {"Stück": [dotted(value, 0) for value in TITLED["Volume"]]}
    )
    path = written(tmp_path, "wkn.csv", csv(german, separator=";"))

    same_daily(rbt.read(path, symbol="AAPL"), ONE)


def test_american_dates_dollars_and_thousands(tmp_path):
    table = pl.DataFrame(
        {
            "Date": TITLED["Date"].dt.strftime("%m/%d/%Y"),
            "Close/Last": [f"${value}" for value in TITLED["Close"]],
            "Volume": [f"{value:,.0f}" for value in TITLED["Volume"]],
            **{name: [f"${value}" for value in TITLED[name]] for name in ("Open", "High", "Low")},
        }
    )
    millions = pl.DataFrame(
        {
            "Date": TITLED["Date"].dt.strftime("%b %d, %Y"),
            "Price": TITLED["Close"].cast(pl.String),
            **{name: TITLED[name] for name in ("Open", "High", "Low")},
            "Vol.": [f"{value / 1e6:.6f}M" for value in TITLED["Volume"]],
            "Change %": ["1.2%"] * ONE.height,
        }
    )

    path = written(tmp_path, "HistoricalData_1.csv", csv(table.reverse()))
    same_daily(rbt.read(path, symbol="AAPL"), ONE)
    same_daily(rbt.read(written(tmp_path, "table.csv", csv(millions)), symbol="AAPL"), ONE)


def test_files_with_a_date_beside_a_time_of_day(tmp_path):
    meta = MINUTES.select(
        START.dt.strftime("%Y.%m.%d").alias("<DATE>"),
        START.dt.strftime("%H:%M:%S").alias("<TIME>"),
        *(pl.col(name).alias(f"<{name.upper()}>") for name in FIELDS[:4]),
        pl.col("volume").alias("<TICKVOL>"),
        pl.lit(0).alias("<VOL>"),
    )
    kibot = MINUTES.select(
        LOCAL.dt.strftime("%m/%d/%Y"), LOCAL.dt.strftime("%H:%M").alias("time"), *FIELDS
    )

    same_minutes(rbt.read(written(tmp_path, "AAPL_M1.csv", csv(meta, separator="\t"))), MINUTES)
    same_minutes(rbt.read(written(tmp_path, "AAPL.txt", csv(kibot, include_header=False))), MINUTES)


def test_files_without_a_header(tmp_path):
    first_rate = MINUTES.select(LOCAL.dt.strftime("%Y-%m-%d %H:%M:%S"), *FIELDS)
    path = written(tmp_path, "AAPL_full_1min.txt", csv(first_rate, include_header=False))

    same_minutes(rbt.read(path), MINUTES)


def test_a_line_above_the_header(tmp_path):
    table = COINS.select(
        START.dt.epoch("s").alias("unix"),
        START.dt.strftime("%Y-%m-%d %H:%M:%S").alias("date"),
        "symbol",
        *FIELDS[:4],
        pl.col("volume").alias("Volume BTC"),
        pl.lit(1.0).alias("Volume USDT"),
    ).reverse()
    text = "https://www.CryptoDataDownload.com\n" + csv(table)

    same_minutes(rbt.read(written(tmp_path, "Binance_BTCUSDT_minute.csv", text)), COINS)


def test_the_symbol_of_a_file_is_asked_for_if_its_name_is_a_word(tmp_path):
    with pytest.raises(UnclearData, match='symbol="AAPL"'):
        rbt.read(written(tmp_path, "prices.csv", csv(TITLED)))


def test_a_word_among_the_prices_is_refused_by_its_row(tmp_path):
    text = csv(TITLED).replace(str(TITLED["Close"][7]), "closed", 1)

    with pytest.raises(WrongColumnType, match=r"'closed' in row 7"):
        rbt.read(written(tmp_path, "AAPL.csv", text))


def test_dates_that_may_be_either_way_round_are_asked_for(tmp_path):
    few = TITLED[:2].with_columns(Date=pl.Series(["03/04/2024", "04/03/2024"]))
    text = csv(few)

    with pytest.raises(UnclearData, match="either way round"):
        rbt.read(written(tmp_path, "AAPL.csv", text))


def test_nothing_readable_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="exists"):
        rbt.read(tmp_path / "none.csv")
    with pytest.raises(UnreadableFile, match="none exists"):
        rbt.read(tmp_path)
    with pytest.raises(UnreadableFile, match=r"pd\.read_pickle"):
        rbt.read(written(tmp_path, "bars.pickle", b"\x80\x04"))


@pytest.mark.parametrize(
    ("name", "interval", "symbol"),
    [
        ("bars_h2.csv", "2h", None),
        ("AAPL_H6.csv", "6h", "AAPL"),
        ("AAPL_M20.csv", "20m", "AAPL"),
        ("aapl-90min.csv", "90m", "AAPL"),
        ("MSFT_MN1.csv", "1mo", "MSFT"),
        ("MSFT_1wk.csv", "1w", "MSFT"),
        ("MSFT 3hours.csv", "3h", "MSFT"),
        ("MSFT_D5.csv", None, None),
        ("H2O.csv", None, "H2O"),
    ],
)
def test_the_length_of_a_bar_in_a_files_name(name, interval, symbol):
    bars = pl.DataFrame({"date": ["2024-01-02"], "close": [1.0]})

    said = named(Table(bars, name), name)

    assert (said.interval, said.symbol) == (interval, symbol)


def test_a_folder_in_capitals_is_the_symbol_of_files_whose_names_say_none(tmp_path):
    """As pyarrow's `write_dataset(..., partitioning=["symbol"])` writes them."""
    for symbol in SYMBOLS:
        folder = tmp_path / "bars" / symbol / "2023"
        folder.mkdir(parents=True)
        ALL.filter(pl.col("symbol") == symbol).drop("symbol").write_parquet(
            folder / "part-0.parquet"
        )

    same_daily(rbt.read(tmp_path / "bars"), ALL)


@pytest.mark.parametrize("folders", [("JAN", "FEB", "MAR"), ("one", "two", "three")])
def test_other_folders_are_no_symbols_and_the_files_are_asked_to_be_named(tmp_path, folders):
    for folder, symbol in zip(folders, SYMBOLS, strict=True):
        (tmp_path / folder).mkdir()
        ALL.filter(pl.col("symbol") == symbol).drop("symbol").write_csv(tmp_path / folder / "0.csv")

    with pytest.raises(UnclearData, match=r"as in AAPL\.csv") as unclear:
        rbt.read(tmp_path)

    assert "write:" not in str(unclear.value)
