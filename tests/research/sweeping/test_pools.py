"""Runs give the same in processes, on a dask cluster and in any executor, also when a
worker dies.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from rbtlive.errors import ForkedProcess, InvalidSetting, NotPicklable, SweepError
from rbtlive.research.sweeping import driver
from rbtlive.research.sweeping.pools import ProcessPool
from tests.research.sweeping.sweeps import (
    SETS,
    Cross,
    DiesOnce,
    FailsOnThree,
    Loops,
    Remembers,
    Sleeps,
    sweep,
)


def same(left, right):
    return left.frame.drop("seconds").equals(right.frame.drop("seconds"))


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("loky", 'write backend="processes"'),
        ("threads", 'write backend="processes"'),
        (ThreadPoolExecutor, r"pass one of it, backend=ThreadPoolExecutor\(...\)"),
        ("cluster", "was 'cluster'$"),
    ],
)
def test_a_backend_that_is_none_is_refused_with_what_to_write(backend, message):
    with pytest.raises(InvalidSetting, match=message):
        sweep(backend=backend, workers=2)


def test_a_dask_client_that_is_closed_is_said():
    facts = {"__module__": "distributed.client", "status": "closed", "submit": print}

    with pytest.raises(InvalidSetting, match="was one that is closed; make another"):
        sweep(backend=type("Client", (), facts)(), workers=2)


def test_an_executor_that_is_shut_down_is_said():
    with ThreadPoolExecutor(2) as executor:
        pass

    with pytest.raises(SweepError, match=r"takes no work: .* pass one that is not shut down"):
        sweep(backend=executor)


def test_processes_give_what_this_process_gives():
    assert same(sweep(FailsOnThree, workers=2), sweep(FailsOnThree))


def test_a_worker_that_is_killed_loses_nothing(tmp_path):
    params = {**SETS, "note": str(tmp_path / "died")}

    found = sweep(DiesOnce, params, workers=2)

    assert (tmp_path / "died").exists()
    assert found.frame["error"].null_count() == len(found) == 6


def test_parameters_that_kill_every_worker_are_a_row_and_the_others_are_done(tmp_path):
    params = {**SETS, "note": str(tmp_path / "died"), "always": True}

    found = sweep(DiesOnce, params, workers=2)

    assert found.errors.select("fast", "slow").rows() == [(3, 6)]
    assert found.errors["error"][0].startswith("LostWorker: the worker process died")


def test_a_run_that_loops_for_ever_is_a_row_with_its_error():
    found = sweep(Loops, {"fast": [3], "slow": [6]}, timeout=0.2)

    (error,) = found.errors["error"].to_list()
    assert error.startswith("RunTimedOut: the run took longer than timeout=0.2 s (line ")
    assert "of handle_data: " in error


def test_time_enough_changes_nothing_and_nothing_is_raised_later():
    assert same(sweep(FailsOnThree, timeout=3600), sweep(FailsOnThree))
    limits = [one for one in threading.enumerate() if one.name == "rbtlive-time-limit"]
    for one in limits:
        one.join(30)
    assert not any(one.is_alive() for one in limits)


def test_workers_that_wait_for_ever_are_killed_and_replaced(monkeypatch):
    left = []
    kill = ProcessPool.kill

    def kill_and_look(pool):
        workers = list(pool._executor._processes.values())
        assert workers
        kill(pool)
        left.extend(worker.is_alive() for worker in workers)

    monkeypatch.setattr(driver, "BLOCKED_S", 0.5)
    monkeypatch.setattr(ProcessPool, "kill", kill_and_look)

    found = sweep(Sleeps, {"fast": [3], "slow": [6]}, workers=2, timeout=0.2)

    assert found.errors["error"].to_list() == [
        "RunTimedOut: the run took longer than timeout=0.2 s"
    ]
    assert left
    assert not any(left)  # a blocked one would keep the interpreter from its exit
    assert same(sweep(workers=2), sweep())


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), "1 min", True])
def test_a_timeout_is_seconds_above_zero(timeout):
    with pytest.raises(InvalidSetting, match=r"timeout of sweep\(\) must be seconds above zero"):
        sweep(timeout=timeout)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_run_puts_into_lists_on_its_class_is_in_no_other_run(workers):
    found = sweep(Remembers, workers=workers)

    assert found.errors.height == 0
    assert (Remembers.seen, Remembers.by_kind, Remembers.names) == ([], {"bars": []}, {"a"})
    assert Remembers._own == []


def test_what_cannot_travel_is_named():
    class Locked(Cross):
        lock = threading.Lock()

    with pytest.raises(NotPicklable, match=r"lock.*cannot travel.*pass workers=1"):
        sweep(Locked, workers=2)


def test_an_executor_runs_a_sweep():
    with ThreadPoolExecutor(1) as executor:
        assert same(sweep(backend=executor, workers=None), sweep())


SCRIPT = """
import rbtlive as rbt
from tests.builders import daily_frame

size = 5

class Cross(rbt.TradingAlgorithm):
    fast, slow = 2, 4

    def initialize(self, context):
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        prices = data.history(context.asset, "close", self.slow, "1d")
        up = prices[-self.fast :].mean() > prices.mean()
        self.order_target(context.asset, size if up else 0)

found = rbt.sweep(
    Cross, daily_frame(40, 2), {"fast": [2, 3], "slow": [4, 6]}, start="2017-01-12",
    where=lambda p: p.fast < p.slow, maximize=lambda run: run["total_return"], workers=2,
)
print(found.frame["total_return"].to_list(), found.errors.height)
"""


def swept_by(script, folder):
    """Return what a script says that has no main guard."""
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": ""},
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_script_without_a_main_guard_sweeps_its_own_class_in_processes(tmp_path):
    expected = sweep(params={"fast": [2, 3], "slow": [4, 6]}).frame["total_return"].to_list()

    assert swept_by(SCRIPT, tmp_path) == f"{expected} 0"


FUNCTIONS = """
import rbtlive as rbt
from rbtlive.api import order_target, record, symbol
from tests.builders import daily_frame

def initialize(context, fast=2, slow=4):
    context.asset, context.slow, context.fast = symbol("AAA"), slow, fast

def handle_data(context, data):
    prices = data.history(context.asset, "close", context.slow, "1d")
    up = prices[-context.fast :].mean() > prices.mean()
    order_target(context.asset, 5 if up else 0)
    record(up=up)

found = rbt.sweep(
    {"initialize": initialize, "handle_data": handle_data}, daily_frame(40, 2),
    {"fast": [2, 3], "slow": [4, 6]}, start="2017-01-12", workers=2,
)
print(found.frame["total_return"].to_list(), found.errors.height)
"""


def test_functions_that_call_ziplines_functions_are_swept_in_processes(tmp_path):
    assert swept_by(FUNCTIONS, tmp_path) == swept_by(SCRIPT, tmp_path)


CLUSTER = """
import os, signal, threading
import distributed
from tests.research.sweeping.sweeps import SETS, DiesOnce, sweep

if __name__ == "__main__":
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        print(len(client.scheduler_info()["workers"]), "workers")
        found = sweep(DiesOnce, {**SETS, "note": os.environ["NOTE"]}, backend=client, workers=None)
        here = sweep()
        print(found.frame["error"].null_count(), os.path.exists(os.environ["NOTE"]))
        print(found.frame["sharpe"].equals(here.frame["sharpe"]))
"""


def test_a_dask_cluster_of_two_processes_loses_one_and_nothing_else(tmp_path):
    path = tmp_path / "cluster.py"
    path.write_text(textwrap.dedent(CLUSTER), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "", "NOTE": str(tmp_path / "died")},
    )

    assert done.stdout.split("\n")[:3] == ["2 workers", "6 True", "True"], done.stderr


# Later versions of Python warn of any fork of a process with threads.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_workers_are_refused_instead_of_waiting_for_ever():
    context = multiprocessing.get_context("fork")

    with (
        ProcessPoolExecutor(1, mp_context=context) as executor,
        pytest.raises(ForkedProcess, match="a fork leaves threads behind"),
    ):
        sweep(backend=executor)


KILLED = """
from rbtlive.research.sweeping import pools
from tests.research.sweeping.sweeps import sweep

started = pools.ProcessPool.submit

def submit(pool, batch):
    future = started(pool, batch)
    print("started", flush=True)
    return future

pools.ProcessPool.submit = submit
sweep(workers=2)
"""


def test_the_bars_of_a_killed_sweep_are_removed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "", "TMPDIR": str(tmp_path)},
        start_new_session=True,
    ) as killed:
        assert killed.stdout.readline() == b"started\n"
        assert list(tmp_path.glob("rbtlive-sweep-*"))
        killed.kill()
        os.killpg(killed.pid, signal.SIGTERM)  # the workers, which would wait half a minute

    begun = time.monotonic()
    while list(tmp_path.glob("rbtlive-sweep-*")):
        assert time.monotonic() - begun < 60
        time.sleep(0.1)
