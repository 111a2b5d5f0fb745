"""Further vendors' files, each as it is written: names, codes, dates and titles of their
countries; contracts, dividends and currencies beside the bars.
"""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import RowsLost, UnclearData
from tests.data.shapes.plain import daily, minutes, same_daily, same_minutes
from tests.data.shapes.test_day_counts import written

ONE = daily(("AAPL",))
DAY, PRICES, VOLUME = pl.col("date"), ("open", "high", "low", "close"), pl.col("volume")


def table(*columns, sep=","):
    """Return ONE as text with columns of these names."""
    return ONE.select(*columns).write_csv(separator=sep)


def prices(*names):
    return [pl.col(one).alias(name) for one, name in zip(PRICES, names, strict=True)]


def with_commas(*names):
    return [
        pl.col(one).map_elements(lambda v: f"{v:.2f}".replace(".", ","), pl.String).alias(name)
        for one, name in zip(PRICES, names, strict=True)
    ]


COUNT = VOLUME.cast(int)
TEXTS = {
    "Boursorama": table(
        DAY.dt.strftime("%d/%m/%Y 00:00"), *prices("ouv", "haut", "bas", "clot"),
        COUNT.alias("vol"), pl.lit("USD").alias("devise"), sep="\t",
    ),
    "Ariva": table(
        DAY.alias("Datum"), *with_commas("Erster", "Hoch", "Tief", "Schlusskurs"),
        COUNT.alias("Stuecke"), pl.lit("1,50").alias("Volumen"), sep=";",
    ),
    "Euronext": '"Historical Data"\n"FR0000120073"\n' + table(
        DAY.dt.strftime("%d/%m/%Y").alias("Date"), *prices("Open", "High", "Low", "Last"),
        COUNT.alias("Number of Shares"), pl.lit(9).alias("Number of Trades"), sep=";",
    ),
    "Bombay": table(
        DAY.dt.strftime("%d-%B-%Y").alias("Date"),
        *prices("Open Price", "High Price", "Low Price", "Close Price"),
        pl.lit(1.0).alias("WAP"), COUNT.alias("No.of Shares"),
    ),
    "Metastock": table(
        pl.lit("AAPL").alias("<TICKER>"), pl.lit("D").alias("<PER>"),
        DAY.dt.strftime("%Y%m%d").alias("<DTYYYYMMDD>"), pl.lit("000000").alias("<TIME>"),
        *prices("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>"), COUNT.alias("<VOL>"),
    ),
    "titles and an end that is empty": "Macro Data Download\n\nPrices of a share\n\n" + table(
        DAY, *prices("open", "high", "low", "close"), COUNT, pl.lit(None).alias(""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_vendors_of_many_countries(text):
    same_daily(rbt.read(text, symbol="AAPL"), ONE)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("cp932", ("日付", "始値", "高値", "安値", "終値", "出来高")),
        ("cp949", ("날짜", "시가", "고가", "저가", "종가", "거래량")),
        ("gb18030", ("日期", "开盘", "最高", "最低", "收盘", "成交量")),
        ("big5", ("日期", "開盤價", "最高價", "最低價", "收盤價", "成交股數")),
        ("cp1250", ("Datum", "Otevření", "Max", "Min", "Závěr", "Objem")),
        ("cp1252", ("Datum", "Öppning", "Högst", "Lägst", "Stängning", "Volym")),
        ("utf-8", ("Dato", "Åpning", "Høy", "Lav", "Siste", "Volum")),
        ("utf-8", ("Dátum", "Nyitó", "Max", "Min", "Záró", "Forgalom")),
        ("utf-8", ("Data", "Abertura", "Máximo", "Mínimo", "Fecho", "Volume")),
        ("cp1251", ("Дата", "Откр.", "Макс.", "Мин.", "Цена", "Объем")),
    ],
)
def test_files_in_the_code_of_their_country(tmp_path, code, names):
    path = tmp_path / "AAPL.csv"
    path.write_bytes(
        ONE.drop("symbol").rename(dict(zip(["date", *PRICES, "volume"], names, strict=True)))
        .write_csv().encode(code)
    )  # fmt: skip

    same_daily(rbt.read(path), ONE)


def test_minutes_with_two_spaces_and_names_behind_a_sign():
    bars = minutes()
    start = pl.col("timestamp") - pl.duration(minutes=1)
    new_york = start.dt.convert_time_zone("America/New_York")
    broker = bars.select(
        new_york.dt.strftime("%Y%m%d  %H:%M:%S").alias("date"), *PRICES, "volume",
        pl.lit(1.5).alias("average"), pl.lit(7).alias("barCount"),
    )  # fmt: skip
    lseg = bars.select(
        pl.lit("AAPL").alias("#RIC"), pl.lit("Market Price").alias("Domain"),
        start.dt.strftime("%Y-%m-%dT%H:%M:%S.000000000Z").alias("Date-Time"),
        *prices("Open", "High", "Low", "Last"), pl.col("volume").alias("Volume"),
    )  # fmt: skip
    quantower = bars.select(
        new_york.dt.strftime("%m/%d/%Y %I:%M:%S %p").alias("Time left"), *PRICES, "volume"
    )

    same_minutes(rbt.read(broker.write_csv(), symbol="AAPL"), bars)
    same_minutes(rbt.read(lseg.write_csv(), labels="start"), bars)
    same_minutes(rbt.read(quantower.write_csv(separator=";"), symbol="AAPL"), bars)


def test_a_name_of_a_download_has_its_symbol(tmp_path):
    for name in ("aapl_historical-data.csv", "AAPL Historische Kurse.csv"):
        (tmp_path / name).write_text(ONE.drop("symbol").write_csv())
        same_daily(rbt.read(tmp_path / name), ONE)


CONTRACTS = pl.concat(
    ONE.with_columns(pl.lit(expiry).alias("expiry"), pl.lit(strike).alias("strike"))
    for expiry in (date(2023, 6, 16), date(2023, 9, 15))
    for strike in (100, 110)
)


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_contracts_of_one_underlying_are_named_by_the_line(kind):
    source = CONTRACTS if kind == "polars" else CONTRACTS.to_pandas()

    with pytest.raises(UnclearData, match="several contracts, by 'expiry' and 'strike'") as no:
        rbt.read(source)

    portal = written(no, source)
    assert len(portal.assets) == 4
    same_daily(rbt.read(CONTRACTS.filter(expiry=date(2023, 6, 16), strike=100)), ONE)


def test_an_option_chain_is_asked_for_its_contracts_alone():
    chain = CONTRACTS.select(
        pl.col("date").alias("quote_date"), pl.col("symbol").alias("underlying"), "expiry",
        "strike", pl.lit("C").alias("type"), pl.col("close").alias("bid"),
        pl.col("close").alias("ask"), pl.col("close").alias("last"), pl.lit(0.3).alias("iv"),
    )  # fmt: skip

    with pytest.raises(UnclearData) as no:
        rbt.read(chain)

    assert len(no.value.missing) == 1
    assert "by 'expiry' and 'strike' and 'type'" in no.value.missing[0]


def test_dividends_splits_and_currencies_that_are_left_aside_are_said():
    acted = ONE.with_columns(
        pl.when(date(2023, 2, 1) == DAY).then(0.5).otherwise(0.0).alias("Dividends"),
        pl.when(date(2023, 3, 1) == DAY).then(2.0).otherwise(0.0).alias("Stock Splits"),
    )
    two = pl.concat(
        ONE.with_columns(pl.lit(s).alias("symbol"), pl.lit(c).alias("currency"))
        for s, c in (("AAPL", "USD"), ("SAP", "EUR"))
    )

    notes = [" ".join(rbt.read(one).report().notes) for one in (acted, two, ONE)]

    assert "'Dividends' has 1 value and is left aside" in notes[0]
    assert "'Stock Splits' has 1 value and is left aside" in notes[0]
    assert "prices in EUR, USD are not converted" in notes[1]
    assert "aside" not in notes[2]
    assert "converted" not in notes[2]


@pytest.mark.parametrize("separator", [",", " "])
def test_rows_without_names_or_with_an_index_without_one(tmp_path, separator):
    path = tmp_path / "AAPL.txt"
    path.write_text(ONE.drop("symbol").write_csv(include_header=False, separator=separator))
    of_r = ONE.select(
        DAY.alias(""), *prices("AAPL.Open", "AAPL.High", "AAPL.Low", "AAPL.Close"),
        VOLUME.alias("AAPL.Volume"), pl.col("close").alias("AAPL.Adjusted"),
    )  # fmt: skip

    same_daily(rbt.read(path), ONE)
    same_daily(rbt.read(of_r.write_csv(separator=",")), ONE)


def test_one_column_of_a_file_of_a_symbol_is_its_close(tmp_path):
    path = tmp_path / "AAPL.csv"
    path.write_text(ONE.select(DAY.alias("Datum"), pl.col("close").alias("Preis")).write_csv())

    portal = rbt.read(path)

    assert [asset.symbol for asset in portal.assets] == ["AAPL"]
    assert portal.to_frame()["close"].equals(ONE["close"])


def test_of_a_wide_table_the_symbol_is_taken_and_unknown_names_are_asked_for():
    closes = ONE.select("date", pl.col("close").alias("AAPL"), (pl.col("close") + 1).alias("IBM"))
    unknown = ONE.select("date", *prices("uno", "dos", "tres", "quatro"))

    assert rbt.read(closes, symbol="AAPL").to_frame()["close"].equals(ONE["close"])
    with pytest.raises(UnclearData, match="no column is named like a close") as no:
        rbt.read(unknown, symbol="AAPL")
    assert written(no, unknown).to_frame()["close"].equals(ONE["close"])


def test_hours_round_the_clock_are_no_sessions_hours():
    first = datetime(2024, 1, 1, 1, tzinfo=UTC)
    rows = [
        {"timestamp": first + timedelta(hours=n), "s": "HYPE", "close": 20.0} for n in range(60)
    ]

    with pytest.raises(RowsLost, match="the times go round the clock") as no:
        rbt.read(rows)

    assert no.value.line == 'rbt.read(source, calendar="24/7")'
