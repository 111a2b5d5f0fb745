"""What a sweep, a walk forward and a cross validation pass on, and what they are called
elsewhere.

The rule: an unknown argument is refused by the function it was given to, with what to
write.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

BACKTEST_OPTIONS: Final = (
    *("start", "end", "capital_base", "frequency", "calendar", "commission", "slippage"),
    *("benchmark", "frames", "zipline_quirks", "warmup"),
)

OWN_OPTIONS: Final = (
    "method",
    "n",
    "maximize",
    "where",
    "workers",
    "backend",
    "store",
    "seed",
    "gear",
    "verify",
    "timeout",
    "progress",
)

_ELSEWHERE: Final = {
    "constraint": "where=lambda p: p.fast < p.slow",
    "max_tries": 'method="random", n=100',
    "n_iter": 'method="random", n=100',
    "n_trials": 'method="optuna", n=100',
    "n_jobs": "workers=2",
    "n_workers": "workers=2",
    **dict.fromkeys(("metric", "objective", "scoring", "target"), 'maximize="sharpe"'),
    "minimize": 'maximize="-max_drawdown"',
    "random_state": "seed=1",
    **dict.fromkeys(("cash", "capital", "init_cash", "initial_cash"), "capital_base=100_000"),
    **dict.fromkeys(("param_grid", "grid", "ranges"), 'params={"fast": [5, 10]}'),
    "fees": "commission=rbt.PerDollar(0.001)",
    **dict.fromkeys(("interval", "freq", "timeframe"), 'frequency="5m"'),
    **dict.fromkeys(("train_size", "in_sample"), 'train="2y"'),
    **dict.fromkeys(("test_size", "out_of_sample"), 'test="6mo"'),
}


def refuse_unknown(function: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse arguments that a function does not have, with what to write.

    Raises:
        TypeError: there is one.
    """
    names = list(known)
    for name in given:
        if name in names:
            continue
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
        if near:
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
