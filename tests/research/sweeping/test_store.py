"""Stores of sweeps: what they refuse, and what they go on with."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from rbtlive.errors import StoreMismatch, SweepError
from rbtlive.finance.commission import CommissionModel
from rbtlive.research.sweeping.identity import text_of
from rbtlive.research.sweeping.sweep_store import RunStore
from rbtlive.research.sweeping.work import RunRow
from tests.research.sweeping.sweeps import Cross, portal, sweep
from tests.research.sweeping.test_params import Anything


class Flat(CommissionModel):
    def __init__(self, cost):
        self.cost = cost

    def calculate(self, order, transaction):
        return self.cost


def test_a_store_of_another_objective_of_the_same_name_is_refused(tmp_path):
    path = tmp_path / "s.sqlite"
    sweep(store=path, maximize=lambda run: run.sharpe)

    sweep(store=path, maximize=lambda run: run.sharpe)  # the same again
    with pytest.raises(StoreMismatch, match="its maximize was"):
        sweep(store=path, maximize=lambda run: run.calmar)


def test_a_store_knows_costs_by_what_they_are(tmp_path):
    path = tmp_path / "s.sqlite"
    sweep(store=path, commission=Flat(1))

    sweep(store=path, commission=Flat(1))
    with pytest.raises(StoreMismatch, match="its commission was 'Flat"):
        sweep(store=path, commission=Flat(2))


def test_a_run_that_began_where_its_windows_fit_is_not_one_that_has_a_start(tmp_path):
    path = tmp_path / "s.sqlite"
    sweep(store=path, start=None)

    with pytest.raises(StoreMismatch, match="its begins was"):
        sweep(store=path, start=portal().calendar.label(portal().first_session))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2), [1, 2]),
        ({1: 2}, {"1": 2}),
        (1, True),
        (1, 1.0),
        (None, "None"),
        ([lambda v: v][0], [lambda v: v + 1][0]),
        ([lambda v: v][0], [lambda v, w=1: v][0]),
        (Flat(1), Flat(2)),
    ],
)
def test_values_that_differ_are_known_by_different_texts(one, other):
    assert text_of(one) != text_of(other)
    assert text_of(one) == text_of(one)


def test_equal_functions_of_two_cells_are_known_by_one_text():
    made = []
    for cell in ("<cell 1>", "<cell 2>"):
        names: dict = {"__name__": "__main__"}
        source = "\n" * len(made) + "def helper(v):\n    return v in {'a', 'b'}\n"
        exec(compile(source + "f = lambda run: helper(run)", cell, "exec"), names)
        made.append(names["f"])
    other = {"__name__": "__main__"}
    exec("def helper(v):\n    return v in {'a'}\nf = lambda run: helper(run)", other)

    assert text_of(made[0]) == text_of(made[1])
    assert text_of(made[0]) != text_of(other["f"])


SCRIPT = """
import types
SIZE, BAND = 5, (0.0, 1.0)
seen, runs = [], 0
near = types.ModuleType("near")
near.EXTRA, near.OTHER = 0, 1

def rule(price):
    return level() + BAND[0] if price > 0 else 0

def level():
    return SIZE + near.EXTRA

class Model:
    def size(self, price):
        return rule(price)

class Helped(Cross):
    def initialize(self, context):
        global runs
        runs += 1
        super().initialize(context)

    def handle_data(self, context, data):
        seen.append(1)
        self.order_target(context.asset, Model().size(data.current(context.asset, "close")))
"""


def _helped(old="", new="", *, name="cell"):
    names: dict = {"__name__": "__main__", "Cross": Cross}
    assert old in SCRIPT
    exec(compile(SCRIPT.replace(old, new) if old else SCRIPT, name, "exec"), names)
    return names["Helped"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("SIZE, BAND = 5,", "SIZE, BAND = 6,", "SIZE"),
        ("(0.0, 1.0)", "(0.5, 1.0)", "BAND"),
        ("price > 0", "price > 1", "rule"),
        ("return SIZE +", "return SIZE -", "level"),
        ("near.EXTRA, near.OTHER = 0,", "near.EXTRA, near.OTHER = 3,", "near.EXTRA"),
        ("return rule(price)", "return -rule(price)", "Model.size"),
    ],
)
def test_a_store_is_refused_once_a_helper_or_constant_of_the_strategy_has_changed(
    tmp_path, old, new, said
):
    path = tmp_path / "s.sqlite"
    sweep(_helped(), {"fast": [2]}, store=path)
    edited = _helped(old, new)

    with pytest.raises(StoreMismatch, match=f"what the strategy uses has changed since: {said};"):
        sweep(edited, {"fast": [2]}, store=path)
    pytest.importorskip("optuna")
    options = {"method": "optuna", "n": 1, "store": f"sqlite:///{tmp_path}/o.sqlite"}
    sweep(_helped(), {"fast": [2]}, **options)
    with pytest.raises(StoreMismatch, match=f"what the strategy uses has changed since: {said};"):
        sweep(edited, {"fast": [2]}, **options)


def test_a_store_goes_on_although_runs_changed_a_counter_and_a_list(tmp_path):
    path, strategy = tmp_path / "s.sqlite", _helped()
    sweep(strategy, {"fast": [2]}, store=path)

    sweep(strategy, {"fast": [2, 3]}, store=path, workers=1)
    again = _helped("near.OTHER = 0, 1", "near.OTHER = 0, 2", name="another cell")
    assert len(sweep(again, {"fast": [2, 3]}, store=path)) == 2


def test_a_store_is_refused_once_a_value_was_set_on_the_class(tmp_path):
    class Sized(Cross):
        size, runs = 5, 0

        def initialize(self, context):
            super().initialize(context)
            type(self).runs = Sized.runs = Sized.runs + 1

    path = tmp_path / "s.sqlite"
    sweep(Sized, {"fast": [2]}, store=path)
    assert len(sweep(Sized, {"fast": [2, 3]}, store=path)) == 2  # runs changed by a run
    Sized.size = 7

    with pytest.raises(StoreMismatch, match="values of the strategy have changed since: size;"):
        sweep(Sized, {"fast": [2]}, store=path)


def test_a_run_that_took_too_long_is_tried_again_under_another_limit(tmp_path):
    path, sets = tmp_path / "s.sqlite", {"fast": [2], "slow": [4]}
    first = sweep(Patient, sets, store=path, timeout=0.05)
    assert first.errors["error"][0].startswith("RunTimedOut")
    count = len(Patient.begun)
    assert sweep(Patient, sets, store=path, timeout=0.05).errors.height == 1
    assert len(Patient.begun) == count  # the same limit is not tried again

    assert sweep(Patient, sets, store=path).errors.is_empty()
    assert sweep(Patient, sets, store=path, timeout=0.05).errors.is_empty()


class Patient(Cross):
    """Counts its runs; the first never ends."""

    begun: list = []  # noqa: RUF012 - of all runs

    def initialize(self, context):
        super().initialize(context)
        Patient.begun.append(1)
        while len(Patient.begun) == 1:
            pass


def test_a_store_of_an_earlier_version_goes_on(tmp_path):
    path = tmp_path / "s.sqlite"
    sweep(store=path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM rbtlive_sweep WHERE name IN ('uses', 'values')")

    assert len(sweep(store=path)) == 6


def test_processes_that_start_one_store_at_once_find_all_of_its_facts_or_none(tmp_path):
    facts = {f"fact {number}": "x" * 100 for number in range(200)}

    def opened(path):
        RunStore(path, facts).close()
        return True

    with ThreadPoolExecutor(4) as pool:
        for attempt in range(10):
            started = [pool.submit(opened, tmp_path / f"{attempt}.sqlite") for _ in range(4)]
            assert all(one.result() for one in started)


def test_a_store_keeps_parameters_of_any_kind(tmp_path):
    path = tmp_path / "s.sqlite"
    values = [{(1, 2): 3}, (1, 2), [1, 2], lambda v: v]

    for _ in range(2):
        sweep(Anything, {"what": values}, store=path)

    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("SELECT count(*) FROM rbtlive_runs").fetchone() == (4,)


def test_a_random_search_without_a_seed_goes_on_with_the_one_it_drew(tmp_path):
    options = {"params": {"fast": range(2, 60)}, "method": "random", "store": tmp_path / "s"}

    first = sweep(n=4, **options)
    more = sweep(n=8, **options)

    assert more.seed == first.seed
    assert set(first.frame["fast"]) < set(more.frame["fast"])


def test_a_path_that_is_no_file_is_said(tmp_path):
    (tmp_path / "file").touch()

    for path in (tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(SweepError, match=r"store .* cannot be used.*pass another path"):
            sweep(store=path)


def test_a_damaged_row_is_said(tmp_path):
    path = tmp_path / "s.sqlite"
    sweep(store=path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE rbtlive_runs SET metrics = '{'")

    with pytest.raises(StoreMismatch, match="is not a file of a sweep, or is damaged"):
        sweep(store=path)


def test_a_store_that_fails_in_the_middle_leaves_the_finished_runs(tmp_path, monkeypatch):
    real, kept = RunStore.put, []

    def full(self, row):
        if len(kept) == 2:
            self._connection.execute("PRAGMA max_page_count = 1")
            row = RunRow(row.params, error="x" * 1_000_000)
        kept.append(row)
        real(self, row)

    monkeypatch.setattr(RunStore, "put", full)

    with pytest.raises(SweepError, match="database or disk is full") as caught:
        sweep(store=tmp_path / "s.sqlite")

    assert len(caught.value.result) == 2
    assert "the sweep ended after 2 runs" in caught.value.__notes__[0]


@pytest.mark.skipif(os.name == "nt", reason="of POSIX")
def test_a_store_that_another_program_holds_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    sweep(store=path)
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **{**k, "timeout": 0.01}))
    holder = real(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(SweepError, match="cannot be used: database is locked; free it"):
        sweep(Cross, {"fast": [7], "slow": [8]}, store=path)

    holder.close()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": portal(41)}, "its bars, splits or dividends have changed"),
        ({"maximize": "calmar"}, "its maximize was"),
        ({"maximize": "-sharpe"}, "its direction was"),
        ({"params": {"slow": [4, 6]}}, "its parameters was"),
    ],
)
def test_a_storage_of_optuna_that_holds_another_sweep_is_refused(tmp_path, changed, message):
    url = f"sqlite:///{tmp_path / 'o.sqlite'}"
    options = {"params": {"fast": [2, 3]}, "method": "optuna", "n": 2, "store": url}
    sweep(**options)

    with pytest.raises(StoreMismatch, match=message):
        sweep(**{**options, **changed})


def test_a_storage_that_optuna_cannot_open_is_said():
    with pytest.raises(SweepError, match="cannot be used by optuna"):
        sweep(method="optuna", n=2, store="nonsense://x")
