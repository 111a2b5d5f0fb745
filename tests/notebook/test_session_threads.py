"""A session is steered, waited for and stopped from whatever thread and whatever loop."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive import errors
from tests.builders import Gated, Hold, daily_frame, processed, run


def attached(folder, feed):
    return rbt.attach(Hold, rbt.PaperBroker(), feed=feed, journal=folder)


@pytest.mark.parametrize(("act", "orders"), [("kill", ()), ("flatten", ("2",))])
def test_a_plain_thread_gets_a_report_it_can_wait_for(tmp_path, act, orders):
    async def steered():
        feed = Gated(daily_frame(), 3)
        session = attached(tmp_path, feed)
        await processed(session, 3)

        def from_a_thread():
            awaited = getattr(session, act)()
            feed_loop.call_soon_threadsafe(feed.allow, 3)
            return awaited.result(timeout=60)

        feed_loop = asyncio.get_running_loop()
        report = await asyncio.to_thread(from_a_thread)
        await session.stop()
        return session, report

    session, report = run(steered())

    assert report.action == act
    assert report.confirmed
    assert report.positions == ({} if act == "flatten" else {"AAA": Decimal(10)})
    assert session.trading_state == "halted"
    assert session.parity().interventions == 1


def test_a_thread_with_a_loop_of_its_own_awaits_kill_wait_and_stop(tmp_path):
    async def steered():
        feed = Gated(daily_frame(), 3)
        session = attached(tmp_path, feed)
        await processed(session, 3)

        async def elsewhere():
            report = await session.kill()
            waiter = asyncio.create_task(session.wait())
            await asyncio.sleep(0)
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
            assert session.state == "running"
            await session.stop()
            await session.wait()
            return report

        report = await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
        return session, report

    session, report = run(steered())

    assert report.confirmed
    assert session.state == "stopped"


def test_a_failure_is_raised_in_the_thread_that_waits_for_a_report(tmp_path):
    bars = []

    def acts(context, data):
        bars.append(1)
        rbt.api.order(rbt.api.symbol("AAA"), 10)
        if len(bars) == 4:
            raise ZeroDivisionError("bar 4")

    async def steered():
        feed = Gated(daily_frame(), 3)
        session = rbt.attach(
            {"__name__": "f", "handle_data": acts},
            rbt.PaperBroker(),
            feed=feed,
            journal=tmp_path,
            on_error="raise",
        )
        await processed(session, 3)
        loop = asyncio.get_running_loop()

        def from_a_thread():
            awaited = session.flatten()
            loop.call_soon_threadsafe(feed.allow, 1)
            with pytest.raises(ZeroDivisionError, match="bar 4"):
                awaited.result(timeout=60)

        await asyncio.to_thread(from_a_thread)

    run(steered())


def test_waiting_for_a_report_on_the_sessions_own_loop_is_refused_instead_of_standing_still(
    tmp_path,
):
    async def refused():
        session = attached(tmp_path, Gated(daily_frame(), 3))
        await processed(session, 3)
        awaited = session.kill()
        with pytest.raises(errors.EngineStopped, match="await it instead of result"):
            awaited.result()
        report = await awaited
        assert awaited.done()
        assert awaited.result() == report
        await session.stop()

    run(refused())


def test_what_a_thread_says_to_a_session_that_has_just_ended_is_noted(tmp_path):
    async def ended():
        session = attached(tmp_path, Gated(daily_frame(), 3))
        await processed(session, 3)
        event = rbt.OperatorEvent(timestamp=session.engine.core.state.now, action="pause")
        await session.stop()
        session._enqueue_late(event)
        return session

    session = run(ended())

    assert session.logs[-1] == (
        "warning: pause came too late: the engine has stopped and takes no events: attach again"
    )


def test_a_session_that_failed_says_with_what(tmp_path):
    def fails(context, data):
        raise ZeroDivisionError("bar 1")

    async def failed():
        session = rbt.attach(
            {"__name__": "f", "handle_data": fails},
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame(3)),
            journal=tmp_path,
            on_error="raise",
        )
        with pytest.raises(ZeroDivisionError):
            await session.wait()
        return session

    session = run(failed())

    with pytest.raises(
        errors.EngineStopped, match="'f' has failed with ZeroDivisionError: bar 1: attach again"
    ):
        session.pause()
    event = rbt.OperatorEvent(timestamp=session.engine.core.state.now, action="pause")
    with pytest.raises(
        errors.EngineStopped, match="the engine has failed with ZeroDivisionError: bar 1"
    ):
        session.engine.enqueue(event)
    with pytest.raises(
        errors.EngineStopped, match="failed on an earlier event with ZeroDivisionError: bar 1"
    ):
        session.engine.core.process(event)
