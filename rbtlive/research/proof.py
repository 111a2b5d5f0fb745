"""Prove whether a session did the same as a backtest over the same slices, or show what
another strategy would have done.

The rule: both sides come from the journal: its rows record what happened, and a fresh
backtest over its bars, operator events and settings shows what should have happened.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from rbtlive.brokers.paper import PaperBroker
from rbtlive.core.serialization import recorded_fact
from rbtlive.core.state.record import RunRecord
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.asset import Asset
from rbtlive.model.commands import Command
from rbtlive.model.events import (
    FOLLOWED,
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OperatorCallEvent,
    OperatorEvent,
    PastDaysEvent,
    PositionAdjustmentEvent,
)
from rbtlive.model.number import plain_text
from rbtlive.research.backtesting import result_of
from rbtlive.research.judgement import Judgement, with_tail
from rbtlive.research.parity_report import ParityReport, fills_apart, parity_report
from rbtlive.research.pipeline_tables import TableCheck
from rbtlive.research.result import BacktestResult
from rbtlive.research.run_bars import PortalBars
from rbtlive.research.shadow import Shadow
from rbtlive.research.since_close import Asked, asked_in, asked_of, first_asked_apart
from rbtlive.runtime.backtest import new_core
from rbtlive.runtime.engine.account_side import ACCOUNT_OPENED
from rbtlive.runtime.journal.journal_reader import RecordedRun, RowKind
from rbtlive.runtime.journal.state_folder import StateFolder
from rbtlive.runtime.recorded.recorded_run import (
    Facts,
    Segment,
    carry_on,
    inputs_between,
    segments_of,
    settings_of,
)
from rbtlive.runtime.recorded.replay import find_recorded, recorded_portal

Loaded = Callable[[Segment], "tuple[Any, RunSettings] | None"]
"""Returns the strategy and settings of a segment, or None if its code is not loaded in
this process.
"""
_INTERVENTIONS = (OperatorEvent, OperatorCallEvent, CircuitBreakerEvent)


class Proof:
    """A recorded run, ready for comparison.

    Args:
        run: The run's journal.
        folder: Folder of its bars.
        loaded: Returns a segment's strategy.
    """

    def __init__(self, run: RecordedRun, folder: StateFolder, loaded: Loaded) -> None:
        self.run = run
        self._folder = folder
        self._loaded = loaded
        self._simulated = run.header.get("broker") == PaperBroker.name
        self.segments = segments_of(run)
        first = self._first_slice()
        self.settings = settings_of(self.segments[-1].settings)
        if run.header["live"] and first is not None:
            self.settings = replace(self.settings, start=self._session_of(first))
        self._portal: PolarsDataPortal | None = None
        opened = [
            row.data() for row in run.rows_of_kind(RowKind.NOTE) if row.type == ACCOUNT_OPENED
        ]
        self._capital = Decimal(opened[-1]["equity"]) if opened else None
        self.settings = self._with_capital(self.settings)

    @property
    def portal(self) -> PolarsDataPortal:
        """The bars that the session knew."""
        if self._portal is None:
            self._portal = recorded_portal(self.run, self._folder, self.settings)
        return self._portal

    @property
    def assets(self) -> tuple[Asset, ...]:
        """The assets that the session could trade; its bars are not read for this."""
        if self._portal is not None:
            return self._portal.assets
        return recorded_portal(self.run, self._folder, self.settings, first_only=True).assets

    @property
    def saw_bars(self) -> bool:
        """Whether the session received a slice."""
        return self._first_slice() is not None

    def _bars_later(self) -> PolarsDataPortal:
        # The journal is closed by then, and may have another name.
        if self._portal is None:
            name, run_id = str(self.run.header["name"]), self.run.run_id
            with find_recorded(self._folder, name, run_id) as run:
                self._portal = recorded_portal(run, self._folder, self.settings)
        return self._portal

    def facts(self, upto: int | None = None) -> Facts:
        """Return the facts in the rows, up to a row."""
        assets = {asset.symbol: asset for asset in self.assets}
        return Facts(self.run, assets, upto=upto, with_slices=False)

    def record(self) -> RunRecord:
        """Return the record of the run, up to the end of its last session."""
        return self.facts().record(self.segments[-1].strategy, self.settings)

    def result(self) -> BacktestResult:
        """Return the result of the run, up to the end of its last session."""
        record = self.record()
        bars = PortalBars(self._bars_later, intraday=record.settings.intraday)
        return BacktestResult(record, bars=bars)

    # -- parity -----------------------------------------------------------------------

    def parity(self) -> ParityReport:
        """Compare orders, fills and books of every segment whose code is loaded with a
        backtest's; at a real broker, decisions, executions and costs are compared
        separately.
        """
        sequences, interventions, followed = self._counted()
        judgement = Judgement(interventions, followed=followed, elsewhere=not self._simulated)
        for number, segment in enumerate(self.segments if sequences else ()):
            last = self.segments[number + 1].after if number + 1 < len(self.segments) else None
            found = self._loaded(segment)
            if found is None:
                judgement.miss(
                    f"segment {number + 1} ({segment.strategy}): its code is not loaded here; "
                    "attach it, then ask again"
                )
                continue
            strategy, settings = found
            settings = replace(settings, start=self.settings.start)
            tables = TableCheck(self.run, after=segment.after)
            again = self._again(strategy, settings, segment, last, tables)
            facts = self.facts(last)
            report = tables.judged(self._compared(facts, again, segment, sequences))
            if not self._simulated and report.identical:
                shadow = self._shadow(strategy, settings, segment, last)
                judgement.take(report, shadow.pairs(again.record))
            else:
                judgement.take(report)
            if not report.identical:
                break
        return judgement.report()

    def _compared(
        self, facts: Facts, again: _Again, segment: Segment, sequences: Mapping[datetime, int]
    ) -> ParityReport:
        settings = again.record.settings
        recorded = facts.record(segment.strategy, settings)
        closed = _comparable(recorded)
        report = parity_report(
            closed, _comparable(again.record, sessions=len(recorded.sessions)), sequences=sequences
        )
        if not report.identical:
            return report
        upto = max(sequences, default=None)
        first = facts.closed_transactions
        fills, filled = fills_apart(
            recorded.transactions[first:],
            again.record.transactions[first:],
            number=first,
            upto=upto,
        )
        asked = asked_in([row for row in facts.tail if row.seq > segment.after])
        apart = first_asked_apart(asked, again.asked, upto=upto)
        known = {order.id for order in closed.orders}
        new = sum(one.is_order and one.facts["order_id"] not in known for one in asked)
        return with_tail(report, orders=new, fills=fills, asked=apart, filled=filled)

    # The session's strategy over the session's inputs. At a real broker these include
    # the broker's answers, so that only the strategy's decisions are compared.
    def _again(
        self,
        strategy: object,
        settings: RunSettings,
        segment: Segment,
        last: int | None,
        tables: TableCheck,
    ) -> _Again:
        core = self._core_of(strategy, settings, segment, simulated=self._simulated)
        tables.watch(core)
        asked: list[Asked] = []
        core.state.on_session_closed = lambda _row: asked.clear()
        with contextlib.redirect_stdout(io.StringIO()):
            inputs = inputs_between(self.run, segment.after, last)
            for commands in _driven(core, inputs):
                asked += asked_of(core, commands)
                if self._simulated:
                    core.acknowledge(commands)
        return _Again(core.finish(), asked)

    def _shadow(
        self, strategy: object, settings: RunSettings, segment: Segment, last: int | None
    ) -> Shadow:
        core = self._core_of(strategy, settings, segment, simulated=True)
        rows = (
            row for row in self.run.rows(after=segment.after) if last is None or row.seq <= last
        )
        with contextlib.redirect_stdout(io.StringIO()):
            core.acknowledge(core.start())
            shadow = Shadow(core)
            shadow.follow(rows)
        return shadow

    def _core_of(
        self, strategy: object, settings: RunSettings, segment: Segment, *, simulated: bool
    ) -> TradingCore:
        core = self._fresh(strategy, settings, simulated=simulated)
        if segment.state is not None:
            carry_on(core, self.facts(segment.after), segment.state)
        # The session has already reported its messages: this run is only for
        # comparison.
        core.state.on_message = lambda _level, _text: None
        return core

    def loaded_settings(self) -> tuple[Any, RunSettings]:
        """Return the strategy and the settings of the run's last segment.

        Raises:
            LookupError: its code is not loaded here.
        """
        found = self._loaded(self.segments[-1])
        if found is None:
            raise LookupError(
                f"the code of {self.segments[-1].strategy!r} is not loaded here: attach it, then "
                "ask again"
            )
        strategy, settings = found
        return strategy, self._with_capital(replace(settings, start=self.settings.start))

    # -- other strategies -------------------------------------------------------------

    def replay(self, strategy: object = None) -> BacktestResult:
        """Run a strategy over the slices that the session saw, without its
        interventions.
        """
        settings = self.settings
        found = self._loaded(self.segments[-1])
        if found is not None:
            settings = replace(found[1], start=self.settings.start)
        if strategy is None:
            if found is None:
                raise LookupError(
                    f"the code of {self.segments[-1].strategy!r} is not loaded here: pass it, "
                    "replay(strategy)"
                )
            strategy = found[0]
        else:
            settings = replace(settings, params={})
        core = self._fresh(strategy, settings)
        core.acknowledge(core.start())
        for event in inputs_between(self.run, 0, None):
            if isinstance(event, (MarketDataEvent, PastDaysEvent)):
                core.acknowledge(core.process(event))
        return result_of(core)

    def _fresh(
        self, strategy: object, settings: RunSettings, *, simulated: bool = True
    ) -> TradingCore:
        settings = self._with_capital(settings)
        calendar = self.portal.calendar
        end = self._last_label() if settings.end is None else settings.end
        end = calendar.label(max(calendar.number(end), calendar.number(settings.start)))
        return new_core(
            strategy,
            self.portal,
            replace(settings, end=end),
            preload=True,
            simulated=simulated,
            amends=self._has_bars_of_joined(),
        )

    # Assets that joined got their earlier bars while the run went on.
    def _has_bars_of_joined(self) -> bool:
        rows = self.run.rows_without_slices()
        answers = (row.event() for row in rows if row.type == PastDaysEvent.__name__)
        return any(isinstance(one, PastDaysEvent) and one.frequency for one in answers)

    # For a remote broker, the account determined the capital.
    def _with_capital(self, settings: RunSettings) -> RunSettings:
        return settings if self._capital is None else replace(settings, capital_base=self._capital)

    # -- looking through the rows -----------------------------------------------------

    def _first_slice(self) -> datetime | None:
        return next(
            (e.timestamp for _s, e in self.run.events() if isinstance(e, MarketDataEvent)), None
        )

    # In the session of the last slice nothing may have traded: then the bars end before
    # it.
    def _last_label(self) -> date:
        slices = (row.timestamp for row in self.run.rows() if row.type == MarketDataEvent.__name__)
        last = max(slices, default=None)
        known = self.portal.calendar.label(self.portal.last_session)
        return known if last is None else max(known, self._session_of(last))

    def _session_of(self, moment: datetime) -> date:
        calendar = self.settings.sessions
        return calendar.label(calendar.session_of_us(us_of(moment)))

    def _counted(self) -> tuple[dict[datetime, int], int, tuple[str, ...]]:
        sequences: dict[datetime, int] = {}
        interventions, followed = 0, []
        for seq, event in self.run.events():
            if isinstance(event, MarketDataEvent):
                sequences[event.timestamp] = seq
            elif isinstance(event, PositionAdjustmentEvent) and event.reason.startswith(FOLLOWED):
                followed.append(_words_of(event))
            interventions += isinstance(event, _INTERVENTIONS)
        return sequences, interventions + len(followed), tuple(followed)


# A run's record, and its orders and cancels since its last closed session.
class _Again(NamedTuple):
    record: RunRecord
    asked: list[Asked]


# The commands of each step. A failure that ends a run also ended the session; otherwise
# the comparison finds the missing facts.
def _driven(core: TradingCore, events: Iterable[Event]) -> Iterator[list[Command]]:
    try:
        yield core.start()
        for event in events:
            yield core.process(event)
    except Exception:  # around a user's callbacks
        if core.state.settings.on_error != "raise" and not core.state.initializing:
            raise


def _comparable(record: RunRecord, *, sessions: int | None = None) -> RunRecord:
    # The facts that journals have: closed sessions, and orders as of the last close.
    closed = record.sessions if sessions is None else record.sessions[:sessions]
    upto = closed[-1].transactions[1] if closed else 0
    known = {order.id: order for row in closed for order in row.orders}
    return replace(
        record,
        sessions=[
            replace(
                row,
                recorded={str(name): recorded_fact(value) for name, value in row.recorded.items()},
                benchmark_return=None,
            )
            for row in closed
        ],
        transactions=record.transactions[:upto],
        orders=[known[order_id] for order_id in sorted(known, key=int)],
        denied=[],
    )


def _words_of(event: PositionAdjustmentEvent) -> str:
    return (
        f"{event.timestamp:%Y-%m-%d %H:%M:%S} UTC, {event.symbol} by "
        f"{plain_text(event.amount)} at {plain_text(event.price)}; {event.reason}"
    )
