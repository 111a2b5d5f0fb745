"""A company's shares start trading under another symbol.

The rule: the run's name of an asset never changes; the new name is kept beside it.
"""

from __future__ import annotations

from rbtlive.core.run_state import RunState
from rbtlive.model.events import SymbolChangeEvent


def change_symbol(state: RunState, event: SymbolChangeEvent) -> None:
    """Record an asset's new name, valid from a session on."""
    old, new = event.symbol, event.new_symbol
    names, calendar = {asset.symbol for asset in state.assets}, state.calendar
    if old not in names or state.symbol_changes.knows(old, new):
        return
    text = f"{old} trades as {new} {event.reason}".rstrip()
    if new in names:
        state.on_message(
            "warning", f"{text}; the run has an asset of that name, so {old} cannot follow it"
        )
        return
    session = state.market.session
    if event.effective is not None:
        session = max(session, calendar.at_or_after(event.effective))
    state.symbol_changes.add(old, new, session)
    state.on_message("warning", f"{text} from {calendar.label(session)} on; here it stays {old}")
