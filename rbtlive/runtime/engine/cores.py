"""Creates the core of a run, and recreates it when the run starts in another session.

The rule: a core is wired in one place, whether it is the first, one that starts in
another session, or one with edited code.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.backtest import new_core
from rbtlive.runtime.engine.live_universe import LiveUniverse

if TYPE_CHECKING:
    from rbtlive.core.state.record import SessionRow
    from rbtlive.core.state.settings import RunSettings
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.data.calendars.calendar import TradingCalendar
    from rbtlive.data.portal import PolarsDataPortal
    from rbtlive.runtime.engine.background_tasks import BackgroundTasks
    from rbtlive.runtime.engine.live_run import LiveRun


class CoreMaker:
    """Creates cores for one run.

    Args:
        run: The run.
        strategy: The strategy, as `backtest` takes it.
        portal: The run's portal.
        settings: The run's settings as requested.
        tasks: Tasks that run beside the run.

    Attributes:
        universe: Subscribes the feed to the assets that the run's pipelines select.
    """

    def __init__(
        self,
        run: LiveRun,
        strategy: object,
        portal: PolarsDataPortal,
        settings: RunSettings,
        tasks: BackgroundTasks,
    ) -> None:
        self._thread: int | None = None
        self.universe = LiveUniverse(run, tasks)
        self._run = run
        self._strategy = strategy
        self._portal = portal
        self._settings = settings

    @property
    def calendar(self) -> TradingCalendar:
        """The run's."""
        return self._portal.calendar

    @property
    def sessions_wait(self) -> bool:
        """Whether a session may have to wait for days before it: on a live feed of bars
        within the day.
        """
        return self._run.feed.is_live and self._settings.intraday

    def keep_to(self, thread: int) -> None:
        """Refuse orders from other threads from now on: the engine runs on this one."""
        self._thread = thread
        if self._run.has_core:
            self._run.core.state.own_thread = thread

    def make(self, start: date | None = None, capital_base: Decimal | None = None) -> None:
        """Create a core with a given first session and capital; None keeps the current
        value.
        """
        run = self._run
        old = run.core if run.has_core else None
        now = self._settings if old is None else old.state.settings
        settings = replace(
            self._settings,
            start=start or now.start,
            capital_base=now.capital_base if capital_base is None else capital_base,
        )
        simulated = run.broker.simulated
        core = new_core(self._strategy, self._portal, settings, preload=False, simulated=simulated)
        if old is not None:  # an operator's actions before the first bar still apply
            core.state.take_standing(old.state)
            core.state.symbol_changes.restore(old.state.symbol_changes.facts())
            # The venue knows orders with these numbers.
            core.state.orders.reserve(str(old.state.orders.last_id))
        self.use(core)

    def use(self, core: TradingCore) -> None:
        """Install a core in the run."""
        run = self._run
        run.core = core
        core.state.on_message = run.on_message
        core.state.own_thread = self._thread
        core.state.emit = run.on_simulated_fill
        core.state.on_session_closed = self._on_session_closed
        label, pipelines = core.state.calendar.label, core.state.pipelines
        pipelines.on_table = lambda name, session, facts: run.recorder.pipeline_computed(
            run.core, name, label(session), facts
        )
        pipelines.on_universe = self.universe.follow
        pipelines.recorded = lambda name, session: run.recorder.pipeline_table(name, label(session))

    def _on_session_closed(self, row: SessionRow) -> None:
        self._run.recorder.session_closed(self._run.core, row)
        self.universe.close(row.label)

    def begin_at(self, event: MarketDataEvent) -> bool:
        """Restart the run in the session of a live feed's first slice; return whether
        that differs from the planned session.
        """
        run = self._run
        if not run.feed.is_live:
            return False
        state = run.core.state
        session = state.calendar.session_of_us(us_of(event.timestamp))
        if session < 0 or state.calendar.label(session) == state.settings.start:
            return False
        self.make(start=state.calendar.label(session))
        return True
