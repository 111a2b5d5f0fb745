"""Searches that choose the next parameters by earlier results: optuna's samplers.

The rule: the study is optuna's own, in optuna's own storage, and can be continued
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rbtlive.errors import (
    EmptySweep,
    InvalidSetting,
    MissingExtra,
    StoreMismatch,
    SweepError,
)
from rbtlive.model.arrays import np
from rbtlive.research.sweeping import surface
from rbtlive.research.sweeping.objectives import Objective
from rbtlive.research.sweeping.params import Params, Space
from rbtlive.research.sweeping.used import differs, said_change
from rbtlive.research.sweeping.work import RunRow

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

REFUSED: Final = 500
"""How many proposals in a row `where` may reject before a search gives up."""
_RETRY: Final = "rbtlive_retry"
_FACTS: Final = "rbtlive_sweep"

Evaluate = Callable[[Sequence[tuple[int, Params]]], Iterator[tuple[int, RunRow]]]


def optuna() -> Any:
    """Return the module optuna.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra(
            'method="optuna" needs optuna, which is not installed: pip install rbtlive[optuna]'
        ) from error
    return optuna


def is_sampler(method: object) -> bool:
    """Say whether a method is one of optuna's samplers.

    Raises:
        InvalidSetting: it is a sampler class instead of an instance.
    """
    if isinstance(method, type) and hasattr(method, "sample_relative"):
        raise InvalidSetting(
            f"method must be a sampler: was the class {method.__name__}; pass one of it, "
            f"method={method.__name__}()"
        )
    return hasattr(method, "sample_relative") and hasattr(method, "infer_relative_search_space")


class Study:
    """An optuna study of a space.

    Args:
        space: The parameters.
        objectives: The objectives.
        facts: Facts that determine the runs' numbers, by name.
        sampler: An optuna sampler; None is TPE with `seed`.
        storage: Path of an SQLite file, an optuna storage or its URL, or None.
        name: The study's name in its storage.

    Raises:
        StoreMismatch: the storage contains another sweep under this name.
        SweepError: the storage cannot be used.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        facts: Mapping[str, str],
        sampler: object,
        seed: int | None,
        storage: object,
        name: str,
    ) -> None:
        module = optuna()
        self._optuna = module
        self._space = space
        self._labels: dict[str, dict[Any, Any]] = {}
        self._distributions = {axis: self._distribution(axis) for axis in space.names}
        self._is_over = False
        self._is_stored = storage is not None
        self._seed = seed if sampler is None else None
        self._opened: RDBStorage | None = None
        level = module.logging.get_verbosity()
        module.logging.set_verbosity(module.logging.WARNING)
        try:
            self.study = module.create_study(
                directions=["maximize" if o.sign > 0 else "minimize" for o in objectives],
                sampler=sampler or module.samplers.TPESampler(seed=seed),
                storage=self._storage(storage),
                study_name=name if storage is not None else None,
                load_if_exists=storage is not None,
            )
        except InvalidSetting:
            raise
        except Exception as error:
            self.close()
            raise SweepError(
                f"store {storage!r} cannot be used by optuna: {type(error).__name__}: {error}; "
                "pass a path, or an optuna storage or its URL"
            ) from error
        finally:
            module.logging.set_verbosity(level)
        directions = ", ".join("up" if o.sign > 0 else "down" for o in objectives)
        try:
            self._check({**facts, "parameters": ", ".join(space.names), "direction": directions})
            self._take_up()
        except BaseException:
            self.close()
            raise
        kept = (
            "rbtlive" in trial.user_attrs or trial.state.name == "PRUNED"
            for trial in self._trials()
        )
        self._proposals = sum(kept)

    def _storage(self, storage: object) -> object:
        module = self._optuna
        if isinstance(storage, Path) or (isinstance(storage, str) and "://" not in storage):
            storage = f"sqlite:///{Path(storage).resolve()}"
        if isinstance(storage, str) and not storage.startswith("redis"):
            self._opened = module.storages.RDBStorage(storage)
            return self._opened
        if storage is not None and not isinstance(storage, (str, module.storages.BaseStorage)):
            raise InvalidSetting(
                f"store must be a path, or an optuna storage or its URL: was {storage!r}"
            )
        return storage

    def close(self) -> None:
        """Close the connections of a storage that was opened here; optuna keeps them
        until the process ends, and Python 3.13 warns of each.
        """
        if self._opened is not None:
            self._opened.remove_session()
            self._opened.engine.dispose()

    def _trials(self, *states: str) -> list[FrozenTrial]:
        known = self._optuna.trial.TrialState
        wanted = [known[state] for state in states] or None
        found: list[FrozenTrial] = self.study.get_trials(deepcopy=False, states=wanted)
        return found

    # Trials with other data or another objective would count as this sweep's.
    def _check(self, facts: Mapping[str, str]) -> None:
        known = self.study.user_attrs.get(_FACTS)
        if known is None:
            self.study.set_user_attr(_FACTS, dict(facts))
            return
        for name, value in facts.items():
            if differs(known, name, value):
                raise StoreMismatch(
                    "the store holds another sweep: "
                    f"{said_change(name, known.get(name), value)}; pass another store"
                )

    def _distribution(self, name: str) -> Any:
        axis = self._space.axes[name]
        kinds = self._optuna.distributions
        if isinstance(axis, kinds.BaseDistribution):
            return axis
        if not isinstance(axis, tuple):
            raise InvalidSetting(
                f"parameter {name!r} must be a list of values or an optuna distribution for "
                f"optuna: was {axis!r}; pass e.g. optuna.distributions.IntDistribution(5, 50)"
            )
        whole = all(type(value) is int for value in axis)
        if len(axis) > 1 and (whole or all(type(value) is float for value in axis)):
            step = axis[1] - axis[0]
            even = [axis[0] + step * place for place in range(len(axis))]
            if step > 0 and whole and list(axis) == even:
                return kinds.IntDistribution(axis[0], axis[-1], step=step)
        if all(value is None or isinstance(value, (bool, int, float, str)) for value in axis):
            return kinds.CategoricalDistribution(axis)
        # A storage keeps only text, so each other choice gets a label.
        labels = surface.param_labels(axis)
        self._labels[name] = dict(zip(labels, axis, strict=True))
        return kinds.CategoricalDistribution(labels)

    # The parameters of a trial; None if they are no longer among the choices.
    def _params(self, trial: Any) -> Params | None:
        found = {}
        for name in self._space.names:
            value = trial.params.get(name)
            labels = self._labels.get(name)
            if labels is not None and value not in labels:
                return None
            found[name] = value if labels is None else labels[value]
        return Params(found)

    # Runs that were active when the last sweep was killed are tried again.
    def _take_up(self) -> None:
        for trial in self._trials("RUNNING"):
            self.study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
            if trial.params and _RETRY not in trial.user_attrs:
                self.study.enqueue_trial(trial.params)

    def done(self) -> list[RunRow]:
        """Return the rows of trials that an earlier sweep finished."""
        rows = []
        for trial in self._trials("COMPLETE", "FAIL"):
            facts, params = trial.user_attrs.get("rbtlive"), self._params(trial)
            if facts is not None and params is not None:
                rows.append(
                    RunRow(
                        params,
                        facts["metrics"],
                        tuple(float("nan") if v is None else v for v in facts["values"]),
                        facts["seconds"],
                        facts["error"],
                    )
                )
        return rows

    def run(self, evaluate: Evaluate, *, n: int, width: int) -> Iterator[RunRow]:
        """Yield the rows of `n` further trials, `width` of them at once."""
        left = n
        while left > 0 and not self._is_over:
            asked = [self._ask() for _ in range(min(width, left))]
            tasks = [(trial.number, params) for trial, params in asked]
            by_number = {trial.number: trial for trial, _ in asked}
            for number, row in evaluate(tasks):
                self._tell(by_number[number], row)
                yield row
            left -= len(asked)

    def _ask(self) -> tuple[Any, Params]:
        pruned = self._optuna.trial.TrialState.PRUNED
        for _ in range(REFUSED):
            trial = self._proposed()
            params = self._params(trial)
            assert params is not None
            if self._space.allows(params):
                return trial, params
            self.study.tell(trial, state=pruned)
        raise EmptySweep(f"where= refused {REFUSED} proposals in a row: widen it or the parameters")

    # Each proposal has its own seed: a resumed search continues as if it had never
    # stopped.
    def _proposed(self) -> Any:
        if self._seed is not None:
            drawn = np.random.SeedSequence((self._seed, self._proposals)).generate_state(1)
            self.study.sampler = self._optuna.samplers.TPESampler(seed=int(drawn[0]))
        self._proposals += 1
        try:
            return self.study.ask(self._distributions)
        except ImportError as error:
            raise MissingExtra(
                f"{type(self.study.sampler).__name__} of optuna needs a package that is not "
                f"installed: {error}; pip install {error.name}"
            ) from error
        except ValueError as error:  # it compares with the storage's earlier trials
            if not self._is_stored:
                raise InvalidSetting(
                    f"{type(self.study.sampler).__name__} draws no set of the parameters "
                    f"{', '.join(self._space.names)}: {error}; make it for these"
                ) from error
            raise StoreMismatch(
                f"the store holds a sweep over other values: {error}; pass another store"
            ) from error

    def _tell(self, trial: Any, row: RunRow) -> None:
        trial.set_user_attr(
            "rbtlive",
            {
                "metrics": dict(row.metrics),
                "values": [None if value != value else value for value in row.values],  # noqa: PLR0124 - NaN
                "seconds": row.seconds,
                "error": row.error,
            },
        )
        known = row.error is None and all(value == value for value in row.values)  # noqa: PLR0124
        try:
            if known:
                self.study.tell(trial, list(row.values))
            else:
                self.study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        except RuntimeError as error:
            if "Study.stop" not in str(error):
                raise
            self._is_over = True  # a sampler that has tried everything
