"""Check the assets, fields and counts that a strategy passes to `data`.

The rule: an error names the argument, the method, the value given and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from rbtlive.core.shown.own_assets import OwnAssets
from rbtlive.model.asset import Asset, Equity


def is_many(value: object) -> bool:
    """Say whether `value` asks for several: an iterable that is not a string."""
    if type(value) is Equity:  # the first look for an `__iter__` takes 0.2 ms
        return False
    return isinstance(value, Iterable) and not isinstance(value, str)


def all_are_assets(values: Iterable[object]) -> bool:
    """Say whether every value is an asset; a dict of assets finds one by its sid."""
    return {Equity}.issuperset(map(type, values))


def check_asset(known: OwnAssets, asset: object, method: str) -> None:
    """Raise an error if `asset` is not an asset of the run.

    Raises:
        TypeError: it is not an asset of the run.
    """
    if not isinstance(asset, Asset):
        refuse("assets", asset, method, "an asset or a list of assets")
    if asset not in known:
        raise TypeError(
            f"assets in data.{method}() must be assets of this run: was {asset!r} of another; "
            "get it with symbol()"
        )


def refuse(argument: str, value: object, method: str, expected: str) -> NoReturn:
    """Raise TypeError for an argument of the wrong type."""
    hint = ""
    if argument == "assets":
        sid = isinstance(value, int) and not isinstance(value, bool)
        hint = (
            f"; get assets with symbol(), or sid({value})" if sid else "; get assets with symbol()"
        )
    raise TypeError(
        f"{argument} in data.{method}() must be {expected}: was {value!r} "
        f"({type(value).__name__}){hint}"
    )
