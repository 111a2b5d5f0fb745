"""What a session promises about orders, fills and bars, in numbers."""

from collections import Counter
from dataclasses import replace

import pytest

from rbtlive.model.events import MarketDataEvent
from tests.simulation.faults import Fault
from tests.simulation.strategies import KINDS
from tests.simulation.world import Scenario, World, run

AFTER_ACCEPTANCE = ("no answer", "reset after", "server error after")


@pytest.mark.parametrize("seed", range(4))
def test_no_submission_that_fails_after_it_was_accepted_is_doubled(seed):
    faults = tuple(
        Fault("submit", number, AFTER_ACCEPTANCE[(number + seed) % 3]) for number in range(1, 1000)
    )

    world = World(Scenario(seed=seed, strategy="Busy", faults=faults, latency_s=0.02))
    outcome = world.run()

    assert outcome.wrong == []
    assert (
        sum(outcome.struck.values()) == 300
    )  # 1,200 in the four worlds; those after the trouble arrive unharmed
    assert len(outcome.orders) == len(world.venue.book) - 1 == 330  # one was typed by hand
    assert world.venue.repeats == Counter()
    assert outcome.lost == []


@pytest.mark.parametrize("strategy", sorted(KINDS))
@pytest.mark.parametrize("lists_executions", [True, False])
def test_with_four_fifths_of_the_stream_lost_positions_are_right_within_a_poll(
    strategy, lists_executions
):
    scenario = Scenario(
        seed=7,
        strategy=strategy,
        stream_loss=0.8,
        poll_s=2.0,
        latency_s=0.05,
        lists_executions=lists_executions,
    )

    outcome = run(scenario)

    assert outcome.wrong == []
    assert outcome.struck["news: drop"] > 20
    answers_s = 6 * scenario.latency_s  # three questions, there and back
    answers_s += 2 * scenario.latency_s * 10  # and one an order where the list tells no executions
    assert 1.0 < outcome.longest_lag_s <= scenario.poll_s + answers_s


@pytest.mark.parametrize("whole_slices", [True, False])
def test_five_hundred_disconnects_of_each_stream_leave_no_gap_and_lose_no_fill(whole_slices):
    names = ("bars disconnect", "news disconnects")
    faults = tuple(
        Fault("time", number, names[number % 2]) for number in range(61, 1061)
    )  # one a second

    scenario = Scenario(seed=1, whole_slices=whole_slices, latency_s=0.01, minutes=18)
    world = World(replace(scenario, faults=faults))
    world.whole_bars = True
    outcome = world.run()

    assert outcome.wrong == []
    assert outcome.struck == {"time: bars disconnect": 500, "time: news disconnects": 500}
    assert outcome.figures["connections"] == 1002  # each came back, once
    unbroken = run(scenario)
    assert (outcome.orders, outcome.positions, outcome.cash) == (
        unbroken.orders,
        unbroken.positions,
        unbroken.cash,
    )


@pytest.mark.parametrize("whole_slices", [True, False])
@pytest.mark.parametrize(("away_s", "halts"), [(8.0, 0), (55.0, 0), (300.0, 1)])
def test_an_outage_of_the_bars_costs_none_however_long_it_is_and_a_long_one_halts_trading(
    away_s, halts, whole_slices
):
    away = Fault("time", 175, "bars are away", away_s)
    world = World(Scenario(seed=1, faults=(away,), whole_slices=whole_slices))
    world.whole_bars = True
    outcome = world.run()

    assert outcome.wrong == []
    assert outcome.figures["halts"] == halts


def test_bars_that_a_stream_lost_in_silence_are_named_when_it_is_opened_again():
    world = World(Scenario(seed=1, faults=(Fault("time", 115, "bars fall silent", 100.0),)))
    outcome = world.run()

    assert outcome.wrong == []
    journal = world.disk.open(dict, clock=world.clock, reached=lambda _point: None)
    named = [
        row
        for row in journal.rows()
        if row.type == "SystemErrorEvent" and "came late" in row.payload
    ]
    empty = [e for _seq, e in journal.events() if isinstance(e, MarketDataEvent) and not e.bars]
    journal.close()
    assert empty
    assert len(named) == 2 * len(empty)
