"""`sweep()`: many runs of one strategy, one per set of parameters.

The rule: all errors in the arguments are reported before the first run; after that, no
result is lost.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal

from rbtlive.core.actions.user_code import from_own_line
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.strategy.strategy_executor import StrategyExecutor, strategy_name
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting, NotPicklable, SweepError
from rbtlive.model.given import is_number, is_one_of, whole
from rbtlive.research.signals.columnar_gear import check_limits
from rbtlive.research.signals.strategy import Signals
from rbtlive.research.signals.verification import verify
from rbtlive.research.sweeping.driver import Numbered, run_here, run_in
from rbtlive.research.sweeping.identity import shown_text
from rbtlive.research.sweeping.job import TIMED_OUT, timed_out
from rbtlive.research.sweeping.objectives import Objective, objectives_of
from rbtlive.research.sweeping.options import BACKTEST_OPTIONS, knows_only
from rbtlive.research.sweeping.params import Params, Space, Where
from rbtlive.research.sweeping.pools import Pool, cpus, make_pool
from rbtlive.research.sweeping.search import Study, is_sampler
from rbtlive.research.sweeping.sweep_result import SweepResult
from rbtlive.research.sweeping.sweep_store import RunStore
from rbtlive.research.sweeping.used import USED, VALUES, used_text, values_text
from rbtlive.research.sweeping.work import Job, RunRow
from rbtlive.runtime.backtest import prepare_settings, somebody_looks
from rbtlive.runtime.garbage_collection import old_objects_left_alone

WORTH_PROCESSES_S: Final = 4.0
"""Without `workers=`, a sweep that would take longer than this in one process uses
several.
"""
RETURNS_KEPT: Final = 400_000_000
"""Daily returns are kept unless they take more bytes than this in total."""


@from_own_line
@knows_only(BACKTEST_OPTIONS)
def sweep(  # noqa: PLR0913 - the public contract, each by name
    strategy: object,
    data: object,
    params: Mapping[str, Any],
    *,
    method: object = "grid",
    n: int | None = None,
    maximize: object = "sharpe",
    where: Where | None = None,
    workers: int | None = None,
    backend: object = "processes",
    store: object = None,
    seed: int | None = None,
    gear: Literal["columns", "events"] | None = None,
    verify: int = 3,
    timeout: float | None = None,
    progress: bool | None = None,
    **backtest_options: Any,
) -> SweepResult:
    """Run a strategy once for each set of parameters and return all figures.

    A run that fails is a row with its error. An interrupted sweep keeps its results:
    the exception's `result` is the `SweepResult` of the finished runs.

    Args:
        strategy: The strategy, as `backtest` takes it; its `analyze` is not called.
        data: The data, as `backtest` takes it.
        params: By name the values to try: a list, a single value, or for random and
            optuna searches a distribution (optuna's, or a frozen one of scipy).
        method: "grid" runs every set, "random" draws `n` different ones, "optuna"
            searches with its TPE sampler, and an optuna sampler searches in its own
            way.
        n: Number of runs. A grid of more than 10,000 runs starts only with it.
        maximize: The name of a metric, or of a statistic of `result.stats`
            ("-annual_volatility" minimises), a function of a run that returns a number,
            or a list of them: then `SweepResult.pareto` has the runs that no other
            beats in all of them.
        where: Returns whether to use a set of parameters, e.g. `lambda p: p["fast"] <
            p["slow"]`.
        workers: Number of runs at once; 1 stays in this process. None starts processes
            only if the sweep would take longer than some seconds.
        backend: "processes" (joblib's loky), "dask", "ray", a dask client, or any
            executor.
        store: Path of an SQLite file that stores every finished run: the same call
            continues a killed sweep. With optuna also an optuna storage or its URL.
        seed: Makes random and optuna searches repeatable. A random search without one
            draws its seed, which is the result's `seed`.
        gear: How a strategy made by `signals` is computed: "columns" for all parameters
            in one pass, or "events" on the event engine. The default is "columns",
            unless `maximize` names a statistic of `result.stats` that is not a metric.
        verify: Number of best runs of the columnar gear that are rerun on the event
            engine and compared at every close.
        timeout: Maximum seconds per run; a longer run becomes a row with the error
            `RunTimedOut`. Python code is interrupted; a worker process that waits
            outside Python (a sleep, a lock) is killed a minute later. The columnar gear
            computes many runs in one pass, without a limit.
        progress: Show a progress bar with rate and remaining time; None shows one if a
            person sees it.
        **backtest_options: Options of `backtest`: start, end, capital_base, frequency,
            calendar, commission, slippage, benchmark, frames, zipline_quirks, warmup.

    Raises:
        KeyboardInterrupt: the sweep was interrupted; `.result` has the finished runs,
            as has any other exception that ends a sweep.
        EmptySweep: no set of parameters is left to run.
        SweepTooLarge: a grid has more runs than `n`, or than 10,000 without it.
        NotPicklable: the strategy cannot be sent to worker processes.
        StoreMismatch: the store contains another sweep.
        UnsupportedSignals: the columnar gear does not support the request.
        GearsDiffer: the columnar gear and the event engine disagree.
        UnknownParameter: the strategy has no such parameter; the message names the
            nearest.
        SettingsError: a setting is invalid; each kind has a class of its own.
    """
    n = None if n is None else whole(n, "n of sweep()", least=1)
    verify = whole(verify, "verify of sweep()", least=0)
    seed = None if seed is None else whole(seed, "seed of sweep()", least=0)
    if workers is not None:
        hint = f"; leave it out, or pass {cpus()} for every processor of this machine"
        workers = whole(workers, "workers of sweep()", least=1, hint=hint)
    if timeout is not None and not (is_number(timeout) and 0 < timeout < math.inf):
        raise InvalidSetting(f"timeout of sweep() must be seconds above zero: was {timeout!r}")
    space = Space(params, where)
    portal = PolarsDataPortal.coerce(
        data,
        frequency=backtest_options.get("frequency", "1d"),
        calendar=backtest_options.get("calendar"),
    )
    settings = prepare_settings(portal, **backtest_options)
    first = {name: _first(axis) for name, axis in space.axes.items()}
    StrategyExecutor(strategy, first)
    if isinstance(strategy, Signals) and not space.continuous:
        strategy.check(space.few())
    objectives = objectives_of(maximize)
    plan = Plan(
        job=Job(
            strategy=strategy,
            portal=portal,
            settings=settings,
            objectives=objectives,
            free_start=all(backtest_options.get(name) is None for name in ("start", "warmup")),
            columnar=_is_columnar(gear, strategy, portal, settings, objectives),
            timeout=timeout,
        ),
        space=space,
        options=backtest_options,
        method=method,
        n=n,
        seed=seed,
        workers=workers,
        backend=backend,
        progress=progress,
        verify=verify,
    )
    return plan.run(store)


def _is_columnar(
    gear: str | None,
    strategy: object,
    portal: PolarsDataPortal,
    settings: RunSettings,
    objectives: Sequence[Objective],
) -> bool:
    if gear is not None and not is_one_of(gear, ("columns", "events")):
        raise InvalidSetting(f'gear must be "columns", "events" or None: was {gear!r}')
    if gear == "events" or (gear is None and not isinstance(strategy, Signals)):
        return False
    if not isinstance(strategy, Signals):
        raise InvalidSetting(
            f'gear="columns" needs a strategy made by rbt.signals(...): was '
            f"{strategy_name(strategy)}; its callbacks run on the event engine"
        )
    statistics = [objective.name for objective in objectives if objective.is_statistic]
    if statistics and gear is None:
        return False
    if statistics:
        raise InvalidSetting(
            f'{statistics[0]!r} takes a run\'s whole result, which gear="columns" does not make: '
            'leave gear out, or pass gear="events"'
        )
    check_limits(portal, settings)
    return True


# A distribution's values are known only when it is drawn.
def _first(axis: object) -> Any:
    return axis[0] if isinstance(axis, tuple) else None


class Plan:
    """A checked sweep, ready to run."""

    def __init__(  # noqa: PLR0913 - the arguments of sweep, each by name
        self,
        *,
        job: Job,
        space: Space,
        options: Mapping[str, Any],
        method: object,
        n: int | None,
        seed: int | None,
        workers: int | None,
        backend: object,
        progress: bool | None,
        verify: int = 0,
    ) -> None:
        self.job = job
        self.space = space
        self.options = dict(options)
        self.method = method
        self.n = n
        self.seed = seed
        self.workers = workers
        self.backend = backend
        self.progress = progress
        self.verify = verify
        self._pool: Pool | None = None
        self.searches = method == "optuna" or is_sampler(method)
        if not self.searches and method not in ("grid", "random"):
            raise InvalidSetting(
                'method must be "grid", "random", "optuna" or an optuna sampler: was '
                f"{method!r}; pass e.g. optuna.samplers.CmaEsSampler() itself"
            )
        if n is None and method != "grid":
            raise InvalidSetting(f"method={method!r} needs n=, the number of runs")

    def run(self, store: object) -> SweepResult:
        """Run the sets that the store does not contain yet."""
        rows: dict[int, RunRow] = {}
        keeper = self._keeper(store)
        if self.method == "random" and self.seed is None:
            drawn = secrets.randbelow(2**32)
            self.seed = drawn if keeper is None else keeper.seed(drawn)
        begun = perf_counter()
        try:
            found = self._searched(keeper, store) if self.searches else self._listed(keeper)
            for number, row in found:  # one by one: an interrupt keeps the finished ones
                rows[number] = row  # noqa: PERF403
            if self.job.columnar and self.verify:
                self._verify(rows)
        except BaseException as stopped:
            self._close(at_once=True)
            if rows or isinstance(stopped, KeyboardInterrupt):
                self._keep_partial(stopped, rows, perf_counter() - begun)
            raise
        finally:
            if keeper is not None:
                keeper.close()
        self._close(at_once=False)
        return self._result(rows, perf_counter() - begun)

    def _verify(self, rows: Mapping[int, RunRow]) -> None:
        result = self._result(rows, 0.0)
        try:
            best = result.top(self.verify)
        except SweepError:  # nothing to verify: every run failed
            return
        verify(self.job, [Params(row.params) for row in best])

    def _keep_partial(
        self, stopped: BaseException, rows: Mapping[int, RunRow], seconds: float
    ) -> None:
        stopped.result = self._result(rows, seconds)  # type: ignore[attr-defined]
        how = "was interrupted" if isinstance(stopped, KeyboardInterrupt) else "ended"
        stopped.add_note(
            f"the sweep {how} after {len(rows):,} runs; they are this exception's .result: in a "
            "notebook, import sys; sys.last_value.result"
        )

    def _result(self, rows: Mapping[int, RunRow], seconds: float) -> SweepResult:
        return SweepResult(
            [rows[number] for number in sorted(rows)],
            strategy=self.job.strategy,
            portal=self.job.portal,
            options=self.options,
            objectives=self.job.objectives,
            names=self.space.names,
            method=self.method if isinstance(self.method, str) else type(self.method).__name__,
            seed=self.seed,
            elapsed_s=seconds,
            sessions=self.job.sessions(),
            settings=self.job.settings,
            free_start=self.job.free_start,
        )

    # -- choosing runs ----------------------------------------------------------------

    def _listed(self, keeper: RunStore | None) -> Iterator[tuple[int, RunRow]]:
        if self.method == "grid":
            listed = self.space.grid(self.n)
        else:
            assert self.n is not None
            listed = self.space.random(self.n, self.seed)
        self._decide_returns(len(listed))
        tasks: list[Numbered] = []
        with self._bar(len(listed)) as bar:
            for number, params in enumerate(listed):
                known = None if keeper is None else self._known(keeper, params)
                if known is None:
                    tasks.append((number, params))
                else:
                    _advance(bar)
                    yield number, known
            for number, row in self._evaluated(tasks):
                if keeper is not None:
                    keeper.put(row)
                _advance(bar)
                yield number, row

    def _searched(self, keeper: RunStore | None, store: object) -> Iterator[tuple[int, RunRow]]:
        assert self.n is not None
        self._decide_returns(self.n)
        study = Study(
            self.space,
            self.job.objectives,
            facts=sweep_facts(self.job),
            sampler=None if self.method == "optuna" else self.method,
            seed=self.seed,
            storage=store,
            name=f"rbtlive {strategy_name(self.job.strategy)}",
        )
        with closing(study):
            before = study.done()[: self.n]
            with self._bar(self.n) as bar:
                for number, row in enumerate(before):
                    known = None if keeper is None else self._known(keeper, row.params)
                    _advance(bar)
                    yield number, row if known is None else known
                width = self.workers or (1 if self.backend == "processes" else cpus())
                fresh = study.run(self._evaluated, n=self.n - len(before), width=width)
                for number, row in enumerate(fresh, start=len(before)):
                    if keeper is not None:
                        keeper.put(row)
                    _advance(bar)
                    yield number, row

    # A run that took too long may end in time under another limit.
    def _known(self, keeper: RunStore, params: Params) -> RunRow | None:
        row, limit = keeper.get(params), self.job.timeout
        error = "" if row is None else row.error or ""
        is_kept = limit is not None and error.startswith(timed_out(limit))
        return row if is_kept or not error.startswith(TIMED_OUT) else None

    def _decide_returns(self, runs: int) -> None:
        whole = runs * self.job.sessions() * 8
        self.job = replace(self.job, keep_returns=whole <= RETURNS_KEPT)

    # -- executing runs ---------------------------------------------------------------

    def _evaluated(self, tasks: Sequence[Numbered]) -> Iterator[tuple[int, RunRow]]:
        for number, row in self._run(tasks):
            yield number, row.locate(self.job.strategy)

    def _run(self, tasks: Sequence[Numbered]) -> Iterator[tuple[int, RunRow]]:
        if self._pool is not None:
            yield from run_in(self._pool, tasks, self.job.timeout)
            return
        elsewhere = self.backend != "processes" or (self.workers or 1) > 1
        if not tasks:
            return
        if elsewhere:
            self._pool = make_pool(self.job, self.backend, self.workers)
            yield from run_in(self._pool, tasks, self.job.timeout)
        elif self.workers == 1 or self.job.columnar:
            yield from run_here(self.job, tasks)
        else:
            with old_objects_left_alone():
                yield from self._run_as_it_turns_out(tasks)

    # Start in this process; move to others once the rest is known to take long.
    def _run_as_it_turns_out(self, tasks: Sequence[Numbered]) -> Iterator[tuple[int, RunRow]]:
        spent = 0.0
        for place, task in enumerate(tasks):
            if place and spent / place * (len(tasks) - place) > WORTH_PROCESSES_S and cpus() > 1:
                pool = self._willing_pool()
                if pool is not None:
                    self._pool = pool
                    yield from run_in(pool, tasks[place:], self.job.timeout)
                    return
                spent = -math.inf  # stay in this process
            for number, row in run_here(self.job, [task]):
                spent += row.seconds
                yield number, row

    # Nobody asked for processes, so a job that cannot be pickled stays here.
    def _willing_pool(self) -> Pool | None:
        try:
            return make_pool(self.job, self.backend, None)
        except NotPicklable:
            return None

    def _close(self, *, at_once: bool) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(at_once=at_once)

    # -- progress, returns and facts --------------------------------------------------

    def _bar(self, total: int) -> AbstractContextManager[Any]:
        shown = somebody_looks() if self.progress is None else self.progress
        if not shown:
            return nullcontext()
        from tqdm.auto import tqdm

        name = strategy_name(self.job.strategy)
        bar: AbstractContextManager[Any] = tqdm(total=total, unit="run", desc=name, leave=False)
        return bar

    def _keeper(self, store: Any) -> RunStore | None:
        is_path = isinstance(store, Path) or (isinstance(store, str) and "://" not in store)
        if store is not None and not is_path and not self.searches:
            raise InvalidSetting(
                f"store must be the path of an SQLite file: was {store!r}; an optuna storage "
                'goes with method="optuna"'
            )
        return RunStore(store, sweep_facts(self.job)) if is_path else None


def sweep_facts(job: Job) -> dict[str, str]:
    """Return the facts that determine the numbers of a sweep's runs, as text."""
    executor = StrategyExecutor(job.strategy)
    settings: RunSettings = job.settings
    shown = {
        name: repr(getattr(settings, name))
        for name in ("capital_base", "start", "end", "frequency")
    }
    return {
        "strategy": executor.name,
        "source": executor.fingerprint(),
        USED: used_text(job.strategy),
        VALUES: values_text(job.strategy),
        "data": job.portal.fingerprint(),
        **shown,
        "commission": shown_text(settings.commission),
        "slippage": shown_text(settings.slippage),
        "benchmark": repr(settings.benchmark),
        "frames": f"{settings.frames} {settings.zipline_quirks}",
        "maximize": ", ".join(
            objective.name if objective.named else shown_text(objective.function)
            for objective in job.objectives
        ),
        "begins": "where its windows fit" if job.free_start else "at start",
    }


def _advance(bar: Any) -> None:
    if bar is not None:
        bar.update()
