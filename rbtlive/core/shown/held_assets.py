"""The assets held, as sets are made of them.

The rule: a strategy that goes over such a set meets assets in the order in which it
would in zipline, so that its orders have the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, KeysView
from typing import Any

from rbtlive.model.asset import Asset


class _Held(dict[Asset, None]):
    pass  # a subclass, as zipline's: of a plain dict a set is made in another way


class HeldAssets(KeysView[Asset]):
    """The keys of positions; what is computed of them is a set made as zipline's is."""

    def _plain(self) -> KeysView[Asset]:
        return _Held.fromkeys(self).keys()

    def __sub__(self, other: Iterable[Any]) -> set[Asset]:
        """Return the assets that are not in `other`."""
        return self._plain() - other

    def __and__(self, other: Iterable[Any]) -> set[Asset]:
        """Return the assets that are in `other` too."""
        return self._plain() & other

    def __or__(self, other: Iterable[Any]) -> set[Any]:
        """Return the assets, and what is in `other`."""
        return self._plain() | other

    def __xor__(self, other: Iterable[Any]) -> set[Any]:
        """Return what is in one of the two alone."""
        return self._plain() ^ other
