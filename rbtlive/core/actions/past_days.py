"""Daily bars that come after their sessions were over.

The rule: they change windows and tables of what is decided from now on, and a table
that was shown never.
"""

from __future__ import annotations

from itertools import chain

from rbtlive.core.run_state import RunState
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.events import PastDaysEvent


def take_past_days(state: RunState, event: PastDaysEvent) -> None:
    """Take bars of past sessions of which there were none; those there were stay."""
    market, calendar = state.market, state.calendar
    if not state.settings.intraday:
        return
    indices = {asset.symbol: asset.index for asset in state.assets}
    for bar in event.bars:
        session = calendar.session_of_us(us_of(bar.timestamp))
        if bar.symbol in indices and session >= 0:
            market.days.take_late(indices[bar.symbol], session, bar.floats())
    _forget_days_ahead(state)


# A backtest has computed days ahead, which see these bars too.
def _forget_days_ahead(state: RunState) -> None:
    session = state.market.session
    for attached in state.pipelines.by_name.values():
        ahead = attached.last - session - 1
        if attached.computed is not None and ahead >= 0:
            attached.last = session
            attached.chunks = chain([ahead], attached.chunks)
