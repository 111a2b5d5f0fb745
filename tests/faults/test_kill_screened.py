"""Kill -9 in the middle of a session that trades by tables of custom data."""

import random

import pytest

from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.recorder import PIPELINE_COMPUTED
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.builders import rows_of
from tests.faults.killing import KILLED, Host

SESSIONS, BARS = 4, 2 * 390


@pytest.fixture(scope="module")
def host():
    process = Host()
    yield process
    process.close()


def run(host, folder, **kill):
    options = {"frequency": "1m", "strategy": "screened"}
    return host.run(folder, SESSIONS, **options, **kill)[0]


@pytest.fixture(scope="module")
def unbroken(host, tmp_path_factory):
    """Return the rows of a run that nobody killed: it orders by tables of all times."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert run(host, folder) == 0
    with open_run(StateFolder(folder), "s") as recorded:
        tables = [row.type for row in recorded.rows()].count(PIPELINE_COMPUTED)
    assert tables == 2 * 3  # the first two sessions are history
    return rows_of(folder, "s")


@pytest.mark.parametrize("seed", range(3))
def test_a_session_with_tables_killed_at_random_bars_does_what_the_unbroken_one_does(
    host, unbroken, tmp_path, seed
):
    """Before, between and after the tables of a day, several times over."""
    chance, deaths = random.Random(seed), 0
    for _death in range(3):
        deaths += run(host, tmp_path, kill_after=chance.randint(1, BARS - 1)) == KILLED

    assert run(host, tmp_path) == 0

    assert deaths >= 1
    assert rows_of(tmp_path, "s") == unbroken


@pytest.mark.parametrize("commit", [-2, 2, -9, 9, -25, 25])
def test_it_does_so_after_a_death_at_a_commit(host, unbroken, tmp_path, commit):
    codes = [run(host, tmp_path, crash_at=commit) for _time in range(2)]

    assert run(host, tmp_path) == 0

    assert codes[0] == KILLED
    assert rows_of(tmp_path, "s") == unbroken
