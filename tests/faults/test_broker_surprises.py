"""What a broker should never tell, and what a journal should never lose, happens:
nothing is doubled, and all of it is said.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import CircuitBreakerEvent, OrderFillEvent, SystemErrorEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.broker.broker_link import LinkSettings
from rbtlive.runtime.clock import SystemClock
from rbtlive.runtime.journal.journal import Journal
from tests.builders import Silent, daily_frame, processed, rows_of, run, slices, until
from tests.runtime.test_engine_broker import BookBroker, Buyer, Inbox

QUICK_S = 0.01


async def trading(broker, work, *, policy="halt", strategy=Buyer, asset_class="equity"):
    """Run an engine that looks often, let its strategy see one bar and send its order,
    do the work, and stop.
    """
    source, days = Inbox(), iter(slices(daily_frame(8)))
    engine = rbt.TradingEngine(
        strategy,
        broker,
        feed=source,
        portal=PolarsDataPortal(daily_frame(), asset_class=asset_class),
        own_capital=True,
        link=LinkSettings(poll_s=QUICK_S, policy=policy),
    )
    reported = []
    for kind in (SystemErrorEvent, CircuitBreakerEvent):
        engine.dispatcher.register_handler(kind, reported.append)
    task = asyncio.create_task(engine.run())

    async def bar():
        source.items.put_nowait(next(days))
        before = engine.meters.events
        await until(lambda: engine.failure or engine.meters.events > before)

    await until(lambda: engine.state != "starting")
    await bar()
    await until(
        lambda: (
            engine.failure
            or ((first := order(engine)) is not None and first.state is OrderState.PENDING)
        )
    )
    await work(engine, bar)
    await engine.graceful_shutdown()
    await task
    return engine, reported


def order(engine, number="1"):
    return engine.order_manager.get_order(number)


def held(engine):
    return engine.portfolio.amount_of(engine.core.state.assets[0])


# -- executions that cannot be -------------------------------------------------------


@pytest.mark.parametrize("is_booked_between", [False, True])
@pytest.mark.parametrize("policy", ["halt", "warn"])
def test_two_executions_that_are_too_much_together_are_named_and_left_to_the_reconciliation(
    policy, is_booked_between
):
    broker = BookBroker()

    async def work(engine, bar):
        broker.fill(broker.sent[0], 6, execution_id="x1")
        if is_booked_between:
            await until(lambda: engine.failure or held(engine) == 6)
        broker.fill(broker.sent[0], 6, execution_id="x2")
        reconciled = "is 6 here and 12 at the broker"
        await until(
            lambda: (
                engine.failure or any(reconciled in _text(event) for event in reported_by(engine))
            )
        )
        await bar()

    engine, reported = run(trading(broker, work, policy=policy))

    assert engine.state == "stopped"
    assert (order(engine).state, order(engine).filled) == (OrderState.PARTIALLY_FILLED, 6)
    assert held(engine) == 6
    assert engine.core.state.trading_state == ("halted" if policy == "halt" else "running")
    excess = "order 1 (AAA): execution x2 of 6 fills more than was ordered, 10 with 6 filled: it is not booked"
    assert [event.message for event in reported if getattr(event, "source", "") == "book"] == [
        excess
    ]
    assert engine.portfolio.conservation_error() == 0


def reported_by(engine):
    return [event for _seq, event in engine.journal.events()]


def _text(event):
    return f"{getattr(event, 'message', '')}{getattr(event, 'reason', '')}"


@pytest.mark.parametrize(
    ("amount", "order_id", "said"),
    [
        (11, "1", "fills more than was ordered, 10 with 0 filled"),
        (-3, "1", "has not the sign of its order, 10"),
        (0, "1", "has not the sign of its order, 10"),
        (3, "77", "is of order 77, which this run does not have"),
    ],
)
def test_an_execution_that_cannot_be_is_named_and_changes_nothing(amount, order_id, said):
    async def work(engine, bar):
        engine.enqueue(
            OrderFillEvent(
                timestamp=SystemClock().now(),
                order_id=order_id,
                execution_id="x",
                amount=Decimal(amount),
                price=Decimal(50),
            )
        )
        await bar()

    engine, reported = run(trading(BookBroker(), work))

    assert [said in event.message for event in reported] == [True]
    assert (order(engine).filled, held(engine)) == (0, 0)
    assert "OrderFillEvent" not in {event.event_type for event in reported}


def test_an_execution_reported_again_is_no_surprise():
    broker = BookBroker()

    async def work(engine, bar):
        broker.fill(broker.sent[0], 10, reports=3)
        await until(lambda: order(engine).state is OrderState.FILLED)
        await bar()

    engine, reported = run(trading(broker, work))

    assert reported == []
    assert held(engine) == 10


def test_a_journal_with_a_quarantined_execution_is_replayed_to_the_same_state(tmp_path):
    broker = BookBroker()

    async def pieces():
        states = []
        for bars in (slices(daily_frame(8))[:1], []):
            session = rbt.attach(
                Buyer,
                broker,
                feed=Silent(bars),
                data=PolarsDataPortal(daily_frame()),
                journal=tmp_path,
                reconciliation="warn",
            )
            await processed(session, 1 if bars else 0)
            if bars:
                await until(lambda engine=session.engine: order(engine).state is OrderState.PENDING)
                broker.fill(broker.sent[0], 6, execution_id="x1")
                broker.fill(broker.sent[0], 6, execution_id="x2")
                await until(lambda engine=session.engine: engine.meters.errors)
                broker.held["AAA"] = Decimal(6)  # their mistake, and they have mended it
            states.append((order(session.engine).filled, order(session.engine).state))
            await session.stop()
        return states

    states = run(pieces())

    assert states == [(6, OrderState.PARTIALLY_FILLED)] * 2
    assert [row[1] for row in rows_of(tmp_path, "Buyer")].count("OrderFillEvent") == 1


# -- numbers of orders ---------------------------------------------------------------


def test_a_number_that_only_the_venue_knows_is_not_given_again_after_the_first_live_bar():
    broker, journal = BookBroker(), Journal.in_memory()
    lost = f"{journal.run_id}-7"

    async def begun():
        broker.sent.append(lost)
        await broker.submit_order(
            rbt.model.commands.SubmitOrder(order_id="7", symbol="AAA", amount=Decimal(3)),
            client_order_id=lost,
        )
        source = Inbox()
        engine = rbt.TradingEngine(
            Buyer,
            broker,
            feed=source,
            portal=PolarsDataPortal(daily_frame()),
            journal=journal,
            link=LinkSettings(poll_s=QUICK_S),
            start="2017-01-20",
        )
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.state != "starting")
        first = engine.core
        source.items.put_nowait(slices(daily_frame(8))[0])
        await until(lambda: engine.failure or order(engine, "8") is not None)
        assert engine.core is not first, "the first live bar has begun the run anew"
        await until(lambda: f"{journal.run_id}-8" in broker.book)
        await engine.graceful_shutdown()
        await task
        return engine

    engine = run(begun())

    assert [o.id for o in engine.order_manager] == ["8"]
    assert broker.book[lost].state is OrderState.CANCELED


class Target(rbt.TradingAlgorithm):
    """Orders ten shares at its second bar, whatever it holds."""

    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars == 2:
            self.order(self.symbol("AAA"), 10)


def torn(folder, name, *, from_type):
    """Tear a journal off before the last row of a type, as a disk does that lies about
    what it has written.
    """
    with closing(sqlite3.connect(folder / f"{name}.sqlite")) as connection:
        connection.execute(
            "DELETE FROM rows WHERE seq >= (SELECT max(seq) FROM rows WHERE type = ?)", (from_type,)
        )
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def lives(folder, broker, cut):
    """Trade two bars, lose the journal's end and the process, and trade the second bar
    and one more again.
    """
    days = slices(daily_frame(8))
    options = {"data": PolarsDataPortal(daily_frame()), "journal": folder, "reconciliation": "warn"}
    session = rbt.attach(Target, broker, feed=Silent(days[:2]), **options)
    await processed(session, 2)
    if broker.answer != "never":
        await until(lambda: session.engine.failure or broker.sent)
        await until(lambda: order(session.engine).state is OrderState.PENDING)
    session.engine.abandon()
    await session.wait()
    cut()
    source = Inbox()
    again = rbt.attach(Target, broker, feed=source, **options)
    await until(lambda: again.engine.failure or again.state == "running")
    for day in days[1:3]:
        bars = again.context.bars
        source.items.put_nowait(day)
        await until(lambda seen=bars: again.engine.failure or again.context.bars > seen)
    await until(lambda: again.engine.failure or len(broker.sent) >= 1 + (broker.answer != "never"))
    await until(lambda: again.engine.failure or len(_resting(broker)) == 1)
    await again.stop()
    return again


def _resting(broker):
    return [o for o in broker.book.values() if o.state is OrderState.PENDING]


def test_a_decision_whose_intent_was_torn_off_after_it_was_sent_is_taken_again_and_rests_once(
    tmp_path,
):
    broker = BookBroker()

    session = run(
        lives(tmp_path, broker, lambda: torn(tmp_path, "Target", from_type="MarketDataEvent"))
    )

    run_id = session.engine.journal.run_id
    assert broker.sent == [f"{run_id}-1", f"{run_id}-2"]
    assert broker.cancels == [f"{run_id}-1"]
    assert [(o.client_order_id, o.amount) for o in _resting(broker)] == [
        (f"{run_id}-2", Decimal(10))
    ]
    assert session.engine.journal.cut is not None
    assert any(
        "order 1: BrokerError: is lost from the journal and rests there" in line
        for line in session.logs
    )


def test_a_decision_whose_intent_was_torn_off_before_it_was_sent_is_taken_again_under_its_own_number(
    tmp_path,
):
    class Down(BookBroker):
        """Takes nothing before the cut."""

        async def submit_order(self, order, *, client_order_id):
            if self.answer == "never":
                await asyncio.Event().wait()
            return await super().submit_order(order, client_order_id=client_order_id)

    broker = Down("never")

    def cut():
        torn(tmp_path, "Target", from_type="MarketDataEvent")
        broker.answer = "accept"
        broker.sent.append("the one that was never sent")

    session = run(lives(tmp_path, broker, cut))

    run_id = session.engine.journal.run_id
    assert broker.sent[1:] == [f"{run_id}-1"]
    assert broker.cancels == []
    assert [o.client_order_id for o in _resting(broker)] == [f"{run_id}-1"]


def test_what_a_lost_order_has_filled_refuses_the_start_instead_of_being_doubled(tmp_path):
    broker = BookBroker()

    async def filled():
        days = slices(daily_frame(8))
        options = {"data": PolarsDataPortal(daily_frame()), "journal": tmp_path}
        session = rbt.attach(Target, broker, feed=Silent(days[:2]), **options)
        await processed(session, 2)
        await until(
            lambda: (
                order(session.engine) is not None
                and order(session.engine).state is OrderState.PENDING
            )
        )
        session.engine.abandon()
        await session.wait()
        broker.fill(broker.sent[0], 10, reports=0)
        torn(tmp_path, "Target", from_type="MarketDataEvent")
        again = rbt.attach(Target, broker, feed=Silent(days[1:]), **options)
        with pytest.raises(
            rbt.errors.ReconciliationFailed, match="position of AAA: is 0 here and 10 at the broker"
        ):
            await again.wait()

    run(filled())

    assert len(broker.sent) == 1
