"""Code objects inside code objects: functions, lambdas and comprehensions that another
function contains.

The rule: a name used anywhere inside counts as used by the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """Return a code object and all that it contains."""
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from nested_codes(part)


def names_in(code: CodeType) -> set[str]:
    """Return the global names and attributes that code mentions."""
    return {name for one in nested_codes(code) for name in one.co_names}


def strings_in(code: CodeType) -> set[str]:
    """Return the strings that code contains, such as the keys of subscripts."""
    return {part for one in nested_codes(code) for part in one.co_consts if isinstance(part, str)}
