"""The text that identifies a value: equal in every process for values that compute the
same.

The rule: two values that may compute different numbers never have the same text; if
that is unknown, the text is unique.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import CodeType, FunctionType, MethodType, SimpleNamespace
from typing import Any, Final

from rbtlive.core.strategy.nested_code import names_in
from rbtlive.errors import NotPicklable
from rbtlive.research.sweeping.travel import is_installed_name, pack

CONSTANTS: Final = (
    *(bool, int, float, complex, str, bytes, Decimal, Fraction),
    *(date, time, timedelta, type(None)),
)
"""Types of values that no code can change."""


def key_of(params: Mapping[str, Any]) -> str:
    """Return the text that identifies a set of parameters."""
    return text_of(dict(params))


def text_of(value: object) -> str:
    """Return the text that identifies a value: its type and content; for a function its
    code, and the values that it uses.
    """
    return _text(value, frozenset())


def shown_text(value: object) -> str:
    """Return a readable text of a value, and a digest of its identifying text."""
    name = getattr(value, "__name__", None) or " ".join(repr(value).split())
    readable = type(value).__name__ if " at 0x" in name else name
    return f"{readable} {hashlib.sha256(text_of(value).encode()).hexdigest()[:8]}"


def _text(value: object, above: frozenset[int]) -> str:
    kind = type(value)
    if isinstance(value, Enum):
        return f"{kind.__qualname__}.{value.name}"
    if kind in CONSTANTS:
        return f"{kind.__name__} {value!r}"
    if id(value) in above:
        return "itself"
    above |= {id(value)}
    if isinstance(value, Mapping):
        pairs = sorted(f"{_text(k, above)}: {_text(v, above)}" for k, v in value.items())
        return f"{kind.__name__} {{{', '.join(pairs)}}}"
    if isinstance(value, (list, tuple)):
        return f"{kind.__name__} [{', '.join(_text(part, above) for part in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"{kind.__name__} {{{', '.join(sorted(_text(part, above) for part in value))}}}"
    if isinstance(value, MethodType):
        return f"{_text(value.__func__, above)} of {_text(value.__self__, above)}"
    if isinstance(value, FunctionType):
        return _function(value, above)
    return _pickled(value)


def _function(function: FunctionType, above: frozenset[int]) -> str:
    name = f"{function.__module__}.{function.__qualname__}"
    if is_installed_name(function.__module__):
        return f"function {name}"
    cells = [_cell(cell) for cell in function.__closure__ or ()]
    used = {
        name: function.__globals__[name]
        for name in sorted(names_in(function.__code__))
        if name in function.__globals__
    }
    leans = {
        name: value
        for name, value in used.items()
        if isinstance(value, (FunctionType, *CONSTANTS, list, tuple, dict, set))
    }
    parts = (function.__defaults__, function.__kwdefaults__, cells, leans)
    return f"function {code_text(function.__code__)} {_text(list(parts), above)}"


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def code_text(code: CodeType) -> str:
    """Return the text that identifies code, without its file and line numbers, which
    change when a cell is run again.
    """
    constants = [code_text(c) if isinstance(c, CodeType) else text_of(c) for c in code.co_consts]
    content = repr((code.co_code, constants, code.co_names, code.co_varnames))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _pickled(value: object) -> str:
    kind = type(value)
    try:
        token = pack(SimpleNamespace(value=value), folder=None).token
    except NotPicklable:
        token = secrets.token_hex(16)
    return f"{kind.__module__}.{kind.__qualname__} {token}"
