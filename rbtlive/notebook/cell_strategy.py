"""A notebook cell as a strategy.

The rule: a cell's names are its own, so that two strategies never mix; other names are
looked up in the notebook.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from rbtlive.core.strategy.context import TradingAlgorithm
from rbtlive.core.strategy.strategy_executor import ACTING, CALLBACKS
from rbtlive.errors import NoCallbacks, NotAStrategy


class CellStrategy:
    """The functions of a cell, under the cell's name.

    `__source__` is the whole cell: editing one of its constants or helpers edits the
    strategy.
    """

    def __init__(self, name: str, callbacks: dict[str, Callable[..., Any]], *, source: str) -> None:
        self.__name__ = name
        self.__source__ = source
        self._names = tuple(callbacks)
        vars(self).update(callbacks)

    def __repr__(self) -> str:
        return f"<strategy {self.__name__}: {', '.join(self._names)}>"


class _CellNames(dict[str, Any]):
    # A cell's globals: a name that the cell does not define is looked up in the
    # notebook on use, as in any cell.
    def __init__(self, notebook: dict[str, Any]) -> None:
        super().__init__(__name__="__main__")
        self._notebook = notebook

    def __missing__(self, name: str) -> Any:
        return self._notebook[name]


def strategy_from_cell(shell: Any, name: str, cell: str) -> Any:
    """Run a cell and return the strategy it defines.

    Args:
        shell: The IPython shell whose names the cell sees.
        name: Name of a strategy made of functions.
        cell: The cell's text below its first line.

    Raises:
        NoCallbacks: the cell defines neither callbacks nor a class.
        NotAStrategy: the cell defines callbacks and a class, or several classes.
    """
    # The magic's own line is replaced by an empty one, so that line numbers match the
    # cell.
    text = "\n" + shell.transform_cell(cell)
    place = shell.compile.cache(text, shell.execution_count, raw_code=f"%%strategy {name}\n{cell}")
    names = _CellNames(shell.user_ns)
    exec(compile(text, place, "exec", dont_inherit=True), names)  # noqa: S102 - the user's own cell
    classes = [
        value
        for value in names.values()
        if inspect.isclass(value)
        and issubclass(value, TradingAlgorithm)
        and value.__module__ == "__main__"
    ]
    callbacks = {key: names[key] for key in CALLBACKS if callable(names.get(key))}
    if len(classes) > 1 or (classes and callbacks):
        found = ", ".join([*(c.__name__ for c in classes), *callbacks])
        raise NotAStrategy(
            f"a cell is one strategy: this one defines {found}; put each into a cell of its own"
        )
    if classes:
        classes[0].__source__ = cell  # type: ignore[attr-defined] # the fingerprint reads it
        return classes[0]
    if not callbacks.keys() & set(ACTING):
        raise NoCallbacks(_what_is_missing(name, names))
    return CellStrategy(name, callbacks, source=cell)


def _what_is_missing(name: str, names: dict[str, Any]) -> str:
    functions = [key for key, value in names.items() if inspect.isfunction(value)]
    for function in functions:
        near = difflib.get_close_matches(function, CALLBACKS, n=1, cutoff=0.8)
        if near:
            return (
                f"cell {name!r} is not a strategy yet: it defines {function}(); did you mean "
                f"{near[0]}()?"
            )
    return (
        f"cell {name!r} has none of {', '.join(ACTING)}: define handle_data(context, data) at "
        "least, "
        "or one subclass of TradingAlgorithm"
    )
