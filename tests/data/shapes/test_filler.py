"""Rows in which nothing traded: zeros, filled weekends and bars that still form."""

import polars as pl
import pytest

import rbtlive as rbt
from tests.data.shapes.plain import daily, round_the_clock, same_daily

ONE, ALL = daily(("AAPL",)), daily()
PRICES = ("open", "high", "low", "close")
DAYS = ONE["date"]


def with_zeros(names, rows=(10, 11, 12)):
    zero = pl.int_range(ONE.height).is_in(rows)
    return ONE.with_columns(pl.when(zero).then(0.0).otherwise(name).alias(name) for name in names)


@pytest.mark.parametrize("form", [lambda frame: frame, lambda frame: frame.to_pandas()])
def test_bars_of_nothing_but_zeros_are_missing(form):
    portal = rbt.read(form(with_zeros([*PRICES, "volume"])))

    same_daily(portal, ONE.filter(~pl.int_range(pl.len()).is_in([10, 11, 12])))
    report = str(portal.report())
    assert "3 bars whose prices are all 0: taken as missing" in report
    assert "3 no price" in report


def test_a_day_without_a_trade_stands_at_its_close():
    portal = rbt.read(with_zeros(["open", "high", "low", "volume"]))

    expected = with_zeros(["volume"]).with_columns(
        pl.when(pl.col("volume") == 0).then("close").otherwise(name).alias(name)
        for name in PRICES[:3]
    )
    same_daily(portal, expected)
    assert "3 bars whose open, high and low are 0: taken as their close" in str(portal.report())


def test_an_open_that_nobody_recorded_is_the_close():
    portal = rbt.read(with_zeros(["open"]))

    same_daily(
        portal,
        ONE.with_columns(
            pl.when(pl.int_range(pl.len()).is_in([10, 11, 12]))
            .then("close")
            .otherwise("open")
            .alias("open")
        ),
    )


def test_a_backtest_sees_no_price_of_zero():
    seen = []

    def handle_data(context, data):
        seen.append(float(data.current(context.symbol("AAPL"), "price")))

    rbt.backtest({"handle_data": handle_data}, with_zeros([*PRICES, "volume"]))

    assert min(seen) > 0


def test_a_rate_of_zero_stays_a_rate():
    rates = ONE.select("date", "symbol", close=pl.int_range(pl.len()).cast(pl.Float64))

    assert rbt.read(rates).to_frame("1d")["close"][0] == 0.0


@pytest.mark.parametrize("bars", [ONE, ALL], ids=["one", "several"])
def test_weekends_that_were_filled_are_left_out(bars):
    filled = pl.concat(
        part.upsample("date", every="1d").fill_null(strategy="forward")
        for part in bars.partition_by("symbol")
    )

    portal = rbt.read(filled)

    same_daily(portal, bars)
    assert portal.calendar.name == "XNYS"
    left = f"{filled.height - bars.height} a day without trading that repeats the one before"
    assert left in str(portal.report())


def test_a_market_without_weekends_keeps_them():
    coins = round_the_clock(bars=60).with_columns(
        date=pl.date_range(pl.date(2024, 3, 1), pl.date(2024, 4, 29)), symbol=pl.lit("ABC")
    )

    portal = rbt.read(coins.drop("timestamp"))

    assert (portal.calendar.name, len(portal.to_frame("1d"))) == ("24/7", 60)


@pytest.mark.parametrize("name", ["complete", "is_final", "x"])
def test_a_bar_that_is_still_forming_is_left_out(name):
    last = pl.col("date") < pl.col("date").max()

    portal = rbt.read(ALL.with_columns(last.alias(name)))

    same_daily(portal, ALL.filter(pl.col("date") < DAYS[-1]))
    assert "3 a bar that is not complete yet" in str(portal.report())


def test_a_mark_that_many_bars_lack_is_another_one():
    portal = rbt.read(ONE.with_columns(complete=pl.int_range(pl.len()) % 2 == 0))

    same_daily(portal, ONE)
