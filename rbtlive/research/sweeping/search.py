"""Searches that choose the next parameters by what came out: optuna's samplers.

The rule: the study is optuna's own, in optuna's own storage, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rbtlive.errors import EmptySweep, InvalidSetting, MissingExtra
from rbtlive.research.sweeping.objectives import Objective
from rbtlive.research.sweeping.params import Params, Space
from rbtlive.research.sweeping.work import RunRow

REFUSED: Final = 500
"""Proposals in a row that `where` may refuse before a search gives up."""
_RETRY: Final = "rbtlive_retry"

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


def is_sampler(method: Any) -> bool:
    """Say whether a method is one of optuna's samplers."""
    return hasattr(method, "sample_relative") and hasattr(method, "infer_relative_search_space")


class Study:
    """An optuna study of a space.

    Args:
        space: The parameters.
        objectives: What is maximised.
        sampler: An optuna sampler; None is TPE with `seed`.
        storage: Path of an SQLite file, an optuna storage or its URL, or None.
        name: The study's name in its storage.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        sampler: Any,
        seed: int | None,
        storage: Any,
        name: str,
    ) -> None:
        module = optuna()
        self._optuna = module
        self._space = space
        self._objectives = objectives
        self._distributions = {axis: self._distribution(axis) for axis in space.names}
        level = module.logging.get_verbosity()
        module.logging.set_verbosity(module.logging.WARNING)
        try:
            self.study = module.create_study(
                directions=["maximize" if o.sign > 0 else "minimize" for o in objectives],
                sampler=sampler or module.samplers.TPESampler(seed=seed),
                storage=_storage(module, storage),
                study_name=name if storage is not None else None,
                load_if_exists=storage is not None,
            )
        finally:
            module.logging.set_verbosity(level)
        self._take_up()

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
        return kinds.CategoricalDistribution(axis)

    # What ran when the last sweep was killed is tried again.
    def _take_up(self) -> None:
        states = self._optuna.trial.TrialState
        for trial in self.study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            self.study.tell(trial.number, state=states.FAIL)
            if trial.params and _RETRY not in trial.user_attrs:
                self.study.enqueue_trial(trial.params)

    def done(self) -> list[RunRow]:
        """Return the rows of trials that an earlier sweep finished."""
        rows = []
        states = self._optuna.trial.TrialState
        for trial in self.study.get_trials(deepcopy=False, states=(states.COMPLETE, states.FAIL)):
            facts = trial.user_attrs.get("rbtlive")
            if facts is not None:
                rows.append(
                    RunRow(
                        Params(trial.params),
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
        while left > 0:
            trials = [self._ask() for _ in range(min(width, left))]
            tasks = [
                (trial.number, Params({name: trial.params[name] for name in self._space.names}))
                for trial in trials
            ]
            by_number = {trial.number: trial for trial in trials}
            for number, row in evaluate(tasks):
                self._tell(by_number[number], row)
                yield row
            left -= len(trials)

    def _ask(self) -> Any:
        pruned = self._optuna.trial.TrialState.PRUNED
        for _ in range(REFUSED):
            trial = self.study.ask(self._distributions)
            if self._space.allows(Params(trial.params)):
                return trial
            self.study.tell(trial, state=pruned)
        raise EmptySweep(f"where= refused {REFUSED} proposals in a row: widen it or the parameters")

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
        if known:
            self.study.tell(trial, list(row.values))
        else:
            self.study.tell(trial, state=self._optuna.trial.TrialState.FAIL)


def _storage(module: Any, storage: Any) -> Any:
    if isinstance(storage, Path) or (isinstance(storage, str) and "://" not in storage):
        return f"sqlite:///{Path(storage).resolve()}"
    if storage is not None and not isinstance(storage, (str, module.storages.BaseStorage)):
        raise InvalidSetting(
            f"store must be a path, or an optuna storage or its URL: was {storage!r}"
        )
    return storage
