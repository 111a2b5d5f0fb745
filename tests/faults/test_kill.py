"""Kill -9 at any instant: the next attach carries on, and the whole equals a run that
nobody killed.
"""

from __future__ import annotations

import random

import pytest

from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.builders import moments, rows_of
from tests.faults import kill_many
from tests.faults.killing import KILLED, Host

SESSIONS = 60
LENGTHS = {"1d": SESSIONS, "1m": 1, "5m": 2, "1h": 8, "1w": 200}
"""How many sessions a run of bars of an interval has."""


@pytest.fixture(scope="module")
def host():
    process = Host()
    yield process
    process.close()


@pytest.fixture(scope="module")
def unbroken(host, tmp_path_factory):
    """Return the rows of runs that nobody killed, by how long their bars are."""
    rows = {}
    for frequency, sessions in LENGTHS.items():
        folder = tmp_path_factory.mktemp("unbroken")
        assert host.run(folder, sessions, frequency=frequency)[0] == 0
        rows[frequency] = rows_of(folder, "s")
    return rows


def carried_on(host, folder, sessions, *, frequency="1d"):
    """Let a session run to its end, and return its rows."""
    assert host.run(folder, sessions, frequency=frequency)[0] == 0
    with open_run(StateFolder(folder), "s") as recorded:
        assert recorded.ended
    return rows_of(folder, "s")


@pytest.mark.parametrize("seed", range(12))
def test_a_session_killed_at_random_instants_does_what_the_unbroken_one_does(
    host, unbroken, tmp_path, seed
):
    chance = random.Random(seed)
    deaths = 0
    for _death in range(3):
        # a child that is carried on replays what it knows first, and tells of every bar
        # again
        code, _reported = host.run(tmp_path, SESSIONS, kill_after=chance.randint(0, SESSIONS - 1))
        deaths += code == KILLED

    rows = carried_on(host, tmp_path, SESSIONS)

    assert deaths >= 1
    assert rows == unbroken["1d"]


@pytest.mark.parametrize("commit", [-1, 1, -2, 2, -3, 3, -4, 4, -7, 7, -15, 15])
def test_a_session_that_dies_at_a_commit_does_what_the_unbroken_one_does(
    host, unbroken, tmp_path, commit
):
    codes = [host.run(tmp_path, SESSIONS, crash_at=commit)[0] for _time in range(2)]

    rows = carried_on(host, tmp_path, SESSIONS)

    assert codes[0] == KILLED
    assert rows == unbroken["1d"]


@pytest.mark.parametrize("kill_after", [1, 77, 300, 389])
def test_a_session_of_minutes_killed_in_its_middle_does_what_the_unbroken_one_does(
    host, unbroken, tmp_path, kill_after
):
    code, _reported = host.run(tmp_path, 1, frequency="1m", kill_after=kill_after)

    rows = carried_on(host, tmp_path, 1, frequency="1m")

    assert code == KILLED
    assert rows == unbroken["1m"]


@pytest.mark.parametrize(
    ("frequency", "kill_after"), [("5m", 40), ("5m", 78), ("1h", 7), ("1h", 30), ("1w", 17)]
)
def test_a_session_over_bars_of_any_interval_is_carried_on(
    host, unbroken, tmp_path, frequency, kill_after
):
    sessions = LENGTHS[frequency]
    code, _reported = host.run(tmp_path, sessions, frequency=frequency, kill_after=kill_after)

    rows = carried_on(host, tmp_path, sessions, frequency=frequency)

    assert code == KILLED
    assert rows == unbroken[frequency]


def test_no_order_of_a_session_that_is_killed_again_and_again_is_lost_or_doubled(
    host, unbroken, tmp_path
):
    known = 0
    for kill_after in range(2, SESSIONS, 4):
        host.run(tmp_path, SESSIONS, kill_after=kill_after)
        seen = len(moments(tmp_path, "s"))
        assert seen >= known, "what was journaled once must stay"
        known = seen

    rows = carried_on(host, tmp_path, SESSIONS)

    orders = [row for row in rows if row[1] == "SubmitOrder"]
    assert orders == [row for row in unbroken["1d"] if row[1] == "SubmitOrder"]
    assert rows == unbroken["1d"]


def test_the_command_that_kills_as_often_as_wanted_tells_what_came_of_it(capsys):
    wrong = kill_many.main(["--deaths", "4", "--sessions", "20", "--seed", "7"])

    assert wrong == 0
    assert "deaths in" in capsys.readouterr().out
