"""Bars that arrive after their sessions, or their slices, have ended.

The rule: they change windows and tables of later decisions; a table that was already
shown stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from rbtlive.core.run_state import RunState
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.events import PastDaysEvent


def take_past_days(state: RunState, event: PastDaysEvent) -> None:
    """Apply bars of the past, all bars of one event in one step."""
    market = state.market
    if not state.settings.intraday:
        return
    if event.frequency is not None:
        _take_bars_within_days(state, event)
        return
    indices = {asset.symbol: asset.index for asset in market.assets}
    days: dict[int, dict[int, Sequence[float]]] = {}
    for bar in event.bars:
        index = indices.get(bar.symbol, -1)
        session = state.calendar.session_of_us(us_of(bar.timestamp))
        if index >= 0 and session >= 0 and market.is_listed(index, session):
            days.setdefault(session, {})[index] = bar.floats()
    if days:
        market.take_past_days(days)
        _forget_days_ahead(state)


# Bars of the run's own frequency, of rows that have passed.
def _take_bars_within_days(state: RunState, event: PastDaysEvent) -> None:
    market = state.market
    if event.frequency != market.frequency:
        return
    indices = {asset.symbol: asset.index for asset in market.assets}
    bars: dict[int, dict[int, Sequence[float]]] = {}
    for bar in event.bars:
        index = indices.get(bar.symbol, -1)
        if index >= 0:
            bars.setdefault(us_of(bar.timestamp), {})[index] = bar.floats()
    market.take_past_bars(bars)
    state.pipelines.day_so_far = None


# Tables that were computed ahead, as in a backtest, have not seen these bars.
def _forget_days_ahead(state: RunState) -> None:
    pipelines, session = state.pipelines, state.market.session
    pipelines.source = pipelines.day_so_far = None
    for attached in pipelines.by_name.values():
        ahead = attached.last - session - 1
        if attached.computed is not None and ahead >= 0:
            attached.last = session
            attached.chunks = chain([ahead], attached.chunks)
