"""Alpaca's days made into weeks and months: the bars of the backtest, whatever happens
within one.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.brokers.base import BrokerSplit, CorporateActions
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.calendars.grid import calendar_of
from rbtlive.model.bar import OHLCV
from rbtlive.model.interval import MONTH, WEEK
from rbtlive.runtime.backtest import new_core, prepare_settings
from rbtlive.runtime.broker.corporate_news import CorporateNews
from rbtlive.runtime.broker.reconciliation import Mismatch
from tests.brokers.alpaca_session import broker_at
from tests.brokers.test_alpaca_feed import feed_at, listening, reading
from tests.brokers.test_alpaca_longer_bars import facts
from tests.venue.process import until, within

XNYS = get_calendar("XNYS")
SAMPLE = rbt.load_sample("us-daily")
PAIR = ("AAPL", "IBM")


def resampled(interval, *, splits=None):
    """Return `rbt.resample`'s bars of the two symbols, as the facts of slices."""
    bars = SAMPLE if splits is None else rbt.PolarsDataPortal(SAMPLE.to_frame("1d"), splits=splits)
    frame = rbt.resample(bars, interval).to_frame(interval).sort("date", "symbol")
    calendar = calendar_of(XNYS, {"1w": WEEK, "1mo": MONTH}[interval])
    return [
        (calendar.close(calendar.number(label)), symbol, *values)
        for label, symbol, *values in frame.select("date", "symbol", *OHLCV).rows()
        if symbol in PAIR
    ]


def between(bars, slices):
    """Return the bars that end where slices do."""
    ends = {one.timestamp for one in slices}
    return [bar for bar in bars if bar[0] in ends]


@pytest.mark.parametrize(("interval", "days", "count"), [("1w", 19, 4), ("1mo", 42, 2)])
def test_a_feed_gives_the_weeks_and_months_of_the_backtest(venue, interval, days, count):
    async def watch():
        feed = feed_at(venue)
        async with reading(feed, frequency=interval, symbols=PAIR) as (slices, troubles):
            await listening(feed)
            await asyncio.to_thread(venue.advance, days)
            await until(lambda: len(slices) == count)
            return slices, troubles

    slices, troubles = within(watch())

    assert facts(slices) == between(resampled(interval), slices)
    assert [len(one.bars) for one in slices] == [2] * count
    assert slices[0].timestamp.date() == date(2005, 1, {"1w": 7, "1mo": 31}[interval])
    assert troubles == []


def test_a_week_in_which_the_stream_broke_and_a_symbol_joined_is_whole(venue):
    async def watch():
        feed = feed_at(venue, ["AAPL"])
        async with reading(feed, frequency="1w", symbols=PAIR) as (slices, _troubles):
            await listening(feed)
            await asyncio.to_thread(venue.advance, 6)
            await until(lambda: len(slices) == 1)
            await asyncio.to_thread(venue.faults, {"kind": "drop", "where": "market_data"})
            await asyncio.to_thread(venue.advance, 1)
            await asyncio.to_thread(venue.faults)
            await asyncio.to_thread(venue.control, "disconnect")
            # While it opens again, a new symbol is taken along and counts as no change.
            await until(lambda: feed.stats()["reconnects"] > 0)
            await until(lambda: feed.stats()["archived"] > 0)
            feed.subscribe("IBM")
            await until(lambda: feed.stats()["resubscribed"] > 0)
            await asyncio.to_thread(venue.advance, 3)
            await until(lambda: len(slices) == 2)
            return slices

    first, second = within(watch())

    whole = resampled("1w")
    assert facts([second]) == between(whole, [second])
    assert facts([first]) == [bar for bar in between(whole, [first]) if bar[1] == "AAPL"]


def test_a_week_with_a_split_in_it_is_in_its_last_shares(venue):
    async def watch():
        feed = feed_at(venue)
        async with reading(feed, frequency="1w", symbols=PAIR) as (slices, _troubles):
            await listening(feed)
            await asyncio.to_thread(venue.advance, 2)  # Wednesday, 5 January
            await asyncio.to_thread(venue.control, "split", {"symbol": "IBM", "ratio": "0.25"})
            await asyncio.to_thread(venue.advance, 7)
            await until(lambda: len(slices) == 2)
            return slices

    slices = within(watch())

    split = pl.DataFrame({"symbol": ["IBM"], "effective_date": [date(2005, 1, 6)], "ratio": [0.25]})
    assert facts(slices) == between(resampled("1w", splits=split), slices)
    assert facts(slices) != between(resampled("1w"), slices)


class OneAWeek(rbt.TradingAlgorithm):
    """Buys a share a week, and one more where the last two closes rose."""

    def initialize(self, context):
        """Take the asset."""
        context.asset = self.symbol("IBM")

    def handle_data(self, context, data):
        """Buy."""
        closes = data.history(context.asset, "close", 2, "1w")
        self.order(context.asset, 1 + (closes[-1] > closes[0]))


def test_a_session_over_weeks_decides_as_its_backtest_and_is_carried_on_within_one(venue, tmp_path):
    daily = SAMPLE.to_frame("1d").filter(pl.col("symbol").is_in(PAIR))
    known = rbt.PolarsDataPortal(daily.filter(pl.col("date") < date(2005, 1, 5)))
    options = {"data": known, "frequency": "1w", "journal": tmp_path, "name": "weeks"}

    async def weeks(session, count):
        while len(session.engine.core.state.orders) < count:
            await asyncio.to_thread(venue.advance)
            await asyncio.sleep(0.05)
        orders = session.engine.core.state.orders
        await until(lambda: all(one.broker_order_id for one in orders))

    async def trade():
        broker = broker_at(venue)
        first = rbt.attach(OneAWeek, broker, **options)
        await until(lambda: broker.feed._given.reach_us is not None)
        await weeks(first, 2)
        await asyncio.to_thread(venue.advance, 2)
        await first.stop()
        await asyncio.to_thread(venue.advance, 1)
        again = rbt.attach(OneAWeek, broker_at(venue), **options)
        await until(lambda: again.state == "running")
        await weeks(again, 5)
        await again.stop()
        return again

    session = within(trade(), seconds=40)

    tested = rbt.backtest(
        OneAWeek, rbt.PolarsDataPortal(daily), frequency="1w", start="2005-01-07", progress=False
    )
    placed = session.result().orders.sort("created").select("created", "symbol", "amount")
    assert placed.equals(tested.orders.select(placed.columns).head(placed.height))
    assert placed["created"].dt.date().to_list()[:2] == [date(2005, 1, 7), date(2005, 1, 14)]
    assert session.parity().identical, session.parity()


_SPLIT = BrokerSplit(action_id="s", symbol="IBM", ratio=Decimal("0.25"), ex_date=date(2005, 1, 6))


class Broker:
    """A broker that knows of one split."""

    async def corporate_actions(self, symbols):
        """Tell it."""
        assert "IBM" in symbols
        return CorporateActions(splits=[_SPLIT])


class Account:
    """What is held: as many shares as the books say, and those that came since."""

    differences = ()

    def __init__(self, held):
        self.held = held

    def called_here(self, symbol):
        return symbol

    def ours(self):
        return self.held

    def held_elsewhere(self, _symbol):
        return Decimal(0)


@pytest.mark.parametrize("held", [{}, {"IBM": Decimal(10)}], ids=["nothing held", "held"])
def test_a_split_within_a_running_week_takes_effect_when_the_account_has_it(held):
    portal = rbt.resample(SAMPLE, "1w")
    core = new_core(OneAWeek, portal, prepare_settings(portal, frequency="1w"), preload=False)
    core.state.market.session = core.state.calendar.number(date(2004, 12, 31))
    account, told = Account(held), []
    clock = [datetime(2005, 1, 5, 20, 0, tzinfo=UTC)]
    news = CorporateNews(
        Broker(), core=lambda: core, watch=account, tell=told.append, now=lambda: clock[0]
    )

    asyncio.run(news.look())
    before = list(told)
    clock[0] += timedelta(hours=2)  # the session before is over
    asyncio.run(news.look())
    unsaid = list(told)
    account.differences = [Mismatch("position of IBM", "10", "40", gap=Decimal(30), symbol="IBM")]
    asyncio.run(news.look())

    assert before == []
    assert len(unsaid) == (0 if held else 1)
    (split,) = told
    assert (split.symbol, split.ratio, split.effective) == ("IBM", Decimal("0.25"), None)
