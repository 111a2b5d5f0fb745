"""Workers for the runs of a sweep: processes, a dask or ray cluster, or any
executor.

The rule: a pool accepts batches and reports the finished ones; a lost worker is
reported by one kind of exception.
"""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rbtlive.errors import InvalidSetting, MissingExtra, SweepError
from rbtlive.research.sweeping.job import run_batch
from rbtlive.research.sweeping.params import Params
from rbtlive.research.sweeping.travel import pack
from rbtlive.research.sweeping.work import Job, RunRow
from rbtlive.runtime.interruptible import first_done

IDLE_S: Final = 60
"""Worker processes of this machine end after this many idle seconds."""


class Pool(ABC):
    """Executes batches elsewhere.

    Attributes:
        workers: Number of batches that run at once.
        lost: Exceptions of a batch whose worker is gone.
    """

    workers: int
    lost: tuple[type[BaseException], ...] = ()

    @abstractmethod
    def submit(self, batch: Sequence[Params]) -> Any:
        """Start a batch; return its future."""

    @abstractmethod
    def wait(self, futures: Sequence[Any], timeout: float | None = None) -> list[Any]:
        """Block until some futures are done, and return them; return none if a pool
        that can kill its workers has waited for `timeout` seconds.
        """

    def kill(self) -> None:  # noqa: B027 - most pools do not own their workers
        """End the workers, whatever they do; `restart` brings new ones."""

    def rows(self, future: Any) -> list[RunRow]:
        """Return the rows of a finished future; raise one of `lost` if its worker is
        gone.
        """
        found: list[RunRow] = future.result()
        return found

    def restart(self, workers: int) -> None:
        """Bring workers back after some were lost."""
        self.workers = workers

    @abstractmethod
    def close(self, *, at_once: bool) -> None:
        """Release the workers; `at_once` ends running batches."""


class ProcessPool(Pool):
    """Processes of this machine, by joblib's loky: fresh interpreters, whatever start
    method the platform uses, so that they contain no thread or lock of this process.
    """

    def __init__(self, job: Job, workers: int) -> None:
        import tempfile

        from joblib.externals.loky import BrokenProcessPool
        from joblib.externals.loky.backend import resource_tracker

        self.lost = (BrokenProcessPool,)
        self.workers = workers
        folder = tempfile.mkdtemp(prefix="rbtlive-sweep-")
        # loky's tracker, another process, removes the folder if this one is killed.
        resource_tracker.register(folder, "folder")
        self._remove_folder = weakref.finalize(self, _remove_tracked, folder)
        try:
            self._parcel = pack(job, folder=Path(folder))
        except BaseException:
            self._remove_folder()
            raise
        self._executor = self._started()

    def _started(self) -> Any:
        from joblib.externals.loky import get_reusable_executor

        # The processes are the parallelism: threads of polars inside each would only
        # compete with each other.
        return get_reusable_executor(
            max_workers=self.workers, timeout=IDLE_S, env={"POLARS_MAX_THREADS": "1"}
        )

    def submit(self, batch: Sequence[Params]) -> Any:
        """Start a batch; return its future."""
        return self._executor.submit(run_batch, self._parcel, list(batch))

    def wait(self, futures: Sequence[Any], timeout: float | None = None) -> list[Any]:
        """Block until some futures are done, or for `timeout` seconds, and return the
        finished ones.
        """
        return first_done(futures, timeout)

    def kill(self) -> None:
        """End the worker processes, and return when they are gone.

        `get_reusable_executor` shuts the old executor down once more and does not kill.
        A kill that it overtook would leave a blocked worker, and the interpreter's exit
        would wait for it forever.
        """
        self._executor.shutdown(wait=True, kill_workers=True)

    def restart(self, workers: int) -> None:
        """Bring workers back after some were lost."""
        self.workers = workers
        self._executor = self._started()

    def close(self, *, at_once: bool) -> None:
        """Release the workers; the next sweep may reuse them."""
        if at_once:
            self.kill()
        self._remove_folder()


def _remove_tracked(folder: str) -> None:
    import shutil

    from joblib.externals.loky.backend import resource_tracker

    shutil.rmtree(folder, ignore_errors=True)
    resource_tracker.unregister(folder, "folder")


class ExecutorPool(Pool):
    """Any executor with the standard library's interface.

    Args:
        job: The job to run.
        executor: An object with `submit(function, *args)`, whose futures have
            `result()`.
    """

    def __init__(self, job: Job, executor: Any, workers: int | None) -> None:
        from concurrent.futures.process import BrokenProcessPool

        self.lost = (BrokenProcessPool,)
        known = getattr(executor, "_max_workers", None)
        self.workers = workers or known or cpus()
        self._executor = executor
        self._parcel = pack(job, folder=None)

    def submit(self, batch: Sequence[Params]) -> Any:
        """Start a batch; return its future."""
        try:
            return self._executor.submit(run_batch, self._parcel, list(batch))
        except self.lost:
            raise
        except RuntimeError as error:
            raise SweepError(
                f"the executor takes no work: {error}; pass one that is not shut down"
            ) from error

    def wait(self, futures: Sequence[Any], timeout: float | None = None) -> list[Any]:  # noqa: ARG002 - it does not own its workers
        """Block until some of the futures are done, and return those."""
        return first_done(futures)

    def close(self, *, at_once: bool) -> None:
        """Leave the executor to its owner."""
        del at_once


class DaskPool(Pool):
    """A dask cluster: the job is sent to every worker once.

    Args:
        job: The job to run.
        client: A `distributed.Client`; None starts a cluster of worker processes on
            this machine.
        workers: Number of workers of a cluster that is started here.
    """

    def __init__(self, job: Job, client: Any, workers: int | None) -> None:
        distributed = _import("distributed", extra="dask")
        self._cluster = None
        self._parcel = pack(job, folder=None)
        if client is None:
            with suppress(ValueError):
                client = distributed.get_client()
        self._own = client is None
        if client is None:
            self._cluster = distributed.LocalCluster(
                n_workers=workers or cpus(),
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
            )
            client = distributed.Client(self._cluster)
        from concurrent.futures import CancelledError

        self.lost = (
            distributed.scheduler.KilledWorker,
            distributed.client.FutureCancelledError,
            CancelledError,
            OSError,
        )
        self._client = client
        self.workers = workers or max(1, sum(client.ncores().values()))
        self._sent = self._scatter()

    # Every worker gets the job; a later worker fetches it from another.
    def _scatter(self) -> Any:
        return self._client.scatter(self._parcel, broadcast=True, hash=False)

    def submit(self, batch: Sequence[Params]) -> Any:
        """Start a batch; return its future."""
        return self._client.submit(run_batch, self._sent, list(batch), pure=False)

    def wait(self, futures: Sequence[Any], timeout: float | None = None) -> list[Any]:  # noqa: ARG002 - it does not own its workers
        """Block until some of the futures are done, and return those."""
        distributed = _import("distributed", extra="dask")
        with suppress(*self.lost):  # `rows` raises the error of its batch
            return list(distributed.wait(list(futures), return_when="FIRST_COMPLETED").done)
        return [future for future in futures if future.done()]

    def restart(self, workers: int) -> None:
        """Send the job again, since it may have been lost with the worker."""
        self.workers = workers
        self._sent = self._scatter()

    def close(self, *, at_once: bool) -> None:
        """Release the job; close the cluster if it was started here."""
        if at_once:
            with suppress(Exception):
                self._sent.cancel()
        if self._own:
            self._client.close()
            assert self._cluster is not None
            self._cluster.close()


class RayPool(Pool):
    """A ray cluster: the job is stored once in the object store."""

    def __init__(self, job: Job, workers: int | None) -> None:
        ray = _import("ray", extra="ray")
        self._ray = ray
        self._own = not ray.is_initialized()
        parcel = pack(job, folder=None)
        if self._own:
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        lost = ray.exceptions
        self.lost = (
            *(lost.WorkerCrashedError, lost.ObjectLostError),
            *(lost.NodeDiedError, lost.OutOfMemoryError),
        )
        self.workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._sent = ray.put(parcel)
        self._function = ray.remote(max_retries=0)(run_batch)

    def submit(self, batch: Sequence[Params]) -> Any:
        """Start a batch; return its future."""
        return self._function.remote(self._sent, list(batch))

    def wait(self, futures: Sequence[Any], timeout: float | None = None) -> list[Any]:  # noqa: ARG002 - it does not own its workers
        """Block until some of the futures are done, and return those."""
        done, _ = self._ray.wait(list(futures), num_returns=1)
        return list(done)

    def rows(self, future: object) -> list[RunRow]:
        """Return the rows of a finished future; raise one of `lost` if its worker is
        gone.
        """
        found: list[RunRow] = self._ray.get(future)
        return found

    def close(self, *, at_once: bool) -> None:
        """Shut ray down if it was started here."""
        del at_once
        if self._own:
            self._ray.shutdown()


def _import(name: str, *, extra: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f'backend="{extra}" needs {name}, which is not installed: pip install rbtlive[{extra}]'
        ) from error


def cpus() -> int:
    """Return the number of processors that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else os.cpu_count() or 1


def make_pool(job: Job, backend: object, workers: int | None) -> Pool:
    """Return the pool that `backend` names.

    Raises:
        InvalidSetting: it is neither a known name nor a client or executor.
        MissingExtra: a required package is not installed.
        NotPicklable: the job cannot be pickled.
    """
    if backend == "processes":
        return ProcessPool(job, workers or cpus())
    if backend == "dask":
        return DaskPool(job, None, workers)
    if backend == "ray":
        return RayPool(job, workers)
    if getattr(backend, "__name__", "") == "ray":
        return RayPool(job, workers)
    if isinstance(backend, type) or not callable(getattr(backend, "submit", None)):
        raise InvalidSetting(
            f'backend must be "processes", "dask", "ray", a dask client or an executor: was '
            f"{backend!r}{_instead(backend)}"
        )
    if not type(backend).__module__.startswith("distributed"):
        return ExecutorPool(job, backend, workers)
    if getattr(backend, "status", "") in ("closed", "closing"):
        raise InvalidSetting(
            "backend must be a dask client that is connected: was one that is closed; make "
            "another, distributed.Client(address)"
        )
    return DaskPool(job, backend, workers)


def _instead(backend: object) -> str:
    if isinstance(backend, type):
        return f"; pass one of it, backend={backend.__name__}(...)"
    if type(backend).__module__.startswith("distributed"):
        return "; pass backend=distributed.Client(cluster)"
    words = f"{backend} {type(backend).__module__}".lower()
    if any(word in words for word in ("loky", "joblib", "multiprocess", "thread", "local")):
        return '; write backend="processes"'
    return ""
