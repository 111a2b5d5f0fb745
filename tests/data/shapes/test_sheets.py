"""Two header rows read with too few arguments, symbols that look like numbers or nothing,
and times marked with the wrong zone.
"""

import io
from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import RowsLost, UnclearData
from tests.data.shapes.plain import daily, minutes, pandas_of, reads, same_daily, same_minutes

ALL, ONE, MINUTES = daily(), daily(("AAPL",)), minutes()
WIDE = (
    pandas_of(ALL).pivot_table(index="date", columns="symbol").rename_axis(columns=["", "symbol"])
)


def again(frame, **options):
    return pd.read_csv(io.StringIO(frame.to_csv()), **options)


@pytest.mark.parametrize("frame", [WIDE, WIDE.swaplevel(axis=1).sort_index(axis=1)])
@pytest.mark.parametrize(
    "options",
    [
        {"header": [0, 1]},
        {"header": [0, 1], "index_col": 0},
        {"header": [0, 1], "skiprows": [2]},
        {},
    ],
    ids=str,
)
def test_two_header_rows_load_however_pandas_was_asked(frame, options):
    same_daily(rbt.read(again(frame, **options)), ALL)  # read_excel gives the same frames


def test_two_header_rows_over_an_index_without_a_name():
    same_daily(rbt.read(again(WIDE.rename_axis(index=None), header=[0, 1])), ALL)


def test_rows_whose_first_price_is_a_word_are_no_sheet():
    texts = pandas_of(ONE.drop("symbol")).astype({"close": str})
    texts.loc[0, "close"] = "n.a."

    with pytest.raises(UnclearData, match="symbol"):
        rbt.read(texts)
    assert rbt.read(texts, symbol="AAPL").to_frame("1d").height == ONE.height - 1


@pytest.mark.parametrize("name", ["symbol", "ticker", "code"])
def test_symbols_in_a_file_are_kept_as_they_are_written(name):
    symbols = ["000001", "1E5", "NA", "TRUE", "nan"]
    bars = pl.concat([ONE.with_columns(symbol=pl.lit(symbol)) for symbol in symbols])

    same_daily(rbt.read(bars.rename({"symbol": name}).write_csv()), bars)


def test_rows_without_a_symbol_are_not_lost_in_silence():
    nameless = ALL.with_columns(symbol=pl.col("symbol").replace("MSFT", None))
    some = ALL.with_row_index().with_columns(
        symbol=pl.when(pl.col("index") == 7).then(None).otherwise("symbol")
    )

    with pytest.raises(RowsLost, match=r"81 of 243 rows have no symbol, the first is row 1;"):
        rbt.read(nameless)
    assert rbt.read(some.drop("index")).to_frame("1d").height == ALL.height - 1
    same_daily(rbt.read(nameless, symbol=["AAPL"]), ONE)


def test_times_marked_with_a_zone_that_cannot_be_are_taken_in_the_said_one():
    local = MINUTES.with_columns(
        pl.col("timestamp").dt.convert_time_zone("America/New_York").dt.replace_time_zone("UTC")
    ).drop("symbol")
    right = MINUTES.drop("symbol")

    reads(local, MINUTES, symbol="AAPL", tz="America/New_York")
    same_minutes(rbt.read(right, symbol="AAPL", tz="America/New_York"), MINUTES)


def test_an_exchanges_hours_on_a_weekends_dates_are_no_market_without_weekends():
    tokyo = MINUTES.with_columns(
        pl.col("timestamp").dt.convert_time_zone("Asia/Tokyo").dt.replace_time_zone(None)
    )

    reads(tokyo, MINUTES, tz="Asia/Tokyo")


def trades():
    start = datetime(2023, 3, 9, 14, 30, tzinfo=UTC)
    times = [start + timedelta(milliseconds=250 * n) for n in range(960)]
    return pl.DataFrame({"timestamp": times}).with_columns(
        symbol=pl.lit("AAPL"), price=pl.int_range(pl.len()) % 7 + 100.0, size=pl.lit(10)
    )


@pytest.mark.parametrize(
    "shape", [lambda f: f, pandas_of, lambda f: pandas_of(f).set_index("timestamp")]
)
def test_the_line_makes_minutes_of_trades(shape):
    source = shape(trades())
    with pytest.raises(UnclearData, match="convert them to minute bars first") as refused:
        rbt.read(source)

    names = {"rbt": rbt, "pl": pl, "source": source}
    before, last = refused.value.line.split("; ")
    exec(before, names)
    bars = eval(last, names).to_frame("1m")

    assert bars["volume"].to_list() == [2400.0] * 4
    assert bars["high"].to_list() == [106.0] * 4
    assert bars["timestamp"][0] == datetime(2023, 3, 9, 14, 31, tzinfo=UTC)


def test_a_frame_without_names_is_read_by_what_its_columns_hold():
    nameless = pandas_of(ONE.drop("symbol")).set_axis(range(6), axis=1)
    long = pandas_of(ALL.select("symbol", pl.all().exclude("symbol"))).set_axis(range(7), axis=1)

    reads(nameless, ONE, symbol="AAPL")  # read_csv(header=None)
    reads(nameless.set_index(0), ONE, symbol="AAPL")
    same_daily(rbt.read(long), ALL)


def test_a_price_by_two_names_is_asked_for_and_makes_no_symbols():
    twice = ONE.rename({"close": "close_yahoo"}).with_columns(close_stooq=pl.col("close_yahoo") + 1)

    with pytest.raises(UnclearData, match='"close": "close_yahoo"') as refused:
        rbt.read(twice.drop("symbol"))
    same_daily(eval(refused.value.line, {"rbt": rbt, "source": twice.drop("symbol")}), ONE)


def test_one_letter_may_be_a_symbol():
    wide = ONE.select("date", C="close", O="open")

    closes = rbt.read(wide).to_frame("1d")

    assert closes.filter(pl.col("symbol") == "O")["close"].to_list() == ONE["open"].to_list()
    letters = ONE.select("date", O="open", H="high", L="low", C="close", V="volume")
    reads(letters, ONE, symbol="AAPL")


def test_an_empty_row_needs_no_symbol():
    empty = pl.DataFrame({name: [""] for name in ALL.columns})
    texts = pl.concat([ONE.cast(pl.String), empty])

    same_daily(rbt.read(texts), ONE)
