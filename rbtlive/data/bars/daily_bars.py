"""Daily bars of a run: the run's own bars in a daily run, otherwise a table built on
first use.

The rule: the daily bar of a finished session is the portal's; if the portal has none,
the bar that arrived later; otherwise one built from its intraday bars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, cast

from rbtlive.data.bars.bar_table import BarTable
from rbtlive.data.bars.session_bars import session_bar
from rbtlive.data.windows.adjustments import Factor
from rbtlive.data.windows.history import History
from rbtlive.model.arrays import np

if TYPE_CHECKING:
    from rbtlive.data.bars.table_maker import TableMaker
    from rbtlive.data.portal import PolarsDataPortal

NAN = float("nan")


class DailyBars:
    """Daily bars and their history.

    Args:
        main: History of the run's own bars.
        portal: Provides daily bars.
        maker: Builds their table.
        history_of: Creates the history of a table.
    """

    def __init__(
        self,
        main: History,
        portal: PolarsDataPortal,
        *,
        maker: TableMaker,
        history_of: Callable[[BarTable], History],
    ) -> None:
        self._main = main
        self._portal = portal
        self._maker = maker
        self._history_of = history_of
        self._history = None if main.table.interval.intraday else main
        self._portal_sessions: set[int] = set()  # sessions with daily bars, once the table is built
        self._late: dict[int, dict[int, Sequence[float]]] = {}  # by session, then asset

    # Few intraday runs ask for daily bars, so the table is built on first use.
    @property
    def history(self) -> History:
        """Windows with one row per session."""
        if self._history is None:
            self._portal_sessions.update(self._portal.daily_sessions())
            self._history = self._history_of(
                self._maker.daily_beside(self._main.table, self._portal_sessions)
            )
            self._history.note(self._main.noted)
        return self._history

    @property
    def table(self) -> BarTable:
        """A table with one row per session."""
        return self.history.table

    def note(self, factors: Iterable[Factor]) -> None:
        """Record factors that have come into effect."""
        if self._history is not None and self._history is not self._main:
            self._history.note(factors)

    def complete(self, last: int) -> None:
        """Add the finished sessions up to `last`."""
        table = self.table
        while table.last_session < last:
            session = table.last_session + 1
            row = table.append(session, int(table.calendar.closes_us[session]), {})
            if session in self._portal_sessions:
                bars = self._portal.daily_between(session, session)
                table.fill(self._maker.listing.keep(bars))
            else:
                table.set_row(row, session_bar(self._main.table, session))
            self._amend(session)

    def take_late(self, days: Mapping[int, Mapping[int, Sequence[float]]]) -> None:
        """Add bars of finished sessions: they replace bars built from the run's own,
        but not the portal's.

        Args:
            days: Open, high, low, close and volume by session, then by asset index.
        """
        if self.table.frozen:  # whose history caches results from bars
            table = copy(self.table)
            table.loosen()
            self._history = self._history_of(table)
            self._history.note(self._main.noted)
        for session, bars in days.items():
            self._late.setdefault(session, {}).update(bars)
            self._amend(session)

    def late_value(self, index: int, field: str, session: int) -> float | None:
        """Return a field of a session whose bar arrived after its end, None if there is
        no such bar; `price` is the close.
        """
        if session not in self._late or index not in self._late[session]:
            return None
        table, row = self.table, session - self.table.first_session
        if not 0 <= row < table.rows:
            return None
        return table.value(index, "close" if field == "price" else field, row)

    def _amend(self, session: int) -> None:
        table, bars = self.table, self._late.get(session)
        if not bars or not table.first_session <= session <= table.last_session:
            return
        row = session - table.first_session
        if session in self._portal_sessions:
            closes = table.values("close", row, row + 1)[0]
            bars = {index: bar for index, bar in bars.items() if np.isnan(closes[index])}
        if bars:
            table.amend(row, bars)

    def closes_before(self, session: int) -> Sequence[float] | None:
        """Return the unadjusted closes of the previous session, by asset; None if there
        was none.
        """
        table = self.table
        row = session - 1 - table.first_session
        if not 0 <= row < table.rows:
            return None
        return cast(Sequence[float], table.values("close", row, row + 1)[0])

    # Source: zipline-reloaded 3.2.1, `sources/benchmark_source.py`.
    def returns(
        self, index: int, *, first_session: int, count: int, listed_since: int
    ) -> list[float]:
        """Return an asset's daily returns over `count` complete sessions, dividends
        reinvested.

        The first return starts from the previous close; for an asset listed in that
        very session, from its open.
        """
        table = self.table
        low = first_session - table.first_session
        listed_before = listed_since < first_session and low > 0
        prices = self.history.values(index, "price", low - listed_before, low + count)
        returns: list[float] = (np.divide(prices[1:], prices[:-1]) - 1.0).tolist()
        if not listed_before:
            opened, closed = table.value(index, "open", low), table.value(index, "close", low)
            returns.insert(0, (closed - opened) / opened)
        return returns
