"""The engine's view of its feed: the data it requests, and reports of revised bars.

The rule: the request follows from the run's settings and position; the session's clock
decides how the feed's stamps are judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbtlive.data.feeds.data_feed import FeedPlan
from rbtlive.model.events import BarRevisedEvent, SymbolChangeEvent

if TYPE_CHECKING:
    from rbtlive.runtime.engine.live_run import LiveRun
    from rbtlive.runtime.engine.timekeeper import Timekeeper


class FeedSide:
    """One engine's requests to its feed.

    Args:
        run: The run.
        timekeeper: Knows the current time.
        expected: Symbols whose bars a slice waits for; None means all that are
            requested from the feed.
    """

    def __init__(
        self, run: LiveRun, timekeeper: Timekeeper, expected: tuple[str, ...] | None
    ) -> None:
        self._run = run
        self._timekeeper = timekeeper
        self._expected = expected
        self._revised = 0

    def register(self) -> None:
        """Register with the run's dispatcher."""
        dispatcher = self._run.dispatcher
        dispatcher.register_handler(BarRevisedEvent, self.note_revised, critical=True)
        dispatcher.register_handler(SymbolChangeEvent, self.follow_symbol, critical=True)

    def plan(self) -> FeedPlan:
        """Return the data to request from the feed from here on."""
        run = self._run
        state = run.core.state
        settings, calendar = state.settings, state.calendar
        is_timed = run.feed.is_live and run.feed.is_timed_by_session
        return FeedPlan(
            calendar=calendar,
            frequency=settings.frequency,
            symbols=tuple(asset.symbol for asset in state.assets),
            first_session=calendar.number(settings.start),
            last_session=None if settings.end is None else calendar.number(settings.end),
            after=run.last_slice,
            latest=self._timekeeper.present if is_timed else None,
            expected=self._expected,
            renamed=dict(state.symbol_changes.names),
        )

    def follow_symbol(self, event: SymbolChangeEvent) -> None:
        """Request an asset's bars from the feed under its new name too."""
        if self._run.core.state.symbol_changes.knows(event.symbol, event.new_symbol):
            self._run.feed.follow_symbol(event.symbol, event.new_symbol)

    def note_revised(self, event: BarRevisedEvent) -> None:
        """Report that a bar was revised after its slice was sent: the first time, then
        the 10th, 100th, 1,000th and so on.
        """
        self._revised += 1
        count = self._revised
        while count % 10 == 0:
            count //= 10
        if count != 1:
            return
        bar = event.bar
        so_far = "" if self._revised == 1 else f"; {self._revised} bars so far"
        self._run.on_message(
            "warning",
            f"the bar of {bar.symbol} at {bar.timestamp:%Y-%m-%d %H:%M} UTC was revised after its "
            f"slice: close {bar.close} now; it is kept in the journal, and what was decided "
            f"stands{so_far}",
        )
