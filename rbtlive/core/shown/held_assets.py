"""The assets held, with the iteration order of zipline's sets.

The rule: a strategy that iterates over such a set meets assets in the same order as in
zipline, so that its orders have the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, KeysView
from typing import Any

from rbtlive.model.asset import Asset


class _Held(dict[Asset, None]):
    pass  # a subclass, as in zipline: Python builds a set from a plain dict in another way


class HeldAssets(KeysView[Asset]):
    """The keys of positions; set operations on them build sets in the same way as
    zipline's.
    """

    def _plain(self) -> KeysView[Asset]:
        return _Held.fromkeys(self).keys()

    def __sub__(self, other: Iterable[Any]) -> set[Asset]:
        """Return the assets that are not in `other`."""
        return self._plain() - other

    def __and__(self, other: Iterable[Any]) -> set[Asset]:
        """Return the assets that are in `other` too."""
        return self._plain() & other

    def __or__(self, other: Iterable[Any]) -> set[Any]:
        """Return the assets and everything in `other`."""
        return self._plain() | other

    def __xor__(self, other: Iterable[Any]) -> set[Any]:
        """Return what is in only one of the two."""
        return self._plain() ^ other
