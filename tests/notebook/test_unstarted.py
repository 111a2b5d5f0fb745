"""A method of a session that nobody awaits says that nothing has happened."""

import asyncio
import re

import pytest

import rbtlive as rbt
from tests.builders import daily_frame


class Buys(rbt.TradingAlgorithm):
    """Buys once a bar."""

    def handle_data(self, context, data):
        self.order(self.symbol("AAA"), 1)


@pytest.fixture(autouse=True)
def _own_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RBTLIVE_HOME", str(tmp_path))


def attached(**options):
    """Return a running session over thirty bars."""
    return rbt.attach(Buys, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(30), **options))


@pytest.mark.parametrize(
    ("forget", "shown"),
    [
        (lambda session: session.stop(), "await session.stop()"),
        (lambda session: session.wait(), "await session.wait()"),
        (lambda session: session.call(print), "await session.call(...)"),
    ],
)
def test_a_call_that_is_not_awaited_shows_what_to_write(forget, shown):
    async def trade():
        session = attached(speed=1.0)
        forgotten = forget(session)
        text, state = repr(forgotten), session.state
        forgotten.close()
        await session.stop()
        return text, state

    text, state = asyncio.run(trade())

    assert re.search(re.escape(f"nothing has happened yet: write {shown}>"), text)
    assert state in ("starting", "running")


@pytest.mark.parametrize(
    "wait",
    [
        lambda session: session,
        lambda session: session.wait(),
        lambda session: asyncio.create_task(session.wait()),
        lambda session: asyncio.wait_for(session.wait(), timeout=60),
        lambda session: asyncio.gather(session.wait(), session.wait()),
        lambda session: asyncio.shield(session.wait()),
    ],
)
def test_a_session_is_awaited_in_any_form(wait):
    async def trade():
        session = attached()
        await wait(session)
        return session.state, session.result().orders.height

    assert asyncio.run(trade()) == ("stopped", 30)


def test_an_interrupted_wait_leaves_the_session_running():
    async def trade():
        session = attached(speed=1.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.wait(), timeout=0.01)
        state = session.state
        report = await session.stop()
        return state, report.confirmed

    assert asyncio.run(trade()) == ("running", True)
