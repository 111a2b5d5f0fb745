"""Core and callbacks compute with 38 digits, whatever a strategy or its surroundings do
to the decimal context.
"""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest

import rbtlive as rbt
from tests.builders import daily_frame, minute_frame, run, same, whole


class Plain(rbt.TradingAlgorithm):
    """Orders odd amounts and records what a third of its cash is."""

    def initialize(self, context):
        context.share = self.symbol("AAA")
        self.meddle()

    def meddle(self):
        pass

    def handle_data(self, context, data):
        self.meddle()
        self.order_value(context.share, 12345.67)
        self.record(third=float(context.portfolio.cash / 3))


class Setting(Plain):
    def meddle(self):
        decimal.getcontext().prec = 3
        decimal.getcontext().rounding = decimal.ROUND_UP


@pytest.fixture
def expected():
    return rbt.backtest(Plain, daily_frame())


def test_what_a_callback_sets_of_the_context_changes_nothing(tmp_path, expected):
    session = run(whole(Setting, tmp_path, feed=rbt.ReplayFeed(daily_frame())))

    assert same(rbt.backtest(Setting, daily_frame()), expected)
    assert same(session.result(), expected)


def test_minutes_are_no_exception():
    bars = minute_frame(2, 1, every=30)

    assert same(
        rbt.backtest(Setting, bars, frequency="1m"), rbt.backtest(Plain, bars, frequency="1m")
    )


def test_a_context_that_initialize_put_in_place_is_gone_with_the_first_session():
    class AtFirst(Plain):
        def initialize(self, context):
            super().initialize(context)
            decimal.setcontext(decimal.Context(prec=3))

    assert same(rbt.backtest(AtFirst, daily_frame()), rbt.backtest(Plain, daily_frame()))


def test_a_context_that_a_callback_put_in_place_is_gone_with_the_next_event(tmp_path, expected):
    class Once(Plain):
        def handle_data(self, context, data):
            super().handle_data(context, data)
            if (
                not context.portfolio.positions
            ):  # the first session, whose books hold nothing but cash
                decimal.setcontext(decimal.Context(prec=3))

    assert same(run(whole(Once, tmp_path, feed=rbt.ReplayFeed(daily_frame()))).result(), expected)
    assert same(rbt.backtest(Once, daily_frame()), expected)


def test_a_context_that_a_callback_put_in_place_is_gone_with_the_next_minute(tmp_path):
    class Leaving(Plain):
        def handle_data(self, context, data):
            super().handle_data(context, data)
            decimal.setcontext(decimal.Context(prec=3))

    bars = minute_frame(2, 1, every=30)
    session = run(
        whole(Leaving, tmp_path, feed=rbt.ReplayFeed(bars, frequency="1m"), frequency="1m")
    )
    backtest = rbt.backtest(Leaving, bars, frequency="1m")

    assert same(backtest, session.result())
    assert same(backtest, rbt.backtest(Plain, bars, frequency="1m"))


def test_the_surroundings_are_left_as_they_were():
    with decimal.localcontext(prec=5) as ours:
        rbt.backtest(Setting, daily_frame())

        assert decimal.getcontext() is ours
        assert decimal.getcontext().prec == 5


def test_a_result_says_the_same_whatever_the_context_of_who_reads_it(expected):
    def said(result):
        frames = [result.performance, result.orders, result.transactions, result.positions]
        return (
            [frame.rows() for frame in frames],
            dict(result.metrics),
            repr(result.record.sessions),
        )

    with decimal.localcontext(prec=3):
        there = said(rbt.backtest(Plain, daily_frame()))

    assert there == said(expected)


def test_a_context_of_ones_own_works_in_a_callback():
    seen = []

    class Own(Plain):
        def meddle(self):
            with decimal.localcontext() as own:
                own.prec = 4
                seen.append(Decimal(1) / 3)

    assert same(rbt.backtest(Own, daily_frame()), rbt.backtest(Plain, daily_frame()))
    assert set(seen) == {Decimal("0.3333")}
