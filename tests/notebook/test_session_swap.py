"""A strategy that is edited while it trades goes on from its positions and orders, and
everything of it can be proved.
"""

from __future__ import annotations

import re
import traceback

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.core.strategy.strategy_executor import StrategyExecutor
from rbtlive.notebook import loaded as known
from tests.builders import (
    Churn,
    Gated,
    daily_frame,
    defined,
    minute_frame,
    processed,
    rows_of,
    run,
    same,
    whole,
)

FIRST = """
class Edited(rbt.TradingAlgorithm):
    amount = 10

    def initialize(self, context):
        context.bars = 0
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars % 4 == 1:
            self.order(context.asset, 200)
        if context.bars % 4 == 3 and not self.get_open_orders(self.symbol("BBB")):
            self.order(self.symbol("BBB"), 50, limit_price=20)
        self.record(bars=context.bars, amount=self.amount)
"""
SECOND = FIRST.replace("200", "-100").replace("% 4", "% 3")
BROKEN = FIRST.replace('self.symbol("AAA")', 'self.symbol("NOPE")')
LOTTERY = FIRST.replace("200", "dice.randint(1, 10**9) % 600")


async def swapped(folder, bars, strategies, *, after, **options):
    """Attach the strategies one after the other, each after so many slices of the last,
    and let the last one end.
    """
    for strategy, slices_seen in zip(strategies, after, strict=False):
        feed = Gated(bars, slices_seen)
        session = rbt.attach(strategy, rbt.PaperBroker(), feed=feed, journal=folder, **options)
        await processed(session, slices_seen)
    return await whole(strategies[-1], folder, feed=rbt.ReplayFeed(bars), **options)


def test_edited_code_takes_over_positions_and_orders_with_a_context_of_its_own(tmp_path):
    bars = daily_frame(12)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")

    session = run(swapped(tmp_path, bars, [one, two], after=[6]))

    alone, result = rbt.backtest(one, bars), session.result()
    assert result.orders.filter(result.orders["created"] < result.orders["created"][2])[
        "id"
    ].to_list() == [
        "1",
        "2",
    ]
    figures = ["date", "portfolio_value", "ending_cash", "returns", "pnl", "bars"]
    assert result.performance[:6][figures].equals(alone.performance[:6][figures])
    assert result.performance["bars"].to_list() == [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]
    assert [int(order) for order in result.orders["id"]] == list(range(1, len(result.orders) + 1))


@pytest.mark.parametrize("after", [[1], [6], [6, 3], [1, 1, 1, 5]])
def test_every_segment_of_a_swapped_session_is_proved(tmp_path, after):
    bars = daily_frame(16)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")
    strategies = [one, two, one, two, one][: len(after) + 1]

    session = run(swapped(tmp_path, bars, strategies, after=after))

    report = session.parity()
    assert report.identical, repr(report)
    assert report.not_compared == ()
    assert report.orders_compared == len(session.orders)
    assert len(session.result().performance) == 16


@pytest.mark.parametrize("after", [[100], [391 + 30], [7, 60, 200]])
def test_a_swap_in_the_middle_of_a_session_of_minutes_is_proved(tmp_path, after):
    bars = minute_frame(2)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")
    strategies = [one, two, one, two][: len(after) + 1]

    session = run(swapped(tmp_path, bars, strategies, after=after, frequency="1m"))

    report = session.parity()
    assert report.identical, repr(report)
    assert report.orders_compared > 90
    assert len(session.result().performance) == 2


def test_changed_parameters_are_an_edit(tmp_path):
    bars = daily_frame(20)

    async def changed():
        feed = Gated(bars, 7)
        await processed(rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path), 7)
        return await whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars), params={"step": 2})

    session = run(changed())

    assert session.engine.core.strategy.params == {"step": 2}
    assert session.parity().identical


def test_a_change_of_parameters_is_said_and_recorded_with_the_time_from_which_it_held(
    tmp_path, capsys
):
    bars = daily_frame(20)
    options = {"journal": tmp_path, "name": "x"}

    async def changed():
        feed = Gated(bars, 7)
        await processed(rbt.attach(Churn, rbt.PaperBroker(), feed=feed, **options), 7)
        running = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(bars, 12), params={"step": 2}, **options
        )
        await processed(running, 5)
        await running.stop()
        stopped = rbt.attach(
            Churn,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(bars),
            params={"step": 4},
            capital_base=50_000,
            on_divergence="positions",
            **options,
        )
        await stopped.wait()
        return running, stopped

    running, stopped = run(changed())

    said = capsys.readouterr().out
    assert "replaces it and carries its run on, with a change: step was 3, is 2" in said
    assert "info: the run goes on with a change: step was 3, is 2" in running.logs
    asked = "step was 2, is 4; capital_base was '100000', is '50000'"
    assert f"info: the run goes on with a change: {asked}" in stopped.logs
    days = stopped.result().performance["date"]
    held = {
        f"from {days[0]}": "step = 3",
        f"from {days[6]} 21:00 UTC": "step was 3, is 2",
        f"from {days[18]} 21:00 UTC": asked,
    }
    for result in (
        stopped.result(),
        rbt.open_session("x", journal=tmp_path).result(),
        rbt.BacktestResult.load(stopped.result().save(tmp_path / "kept")),
    ):
        assert held.items() <= result.provenance.items()
    assert stopped.parity().identical


def test_the_same_code_attached_again_is_no_swap(tmp_path):
    bars = daily_frame(20)
    one, again = defined(FIRST, "Edited"), defined(FIRST, "Edited")

    session = run(swapped(tmp_path, bars, [one, again, one], after=[5, 3]))

    assert "Swapped" not in [row[1] for row in rows_of(tmp_path, "Edited")]
    assert same(rbt.backtest(one, bars), session.result())


@pytest.mark.parametrize("seen", [6, 9])
def test_a_swapped_session_that_is_stopped_is_carried_on_from_the_swap(tmp_path, seen):
    bars = daily_frame(20)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")

    async def stopped(folder, stops):
        feed = Gated(bars, 6)
        await processed(rbt.attach(one, rbt.PaperBroker(), feed=feed, journal=folder), 6)
        if stops:
            feed = Gated(bars, seen - 6)
            session = rbt.attach(two, rbt.PaperBroker(), feed=feed, journal=folder)
            await processed(session, seen - 6)
            await session.stop()
        return await whole(two, folder, feed=rbt.ReplayFeed(bars))

    broken, unbroken = run(stopped(tmp_path / "b", True)), run(stopped(tmp_path / "u", False))

    assert same(unbroken.result(), broken.result())
    assert broken.parity().identical


def test_a_segment_whose_code_is_not_loaded_is_named_as_not_compared(tmp_path, monkeypatch):
    bars = daily_frame(12)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")
    session = run(swapped(tmp_path, bars, [one, two], after=[6]))
    everything = dict(known._SEEN)

    for missing, strategy in ((1, one), (2, two)):
        source = StrategyExecutor(strategy).fingerprint()
        kept = {identity: facts for identity, facts in everything.items() if identity[1] != source}
        monkeypatch.setattr(known, "_SEEN", kept)
        report = session.parity()
        assert not report.identical
        assert report.first_difference is None
        assert len(report.not_compared) == 1
        assert f"segment {missing} (Edited)" in report.not_compared[0]


def test_a_swap_to_code_whose_initialize_fails_is_refused_and_the_session_goes_on_unharmed(
    tmp_path,
):
    bars = daily_frame(12)
    one, broken = defined(FIRST, "Edited"), defined(BROKEN, "Edited")

    async def typo():
        feed = Gated(bars, 6)
        session = rbt.attach(one, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await processed(session, 6)
        rows = rows_of(tmp_path, "Edited")
        with pytest.raises(errors.SymbolNotFound, match="NOPE") as caught:
            rbt.attach(broken, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path)
        assert rows_of(tmp_path, "Edited") == rows
        assert rbt.sessions() == {"Edited": session}
        feed.allow(100)
        await session.wait()
        return session, caught

    session, caught = run(typo())

    lines = [(f.filename, f.lineno, f.name) for f in traceback.extract_tb(caught.tb)]
    assert ("<cell of Edited>", 7, "initialize") in lines
    assert same(rbt.backtest(one, bars), session.result())
    assert session.parity().identical


def test_initialize_of_edited_code_runs_once_prints_once_and_stands_where_the_session_stood(
    tmp_path, capsys
):
    bars = daily_frame(12)
    telling = FIRST.replace(
        "context.bars = 0",
        "context.bars = 0; context.stood = context.portfolio.cash; print('initialized at', "
        "context.stood)",
    ).replace("200", "100")
    one, two = defined(FIRST, "Edited"), defined(telling, "Edited")

    async def swap():
        session = rbt.attach(one, rbt.PaperBroker(), feed=Gated(bars, 6), journal=tmp_path)
        await processed(session, 6)
        cash = session.engine.portfolio.cash
        return cash, await whole(two, tmp_path, feed=rbt.ReplayFeed(bars))

    cash, session = run(swap())

    assert session.context.stood == cash < 100_000
    assert capsys.readouterr().out.count("initialized at") == 1
    assert session.parity().identical


def test_edited_code_is_refused_while_the_session_is_still_being_recovered(tmp_path):
    bars = daily_frame(12)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")
    stopped_run(tmp_path, bars, one, 8)

    async def early():
        session = rbt.attach(one, rbt.PaperBroker(), feed=Gated(bars, 2), journal=tmp_path)
        with pytest.raises(
            errors.StrategyChanged, match=r"still being recovered, 0 events so far.*in a moment"
        ):
            rbt.attach(two, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path)
        assert rbt.sessions() == {"Edited": session}
        again = rbt.attach(
            one, rbt.PaperBroker(), feed=Gated(bars, 2), journal=tmp_path
        )  # the same code may
        await processed(again, 2)
        return await whole(two, tmp_path, feed=rbt.ReplayFeed(bars))

    session = run(early())

    beside = run(swapped(tmp_path / "beside", bars, [one, two], after=[10]))
    assert same(beside.result(), session.result())
    assert session.parity().identical


def test_a_cell_with_an_edit_that_is_run_twice_at_once_swaps_twice(tmp_path):
    bars = daily_frame(12)
    one, two, three = defined(FIRST, "Edited"), defined(SECOND, "Edited"), defined(FIRST, "Edited")

    async def twice():
        session = rbt.attach(one, rbt.PaperBroker(), feed=Gated(bars, 6), journal=tmp_path)
        await processed(session, 6)
        rbt.attach(two, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path)
        return await whole(three, tmp_path, feed=rbt.ReplayFeed(bars))

    session = run(twice())

    assert session.result().performance["bars"].to_list() == [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]
    assert [row[1] for row in rows_of(tmp_path, "Edited")].count("Swapped") == 2
    assert session.parity().identical


def stopped_run(folder, bars, strategy, seen, **options):
    async def begun():
        feed = Gated(bars, seen)
        session = rbt.attach(strategy, rbt.PaperBroker(), feed=feed, journal=folder, **options)
        await processed(session, seen)
        await session.stop()
        return session

    return run(begun())


@pytest.mark.parametrize("seen", [1, 6, 11])
def test_positions_carry_a_stopped_run_on_under_edited_code(tmp_path, seen):
    bars = daily_frame(12)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")
    stopped_run(tmp_path, bars, one, seen)
    with pytest.raises(errors.StrategyChanged):
        run(whole(two, tmp_path, feed=rbt.ReplayFeed(bars)))

    session = run(whole(two, tmp_path, feed=rbt.ReplayFeed(bars), on_divergence="positions"))

    beside = run(swapped(tmp_path / "beside", bars, [one, two], after=[seen]))
    assert same(beside.result(), session.result())
    assert session.parity().identical


def test_code_whose_initialize_fails_in_a_new_process_leaves_the_run_as_it_was(tmp_path):
    bars = daily_frame(12)
    one, broken = defined(FIRST, "Edited"), defined(BROKEN, "Edited")
    stopped_run(tmp_path, bars, one, 6)
    rows = rows_of(tmp_path, "Edited")

    with pytest.raises(errors.SymbolNotFound, match="NOPE"):
        run(whole(broken, tmp_path, feed=rbt.ReplayFeed(bars), on_divergence="positions"))

    assert rows_of(tmp_path, "Edited") == rows
    assert rbt.sessions() == {}
    assert same(
        rbt.backtest(one, bars), run(whole(one, tmp_path, feed=rbt.ReplayFeed(bars))).result()
    )


@pytest.mark.parametrize("seen", [100, 389, 391, 450])
def test_positions_carry_a_run_on_from_the_middle_of_a_session(tmp_path, seen):
    bars = minute_frame(2)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")
    stopped_run(tmp_path, bars, one, seen, frequency="1m")

    session = run(
        whole(two, tmp_path, feed=rbt.ReplayFeed(bars), frequency="1m", on_divergence="positions")
    )

    beside = run(swapped(tmp_path / "beside", bars, [one, two], after=[seen], frequency="1m"))
    assert same(beside.result(), session.result())
    assert session.parity().identical


def test_a_strategy_that_rolls_dice_learns_where_it_went_another_way(tmp_path):
    import random

    bars = daily_frame(12)
    strategy = defined(LOTTERY, "Edited", dice=random.SystemRandom())
    stopped_run(tmp_path, bars, strategy, 8)

    with pytest.raises(errors.StrategyChanged) as caught:
        run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(bars)))

    assert re.search(
        r'at row 3 .*SessionClosed with row.orders\[0\].amount "\d+", is "\d+";', str(caught.value)
    )
    assert "random numbers" in str(caught.value)


def test_a_strategy_that_rolls_dice_goes_on_from_its_positions(tmp_path):
    import random

    bars = daily_frame(12)
    strategy = defined(LOTTERY, "Edited", dice=random.SystemRandom())
    before = stopped_run(tmp_path, bars, strategy, 8).result()

    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(bars), on_divergence="positions"))

    after = session.result()
    figures = ["date", "portfolio_value", "ending_cash", "returns", "bars"]
    assert after.performance[:8][figures].equals(before.performance[figures])
    assert len(after.performance) == 12
    assert any("goes on from its positions and orders: " in line for line in session.logs)


def test_edited_code_in_a_new_process_learns_where_it_would_have_gone_another_way(tmp_path):
    bars = daily_frame(12)
    one, two = defined(FIRST, "Edited"), defined(SECOND, "Edited")
    stopped_run(tmp_path, bars, one, 8)

    with pytest.raises(errors.StrategyChanged) as caught:
        run(whole(two, tmp_path, feed=rbt.ReplayFeed(bars)))

    assert "was edited" in str(caught.value)
    assert "first difference: " in str(caught.value)
    assert 'SessionClosed with row.orders[0].amount "200", is "-100"' in str(caught.value)
