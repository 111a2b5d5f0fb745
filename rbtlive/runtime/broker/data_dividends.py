"""Dividends that the run's own data pays, and that the broker reports too.

The rule: a dividend of the data and one of the broker's are the same if they are of one
asset and close in time; each is matched once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from rbtlive.brokers.base import BrokerActivity
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.number import ZERO

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

SAME_DIVIDEND: Final = timedelta(days=10)
"""A broker's dividend and one in the data are the same if they are no further apart
than this.
"""


class _Payment(NamedTuple):
    symbol: str
    at: datetime
    cash: Decimal
    is_paid: bool


class DataDividends:
    """Matches the dividends of a run's data with those that its broker reports.

    Args:
        core: Returns the core.
    """

    def __init__(self, core: Callable[[], TradingCore]) -> None:
        self._core = core
        self._reported: set[tuple[str, datetime]] = set()

    def reported(self, one: BrokerActivity) -> Decimal | None:
        """Return what the data has paid, or will pay, for a dividend that the broker
        reports; None if the data does not know it.
        """
        same = [
            known
            for known in self._payments()
            if known.symbol == one.symbol
            and abs(known.at - one.at) <= SAME_DIVIDEND
            and (known.symbol, known.at) not in self._reported
        ]
        if not same:
            return None
        nearest = min(same, key=lambda known: abs(known.at - one.at))
        self._reported.add((nearest.symbol, nearest.at))
        return nearest.cash

    def ahead(self) -> Decimal:
        """Return the money by which the run's books are ahead of the broker's reports:
        it is negative if the broker was first.
        """
        now, ahead = self._core().state.now, ZERO
        for known in self._payments():
            reported = (known.symbol, known.at) in self._reported
            if known.is_paid and not reported and now - known.at <= SAME_DIVIDEND:
                ahead += known.cash
            elif reported and not known.is_paid:
                ahead -= known.cash
        return ahead

    # The data's dividends are booked at a session's opening, the broker's when they
    # arrive.
    def _payments(self) -> Iterator[_Payment]:
        state = self._core().state
        calendar = state.calendar
        for known in state.record.adjustments:
            if known.kind != "dividend" or known.asset is None:
                continue
            if calendar.open(calendar.next_session(us_of(known.dt))) == known.dt:
                yield _Payment(known.asset.symbol, known.dt, known.cash, is_paid=True)
        for session, index, cash in state.dividends.owed():
            symbol = state.assets[index].symbol
            yield _Payment(symbol, calendar.open(session), cash, is_paid=False)
