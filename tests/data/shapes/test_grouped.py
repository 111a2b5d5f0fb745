"""Frames in dicts: of several zones, in groups, with names of fields in the plural, and
what failed downloads leave.
"""

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import InvalidPrice, NotAFrame, UnclearData
from tests.data.shapes.plain import daily, reads, same_daily

TWO = daily(("AAPL", "MSFT"))
AAPL, MSFT = (TWO.filter(symbol=symbol).drop("symbol") for symbol in ("AAPL", "MSFT"))


def wide(field):
    return TWO.pivot(on="symbol", index="date", values=field)  # noqa: PD010 - polars


def midnights(frame, zone):
    pandas = frame.to_pandas()
    pandas["date"] = pd.to_datetime(pandas["date"]).dt.tz_localize(zone)
    return pandas.set_index("date")


@pytest.mark.parametrize("zone", [None, "America/New_York", "UTC", "Asia/Tokyo"])
def test_midnights_of_any_zone_are_dates_beside_other_dates(zone):
    reads({"AAPL": AAPL, "MSFT": midnights(MSFT, zone)}, TWO)
    reads({"AAPL": midnights(AAPL, "Europe/Berlin"), "MSFT": midnights(MSFT, zone)}, TWO)


def test_times_beside_dates_are_still_asked_for():
    late = midnights(MSFT, "UTC")
    late.index = late.index + pd.Timedelta(hours=3)

    with pytest.raises(UnclearData, match="some tables have dates"):
        rbt.read({"AAPL": AAPL, "MSFT": late})


def test_groups_of_frames_have_the_symbols_of_the_inner_keys():
    same_daily(rbt.read({"stocks": {"AAPL": AAPL, "MSFT": MSFT}}), TWO)
    same_daily(rbt.read({"tech": {"AAPL": AAPL}, "old": {"MSFT": MSFT}}), TWO)
    lengths = {"AAPL": {"D1": AAPL}, "MSFT": {"D1": MSFT}}
    same_daily(rbt.read(lengths), TWO)


def test_wide_frames_of_prices_and_volumes_are_fields():
    closes, volumes = (wide(field) for field in ("close", "volume"))
    for prices in ({"prices": closes, "volumes": volumes}, {"closes": closes, "volumes": volumes}):
        found = rbt.read(prices).to_frame()

        assert found["close"].equals(TWO["close"])
        assert found["volume"].equals(TWO["volume"].cast(pl.Float64))
    of_pandas = {"prices": closes.to_pandas().set_index("date")}
    assert rbt.read(of_pandas).to_frame()["close"].equals(TWO["close"])


def test_what_a_failed_download_left_is_named_with_the_line_that_leaves_it_out():
    source = {"AAPL": AAPL, "MSFT": None}

    with pytest.raises(NotAFrame, match=r"source\['MSFT'\].*was None") as refused:
        rbt.read(source)

    line = str(refused.value).split("leave it out: ")[1]
    assert [asset.symbol for asset in eval(line, {"rbt": rbt, "source": source}).assets] == ["AAPL"]


def test_the_values_of_a_dict_are_asked_for_their_symbols():
    source = {"AAPL": AAPL, "MSFT": MSFT}.values()

    with pytest.raises(UnclearData) as unclear:
        rbt.read(source)

    first, last = unclear.value.line.split("; ")
    scope = {"rbt": rbt, "source": source}
    exec(first, scope)
    same_daily(eval(last, scope), TWO)


def test_a_stacked_column_of_field_names_may_be_called_price():
    """As from `unstack().reset_index()` of yfinance's columns (Price, Ticker)."""
    melted = TWO.unpivot(index=["date", "symbol"], variable_name="Price", value_name="v")

    reads(melted, TWO)


def test_returns_are_named_as_what_they_look_like():
    returns = wide("close").with_columns(pl.col("AAPL", "MSFT").pct_change())

    with pytest.raises(InvalidPrice, match="look like returns"):
        rbt.read(returns)


def test_a_line_with_a_place_to_fill_in_does_not_grow_when_it_is_run_unchanged():
    frame = pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]})
    lines = []
    asked = {"symbol": "X", "columns": {"date": "...", "close": "b"}}
    for _ in range(2):
        with pytest.raises(UnclearData) as unclear:
            rbt.read(frame, **asked)
        lines.append(unclear.value.line)
        asked["columns"] = {"date": "...", "close": "b"}

    assert lines[0] == lines[1]
    assert lines[0].count('"date"') == 1
