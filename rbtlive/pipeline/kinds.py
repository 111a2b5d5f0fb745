"""Classes of terms by name, for methods that create other terms.

The rule: a module registers its classes where it defines them; importing
`rbtlive.pipeline` loads all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_KINDS: dict[str, Any] = {}


def registered(name: str) -> Callable[[Any], Any]:
    """Register a class under a name."""

    def register(cls: Any) -> Any:
        _KINDS[name] = cls
        return cls

    return register


def kind(name: str) -> Any:
    """Return the class with a name."""
    return _KINDS[name]
