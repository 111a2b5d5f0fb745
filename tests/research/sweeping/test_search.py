"""Searches by optuna maximise, repeat by their seed, and go on from their storage."""

from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
import pytest

from rbtlive.errors import EmptySweep, InvalidSetting, StoreMismatch
from tests.research.sweeping.sweeps import Counts, FailsOnThree, sweep

SPACE = {"fast": range(2, 6), "slow": [4, 6, 7]}


@contextmanager
def study_of(name, path):
    """Give a study as optuna itself opens it."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        yield optuna.load_study(study_name=name, storage=storage)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def open_files():
    """Return the paths of the files that this process has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(link.readlink()))
    return found


def test_a_search_has_a_row_a_trial_and_repeats_by_its_seed():
    one, again = (sweep(params=SPACE, method="optuna", n=6, seed=3) for _ in range(2))

    assert len(one) == 6
    assert one.method == "optuna"
    assert one.frame.drop("seconds").equals(again.frame.drop("seconds"))


def test_a_sampler_searches_its_own_way_and_where_holds():
    sampler = optuna.samplers.RandomSampler(seed=2)

    found = sweep(params=SPACE, method=sampler, n=7, where=lambda p: p.fast < p.slow - 1)

    assert found.method == "RandomSampler"
    assert (found.frame["fast"] < found.frame["slow"] - 1).all()


def test_distributions_and_several_objectives_are_optunas():
    space = {"fast": optuna.distributions.IntDistribution(2, 5)}

    found = sweep(params=space, method="optuna", n=5, maximize=["sharpe", "-turnover"], seed=1)

    assert found.frame["fast"].is_between(2, 5).all()
    assert found.pareto.height >= 1


def test_a_failing_trial_is_a_row_and_the_search_goes_on():
    found = sweep(FailsOnThree, {"fast": [2, 3]}, method="optuna", n=6, seed=1)

    assert len(found) == 6
    assert set(found.errors["fast"]) == {3}


@pytest.mark.parametrize("kind", ["path", "url"])
def test_a_search_goes_on_from_its_storage(tmp_path, kind):
    path, note = tmp_path / "study.sqlite", tmp_path / "note"
    note.touch()
    store = path if kind == "path" else f"sqlite:///{path}"
    space = {**SPACE, "note": str(note)}

    sweep(Counts, space, method="optuna", n=3, seed=1, store=store)
    found = sweep(Counts, space, method="optuna", n=5, seed=2, store=store)

    assert note.read_text().count("run") == 5
    assert len(found) == 5
    with study_of("rbtlive Counts", path) as study:
        assert len(study.trials) == 5
    assert found.returns().shape[1] == 5


def test_a_trial_that_a_kill_left_running_is_run_again(tmp_path):
    path = tmp_path / "study.sqlite"
    sweep(params=SPACE, method="optuna", n=2, seed=1, store=path)
    with study_of("rbtlive Cross", path) as study:
        left = study.ask(
            {
                "fast": optuna.distributions.IntDistribution(2, 5),
                "slow": optuna.distributions.CategoricalDistribution((4, 6, 7)),
            }
        ).params

    found = sweep(params=SPACE, method="optuna", n=3, seed=1, store=path)

    assert found.row(2).params == left


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux names open files")
@pytest.mark.parametrize("kind", ["path", "url"])
def test_no_connection_to_a_storage_stays_open_after_a_search(tmp_path, kind):
    path = tmp_path / "study.sqlite"
    options = {"method": "optuna", "n": 2, "store": path if kind == "path" else f"sqlite:///{path}"}

    sweep(params=SPACE, **options)
    with pytest.raises(StoreMismatch):
        sweep(params=SPACE, **options, maximize="calmar")

    assert [file for file in open_files() if file.startswith(str(path))] == []


def test_a_seeded_search_that_is_taken_up_proposes_what_it_would_have_proposed(tmp_path):
    options = {"method": "optuna", "seed": 4, "where": lambda p: p.fast != 3}
    whole = sweep(params=SPACE, n=16, **options)

    for n in (3, 11, 16):
        found = sweep(params=SPACE, n=n, store=tmp_path / "study.sqlite", **options)

    assert found.frame.drop("seconds").equals(whole.frame.drop("seconds"))


def test_a_where_that_refuses_everything_ends_the_search():
    with pytest.raises(EmptySweep, match="refused 500 proposals"):
        sweep(params=SPACE, method="optuna", n=2, where=lambda _p: False)


def test_a_storage_that_is_none_is_refused():
    with pytest.raises(InvalidSetting, match="an optuna storage or its URL"):
        sweep(params=SPACE, method="optuna", n=2, store=7)


def test_a_sampler_made_for_other_parameters_is_named():
    sampler = optuna.samplers.GridSampler({"other": [2, 3]})

    with pytest.raises(InvalidSetting, match="GridSampler draws no set of the parameters fast"):
        sweep(params={"fast": [2, 3]}, method=sampler, n=2)
