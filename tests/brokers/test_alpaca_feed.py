"""The feed gives every bar once, whatever the stream does."""

import asyncio
import json
import os
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web

from rbtlive.brokers import AlpacaFeed
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.calendars.grid import calendar_of
from rbtlive.data.feeds.as_feed import FeedPlan
from rbtlive.errors import FeedDisconnected, NoFeed
from rbtlive.model.events import MarketDataEvent, SystemErrorEvent
from rbtlive.model.interval import Interval
from tests.brokers.alpaca_session import QUICK, broker_at
from tests.venue.process import KEY, SECRET, until, within

DROPS = int(os.environ.get("RBTLIVE_FEED_DROPS", "30"))
"""How often the market stream is cut; more by setting the variable, 150 at most."""
XNYS = get_calendar("XNYS")
OPEN = datetime(2024, 1, 3, 14, 30, tzinfo=UTC)


def feed_at(venue, symbols=None, **settings):
    return AlpacaFeed(
        symbols, key=KEY, secret=SECRET, url_override=venue.url, backoff=QUICK, **settings
    )


@asynccontextmanager
async def reading(feed, *, frequency, **plan):
    """Yield what a feed gives, in two lists: slices and troubles."""
    calendar = calendar_of(XNYS, Interval.parse(frequency))
    feed.configure(FeedPlan(calendar=calendar, frequency=frequency, **plan))
    slices, troubles = [], []

    async def read():
        async for event in feed:
            (slices if isinstance(event, MarketDataEvent) else troubles).append(event)

    task = asyncio.create_task(read())
    try:
        yield slices, troubles
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def listening(feed):
    await until(lambda: feed._given.reach_us is not None)


def minutes(slices):
    return [int((one.timestamp - OPEN).total_seconds() // 60) for one in slices]


def test_minutes_come_as_slices_of_all_symbols(minute_venue):
    feed = feed_at(minute_venue)

    async def watch():
        async with reading(feed, frequency="1m", symbols=("AAA", "BBB")) as (slices, troubles):
            await listening(feed)
            await asyncio.to_thread(minute_venue.advance, 4)
            await until(lambda: len(slices) == 4)  # a slice is over once all symbols have reported
            return slices, troubles

    slices, troubles = within(watch())

    assert minutes(slices) == [2, 3, 4, 5]
    assert {symbol: bar.close for symbol, bar in slices[0].bars.items()} == {
        "AAA": Decimal("100.01"),
        "BBB": Decimal("200.01"),
    }
    assert troubles == []


def test_a_slice_in_which_a_symbol_did_not_trade_waits_for_a_later_bar_or_the_clock():
    frames = [json.dumps([bar(1), bar(1, S="BBB")]), json.dumps([bar(2)])]

    async def watch():
        async with talking(*frames) as url:
            feed = AlpacaFeed(key="a", secret="b", url_override=url)
            async with reading(feed, frequency="1m", symbols=("AAA", "BBB")) as (slices, _troubles):
                await until(lambda: slices and feed.stats()["bars"] == 3)
                before = minutes(slices)
                feed.close_through(OPEN + timedelta(minutes=2, seconds=5))
                await until(lambda: len(slices) == 2)
                return before, minutes(slices)

    assert within(watch()) == ([1], [1, 2])


def test_a_gap_is_filled_from_the_archive_without_repetition(minute_venue):
    feed = feed_at(minute_venue)

    async def watch():
        async with reading(feed, frequency="1m", symbols=("AAA", "BBB")) as (slices, troubles):
            await listening(feed)
            await asyncio.to_thread(minute_venue.advance, 3)
            await until(lambda: len(slices) == 3)
            await asyncio.to_thread(minute_venue.faults, {"kind": "drop", "where": "market_data"})
            await asyncio.to_thread(minute_venue.advance, 5)
            await asyncio.to_thread(minute_venue.faults)
            await asyncio.to_thread(minute_venue.control, "disconnect")
            await until(lambda: feed.stats()["archived"] > 0)
            await asyncio.to_thread(minute_venue.advance, 2)
            await until(lambda: len(slices) == 10)
            return slices, troubles, feed.stats()

    slices, troubles, stats = within(watch())

    assert minutes(slices) == list(range(2, 12))
    assert all(len(one.bars) == 2 for one in slices)
    assert [type(trouble) for trouble in troubles] == [SystemErrorEvent] * 2
    assert "stream was closed" in troubles[0].message or "broke" in troubles[0].message
    assert "is back: 5 slices up to 2024-01-03T14:39:00+00:00 came late" in troubles[1].message
    assert (stats["reconnects"], stats["quarantined"], stats["archived"]) == (1, 0, 10)


def test_a_stream_that_falls_silent_is_opened_again_and_its_hole_filled(minute_venue):
    feed = feed_at(minute_venue, silent_after_s=0.3)

    async def watch():
        async with reading(feed, frequency="1m", symbols=("AAA", "BBB")) as (slices, troubles):
            await listening(feed)
            await asyncio.to_thread(minute_venue.advance, 2)
            await until(lambda: len(slices) == 2)
            silence = {"kind": "silence", "where": "market_data"}
            await asyncio.to_thread(minute_venue.faults, silence)
            await asyncio.to_thread(minute_venue.advance, 3)
            await until(lambda: len(slices) == 5)
            await asyncio.to_thread(minute_venue.faults)
            await until(lambda: feed.stats()["reconnects"] > 0)
            await asyncio.to_thread(minute_venue.advance, 2)
            await until(lambda: len(slices) == 7)
            return slices, troubles, feed.stats()

    slices, troubles, stats = within(watch())

    assert minutes(slices) == list(range(2, 9))
    assert all(len(one.bars) == 2 for one in slices)
    assert stats["stale"] >= 1
    assert "said nothing for 0.3 s, and the archive has bars" in troubles[0].message


def test_a_quiet_market_opens_no_stream_again(minute_venue):
    feed = feed_at(minute_venue, silent_after_s=0.02)

    async def watch():
        async with reading(feed, frequency="1m", symbols=("AAA", "BBB")) as (slices, troubles):
            await listening(feed)
            asked = feed._http
            times = []
            get = asked.get

            async def counted(path, **query):
                times.append(path)
                return await get(path, **query)

            asked.get = counted
            await until(lambda: len(times) >= 3)
            return slices, troubles, feed.stats()

    slices, troubles, stats = within(watch())

    assert (slices, troubles) == ([], [])
    assert (stats["stale"], stats["reconnects"]) == (0, 0)


def test_an_outage_that_the_clock_finds_too_long_costs_no_bar(minute_venue):
    back = asyncio.Event()
    feed = feed_at(minute_venue, sleep=lambda _delay_s: back.wait())

    async def watch():
        async with reading(feed, frequency="1m", symbols=("AAA", "BBB")) as (slices, troubles):
            await listening(feed)
            await asyncio.to_thread(minute_venue.advance, 3)
            await until(lambda: len(slices) == 3)
            await asyncio.to_thread(minute_venue.control, "disconnect")
            await until(lambda: troubles)
            await asyncio.to_thread(minute_venue.advance, 5)
            feed.close_through(OPEN + timedelta(minutes=9, seconds=30))
            back.set()
            await until(lambda: len(slices) == 8)
            return slices, troubles, feed.stats()

    slices, troubles, stats = within(watch())

    assert minutes(slices) == list(range(2, 10))
    assert all(len(one.bars) == 2 for one in slices)
    assert "dropped" in troubles[0].message
    assert "is back: 5 slices up to 2024-01-03T14:39:00+00:00 came late" in troubles[1].message
    assert (stats["empty"], stats["skipped"], stats["quarantined"]) == (0, 0, 0)


def test_many_disconnects_leave_no_gap_and_no_double(minute_venue):
    feed = feed_at(minute_venue)
    feed._backoff = type(QUICK)(initial_s=0.001, limit_s=0.002)

    async def watch():
        async with reading(feed, frequency="1m", symbols=("AAA", "BBB")) as (slices, _troubles):
            await listening(feed)
            for number in range(DROPS):
                await asyncio.to_thread(minute_venue.advance, 2)
                while not (await asyncio.to_thread(minute_venue.control, "disconnect"))["cut"]:  # noqa: ASYNC110 - it is elsewhere
                    await asyncio.sleep(0)  # it is on its way back from the last time
                await until(lambda number=number: feed.stats()["drops"] > number, every=0.002)
            await until(lambda: len(slices) >= 2 * DROPS)
            return slices, feed.stats()

    slices, stats = within(watch(), seconds=120)

    assert minutes(slices) == list(range(2, 2 * DROPS + 2))
    assert all(len(one.bars) == 2 for one in slices)
    assert (stats["quarantined"], stats["empty"]) == (0, 0)


def test_a_run_that_goes_on_gets_what_it_missed_first(minute_venue):
    minute_venue.advance(9)
    feed = feed_at(minute_venue)

    async def watch():
        after = OPEN + timedelta(minutes=4)
        async with reading(feed, frequency="1m", symbols=("AAA",), after=after) as (
            slices,
            _troubles,
        ):
            await until(lambda: len(slices) == 6)
            await asyncio.to_thread(minute_venue.advance, 1)
            await until(lambda: len(slices) == 7)
            return slices

    assert minutes(within(watch())) == [5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("kind", ["duplicate", "delay"])
def test_doubled_and_late_messages_change_nothing(minute_venue, kind):
    feed = feed_at(minute_venue)
    minute_venue.faults({"kind": kind, "where": "market_data", "delay_s": 0.05})

    async def watch():
        async with reading(feed, frequency="1m", symbols=("AAA", "BBB")) as (slices, troubles):
            await listening(feed)
            await asyncio.to_thread(minute_venue.advance, 4)
            await until(lambda: len(slices) == 4)
            return slices, troubles

    slices, troubles = within(watch())

    assert minutes(slices) == [2, 3, 4, 5]
    assert troubles == []


def test_daily_bars_come_one_a_session(venue):
    feed = feed_at(venue, ["IBM", "AAPL"])

    async def watch():
        async with reading(feed, frequency="1d", symbols=("IBM", "AAPL", "MSFT")) as (
            slices,
            _troubles,
        ):
            await listening(feed)
            await asyncio.to_thread(venue.advance, 2)
            await asyncio.to_thread(venue.control, "disconnect")
            await until(lambda: feed.stats()["drops"] == 1)
            await asyncio.to_thread(venue.advance, 2)
            await until(lambda: len(slices) == 4)
            return slices

    slices = within(watch())

    days = ["2005-01-04", "2005-01-05", "2005-01-06", "2005-01-07"]
    assert [str(one.timestamp.date()) for one in slices] == days
    assert all(set(one.bars) == {"IBM", "AAPL"} for one in slices)


def test_a_daily_bar_is_final_only_after_its_session(venue):
    feed = feed_at(venue, settle_s=60.0)
    venue.advance(1)

    async def watch():
        plan = {
            "frequency": "1d",
            "symbols": ("IBM",),
            "after": XNYS.close(XNYS.number(date(2005, 1, 3))),
        }
        loop = asyncio.get_running_loop()
        begun_s = loop.time()

        def latest():  # half a second before the bar is taken for final, and running
            return datetime(2005, 1, 4, 21, 0, 59, 500_000, tzinfo=UTC) + timedelta(
                seconds=loop.time() - begun_s
            )

        async with reading(feed, latest=latest, **plan):
            await until(lambda: feed._given.waits)
            waiting, taken = dict(feed._given.waits), feed.stats()["archived"]
            await until(lambda: feed.stats()["archived"] == 1)
            return waiting, taken, dict(feed._given.waits), latest()

    waiting, taken, left, at = within(watch())

    assert (waiting, taken, left) == ({("IBM", date(2005, 1, 4)): 0}, 0, {})
    assert at >= datetime(2005, 1, 4, 21, 1, tzinfo=UTC)


def test_prints_are_conflated_and_counted(minute_venue):
    feed = feed_at(minute_venue, trades=True)

    async def watch():
        async with reading(feed, frequency="1m", symbols=("AAA",)) as (_slices, _troubles):
            await listening(feed)
            await asyncio.to_thread(minute_venue.advance, 3)
            await until(lambda: feed.stats()["trades"] == 3)
            return feed.last_trades["AAA"], feed.stats()

    trade, stats = within(watch())

    assert (trade.price, trade.at) == (Decimal("100.03"), OPEN + timedelta(minutes=4))
    assert stats["conflated"] == 2


def test_past_days_of_what_joins_come_from_the_archive(venue):
    async def fetch():
        return await broker_at(venue).feed.past_days(["IBM"], date(2004, 12, 30), date(2005, 1, 3))

    portal = within(fetch())

    labels = [portal.calendar.label(session) for session in portal.daily["session"]]
    assert labels == [date(2004, 12, 30), date(2004, 12, 31), date(2005, 1, 3)]
    assert [asset.symbol for asset in portal.assets] == ["IBM"]


def test_fetched_bars_are_a_portal(venue, minute_venue):
    minute_venue.advance(9)

    async def fetch():
        days = await broker_at(venue).feed.fetch_bars(["IBM", "AAPL"], "2004-12-30", "2005-01-03")
        hours = await feed_at(minute_venue).fetch_bars("AAA", date(2024, 1, 3), frequency="1m")
        return days, hours

    days, hours = within(fetch())

    assert sorted(asset.symbol for asset in days.assets) == ["AAPL", "IBM"]
    assert days.daily.height == 2 * 3
    assert hours.minute.height == 10


def test_a_feed_without_symbols_says_so(venue):
    feed = feed_at(venue)

    async def read():
        feed.configure(FeedPlan(calendar=XNYS))
        async for _event in feed:
            pass

    with pytest.raises(FeedDisconnected, match="no symbols") as failure:
        within(read())
    assert isinstance(failure.value.__cause__, NoFeed)


@asynccontextmanager
async def talking(*frames):
    """Serve a market stream that says these things after the subscription, and an empty
    archive.
    """
    app = web.Application()

    async def serve(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(json.dumps([{"T": "success", "msg": "connected"}]))
        await socket.receive()
        await socket.send_str(json.dumps([{"T": "success", "msg": "authenticated"}]))
        await socket.receive()
        await socket.send_str(json.dumps([{"T": "subscription"}]))
        for frame in frames:
            await socket.send_str(frame)
        await socket.receive()
        return socket

    async def latest(_request):
        return web.json_response({"bars": {}})

    app.add_routes([web.get("/v2/iex", serve), web.get("/v2/stocks/bars/latest", latest)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def bar(minute, **facts):
    began = (OPEN + timedelta(minutes=minute - 1)).isoformat()
    return {"T": "b", "S": "AAA", "t": began, "o": 1, "h": 2, "l": 0.5, "c": 1.5, "v": 10} | facts


def test_hours_begin_with_the_stream_where_no_bar_is_over_yet():
    """Nothing is asked of an archive that has nothing: this one does not answer."""

    async def watch():
        async with talking(json.dumps([bar(number) for number in range(1, 62)])) as url:
            feed = AlpacaFeed(key="a", secret="b", url_override=url)
            async with reading(feed, frequency="1h", symbols=("AAA",)) as (slices, troubles):
                await until(lambda: slices)
                return slices, troubles

    slices, troubles = within(watch())

    assert [one.volume for one in slices[0].bars.values()] == [600]
    assert troubles == []


def test_bad_bars_are_named_and_the_rest_goes_on():
    frames = [
        "no json", json.dumps({"T": "b"}), json.dumps([1, None, "x"]), "[" * 5000,
        json.dumps([bar(1), bar(2, c="NaN"), bar(3, h=0.1), bar(4, S=None), bar(5, t="yesterday"), bar(6, v=-1)]),
        json.dumps([bar(7), bar(8)]),
        json.dumps([bar(9) | {"t": "2024-01-03T11:00:00Z"}, bar(10)]),
    ]  # fmt: skip

    async def watch():
        async with talking(*frames) as url:
            feed = AlpacaFeed(key="a", secret="b", url_override=url)
            async with reading(feed, frequency="1m", symbols=("AAA",)) as (slices, troubles):
                await until(lambda: len(slices) == 10)
                return slices, troubles, feed.stats()

    slices, troubles, stats = within(watch())

    assert minutes(slices) == list(range(1, 11))
    assert [number for number, one in zip(minutes(slices), slices, strict=True) if one.bars] == [
        1,
        7,
        8,
        10,
    ]
    assert len(troubles) == stats["quarantined"] == 4
    assert (stats["untranslatable"], stats["outside_hours"]) == (1, 1)
