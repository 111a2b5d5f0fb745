"""Turn the arguments of `attach` into an engine that is ready to run: checks, settings,
journal, core.

The rule: all errors are reported before a task is started or a file is created.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from rbtlive.brokers.base import BrokerAdapter
from rbtlive.core.serialization import capture
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.strategy.strategy_executor import StrategyExecutor
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import as_label, datetime_of, us_of
from rbtlive.data.feeds.as_feed import DataFeed, as_feed
from rbtlive.data.feeds.slot_axis import Labels
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    BadSessionName,
    HistoryWindowStartsBeforeData,
    InvalidSetting,
    NoFeed,
    OutsideCalendar,
    StrategyChanged,
)
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.backtest import feed_portal, later_start, new_core, prepare_settings
from rbtlive.runtime.broker.account_opening import AccountRules, checked_positions
from rbtlive.runtime.broker.books_watch import Policy
from rbtlive.runtime.broker.broker_link import LinkSettings
from rbtlive.runtime.clock import Clock, SystemClock
from rbtlive.runtime.engine.account_side import ACCOUNT_OPENED
from rbtlive.runtime.engine.breakers import Breakers
from rbtlive.runtime.engine.decision_age import AgeLimit, LateOrders, as_age
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.engine.swap import StartedSegment, begin
from rbtlive.runtime.journal.header import check_header, make_header, settings_facts
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import found_start, open_journal
from rbtlive.runtime.journal.recorder import SWAPPED
from rbtlive.runtime.journal.state_folder import StateFolder, check_session_name
from rbtlive.runtime.log import as_level
from rbtlive.runtime.recorded.changes import plain_parameters, what_changed
from rbtlive.runtime.recorded.recorded_run import (
    Facts,
    Segment,
    segments_of,
    state_at_end,
    swap_facts,
)
from rbtlive.runtime.recorded.rehearsal import first_divergence

DEFAULT_CAPITAL = Decimal(100_000)
CHOICES: dict[str, tuple[str, ...]] = {
    "on_error": ("continue", "raise"),
    "on_divergence": ("raise", "positions"),
    "reconciliation": ("halt", "warn", "adopt", "follow"),
    "late_orders": ("deny", "send"),
    "open_orders": ("keep", "cancel"),
}
"""The values that each of these arguments accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything that a session starts from.

    Attributes:
        strategy: The strategy as the user passed it.
        executor: The strategy, checked; a core gets a fresh one.
        broker: Receives orders.
        feed: Provides bars.
        portal: History, assets, corporate actions.
        settings: The settings requested.
        name: The session's name.
        folder: Folder of its journal.
        journal: Path of a journal in another place, or None.
        fresh: Start a new run in any case.
        on_divergence: What to do if the strategy is not the one that the run was
            started with.
        open_orders: What happens to open orders on shutdown.
        own_capital: The capital base is the account's equity.
        reconciliation: How an unexplained difference with the broker is handled.
        breakers: Limits that stop trading automatically.
        provenance: Where the strategy and its parameters come from, or None.
        log_level: Lines below this level are not logged.
        account: What a run on a real account may own.
        age_limit: Maximum age of a slice for sending orders.
        expected: Symbols whose bars a slice waits for; None means all that are
            requested from the feed.
        free_start: The run may restart where its windows fit, because no start was
            given.
        waited_for: The window that made it restart later, in words; empty if none did.
    """

    strategy: Any
    executor: StrategyExecutor
    broker: BrokerAdapter
    feed: DataFeed
    portal: PolarsDataPortal
    settings: RunSettings
    name: str
    folder: StateFolder
    fresh: bool
    on_divergence: Literal["raise", "positions"]
    open_orders: Literal["keep", "cancel"]
    own_capital: bool
    reconciliation: Policy
    breakers: Breakers | None
    account: AccountRules
    age_limit: AgeLimit
    expected: tuple[str, ...] | None = None
    provenance: Mapping[str, Any] | None = None
    log_level: int = logging.INFO
    free_start: bool = False
    waited_for: str = ""

    def beginning_later(self, early: HistoryWindowStartsBeforeData) -> Launch:
        """Return the same launch, starting at the first session that has enough data
        for a window that began before the data; if there is none, from the same session
        and without waiting for windows.
        """
        try:
            settings = later_start(self.settings, early, self.portal)
        except HistoryWindowStartsBeforeData:
            return replace(self, free_start=False, fresh=True)
        return replace(self, settings=settings, waited_for=early.window, fresh=True)

    def where_it_began(self) -> Launch:
        """Return the same launch from the session at which the resumed run restarted,
        if it did.
        """
        start, waited_for = (
            found_start(self.folder, self.name)
            if self.free_start and not self.fresh
            else (None, "")
        )
        if start is None:
            return self
        settings = replace(self.settings, start=date.fromisoformat(start))
        return replace(self, settings=settings, waited_for=waited_for)

    def begin_swap(self, running: TradingEngine) -> StartedSegment | None:
        """Run the `initialize` of edited code in a running session's state; None if the
        code is the same.

        The running session is not changed: if this raises, it goes on.

        Args:
            running: The engine of the session to replace.

        Raises:
            JournalError: the session's run belongs to another strategy, or is still
                being recovered.
            Exception: whatever `initialize` raised.
        """
        journal = running.journal
        if self.fresh or not self._is_edit(journal):
            return None
        if running.is_recovering:
            raise StrategyChanged(
                f"session {self.name!r} is still being recovered, {running.replayed} events so "
                "far: edited code takes over "
                "where a session stands, and that is not known yet; attach it again in a moment"
            )
        return self._begin(journal, capture(running.core.state))

    def _begin(self, journal: Journal, stands: Mapping[str, Any]) -> StartedSegment:
        opened = (
            row.data() for row in journal.rows_of_kind(RowKind.NOTE) if row.type == ACCOUNT_OPENED
        )
        equity = next(opened, None) if self.own_capital else None
        capital = self.settings.capital_base if equity is None else Decimal(equity["equity"])
        settings = replace(self.settings, capital_base=capital)
        changed = what_changed(
            segments_of(journal)[-1], self._segment(), live=journal.header["live"]
        )
        return begin(
            journal,
            stands,
            lambda: self._core_of(journal, self.strategy, settings),
            change="; ".join(changed),
        )

    def _is_edit(self, journal: Journal) -> bool:
        try:
            check_header(journal.header, segments_of(journal)[-1], self.executor, self.settings)
        except StrategyChanged:
            return True
        return False

    def engine(self, begun: StartedSegment | None = None) -> TradingEngine:
        """Open the journal and return the engine.

        Args:
            begun: The result of `begin_swap`, if edited code continues from a running
                session's state.

        Raises:
            JournalError: the journal is locked, damaged, or belongs to another
                strategy, settings or version.
        """
        journal = open_journal(
            self.folder,
            self.name,
            header=lambda: make_header(
                self.executor,
                self.settings,
                self.portal,
                broker=self.broker.name,
                live=self.feed.is_live,
                folder=self.folder,
                provenance=self.provenance,
                waited_for=self.waited_for,
            ),
            fresh=self.fresh,
        )
        return self._engine_over(journal, begun)

    def _engine_over(self, journal: Journal, begun: StartedSegment | None) -> TradingEngine:
        try:
            if begun is None and journal.resumed:
                begun = self._checked(journal)
            if begun is not None:
                self._write_segment(journal, begun.state)
            engine = TradingEngine(
                self.strategy,
                self.broker,
                feed=self.feed,
                portal=self.portal,
                settings=self.settings,
                own_capital=self.own_capital,
                link=LinkSettings(policy=self.reconciliation),
                account=self.account,
                age_limit=self.age_limit,
                expected=self.expected,
                breakers=self.breakers,
                journal=journal,
                begun=begun,
                go_on=self._go_on if self.on_divergence == "positions" else None,
                open_orders=self.open_orders,
            )
        except BaseException:
            journal.close()
            raise
        state = engine.core.state
        state.callbacks.begins_later = self.free_start and begun is None
        state.record.notes.waited_for = self.waited_for
        return engine

    # The segment that starts where the run was left, if the code is different and may
    # continue from there; None resumes the run.
    def _checked(self, journal: Journal) -> StartedSegment | None:
        segment = segments_of(journal)[-1]
        try:
            check_header(journal.header, segment, self.executor, self.settings)
        except StrategyChanged as change:
            if self.on_divergence == "positions":
                return self._begin(journal, self._state_at_end(journal))
            where = first_divergence(
                journal, segment, lambda: self._core_of(journal, self.strategy, self.settings)
            )
            raise StrategyChanged(f"{change}; first difference: {where or 'none'}") from None
        return None

    def _go_on(self, journal: Journal) -> None:
        # A replay diverged: start a new segment from the last recorded state.
        self._write_segment(journal, self._state_at_end(journal))

    def _state_at_end(self, journal: Journal) -> Mapping[str, Any]:
        nothing = {"__name__": self.executor.name, "handle_data": lambda _context, _data: None}
        settings = replace(self.settings, params={})
        facts = Facts(journal, {asset.symbol: asset for asset in self.portal.assets})
        return state_at_end(
            facts,
            lambda: self._core_of(journal, nothing, settings, simulated=False),
            simulated=self.broker.simulated,
        )

    def _write_segment(self, journal: Journal, state: Mapping[str, Any]) -> None:
        facts = swap_facts(self._segment(), state)
        journal.append(RowKind.STATE, SWAPPED, timestamp=SystemClock().now(), payload=facts)
        journal.commit(durable=True)

    def _segment(self) -> Segment:
        executor = self.executor
        return Segment(
            0,
            executor.name,
            executor.fingerprint(),
            settings_facts(self.settings),
            None,
            plain_parameters(executor),
        )

    def _core_of(
        self,
        journal: Journal,
        strategy: object,
        settings: RunSettings,
        *,
        simulated: bool | None = None,
    ) -> TradingCore:
        first = next((e for _s, e in journal.events() if isinstance(e, MarketDataEvent)), None)
        if self.feed.is_live and first is not None:  # the run began at its first bar
            calendar = self.portal.calendar
            settings = replace(
                settings, start=calendar.label(calendar.session_of_us(us_of(first.timestamp)))
            )
        venue = self.broker.simulated if simulated is None else simulated
        return new_core(strategy, self.portal, settings, preload=False, simulated=venue)


def prepare(  # noqa: PLR0913 - the arguments of attach, each by name
    strategy: object,
    broker: BrokerAdapter,
    *,
    feed: object,
    data: object,
    name: str | None,
    journal: Any,
    fresh: bool,
    on_divergence: Literal["raise", "positions"],
    open_orders: Literal["keep", "cancel"],
    capital_base: Any,
    start: Any,
    frequency: str,
    calendar: str | None,
    reconciliation: Policy,
    breakers: Breakers | None,
    positions: object = "leave",
    late_orders: LateOrders = "deny",
    max_decision_age: object = None,
    expected: object = None,
    labels: Labels | None = None,
    clock: Clock | None = None,
    provenance: Mapping[str, Any] | None = None,
    log_level: object = "info",
    **settings: Any,
) -> Launch:
    """Check everything that can be checked before a session starts.

    It takes the arguments of `attach`; `settings` go to `prepare_settings` unchanged.

    Raises:
        RbtliveError: an argument is invalid; each kind has a class of its own.
    """
    _check_given(
        broker,
        breakers,
        settings["max_errors"],
        on_error=settings["on_error"],
        on_divergence=on_divergence,
        reconciliation=reconciliation,
        late_orders=late_orders,
        open_orders=open_orders,
    )
    executor = StrategyExecutor(strategy, settings["params"])
    source = _source_of(broker, feed, labels, warmup=settings.get("warmup"))
    portal = feed_portal(source, data, {"frequency": frequency, "calendar": calendar})
    return Launch(
        strategy=strategy,
        executor=executor,
        broker=broker,
        feed=source,
        portal=portal,
        settings=prepare_settings(
            portal,
            start=_first_live_session(portal, clock, settings["end"]) if source.is_live else start,
            capital_base=DEFAULT_CAPITAL if capital_base is None else capital_base,
            frequency=frequency,
            endless=source.is_live,
            **settings,
        ),
        name=check_session_name(_name_of(executor, name)),
        folder=StateFolder(journal),
        fresh=fresh,
        on_divergence=on_divergence,
        open_orders=open_orders,
        own_capital=capital_base is None and not broker.simulated,
        reconciliation=reconciliation,
        breakers=breakers,
        provenance=provenance,
        log_level=as_level(log_level),
        account=AccountRules(positions=checked_positions(positions)),
        age_limit=AgeLimit(late_orders, as_age(max_decision_age)),
        expected=_expected_of(expected, portal),
        free_start=broker.simulated and not source.is_live and _is_open(start, settings),
    ).where_it_began()


# Whether no argument says where the run begins.
def _is_open(start: object, settings: Mapping[str, Any]) -> bool:
    return start is None and settings.get("warmup") is None


# The symbols in the portal's spelling.
def _expected_of(expected: Any, portal: PolarsDataPortal) -> tuple[str, ...] | None:
    if expected is None:
        return None
    known = {asset.symbol.upper(): asset.symbol for asset in portal.assets}
    given = [expected] if isinstance(expected, str) else expected
    try:
        names = [getattr(one, "symbol", one) for one in islice(given, len(known) + 1)]
    except TypeError:
        names = [expected]
    wrong = [name for name in names if not isinstance(name, str) or name.upper() not in known]
    if wrong or not names or len(names) > len(known):
        what = f"{wrong[0]!r:.40} is none of them" if wrong else f"was {len(names)} names"
        raise InvalidSetting(
            f"expected must name some of the session's symbols, each once: {what}; pass e.g. "
            f"expected={[next(iter(known.values()), 'AAPL')]}, or leave it out for all"
        )
    return tuple(known[name.upper()] for name in names)


def _source_of(
    broker: BrokerAdapter, feed: object, labels: Labels | None, *, warmup: object
) -> DataFeed:
    source = broker.feed if feed is None else as_feed(feed)
    if source is None:
        raise NoFeed(
            f"{broker.name} has no market data of its own: pass feed=, e.g. "
            "rbtlive.ReplayFeed(bars) or an async iterator"
        )
    if source.is_live and warmup is not None:
        raise InvalidSetting(
            f"warmup counts bars of a ReplayFeed: was {warmup!r} with a live feed, whose "
            "run begins "
            "with its next bar; leave it out, and pass earlier bars as data="
        )
    if labels is not None:
        _check_choice(labels, "labels", ("end", "start"))
        source.take_labels(labels)
    return source


def _first_live_session(portal: PolarsDataPortal, clock: Clock | None, end: object) -> date:
    # Until its first bar says otherwise, a live run begins with the current session or
    # the next one. A feed of past bars may also have a last session in the past.
    calendar = portal.calendar
    now_us = us_of((clock or SystemClock()).now())
    coming = calendar.next_session(now_us)
    if end is None and coming >= len(calendar):
        raise OutsideCalendar(
            f"calendar {calendar.name} ends with {calendar.label(len(calendar) - 1)}, and this "
            f"machine's clock says {datetime_of(now_us):%Y-%m-%d}: set the clock right, or update "
            "exchange_calendars"
        )
    if end is not None:
        coming = min(coming, calendar.at_or_before(as_label(end, "end")))
    return calendar.label(coming)


def _name_of(executor: StrategyExecutor, name: str | None) -> str:
    chosen = executor.name if name is None else name
    if name is None and chosen == "":
        raise BadSessionName(
            "a strategy made of a dict has no name: pass name=, or give the dict a '__name__'"
        )
    return chosen


def _check_given(broker: object, breakers: object, max_errors: object, **given: object) -> None:
    if not isinstance(broker, BrokerAdapter):
        raise InvalidSetting(
            f"broker must be a BrokerAdapter: was {broker!r}; pass e.g. rbtlive.PaperBroker()"
        )
    if isinstance(max_errors, bool) or not isinstance(max_errors, int) or max_errors < 1:
        raise InvalidSetting(f"max_errors must be a whole number from 1 on: was {max_errors!r}")
    for name, value in given.items():
        _check_choice(value, name, CHOICES[name])
    if breakers is not None and not isinstance(breakers, Breakers):
        raise InvalidSetting(
            f"breakers must be Breakers: was {breakers!r}; pass e.g. "
            "rbtlive.Breakers(max_drawdown=0.2)"
        )


def _check_choice(value: object, name: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidSetting(
            f"{name} must be one of {', '.join(map(repr, choices))}: was {value!r}"
        )
