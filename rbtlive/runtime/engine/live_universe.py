"""The universe of a live feed: the assets that a run's pipelines select, within the
feed's limit, and the daily bars that the feed missed of other assets.

The rule: symbols that were subscribed in another way stay; with daily bars nothing is
unsubscribed, since the next morning's table needs a bar of every asset.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from rbtlive.core.actions.universe import wanted
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import np
from rbtlive.model.events import Event, PastDaysEvent, UniverseChangedEvent
from rbtlive.runtime.engine.past_bars import PastBars
from rbtlive.runtime.engine.past_days import NAMED, PastDays
from rbtlive.runtime.recorded.attendance import Attendance, Gap

if TYPE_CHECKING:
    from rbtlive.runtime.engine.background_tasks import BackgroundTasks
    from rbtlive.runtime.engine.live_run import LiveRun


class LiveUniverse:
    """Subscribes one run's feed to the assets that its pipelines select, and requests
    the daily bars of sessions in which the feed did not give an asset.

    Args:
        run: The run.
        tasks: Tasks that run beside the run.
    """

    def __init__(self, run: LiveRun, tasks: BackgroundTasks) -> None:
        self._run = run
        self._past_days = PastDays(run, tasks, self._look)
        self._past_bars = PastBars(run, tasks)
        self._attendance: Attendance | None = None  # None before the run is recovered
        self._left_out: frozenset[str] = frozenset()
        self._seen = 0  # number of the feed's changes seen
        self._given: frozenset[str] = frozenset()  # its symbols after them
        self._is_told = False  # whether the journal knows these symbols

    def register(self) -> None:
        """Register with the run's dispatcher."""
        for kind in (UniverseChangedEvent, PastDaysEvent):
            self._run.dispatcher.register_handler(kind, self._take, critical=True)

    @property
    def _is_live(self) -> bool:
        return self._run.feed.is_live and self._run.core.state.settings.intraday

    @property
    def _decides(self) -> bool:
        pipelines = self._run.core.state.pipelines.by_name.values()
        return self._is_live and any(attached.subscribes for attached in pipelines)

    def begin(self) -> None:
        """Subscribe before the first table exists: to the last selection, otherwise to
        as many of the run's assets as the feed accepts. Requests that had no answer
        when the run was left are repeated.
        """
        if not self._is_live:
            return
        state = self._run.core.state
        known = Attendance(state.market.assets, state.calendar, self._is_empty)
        self._attendance = known
        known.read(self._run.journal)
        self._is_told = known.inside is not None
        if known.inside is not None:
            self._given = frozenset(known.inside)
        else:
            self._given = self._everything() if self._decides else self._asked_for()
        if self._decides:
            self._subscribe_first()
        self._note_change()
        self._look()

    def _subscribe_first(self) -> None:
        state, limit = self._run.core.state, self._run.feed.most_symbols
        if any(attached.shown for attached in state.pipelines.by_name.values()):
            self.follow(wanted(state))
        elif limit is not None and not self._run.feed.follows:
            first = [
                *sorted(self._run.feed.kept),
                *wanted(state),
                *(asset.symbol for asset in state.assets),
            ]
            self._run.feed.follow(list(dict.fromkeys(first))[:limit])

    def follow(self, symbols: Sequence[str]) -> None:
        """Subscribe to these symbols, and to no others except those that stay.

        Args:
            symbols: The most important first; those beyond the feed's limit are left
                out, with a message.
        """
        if not self._decides or self._run.recorder.replaying:
            return
        feed = self._run.feed
        asked = list(dict.fromkeys([*sorted(feed.kept), *symbols]))
        taken = asked[: feed.most_symbols]
        self._say_what_is_left_out(asked, len(taken))
        if taken:
            feed.follow(taken)
            self._note_change()

    def look_at_feed(self) -> None:
        """Record changes of the feed's subscriptions that others made."""
        known = self._attendance
        if known is None:
            return
        if self._run.feed.subscription_changes != self._seen:
            self._note_change()
        if known.without_bars or self._past_bars.is_open:
            self._past_bars.look(known.without_bars)

    @property
    def is_waiting(self) -> bool:
        """Whether a session that begins now would lack days that may come at once."""
        return self._past_days.is_waiting

    async def completed(self) -> None:
        """Return once the days before the next session are there, or are given up."""
        await self._past_days.heard()

    def close(self, label: date) -> None:
        """Process the end of a session: request the bars that the feed did not give."""
        if self._attendance is not None:
            self._attendance.close(label)
            self._look()

    # --- subscriptions ----------------------------------------------------------------

    def _asked_for(self) -> frozenset[str]:
        assets, wants = self._run.core.state.market.assets, self._run.feed.wants
        return frozenset(asset.symbol for asset in assets if wants(asset.symbol))

    def _everything(self) -> frozenset[str]:
        return frozenset(asset.symbol for asset in self._run.core.state.market.assets)

    def _note_change(self) -> None:
        given, now = self._given, self._asked_for()
        self._given, self._seen = now, self._run.feed.subscription_changes
        if now == given or self._attendance is None:
            return
        tells_before = not self._is_told and given != self._everything()
        self._is_told = True
        self._run.enqueue(
            UniverseChangedEvent(
                timestamp=self._run.clock.now(),
                symbols=tuple(sorted(now)),
                before=tuple(sorted(given)) if tells_before else None,
                whole_from=self._whole_from(),
            )
        )

    # If a slice of a session was processed, or is being read, some of its bars were
    # missed.
    def _whole_from(self) -> date | None:
        run, state = self._run, self._run.core.state
        if run.last_slice is None:
            return None
        table, session = state.market.table, state.market.session
        begun = table.rows > 0 and table.session_at(table.rows - 1) == session
        reached = run.feed.reached
        read = -1 if reached is None else state.calendar.session_of_us(us_of(reached))
        return state.calendar.label(max(session + begun, read + 1))

    def _take(self, event: Event) -> None:
        known = self._attendance
        if known is None:
            return
        before = known.inside
        known.take(event)
        if isinstance(event, UniverseChangedEvent):
            joined = [s for s in event.symbols if before is None or s not in before]
            self._say_what_is_missing([symbol for symbol in joined if symbol in known.gaps])
        elif isinstance(event, PastDaysEvent):
            self._past_days.note(event)
            self._past_bars.note(event)
        self._look()

    # --- missing days -----------------------------------------------------------------

    # A source that was away gave no bar of any asset, and may not catch up.
    def _is_empty(self, session: int) -> bool:
        table = self._run.core.state.market.table
        if session < table.first_session:
            return False
        closes = table.values("close", *table.rows_of_session(session))
        return bool(np.isnan(closes).all())

    # The portal's data is available even without a subscription. A table needs the days
    # of all assets; without a pipeline, only assets that joined later need theirs.
    def _open(self) -> dict[str, list[Gap]]:
        known, state = self._attendance, self._run.core.state
        if known is None or not known.gaps:
            return {}
        calendar, last = state.calendar, state.market.portal.last_session
        begin = calendar.label(max(state.market.first_session, last + 1))
        whole = self._decides or known.inside is None
        chosen = known.gaps if whole else known.gaps.keys() & (known.inside or {}).keys()
        return {
            symbol: [Gap(max(gap.first, begin), gap.last) for gap in gaps if gap.last >= begin]
            for symbol, gaps in sorted(known.gaps.items())
            if symbol in chosen and gaps[-1].last >= begin
        }

    def _look(self) -> None:
        if self._run.feed.has_past_days and not self._run.recorder.replaying:
            self._past_days.ask(self._open())

    def _say_what_is_missing(self, joined: Sequence[str]) -> None:
        if self._run.feed.has_past_days or not joined:
            return
        lacking = {symbol: gaps for symbol, gaps in self._open().items() if symbol in joined}
        if not lacking:
            return
        named = ", ".join(
            f"{symbol} ({'; '.join(gap.words for gap in gaps)})"
            for symbol, gaps in list(lacking.items())[:NAMED]
        )
        self._run.on_message(
            "warning",
            "these symbols join what the feed gives, and windows and tables have no whole bars of "
            f"the days they were outside: {named}"
            f"{', …' if len(lacking) > NAMED else ''}; to let them in, attach again with fresh "
            "history, data=await feed.fetch_bars(...): the run goes on",
        )

    # Reported once for the same symbols.
    def _say_what_is_left_out(self, asked: list[str], count: int) -> None:
        left_out = asked[count:]
        if left_out and frozenset(left_out) != self._left_out:
            named = ", ".join(left_out[:NAMED]) + (", …" if len(left_out) > NAMED else "")
            self._run.on_message(
                "warning",
                f"the feed takes {count} symbols, and {len(asked)} are wanted by what is held, "
                f"ordered and shown by the pipelines: there are no bars of {named} "
                f"({len(left_out)} in all); make the screen smaller, e.g. with .top()",
            )
        self._left_out = frozenset(left_out)
