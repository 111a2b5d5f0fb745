"""The assets of a run, also found by assets from a copy of its portal.

The rule: an asset that the run does not have is never found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.model.asset import Asset, own_asset


class OwnAssets(dict[Any, int]):
    """Index of each asset of the run. An asset from a copy of the portal, as another
    process returns it, counts as the run's own asset with that number.
    """

    __slots__ = ("_assets", "_most")

    def __init__(self, assets: Sequence[Asset]) -> None:
        self._assets = assets
        self._most = 4 * len(assets)

    def __missing__(self, asset: object) -> int:
        own = own_asset(asset, self._assets)
        if own is None:
            raise KeyError(asset)
        if len(self) < self._most:  # each copy has objects of its own
            self[asset] = own.index
        return own.index

    def get(self, asset: object, default: object = None) -> Any:
        """Return an asset's index, or `default`."""
        try:
            return self[asset]
        except KeyError:
            return default

    def __contains__(self, asset: object) -> bool:
        return self.get(asset) is not None

    def number_of(self, asset: object) -> int | None:
        """Return an asset's index; None for several assets, and for anything that is
        not an asset of the run: a number equal to its sid is found in a dict, and is
        not an asset.
        """
        if not isinstance(asset, Asset):
            return None
        try:
            return self[asset]
        except KeyError:
            return None
