"""What made a session earn something else, against sums made by hand: bought at the
next close, worth the last close of the backtest, 111 for AAA and 39 for BBB.
"""

from __future__ import annotations

from tempfile import mkdtemp

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import ResultError
from rbtlive.finance.commission import NoCommission, PerTrade
from rbtlive.finance.slippage import FixedSlippage
from tests.builders import Gated, run, until
from tests.research.explained import (
    DAYS,
    FREE,
    HOLD,
    TENTH,
    TRIP,
    alone,
    bars,
    causes,
    first,
    paying,
    plan,
    seen,
    session_of,
    split_market,
)

REVISED = ("AAA", "data revised")
MISSING = ("AAA", "data missing")


def close_of(algorithm, symbol, data):
    return float(data.current(algorithm.symbol(symbol), "close"))


@pytest.mark.parametrize(
    ("strategy", "data", "later", "money", "since"),
    [
        # 10 bought at 101, by later bars at 99
        (HOLD, bars(), bars(change={("AAA", 1): 99}), {"data revised": -20}, (0, *REVISED)),
        # worth 111, by later bars 120
        (HOLD, bars(), bars(change={("AAA", 11): 120}), {"data revised": -90}, (11, *REVISED)),
        # neither traded on nor held
        (HOLD, bars(), bars(change={("BBB", 3): 12}), {}, None),
        # bought one dearer and sold two cheaper
        (TRIP, bars(), bars(change={("AAA", 1): 100, ("AAA", 6): 108}), {"data revised": -30}, (0, *REVISED)),
        # bought a day later, at 102
        (HOLD, bars(lacks=[("AAA", 1)]), bars(), {"data missing": -10}, (0, *MISSING)),
        # bought on a bar that there is no more
        (HOLD, bars(), bars(lacks=[("AAA", 1)]), {"data missing": 10}, (0, *MISSING)),
        # AAA left the session's market at 110
        (HOLD, bars(lacks=[("AAA", 11)]), bars(), {"data missing": -10}, (11, *MISSING)),
        # 10 sold at 49 and worth 39, by later bars sold at 30; 10 bought at 101, later at 100.5
        (plan({0: [("AAA", 10), ("BBB", -10)]}), bars(), bars(change={("BBB", 1): 30, ("AAA", 1): 100.5}), {"data revised": 185}, (0, "BBB", "data revised")),
        # later bars end earlier: only what both have is compared
        (HOLD, bars(), bars(8), {}, None),
        # the dividend of 1.50 on ten shares was not in the session's data
        (HOLD, bars(), paying(), {"dividends": -15}, (7, "AAA", "dividends")),
        # ten shares at 50 are twenty after the split that the session had not
        (HOLD, bars(aaa=[100] * 6 + [50] * 6), split_market([100] * 6 + [50] * 6, on=6), {"data missing": -500}, (6, *MISSING)),
    ],
)  # fmt: skip
def test_later_bars(strategy, data, later, money, since):
    explained = session_of(strategy, data).explain(later)

    assert causes(explained) == money
    assert first(explained) == since


def test_a_decision_that_later_bars_would_have_made():
    dear = plan(
        {n: [("AAA", lambda a, _c, d: 10 * (close_of(a, "AAA", d) >= 200))] for n in range(11)}
    )

    explained = session_of(dear, bars()).explain(bars(change={("AAA", 3): 200}))

    assert causes(explained) == {"data revised": -70}  # 10 bought at 104
    assert first(explained) == (3, *REVISED)


def test_a_side_that_later_bars_turn():
    turned = plan({0: [("AAA", lambda a, _c, d: 10 if close_of(a, "AAA", d) >= 100 else -10)]})

    explained = session_of(turned, bars()).explain(bars(change={("AAA", 0): 99}))

    assert causes(explained) == {"data revised": 200}  # 100 gained in place of 100 lost
    assert first(explained) == (0, *REVISED)


def test_a_revised_bar_of_before_is_no_cause_of_what_a_halt_did():
    class Target(rbt.TradingAlgorithm):
        def initialize(self, context):
            context.bar = -1

        def handle_data(self, context, data):
            context.bar += 1
            if context.bar in {4, 8}:
                self.order_target(self.symbol("AAA"), 20 + 10 * (context.bar == 8))

    async def pause(session, feed):
        session.pause()
        feed.allow(3)
        await seen(session, 7)
        session.resume()

    explained = session_of(Target, bars(), act=pause).explain(bars(change={("BBB", 1): 7}))

    # paused over bar 4 (20 at 105), the session counts on and has bar 8 three bars later
    found = causes(explained)
    assert found["halt"] == -120
    assert set(found) == {"halt", "after earlier differences"}
    assert first(explained) == (4, "AAA", "halt")
    assert "first came: halt" in explained.differences["detail"][-1]


def test_shares_that_did_not_fill_and_those_that_filled_later():
    order = plan({0: [("AAA", 100)]})
    session = session_of(order, bars(volume=50.0), **TENTH)  # five a bar, from 101 to 111

    explained = session.explain(alone(order, bars(volume=50.0)))

    # 45 not bought at 101; 55 at 106 on average
    assert causes(explained) == {"partial fill": -450, "latency": -275}
    assert first(explained) == (0, "AAA", "partial fill")


def test_four_causes_in_one_order():
    order = plan({0: [("AAA", 100)]})
    costs = {"commission": PerTrade(1), "slippage": TENTH["slippage"]}
    session = session_of(order, bars(volume=50.0), **costs)
    later = bars(volume=50.0, change={("AAA", 1): 100})

    explained = session.explain(alone(order, later))

    # 45 not bought at 100; the five of the first bar cost one too much, all others came later
    assert causes(explained) == {"partial fill": -495, "data revised": -330, "commission": -1}


def test_volumes_that_were_revised_are_the_datas_and_no_latency():
    held = pl.col("date").is_in(DAYS[1:3]) & (pl.col("symbol") == "AAA")
    thin = bars().with_columns(volume=pl.when(held).then(0.0).otherwise("volume"))

    explained = session_of(HOLD, thin, **TENTH).explain(alone(HOLD, bars()))

    assert causes(explained) == {"data revised": -20}  # bought at 103


@pytest.mark.parametrize(
    ("strategy", "session", "money"),
    [
        (TRIP, {"commission": PerTrade(2)}, {"commission": -4}),
        (TRIP, {"commission": PerTrade(2), "slippage": FixedSlippage(0.5)}, {"slippage": -5, "commission": -4}),
        # half of a dollar on each side of a short
        (plan({0: [("AAA", -10)], 5: [("AAA", 10)]}), {"slippage": FixedSlippage(1.0)}, {"slippage": -10}),
    ],
)  # fmt: skip
def test_costs(strategy, session, money):
    explained = session_of(strategy, bars(), **session).explain(alone(strategy, bars()))

    assert causes(explained) == money
    assert first(explained)[:2] == (0, "AAA")


def test_slippage_of_before_a_split_is_that_of_its_shares():
    market = split_market([100] * 6 + [50] * 6, on=6)
    costs = {"commission": NoCommission(), "slippage": FixedSlippage(1.0)}

    explained = session_of(HOLD, market, **costs).explain(alone(HOLD, market))

    assert causes(explained) == {"slippage": -5}


def test_what_was_sold_before_a_split_is_worth_what_it_was_sold_for():
    class Half(rbt.TradingAlgorithm):
        def initialize(self, context):
            context.bar = -1

        def handle_data(self, context, data):
            context.bar += 1
            asset = self.symbol("AAA")
            if context.bar == 0:
                self.order(asset, 10)
            elif context.bar == 1:
                for order in self.get_open_orders(asset):
                    self.cancel_order(order)
            elif context.bar == 3:
                self.order_target(asset, 0)

    market = split_market([100] * 3 + [110] * 5 + [55] * 4, on=8, volume=50.0)

    explained = session_of(Half, market, **TENTH).explain(alone(Half, market))

    assert causes(explained) == {"partial fill": -50}  # five bought less at 100, and sold at 110
    assert explained.differences["money"].to_list() == [-50]


@pytest.mark.parametrize(
    ("strategy", "act", "money", "since"),
    [
        # 20 not bought at 107
        (plan({0: [("AAA", 10)], 6: [("AAA", 20)]}), lambda s, _f: s.kill(), {"halt": -80}, (6, "AAA", "halt")),
        # 10 sold at 104
        (HOLD, lambda s, _f: s.flatten(), {"by hand": -70}, (3, "AAA", "by hand")),
        (HOLD, lambda s, _f: s.close("AAA"), {"by hand": -70}, (3, "AAA", "by hand")),
        # the backtest bought 10 at 43
        (plan({0: [("BBB", 10, {"limit_price": 43.0})]}), lambda s, _f: s.cancel("1"), {"by hand": 40}, (0, "BBB", "by hand")),
        # ten shares became twenty
        (HOLD, lambda s, _f: s.apply_split("AAA", 0.5), {"by hand": 1110}, (3, "AAA", "by hand")),
    ],
)  # fmt: skip
def test_what_people_do(strategy, act, money, since):
    async def acted(session, _feed):
        outcome = act(session, _feed)
        if outcome is not None:
            await outcome
        await until(lambda: not session.queue_depth)

    explained = session_of(strategy, bars(), act=acted).explain()

    assert causes(explained) == money
    assert first(explained) == since


@pytest.mark.parametrize(
    ("options", "change", "money"),
    [
        # bought at 99 by the backtest, whose bar 3 reached the limit, worth 111 at the end
        ({"limit_price": 99.5}, {("AAA", 3): 99}, -120),
        # bought at 106 by the backtest alone, whose bar 3 reached the stop
        ({"stop_price": 130.0}, {("AAA", 3): 131}, 200),
    ],
)
def test_an_order_that_revised_prices_alone_would_have_filled_is_the_datas(options, change, money):
    resting = plan({0: [("AAA", 10, options)]})

    explained = session_of(resting, bars()).explain(bars(change=change))

    assert causes(explained) == {"data revised": money}
    assert first(explained) == (0, *REVISED)


def test_a_decision_that_a_pause_made_later_is_the_halts():
    async def pause(session, feed):
        session.pause()
        feed.allow(1)
        await seen(session, 5)
        session.resume()

    explained = session_of(plan({6: [("AAA", 10)]}), bars(), act=pause).explain()

    # callbacks were skipped for a bar: 10 bought at 108 in place of 107
    assert set(causes(explained)) == {"halt", "after earlier differences"}
    assert explained.total == -10
    assert first(explained) == (6, "AAA", "halt")
    assert "paused before" in explained.differences["detail"][0]


def test_an_order_that_a_person_asked_for():
    async def sell(session, _feed):
        await session.call(lambda algorithm, data: algorithm.order(algorithm.symbol("BBB"), -7))

    explained = session_of(HOLD, bars(), act=sell).explain()

    assert causes(explained) == {"by hand": 49}  # 7 sold at 46
    assert first(explained) == (3, "BBB", "by hand")


def test_the_dividend_of_what_a_halt_kept_from_being_bought_is_the_halts():
    late = plan({3: [("AAA", 10)]})

    explained = session_of(late, paying(), act=lambda s, _f: s.kill(), after=2).explain()

    assert causes(explained) == {"halt": -85}  # 70 at 104, and 15 of dividends
    assert first(explained) == (3, "AAA", "halt")


def test_other_parameters_from_the_start_and_from_the_middle():
    strategy, folder = plan({0: [("AAA", 10)], 6: [("AAA", 20)]}), mkdtemp()

    async def traded():
        options = {"journal": folder, "name": "turn", "log_level": "error", **FREE}
        one = rbt.attach(strategy, rbt.PaperBroker(), feed=Gated(bars(), 4), **options)
        await seen(one, 4)
        two = rbt.attach(
            strategy, rbt.PaperBroker(), feed=Gated(bars(), 10_000), params={"scale": 3}, **options
        )
        await two.wait()
        return two

    session = run(traded())

    # The replay buys three times as much at both bars. The session begins its count anew at the
    # fifth bar: three times ten at 105, and three times twenty at 111, where the backtest of the
    # first parameters bought twenty at 107.
    assert set(causes(session.explain())) == {"code or params changed"}
    first_code = session.explain(alone(strategy, bars()))
    assert set(causes(first_code)) == {"code or params changed"}
    assert "scale was 3, in the backtest 1" in first_code.differences["detail"].to_list()[0]
    other = session_of(strategy, bars()).explain(alone(strategy, bars(), params={"scale": 2}))
    assert causes(other) == {"code or params changed": -180}  # ten at 101, twenty at 107
    assert first(other) == (0, "AAA", "code or params changed")


def test_other_capital_is_other_settings():
    rich = plan({0: [("AAA", lambda _a, c, _d: int(c.portfolio.cash) // 10_000)]})

    explained = session_of(rich, bars()).explain(alone(rich, bars(), capital_base=50_000))

    assert causes(explained) == {"code or params changed": 50}
    assert "began with 50,000.00" in explained.first_divergence.detail


def test_a_session_that_runs_is_compared_up_to_its_last_close():
    found = []

    def look(session, _feed):
        found.append(session.explain(bars(change={("AAA", 1): 99})))

    session_of(HOLD, bars(), act=look, after=5)

    assert causes(found[0]) == {"data revised": -20}
    assert len(found[0].session.record.sessions) == 5


@pytest.mark.parametrize(("ours", "theirs"), [(12, 8), (8, 12)])
def test_a_longer_run_is_cut_to_what_both_have(ours, theirs):
    explained = session_of(HOLD, bars(ours)).explain(alone(HOLD, bars(theirs)))

    assert causes(explained) == {}
    assert {len(r.record.sessions) for r in (explained.session, explained.backtest)} == {8}


def test_dividends_of_after_the_last_common_session_do_not_count():
    explained = session_of(HOLD, bars(6)).explain(alone(HOLD, paying()))

    assert causes(explained) == {}


def test_a_session_may_stand_for_its_result():
    dear = session_of(TRIP, bars(), commission=PerTrade(2))

    assert causes(dear.explain(session_of(TRIP, bars()))) == {"commission": -4}


def test_no_session_closed_is_said():
    async def looked():
        session = rbt.attach(
            HOLD, rbt.PaperBroker(), feed=Gated(bars(), 0), journal=mkdtemp(), name="early"
        )
        with pytest.raises(ResultError, match="closed no session yet"):
            session.explain()
        await session.stop()

    run(looked())
