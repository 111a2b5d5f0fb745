"""Prices within prices, years of the Republic of China, and trades without names: read,
or asked for with a line that works at once.

The rule: a line is proven by running it: nothing is asked for a second time.
"""

import datetime as dt
import json

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt

DAYS = (2, 3, 4)


def ig_rows(sides=("bid", "ask")):
    """Rows as IG's REST "/prices/{epic}" sends them (labs.ig.com)."""

    def price(value):
        return {
            "bid": value if "bid" in sides else None,
            "ask": value + 0.5 if "ask" in sides else None,
            "lastTraded": value if "lastTraded" in sides else None,
        }

    return [
        {
            "snapshotTime": f"2024/01/0{day} 00:00:00",
            "snapshotTimeUTC": f"2024-01-0{day}T00:00:00",
            "openPrice": price(10.0),
            "closePrice": price(11.0),
            "highPrice": price(12.0),
            "lowPrice": price(9.0),
            "lastTradedVolume": 100,
        }
        for day in DAYS
    ]


def answered(source, **given):
    """Return what the line of the error reads."""
    with pytest.raises(rbt.errors.UnclearData) as caught:
        rbt.read(source, **given)
    *before, call = caught.value.line.split("; ")
    names = {"source": source, "rbt": rbt, "pl": pl, "pd": pd}
    for line in before:
        exec(line, names)
    return eval(call, names), caught.value


@pytest.mark.parametrize(
    "shape",
    [
        lambda rows: {"instrumentType": "CURRENCIES", "prices": rows},
        lambda rows: rows,
        pl.DataFrame,
        lambda rows: pl.DataFrame(rows).lazy(),
        lambda rows: pl.DataFrame(rows).to_arrow(),
        pd.DataFrame,
        pd.json_normalize,
    ],
    ids=["answer", "rows", "polars", "lazy", "arrow", "pandas", "normalized"],
)
def test_bids_and_asks_within_prices_are_asked_for(shape):
    portal, error = answered(shape(ig_rows()), symbol="EURUSD")
    assert [item.partition(":")[0] for item in error.missing] == ["open", "high", "low", "close"]
    bars = portal.daily
    assert bars["close"].to_list() == [11.0] * 3
    assert bars["volume"].to_list() == [100] * 3


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_files_of_them_too(tmp_path, ending):
    path = tmp_path / f"EURUSD.{ending}"
    if ending == "json":
        path.write_text(json.dumps({"prices": ig_rows()}))
    else:
        pl.DataFrame(ig_rows()).write_parquet(path)
    portal, _ = answered(path)
    assert portal.daily["low"].to_list() == [9.0] * 3


def test_the_only_side_with_values_is_the_price():
    portal = rbt.read(ig_rows(("lastTraded",)), symbol="AAPL")
    assert portal.daily["open"].to_list() == [10.0] * 3


def sessions(portal):
    return [portal.calendar.label(number) for number in portal.daily["session"]]


def taiwanese(dates):
    return pl.DataFrame({"date": dates, "open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0})


@pytest.mark.parametrize(
    "form", ["113/0{}/{:02}", "113-0{}-{:02}", "113.{}.{}", "民國113年0{}月{:02}日", "1130{}{:02}"]
)
def test_years_of_the_republic_are_read(form):
    # a leap day of 2024, of which the year 113 of the common era knows nothing
    days = [(2, 27), (2, 29), (3, 1)]
    frame = taiwanese([form.format(*day) for day in days])
    portal = rbt.read(frame, symbol="2330.TW")
    assert sessions(portal) == [dt.date(2024, *day) for day in days]
    assert "Republic of China" in str(portal.report())


def test_in_a_file_whose_dates_polars_parses(tmp_path):
    path = tmp_path / "2330.TW.csv"
    for days in (["113/01/02", "113/01/03"], ["1130102", "1130103"]):
        taiwanese(days).write_csv(path)
        portal = rbt.read(path)
        assert sessions(portal) == [dt.date(2024, 1, 2), dt.date(2024, 1, 3)]


def test_a_century_of_the_republic_begins_within_a_file():
    portal = rbt.read(taiwanese(["99/12/31", "100/01/03"]), symbol="2330.TW")
    assert sessions(portal) == [dt.date(2010, 12, 31), dt.date(2011, 1, 3)]


@pytest.mark.parametrize("date", ["99/12/30", "912/01/02", "113/13/02"])
def test_other_short_years_stay_a_question(date):
    with pytest.raises(rbt.errors.UnclearData, match="in no known form"):
        rbt.read(taiwanese([date, date]), symbol="2330.TW")


def trades():
    """Return Kraken's trades: a time in seconds, a price and a volume
    (support.kraken.com, "Downloadable historical market data")."""
    start = 1_704_067_200
    return pl.DataFrame(
        {
            "time": [start + 7 * row + 0.25 for row in range(200)],
            "price": [100.0 + row % 10 for row in range(200)],
            "volume": [0.5] * 200,
        }
    )


def assert_minutes_of_trades(portal):
    assert [asset.symbol for asset in portal.assets] == ["XBTUSD"]
    assert portal.report().labels == "start"
    minutes = portal.minutes.whole()
    assert minutes.height == 24
    first = minutes.row(0, named=True)
    assert (first["open"], first["high"], first["low"], first["close"]) == (100, 108, 100, 108)
    assert minutes["volume"].sum() == 100.0


@pytest.mark.parametrize("header", [False, True])
def test_a_file_of_trades_is_made_minutes_by_the_line(tmp_path, header):
    path = tmp_path / "XBTUSD.csv"
    trades().write_csv(path, include_header=header)
    assert_minutes_of_trades(answered(path)[0])


@pytest.mark.parametrize("shape", [lambda frame: frame, lambda frame: frame.to_pandas()])
def test_a_frame_of_trades_with_epochs_too(shape):
    pytest.importorskip("pyarrow")
    assert_minutes_of_trades(answered(shape(trades()), symbol="XBTUSD")[0])


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_whatever_unit_the_epochs_have(unit):
    factor = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    frame = trades().with_columns((pl.col("time") * 4).cast(pl.Int64) * (factor // 4))
    assert_minutes_of_trades(answered(frame, symbol="XBTUSD")[0])


def test_a_frame_that_pandas_read_without_a_header(tmp_path):
    rows = [[f"2024-01-0{day}", 10.0, 12.0, 9.0, 11.0, 100] for day in DAYS]
    path = tmp_path / "bars.csv"
    pd.DataFrame(rows).to_csv(path, header=False, index=False)
    portal = rbt.read(pd.read_csv(path, header=None), symbol="AAPL")
    assert portal.daily["close"].to_list() == [11.0] * 3
