"""A symbol at the broker and in the run.

The rule: a run keeps the symbols it began with. Brokers may spell them differently in
positions than in orders ("BTCUSD" for "BTC/USD"), and companies change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.model.number import ZERO

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore


def called_there(core: TradingCore, symbol: str) -> str:
    """Return the broker's current name of a run's asset."""
    state = core.state
    return state.symbol_changes.current(symbol, state.market.session)


def called_here(core: TradingCore, symbol: str) -> str:
    """Return a symbol in this run's spelling: the broker's may lack a pair's slash, or
    have changed since the run began.
    """
    state = core.state
    names = {asset.symbol: asset.symbol for asset in state.assets}
    if symbol in names:
        return symbol
    short = {name.replace("/", ""): name for name in names}
    return short.get(symbol) or state.symbol_changes.names.get(symbol.upper(), symbol)


def by_own_symbols(core: TradingCore, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return signed shares by the run's symbols."""
    found: dict[str, Decimal] = {}
    for symbol, amount in held.items():
        name = called_here(core, symbol)
        found[name] = found.get(name, ZERO) + amount
    return found
