"""Assets that join what a live feed gives have the days of before, as in a backtest."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.api import symbol, time_rules
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.errors import BrokerError, DataError
from rbtlive.model.events import Event
from rbtlive.pipeline import CustomFactor, CustomFilter, Pipeline
from rbtlive.pipeline.data import USEquityPricing
from rbtlive.pipeline.factors import SimpleMovingAverage
from tests.brokers.conftest import _minute_process, minute_venue
from tests.builders import run
from tests.pipeline.test_live_universe import LiveReplay, feed_at, history
from tests.venue.process import until, within

__all__ = ["_minute_process", "minute_venue"]

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")
CALENDAR = get_calendar("XNYS")
FIRST = CALENDAR.number(date(2024, 1, 2))
BEGIN, LAST = 1, 7  # the sessions of a run
SPLITS = pl.DataFrame(
    {"symbol": ["BBB", "CCC"], "effective_date": [date(2024, 1, 5), date(2024, 1, 8)]}
).with_columns(ratio=pl.Series([Decimal("0.5"), Decimal("0.25")]))
DIVIDENDS = pl.DataFrame(
    {
        "symbol": ["AAA", "CCC", "DDD"],
        "ex_date": [date(2024, 1, 5), date(2024, 1, 9), date(2024, 1, 10)],
        "pay_date": [date(2024, 1, 12)] * 3,
        "amount": pl.Series([Decimal("0.5"), Decimal(1), Decimal("0.25")]),
    }
)


def tables(sessions: int, *, before: int = 4) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the days of some sessions, and a minute of each of their hours; every price
    is another one, and who is dearest changes from day to day.
    """
    rows = []
    for day in range(-before, sessions):
        opening, end = CALENDAR.open(FIRST + day), CALENDAR.close(FIRST + day)
        for number, name in enumerate(SYMBOLS):
            dice = random.Random(f"{day} {name}")
            for hour in range(1, 8):
                price = round(10.0 + 3.0 * ((number * 2 + day) % 5) + dice.random(), 2)
                rows.append(
                    {
                        "timestamp": min(opening + timedelta(hours=hour), end),
                        "symbol": name,
                        "open": price,
                        "high": price + 0.5,
                        "low": price - 0.25,
                        "close": round(price + 0.25, 2),
                        "volume": float(dice.randrange(1, 99) * 100),
                    }
                )
    frame = pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))
    days = (
        frame.sort("timestamp")
        .group_by("symbol", pl.col("timestamp").dt.date().alias("date"), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
    )
    return days, frame


def bars(sessions: int) -> rbt.PolarsDataPortal:
    """Return them as a portal, with the splits and dividends of all sessions."""
    days, frame = tables(sessions)
    return rbt.PolarsDataPortal(days, minute_bars=frame, splits=SPLITS, dividends=DIVIDENDS)


class Remembering(LiveReplay):
    """A source with history: days that are over can be asked for.

    Args:
        sessions: How many it gives.
        refuse: What an attempt does instead of answering whole, the first first.
        goes_on: Stay open at the end.
        waits: Give the next slice only when no question is under way.
    """

    past_days_waits_s = (0.0, 0.0)
    past_days_patience_s = 0.0

    def __init__(
        self, sessions: int = LAST, *, refuse: Any = (), goes_on: bool = False, waits: bool = True
    ) -> None:
        super().__init__(bars(sessions), goes_on=goes_on)
        self.asked: list[Any] = []
        self.refuse = list(refuse)
        self.waits = waits
        self.engine: Any = None
        self.after: dict[date, Any] = {}  # what is done after a session
        self.offered = date.min  # the day of the last slice that it has given, or holds out

    async def past_days(self, symbols: Any, first: date, last: date) -> Any:
        self.asked.append((list(symbols), first, last))
        await asyncio.sleep(0)
        answer = tables(LAST)[0].filter(pl.col("date").is_between(first, last))
        return answer if not self.refuse else await self.refuse.pop(0)(answer)

    async def __aiter__(self) -> AsyncIterator[Event]:
        await self._rest()
        async for event in super().__aiter__():
            self.offered = event.timestamp.date()
            yield event
            await self._rest()
            label = event.timestamp.date()
            if label in self.after and event.timestamp == CALENDAR.close(CALENDAR.number(label)):
                self.after.pop(label)()
                universe = self.engine._cores.universe
                await until(lambda told=universe: told._seen == self.subscription_changes)
                await self._rest()

    # What a slice asks for is asked for when it has been taken.
    async def _rest(self) -> None:
        def rests() -> bool:
            taken = not (self.queue and self.queue.size)
            return taken and not (self.waits and self.engine and asking(self.engine))

        await until(rests)


def asking(engine: Any) -> bool:
    names = ("history through", "bars within the day")
    return any(name in task.get_name() for task in engine.tasks.running for name in names)


def without(name: str, *days: date) -> Any:
    """Answer without some days of an asset."""

    async def answer(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(~((pl.col("symbol") == name) & pl.col("date").is_in(days)))

    return answer


def failing(error: Exception) -> Any:
    async def answer(_frame: Any) -> None:
        raise error

    return answer


async def never(_frame: Any) -> None:
    await asyncio.Event().wait()


class CountOfBars(CustomFactor):
    inputs = (USEquityPricing.close,)
    window_length = 3

    def compute(self, today, assets, out, close):
        out[:] = (~np.isnan(close)).sum(axis=0)


class Growing(rbt.TradingAlgorithm):
    """Shows the dearest, whoever that is, and keeps all that it sees in the morning."""

    count, eager = 1, True

    def initialize(self, context):
        close = USEquityPricing.close
        columns = {
            "mean": SimpleMovingAverage(inputs=[close], window_length=3),
            "known": CountOfBars(),
            "high": USEquityPricing.high.latest,
            "volume": SimpleMovingAverage(inputs=[USEquityPricing.volume], window_length=4),
        }
        self.attach_pipeline(Pipeline(columns), "all", eager=self.eager)
        dear = Pipeline(screen=close.latest.top(self.count))
        self.attach_pipeline(dear, "dear", eager=self.eager, subscribe=True)
        context.days, context.dear = {}, []

    def before_trading_start(self, context, data):
        day = self.get_datetime().date().isoformat()
        shown = self.pipeline_output("all").sort("symbol").to_dicts()
        windows = [
            data.history([symbol(name) for name in SYMBOLS], field, 4, "1d").to_dicts()
            for field in ("close", "volume")
        ]
        context.days[day] = repr([shown, windows])
        context.dear.append(sorted(self.pipeline_output("dear")["symbol"]))


def session(feed: Any, folder: Any, strategy: Any = Growing, *, kill: bool = False, **more: Any):
    """Run a session over a feed to its end, or until it is killed."""

    async def watch() -> Any:
        made = rbt.attach(
            strategy, rbt.PaperBroker(), feed=feed, data=bars(1), frequency="1h",
            journal=folder, name="growing", late_orders="send", **more,
        )  # fmt: skip
        feed.queue, feed.engine = made.engine.queue, made.engine
        if not feed.goes_on:
            await made.wait()
            return made
        await until(lambda: feed.is_read)
        if kill:
            made.engine.abandon()
        else:
            await made.stop()
        return made

    return run(watch())


def backtest(strategy: Any = Growing, **more: Any) -> Any:
    """Run the same strategy over everything."""
    return rbt.backtest(
        strategy, bars(LAST), frequency="1h", start=CALENDAR.label(FIRST + BEGIN), **more
    )


@pytest.fixture(scope="module")
def tested() -> Any:
    return backtest().context


def days_of(context: Any, first: date = date(2024, 1, 3)) -> dict[str, str]:
    return {day: seen for day, seen in context.days.items() if day >= first.isoformat()}


def said(ended: Any, text: str) -> list[str]:
    return [line for line in map(str, ended.logs) if text in line]


def test_a_universe_grows_as_in_the_backtest(tmp_path, tested):
    """Who was never subscribed to is selected, with all its days, splits and dividends."""
    feed = Remembering()

    ended = session(feed, tmp_path)

    assert len(set(map(tuple, tested.dear))) > 3
    assert ended.context.dear == tested.dear
    assert ended.context.days == tested.days
    assert all(first == last for _symbols, first, last in feed.asked)  # each night
    assert said(ended, "the feed") == []
    assert ended.parity().identical
    assert ended.parity().tables_compared == 2 * len(ended.context.days)


@pytest.mark.parametrize("options", [{"zipline_quirks": True}, {"frames": "pandas"}])
def test_it_does_so_under_other_settings(tmp_path, options):
    strategy = type("Growing", (Shown,), {}) if "frames" in options else Growing

    ended, tested = (
        session(Remembering(), tmp_path, strategy, **options),
        backtest(strategy, **options),
    )

    assert ended.context.days == tested.context.days
    assert ended.parity().identical


class Shown(Growing):
    """The same with pandas, whose frames have an index."""

    def before_trading_start(self, context, data):
        day = self.get_datetime().date().isoformat()
        window = data.history([symbol(name) for name in SYMBOLS], "close", 4, "1d")
        context.days[day] = repr([self.pipeline_output("all").to_dict(), window.to_dict()])
        context.dear.append(self.pipeline_output("dear").index[0].symbol)


@pytest.mark.parametrize("options", [{"count": 2}, {"count": 3, "eager": False}])
def test_several_join_at_once_and_tables_may_be_lazy(tmp_path, options):
    strategy = type("Growing", (Growing,), options)

    ended, tested = session(Remembering(), tmp_path, strategy), backtest(strategy)

    assert ended.context.dear == tested.context.dear
    assert ended.context.days == tested.context.days
    assert ended.parity().identical


def test_a_run_that_is_taken_up_again_asks_for_no_day_twice(tmp_path, tested):
    first, second = Remembering(4, goes_on=True), Remembering()

    session(first, tmp_path)
    ended = session(second, tmp_path)

    assert ended.context.days == tested.days
    assert {day for _s, day, _l in first.asked}.isdisjoint(day for _s, day, _l in second.asked)
    assert ended.parity().identical


def test_a_question_that_a_kill_left_open_is_asked_after_the_restart(tmp_path, tested):
    first = Remembering(4, goes_on=True, waits=False, refuse=[never] * 9)
    second = Remembering()

    session(first, tmp_path, kill=True)
    ended = session(second, tmp_path)

    assert first.asked != []
    assert {day for _s, day, _l in first.asked} <= {day for _s, day, _l in second.asked}
    assert days_of(ended.context, date(2024, 1, 8)) == days_of(tested, date(2024, 1, 8))
    assert ended.context.days["2024-01-05"] != tested.days["2024-01-05"]
    assert ended.parity().identical


def edited(strategy: Any = Growing) -> Any:
    """Return other code of the same name: the run goes on in a new segment."""

    def handle_data(self, context, data):
        context.is_edited = True

    return type("Growing", (strategy,), {"handle_data": handle_data})


def test_edited_code_goes_on_with_the_days_and_with_the_open_questions(tmp_path, tested):
    """In a new process, after a kill, and where the session runs on."""
    for how in ("stopped", "killed", "swapped"):
        first = Remembering(4, goes_on=True, waits=False, refuse=[never] * 9)
        folder = tmp_path / how

        async def watch(first: Any = first, folder: Any = folder, how: str = how) -> Any:
            options: Any = {"data": bars(1), "frequency": "1h", "late_orders": "send"}
            options |= {"journal": folder, "name": "growing"}
            made = rbt.attach(Growing, rbt.PaperBroker(), feed=first, **options)
            first.queue, first.engine = made.engine.queue, made.engine
            await until(lambda: first.is_read)
            if how == "stopped":
                await made.stop()
            elif how == "killed":
                made.engine.abandon()
            second = Remembering()
            made = rbt.attach(
                edited(), rbt.PaperBroker(), feed=second, on_divergence="positions", **options
            )
            second.queue, second.engine = made.engine.queue, made.engine
            await made.wait()
            return made

        ended = run(watch())

        assert ended.context.is_edited
        assert days_of(ended.context) == days_of(tested, date(2024, 1, 8)), how
        assert ended.parity().identical, how


def test_edited_code_goes_on_with_days_that_came_before(tmp_path, tested):
    session(Remembering(4, goes_on=True), tmp_path)

    ended = session(Remembering(), tmp_path, edited(), on_divergence="positions")

    assert ended.context.is_edited
    assert days_of(ended.context) == days_of(tested, date(2024, 1, 8))
    assert ended.parity().identical


def test_an_answer_with_a_hole_is_asked_for_again_and_what_is_whole_is_there_at_once(tmp_path):
    hole = without("BBB", date(2024, 1, 3))
    feed = Remembering(refuse=[hole])

    ended = session(feed, tmp_path)

    assert "BBB" in feed.asked[0][0]
    assert feed.asked[1] == (["BBB"], date(2024, 1, 3), date(2024, 1, 3))
    assert ended.context.days == backtest().context.days
    assert said(ended, "the feed has no daily bars") == []


def test_a_hole_that_stays_is_named_and_costs_no_other_asset_a_day(tmp_path, tested):
    hole = without("BBB", date(2024, 1, 3))
    feed = Remembering(refuse=[hole] * 3)

    ended = session(feed, tmp_path)

    assert [symbols for symbols, day, _l in feed.asked if day == date(2024, 1, 3)][1:] == [
        ["BBB"]
    ] * 2
    assert "BBB (2024-01-03)" in said(ended, "the feed has no daily bars")[0]
    assert ended.context.days["2024-01-04"] != tested.days["2024-01-04"]
    assert ended.context.days["2024-01-10"] == tested.days["2024-01-10"]  # beyond its windows
    assert ended.parity().identical


@pytest.mark.parametrize("error", [BrokerError("no answer"), DataError("no bars"), KeyError("x")])
def test_a_feed_that_fails_is_named_and_asked_again_after_the_next_session(tmp_path, tested, error):
    """Then for all the days since: they come late, with the dividends among them."""
    feed = Remembering(refuse=[failing(error)] * 15)

    ended = session(feed, tmp_path)

    nights = list(
        dict.fromkeys((first, last) for names, first, last in feed.asked if "BBB" in names)
    )
    assert nights[:3] == [
        (date(2024, 1, 3), date(2024, 1, 3)),
        (date(2024, 1, 3), date(2024, 1, 4)),
        (date(2024, 1, 3), date(2024, 1, 5)),
    ]
    assert type(error).__name__ in said(ended, "the feed gave no daily bars")[0]
    assert ended.context.days["2024-01-05"] != tested.days["2024-01-05"]
    assert days_of(ended.context, date(2024, 1, 9)) == days_of(tested, date(2024, 1, 9))
    assert ended.parity().identical


class Watching(rbt.TradingAlgorithm):
    """Keeps what it sees of days; the feed is subscribed to by hand."""

    def initialize(self, context):
        context.days = {}

    def before_trading_start(self, context, data):
        day = self.get_datetime().date().isoformat()
        names = [symbol(name) for name in SYMBOLS[:2]]
        context.days[day] = repr(data.history(names, "close", 3, "1d").to_dicts())


def test_what_joins_leaves_and_joins_again_by_hand_has_the_days_between(tmp_path):
    feed = Remembering()
    feed.subscribe("AAA")
    feed.after = {
        date(2024, 1, 4): lambda: feed.subscribe("BBB"),
        date(2024, 1, 5): lambda: feed.unsubscribe("BBB"),
        date(2024, 1, 8): lambda: feed.subscribe("BBB"),
    }

    ended = session(feed, tmp_path, Watching)

    tested = backtest(Watching).context
    assert feed.asked == [
        (["BBB"], date(2024, 1, 3), date(2024, 1, 4)),
        (["BBB"], date(2024, 1, 8), date(2024, 1, 8)),
    ]
    assert days_of(ended.context, date(2024, 1, 9)) == days_of(tested, date(2024, 1, 9))
    assert ended.context.days["2024-01-04"] != tested.days["2024-01-04"]
    assert ended.parity().identical


class Turn(CustomFilter):
    """Another symbol each day, whatever is known of it."""

    inputs = (USEquityPricing.close,)
    window_length = 1

    def compute(self, today, assets, out, close):
        out[:] = np.arange(len(assets)) == today.day % len(SYMBOLS)


class Within(Growing):
    """Selects in the middle of the day: of that day a part is missing."""

    def initialize(self, context):
        super().initialize(context)
        self.attach_pipeline(
            Pipeline(screen=Turn()), "turn", subscribe=True,
            when=time_rules.market_open(minutes=180),
        )  # fmt: skip


def test_a_day_on_which_an_asset_joined_at_noon_is_asked_for_whole(tmp_path):
    ended = session(Remembering(), tmp_path, Within)

    assert ended.context.days == backtest(Within).context.days
    assert ended.parity().identical


class Keeping(Growing):
    kept: ClassVar[dict[str, str]] = {}

    def before_trading_start(self, context, data):
        super().before_trading_start(context, data)
        Keeping.kept = dict(context.days)


def test_another_strategy_over_what_a_session_saw_has_the_days_too(tmp_path, tested):
    ended = session(Remembering(), tmp_path)

    ended.replay(Keeping)

    assert Keeping.kept == tested.days


def test_an_answer_of_many_bars_is_taken_in_parts_and_decided_on_as_a_whole(
    tmp_path, tested, monkeypatch
):
    monkeypatch.setattr("rbtlive.runtime.engine.past_days.AT_ONCE", 2)

    ended = session(Remembering(refuse=[failing(BrokerError("down"))] * 9), tmp_path)

    assert days_of(ended.context, date(2024, 1, 9)) == days_of(tested, date(2024, 1, 9))
    assert ended.parity().identical


def test_a_changed_symbol_is_asked_for_by_its_new_name(tmp_path, tested):
    class Renamed(Remembering):
        async def past_days(self, symbols: Any, first: date, last: date) -> Any:
            assert "BBB" not in symbols
            frame = await super().past_days(symbols, first, last)
            return frame.with_columns(pl.col("symbol").replace({"BBB": "NEW"}))

    async def watch() -> Any:
        feed = Renamed()
        made = rbt.attach(
            Growing, rbt.PaperBroker(), feed=feed, data=bars(1), frequency="1h",
            journal=tmp_path, name="growing", late_orders="send",
        )  # fmt: skip
        feed.queue, feed.engine = made.engine.queue, made.engine
        made.change_symbol("BBB", "NEW")
        await made.wait()
        return feed, made

    feed, ended = run(watch())

    assert any("NEW" in symbols for symbols, *_ in feed.asked)
    assert ended.context.days == tested.days


class OfTwo(rbt.TradingAlgorithm):
    """Shows one of two symbols each day: the other one must be asked for."""

    def initialize(self, context):
        self.attach_pipeline(Pipeline(screen=OddDays()), "turn", subscribe=True)
        context.closes = {}

    def before_trading_start(self, context, data):
        day = self.get_datetime().date().isoformat()
        names = [symbol(name) for name in SYMBOLS[:2]]
        context.closes[day] = data.history(names, "close", 1, "1d").row(0)[1:]


class OddDays(Turn):
    def compute(self, today, assets, out, close):
        out[:] = np.arange(len(assets)) == today.day % 2


def test_the_archive_of_a_broker_gives_the_day_of_what_its_stream_did_not(minute_venue, tmp_path):
    """Over the wire: a whole session, its close, and the morning after."""
    feed = feed_at(minute_venue, settle_s=0.0)

    async def watch() -> Any:
        made = rbt.attach(
            OfTwo, rbt.PaperBroker(), feed=feed, data=history(), frequency="1m",
            journal=tmp_path, name="two", late_orders="send",
        )  # fmt: skip
        await until(lambda: feed._given.reach_us is not None)
        for minutes in (2, 387):  # one was there
            await asyncio.to_thread(minute_venue.advance, minutes)
            await until(lambda: feed._given.reach_us is not None and not made.engine.queue.size)
        known = made.engine._cores.universe
        await until(lambda: known._attendance.closed is not None and not known._attendance.gaps)
        await asyncio.to_thread(minute_venue.advance, 2)
        await until(lambda: "2024-01-04" in made.context.closes)
        await made.stop()
        return made, await feed.fetch_bars(SYMBOLS[:2], date(2024, 1, 3), date(2024, 1, 3))

    ended, days = within(watch(), seconds=60)

    assert ended.context.closes["2024-01-04"] == tuple(days.daily["close"])
    assert ended.parity().identical
