"""Sources that can be read only once: generators, cursors, readers, open files.

The rule: the tables of such a source are kept while its reading waits for an answer, so
that the suggested line reads the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary, ref

from rbtlive.data.reading.tables import Table

_WAITING: WeakKeyDictionary[Any, list[Table]] = WeakKeyDictionary()
_LAST: list[tuple[Any, list[Table]]] = []  # the last source that cannot be weakly referenced


def taken(source: object, take: Callable[[Any], list[Table]]) -> list[Table]:
    """Return the tables of a source: kept ones, or those that it gives now."""
    if not _is_read_once(source):
        return take(source)
    if not _can_be_watched(source):
        if not (_LAST and _LAST[0][0] is source):
            _LAST[:] = [(source, take(source))]
        return _LAST[0][1]
    if (waiting := _WAITING.get(source)) is not None:
        return waiting
    _WAITING[source] = tables = take(source)
    return tables


def forget(source: object) -> None:
    """Drop the tables of a source that has been read."""
    _LAST.clear()
    if _is_read_once(source) and _can_be_watched(source):
        _WAITING.pop(source, None)


def _is_read_once(source: object) -> bool:
    return isinstance(source, Iterator) or any(
        callable(getattr(source, name, None)) for name in ("fetchall", "read_next_batch", "read")
    )


def _can_be_watched(source: object) -> bool:
    try:
        hash(source)
        ref(source)
    except TypeError:
        return False
    return True
