"""A broker that is silent, or raises what would end a task or the program, on the way
to running and at the end: it is said, a stop gets through, and the loop goes on.
"""

from __future__ import annotations

import asyncio

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.runtime.engine import reaching
from tests.builders import daily_frame, run, until
from tests.runtime.test_engine_broker import BookBroker, Buyer, Inbox

RAISED = [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit]


def attached(broker, folder, **options):
    return rbt.attach(
        Buyer, broker, feed=Inbox(), data=daily_frame(), name="x", journal=folder, **options
    )


async def silent(*_args, **_kwargs):
    await asyncio.Event().wait()


def raising(kind):
    async def fail(*_args, **_kwargs):
        raise kind

    return fail


@pytest.mark.parametrize("method", ["connect", "orders"])
def test_a_broker_that_never_answers_at_the_start_is_named_and_a_stop_gets_through(
    tmp_path, monkeypatch, method
):
    monkeypatch.setattr(reaching, "SILENCE_S", 0.01)
    broker = type("Deaf", (BookBroker,), {method: silent})()

    async def begun():
        session = attached(broker, tmp_path)
        await until(lambda: session.logs)
        await session.stop()
        return session

    session = run(begun())

    assert session.state == "stopped"
    assert "book has not answered for" in session.logs[0]


def test_a_run_that_was_stopped_before_its_broker_answered_has_not_begun(tmp_path):
    async def begun(broker):
        session = attached(broker, tmp_path)
        await asyncio.sleep(0)
        if isinstance(broker, deaf):
            await session.stop()
            return session
        await until(lambda: session.state != "starting")
        resumed = session.engine.journal.resumed
        await session.stop()
        return resumed

    deaf = type("Deaf", (BookBroker,), {"connect": silent})

    assert run(begun(deaf())).state == "stopped"
    assert not list(tmp_path.glob("*.sqlite"))
    assert run(begun(BookBroker())) is False


@pytest.mark.parametrize("kind", RAISED)
@pytest.mark.parametrize("method", ["connect", "orders", "account"])
def test_what_a_broker_raises_at_the_start_fails_its_session_loudly(tmp_path, method, kind):
    broker = type("Odd", (BookBroker,), {method: raising(kind)})()

    async def begun():
        session = attached(broker, tmp_path)
        with pytest.raises(errors.BrokerError, match=kind.__name__):
            await session.wait()
        return session

    session = run(begun())

    assert session.state == "failed"
    assert any(line.startswith("error: the session has failed") for line in session.logs)


@pytest.mark.parametrize("kind", RAISED)
def test_what_a_broker_raises_at_the_end_is_a_failure_of_its_session(tmp_path, kind):
    broker = type("Odd", (BookBroker,), {"disconnect": raising(kind)})()

    async def ended():
        session = attached(broker, tmp_path)
        await until(lambda: session.state != "starting")
        with pytest.raises(errors.BrokerError, match=kind.__name__):
            await session.stop()
        return session.state

    assert run(ended()) == "failed"


def test_a_broker_that_never_lets_go_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(reaching, "SILENCE_S", 0.01)
    broker = type("Deaf", (BookBroker,), {"disconnect": silent})()

    async def ended():
        session = attached(broker, tmp_path)
        await until(lambda: session.state != "starting")
        await session.stop()
        return session

    session = run(ended())

    assert session.state == "stopped"
    assert any("disconnect() is left" in line for line in session.logs)
