"""A run has context variables of its own: what callbacks set of them stays theirs, in a
backtest and in a session.
"""

from __future__ import annotations

import decimal
from contextvars import ContextVar

import pytest

import rbtlive as rbt
from rbtlive.core.strategy.bound import ACTIVE
from tests.builders import daily_frame, run, whole

SEEN: ContextVar[tuple[str, ...]] = ContextVar("seen", default=())


class Noting(rbt.TradingAlgorithm):
    """Adds the callback's name to a context variable, and keeps what it then is."""

    def initialize(self, context):
        SEEN.set((*SEEN.get(), "initialize"))

    def handle_data(self, context, data):
        SEEN.set((*SEEN.get(), "handle_data"))

    def analyze(self, context, perf):
        context.seen = SEEN.get()


@pytest.fixture
def expected():
    return ("before", "initialize", *["handle_data"] * daily_frame()["date"].n_unique())


def test_a_backtests_callbacks_share_their_variables_and_leave_the_callers_alone(expected):
    token = SEEN.set(("before",))
    try:
        result = rbt.backtest(Noting, daily_frame())

        assert result.context.seen == expected
        assert SEEN.get() == ("before",)
    finally:
        SEEN.reset(token)


def test_a_sessions_callbacks_do_the_same(tmp_path, expected):
    token = SEEN.set(("before",))
    try:
        session = run(whole(Noting, tmp_path, feed=rbt.ReplayFeed(daily_frame())))

        assert session.context.seen == expected
        assert SEEN.get() == ("before",)
    finally:
        SEEN.reset(token)


def test_no_run_is_active_and_decimals_are_the_listeners_between_two_events(tmp_path):
    heard = []

    async def drive():
        feed = rbt.ReplayFeed(daily_frame())
        session = rbt.attach(Noting, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        session.engine.dispatcher.register_handler(
            rbt.MarketDataEvent,
            lambda _event: heard.append((ACTIVE.get(), decimal.getcontext().prec)),
        )
        await session.wait()

    with decimal.localcontext(prec=7):
        run(drive())

    assert set(heard) == {(None, 7)}
