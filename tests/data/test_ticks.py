"""Bars made of trades."""

import asyncio
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.data_feed import FeedPlan
from rbtlive.errors import BadFrequency, InvalidSetting
from rbtlive.model.events import BarRevisedEvent, MarketDataEvent
from tests.builders import minute_frame, run, whole

OPEN = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
Named = namedtuple("Named", ["symbol", "time", "price", "qty"])  # noqa: PYI024


def after(seconds):
    return OPEN + timedelta(seconds=seconds)


@dataclass
class Print:
    symbol: str
    at: datetime
    price: Decimal
    size: Decimal


def bars_of(*ticks, calendar="XNYS", interval="1m", symbols=("A", "B"), **options):
    """Return what a feed gives of some trades: (minute, {symbol: OHLCV}) and others."""

    async def stream():
        for tick in ticks:
            yield tick

    async def read():
        feed = rbt.bars_from_ticks(stream(), interval, **options)
        feed.configure(
            FeedPlan(
                calendar=get_calendar(calendar),
                frequency=interval,
                symbols=symbols,
                latest=lambda: LATER,
            )
        )
        return [event async for event in feed], feed.stats()

    events, stats = asyncio.run(read())
    return [shown(event) for event in events], stats


def shown(event):
    if isinstance(event, MarketDataEvent):
        bars = {symbol: bar.floats() for symbol, bar in sorted(event.bars.items())}
        return int((event.timestamp - OPEN).total_seconds() / 60), bars
    return ("revised", event.bar.floats()) if isinstance(event, BarRevisedEvent) else "error"


SHAPES = {
    "mapping": {"symbol": "a", "timestamp": after(1), "price": 10.0, "size": 3},
    "other names": {"s": "A", "time": after(1).isoformat(), "p": "10", "q": "3"},
    "ccxt": {
        "symbol": "A",
        "timestamp": int(after(1).timestamp() * 1e3),
        "datetime": after(1).isoformat(),
        "price": 10.0,
        "amount": 3.0,
        "id": "7",
    },
    "nanoseconds": {"symbol": "A", "t": int(after(1).timestamp()) * 10**9, "price": 10, "size": 3},
    "tuple": ("A", after(1), 10.0, 3),
    "another tuple": (after(1), Decimal(10), Decimal(3), "A"),
    "without a symbol": (after(1), 10.0, 3.0),
    "named tuple": Named("A", after(1), 10.0, 3),
    "dataclass": Print("A", after(1), Decimal(10), Decimal(3)),
    "object": SimpleNamespace(symbol="A", time=after(1), price=10.0, size=3),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_trade_may_have_any_usual_shape(shape):
    found, stats = bars_of(SHAPES[shape], symbols=("A",))

    assert found == [(1, {"A": (10.0, 10.0, 10.0, 10.0, 3.0)})]
    assert (stats["ticks"], stats["ticks_refused"]) == (1, 0)


BAD = {
    "no price": {"symbol": "A", "timestamp": after(1), "size": 1},
    "NaN": ("A", after(1), float("nan"), 1),
    "zero": ("A", after(1), 0, 1),
    "negative size": ("A", after(1), 1.0, -1),
    "huge": ("A", after(1), 1e15, 1),
    "no time": {"symbol": "A", "price": 1, "size": 1},
    "naive": ("A", datetime(2024, 1, 2, 15), 1.0, 1),  # noqa: DTZ001
    "a small number": {"symbol": "A", "time": 12, "price": 1, "size": 1},
    "unknown": ("Z", after(1), 1.0, 1),
    "nothing": None,
    "text": "A 10",
    "at night": ("A", after(-3600), 1.0, 1),
    "the future": ("A", LATER + timedelta(days=2), 1.0, 1),
}


@pytest.mark.parametrize("what", BAD)
def test_a_trade_that_cannot_be_is_named_and_costs_nothing_else(what):
    found, stats = bars_of(("A", after(1), 10.0, 3), BAD[what], ("A", after(2), 11.0, 3))

    assert found == ["error", (1, {"A": (10.0, 11.0, 10.0, 11.0, 6.0)})]
    assert stats["ticks_refused"] == 1


def test_bars_have_open_high_low_close_and_the_sum_of_sizes_of_each_symbol():
    found, _stats = bars_of(
        ("A", after(0), 10, 1),
        ("B", after(5), 50, 2),
        ("A", after(20), 12, 1),
        ("A", after(40), 9, 1),
        ("A", after(59.9), 11, 1),
        ("A", after(60), 20, 5),
        ("B", after(250), 51, 2),
    )

    assert found == [
        (1, {"A": (10.0, 12.0, 9.0, 11.0, 4.0), "B": (50.0, 50.0, 50.0, 50.0, 2.0)}),
        (2, {"A": (20.0, 20.0, 20.0, 20.0, 5.0)}),
        (3, {}),
        (4, {}),
        (5, {"B": (51.0, 51.0, 51.0, 51.0, 2.0)}),
    ]


def test_trades_out_of_order_lose_nothing_and_late_ones_give_their_bar_anew():
    found, stats = bars_of(
        ("A", after(30), 10, 1),
        ("A", after(10), 8, 1),
        ("A", after(60.1), 20, 1),
        ("A", after(59), 11, 1),
        ("A", after(61), 21, 1),
        ("A", after(58), 99, 1),
        ("A", after(62), 22, 1),
    )

    assert found == [
        (1, {"A": (8.0, 11.0, 8.0, 11.0, 3.0)}),
        ("revised", (8.0, 99.0, 8.0, 11.0, 4.0)),
        (2, {"A": (20.0, 22.0, 20.0, 22.0, 3.0)}),
    ]
    assert stats["ticks_late"] == 1


def test_a_trade_far_ahead_of_the_next_closes_nothing():
    found, stats = bars_of(
        ("A", after(1), 10, 1), ("A", after(86400 * 9), 99, 1), ("A", after(2), 11, 1)
    )

    assert found == ["error", (1, {"A": (10.0, 11.0, 10.0, 11.0, 2.0)})]
    assert stats["ticks_refused_future"] == 1


def test_the_close_belongs_to_the_last_bar_and_days_are_sessions():
    close = OPEN + timedelta(hours=6, minutes=30)

    minutes, _stats = bars_of(("A", close - timedelta(seconds=1), 10, 1), ("A", close, 12, 1))
    days, _stats = bars_of(
        ("A", after(0), 10, 1), ("A", close, 12, 1), ("A", after(86400), 13, 1), interval="1d"
    )

    assert minutes == [(390, {"A": (10.0, 12.0, 10.0, 12.0, 2.0)})]
    assert [one[1]["A"][3] for one in days] == [12.0, 13.0]


def test_it_runs_without_a_session_too():
    async def stream():
        yield ("A", after(1), 10, 1)
        yield ("A", after(70), 11, 1)

    async def read():
        return [shown(event) async for event in rbt.bars_from_ticks(stream(), "1m")]

    assert [minute for minute, _bars in asyncio.run(read())] == [1, 2]


def test_a_session_trades_on_bars_of_trades_and_proves_it(tmp_path):
    class Trader(rbt.TradingAlgorithm):
        def initialize(self, context):
            context.asset = self.symbol("AAA")

        def handle_data(self, context, data):
            self.order(context.asset, 1)

    async def stream():
        begin = datetime(2017, 1, 5, 14, 30, tzinfo=UTC)
        for number in range(400):
            symbol = ("AAA", "BBB")[number % 2]
            yield (symbol, begin + timedelta(seconds=7 * number), 50 + number % 5, 100)

    session = run(
        whole(
            Trader,
            tmp_path,
            feed=rbt.bars_from_ticks(stream(), "1m"),
            data=rbt.PolarsDataPortal(None, minute_bars=minute_frame(2)),
            frequency="1m",
            name="ticks",
        )
    )

    assert len(session.orders) == session.engine.feed.stats()["slices"] == 47
    assert session.orders["filled"].sum() > 0
    assert session.parity().identical


def test_what_does_not_fit_is_refused_by_name(tmp_path):
    async def stream():
        yield None

    with pytest.raises(InvalidSetting, match="wait_s must be a number from 0 to 60"):
        rbt.bars_from_ticks(stream(), "1m", wait_s=-1)
    with pytest.raises(InvalidSetting, match="stream must be an async iterator"):
        rbt.bars_from_ticks([1, 2], "1m")
    with pytest.raises(BadFrequency, match="makes bars of 5m and the session wants 1m"):
        rbt.bars_from_ticks(stream(), "5m").configure(
            FeedPlan(calendar=get_calendar("24/7"), frequency="1m")
        )
