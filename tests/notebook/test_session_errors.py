"""What becomes of exceptions in callbacks, handlers and feeds."""

from __future__ import annotations

import asyncio

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import MarketDataEvent
from tests.builders import (
    Churn,
    Gated,
    daily_frame,
    defined,
    processed,
    rows_of,
    run,
    same,
    slices,
    until,
    whole,
)

FRAGILE = """
class Fragile(rbt.TradingAlgorithm):
    bad = (3, 5)

    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        self.order(self.symbol("AAA"), 10)
        if context.bars in self.bad:
            raise ZeroDivisionError(f"bar {context.bars}")
        self.order(self.symbol("BBB"), 5)
"""
fragile = defined(FRAGILE, "Fragile")


def test_an_exception_is_kept_counted_and_shown_with_the_line_and_the_session_goes_on(tmp_path):
    session = run(whole(fragile, tmp_path, feed=rbt.ReplayFeed(daily_frame(8))))

    assert session.state == "stopped"
    assert session.context.bars == 8
    assert len(session.orders) == 8 + 6
    assert session.stats["errors"] == 2
    logged = [line for line in session.logs if "ZeroDivisionError" in line]
    assert len(logged) == 2
    assert logged[0].startswith("error: a callback failed at 2017-01-05")
    assert 'File "<cell of Fragile>", line 12, in handle_data' in logged[0]
    assert [str(failure) for failure in session.engine.core.state.callbacks.failures] == [
        "bar 3",
        "bar 5",
    ]


def test_parity_applies_the_same_rule_to_exceptions(tmp_path):
    for on_error in ("continue", "raise"):
        session = rbt_session(tmp_path / on_error, on_error)
        report = session.parity()
        assert report.identical, repr(report)
        assert report.orders_compared == {"continue": 14, "raise": 4}[on_error]


def rbt_session(folder, on_error):
    async def ended():
        session = rbt.attach(
            fragile,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame(8)),
            journal=folder,
            on_error=on_error,
        )
        if on_error == "raise":
            with pytest.raises(ZeroDivisionError, match="bar 3"):
                await session.wait()
        await until(lambda: session.state in {"stopped", "failed"})
        return session

    return run(ended())


def test_on_error_raise_ends_the_session_as_the_backtest_ends(tmp_path):
    with pytest.raises(ZeroDivisionError, match="bar 3"):
        rbt.backtest(fragile, daily_frame(8))

    session = rbt_session(tmp_path, "raise")

    assert session.state == "failed"
    assert len(session.result().performance) == 2
    assert 'File "<cell of Fragile>", line 12' in session.logs[-1]
    assert session.logs[-2:] == list(session.logs)[-2:]
    assert str(session.logs) == "\n".join(session.logs)
    assert rbt.sessions() == {}
    for awaited in (session.wait, session.stop):
        with pytest.raises(ZeroDivisionError, match="bar 3"):
            run(awaited())
    with pytest.raises(errors.EngineStopped, match="has failed"):
        session.pause()


def test_a_failed_session_is_replayed_to_the_same_failure_by_the_next_attach(tmp_path):
    rbt_session(tmp_path, "raise")
    rows = rows_of(tmp_path, "Fragile")

    again = rbt_session(tmp_path, "raise")

    assert again.state == "failed"
    assert rows_of(tmp_path, "Fragile") == rows


ONE_OF_TWO = """
class OneOfTwo(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.mornings = 0
    def before_trading_start(self, context, data):
        context.mornings += 1
    def handle_data(self, context, data):
        raise ValueError("always")
"""


def test_a_callback_that_always_fails_halts_trading_although_another_succeeds(tmp_path):
    strategy = defined(ONE_OF_TWO, "OneOfTwo")

    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(9)), max_errors=4))

    assert session.trading_state == "halted"
    assert session.engine.core.state.halt_reason == "4 callbacks in a row failed"
    assert session.context.mornings == 9
    assert sum("callbacks in a row failed" in line for line in session.logs) <= 2
    assert session.parity().identical


def test_so_many_failures_in_a_row_halt_trading(tmp_path):
    strategy = defined(FRAGILE.replace("(3, 5)", "(2, 4, 5, 6)"), "Fragile")

    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(9)), max_errors=3))

    assert session.trading_state == "halted"
    assert session.state == "stopped"
    assert session.context.bars == 9
    assert session.stats["errors"] == 4
    assert isinstance(session.engine.core.state.callbacks.failures[-1], errors.TooManyErrors)
    assert any("trading is halted: 3 callbacks in a row failed" in line for line in session.logs)
    assert len(session.orders) == 1 + 1 + 5 + 1  # the third of the row had ordered before it raised
    assert set(session.result().denied["reason"]) == {"3 callbacks in a row failed"}
    assert session.parity().identical


def test_a_failing_registered_handler_changes_nothing_that_is_decided(tmp_path):
    bars = daily_frame()
    calls = []

    def failing(event):
        calls.append(event)
        raise RuntimeError("the handler's own trouble")

    async def watched():
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path)
        session.engine.dispatcher.register_handler(MarketDataEvent, failing)
        await session.wait()
        return session

    session = run(watched())

    assert len(calls) == 40
    assert same(rbt.backtest(Churn, bars), session.result())
    assert session.stats["errors"] == 40
    assert session.parity().identical
    logged = next(line for line in session.logs if "the handler's own trouble" in line)
    assert "in failing" in logged
    assert [row[1] for row in rows_of(tmp_path, "Churn")].count("SystemErrorEvent") == 40


def test_a_feed_that_gives_up_fails_the_session_after_what_it_gave_was_processed(tmp_path):
    bars = daily_frame(10)

    async def source():
        for number, one in enumerate(slices(bars)):
            if number == 6:
                raise ConnectionResetError("gone for good")
            yield one

    async def failed():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=source(), data=PolarsDataPortal(bars), journal=tmp_path
        )
        with pytest.raises(errors.FeedDisconnected, match="gone for good"):
            await session.wait()
        assert session.state == "failed"
        with pytest.raises(errors.FeedDisconnected):
            await session.stop()
        assert len(session.result().performance) == 6
        return await whole(Churn, tmp_path, feed=source_again(), data=PolarsDataPortal(bars))

    async def source_again():
        for one in slices(bars):
            yield one

    assert same(rbt.backtest(Churn, bars), run(failed()).result())


def test_a_failure_is_raised_by_the_report_that_was_awaited_meanwhile(tmp_path):
    async def source(ready):
        for one in slices(daily_frame(4)):
            yield one
        await ready.wait()
        raise ConnectionResetError("gone for good")

    async def failed():
        ready = asyncio.Event()
        session = rbt.attach(
            Churn,
            rbt.PaperBroker(),
            feed=source(ready),
            data=PolarsDataPortal(daily_frame()),
            journal=tmp_path,
        )
        await processed(session, 4)
        awaited = session.flatten()
        ready.set()
        with pytest.raises(errors.FeedDisconnected, match="gone for good"):
            await awaited

    run(failed())


@pytest.mark.parametrize(("on_error", "state"), [("continue", "stopped"), ("raise", "stopped")])
def test_a_failing_analyze_is_raised_by_wait_and_the_run_has_ended(tmp_path, on_error, state):
    source = """
class S(rbt.TradingAlgorithm):
    def handle_data(self, context, data):
        pass
    def analyze(self, context, perf):
        raise KeyError("analysis")
"""

    async def ended():
        session = rbt.attach(
            defined(source, "S"),
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame(3)),
            journal=tmp_path,
            on_error=on_error,
        )
        with pytest.raises(KeyError, match="analysis"):
            await session.wait()
        return session

    session = run(ended())

    assert session.state == state
    assert rbt.open_session("S", journal=tmp_path).ended
    assert any("line 6, in analyze" in line for line in session.logs)


def test_denied_orders_tell_why_after_the_callback_that_placed_them(tmp_path):
    source = """
class S(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.calls = []
    def handle_data(self, context, data):
        context.calls.append(("ordered", self.order(self.symbol("AAA"), 10)))
        context.calls.append("after")
    def on_order_reject(self, context, order, reason):
        context.calls.append((order.id, int(order.status), order.status.name, reason))
"""

    async def halted():
        feed = Gated(daily_frame(), 1)
        session = rbt.attach(defined(source, "S"), rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await processed(session, 1)
        await session.kill()
        feed.allow(1)
        await processed(session, 3)
        await session.stop()
        return session

    session = run(halted())

    assert session.context.calls == [
        ("ordered", "1"),
        "after",
        ("ordered", "2"),
        "after",
        ("2", 3, "DENIED", "kill by the operator"),
    ]
    assert "SubmitOrder" not in [
        row[1] for row in rows_of(tmp_path, "S") if '"order_id":"2"' in row[3]
    ]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("trades", "write session.result().trades"),
        ("metrics", "write session.result().metrics"),
        ("status", "write session.state"),
        ("pnl", "write session.portfolio.pnl"),
        ("ordrs", "did you mean 'orders'?"),
    ],
)
def test_what_a_session_does_not_have_is_named_where_it_is(tmp_path, name, place):
    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(3))))

    with pytest.raises(AttributeError) as raised:
        getattr(session, name)

    assert str(raised.value) == f"'LiveSession' object has no attribute {name!r}: {place}"
    assert not hasattr(session, "_repr_png_")
