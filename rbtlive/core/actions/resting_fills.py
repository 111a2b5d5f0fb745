"""Bars on which nothing but orders with prices can fill: most touch none.

The rule: it does what `fills.match` does, and one comparison shows a bar that fills
nothing.
"""

from __future__ import annotations

from typing import TypeAlias

from rbtlive.core.actions.callbacks import deliver
from rbtlive.core.actions.fills import match, settle, whole_fills
from rbtlive.core.run_state import RunState
from rbtlive.core.state.order import Order
from rbtlive.data.bars.fast_reads import Floats
from rbtlive.model.asset import Asset
from rbtlive.sim.matching import SimVenue

Calm: TypeAlias = tuple[int, Floats, float, float]


def match_resting(state: RunState) -> Calm | None:
    """Let the venue fill open orders on the current bar; return the range in which
    later bars fill nothing, or None.

    It consists of the book's version, the closes of its one asset by row, and the
    prices between which these closes must lie.
    """
    orders, venue, market = state.orders, state.venue, state.market
    book, version, row = orders.book, orders.version, market.view
    found = None if market.table.base else venue.calm_range(book, version=version)
    if found is None or row < 0:
        match(state, book)
    else:  # what `match` does where no order waits
        _, low, high = found
        closes = _closes(state, *book)
        close = closes[row]
        is_touched = close <= low or close >= high  # NaN touches nothing
        if is_touched and not _fill_only_touched(state, *book.items()):
            match(state, book)
        else:
            if orders.emptied:
                orders.prune()
            if (
                state.balanced_version != state.portfolio.version
                or state.unbooked_commissions
                or state.unbooked_charges
            ):
                settle(state)
            if state.callbacks.waiting:
                deliver(state)
            if not is_touched:
                return version, closes, low, high
    if orders.version != version or market.table.base:
        return None
    found = venue.calm_range(book, version=version)
    return None if found is None else (version, _closes(state, *book), *found[1:])


# Fills what a bar touches of the only asset's orders, if that is one order, and the bar
# has room for all of it.
def _fill_only_touched(state: RunState, orders_of: tuple[Asset, list[Order]]) -> bool:
    asset, open_orders = orders_of
    venue = state.venue
    if not (
        state.orders.waiting.takes  # so that both models have short ways
        and state.plain_assets[asset.index]
        and not state.unbooked_commissions
        and not state.unbooked_charges
    ):
        return False
    assert isinstance(venue, SimVenue)
    traded = state.data.floats.traded_of(asset)
    state.orders.looks += 1
    return venue.fill_only_touched(open_orders, traded, whole_fills(state, state.now, is_only=True))


# The closes of an asset by row, where the first rows are held.
def _closes(state: RunState, asset: Asset) -> Floats:
    try:
        return state.market.quick.numbers["close"][asset][0]
    except KeyError:
        return state.market.table.view(asset.index, "close")
