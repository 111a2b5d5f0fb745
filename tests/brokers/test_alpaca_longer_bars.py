"""Alpaca's minutes made into longer bars: the bars of the backtest, whatever the stream
does.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.bar_aggregator import BarAggregator
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import OHLCV
from tests.brokers.alpaca_session import broker_at
from tests.brokers.test_alpaca_feed import feed_at, listening, reading
from tests.brokers.test_alpaca_sessions import OneABar, history, seen
from tests.venue.process import minute_bars, until, within

OPEN = datetime(2024, 1, 3, 14, 30, tzinfo=UTC)


def at(minute):
    return OPEN + timedelta(minutes=minute)


def backtested(tmp_path, interval):
    minutes = rbt.PolarsDataPortal.coerce(minute_bars(tmp_path / "m.parquet"), frequency="1m")
    return rbt.resample(minutes, interval)


def facts(slices):
    return [
        (one.timestamp, symbol, *(float(getattr(bar, name)) for name in OHLCV))
        for one in slices
        for symbol, bar in sorted(one.bars.items())
    ]


def expected(portal, count):
    bars = portal.to_frame(portal.interval.text).sort("timestamp", "symbol")
    ends = bars["timestamp"].unique().sort()[:count]
    return bars.filter(pl.col("timestamp").is_in(ends.implode())).rows()


@pytest.mark.parametrize(("interval", "minutes"), [("5m", 18), ("15m", 30)])
def test_a_feed_gives_the_bars_of_the_backtest_from_a_whole_one_on(
    minute_venue, tmp_path, interval, minutes
):
    count = minutes // int(interval[:-1])

    async def watch():
        feed = feed_at(minute_venue)
        await asyncio.to_thread(minute_venue.advance, 2)  # it begins within a bar
        plan = {"frequency": interval, "symbols": ("AAA", "BBB")}
        async with reading(feed, **plan) as (slices, troubles):
            await listening(feed)
            await asyncio.to_thread(minute_venue.advance, minutes - 3)
            await until(lambda: len(slices) == count)
            return slices, troubles

    slices, troubles = within(watch())

    assert facts(slices) == expected(backtested(tmp_path, interval), count)
    assert troubles == []


def test_a_bar_in_which_the_stream_broke_is_whole(minute_venue, tmp_path):
    async def watch():
        feed = feed_at(minute_venue)
        async with reading(feed, frequency="5m", symbols=("AAA", "BBB")) as (slices, _troubles):
            await listening(feed)
            await asyncio.to_thread(minute_venue.advance, 2)
            await asyncio.to_thread(minute_venue.faults, {"kind": "drop", "where": "market_data"})
            await asyncio.to_thread(minute_venue.advance, 5)
            await asyncio.to_thread(minute_venue.faults)
            await asyncio.to_thread(minute_venue.control, "disconnect")
            await until(lambda: feed.stats()["reconnects"] > 0)
            await asyncio.to_thread(minute_venue.advance, 7)
            await until(lambda: len(slices) == 3)
            return slices

    slices = within(watch())

    assert facts(slices) == expected(backtested(tmp_path, "5m"), 3)


def test_a_session_over_five_minutes_decides_as_its_backtest_and_is_carried_on(
    minute_venue, tmp_path
):
    options = {"data": history(), "frequency": "5m", "journal": tmp_path, "name": "fives"}

    async def trade():
        broker = broker_at(minute_venue)
        first = rbt.attach(OneABar, broker, **options)
        await until(lambda: broker.feed._given.reach_us is not None)
        await seen(minute_venue, first, 2)
        await first.stop()
        await asyncio.to_thread(minute_venue.advance, 3)
        session = rbt.attach(OneABar, broker_at(minute_venue), **options)
        await until(lambda: session.state == "running")
        await seen(minute_venue, session, 4)
        await session.stop()
        return session

    session = within(trade(), seconds=30)

    tested = rbt.backtest(OneABar, backtested(tmp_path, "5m"), frequency="5m", progress=False)
    placed = session.result().orders.sort("created").select("created", "symbol", "amount")
    assert placed.equals(tested.orders.select(placed.columns).head(placed.height))
    assert session.parity().identical, session.parity()


def made(longer, *minutes):
    return [bar for minute in minutes for bar in longer.add(minute)]


def minute(number, symbol="AAA", price=Decimal("1.5"), **changes):
    values = dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": 10}
    return values | {"symbol": symbol, "timestamp": at(number)} | changes


def fives():
    return BarAggregator(SlotAxis(get_calendar("XNYS"), frequency="5m"))


def test_a_bar_leaves_with_its_last_minute_or_with_a_later_one_of_any_symbol():
    longer = fives()
    first = made(longer, *(minute(n, price=Decimal(n)) for n in range(1, 6)), minute(3, "BBB"))

    assert [(bar["symbol"], bar["timestamp"]) for bar in first] == [("AAA", at(5))]
    assert [first[0][name] for name in ("open", "high", "low", "close")] == [1.0, 5.0, 1.0, 5.0]
    assert first[0]["volume"] == 50.0
    assert longer.first_end == at(5)
    assert [(bar["symbol"], bar["timestamp"]) for bar in made(longer, minute(6))] == [
        ("BBB", at(5))
    ]


def test_the_clock_lets_bars_leave_and_a_late_minute_gives_its_bar_anew():
    longer = fives()
    made(longer, minute(1), minute(2))
    end_us = int(at(5).timestamp()) * 1_000_000

    assert list(longer.close_before(end_us)) == []
    (left,) = longer.close_before(end_us + 1)
    (anew,) = made(longer, minute(3, price=Decimal(2)))

    assert (left["volume"], left["close"]) == (20.0, 1.5)
    assert (anew["volume"], anew["close"], anew["timestamp"]) == (30.0, 2.0, at(5))
    assert longer.first_end is None


def test_what_is_no_bar_is_passed_on_at_its_slice():
    (bad,) = made(fives(), minute(2, close="nothing"))

    assert (bad["close"], bad["timestamp"]) == ("nothing", at(5))


def test_a_slice_begins_where_it_does():
    longer = fives()
    second = 1_000_000
    begin = int(at(5).timestamp()) * second

    assert longer.begin_of(begin) == begin
    assert longer.begin_of(begin + 120 * second) == begin
    assert longer.begin_of(0) == 0
