"""Slices of a feed of one's own: what is taken at a glance is what the judge would give."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.bar import Bar
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.engine.admission import OrdinarySlices, SliceJudge
from tests.builders import run

OPEN = datetime(2017, 1, 3, 14, 30, tzinfo=UTC)
LAST = OPEN + timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


def bar(symbol="AAA", stamp=LAST + MINUTE, close=10.25, **more):
    values = {"open": 10.0, "high": 11.0, "low": 9.5, "close": close, "volume": 100.0, **more}
    return Bar(symbol=symbol, timestamp=stamp, **values)


def event(*bars, stamp=LAST + MINUTE):
    return MarketDataEvent(timestamp=stamp, bars={one.symbol: one for one in bars})


@pytest.fixture
def state(tmp_path):
    """The state of a run over minutes of two assets, whose last session is the third."""
    first = {"timestamp": OPEN + MINUTE, "open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0}
    rows = pl.DataFrame([{**first, "volume": 1.0, "symbol": name} for name in ("AAA", "BBB")])

    async def made():
        session = rbt.attach(
            {"__name__": "quiet", "handle_data": lambda context, data: None},
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(rbt.PolarsDataPortal(None, minute_bars=rows)),
            frequency="1m",
            name="ordinary",
            journal=tmp_path,
            end=date(2017, 1, 3),
        )
        await session.wait()
        return session

    return run(made()).engine.core.state


def test_the_next_slice_of_ordinary_bars_is_what_the_judge_gives(state):
    for given in (
        event(bar()),
        event(bar(), bar("BBB")),
        event(bar(close=Decimal("10.5"), open=Decimal("10.25"))),
    ):
        taken = OrdinarySlices(state).taken(given, us_of(LAST))

        assert [taken] == list(SliceJudge(state).admit(given, LAST))


def test_slices_that_follow_each_other_are_taken_one_after_the_other_and_no_others(state):
    ordinary = OrdinarySlices(state)
    minutes = [LAST + number * MINUTE for number in range(5)]
    given = [event(bar(stamp=stamp), stamp=stamp) for stamp in minutes]

    taken = [ordinary.taken(given[number], us_of(minutes[number - 1])) for number in (1, 2, 3)]

    assert taken == given[1:4]
    assert ordinary.taken(given[2], us_of(minutes[3])) is None  # it came before
    assert ordinary.taken(given[4], us_of(minutes[2])) is None  # the market is elsewhere
    assert ordinary.taken(given[4], us_of(minutes[3])) == given[4]


def plain(minutes=1, symbol="AAA", **more):
    stamp = LAST + minutes * MINUTE
    numbers = {"open": 10.0, "high": 11.0, "low": 9.5, "close": 10.0, "volume": 100.0}
    return MarketDataEvent.of({"symbol": symbol, "timestamp": stamp, **numbers, **more})


@pytest.fixture
def core(tmp_path):
    """The core of a run of the same assets, which stands a minute before LAST in an
    open session.
    """
    first = {"timestamp": OPEN + MINUTE, "open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0}
    rows = pl.DataFrame([{**first, "volume": 1.0, "symbol": name} for name in ("AAA", "BBB")])

    async def feed():
        for number in range(-9, 0):
            yield plain(number)

    async def made():
        session = rbt.attach(
            {"__name__": "open", "handle_data": lambda context, data: None},
            rbt.PaperBroker(),
            feed=feed(),
            data=rbt.PolarsDataPortal(None, minute_bars=rows),
            frequency="1m",
            name="open",
            journal=tmp_path,
        )
        await session.wait()
        return session

    return run(made()).engine.core


def standing_at_last(core, latest=None):
    """Take one slice, so that the next one is due."""
    ordinary = OrdinarySlices(core.state, None if latest is None else lambda: latest)
    assert ordinary.taken(plain(0), us_of(LAST - MINUTE)) is not None
    core.process(plain(0))
    return ordinary


def test_the_slice_that_was_due_follows_and_the_next_one_once_the_market_took_it(core):
    ordinary = standing_at_last(core)

    assert ordinary.follows(plain(1))
    assert not ordinary.follows(plain(2))  # the market has not taken the one before
    assert ordinary.taken(plain(1), us_of(LAST)) == plain(1)  # it is still to come
    core.process(plain(1))
    assert not ordinary.follows(plain(1))
    assert ordinary.follows(plain(2))


def test_no_slice_follows_while_the_market_expects_none(core):
    ordinary = standing_at_last(core)

    core.state.market.end_session(core.state.market.session)

    assert not ordinary.follows(plain(1))


def test_nothing_follows_before_it_was_asked_how_far_slices_may_go(core):
    core.process(plain(0))

    assert not OrdinarySlices(core.state).follows(plain(1))


def other_time(one):
    one.__dict__["timestamp"] = LAST + 2 * MINUTE
    return one


@pytest.mark.parametrize(
    "given",
    [
        event(bar()),  # of decimals
        plain(symbol="CCC"),
        plain(2),
        plain(0),
        event(plain().bars["AAA"], plain(symbol="BBB").bars["BBB"]),
        MarketDataEvent.model_construct(timestamp=LAST + MINUTE, bars={"BBB": plain().bars["AAA"]}),
        MarketDataEvent.model_construct(timestamp=LAST + MINUTE, bars=[bar()]),
        MarketDataEvent.model_construct(timestamp="now", bars={}),
        other_time(plain()),
        MarketDataEvent.model_construct(timestamp=LAST + MINUTE, bars={"AAA": None}),
    ],
    ids=lambda one: None,
)
def test_what_is_not_plainly_the_slice_that_was_due_changes_nothing(core, given):
    ordinary = standing_at_last(core)

    assert not ordinary.follows(given)
    assert ordinary.follows(plain())


def test_a_slice_of_the_future_does_not_follow(core):
    assert not standing_at_last(core, latest=LAST).follows(plain())


def test_a_slice_that_calls_itself_something_else_is_written_as_what_it_is(state):
    given = event(bar())
    given.__dict__["event_type"] = "OperatorEvent"

    taken = OrdinarySlices(state).taken(given, us_of(LAST))

    assert [taken] == list(SliceJudge(state).admit(event(bar()), LAST))


@pytest.mark.parametrize(
    ("given", "last", "latest"),
    [
        (event(bar()), None, None),
        (event(bar()), LAST, LAST),
        (event(bar()), LAST + MINUTE, None),
        (event(bar()), LAST - MINUTE, None),
        (event(bar("CCC")), LAST, None),
        (event(), LAST, None),
        (event(bar(stamp=LAST)), LAST, None),
        (MarketDataEvent.model_construct(timestamp="now", bars={}), LAST, None),
        (MarketDataEvent.model_construct(timestamp=LAST + MINUTE, bars=[bar()]), LAST, None),
        (
            MarketDataEvent.model_construct(timestamp=LAST + MINUTE, bars={"BBB": bar()}),
            LAST,
            None,
        ),
        (
            MarketDataEvent.model_construct(
                timestamp=LAST + MINUTE,
                bars={"AAA": Bar.model_construct(symbol="AAA", timestamp=LAST + MINUTE, open=-1)},
            ),
            LAST,
            None,
        ),
        (
            event(bar(stamp=LAST + MINUTE / 2), stamp=LAST + MINUTE / 2),
            LAST - MINUTE / 2,
            None,
        ),
        (
            event(
                bar(stamp=OPEN + timedelta(days=1, minutes=2)),
                stamp=OPEN + timedelta(days=1, minutes=2),
            ),
            OPEN + timedelta(days=1, minutes=1),
            None,
        ),
    ],
    ids=[
        "first",
        "future",
        "again",
        "gap",
        "unknown",
        "empty",
        "stamp",
        "text",
        "list",
        "name",
        "negative",
        "off-grid",
        "after-the-end",
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_judge(state, given, last, latest):
    ordinary = OrdinarySlices(state, None if latest is None else lambda: latest)

    assert ordinary.taken(given, None if last is None else us_of(last)) is None


def test_a_feed_of_ones_own_gives_the_same_run_at_a_glance_and_judged(monkeypatch):
    def rows():
        for number in range(1, 40):
            stamp = OPEN + timedelta(minutes=10 + number + number // 13)
            yield event(bar(stamp=stamp, close=10.0 + number % 5 / 8), stamp=stamp)

    async def feed():
        for one in rows():
            yield one
            await asyncio.sleep(0)

    def traded(name):
        first = {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 1.0}
        known = pl.DataFrame([{"timestamp": OPEN + MINUTE, "symbol": "AAA", **first}])

        async def made():
            session = rbt.attach(
                {
                    "__name__": "buyer",
                    "handle_data": lambda c, d: rbt.api.order(rbt.api.symbol("AAA"), 1),
                },
                rbt.PaperBroker(),
                feed=feed(),
                data=rbt.PolarsDataPortal(None, minute_bars=known),
                frequency="1m",
                late_orders="send",
                name=name,
            )
            await session.wait()
            return session

        return run(made()).result()

    quick = traded("quick")
    monkeypatch.setattr(OrdinarySlices, "taken", lambda *given: None)
    judged = traded("judged")

    assert quick.orders.height > 30
    assert quick.orders.equals(judged.orders)
    assert quick.fills.equals(judged.fills)
