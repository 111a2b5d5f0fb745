"""Options that a sweep, a walk forward and a cross validation pass on, and their names
in other libraries.

The rule: the error for an unknown argument comes from the function that received it,
and says what to write.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

BACKTEST_OPTIONS: Final = (
    *("start", "end", "capital_base", "frequency", "calendar", "commission", "slippage"),
    *("benchmark", "frames", "zipline_quirks", "warmup"),
)

_ELSEWHERE: Final = {
    "constraint": "where=lambda p: p.fast < p.slow",
    "max_tries": 'method="random", n=100',
    "n_iter": 'method="random", n=100',
    "n_trials": 'method="optuna", n=100',
    "n_jobs": "workers=2",
    "n_workers": "workers=2",
    **dict.fromkeys(("metric", "objective", "scoring", "target"), 'maximize="sharpe"'),
    "minimize": 'maximize="-annual_volatility"',
    "random_state": "seed=1",
    **dict.fromkeys(("cash", "capital", "init_cash", "initial_cash"), "capital_base=100_000"),
    **dict.fromkeys(("param_grid", "grid", "ranges"), 'params={"fast": [5, 10]}'),
    "fees": "commission=rbt.PerDollar(0.001)",
    **dict.fromkeys(("interval", "freq", "timeframe"), 'frequency="5m"'),
}
_LENGTHS: Final = 'train="2y", test="6mo"'
WALK_WORDS: Final = {
    **dict.fromkeys(("train_size", "max_train_size", "in_sample", "is_window"), 'train="2y"'),
    **dict.fromkeys(("train_period", "train_window", "lookback", "window"), 'train="2y"'),
    **dict.fromkeys(("test_size", "out_of_sample", "oos", "oos_window"), 'test="6mo"'),
    **dict.fromkeys(("test_period", "test_window", "horizon"), 'test="6mo"'),
    **dict.fromkeys(("n_splits", "splits", "folds", "cv", "n_folds", "windows"), _LENGTHS),
    "n_windows": _LENGTHS,
    **dict.fromkeys(("expanding", "growing"), "anchored=True"),
    "rolling": "anchored=False",
    **dict.fromkeys(("purged_size", "purge_size"), 'purge="1w"'),
    "embargo_size": 'embargo="1w"',
    **dict.fromkeys(("retrain_every", "refit", "step_size"), 'step="6mo"'),
}
CROSS_WORDS: Final = {
    **dict.fromkeys(("n_splits", "n_folds", "cv", "k", "splits"), "folds=5"),
    **dict.fromkeys(("n_test_folds", "n_test_splits", "n_test_groups"), "test_folds=2"),
    **dict.fromkeys(("test_size", "train_size", "train", "test"), "folds=10, test_folds=2"),
    **dict.fromkeys(("purged_size", "purge_size", "gap"), 'purge="1w"'),
    "embargo_size": 'embargo="1w"',
    "embargo_pct": 'embargo="1w"',
}
"""Names of walks and cross validations in scikit-learn, skfolio and vectorbt."""


def knows_only(
    options: Iterable[str], elsewhere: Mapping[str, str] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function reject unknown arguments before it reports a missing one.

    Args:
        options: Options that it passes on.
        elsewhere: What to write, by argument of another library.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters.values()
        own = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            given = [name for name in kwargs if name not in own]
            refuse_unknown(function.__name__, given, (*own, *options), elsewhere)
            return function(*args, **kwargs)

        return called

    return decorate


def refuse_unknown(
    function: str,
    given: Iterable[str],
    known: Iterable[str],
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Raise an error for arguments that a function does not have, saying what to
    write.

    Args:
        function: Its name.
        given: The arguments given.
        known: The arguments it has.
        elsewhere: What to write, by argument of another library, in addition to the
            common ones.

    Raises:
        TypeError: an argument is unknown.
    """
    names = list(known)
    words = elsewhere or {}
    for name in given:
        if name in names:
            continue
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
        if name in words:
            hint = f"write {words[name]}"
        elif near:
            hint = f"did you mean {near[0]!r}?"
        elif name in _ELSEWHERE:
            hint = f"write {_ELSEWHERE[name]}"
        else:
            hint = f"there is {', '.join(sorted(names))}" + (
                ""
                if "where" not in names
                else f'; values of a parameter go into params={{"{name}": [...]}}'
            )
        raise TypeError(f"{function}() got an unexpected argument {name!r}: {hint}")
