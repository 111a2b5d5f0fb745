"""Look up assets by ticker or object, and check whether they may be ordered now.

The rule: every function returns the run's own object, as the strategy sees it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from rbtlive.core.run_state import RunState
from rbtlive.errors import OrderDuringInitialize, SymbolNotFound, UnsupportedOrderParameters
from rbtlive.model.asset import Asset, own_asset

FOR_MANY: Final = (
    "call it once for each asset, or order_target_percents({asset: 0.5, other: 0.5}) for all of "
    "them"
)
"""What to write instead of one order for several assets."""


def resolve(state: RunState, asset: Any, method: str) -> Asset:
    """Return the run's own object for `asset`, which may come from the portal.

    Raises:
        UnsupportedOrderParameters: it is not an asset of this run.
    """
    if id(asset) in state.asset_ids:
        return asset  # type: ignore[no-any-return]
    own = own_asset(asset, state.assets)
    if own is not None:
        return own
    several = isinstance(asset, (Mapping, list, tuple, set, frozenset))
    step = FOR_MANY if several and method.startswith("order") else "use symbol('...') or sid(...)"
    raise UnsupportedOrderParameters(
        f"{method}() takes an asset: was {asset!r} ({type(asset).__name__}); {step}"
    )


def find_symbol(state: RunState, text: str) -> Asset:
    """Return the asset with that ticker, in any case, as of the look-up date.

    Raises:
        SymbolNotFound: no asset has that ticker, or it is listed only later.
        TypeError: `text` is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(
            f"symbol_str must be a text: was {text!r} ({type(text).__name__}) in symbol()"
        )
    wanted = text.upper()
    if not state.assets_by_symbol:
        state.assets_by_symbol.update((a.symbol.upper(), a) for a in reversed(state.assets))
    asset = state.assets_by_symbol.get(wanted)
    if asset is None and wanted in state.symbol_changes.names:
        asset = state.assets_by_symbol[state.symbol_changes.names[wanted].upper()]
    if asset is not None:
        if state.lookup_date is not None and plain_date(asset.start_date) > state.lookup_date:
            raise SymbolNotFound(
                f"symbol {text!r} was not known on {state.lookup_date}: its first bar is of "
                f"{asset.start_date}"
            )
        return asset
    known = {a.symbol.upper(): a.symbol for a in state.assets}
    nearest = difflib.get_close_matches(wanted, known, n=1)
    hint = (
        f"did you mean {known[nearest[0]]!r}?"
        if nearest
        else f"the data holds {', '.join(sorted(known)[:10])}"
    )
    raise SymbolNotFound(f"symbol {text!r} was not found: {hint}")


def check_orderable(state: RunState, asset: Any, method: str) -> Asset | None:
    """Return the run's object for `asset`; None, with a message, if it has left the
    market.

    Raises:
        UnsupportedOrderParameters: `asset` is not an asset.
        OrderDuringInitialize: no bar has come yet.
    """
    known: Asset = asset if id(asset) in state.asset_ids else resolve(state, asset, method)
    if state.initializing:
        if state.quirks.loose_initialize_errors:
            raise AssertionError("Algorithm should have a timezone.utc datetime, None")
        raise OrderDuringInitialize(
            f"{method}() cannot be called in initialize: no bar has come yet; order in handle_data"
        )
    session, listing = state.market.session, state.market.listing
    if session > listing.last[known.index] or session > listing.auto_close[known.index]:
        state.on_message(
            "warning",
            f"{known.symbol} has left the market and cannot be ordered; a position in it is "
            "closed on "
            f"{plain_date(known.auto_close_date)}",
        )
        return None
    return known


def all_orderable(state: RunState, assets: object) -> bool:
    """Say whether `assets` is a dict of the run's own objects, all of which may be
    ordered now.
    """
    if (
        type(assets) is not dict
        or state.initializing
        or not state.asset_ids.issuperset(map(id, assets))
    ):
        return False
    session, listing = state.market.session, state.market.listing
    last, closing = listing.last, listing.auto_close
    return all(session <= last[a.index] and session <= closing[a.index] for a in assets)


def plain_date(label: date) -> date:
    """Return a label as a plain date."""
    return label.date() if isinstance(label, datetime) else label
