"""Kill -9 of a session that trades at a venue on the wire: nothing is lost, nothing is
doubled, and the end is the same.

`python scripts/kill_session.py --deaths 200` does the same as often as wanted.
"""

from __future__ import annotations

import copy
import random

import pytest

from scripts import kill_session
from tests.faults.venue_host import POINTS
from tests.faults.venue_killing import Ground, Life, lives_at_every_point, random_lives


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    venue_and_host = Ground(tmp_path_factory.mktemp("ground"))
    yield venue_and_host
    venue_and_host.close()


@pytest.fixture(scope="module")
def unbroken(ground):
    """Return the run that nobody killed."""
    return ground.run([])


def test_the_run_that_nobody_killed_has_orders_of_every_kind(unbroken):
    states = [order["state"] for order in unbroken.final["orders"]]
    parts = [order_id for order_id, _amount, _price in unbroken.final["transactions"]]

    assert unbroken.wrong() == []
    assert set(states) == {"filled", "canceled", "rejected", "pending"}
    assert len(parts) > len(set(parts)), "some orders fill in parts"
    assert len(unbroken.ids) > 20
    assert unbroken.packed > 3


def test_money_comes_and_goes_and_a_symbol_changes_while_it_trades(unbroken):
    assert unbroken.booked == {
        "dividend": ["3.5", "-2.5"],
        "fee": ["-0.25"],
        "deposit": ["1000"],
        "interest": ["1.75"],
    }


def test_a_session_that_dies_at_every_named_point_ends_as_the_unbroken_one_does(ground, unbroken):
    run = ground.run(lives_at_every_point(random.Random(5)))

    assert run.missed == []
    assert run.deaths.keys() == POINTS.keys()
    assert run.wrong(unbroken) == []


def test_a_session_killed_at_random_instants_ends_as_the_unbroken_one_does(ground, unbroken):
    run = ground.run(random_lives(random.Random(1), 6))

    assert run.killed["session"] >= 4
    assert run.wrong(unbroken) == []


def test_a_session_killed_together_with_its_venue_ends_as_the_unbroken_one_does(ground, unbroken):
    run = ground.run([Life(bars=7, after_s=0.005, who="both")])

    assert run.killed["both"] == 1
    assert run.wrong(unbroken) == []


def test_a_venue_that_is_killed_and_comes_back_with_its_book_has_each_order_once(ground):
    run = ground.run([Life(bars=9, after_s=0.003, who="venue")])

    assert run.killed["venue"] == 1
    assert run.wrong() == []


def test_what_is_lost_doubled_or_different_is_reported(unbroken):
    lost, doubled, different = (copy.deepcopy(unbroken) for _ in range(3))
    lost.ids.remove("2")
    doubled.ids.append("2")
    different.final["transactions"].pop()

    assert any("ids of intents" in sentence for sentence in lost.wrong())
    assert any("each once" in sentence for sentence in doubled.wrong())
    assert any(
        "transactions of the unbroken run" in sentence for sentence in different.wrong(unbroken)
    )


def test_the_command_tells_what_came_of_it(capsys):
    status = kill_session.main(["--deaths", "2", "--each-point", "0", "--venue-deaths", "0"])

    assert status == 0
    assert "2 deaths in" in capsys.readouterr().out
