"""Tab completion inside the callbacks of a cell: `context.`, `data.`, `order.`.

The rule: a cell is read but never run. Parameters of callbacks get their types by their
usual names, and jedi does the rest.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from rbtlive.core.shown.bar_data import BarData
from rbtlive.core.shown.order_views import OrderView, TransactionView
from rbtlive.core.strategy.context import Context

TYPES: Final[Mapping[str, type]] = {
    "context": Context,
    "data": BarData,
    "order": OrderView,
    "transaction": TransactionView,
}
"""The type of a parameter with this name, if it has no annotation."""

_MACHINERY: Final = frozenset({"floats", "release"})
"""Attributes of `data` that the engine uses and strategies do not need."""

_PREFIX = "_rbtlive_type_of_"
_SIGNATURE = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(([^()]*)\)", re.MULTILINE)
_OWN = re.compile(r"\bcontext\.(\w+)(?=[^=(\n]*(?<![=!<>])=(?!=))")
_ATTRIBUTE = re.compile(r"(?:\w+\.)+\w*$")


def complete_in_callbacks() -> None:
    """Enable completion inside callbacks if this process runs IPython; a second call
    does nothing.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    matchers = getattr(getattr(shell, "Completer", None), "custom_matchers", None)
    if matchers is None or any(getattr(m, "__name__", "") == _match.__name__ for m in matchers):
        return
    from IPython.core import completer

    if hasattr(completer, "context_matcher"):  # IPython 8.6
        matchers.append(completer.context_matcher(identifier=__name__)(_match))


# IPython calls this for the completions of the token before the cursor.
def _match(asked: Any) -> dict[str, Any]:
    from IPython.core.completer import SimpleCompletion

    found = []
    if _ATTRIBUTE.search(asked.token):
        names = completions(asked.full_text, asked.cursor_line, asked.cursor_position)
        before = asked.token.rpartition(".")[0]
        found = [SimpleCompletion(f"{before}.{name}") for name in names]
    return {"completions": found, "suppress": False}


def completions(cell: str, line: int, column: int) -> list[str]:
    """Return the attributes that can be completed at a place inside a callback, in
    order.

    Args:
        cell: The cell's text.
        line: Number of the cursor's line, from 0.
        column: Number of characters before the cursor in it.
    """
    typed = _SIGNATURE.sub(_with_types, cell)
    if typed == cell or _SIGNATURE.search(cell.splitlines()[line]):
        return []
    try:
        import jedi
    except ImportError:
        return []
    names = {_PREFIX + name: kind for name, kind in TYPES.items()}
    spaces = [names, vars(sys.modules["__main__"])]
    try:
        if jedi.Interpreter(cell, spaces).complete(line + 1, column):
            return []  # IPython completes these without the types
        found = jedi.Interpreter(typed, spaces).complete(line + 1, column)
    except Exception:  # noqa: BLE001 - half-written code and a user's objects may break jedi
        return []
    listed = [
        one.name for one in found if not one.name.startswith("_") and one.name not in _MACHINERY
    ]
    return listed + _of_the_user(cell.splitlines()[line][:column], cell, listed)


def _with_types(signature: re.Match[str]) -> str:
    given, typed = signature[1], []
    for parameter in given.split(","):
        name = parameter.strip()
        typed.append(f"{parameter.rstrip()}: {_PREFIX}{name}" if name in TYPES else parameter)
    return signature[0].replace(f"({given})", f"({','.join(typed)})")


# Names that the cell itself sets on its context.
def _of_the_user(before: str, cell: str, known: list[str]) -> list[str]:
    begun = re.search(r"\bcontext\.(\w*)$", before)
    if begun is None:
        return []
    own = sorted({match[1] for match in _OWN.finditer(cell)})
    return [name for name in own if name.startswith(begun[1]) and name not in known]


# Importing the package in a notebook is enough.
complete_in_callbacks()
