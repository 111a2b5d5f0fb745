"""Breakers: each trips where its limit is passed, does what it was set to, and says
why in every order it denies.
"""

from __future__ import annotations

import asyncio
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import CircuitBreakerEvent, OperatorEvent
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.engine.decision_age import AgeLimit
from rbtlive.runtime.journal.journal import Journal
from tests.builders import (
    START,
    Gated,
    Silent,
    daily_frame,
    minute_frame,
    processed,
    run,
    slices,
    until,
    whole,
)

DOCS = Path(__file__).parents[2] / "docs" / "breakers.md"

LATER = datetime(2020, 1, 1, tzinfo=UTC)
"""When recordings are played."""


def falling(*closes):
    """Return daily bars of AAA with these closes."""
    calendar = get_calendar("XNYS")
    first = calendar.number(START)
    rows = [
        (calendar.label(first + number), "AAA", close, close, close, close, 1e9)
        for number, close in enumerate(closes)
    ]
    return pl.DataFrame(
        rows, schema=["date", "symbol", "open", "high", "low", "close", "volume"], orient="row"
    )


class Buyer(rbt.TradingAlgorithm):
    """Orders so many times a bar, and fails where it is asked to."""

    amount, times, failing = 100, 1, ()

    def initialize(self, context):
        context.bars, context.denied = 0, []

    def handle_data(self, context, data):
        context.bars += 1
        for _time in range(self.times):
            self.order(self.symbol("AAA"), self.amount)
        if context.bars in self.failing:
            raise ZeroDivisionError(f"bar {context.bars}")

    def on_order_reject(self, context, order, reason):
        context.denied.append(reason)


def replayed(folder, bars, breakers, **options):
    return run(whole(Buyer, folder, feed=rbt.ReplayFeed(bars), breakers=breakers, **options))


def tripped(session):
    """Return name, reason and action of every breaker event that a session's journal
    holds.
    """
    with session._recorded() as recorded:
        events = [
            event for _seq, event in recorded.events() if isinstance(event, CircuitBreakerEvent)
        ]
    return [(event.name, event.reason, event.action) for event in events]


def test_a_fall_from_the_highest_value_trips_the_drawdown_breaker(tmp_path):
    bars = falling(100, 100, 120, 100, 60, 60, 60)

    session = replayed(
        tmp_path,
        bars,
        rbt.Breakers(max_drawdown=0.1),
        commission=rbt.finance.commission.PerTrade(0),
    )

    assert session.trading_state == "halted"
    ((name, reason, action),) = tripped(session)
    assert (name, action) == ("drawdown", "halt")
    assert "fell 15." in reason
    assert "the limit is 10.0%" in reason
    assert session.context.denied == [f"drawdown: {reason}"] * 2
    assert set(session.result().denied["reason"]) == {f"drawdown: {reason}"}
    assert session.parity().identical


def test_a_loss_since_the_sessions_start_trips_the_daily_loss_breaker(tmp_path):
    session = replayed(
        tmp_path, falling(100, 100, 99, 98, 90, 90), rbt.Breakers(max_daily_loss=1500)
    )

    ((name, reason, _action),) = tripped(session)
    assert name == "daily loss"
    assert "lost since the session's start, the limit is 1,500.00" in reason
    assert len(session.context.denied) == 1
    assert session.context.denied[0].startswith("daily loss: ")
    assert session.parity().identical


def test_more_orders_within_a_minute_trip_the_order_rate_breaker(tmp_path):
    session = replayed(
        tmp_path,
        daily_frame(4),
        rbt.Breakers(max_orders_per_minute=3),
        params={"times": 4, "amount": 1},
    )

    assert tripped(session) == [("order rate", "more than 3 orders within a minute", "halt")]
    assert session.orders["id"].to_list() == ["1", "2", "3", "4"]
    assert len(session.context.denied) == 12


def test_orders_of_other_minutes_and_of_before_a_restart_count_for_nothing(tmp_path):
    bars, limits = daily_frame(30), rbt.Breakers(max_orders_per_minute=3)
    params = {"times": 3, "amount": 1}

    async def pieces():
        session = rbt.attach(
            Buyer,
            rbt.PaperBroker(),
            feed=Gated(bars, 10),
            journal=tmp_path,
            breakers=limits,
            params=params,
        )
        await processed(session, 10)
        await session.stop()
        return await whole(
            Buyer, tmp_path, feed=rbt.ReplayFeed(bars), breakers=limits, params=params
        )

    session = run(pieces())

    assert tripped(session) == []
    assert len(session.orders) == 90


def test_more_failing_callbacks_trip_the_error_rate_breaker(tmp_path):
    session = replayed(
        tmp_path,
        daily_frame(9),
        rbt.Breakers(max_errors=2),
        params={"failing": (1, 3, 5), "amount": 1},
    )

    assert tripped(session) == [("error rate", "3 callbacks failed, the limit is 2", "halt")]
    assert session.context.denied == ["error rate: 3 callbacks failed, the limit is 2"] * 4


@pytest.mark.parametrize(
    ("action", "state", "held"),
    [("halt", "halted", 500), ("reduce", "reducing", 500), ("flatten", "halted", 0)],
)
def test_a_breaker_halts_reduces_or_flattens_as_it_was_set(tmp_path, action, state, held):
    bars = falling(100, 100, 100, 100, 80, 80, 80)

    session = replayed(tmp_path, bars, rbt.Breakers(max_drawdown=0.05, action=action))

    assert session.trading_state == state
    ((name, reason, journaled),) = tripped(session)
    assert (name, journaled) == ("drawdown", action)
    core = session.engine.core
    assert core.state.portfolio.amount_of(core.state.assets[0]) == held
    assert session.context.denied == [f"drawdown: {reason}"] * 2
    assert session.parity().identical


def test_what_only_reduces_never_turns_a_position_around_however_many_orders_there_are(tmp_path):
    class Leaver(rbt.TradingAlgorithm):
        def initialize(self, context):
            context.bars, context.asset = 0, self.symbol("AAA")

        def handle_data(self, context, data):
            context.bars += 1
            if context.bars == 1:
                self.order(context.asset, 1000)
            elif context.bars > 4:
                for _time in range(3):
                    self.order(context.asset, -400)

    bars = falling(100, 100, 100, 80, 80, 80, 80, 80)
    limits = rbt.Breakers(max_drawdown=0.05, action="reduce")

    session = run(whole(Leaver, tmp_path, feed=rbt.ReplayFeed(bars), breakers=limits))

    core = session.engine.core
    assert core.state.trading_state == "reducing"
    assert core.state.portfolio.amount_of(core.state.assets[0]) == 200
    assert session.orders["amount"].to_list() == [1000, -400, -400]
    assert len(session.result().denied) == 10
    assert session.parity().identical


def test_resume_lets_trading_go_on_and_counts_anew_after_a_restart_too(tmp_path):
    bars = falling(100, 100, 100, 80, 80, 79, 79, 79, 60, 60)
    limits = rbt.Breakers(max_drawdown=0.01)

    async def pieces():
        feed = Gated(bars, 4)
        session = rbt.attach(Buyer, rbt.PaperBroker(), feed=feed, journal=tmp_path, breakers=limits)
        await processed(session, 5)
        assert session.trading_state == "halted"
        session.resume()
        feed.allow(1)
        await processed(session, 7)
        assert session.trading_state == "running"
        await session.stop()
        feed = Gated(bars, 3)
        session = rbt.attach(Buyer, rbt.PaperBroker(), feed=feed, journal=tmp_path, breakers=limits)
        await processed(session, 3)
        assert session.trading_state == "running"
        feed.allow(100)
        await session.wait()
        return session

    session = run(pieces())

    assert [name for name, _reason, _action in tripped(session)] == ["drawdown", "drawdown"]
    assert session.trading_state == "halted"
    assert session.parity().identical


def test_two_sessions_may_share_their_limits(tmp_path):
    limits = rbt.Breakers(max_drawdown=0.2)
    rich = replayed(tmp_path, falling(100, 100, 100), limits, name="rich", capital_base=1_000_000)

    poor = replayed(tmp_path, falling(100, 100, 100), limits, name="poor", capital_base=100_000)

    assert (rich.trading_state, poor.trading_state) == ("running", "running")


# -- wall time -----------------------------------------------------------------------


def slow(clock, took_s, at=3):
    """Return a strategy whose callbacks take so long at one of its bars, by the
    engine's clock.
    """

    def initialize(context):
        context.bars, context.denied = 0, []

    def handle_data(context, data):
        context.bars += 1
        if context.bars == at:
            clock.advance(took_s)
        rbt.api.order(rbt.api.symbol("AAA"), 1)

    def on_order_reject(context, order, reason):
        context.denied.append(reason)

    return {
        "__name__": "slow",
        "initialize": initialize,
        "handle_data": handle_data,
        "on_order_reject": on_order_reject,
    }


async def engine_on(source, strategy, *, clock, journal=None, bars=None, **options):
    """Run an engine over a source of daily bars until it has nothing more to give."""
    engine = rbt.TradingEngine(
        strategy,
        rbt.PaperBroker(),
        feed=source,
        portal=PolarsDataPortal(daily_frame() if bars is None else bars),
        clock=clock,
        journal=journal,
        **options,
    )
    await engine.run()
    return engine


async def live(bars):
    """Give bars as a live source does."""
    for one in bars:
        yield one


def breaker_events(journal):
    return [event for _seq, event in journal.events() if isinstance(event, CircuitBreakerEvent)]


@pytest.mark.parametrize(("took_s", "trips"), [(0.4, False), (0.6, True)])
@pytest.mark.parametrize(("action", "state"), [("halt", "halted"), ("reduce", "reducing")])
def test_a_callback_that_takes_too_long_trips_the_slow_strategy_breaker(
    took_s, trips, action, state
):
    clock, journal = VirtualClock(LATER), Journal.in_memory()

    engine = run(
        engine_on(
            live(slices(daily_frame(6))),
            slow(clock, took_s),
            clock=clock,
            journal=(kept := _Kept(journal)).journal,
            breakers=rbt.Breakers(max_callback_s=0.5, action=action),
        )
    )

    reason = "the callbacks of one event took 0.6 s, the limit is 0.5 s"
    assert engine.core.state.trading_state == (state if trips else "running")
    assert [(e.name, e.reason, e.action) for e in kept.events] == [
        ("slow strategy", reason, action)
    ] * trips
    assert engine.core.context.denied == [f"slow strategy: {reason}"] * 3 * trips
    assert engine.meters.events == 6 + trips


class _Kept:
    """Keeps the breaker events of a journal that is closed when its engine ends."""

    def __init__(self, journal):
        self.journal = journal
        self.events = []
        append = journal.append_event

        def kept(event, **how):
            if isinstance(event, CircuitBreakerEvent):
                self.events.append(event)
            return append(event, **how)

        journal.append_event = kept


def test_no_breaker_of_wall_time_looks_at_a_replay():
    clock = VirtualClock(LATER)
    limits = rbt.Breakers(max_callback_s=0.5, max_loop_lag_s=0.5)

    async def held():
        feed = Gated(daily_frame(6), 4)
        engine = rbt.TradingEngine(
            slow(clock, 30), rbt.PaperBroker(), feed=feed, clock=clock, breakers=limits
        )
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.meters.events == 4)
        engine._note_lag(30.0)
        feed.allow(2)
        await task
        return engine

    engine = run(held())

    assert engine.core.state.trading_state == "running"
    assert engine.meters.events == 6
    assert engine.meters.loop_lag_max_ms == 30_000


def test_a_replay_of_the_journal_takes_the_slow_strategys_event_and_measures_nothing(tmp_path):
    bars = daily_frame(8)
    clock = VirtualClock(LATER)
    strategy = slow(clock, 5)
    limits = rbt.Breakers(max_callback_s=0.5)

    async def attached(source, seen, clock):
        session = rbt.attach(
            strategy,
            rbt.PaperBroker(),
            feed=source,
            data=PolarsDataPortal(bars),
            journal=tmp_path,
            breakers=limits,
        )
        session.engine.clock = clock
        await processed(session, seen)
        await session.stop()
        return session

    first = run(attached(Silent(slices(bars)[:5]), 6, clock))
    again = run(attached(Silent([]), 0, clock))

    assert again.trading_state == first.trading_state == "halted"
    assert [name for name, _reason, _action in tripped(again)] == ["slow strategy"]
    assert again.parity().identical


def test_a_loop_that_is_held_is_measured_reported_and_trips_its_breaker_on_a_live_feed(tmp_path):
    bars = daily_frame(8)

    async def held():
        source = Silent(slices(bars)[:4])
        session = rbt.attach(
            Buyer,
            rbt.PaperBroker(),
            feed=source,
            data=PolarsDataPortal(bars),
            journal=tmp_path,
            breakers=rbt.Breakers(max_loop_lag_s=2),
        )
        session.engine.clock = clock = VirtualClock()
        await processed(session, 4)
        clock.advance(3.25)  # a cell that held the loop for so long would look like this
        await until(lambda: session.trading_state == "halted")
        await session.stop()
        return session

    session = run(held())

    assert session.stats["loop_lag_max_ms"] == pytest.approx(3000, abs=1)
    assert "warning: the loop was held for 3.0 s: nothing was processed meanwhile" in session.logs
    assert tripped(session) == [("loop lag", "the loop was held for 3 s, the limit is 2 s", "halt")]


@pytest.mark.parametrize(
    ("limits", "trips"),
    [
        (rbt.Breakers(), True),
        (rbt.Breakers(stale_after_bars=5), False),
        (rbt.Breakers(stale_after_bars=None), False),
    ],
)
def test_a_feed_that_falls_silent_trips_the_stale_data_breaker(limits, trips):
    bars = minute_frame(1)
    seen = slices(bars)[:5]
    clock = VirtualClock(seen[-1][0].timestamp)

    async def silent():
        source = Silent(seen)
        engine = rbt.TradingEngine(
            slow(clock, 0, at=99),
            rbt.PaperBroker(),
            feed=source,
            frequency="1m",
            clock=clock,
            breakers=limits,
            portal=PolarsDataPortal(None, minute_bars=bars),
            age_limit=AgeLimit(late_orders="send"),
        )
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.meters.events >= 4)
        clock.advance(150)
        engine.timekeeper.tick(engine.core)
        await until(lambda: not len(engine.queue) and engine.meters.events >= 6)
        state, reason = engine.core.state.trading_state, engine.core.state.halt_reason
        source.over.set()
        await task
        return engine, state, reason

    engine, state, reason = run(silent())

    assert state == ("halted" if trips else "running")
    assert reason == ("stale data: no bar for 150 s of open hours" if trips else "")
    assert bool(engine.core.context.denied) == trips
    assert set(engine.core.context.denied) == ({reason} if trips else set())


def test_a_cell_that_blocks_the_loop_for_minutes_leaves_stale_prices_and_trips_their_breaker():
    bars = minute_frame(1)
    seen = slices(bars)[:6]
    clock = VirtualClock(seen[3][0].timestamp)

    async def blocked():
        source = Silent(seen[:4])
        engine = rbt.TradingEngine(
            slow(clock, 0, at=99),
            rbt.PaperBroker(),
            feed=source,
            frequency="1m",
            clock=clock,
            portal=PolarsDataPortal(None, minute_bars=bars),
        )
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.meters.events >= 3 and engine.timekeeper.is_present)
        clock.advance(
            timedelta(minutes=5).total_seconds()
        )  # nothing ran meanwhile; the watch wakes by itself
        await until(lambda: engine.core.state.trading_state == "halted")
        source.over.set()
        await task
        return engine

    engine = run(blocked())

    assert engine.core.state.halt_reason.startswith("stale data: no bar for 300 s")
    assert engine.meters.loop_lag_max_ms > 200_000


# -- settings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [field.name for field in fields(rbt.Breakers) if field.name != "action"]
)
@pytest.mark.parametrize("value", [0, -1, float("nan"), True, "3"])
def test_a_limit_that_is_no_number_above_zero_is_refused(name, value):
    with pytest.raises(
        errors.InvalidSetting, match=f"{name} of Breakers must be a number above zero: was"
    ):
        rbt.Breakers(**{name: value})


def test_a_fall_in_percent_is_refused_as_it_would_never_trip():
    with pytest.raises(errors.InvalidSetting, match=r"a fraction: was 20, .* write 0\.2 for 20 %"):
        rbt.Breakers(max_drawdown=20)


def test_an_action_that_does_not_exist_is_refused():
    with pytest.raises(
        errors.InvalidSetting, match="action of Breakers must be one of 'halt', 'reduce', 'flatten'"
    ):
        rbt.Breakers(action="panic")


@pytest.mark.parametrize("thing", [0.2, {"max_drawdown": 0.2}, rbt.Breakers])
def test_what_is_no_breakers_is_refused_before_a_session_begins(tmp_path, thing):
    with pytest.raises(errors.InvalidSetting, match="breakers must be Breakers: was"):
        replayed(tmp_path, daily_frame(3), thing)


def test_every_setting_is_in_the_documentation():
    text = DOCS.read_text(encoding="utf-8")

    assert [field.name for field in fields(rbt.Breakers) if f"`{field.name}`" not in text] == []


def test_a_resume_that_follows_no_halt_forgets_nothing():
    engine = rbt.TradingEngine(Buyer, rbt.PaperBroker(), feed=rbt.ReplayFeed(falling(100, 100)))
    run(engine.run())
    before = engine.breakers._peak
    engine.core.state.portfolio.cash += Decimal(5)

    engine.processor.process(OperatorEvent(timestamp=engine.core.state.now, action="pause"))

    assert engine.breakers._peak == before
