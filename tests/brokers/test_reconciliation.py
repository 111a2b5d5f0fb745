"""What a session does when a broker's books differ from its own, and nothing explains
it.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import ReconciliationFailed
from rbtlive.model.events import CircuitBreakerEvent, OrderUpdateEvent, SystemErrorEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.broker.broker_link import LinkSettings
from rbtlive.runtime.clock import SystemClock
from tests.builders import daily_frame, run, slices, until
from tests.runtime.test_engine_broker import BookBroker, Buyer, Inbox

FIVE_MORE = "position of AAA: is 0 here and 5 at the broker"


async def trading(broker, work, *, policy):
    """Run an engine whose order rests at the broker, do the work, and stop; return it
    with the errors it reported.
    """
    source, reported = Inbox(), []
    engine = rbt.TradingEngine(
        Buyer,
        broker,
        feed=source,
        portal=PolarsDataPortal(daily_frame()),
        own_capital=True,
        link=LinkSettings(poll_s=0.01, policy=policy),
    )
    for kind in (SystemErrorEvent, CircuitBreakerEvent):
        engine.dispatcher.register_handler(kind, reported.append)
    engine.on_message = engine.core.state.on_message = lambda _level, _text: None
    running = asyncio.create_task(engine.run())
    source.items.put_nowait(slices(daily_frame(8))[0])
    await until(
        lambda: engine.failure or (broker.sent and _only(engine).state is OrderState.PENDING)
    )
    await work(engine, reported)
    notes = [(row.type, row.data()) for row in engine.journal.rows() if row.kind == "note"]
    await engine.graceful_shutdown()
    await running
    return engine, reported, notes


def _only(engine):
    return engine.order_manager.get_order("1")


@pytest.mark.parametrize("policy", ["halt", "warn", "adopt"])
def test_a_difference_while_trading_does_what_the_policy_says_and_is_never_silent(policy):
    broker = BookBroker()

    async def work(engine, reported):
        broker.held["AAA"] = Decimal(5)  # bought by hand, meanwhile
        await until(lambda: reported or (engine.link.outside or {}).get("AAA"))
        looks = engine.link.polls
        await until(lambda: engine.link.polls > looks + 3)

    engine, reported, notes = run(trading(broker, work, policy=policy))

    assert engine.core.state.trading_state == ("halted" if policy == "halt" else "running")
    assert _only(engine).state is OrderState.PENDING
    assert not engine.portfolio.positions
    if policy == "halt":
        assert isinstance(reported[0], CircuitBreakerEvent)
        assert (reported[0].name, reported[0].reason) == ("reconciliation", FIVE_MORE)
    elif policy == "warn":
        assert [(event.source, event.message) for event in reported] == [
            ("reconciliation", FIVE_MORE)
        ]
    else:
        assert reported == []
        assert notes[-1] == ("HeldOutside", {"AAA": "5"})


def test_an_order_that_the_broker_has_forgotten_halts_trading():
    broker = BookBroker()

    async def work(engine, reported):
        broker.book.clear()
        await until(lambda: reported)

    engine, reported, _notes = run(trading(broker, work, policy="halt"))

    assert engine.core.state.trading_state == "halted"
    assert (reported[0].name, reported[0].reason) == (
        "reconciliation",
        "order 1 (AAA): is pending here and unknown at the broker",
    )


def test_orders_of_others_are_written_down_and_left_alone():
    broker = BookBroker()

    async def work(engine, reported):
        for _time in range(3):
            broker.tell(
                OrderUpdateEvent(
                    timestamp=SystemClock().now(), order_id="by-hand-7", status=OrderState.PENDING
                )
            )
        await until(lambda: any(row.type == "ExternalOrder" for row in engine.journal.rows()))
        await until(broker._events.empty)

    engine, reported, notes = run(trading(broker, work, policy="halt"))

    assert [facts for kind, facts in notes if kind == "ExternalOrder"] == [
        {"client_order_id": "by-hand-7"}
    ]
    assert (reported, broker.cancels, len(list(engine.order_manager))) == ([], [], 1)


def test_many_orders_of_others_are_counted_and_not_written_down_each():
    broker = BookBroker()

    async def work(engine, reported):
        for number in range(500):
            broker.tell(
                OrderUpdateEvent(
                    timestamp=SystemClock().now(),
                    order_id=f"by-hand-{number}",
                    status=OrderState.PENDING,
                )
            )
        await until(lambda: engine.link.external.count == 500)

    _engine, reported, notes = run(trading(broker, work, policy="halt"))

    named = [facts["client_order_id"] for kind, facts in notes if kind == "ExternalOrder"]
    counted = [facts["count"] for kind, facts in notes if kind == "ExternalOrders"]
    assert named == [f"by-hand-{number}" for number in range(20)]
    assert counted == [40, 80, 160, 320]
    assert reported == []


def test_a_start_on_an_unexplained_difference_is_refused_and_adopting_it_goes_on(tmp_path):
    broker = BookBroker()
    options = {"data": PolarsDataPortal(daily_frame()), "journal": tmp_path, "name": "reconciled"}

    async def all_three():
        await begun()
        broker.held["AAA"] = Decimal(5)
        await refused()
        return await adopted()

    async def begun():
        source = Inbox()
        source.items.put_nowait(slices(daily_frame(8))[0])
        session = rbt.attach(Buyer, broker, feed=source, **options)
        await until(lambda: session.engine.failure or broker.sent)
        await until(lambda: _only(session.engine).state is OrderState.PENDING)
        await session.stop()

    async def refused():
        with pytest.raises(ReconciliationFailed, match=f"{FIVE_MORE}.*reconciliation='adopt'"):
            await rbt.attach(Buyer, broker, feed=Inbox(), **options).wait()

    async def adopted():
        session = rbt.attach(Buyer, broker, feed=Inbox(), reconciliation="adopt", **options)
        await until(lambda: session.engine.failure or session.state == "running")
        await session.stop()
        return session

    session = run(all_three())

    assert session.engine.link.outside == {"AAA": 5}
    assert len(broker.sent) == 1
    assert broker.cancels == []
