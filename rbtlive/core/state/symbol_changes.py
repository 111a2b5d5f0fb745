"""Current symbols of a run's assets whose company has changed its symbol.

The rule: inside a run an asset keeps the name it had at the start; only messages that
leave or enter the run are translated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class SymbolChanges:
    """The symbol changes that a run knows.

    Attributes:
        names: The run's name of an asset by each of its later names, in upper case.
    """

    __slots__ = ("_changes", "names")

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._changes: list[tuple[str, str, int]] = []

    def __iter__(self) -> Any:
        return iter(self._changes)

    def add(self, symbol: str, new_symbol: str, session: int) -> None:
        """Add a change: the run's name, the later name, its first session."""
        self._changes.append((symbol, new_symbol, session))
        self.names[new_symbol.upper()] = symbol

    def knows(self, symbol: str, new_symbol: str) -> bool:
        """Say whether an asset is known under a later name."""
        return self.names.get(new_symbol.upper()) == symbol

    def current(self, symbol: str, session: int) -> str:
        """Return the name outside the run of an asset in a session."""
        for name, new_symbol, first in reversed(self._changes):
            if name == symbol and first <= session:
                return new_symbol
        return symbol

    def facts(self) -> list[list[Any]]:
        """Return the changes as plain facts."""
        return [list(change) for change in self._changes]

    def restore(self, facts: Iterable[Iterable[Any]]) -> None:
        """Restore the changes that `facts` described."""
        for symbol, new_symbol, session in facts:
            self.add(symbol, new_symbol, session)


class Renaming(Protocol):
    """A run's state, as far as symbol changes need it."""

    symbol_changes: SymbolChanges


def captured(state: Renaming) -> dict[str, Any]:
    """Return a run's changes as part of its captured state; an empty dict if there are
    none.
    """
    facts = state.symbol_changes.facts()
    return {"symbol_changes": facts} if facts else {}


def take_captured(state: Renaming, facts: Mapping[str, Any]) -> None:
    """Restore the changes from a captured state."""
    state.symbol_changes.restore(facts.get("symbol_changes", ()))
