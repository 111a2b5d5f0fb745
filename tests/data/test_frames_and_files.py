"""Where frames may come from: polars, pandas, Parquet, CSV; all give the same portal,
or an error that says what is wrong.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import DataError, MissingColumn, NotAFrame, UnreadableFile, WrongColumnType
from tests.data.frames import at, daily, minutes


@pytest.fixture
def expected() -> PolarsDataPortal:
    return PolarsDataPortal(daily())


def pandas_daily() -> pd.DataFrame:
    columns = {name: daily()[name].to_list() for name in daily().columns}
    return pd.DataFrame(columns).assign(date=lambda frame: pd.to_datetime(frame["date"]))


def same(portal: PolarsDataPortal, expected: PolarsDataPortal) -> bool:
    return portal.fingerprint() == expected.fingerprint()


def test_a_lazy_frame_is_collected(expected):
    assert same(PolarsDataPortal(daily().lazy()), expected)


@pytest.mark.parametrize("suffix", [".parquet", ".PQ"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_parquet_path_is_read(tmp_path, expected, suffix, kind):
    path = tmp_path / f"bars{suffix}"
    daily().write_parquet(path)

    assert same(PolarsDataPortal(kind(path)), expected)


def test_a_csv_path_is_read_with_gaps_as_missing_bars(tmp_path, expected):
    path = tmp_path / "bars.csv"
    daily().write_csv(path)
    path.write_text(path.read_text() + "2012-11-23,IBM,,,,,\n2012-11-26,IBM,NA,NA,NA,NaN,0\n")

    assert same(PolarsDataPortal(path), expected)


def test_a_path_with_wildcards_in_its_name_is_one_file(tmp_path, expected):
    path = tmp_path / "bars[1]*.csv"
    daily().write_csv(path)

    assert same(PolarsDataPortal(path), expected)


def test_a_folder_of_parquet_files_and_a_pattern_are_read(tmp_path, expected):
    folder = tmp_path / "bars"
    (folder / "deeper").mkdir(parents=True)
    (folder / "readme.txt").write_text("no bars")
    daily().head(2).write_parquet(folder / "a.parquet")
    daily().tail(-2).write_parquet(folder / "deeper" / "b.pq")

    assert same(PolarsDataPortal(folder), expected)
    assert same(PolarsDataPortal(f"{folder}/**/*.p*q*"), expected)


def test_the_names_of_folders_may_hold_a_column(tmp_path, expected):
    for symbol in ("AAPL", "MSFT"):
        (tmp_path / f"symbol={symbol}").mkdir()
        only = daily().filter(pl.col("symbol") == symbol).drop("symbol")
        only.write_parquet(tmp_path / f"symbol={symbol}" / "bars.parquet")

    assert same(PolarsDataPortal(tmp_path), expected)


def test_a_pattern_or_folder_without_parquet_files_is_an_error(tmp_path):
    for path in (tmp_path, tmp_path / "*.parquet"):
        with pytest.raises(UnreadableFile, match="where none exists"):
            PolarsDataPortal(path)


def test_a_symbol_that_looks_like_a_number_or_a_gap_stays_text(tmp_path):
    path = tmp_path / "bars.csv"
    daily(["007", "NA", "TRUE"]).write_csv(path)

    assert [asset.symbol for asset in PolarsDataPortal(path).assets] == ["007", "NA", "TRUE"]


def test_text_in_a_csv_column_of_numbers_is_an_error_that_names_the_row(tmp_path):
    path = tmp_path / "bars.csv"
    daily().with_columns(pl.col("close").cast(pl.String).replace({"202.0": "2o2"})).write_csv(path)

    with pytest.raises(
        WrongColumnType,
        match="column 'close' of bars must hold numbers: was '2o2' in MSFT on 2012-11-23",
    ):
        PolarsDataPortal(path)


def test_a_csv_without_a_column_is_an_error_that_lists_its_columns(tmp_path):
    path = tmp_path / "bars.csv"
    daily().rename({"volume": "Volume"}).write_csv(path)

    with pytest.raises(
        MissingColumn,
        match="has date, symbol, open, high, low, close, Volume; rename 'Volume' to 'volume'",
    ):
        PolarsDataPortal(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.csv", "file that exists"),
        ("bars.xlsx", "Parquet or CSV"),
        ("folder.csv", "exists"),
    ],
)
def test_a_path_that_leads_to_no_such_file_is_an_error(tmp_path, name, words):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "bars.xlsx").write_bytes(b"PK")

    with pytest.raises(UnreadableFile, match=words):
        PolarsDataPortal(tmp_path / name)


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
def test_a_file_that_is_broken_or_empty_is_an_error(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"")

    with pytest.raises(UnreadableFile, match="check that the file is whole"):
        PolarsDataPortal(path)


@pytest.mark.parametrize("thing", [[1, 2], {"date": []}, 7, object(), pl.Series([1])])
def test_something_else_is_an_error_that_names_its_type(thing):
    with pytest.raises(
        NotAFrame, match=r"bars must be a polars or pandas DataFrame.*was "
    ) as caught:
        PolarsDataPortal(thing)
    assert type(thing).__name__ in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, DataError)


def test_a_pandas_frame_is_read(expected):
    assert same(PolarsDataPortal(pandas_daily()), expected)


def test_a_pandas_frame_may_have_dates_or_symbols_in_its_index(expected):
    assert same(PolarsDataPortal(pandas_daily().set_index("date")), expected)
    assert same(PolarsDataPortal(pandas_daily().set_index(["date", "symbol"])), expected)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_pandas_dates_of_every_unit_are_read(expected, unit):
    frame = pandas_daily()

    assert same(
        PolarsDataPortal(frame.assign(date=frame["date"].astype(f"datetime64[{unit}]"))), expected
    )


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_pandas_midnights_are_those_of_their_own_zone(expected, zone):
    frame = pandas_daily()

    assert same(PolarsDataPortal(frame.assign(date=frame["date"].dt.tz_localize(zone))), expected)


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame.astype({"symbol": "category"}),
        lambda frame: frame.astype({"symbol": object}),
        lambda frame: frame.astype({"symbol": "string"}),
        lambda frame: frame.astype({"close": "Float64", "volume": "Int64"}),
        lambda frame: frame.assign(date=frame["date"].dt.date),
        lambda frame: frame.assign(date=frame["date"].dt.strftime("%Y-%m-%d")),
        lambda frame: frame.assign(close=[Decimal(repr(value)) for value in frame["close"]]),
        lambda frame: frame.assign(extra=[object()] * len(frame)),
    ],
)
def test_pandas_columns_of_every_sensible_type_are_read(expected, convert):
    assert same(PolarsDataPortal(convert(pandas_daily())), expected)


@pytest.mark.parametrize("dtype", ["float64", "Float64", object])
def test_a_pandas_row_without_close_is_a_missing_bar(expected, dtype):
    frame = pandas_daily()
    gap = frame.iloc[[0]].assign(symbol="IBM", close=float("nan"), open=float("nan"))
    both = pd.concat([frame, gap]).astype({"close": dtype, "open": dtype})

    assert same(PolarsDataPortal(both), expected)


def test_pandas_minutes_are_read_in_utc():
    stamps = [at(14, 31), at(14, 32)]
    polars = minutes(stamps)
    frame = pd.DataFrame({name: polars[name].to_list() for name in polars.columns})
    local = frame.assign(timestamp=frame["timestamp"].dt.tz_convert("America/New_York"))
    naive = frame.assign(timestamp=frame["timestamp"].dt.tz_convert(None))

    for other in (frame, local, naive):
        assert same(
            PolarsDataPortal(None, minute_bars=other), PolarsDataPortal(None, minute_bars=polars)
        )


def test_a_pandas_column_of_mixed_types_is_an_error():
    frame = pandas_daily().astype({"close": object})
    frame.loc[3, "close"] = "n/a"

    with pytest.raises(WrongColumnType, match="column 'close' of bars"):
        PolarsDataPortal(frame)


def test_a_pandas_column_that_is_there_twice_is_an_error():
    frame = pandas_daily()
    twice = pd.concat([frame, frame[["close"]]], axis=1)

    with pytest.raises(
        WrongColumnType, match="column 'close' of bars must be there once: was there 2 times"
    ):
        PolarsDataPortal(twice)


def test_a_wide_pandas_frame_lacks_the_columns_of_a_long_one():
    wide = pandas_daily().pivot_table(index="date", columns="symbol", values="close")

    with pytest.raises(MissingColumn, match="must have a column 'symbol': has AAPL, MSFT"):
        PolarsDataPortal(wide)


def test_polars_input_needs_no_pandas():
    code = (
        "import sys; from rbtlive.data.samples import load_sample; load_sample();"
        "print({'pandas', 'pyarrow', 'exchange_calendars'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
    assert done.stderr == ""


def test_what_is_read_is_a_copy_that_later_changes_do_not_reach():
    frame = pandas_daily()
    portal = PolarsDataPortal(frame)
    before = portal.daily.clone()

    frame.loc[:, "close"] = -1.0

    assert portal.daily.equals(before)
    assert portal.assets[0].start_date == date(2012, 11, 21)
