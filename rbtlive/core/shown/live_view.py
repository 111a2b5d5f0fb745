"""Base of the views that strategies read, and what copying one does.

The rule: a view shows the run as it is now; its copy keeps the values of that moment.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class LiveView:
    """Base of views, which follow the run.

    `copy`, `deepcopy` and `pickle` make a plain object with the same attributes, which
    no longer change.
    """

    __slots__ = ()

    def __reduce_ex__(self, _protocol: Any, /) -> tuple[Any, ...]:
        shown = {
            name: value
            for name in dir(self)
            if not name.startswith("_") and name != "raw"
            if not callable(value := getattr(self, name))
        }
        return SimpleNamespace, (), shown
