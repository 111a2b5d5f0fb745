"""Splits as the account shows them, possibly before the run's books have them.

The rule: an account is split overnight, a run at its session's first slice; in between,
shares and orders are compared on both bases.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.data.calendars.calendar import us_of

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.model.asset import Asset

SESSIONS_BACK = 5
"""The last note of outside shares may be this many sessions old, so their splits may be
missing in it.
"""


def recent_splits(core: TradingCore, symbol: str) -> list[Decimal]:
    """Return the ratios of a symbol's latest splits, the last one first."""
    state = core.state
    index = next((asset.index for asset in state.assets if asset.symbol == symbol), -1)
    session = state.market.session
    begun = [
        (first, ratio)
        for (split, first), ratio in state.market.known_splits.items()
        if split == index and session - SESSIONS_BACK < first <= session
    ]
    return [ratio for _first, ratio in sorted(begun, reverse=True)]


def is_restated_first(core: TradingCore, asset: Asset, at: datetime) -> bool:
    """Say whether the broker may already have adjusted open orders for a split that the
    books do not have yet: from the close before the split's session on.
    """
    market, closes_us = core.state.market, core.state.calendar.closes_us
    return asset.index in market.coming_splits() and any(
        index == asset.index and market.session < first and closes_us[first - 1] < us_of(at)
        for index, first in market.known_splits
    )


def looks_split(there: Decimal, before: Decimal, ratio: Decimal) -> bool:
    """Say whether an account's shares are closer to the holdings before a split,
    adjusted by its ratio, than to the unadjusted ones.
    """
    return abs(there - before / ratio) < abs(there - before)


def is_split(there: Decimal, exact: Decimal) -> bool:
    """Say whether a split explains the number of shares; a fraction of a share may have
    been paid in cash.
    """
    return abs(there - exact) < 1
