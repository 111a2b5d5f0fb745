"""What is read out of a run's journal is what its session said, to the last digit and
the last order.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.finance.cancel_policy import EODCancel
from tests.builders import Gated, daily_frame, processed, run, same, whole

THIRD_BAR = date(2017, 1, 5)


class Holder(rbt.TradingAlgorithm):
    """Buys on the first bar and holds over a split and a dividend."""

    def initialize(self, context):
        context.share = self.symbol("AAA")
        context.bought = False

    def handle_data(self, context, data):
        if not context.bought:
            context.bought = True
            self.order(context.share, 7)


class LastMinute(rbt.TradingAlgorithm):
    """Orders on every bar, never fills by its limit, and cancels what the last bar but
    one left.
    """

    cancel_at_close = False

    def initialize(self, context):
        context.share = self.symbol("AAA")
        if self.cancel_at_close:
            self.set_cancel_policy(EODCancel(warn_on_cancel=False))

    def handle_data(self, context, data):
        for order in self.get_open_orders(context.share):
            self.cancel_order(order)
        self.order(context.share, 1, limit_price=0.01)
        self.order(context.share, 1, limit_price=0.02)


@pytest.mark.parametrize(
    ("ratio", "amount"),
    [
        (1 / 3, 0.25),
        (0.5, 0.1234567890123456),
        (2 / 3, 1e-15),
        (0.1, 12.3),
        (10.0, 1.2345678901234567e-24),
    ],
)
def test_parity_holds_over_splits_and_dividends_of_any_number_of_digits(tmp_path, ratio, amount):
    """A split of three for one has a ratio of sixteen digits, and a price that is
    carried over it as many.
    """
    bars = daily_frame(12, 1).filter(pl.col("date") != THIRD_BAR)
    portal = rbt.PolarsDataPortal(
        bars,
        splits=pl.DataFrame({"symbol": ["AAA"], "effective_date": [THIRD_BAR], "ratio": [ratio]}),
        dividends=pl.DataFrame(
            {
                "symbol": ["AAA"],
                "ex_date": [date(2017, 1, 9)],
                "pay_date": [date(2017, 1, 11)],
                "amount": [amount],
            }
        ),
    )

    session = run(whole(Holder, tmp_path, feed=rbt.ReplayFeed(portal)))

    report = session.parity()
    assert report.identical, str(report)
    assert report.fills_compared == 1


@pytest.mark.parametrize("at_close", [False, True])
def test_orders_of_the_last_bar_are_read_as_the_session_left_them(tmp_path, at_close):
    """The books of a session are closed before its last orders leave, and what its
    close cancels is news of the next.
    """
    bars = daily_frame(5, 1)
    options = {"params": {"cancel_at_close": at_close}}

    session = run(whole(LastMinute, tmp_path, feed=rbt.ReplayFeed(bars), name="last", **options))

    read = rbt.open_session("last", journal=tmp_path).result()
    assert same(session.result(), read)
    # An order of a session's close is good for the next session, EODCancel or not.
    assert read.orders["status"][-1] == "pending"


class Recording(rbt.TradingAlgorithm):
    """Records what is not known yet, and what is beyond all bounds."""

    def initialize(self, context):
        context.share = self.symbol("AAA")
        self.indicator("mean", pl.col("close").rolling_mean(3))

    def handle_data(self, context, data):
        self.record(
            mean=data.current(context.share, "mean"),
            most=float("inf"),
            least=float("-inf"),
            text="NaN or so",
        )


def test_recorded_numbers_that_are_not_finite_come_back_as_numbers(tmp_path):
    """An indicator is NaN until it has bars enough, and JSON has no such number."""
    session = run(
        whole(Recording, tmp_path, feed=rbt.ReplayFeed(daily_frame(6, 1)), name="recording")
    )

    report = session.parity()
    assert report.identical, str(report)
    read = rbt.open_session("recording", journal=tmp_path).result()
    assert same(session.result(), read)
    assert read.performance["mean"].null_count() == 2
    assert read.performance["most"].to_list() == [float("inf")] * 6


class Eager(rbt.TradingAlgorithm):
    """Buys on every bar."""

    def initialize(self, context):
        context.share = self.symbol("AAA")

    def handle_data(self, context, data):
        self.order(context.share, 1)


class Keen(Eager):
    """Another strategy by the same name."""


Keen.__name__ = "Eager"


@pytest.mark.parametrize("swapped", [False, True])
def test_denied_orders_are_read_with_their_reasons(tmp_path, swapped):
    """What a halt kept from being sent belongs to what a run did, before a swap and
    after it.
    """

    async def halted():
        feed = Gated(daily_frame(8, 1), 2)
        session = rbt.attach(Eager, rbt.PaperBroker(), feed=feed, journal=tmp_path, name="halted")
        await processed(session, 2)
        await session.kill()
        feed.allow(3)
        await processed(session, 6)
        if swapped:
            session = rbt.attach(
                Keen,
                rbt.PaperBroker(),
                feed=rbt.ReplayFeed(daily_frame(8, 1)),
                journal=tmp_path,
                name="halted",
            )
        feed.allow(3)
        await session.wait()
        return session

    session = run(halted())

    read = rbt.open_session("halted", journal=tmp_path).result()
    assert same(session.result(), read)
    assert read.denied["id"].to_list() == [str(number) for number in range(3, 9)]
    assert "kill" in read.denied["reason"][0]
    assert session.parity().identical
