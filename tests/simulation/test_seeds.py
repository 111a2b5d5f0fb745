"""Many worlds, each under its own seed: whatever goes wrong in them, the books stay
right.
"""

import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from tests.simulation.faults import (
    ACCOUNT_EVENTS,
    Fault,
    draw,
    draw_account_events,
    draw_odd_answers,
    shrink,
)
from tests.simulation.world import World, description_of, fails, run, scenario_of, wrong_in

SEEDS = range(150)
ROOT = Path(__file__).resolve().parents[2]


@cache
def outcome_of(seed):
    """Return what became of a seed's world; it is run once for the tests of this file."""
    return run(scenario_of(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_the_books_stay_right(seed):
    scenario = scenario_of(seed)

    wrong = wrong_in(scenario, outcome_of(seed))

    assert not wrong, description_of(scenario)


@pytest.mark.parametrize("seed", [3, 18, 31, 59])
def test_a_seed_gives_the_same_journal_byte_for_byte(seed):
    one, other = outcome_of(seed), run(scenario_of(seed))

    assert one.hash == other.hash != ""
    assert one == other


def test_a_seed_gives_the_same_journal_in_every_process():
    script = (
        "from tests.simulation.world import run, scenario_of\n"
        "for seed in (18, 31): print(run(scenario_of(seed)).hash)"
    )
    hashes = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        hashes.add(tuple(done.stdout.split()))

    assert hashes == {(outcome_of(18).hash, outcome_of(31).hash)}


def test_a_journal_on_a_real_disk_is_the_one_in_memory(tmp_path):
    scenario = scenario_of(29)

    outcome = run(scenario, folder=tmp_path)

    assert outcome.starts > 3
    assert outcome == outcome_of(29)


def test_the_seeds_of_the_suite_meet_every_kind_of_fault():
    planned = {
        fault.what
        for seed in SEEDS
        for fault in (
            *draw(seed, seconds=600),
            *draw_account_events(seed, seconds=600),
            *draw_odd_answers(seed),
        )
    }

    assert {
        "kill",
        "power",
        "tear",
        "slow",
        "late",
        "lost",
        "cut",
        "duplicate",
        "reorder",
        "drop",
        "delay",
    } <= planned
    assert {
        "venue restarts",
        "clock jumps",
        "clock jumps back",
        "bars fall silent",
        "disconnect",
    } <= planned
    assert {"too many", *ACCOUNT_EVENTS} <= planned
    assert {"odd answer", "flicker", "garbage"} <= planned
    nights = [scenario_of(seed).night for seed in SEEDS]
    assert {night.ratio for night in nights if night} == {1, 2, 3, Decimal("0.5"), Decimal("0.25")}
    assert {night.symbol for night in nights if night} == {"AAA", "BBB"}


class Forgetful(World):
    """A world in which rows that were synced go missing, and nobody says so."""

    @property
    def torn(self):
        return False

    @torn.setter
    def torn(self, value):
        pass


def test_a_planted_loss_is_found_and_traced_to_its_fault():
    tear = Fault("after send", 4, "tear", 3.0)
    scenario = replace(
        scenario_of(0),
        faults=(*scenario_of(30).faults, *scenario_of(9).faults, tear),
        stream_loss=0.0,
    )

    def goes_wrong(faults):
        return bool(Forgetful(replace(scenario, faults=tuple(faults))).run().wrong)

    assert goes_wrong(scenario.faults)
    assert shrink(scenario.faults, goes_wrong) == [tear]


def test_a_list_of_faults_shrinks_to_what_it_takes():
    faults = [Fault("submit", number, "lost") for number in range(1, 33)]
    needed = {faults[4], faults[21]}

    assert shrink(faults, lambda left: needed <= set(left)) == [faults[4], faults[21]]
    assert shrink(faults, lambda _left: True) == []


def test_a_failing_seed_tells_how_to_see_it_again(monkeypatch):
    monkeypatch.setattr("tests.simulation.world.World", Forgetful)
    scenario = replace(
        scenario_of(0), faults=(Fault("after send", 4, "tear", 3.0),), stream_loss=0.0
    )

    assert fails(scenario, scenario.faults)
    text = description_of(scenario)

    assert "--seeds 0" in text
    assert "tear" in text
