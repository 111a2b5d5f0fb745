"""Arguments by the names that other libraries give them: refused with ours.

The rule: a wrong name is a TypeError as in any call; the message says what to write.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from rbtlive.core.actions.user_code import from_own_line

P = ParamSpec("P")
R = TypeVar("R")

_ELSEWHERE: Final = {
    "data_frequency": 'frequency="1m" for "minute", frequency="1d" for "daily"',
    "interval": 'frequency="5m"',
    "timeframe": 'frequency="5m"',
    "broker": "rbt.attach(strategy, broker, ...) for a live or paper session",
    "cash": "capital_base=100_000",
    "initial_cash": "capital_base=100_000",
    "capital": "capital_base=100_000",
    "init_cash": "capital_base=100_000",
    "trading_calendar": 'calendar="XNYS"',
    "exchange": 'calendar="XNYS"',
    "bundle": "data=..., a portal, a frame or a path",
    "bars": "data=..., a portal, a frame or a path",
    "start_date": 'start="2020-01-02"',
    "end_date": 'end="2020-12-31"',
    "fees": "commission=rbt.api.commission.PerShare(...)",
    "benchmark_symbol": 'benchmark="SPY"',
    "initialize": "the functions as one strategy: "
    '{"initialize": initialize, "handle_data": handle_data}',
    "handle_data": "the functions as one strategy: "
    '{"initialize": initialize, "handle_data": handle_data}',
    "symbol": 'data=rbt.read(source, symbol="AAPL")',
    "session_name": 'name="..."',
    "live": "rbt.attach(...), and paper=False at the broker",
}


def teaches_names(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function refuse arguments it does not have by saying what it has, and
    raise what came through the user's own code from the user's line on.
    """
    names = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in names:
                raise TypeError(_message(function.__name__, name, names))
        return function(*args, **kwargs)

    return from_own_line(called)


def _message(function: str, name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    if name in _ELSEWHERE:
        hint = f"write {_ELSEWHERE[name]}"
    elif near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = f"it has {', '.join(names)}"
    return f"{function}() has no argument {name!r}: {hint}"
