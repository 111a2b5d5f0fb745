"""The sample bars: what they hold, and that splits and dividends explain the source's
adjusted close.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from importlib.resources import files

import polars as pl
import pytest
from bokeh_sampledata import stocks

from rbtlive.data.samples import load_sample
from rbtlive.errors import UnknownSample

SAMPLES = files("rbtlive.data").joinpath("samples")


def frame(name: str) -> pl.DataFrame:
    return pl.read_parquet(SAMPLES.joinpath(f"us_daily_{name}.parquet").read_bytes())


@pytest.fixture(scope="module")
def portal():
    return load_sample("us-daily")


def test_the_sample_has_five_shares_over_thirteen_years(portal):
    listing = {asset.symbol: (asset.start_date, asset.end_date) for asset in portal.assets}

    assert listing == {
        "AAPL": (date(2000, 3, 1), date(2013, 3, 1)),
        "FB": (date(2012, 5, 18), date(2013, 3, 1)),
        "GOOG": (date(2004, 8, 19), date(2013, 3, 1)),
        "IBM": (date(2000, 3, 1), date(2013, 3, 1)),
        "MSFT": (date(2000, 3, 1), date(2013, 3, 1)),
    }
    assert portal.calendar.name == "XNYS"
    assert portal.minute is None


def test_every_share_has_a_bar_on_every_session_of_its_life(portal):
    counts = dict(portal.daily.group_by("asset").len().iter_rows())

    for asset in portal.assets:
        life = portal.calendar.number(asset.end_date) - portal.calendar.number(asset.start_date) + 1
        assert counts[asset.index] == life


def test_the_splits_are_the_three_of_these_years(portal):
    splits = {
        (portal.assets[split.asset].symbol, portal.calendar.label(split.session)): split.ratio
        for split in portal.splits
    }

    assert splits == {
        ("AAPL", date(2000, 6, 21)): Decimal("0.5"),
        ("AAPL", date(2005, 2, 28)): Decimal("0.5"),
        ("MSFT", date(2003, 2, 18)): Decimal("0.5"),
    }


def test_prices_are_not_adjusted_for_the_split_of_apple_in_2005(portal):
    apple = portal.asset("AAPL").index
    session = portal.calendar.number(date(2005, 2, 28))
    closes = portal.daily.filter(
        (pl.col("asset") == apple) & pl.col("session").is_between(session - 1, session)
    )["close"]

    assert closes.to_list() == [88.99, 44.86]


def test_dividends_are_whole_cents_on_known_days(portal):
    amounts = {
        (portal.assets[one.asset].symbol, one.ex_date): one.amount for one in portal.dividends
    }

    assert len(amounts) == len(portal.dividends) == 92
    assert amounts["MSFT", date(2004, 11, 15)] == Decimal(
        "3.08"
    )  # three dollars once, and eight cents as always
    assert amounts["AAPL", date(2012, 8, 9)] == Decimal("2.65")
    assert all(amount == amount.quantize(Decimal("0.01")) for amount in amounts.values())


def test_pay_dates_are_the_ex_dates(portal):
    assert all(one.pay_date == one.ex_date and one.pay_is_session for one in portal.dividends)


def test_bars_are_those_of_the_source():
    bars = frame("bars")

    for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT"):
        ours, theirs = bars.filter(pl.col("symbol") == symbol).sort("date"), getattr(stocks, symbol)
        assert ours["date"].cast(pl.String).to_list() == theirs["date"]
        for field in ("open", "high", "low", "close", "volume"):
            assert ours[field].to_list() == theirs[field]


def test_splits_and_dividends_applied_to_the_close_give_the_adjusted_close_of_the_source():
    splits = {
        (row["symbol"], row["effective_date"]): row["ratio"]
        for row in frame("splits").iter_rows(named=True)
    }
    paid = {
        (row["symbol"], row["ex_date"]): row["amount"]
        for row in frame("dividends").iter_rows(named=True)
    }
    assert len(splits) + len(paid) == 95

    for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT"):
        source = getattr(stocks, symbol)
        factor = source["adj_close"][-1] / source["close"][-1]  # what happened after the last bar
        worst = 0.0
        for day, close, theirs in zip(
            *(reversed(source[name]) for name in ("date", "close", "adj_close")), strict=True
        ):
            worst = max(worst, abs(close * factor / theirs - 1))
            key = (symbol, date.fromisoformat(day))
            factor *= splits.get(key, 1.0) / (1 + paid.get(key, 0.0) / close)
        assert worst < 1e-12, symbol


def test_an_unknown_sample_is_an_error_that_lists_those_there_are():
    with pytest.raises(UnknownSample, match="was 'us-minutes'; there is us-daily"):
        load_sample("us-minutes")


def test_the_files_are_small_and_say_where_they_come_from():
    size = sum(
        SAMPLES.joinpath(f"us_daily_{name}.parquet").stat().st_size
        for name in ("bars", "splits", "dividends")
    )
    amounts = SAMPLES.joinpath("README.md").read_text(encoding="utf-8")

    assert size < 2_000_000
    assert "bokeh_sampledata" in amounts
    assert "public domain" in amounts
    assert "`pay_date` is the ex date" in amounts
