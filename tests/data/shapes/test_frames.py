"""Frames as libraries give them load as they are, equal to the last digit.

Shapes were taken from what yfinance 1.7, alpaca-py 0.44, pyarrow 26 and duckdb 2.0
return; where a library needs the network its documented shape is built here.
"""

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rbtlive as rbt
from rbtlive.errors import DataError, RowsLost, UnclearData
from tests.data.shapes.plain import (
    FIELDS,
    SYMBOLS,
    daily,
    minutes,
    pandas_of,
    round_the_clock,
    same_daily,
    same_minutes,
    titled,
)

ONE = daily(("AAPL",))
ALL = daily()


def by_ticker(order: str) -> pd.DataFrame:
    """yf.download([...]) with columns (Price, Ticker), or with group_by="ticker"."""
    frames = {symbol: titled(ALL, symbol) for symbol in SYMBOLS}
    whole = pd.concat(frames, axis=1, names=["Ticker", "Price"])
    return whole if order == "ticker" else whole.swaplevel(axis=1).sort_index(axis=1)


@pytest.mark.parametrize("order", ["price", "ticker"])
def test_yfinance_columns_of_two_levels_load_in_either_order(order):
    same_daily(rbt.read(by_ticker(order)), ALL)


def test_a_yfinance_download_of_one_ticker_brings_its_symbol():
    one = pd.concat({"AAPL": titled(ONE, "AAPL")}, axis=1, names=["Ticker", "Price"])

    same_daily(rbt.read(one.swaplevel(axis=1)), ONE)


def test_a_ticker_history_needs_its_symbol_and_nothing_else():
    frame = titled(ONE, "AAPL").assign(**{"Dividends": 0.0, "Stock Splits": 0.0})
    frame.index = frame.index.tz_localize("America/New_York")

    with pytest.raises(UnclearData) as refused:
        rbt.read(frame)
    assert refused.value.missing == ("the symbol: no column, key or file name has it",)
    assert refused.value.line == 'rbt.read(source, symbol="AAPL")'
    same_daily(rbt.read(frame, symbol="AAPL"), ONE)


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_with_a_frame_for_each_symbol_is_asked_to_become_a_dict(kind):
    frames = kind([titled(ALL, symbol) for symbol in SYMBOLS[:2]])

    with pytest.raises(UnclearData) as refused:
        rbt.read(frames)

    assert refused.value.line == (
        'source = {"AAPL": source[0], "MSFT": source[1]}; rbt.read(source)'
    )
    same_daily(rbt.read(dict(zip(SYMBOLS[:2], frames, strict=True))), daily(SYMBOLS[:2]))


def test_a_list_with_a_frame_for_each_year_of_one_symbol_needs_its_symbol():
    whole = titled(ONE, "AAPL")
    parts = [whole.iloc[:5], whole.iloc[5:]]

    with pytest.raises(UnclearData) as refused:
        rbt.read(parts)

    assert refused.value.line == 'rbt.read(source, symbol="AAPL")'
    same_daily(rbt.read(parts, symbol="AAPL"), ONE)


def test_an_adjusted_close_is_left_aside_and_the_report_says_so():
    frame = titled(ONE, "AAPL")
    frame["Adj Close"] = frame["Close"] * 0.9

    portal = rbt.read(frame, symbol="AAPL")

    same_daily(portal, ONE)
    assert any("adjusted close" in note for note in portal.report().notes)


def test_a_frame_of_a_missing_ticker_keeps_the_others():
    whole = by_ticker("price")
    whole[("Close", "GONE")] = np.nan
    whole[("Open", "GONE")] = np.nan

    portal = rbt.read(whole)

    same_daily(portal, ALL)


@pytest.mark.parametrize("name", ["date", "Date", None, "Datum", "index"])
def test_an_index_of_any_name_is_the_time(name):
    frame = titled(ONE, "AAPL").rename_axis(name).assign(symbol="AAPL")

    same_daily(rbt.read(frame), ONE)


@pytest.mark.parametrize("order", [("symbol", "timestamp"), ("timestamp", "symbol"), (None, None)])
def test_rows_of_two_levels_load_in_either_order(order):
    frame = pd.DataFrame(ALL.to_dict(as_series=False))
    frame["date"] = pd.to_datetime(frame["date"])
    keys = ["symbol", "date"] if order[0] != "timestamp" else ["date", "symbol"]
    frame = frame.set_index(keys)
    frame.index.names = list(order)

    same_daily(rbt.read(frame), ALL)


def test_alpacas_daily_frame_is_dated_by_midnight_in_new_york():
    frame = pd.DataFrame(ALL.to_dict(as_series=False))
    frame["timestamp"] = (
        pd.to_datetime(frame.pop("date")).dt.tz_localize("America/New_York").dt.tz_convert("UTC")
    )
    frame = frame.assign(trade_count=9.0, vwap=1.0).set_index(["symbol", "timestamp"])

    same_daily(rbt.read(frame), ALL)
    same_daily(rbt.PolarsDataPortal.coerce(frame), ALL)


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "Australia/Sydney"]
)
def test_midnights_of_any_zone_are_its_dates(zone):
    frame = titled(ONE, "AAPL")
    frame.index = frame.index.tz_localize(zone)

    same_daily(rbt.read(frame, symbol="AAPL"), ONE)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Tokyo"])
def test_midnights_that_became_utc_are_found_by_the_calendar_or_asked_for(zone):
    frame = titled(ONE, "AAPL")
    frame.index = frame.index.tz_localize(zone).tz_convert("UTC")

    same_daily(rbt.read(frame, symbol="AAPL"), ONE)


def test_arrow_and_duckdb_load_as_they_are():
    columns = {name: ALL[name].to_list() for name in ALL.columns}
    table = pa.table(columns)
    connection = duckdb.connect()
    connection.register("bars", table)

    same_daily(rbt.read(table), ALL)
    same_daily(rbt.read(table.to_reader()), ALL)
    same_daily(rbt.read(connection.sql("select * from bars")), ALL)
    same_daily(
        rbt.read(connection.sql("select date, symbol, close::decimal(18,4) as close from bars")),
        ALL.with_columns(
            *(pl.col("close").alias(name) for name in ("open", "high", "low")),
            volume=pl.lit(1e12),
        ),
    )


def test_dicts_of_frames_load_by_symbol_and_by_field():
    frames = {symbol: titled(ALL, symbol) for symbol in SYMBOLS}
    fields = {
        name: pd.DataFrame({symbol: frame[name.title()] for symbol, frame in frames.items()})
        for name in FIELDS
    }
    polars = {name: ALL.filter(pl.col("symbol") == name).drop("symbol") for name in SYMBOLS}

    same_daily(rbt.read(frames), ALL)
    same_daily(rbt.read(fields), ALL)
    same_daily(rbt.read(polars), ALL)


@pytest.mark.parametrize("kind", ["polars", "pandas", "text"])
def test_a_wide_frame_of_closes_needs_no_argument(kind):
    wide = ALL.pivot(on="symbol", index="date", values="close")  # noqa: PD010 - polars
    source: object = wide
    if kind == "pandas":
        source = pd.DataFrame(wide.to_dict(as_series=False)).set_index("date")
    if kind == "text":
        source = wide.with_columns(pl.col(pl.Float64).cast(pl.String))

    portal = rbt.read(source)

    assert portal.to_frame().sort("date", "symbol")["close"].equals(ALL["close"])


@pytest.mark.parametrize("join", ["{field}_{symbol}", "{symbol}_{field}", "{symbol} {field}",
                                  "{symbol}.{field}", "('{field}', '{symbol}')",
                                  "{field}{symbol}", "{symbol}{field}"])  # fmt: skip
def test_flat_names_of_field_and_symbol_are_taken_apart(join):
    wide = ALL.pivot(on="symbol", index="date", values=list(FIELDS))  # noqa: PD010 - polars
    names = {
        f"{field}_{symbol}": join.format(field=field.title(), symbol=symbol)
        for field in FIELDS
        for symbol in SYMBOLS
    }

    same_daily(rbt.read(wide.rename(names)), ALL)


@pytest.mark.parametrize(
    ("join", "close"),
    [
        ("{symbol}_{field}", "Adj Close"),
        ("{symbol}_{field}", "adj_close"),
        ("{symbol} {field}", "Adj Close"),
        ("{symbol}-{field}", "Adj Close"),
        ("{field} {symbol}", "Adj Close"),
        ("{symbol}{field}", "AdjClose"),
        ("{field}{symbol}", "AdjClose"),
    ],
)
def test_an_adjusted_close_of_two_words_makes_no_further_symbol(join, close):
    """As `"_".join(column)` of yfinance's columns with group_by="ticker"."""
    wide = ALL.pivot(on="symbol", index="date", values=list(FIELDS))  # noqa: PD010 - polars
    names = {
        f"{field}_{symbol}": join.format(symbol=symbol, field=field.title())
        for field in FIELDS
        for symbol in SYMBOLS
    }
    adjusted = [
        (pl.col(f"close_{symbol}") / 2).alias(join.format(symbol=symbol, field=close))
        for symbol in SYMBOLS
    ]

    same_daily(rbt.read(wide.with_columns(adjusted).rename(names)), ALL)


def test_new_york_minutes_without_a_zone_are_found_by_the_hours_of_the_exchange():
    bars = minutes()
    local = bars["timestamp"].dt.convert_time_zone("America/New_York").dt.replace_time_zone(None)

    same_minutes(rbt.read(bars.with_columns(timestamp=local)), bars)
    same_minutes(
        rbt.PolarsDataPortal.coerce(bars.with_columns(timestamp=local), frequency="1m"), bars
    )


@pytest.mark.parametrize("step", [1, 5, 15, 30])
def test_bars_stamped_at_the_start_are_moved_to_their_end(step):
    bars = minutes(step=step)
    start = bars["timestamp"].dt.offset_by(f"-{step}m")

    portal = rbt.read(bars.with_columns(timestamp=start))

    same_minutes(portal, bars)
    assert portal.report().labels == "start"
    assert portal.interval.text == f"{step}m"


def test_round_the_clock_a_whole_day_shows_its_labels_and_half_a_day_asks():
    bars = round_the_clock()
    start = bars.with_columns(timestamp=pl.col("timestamp").dt.offset_by("-1m"))

    same_minutes(rbt.read(start), bars)
    same_minutes(rbt.read(bars), bars)
    with pytest.raises(UnclearData, match='labels="start"'):
        rbt.read(start[17:1903])
    same_minutes(rbt.read(start[17:1903], labels="start"), bars[17:1903])


def test_one_error_lists_all_that_is_missing():
    bars = round_the_clock()[17:1903].drop("symbol", "volume").rename({"close": "mid"})

    with pytest.raises(UnclearData) as refused:
        rbt.read(bars)

    assert len(refused.value.missing) == 2
    assert 'symbol="AAPL"' in refused.value.line
    assert 'columns={"close": "..."}' in refused.value.line


def test_a_clock_that_no_one_named_is_refused_with_the_likely_zone():
    bars = minutes()
    berlin = bars["timestamp"].dt.convert_time_zone("Europe/Berlin").dt.replace_time_zone(None)

    with pytest.raises(RowsLost, match=r'looks? like Europe/Berlin time.*tz="Europe/Berlin"'):
        rbt.read(bars.with_columns(timestamp=berlin))
    same_minutes(rbt.read(bars.with_columns(timestamp=berlin), tz="Europe/Berlin"), bars)


def test_hours_before_the_open_are_left_out_and_counted():
    bars = minutes()
    night = pl.concat(
        [
            bars.with_columns(timestamp=pl.col("timestamp").dt.offset_by("-5h30m")).head(330),
            bars.with_columns(timestamp=pl.col("timestamp").dt.offset_by("4h"))[150:390],
            bars,
        ]
    )

    portal = rbt.read(night)

    same_minutes(portal, bars)
    assert portal.report().left_out == {"before the open or after the close": 570}


def test_crypto_and_fx_bring_their_calendar():
    coins = daily(("BTC-USD", "ETH-USD"), calendar="24/7")
    pairs = daily(("EURUSD=X",), calendar="24/5").with_columns(volume=pl.lit(0.0))

    assert rbt.read(coins).calendar.name == "24/7"
    assert rbt.read(pairs.drop("volume")).calendar.name == "24/5"
    assert rbt.PolarsDataPortal.coerce(coins).calendar.name == "24/7"


def test_dates_of_another_exchange_are_refused_by_its_name():
    london = daily(("VOD",), calendar="XLON")

    with pytest.raises(RowsLost, match='calendar="XLON"'):
        rbt.read(london)
    same_daily(rbt.read(london, calendar="XLON"), london)


def test_of_several_exchanges_a_calendar_that_has_all_their_dates_is_named():
    """CMES has the dates of New York and London in most years, and is no one's."""
    both = pl.concat([daily(("AAPL",)), daily(("VOD",), calendar="XLON")])

    for load in (rbt.read, rbt.PolarsDataPortal):
        with pytest.raises(DataError, match=r"several exchanges \(XLON, XNYS\)") as refused:
            load(both)
        assert 'calendar="24/5"' in str(refused.value)
    same_daily(rbt.read(both, calendar="24/5"), both)


@pytest.mark.parametrize(
    ("symbol", "calendar"),
    [("000001.XSHE", "XSHG"), ("600000.XSHG", "XSHG"), ("VOD.LSE", "XLON"), ("SAP.XETRA", "XETR")],
)
def test_a_suffix_of_any_vendor_brings_the_calendar(symbol, calendar):
    bars = daily((symbol,), calendar=calendar)

    portal = rbt.read(bars)

    assert portal.calendar.name == calendar
    same_daily(portal, bars)


@pytest.mark.parametrize("clock", ["Uhrzeit", "Hora", "godzina", "Czas"])
@pytest.mark.parametrize("symbols", [("AAPL",), ("AAPL", "MSFT")])
def test_a_time_of_day_beside_the_date_may_be_called_anything(clock, symbols):
    bars = minutes(symbols)
    local = pl.col("timestamp").dt.offset_by("-1m").dt.convert_time_zone("America/New_York")
    frame = bars.select(
        local.dt.date().alias("Datum"),
        local.dt.strftime("%H:%M").alias(clock),
        pl.exclude("timestamp"),
    )

    same_minutes(rbt.read(frame), bars)


def test_a_clock_time_of_daily_bars_is_no_part_of_their_date():
    same_daily(rbt.read(ALL.with_columns(geholt=pl.lit("17:45"))), ALL)


def test_weekly_and_monthly_bars_keep_their_interval():
    weeks = ONE.filter(pl.col("date").dt.weekday() == 3)

    portal = rbt.read(weeks)

    assert portal.interval.text == "1w"
    assert portal.daily.height == weeks.height


def test_rows_that_are_there_twice_alike_count_once():
    portal = rbt.read(
        pl.concat([ONE, ONE[10:20]]).with_columns(extra=pl.lit(1)).rename({"date": "Date"})
    )

    same_daily(portal, ONE)
    assert portal.report().duplicates == 10


def test_backtest_attach_and_replay_take_what_read_takes():
    frames = {symbol: titled(ALL, symbol) for symbol in SYMBOLS}

    class Buy(rbt.TradingAlgorithm):
        def initialize(self, context):
            context.asset = self.symbol("XOM")

        def handle_data(self, context, data):
            self.order_target_percent(context.asset, 0.5)

    result = rbt.backtest(Buy, frames, progress=False)

    assert result.transactions.height > 0
    assert rbt.ReplayFeed(frames).portal.first_session == rbt.read(frames).first_session


def test_the_first_date_is_not_lost():
    assert rbt.read(ONE.rename({"date": "Date"})).to_frame()["date"][0] == date(2023, 1, 3)


@pytest.mark.parametrize("endings", [("_x", "_y"), ("_left", "_right"), (".x", ".y")])
@pytest.mark.parametrize("kind", ["pandas", "polars", "closes"])
def test_endings_that_a_join_makes_are_no_symbols(endings, kind):
    first, second = (
        pandas_of(ALL.filter(pl.col("symbol") == name).drop("symbol")) for name in ("AAPL", "MSFT")
    )
    if kind == "closes":
        first, second = first[["date", "close"]], second[["date", "close"]]
    joined = first.merge(second, on="date", suffixes=endings)

    with pytest.raises(UnclearData, match=f"columns end in '{endings[0]}' and") as unclear:
        rbt.read(pl.from_pandas(joined) if kind == "polars" else joined)

    line = unclear.value.line.rsplit("; ", 1)
    scope = {"source": pl.from_pandas(joined) if kind == "polars" else joined}
    exec(line[0], scope)
    bars = rbt.read(scope["source"]).to_frame().sort("date", "symbol")
    expected = ALL.filter(pl.col("symbol") != "XOM").sort("date", "symbol")
    assert bars.select("symbol", "close").equals(expected.select("symbol", "close"))


def test_capitals_behind_a_name_are_symbols_however_short():
    first, second = (
        pandas_of(ALL.filter(pl.col("symbol") == name).drop("symbol")) for name in ("AAPL", "MSFT")
    )

    portal = rbt.read(first.merge(second, on="date", suffixes=("_X", "_Y")))

    assert [asset.symbol for asset in portal.assets] == ["X", "Y"]
