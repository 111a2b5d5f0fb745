"""More vendors' files load as they are, or with the one argument that is named.

Sources: TradingView and MetaTrader exports, Tiingo CSV, CryptoDataDownload, FirstRate
Data, Kibot, QuantConnect LEAN's Data folder, Dukascopy, HistData, Stooq bulk, NSE
bhavcopy, WSJ, MarketWatch, Barchart, GOOGLEFINANCE, NinjaTrader, Sierra Chart, Finam.
"""

import io
import zipfile
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.errors import UnclearData, UnreadableFile
from rbtlive.model.interval import Interval
from tests.data.shapes.plain import (
    FIELDS,
    SYMBOLS,
    daily,
    minutes,
    reads,
    round_the_clock,
    same_bars,
)

ONE, ALL = daily(("AAPL",)), daily()
MINUTES, FIVE = minutes(), minutes(step=5)
COINS = round_the_clock(("BTCUSDT",))[13:1400]
EURO = daily(("EURUSD",), calendar="24/5")
EURO_MINUTES = round_the_clock(("EURUSD",))
START = pl.col("timestamp").dt.offset_by("-1m")
LOCAL = START.dt.convert_time_zone("America/New_York")
TITLES = [pl.col(name).alias(name.title()) for name in FIELDS]
ANGLES = [pl.col(name).alias(f"<{name.upper()}>") for name in FIELDS[:4]]


def written(folder, name, frame, *, above="", below="", **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (
        frame if isinstance(frame, bytes) else (above + frame.write_csv(**options) + below).encode()
    )
    path.write_bytes(text)
    return path


def zipped(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, frame in members.items():
            archive.writestr(name, frame)
    return packed.getvalue()


def form(column, pattern):
    return pl.col(column).cast(pl.Datetime("us")).dt.strftime(pattern)


def grouped(name, pattern="{:,.2f}"):
    return pl.col(name).map_elements(pattern.format, pl.String)


TICKS = (
    pl.col("volume").cast(int).alias("<TICKVOL>"),
    pl.lit(0).alias("<VOL>"),
    pl.lit(3).alias("<SPREAD>"),
)


def test_tradingviews_export_names_exchange_symbol_and_interval(tmp_path):
    opens = pl.col("date").cast(pl.Datetime("us")).dt.offset_by("9h30m")
    seconds = opens.dt.replace_time_zone("America/New_York").dt.epoch("s")
    rest = (*FIELDS[:4], pl.col("volume").alias("Volume"))

    intraday = MINUTES.select(START.dt.epoch("s").alias("time"), *rest, pl.lit(1.0).alias("MA"))
    by_text = ONE.select(form("date", "%Y-%m-%dT09:30:00-05:00").alias("time"), *rest)
    by_epoch = ONE.select(seconds.alias("time"), *rest)

    reads(written(tmp_path, "BATS_AAPL, 1.csv", intraday), MINUTES)
    reads(written(tmp_path, "BATS_AAPL, 1D.csv", by_text), ONE)
    reads(written(tmp_path, "NASDAQ_AAPL, 1D.csv", by_epoch), ONE)


def test_metatraders_exports_by_day_and_by_minute(tmp_path):
    day = EURO.select(form("date", "%Y.%m.%d").alias("<DATE>"), *ANGLES, *TICKS)
    times = (
        LOCAL.dt.strftime("%Y.%m.%d").alias("<DATE>"),
        LOCAL.dt.strftime("%H:%M:%S").alias("<TIME>"),
    )
    minute = MINUTES.select(*times, *ANGLES, *TICKS)
    four = MINUTES.select(
        LOCAL.dt.strftime("%Y.%m.%d"), LOCAL.dt.strftime("%H:%M").alias("t"), *FIELDS
    )

    reads(written(tmp_path, "EURUSD_Daily.csv", day, separator="\t"), EURO)
    reads(
        written(tmp_path, "AAPL_M1_202303090000_202303132359.csv", minute, separator="\t"), MINUTES
    )
    reads(written(tmp_path, "AAPL1.csv", four, include_header=False), MINUTES)


def test_cryptodatadownload_has_a_line_above_and_two_volumes(tmp_path):
    above = "https://www.CryptoDataDownload.com\n"
    frame = COINS.select(
        START.dt.epoch("ms").alias("Unix"),
        START.dt.strftime("%Y-%m-%d %H:%M:%S").alias("Date"),
        pl.col("symbol").alias("Symbol"),
        *TITLES[:4],
        pl.col("volume").alias("Volume BTC"),
        pl.lit(1.0).alias("Volume USDT"),
        pl.lit(3).alias("tradecount"),
    )

    reads(written(tmp_path, "Binance_BTCUSDT_minute.csv", frame[::-1], above=above), COINS)


def test_kibot_and_firstrate_without_a_header(tmp_path):
    day = ONE.select(form("date", "%m/%d/%Y"), *FIELDS)
    minute = MINUTES.select(LOCAL.dt.strftime("%Y-%m-%d %H:%M:%S"), *FIELDS)

    reads(written(tmp_path, "AAPL.txt", day, include_header=False), ONE)
    for name in ("AAPL_full_1min_adjsplitdiv.txt", "AAPL_1min_firstratedata.csv"):
        reads(written(tmp_path, name, minute, include_header=False), MINUTES)


SCALED = [(pl.col(name) * 10_000).round().cast(int) for name in FIELDS[:4]]


def test_leans_prices_are_ten_thousandths_in_zips_by_day_and_by_minute(tmp_path):
    day = ONE.select(form("date", "%Y%m%d 00:00"), *SCALED, pl.col("volume").cast(int))
    first = MINUTES[:390]
    since = (LOCAL.dt.hour().cast(int) * 60 + LOCAL.dt.minute()) * 60_000
    minute = first.select(since, *SCALED, pl.col("volume").cast(int))
    bare = {"include_header": False}

    daily_zip = zipped({"aapl.csv": day.write_csv(**bare)})
    minute_zip = zipped({"20230309_aapl_minute_trade.csv": minute.write_csv(**bare)})
    quotes = zipped({"20230309_aapl_minute_quote.csv": minute.write_csv(**bare)})

    reads(written(tmp_path, "daily/aapl.zip", daily_zip), ONE)
    reads(written(tmp_path, "20230309_trade.zip", minute_zip), first)
    with pytest.raises(UnreadableFile, match="bids and asks"):
        rbt.read(written(tmp_path, "20230309_quote.zip", quotes))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_dukascopys_clock_is_named_by_its_column_or_its_offset(tmp_path, zone):
    wall = START.dt.convert_time_zone(zone)
    utc = zone == "UTC"
    times = wall.dt.strftime("%d.%m.%Y %H:%M:%S.000" + ("" if utc else " GMT%z"))
    frame = EURO_MINUTES.select(times.alias("Gmt time" if utc else "Local time"), *TITLES)

    reads(written(tmp_path, "EURUSD_Candlestick_1_M_BID_01.03.2024.csv", frame), EURO_MINUTES)


def test_histdatas_clock_is_new_yorks_without_summer_time(tmp_path):
    thursday = EURO_MINUTES[:1440]
    frame = thursday.select(START.dt.offset_by("-5h").dt.strftime("%Y%m%d %H%M%S"), *FIELDS)
    path = written(
        tmp_path, "DAT_ASCII_EURUSD_M1_2024.csv", frame, separator=";", include_header=False
    )

    reads(path, thursday)
    same_bars(rbt.read(path, tz="Etc/GMT+5"), thursday)


def test_the_week_of_a_currency_shows_whose_clock_it_is(tmp_path):
    week = pl.datetime_range(
        pl.datetime(2024, 2, 27), pl.datetime(2024, 3, 6), "1m", time_zone="UTC", eager=True
    ).rename("timestamp")
    closed = (week.dt.weekday() == 6) | ((week.dt.weekday() == 5) & (week.dt.hour() >= 22))
    closed |= (week.dt.weekday() == 7) & (week.dt.hour() < 22)
    starts = week.filter(~closed)
    bars = pl.DataFrame({"timestamp": starts, "symbol": "EURUSD", "close": 1.1}).with_columns(
        **{name: pl.lit(1.1) for name in FIELDS[:3]}, volume=pl.lit(5.0)
    )
    wall = bars.with_columns(
        pl.col("timestamp").dt.convert_time_zone("America/New_York").dt.replace_time_zone(None)
    )

    with pytest.raises(UnclearData, match=r'tz="America/New_York", labels="start"\)$'):
        rbt.read(wall)
    found = rbt.read(wall, tz="America/New_York", labels="start").to_frame("1m")
    assert found["timestamp"].equals(starts.dt.offset_by("1m"))


def test_stooqs_bulk_zip_and_its_intraday_files(tmp_path):
    def bulk(bars, per, time):
        when = (
            time.dt.strftime("%Y%m%d").alias("<DATE>"),
            time.dt.strftime("%H%M%S").alias("<TIME>"),
        )
        symbol = (pl.col("symbol") + ".US").alias("<TICKER>")
        return bars.select(
            symbol,
            pl.lit(per).alias("<PER>"),
            *when,
            *ANGLES,
            pl.col("volume").alias("<VOL>"),
            pl.lit(0).alias("<OPENINT>"),
        )

    midnight = pl.col("date").cast(pl.Datetime("us"))
    members = {
        f"data/daily/us/nasdaq stocks/1/{symbol.lower()}.us.txt": bulk(
            ALL.filter(symbol=symbol), "D", midnight
        ).write_csv()
        for symbol in SYMBOLS
    }
    warsaw = pl.col("timestamp").dt.offset_by("-5m").dt.convert_time_zone("Europe/Warsaw")

    reads(
        written(tmp_path, "d_us_txt.zip", zipped(members)),
        ALL.with_columns(pl.col("symbol") + ".US"),
    )
    reads(
        written(tmp_path, "aapl.us.txt", bulk(FIVE, "5", warsaw)),
        FIVE.with_columns(pl.col("symbol") + ".US"),
        tz="Europe/Berlin",  # the same clock
    )


def test_an_exchange_is_named_by_its_holidays(tmp_path):
    bombay = daily(("RELIANCE",), calendar="XBOM")
    frame = bombay.select(
        pl.col("symbol").alias("SYMBOL"),
        pl.lit("EQ").alias("SERIES"),
        *(pl.col(name).alias(name.upper()) for name in FIELDS[:4]),
        pl.col("close").alias("LAST"),
        pl.col("close").alias("PREVCLOSE"),
        pl.col("volume").alias("TOTTRDQTY"),
        form("date", "%d-%b-%Y").str.to_uppercase().alias("TIMESTAMP"),
    )

    reads(written(tmp_path, "bhav.csv", frame), bombay, calendar="XBOM")


def test_tables_of_papers_and_sites(tmp_path):
    wsj = ONE.select(
        form("date", "%m/%d/%y").alias("Date"),
        *(pl.col(name).alias(f" {name.title()}") for name in FIELDS),
    )
    watch = ONE.select(
        form("date", "%m/%d/%Y").alias("Date"),
        *(grouped(name).alias(name.title()) for name in FIELDS[:4]),
        grouped("volume", "{:,.0f}").alias("Volume"),
    )
    barchart = ONE.select(
        form("date", "%m/%d/%Y").alias("Time"),
        *TITLES[:3],
        pl.col("close").alias("Last"),
        pl.lit(0.1).alias("Change"),
        pl.lit("0.1%").alias("%Chg"),
        pl.col("volume").cast(int).alias("Volume"),
    )
    sheet = ONE.select(form("date", "%-m/%-d/%Y 16:00:00").alias("Date"), *TITLES)
    footer = '"Downloaded from Barchart.com as of 04-28-2023 05:00pm CDT"\n'

    reads(written(tmp_path, "HistoricalPrices.csv", wsj), ONE, symbol="AAPL")
    reads(written(tmp_path, "Download Data - STOCK_US_XNAS_AAPL.csv", watch), ONE, symbol="AAPL")
    reads(written(tmp_path, "AAPL.csv", barchart[::-1], below=footer), ONE)
    reads(written(tmp_path, "AAPL.csv", sheet), ONE)


def test_traders_platforms(tmp_path):
    ninja = MINUTES.select(START.dt.strftime("%Y%m%d %H%M%S"), *FIELDS)
    sierra = MINUTES.select(
        LOCAL.dt.strftime("%Y/%-m/%-d").alias("Date"),
        LOCAL.dt.strftime("%H:%M:%S.0").alias(" Time"),
        *(pl.col(name).alias(f" {name.title()}") for name in FIELDS[:3]),
        pl.col("close").alias(" Last"),
        pl.col("volume").alias(" Volume"),
        pl.lit(3).alias(" # of Trades"),
    )
    end = pl.col("timestamp").dt.convert_time_zone("America/New_York")
    finam = MINUTES.select(
        pl.col("symbol").alias("<TICKER>"),
        pl.lit("1").alias("<PER>"),
        end.dt.strftime("%Y%m%d").alias("<DATE>"),
        end.dt.strftime("%H%M%S").alias("<TIME>"),
        *ANGLES,
        pl.col("volume").alias("<VOL>"),
    )

    reads(written(tmp_path, "AAPL.Last.txt", ninja, separator=";", include_header=False), MINUTES)
    reads(written(tmp_path, "AAPL.scid_BarData.txt", sierra), MINUTES)
    reads(written(tmp_path, "US1.AAPL_230309_230313.txt", finam, separator=";"), MINUTES)


def test_a_pair_in_a_file_name_is_one_symbol(tmp_path):
    path = tmp_path / "BTC_USDT-1m.feather"
    COINS.select(START.alias("date"), *FIELDS).write_ipc(path)

    reads(path, COINS.with_columns(symbol=pl.lit("BTC/USDT")), labels="start")


def test_folders_of_days_and_of_months(tmp_path):
    for day, bars in ALL.partition_by("date", as_dict=True).items():
        path = tmp_path / f"days/date={day[0]}/part-0.parquet"
        path.parent.mkdir(parents=True)
        bars.drop("date").write_parquet(path)
    for month in range(1, 5):
        path = tmp_path / f"months/year=2023/month={month}/part-0.parquet"
        path.parent.mkdir(parents=True)
        ALL.filter(pl.col("date").dt.month() == month).write_parquet(path)

    reads(tmp_path / "days", ALL)
    reads(tmp_path / "months", ALL)


@pytest.mark.parametrize("step", [1, 5, 60, 240])
def test_the_days_of_currencies_turn_at_five_in_new_york_and_weekends_are_no_gap(step):
    calendar = get_calendar("FX")
    first = calendar.number(date(2024, 3, 7))  # New York's clocks change on the 10th
    grid = BarGrid(calendar, Interval.parse(f"{step}m"))
    ends = np.concatenate([grid.ends_us(first + session) for session in range(5)])
    times = pl.Series("timestamp", ends).cast(pl.Datetime("us", "UTC"))
    price = pl.lit(1.08)
    bars = pl.DataFrame({"timestamp": times}).with_columns(
        symbol=pl.lit("EUR/USD"), open=price, high=price, low=price, close=price, volume=pl.lit(9.0)
    )
    starts = bars.with_columns(pl.col("timestamp").dt.offset_by(f"-{step}m"))

    portal = rbt.read(starts)

    assert portal.calendar.name == "FX"
    assert portal.to_frame(f"{step}m" if step < 60 else f"{step // 60}h").equals(bars)
    assert portal.report().gaps.is_empty()
    assert portal.to_frame("1d")["date"].to_list() == [
        date(2024, 3, day) for day in (7, 8, 11, 12, 13)
    ]


def test_the_clock_of_new_york_bounds_each_session_of_currencies():
    calendar = get_calendar("FX")
    monday = calendar.number(date(2024, 3, 11))

    assert calendar.open(monday) == datetime(2024, 3, 10, 21, tzinfo=UTC)
    assert calendar.close(monday) == datetime(2024, 3, 11, 21, tzinfo=UTC)
    assert calendar.close(monday - 1) == datetime(2024, 3, 8, 22, tzinfo=UTC)
    assert calendar.at_or_after(date(2024, 3, 9)) == monday
