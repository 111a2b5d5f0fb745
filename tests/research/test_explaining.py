"""Why a session earned something else than a backtest: causes whose money adds up."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.errors import ResultError
from rbtlive.finance.commission import PerTrade
from rbtlive.finance.slippage import FixedBasisPointsSlippage
from tests.builders import Gated, daily_frame, run, until

SESSIONS = 40
DATES = daily_frame(SESSIONS)["date"].unique().sort()


class Turns(rbt.TradingAlgorithm):
    """Long, short, flat; sells when the close is above a level."""

    def initialize(self, context):
        context.asset, context.bars = self.symbol("AAA"), 0

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars % 6 == 1:
            self.order_target(context.asset, (150, -90, 0)[(context.bars // 6) % 3])
        if data.current(context.asset, "close") > 500:
            self.order(context.asset, -7)


def session_of(folder, *, act=None, portal=None):
    """A session that ran over all bars; `act` is called after ten of them."""

    async def traded():
        data = daily_frame(SESSIONS) if portal is None else portal
        feed = Gated(data, 10 if act else 10_000)
        session = rbt.attach(Turns, rbt.PaperBroker(), feed=feed, journal=folder, name="turns")
        if act:
            await until(lambda: session.engine.meters.events >= 10 and not session.queue_depth)
            await act(session)
            feed.allow(10_000)
        await session.wait()
        return session

    return run(traded())


def causes(explained):
    """The causes with their money, after the sum was checked."""
    difference = (
        explained.session.record.sessions[-1].total_pnl
        - explained.backtest.record.sessions[-1].total_pnl
    )
    assert explained.total == difference
    assert sum(explained.by_cause["money"].to_list(), Decimal(0)) == difference
    assert sum(explained.differences["money"].to_list(), Decimal(0)) == difference
    timed = explained.differences.drop_nulls("time")
    if timed.height:
        first = timed.filter(pl.col("time") == pl.col("time").min())["money"].to_list()
        assert abs(explained.first_divergence.money) == max(map(abs, first))
    return dict(explained.by_cause.select("cause", "money").rows())


def test_the_same_bars_leave_nothing_to_explain(tmp_path):
    explained = session_of(tmp_path).explain()

    assert causes(explained) == {}
    assert explained.first_divergence is None
    assert "earned the same" in repr(explained)


def test_other_cost_models_are_commission_and_slippage(tmp_path):
    session = session_of(tmp_path)
    dear = rbt.backtest(
        Turns,
        daily_frame(SESSIONS),
        commission=PerTrade(3),
        slippage=FixedBasisPointsSlippage(50, 0.1),
    )

    found = causes(session.explain(dear))

    assert set(found) == {"commission", "slippage"}
    paid = session.result().metrics["commission"] - dear.metrics["commission"]
    assert float(found["commission"]) == pytest.approx(-paid)


def test_faster_fills_are_latency(tmp_path):
    fast = rbt.backtest(Turns, daily_frame(SESSIONS), slippage=FixedBasisPointsSlippage(5, 1))

    found = causes(session_of(tmp_path).explain(fast))

    assert "latency" in found
    assert abs(found["slippage"]) < abs(found["latency"])


def revised(day: int, close: float) -> pl.DataFrame:
    """The bars with another close of AAA on one day."""
    here = (pl.col("date") == DATES[day]) & (pl.col("symbol") == "AAA")
    return daily_frame(SESSIONS).with_columns(
        pl.when(here).then(close).otherwise("close").alias("close"),
        pl.when(here).then(max(close, 90.0) + 9).otherwise("high").alias("high"),
    )


def test_a_revised_bar_that_was_traded_on_is_named(tmp_path):
    session = session_of(tmp_path)
    day = DATES.to_list().index(session.result().transactions["dt"].dt.date()[0])

    explained = session.explain(revised(day, 58.0))

    found = causes(explained)
    # Slippage is a part of the price, and changes with it.
    assert set(found) == {"data revised", "slippage"}
    assert abs(found["data revised"]) > 100 * abs(found["slippage"])
    assert explained.data.select("symbol", "what", "later").rows() == [("AAA", "revised", 58.0)]


def test_a_revised_bar_that_made_an_order_is_named(tmp_path):
    explained = session_of(tmp_path).explain(revised(20, 600.0))

    found = causes(explained)

    assert "data revised" in found
    assert "traded by the backtest alone" in explained.first_divergence.detail or (
        explained.first_divergence.cause == "data revised"
    )


def test_a_missing_bar_is_found(tmp_path):
    gone = (pl.col("date") == DATES[9]) & (pl.col("symbol") == "AAA")
    session = session_of(tmp_path, portal=daily_frame(SESSIONS).filter(~gone))

    explained = session.explain(daily_frame(SESSIONS))

    assert explained.data["what"].to_list() == ["missing"]
    causes(explained)


def test_what_a_person_did_is_by_hand_and_a_halt_is_a_halt(tmp_path):
    async def flatten(session):
        await session.flatten()

    found = causes(session_of(tmp_path, act=flatten).explain())

    assert {"by hand", "halt"} <= set(found)
    assert "unexplained decision" not in found


def test_a_recorded_run_explains_itself_too(tmp_path):
    session_of(tmp_path)
    recorded = rbt.open_session("turns", journal=tmp_path)
    dear = rbt.backtest(Turns, daily_frame(SESSIONS), commission=PerTrade(3))

    assert set(causes(recorded.explain(dear))) == {"commission"}


def test_the_display_has_the_causes_and_the_total(tmp_path):
    dear = rbt.backtest(Turns, daily_frame(SESSIONS), commission=PerTrade(3))

    explained = session_of(tmp_path).explain(dear)

    assert "commission" in repr(explained)
    assert "total" in explained._repr_html_()
    assert len(explained.plot().data) == 2


def test_a_backtest_that_begins_elsewhere_is_refused(tmp_path):
    later = rbt.backtest(Turns, daily_frame(SESSIONS), start=DATES[3])

    with pytest.raises(ResultError, match="must begin with the session's first day"):
        session_of(tmp_path).explain(later)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ratio=st.sampled_from([None, 0.5, 3.0, 7.0]),
    basis=st.integers(0, 80),
    share=st.sampled_from([0.05, 0.1, 0.6]),
    charge=st.integers(0, 4),
)
def test_the_money_adds_up_whatever_differs(tmp_path_factory, ratio, basis, share, charge):
    splits = None
    if ratio is not None:
        splits = pl.DataFrame({"symbol": ["AAA"], "effective_date": [DATES[15]], "ratio": [ratio]})
    portal = rbt.PolarsDataPortal(daily_frame(SESSIONS), splits=splits)
    session = session_of(tmp_path_factory.mktemp("run"), portal=portal)
    other = rbt.backtest(
        Turns, portal, commission=PerTrade(charge), slippage=FixedBasisPointsSlippage(basis, share)
    )

    causes(session.explain(other))
