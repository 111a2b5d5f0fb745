"""A session waits for the days before it, where the feed is being asked for them."""

import asyncio
from datetime import date
from typing import Any

import pytest

import rbtlive as rbt
from rbtlive.errors import BrokerError
from tests.builders import run
from tests.pipeline.test_joining import (
    LAST,
    Growing,
    Remembering,
    backtest,
    bars,
    days_of,
    failing,
    never,
    said,
    session,
    without,
)
from tests.venue.process import until


@pytest.fixture(scope="module")
def tested() -> Any:
    return backtest().context


class Late(Remembering):
    """Answers when the first slice of the next session has come, as where a process was
    away: the slices of all that was missed come in one go.

    Args:
        sessions: How many it gives.
        **options: See `Remembering`.
    """

    past_days_patience_s = 60.0

    def __init__(self, sessions: int = LAST, **options: Any) -> None:
        super().__init__(sessions, waits=False, **options)

    async def past_days(self, symbols: Any, first: date, last: date) -> Any:
        await until(lambda: self.offered > last)
        return await super().past_days(symbols, first, last)


def test_a_session_waits_for_the_days_before_it(tmp_path, tested):
    """A table of a morning that is there at once has what the feed is being asked for."""
    first, second = Remembering(2, goes_on=True), Late()

    session(first, tmp_path)
    ended = session(second, tmp_path)

    assert len(second.asked) > 2
    assert ended.context.days == tested.days
    assert said(ended, "the feed") == []
    assert ended.parity().identical


def test_it_waits_for_what_a_kill_left_open_too(tmp_path, tested):
    first = Remembering(4, goes_on=True, waits=False, refuse=[never] * 9)

    session(first, tmp_path, kill=True)
    ended = session(Late(), tmp_path)

    assert days_of(ended.context, date(2024, 1, 8)) == days_of(tested, date(2024, 1, 8))
    assert ended.parity().identical


def test_an_answer_that_fails_is_waited_for_as_long_as_it_is_asked_again(tmp_path, tested):
    ended = session(Late(refuse=[failing(BrokerError("busy"))] * 2), tmp_path)

    assert ended.context.days == tested.days
    assert ended.parity().identical


def test_a_hole_holds_no_session_back_and_no_later_question_up(tmp_path, tested):
    """A halted asset's next day is there at once, whenever the hole is asked for again."""
    feed = Late(refuse=[without("BBB", date(2024, 1, 3))])
    feed.past_days_waits_s = (3600.0,)

    ended = session(feed, tmp_path)

    assert said(ended, "no answer yet") == []
    assert (["BBB"], date(2024, 1, 3), date(2024, 1, 3)) not in feed.asked
    assert ended.context.days["2024-01-04"] != tested.days["2024-01-04"]
    assert ended.context.days["2024-01-10"] == tested.days["2024-01-10"]  # beyond its windows
    assert ended.parity().identical


def test_what_an_answer_has_of_several_sessions_is_taken_without_what_it_lacks(tmp_path, tested):
    """Over a weekend: a hole on Friday, in an answer that came on Monday."""
    hole = without("BBB", date(2024, 1, 5))
    feed = Remembering(refuse=[failing(BrokerError("down"))] * 15 + [hole] * 9)

    ended = session(feed, tmp_path / "late")
    punctual = session(Remembering(refuse=[hole] * 99), tmp_path / "punctual")

    spans = [(first, last) for symbols, first, last in feed.asked if "BBB" in symbols]
    assert (date(2024, 1, 3), date(2024, 1, 8)) in spans
    assert "BBB (2024-01-05)" in said(ended, "the feed has no daily bars")[0]
    assert ended.context.days["2024-01-09"] != tested.days["2024-01-09"]
    assert days_of(ended.context, date(2024, 1, 9)) == days_of(punctual.context, date(2024, 1, 9))
    assert ended.parity().identical


def test_a_session_begins_without_an_answer_that_does_not_come(tmp_path, tested):
    feed = Late(refuse=[never] * 9)
    feed.past_days_patience_s = 0.01

    ended = session(feed, tmp_path)

    assert "2024-01-03" in said(ended, "no answer yet")[0]
    assert ended.context.days["2024-01-04"] != tested.days["2024-01-04"]
    assert list(ended.context.days) == list(tested.days)
    assert ended.parity().identical


def test_a_session_that_waits_can_be_stopped(tmp_path):
    feed = Late(refuse=[never] * 9)

    async def stopped() -> Any:
        made = rbt.attach(
            Growing, rbt.PaperBroker(), feed=feed, data=bars(1), frequency="1h",
            journal=tmp_path, name="growing", late_orders="send",
        )  # fmt: skip
        feed.queue, feed.engine = made.engine.queue, made.engine
        await until(lambda: feed.offered > date(2024, 1, 3) and not feed.queue.size)
        assert made.engine._cores.universe.is_waiting
        async with asyncio.timeout(10.0):
            await made.stop()
        return made

    assert list(run(stopped()).context.days) == ["2024-01-03"]
