"""What a run shows from inside, written down as plain JSON, the same way under zipline
and under rbtlive.

One rule: values are described, never converted. A type that a zipline strategy could
not have met is an error.
"""

from collections.abc import Callable, Mapping, MutableMapping
from datetime import date, datetime
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd

Callback = Callable[[Any, Any], Any]


class Watch:
    """Counts the bars a strategy saw, so that an error can be placed."""

    def __init__(self) -> None:
        self.bars = 0
        self.last_bar: Any = None

    def attach(self, namespace: MutableMapping[str, Any]) -> None:
        """Wrap the namespace's `handle_data`, or provide one."""
        inner: Callback = namespace.get("handle_data") or _nothing

        @wraps(inner)
        def handle_data(context: Any, data: Any) -> None:
            self.bars += 1
            self.last_bar = data.current_dt
            inner(context, data)

        namespace["handle_data"] = handle_data


def _nothing(_context: Any, _data: Any) -> None:
    """Stand in for a strategy without `handle_data`."""


def error_facts(error: BaseException | None, watch: Watch) -> dict[str, Any] | None:
    """Return an error's class name and the place where it ended the run; None if there
    was none.
    """
    if error is None:
        return None
    return {"type": type(error).__name__, "bars": watch.bars, "last_bar": describe(watch.last_bar)}


def label(key: Any) -> str:
    """Return a column's or an index entry's name; an asset goes by its symbol in angle
    brackets.
    """
    if hasattr(key, "symbol") and hasattr(key, "sid"):
        return f"<{key.symbol}>"
    return str(describe(key))


def describe(value: Any) -> Any:
    """Return `value` as plain JSON: NaN, NaT and None are null, infinities are text,
    frames keep their labels and mappings, written as pairs, their order.

    Raises:
        TypeError: the value's type is none that zipline hands to a strategy.
    """
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return _float(float(value))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, pd.Timedelta):
        return str(value)
    if hasattr(value, "symbol") and hasattr(value, "sid"):
        return label(value)
    return _describe_container(value)


def _float(value: float) -> float | str | None:
    if value != value:
        return None
    return value if abs(value) != float("inf") else str(value)


def _describe_container(value: Any) -> Any:
    if isinstance(value, pd.Series):
        return {"index": _index(value.index), "values": [describe(item) for item in value.tolist()]}
    if isinstance(value, pd.DataFrame):
        return {
            "index": _index(value.index),
            "names": [describe(name) for name in value.index.names],
            "columns": [label(name) for name in value.columns],
            "values": [
                [describe(item) for item in value.iloc[:, at].tolist()]
                for at in range(value.shape[1])
            ],
        }
    if isinstance(value, np.ndarray | pd.Index | list | tuple):
        return [
            describe(item) for item in (value.tolist() if isinstance(value, np.ndarray) else value)
        ]
    if isinstance(value, set | frozenset):
        return sorted(label(item) for item in value)
    if isinstance(value, Mapping):
        return [[label(key), describe(item)] for key, item in value.items()]
    msg = f"cannot describe a {type(value).__module__}.{type(value).__qualname__}: log what zipline would have given"
    raise TypeError(msg)


def _index(index: pd.Index) -> list[Any]:
    return [
        describe(list(entry)) if isinstance(entry, tuple) else describe(entry) for entry in index
    ]
