"""The daily bars beside a run's own: the run's bars themselves in a daily run, else
laid out when they are first asked for.

The rule: a session that is over has the portal's daily bar; where there is none, one
made of its intraday bars.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import polars as pl

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
        main: History over the run's own bars.
        portal: Gives daily bars.
        maker: Lays their table out.
        history_of: Makes the history over a table.
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
        self._portal_sessions: set[int] = set()  # those with daily bars, once laid out

    # Few intraday runs ask for days: they are laid out when the first one does.
    @property
    def history(self) -> History:
        """Windows over one row a session."""
        if self._history is None:
            self._portal_sessions.update(self._portal.daily["session"].unique().to_list())
            self._history = self._history_of(
                self._maker.daily_beside(self._main.table, self._portal_sessions)
            )
            self._history.note(self._main.noted)
        return self._history

    @property
    def table(self) -> BarTable:
        """One row a session."""
        return self.history.table

    def note(self, factors: list[Factor]) -> None:
        """Take factors that have come into effect into account."""
        if self._history is not None and self._history is not self._main:
            self._history.note(factors)

    def complete(self, last: int) -> None:
        """Add the sessions up to `last`, which are over."""
        table = self.table
        while table.last_session < last:
            session = table.last_session + 1
            row = table.append(session, int(table.calendar.closes_us[session]), {})
            if session in self._portal_sessions:
                bars = self._portal.daily.filter(pl.col("session") == session)
                table.fill(self._maker.listing.keep(bars))
            else:
                table.set_row(row, session_bar(self._main.table, session))

    def closes_before(self, session: int) -> Sequence[float] | None:
        """Return the unadjusted closes of the session before, by asset; None if there
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

        The first one is from the close before; for an asset listed on that very
        session, from its open.
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
