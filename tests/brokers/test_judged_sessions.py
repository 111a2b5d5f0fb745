"""Sessions at a real venue process are judged: parity says decisions, executions and
costs apart, and what they earned more or less than a backtest is explained to the cent.
"""

import asyncio
import functools
import itertools
from decimal import Decimal

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.finance.commission import PerShare
from rbtlive.finance.slippage import FixedBasisPointsSlippage, NoSlippage
from tests.brokers.alpaca_session import broker_at
from tests.venue.process import shared_venue, until, within

FREE = {"commission": PerShare(cost=0, min_trade_cost=0), "slippage": NoSlippage()}
DEAR = {
    "commission": PerShare(cost=0.01, min_trade_cost=0),
    "slippage": FixedBasisPointsSlippage(20, 1),
}

PAID = {"dividend": "12.5", "interest": "3.25", "fee": "-1.1", "deposit": "1000"}


@pytest.fixture(scope="module")
def _process():
    process = shared_venue("--start", "2005-01-03", "--end", "2005-06-30", "--fills", "next")
    yield process
    assert process.stop() == ""


@pytest.fixture
def patient(_process):
    """A venue that fills an order with the bar after it, as a backtest does."""
    _process.control("reset")
    return _process


class Turns(rbt.TradingAlgorithm):
    """Long, flat, short, flat: something new every third session."""

    share = 0.5

    def initialize(self, context):
        """Take the asset."""
        context.asset, context.bars = self.symbol("AAPL"), 0

    def handle_data(self, context, data):
        """Turn."""
        context.bars += 1
        if context.bars % 3 == 1:
            part = (self.share, 0, -0.3, 0)[(context.bars // 3) % 4]
            self.order_target_percent(context.asset, part)


class Greedy(Turns):
    """Also asks for more than the account can pay, while it holds nothing."""

    def handle_data(self, context, data):
        """Turn, and ask for too much once."""
        super().handle_data(context, data)
        if context.bars == 6:
            self.order(context.asset, 10_000_000)


class Dice(Turns):
    """Decides on something other than its bars."""

    thrown = itertools.count(1)

    def handle_data(self, context, data):
        """Buy a share more each time it is called in this process."""
        context.bars += 1
        self.order(context.asset, next(self.thrown))


@functools.cache
def bars():
    """The bars of the asset that trades, as they are known today."""
    return rbt.load_sample("us-daily").to_frame().filter(symbol="AAPL")


async def step(venue, session):
    """Move the venue by a session, until the strategy has seen it and its orders have
    ended.
    """
    market = session.engine.core.state.market
    seen = market.last_slice_us
    await asyncio.to_thread(venue.advance)
    await until(
        lambda: session.engine.failure or session.engine.core.state.market.last_slice_us != seen
    )
    manager = session.engine.order_manager
    await until(
        lambda: all(o.broker_order_id or not o.is_open for o in manager.get_active_orders())
    )


def traded(venue, folder, strategy=Turns, *, steps=10, acts=None, **options):
    """Run a session over some sessions of the venue; `acts` are called before a step,
    and may attach another session to go on with.
    """

    async def work():
        broker = broker_at(venue)
        known = {"data": bars(), "journal": folder, "name": "judged"} | FREE | options
        session = rbt.attach(strategy, broker, **known)
        await until(lambda: session.engine.failure or session.state == "running")
        await until(lambda: session.engine.failure or broker.feed._given.reach_us is not None)
        for number in range(steps):
            if acts and number in acts:
                session = await acts[number](session) or session
            await step(venue, session)
        await session.stop()
        return session

    return within(work(), seconds=30)


def causes(explained):
    """Money by cause, after the sum was checked to the last digit."""
    ours, theirs = explained.session.record, explained.backtest.record
    difference = ours.sessions[-1].total_pnl - theirs.sessions[-1].total_pnl
    assert explained.total == difference
    assert sum(explained.differences["money"].to_list(), Decimal(0)) == difference
    return dict(explained.by_cause.select("cause", "money").rows())


def test_other_prices_alone_leave_decisions_and_executions_identical(patient, tmp_path):
    session = traded(patient, tmp_path, **DEAR)

    report = session.parity()

    assert report.identical
    assert (report.decisions.identical, report.executions.identical) == (True, True)
    assert report.orders_compared == session.orders.height
    assert report.executions.compared + report.executions.undecided == session.orders.height
    assert not report.costs.identical
    assert report.costs.price_bps == pytest.approx(-20, abs=0.1)
    shares = sum(abs(amount) for amount in session.result().fills["amount"])
    assert report.costs.commission_difference == -shares / 100
    assert "Costs are the broker's: in the session prices" in report.verdict()
    assert "costs" in report._repr_html_()
    assert rbt.open_session("judged", journal=tmp_path).parity() == report
    assert {"commission", "slippage"} <= set(causes(session.explain()))


def test_the_same_fills_leave_nothing_to_explain(patient, tmp_path):
    session = traded(patient, tmp_path)

    report = session.parity()

    assert report.identical
    assert report.costs.identical
    assert "digit for digit" in report.verdict()
    assert causes(session.explain()) == {}


def test_a_refused_order_is_a_difference_of_executions(patient, tmp_path):
    session = traded(patient, tmp_path, Greedy)

    report = session.parity()

    assert not report.identical
    assert report.decisions.identical
    assert (report.executions.identical, report.executions.differing) == (False, 1)
    assert "insufficient buying power" in report.first_difference.session
    assert "the decisions are identical" in report.verdict()
    assert "refusal" in causes(session.explain())


def test_a_strategy_that_rolls_dice_is_a_difference_of_decisions(patient, tmp_path):
    session = traded(patient, tmp_path, Dice, steps=3)

    report = session.parity()

    assert not report.identical
    assert not report.decisions.identical
    assert report.first_difference.field == "order 1: amount"
    assert "unexplained decision" in causes(session.explain())


def test_what_a_person_did_is_taken_over_and_explained_as_by_hand(patient, tmp_path):
    async def buys(session):
        await session.call(lambda context, data: context.order(context.asset, 33))

    async def flattens(session):
        await session.flatten()

    async def resumes(session):
        session.resume()

    session = traded(patient, tmp_path, steps=12, acts={2: buys, 5: flattens, 9: resumes})

    assert session.parity().identical
    assert session.parity().interventions >= 3
    found = causes(session.explain())
    assert {"by hand", "halt"} <= set(found)
    assert "unexplained decision" not in found
    assert rbt.open_session("judged", journal=tmp_path).parity().identical


def test_cash_that_the_broker_booked_is_named(patient, tmp_path):
    async def booked(session):
        for kind, amount in PAID.items():
            facts = {"kind": kind, "amount": amount, "symbol": "AAPL"}
            facts = facts if kind == "dividend" else {"kind": kind, "amount": amount}
            await asyncio.to_thread(patient.control, "cash", facts)
        await until(lambda: len(session.engine.core.state.record.adjustments) == len(PAID))

    session = traded(patient, tmp_path, acts={3: booked})

    found = causes(session.explain())
    assert {name: str(found[name].normalize()) for name in ("dividends", "interest", "fees")} == {
        "dividends": "12.5",
        "interest": "3.25",
        "fees": "-1.1",
    }
    assert set(found) <= {"dividends", "interest", "fees", "after earlier differences"}
    bridge = session.result().profit_bridge
    assert bridge["interest"] == Decimal("3.25")
    assert bridge["transfers"] == 1000


def test_changed_parameters_are_named(patient, tmp_path):
    async def changes(session):
        options = {"data": bars(), "journal": tmp_path, "name": "judged"} | FREE
        again = rbt.attach(Turns, session.engine.broker, params={"share": 0.1}, **options)
        await until(lambda: again.engine.failure or again.state == "running")
        return again

    session = traded(patient, tmp_path, steps=16, acts={4: changes})

    first = rbt.backtest(
        Turns, bars(), start="2005-01-04", end=session.result().performance["date"][-1], **FREE
    )
    assert "code or params changed" in causes(session.explain(first))


def test_orders_that_were_decided_on_bars_seen_late_are_named(patient, tmp_path):
    async def is_away(session):
        await session.stop()
        await asyncio.to_thread(patient.advance, 5)
        options = {"data": bars(), "journal": tmp_path, "name": "judged"} | FREE
        again = rbt.attach(Turns, broker_at(patient), **options)
        await until(lambda: again.engine.failure or vars(again.context).get("bars", 0) >= 7)
        return again

    session = traded(patient, tmp_path, steps=8, acts={3: is_away})

    late = session.result().denied["reason"].to_list()
    assert late
    assert all(reason.startswith("late bar") for reason in late)
    assert "data late" in causes(session.explain())
    assert session.parity().identical


def test_later_bars_that_were_revised_are_named_and_partial_fills_too(patient, tmp_path):
    session = traded(patient, tmp_path)
    day = session.result().fills["dt"].dt.date()[0]
    revised = bars().with_columns(
        pl.when(pl.col("date") == day)
        .then(pl.col("close") + 0.25)
        .otherwise("close")
        .alias("close")
    )

    assert "data revised" in causes(session.explain(revised))

    end = session.result().performance["date"][-1]
    thin = FREE | {"slippage": FixedBasisPointsSlippage(0, 1e-5)}
    slow = rbt.backtest(Turns, bars(), start="2005-01-04", end=end, **thin)
    assert {"partial fill", "latency"} & set(causes(session.explain(slow)))
