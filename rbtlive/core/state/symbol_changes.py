"""What a run's assets are called elsewhere, when a company has changed its symbol.

The rule: inside a run an asset keeps the name that the run began with; only what leaves
it, and what comes to it, is translated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class SymbolChanges:
    """The changes that a run knows of.

    Attributes:
        names: The run's name of an asset by each of its later ones, in upper case.
    """

    __slots__ = ("_changes", "names")

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._changes: list[tuple[str, str, int]] = []

    def __iter__(self) -> Any:
        return iter(self._changes)

    def add(self, symbol: str, new_symbol: str, session: int) -> None:
        """Take a change: the run's name, the later one, its first session."""
        self._changes.append((symbol, new_symbol, session))
        self.names[new_symbol.upper()] = symbol

    def knows(self, symbol: str, new_symbol: str) -> bool:
        """Say whether an asset is known under a later name."""
        return self.names.get(new_symbol.upper()) == symbol

    def current(self, symbol: str, session: int) -> str:
        """Return what an asset of the run is called elsewhere in a session."""
        for name, new_symbol, first in reversed(self._changes):
            if name == symbol and first <= session:
                return new_symbol
        return symbol

    def facts(self) -> list[list[Any]]:
        """Return the changes as plain facts."""
        return [list(change) for change in self._changes]

    def restore(self, facts: Iterable[Iterable[Any]]) -> None:
        """Take the changes that `facts` described."""
        for symbol, new_symbol, session in facts:
            self.add(symbol, new_symbol, session)


class Renaming(Protocol):
    """What has symbol changes: a run's state."""

    symbol_changes: SymbolChanges


def captured(state: Renaming) -> dict[str, Any]:
    """Return a run's changes as a part of its captured state; nothing where there are
    none.
    """
    facts = state.symbol_changes.facts()
    return {"symbol_changes": facts} if facts else {}


def take_captured(state: Renaming, facts: Mapping[str, Any]) -> None:
    """Take the changes out of a captured state."""
    state.symbol_changes.restore(facts.get("symbol_changes", ()))
