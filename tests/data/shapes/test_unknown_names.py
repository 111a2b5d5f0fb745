"""Columns that are not named as usual: the error's line says what they are, by their values.

Names after exports of investing.com, Moscow's, Nordic and Dutch brokers, and sheets.
"""

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import UnclearData
from tests.data.shapes.plain import FIELDS, daily, minutes, pandas_of, reads, same_bars, same_daily

ALL, ONE, MINUTES = daily(), daily(("AAPL",)), minutes()


def loads_by_its_line(source, expected):
    """Read a source by the line that its error ends with, and by nothing else."""
    with pytest.raises(UnclearData) as refused:
        rbt.read(source)
    import pandas as pd

    names = {"rbt": rbt, "pd": pd, "pl": pl, "source": source}
    *before, last = refused.value.line.split("; ")
    exec("; ".join(before), names)
    portal = eval(last, names)
    same_bars(portal, expected)
    return refused.value


@pytest.mark.parametrize(
    "names",
    [
        ("Eröffnung", "Hoch", "Tief", "Schlusskurs", "Volumen"),
        ("Ouverture", "Plus haut", "Plus bas", "Clôture", "Volume"),
        ("Apertura", "Massimo", "Minimo", "Chiusura", "Volume"),
        ("Opening", "Hoog", "Laag", "Slot", "Vol."),
        ("Цена откр.", "Макс.", "Мин.", "Цена", "Объём"),
        ("Açılış", "Yüksek", "Düşük", "Şimdi", "Hac."),  # noqa: RUF001 - Turkish
        ("开盘", "高", "低", "收盘", "交易量"),
        ("Open (USD)", "High ($)", "Low [EUR]", "Close (in GBP)", "Volume (shares)"),
    ],
)
def test_names_in_other_languages_and_with_units(names):
    reads(ALL.rename(dict(zip(FIELDS, names, strict=True))), ALL)


def test_prices_without_known_names_are_found_by_which_is_highest_and_lowest():
    odd = ALL.rename({"open": "alku", "high": "ylin", "low": "alin", "close": "loppu"})
    mixed = odd.select("date", "symbol", "loppu", "alku", "ylin", "alin", "volume")

    loads_by_its_line(odd, ALL)
    with pytest.raises(UnclearData, match="no column is named like a close"):
        rbt.read(mixed)


def test_a_companys_numbers_beside_the_prices_are_no_prices():
    odd = ONE.drop("symbol").rename(
        {"open": "alku", "high": "ylin", "low": "alin", "close": "loppu"}
    )
    numbered = odd.select(pl.lit("001690").alias("gv"), pl.lit("01").alias("issue"), pl.all())

    with pytest.raises(UnclearData, match="no column is named like a close") as refused:
        rbt.read(numbered, symbol="AAPL")

    assert '"open": "alku", "high": "ylin", "low": "alin", "close": "loppu"' in refused.value.line


def test_compustats_columns():
    security = ONE.select(
        pl.lit("001690").alias("gvkey"),
        pl.lit("01").alias("iid"),
        pl.col("date").alias("datadate"),
        pl.col("symbol").alias("tic"),
        pl.col("close").alias("prccd"),
        pl.col("high").alias("prchd"),
        pl.col("low").alias("prcld"),
        pl.col("open").alias("prcod"),
        pl.col("volume").alias("cshtrd"),
        pl.lit(1.0).alias("ajexdi"),
    )

    reads(security, ONE)


@pytest.mark.parametrize("field", ["open", "high", "low"])
def test_one_price_without_a_known_name_is_asked_for_and_never_made_up(field):
    error = loads_by_its_line(ALL.rename({field: "alku"}), ALL)

    assert f"'alku' may be the {field}" in str(error)


def test_a_volume_under_another_name_is_asked_for_and_one_that_is_no_volume_is_not():
    loads_by_its_line(ALL.rename({"volume": "Volume all venues"}), ALL)
    beside = ALL.drop("volume").with_columns(volume_ma20=pl.lit(5.0), hist_volatility=pl.lit(0.2))

    assert rbt.read(beside).to_frame("1d")["volume"].unique().to_list() == [1e12]


def test_who_says_the_columns_is_not_asked_about_others():
    odd = ALL.rename({"open": "alku"})

    read = rbt.read(odd, columns={"close": "close"}).to_frame("1d")

    assert read["open"].equals(read["close"])


def test_averages_are_no_prices_that_lack():
    without_open = ALL.drop("open").with_columns(
        vwap=(pl.col("high") + pl.col("low")) / 2, typical_price=pl.col("close")
    )

    read = rbt.read(without_open.select("date", "symbol", "vwap", "high", "low", "close", "volume"))

    assert read.to_frame("1d")["open"].equals(read.to_frame("1d")["close"])


def test_times_and_symbols_under_other_names_are_found():
    loads_by_its_line(
        ALL.with_columns(pl.col("date").cast(pl.String)).rename({"date": "when"}), ALL
    )
    loads_by_its_line(ALL.rename({"symbol": "issuer"}), ALL)
    numbered = ALL.with_columns(issuer=pl.col("symbol").rank("dense").cast(pl.Int32))
    error = loads_by_its_line(
        numbered.drop("symbol"),
        ALL.with_columns(symbol=pl.col("symbol").rank("dense").cast(pl.String)),
    )
    assert '"symbol": "issuer"' in error.line


def test_dates_in_parts_are_put_together():
    year, month, day = (getattr(pl.col("date").dt, part)() for part in ("year", "month", "day"))
    parts = ALL.select(pl.all().exclude("date"), Year=year, Month=month, Day=day)
    local = MINUTES.with_columns(pl.col("timestamp").dt.convert_time_zone("America/New_York"))
    names = ("year", "month", "day", "hour", "minute")
    clock = local.select(
        pl.all().exclude("timestamp"),
        *(getattr(pl.col("timestamp").dt, name)().alias(name) for name in names),
    )

    reads(parts, ALL)
    reads(clock.drop("symbol"), MINUTES, symbol="AAPL")


@pytest.mark.parametrize(
    "form",
    [
        "%m/%d/%Y %I:%M:%S %p",
        "%Y-%m-%d %I:%M%p",
        "%Y%m%dT%H%M%S",
        "%a %b %d %H:%M:%S %Y",
        "%Y-%m-%dT%H:%M:%S-05:00[America/New_York]",
    ],
)
def test_times_as_texts_of_clocks_calendars_and_languages(form):
    early = MINUTES.filter(pl.col("timestamp").dt.day() < 12)  # before summer time
    began = pl.col("timestamp").dt.offset_by("-1m").dt.convert_time_zone("America/New_York")
    texts = early.with_columns(time=began.dt.strftime(form)).drop("timestamp", "symbol")

    reads(texts, early, symbol="AAPL")


@pytest.mark.parametrize("form", ["%I:%M %p", "%I:%M:%S %p", "%H%M%S", "%H%M"])
def test_a_time_of_day_apart_keeps_its_half(form):
    began = pl.col("timestamp").dt.offset_by("-1m").dt.convert_time_zone("America/New_York")
    apart = MINUTES.with_columns(
        Date=began.dt.strftime("%Y%m%d"), Time=began.dt.strftime(form)
    ).drop("timestamp", "symbol")

    reads(apart, MINUTES, symbol="AAPL")


def test_times_that_pandas_knows_and_nothing_else_get_its_line():
    odd = pandas_of(ONE.drop("symbol"))
    odd["date"] = odd["date"].dt.strftime("%Y-W%V-%u")

    with pytest.raises(UnclearData, match=r'format="..."'):
        rbt.read(odd)
    spelled = pandas_of(ONE.drop("symbol"))
    spelled["date"] = spelled["date"].dt.strftime("%dth %B %Y")
    loads_by_its_line(spelled, ONE)


def test_a_sheet_with_a_column_a_date_is_turned():
    sheet = pandas_of(ONE.drop("symbol")).set_index("date").T

    reads(sheet, ONE, symbol="AAPL")
    reads(sheet.rename(columns=str), ONE, symbol="AAPL")


def test_columns_of_one_value_fit_every_order_and_are_not_guessed():
    flat = ONE.with_columns(pl.lit(np.float64(5)).alias(name) for name in FIELDS[:4])
    odd = flat.rename({"open": "a", "high": "b", "low": "e", "close": "f"})

    with pytest.raises(UnclearData, match=r'"close": "..."'):
        rbt.read(odd)


def test_a_line_of_two_questions_answers_both():
    odd = ONE.drop("symbol").rename({"close": "loppu", "date": "when"})
    error = loads_by_its_line(odd.with_columns(pl.col("when").cast(pl.String)), ONE)

    assert len(error.missing) == 3
    same_daily(rbt.read(odd, symbol="AAPL", columns={"close": "loppu"}), ONE)
