"""Did a session do what a backtest over the same slices does? And what would another
strategy have done?

The rule: both sides come from the journal: what happened is what its rows say, what
should have happened is a fresh backtest over the bars, operator events and settings
that its rows hold.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rbtlive.core.serialization import recorded_fact
from rbtlive.core.state.record import RunRecord
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
)
from rbtlive.research.backtesting import result_of
from rbtlive.research.parity_report import ParityReport, parity_report
from rbtlive.research.result import BacktestResult
from rbtlive.research.run_bars import PortalBars
from rbtlive.runtime.backtest import new_core
from rbtlive.runtime.engine.account_side import ACCOUNT_OPENED
from rbtlive.runtime.journal.files import StateFolder
from rbtlive.runtime.journal.journal import RecordedRun, RowKind
from rbtlive.runtime.recorded.recorded import (
    Facts,
    Segment,
    carry_on,
    inputs_between,
    segments_of,
    settings_of,
)
from rbtlive.runtime.recorded.replay import recorded_portal

Loaded = Callable[[Segment], "tuple[Any, RunSettings] | None"]
"""Gives the strategy and the settings of a segment, or None if its code is not loaded
in this process.
"""

_ANSWERS = (OrderFillEvent, OrderRejectEvent, OrderUpdateEvent)


class Proof:
    """A recorded run, ready to be judged.

    Args:
        run: Its journal.
        folder: Where its bars are.
        loaded: Gives a segment's strategy.
    """

    def __init__(self, run: RecordedRun, folder: StateFolder, loaded: Loaded) -> None:
        self.run = run
        self._folder = folder
        self._loaded = loaded
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

    def facts(self, upto: int | None = None) -> Facts:
        """Return what the rows tell, up to a row."""
        return Facts(self.run, {asset.symbol: asset for asset in self.portal.assets}, upto=upto)

    def record(self) -> RunRecord:
        """Return the record of the run, up to the end of its last session."""
        return self.facts().record(self.segments[-1].strategy, self.settings)

    def result(self) -> BacktestResult:
        """Return the result of the run, up to the end of its last session."""
        portal, record = self.portal, self.record()
        bars = PortalBars(lambda: portal, intraday=record.settings.intraday)
        return BacktestResult(record, bars=bars)

    # -- parity -----------------------------------------------------------------------

    def parity(self) -> ParityReport:
        """Compare orders, fills and books of every segment whose code is loaded with a
        backtest's.
        """
        sequences, interventions = self._counted()
        if not sequences:
            return ParityReport(
                identical=True, orders_compared=0, fills_compared=0, interventions=interventions
            )
        missing: list[str] = []
        orders = fills = 0
        report: ParityReport | None = None
        for number, segment in enumerate(self.segments):
            last = self.segments[number + 1].after if number + 1 < len(self.segments) else None
            again = self._again(segment, last)
            if again is None:
                missing.append(
                    f"segment {number + 1} ({segment.strategy}): its code is not loaded here; "
                    "attach it, then ask again"
                )
                continue
            told = self.facts(last).record(segment.strategy, again.settings)
            report = parity_report(
                _comparable(told),
                _comparable(again, sessions=len(told.sessions)),
                sequences=sequences,
            )
            orders, fills = max(orders, report.orders_compared), max(fills, report.fills_compared)
            if not report.identical:
                break
        first = None if report is None else report.first_difference
        return ParityReport(
            identical=first is None and not missing,
            orders_compared=orders,
            fills_compared=fills,
            interventions=interventions,
            first_difference=first,
            not_compared=tuple(missing),
        )

    def _again(self, segment: Segment, last: int | None) -> RunRecord | None:
        found = self._loaded(segment)
        if found is None:
            return None
        strategy, settings = found
        core = self._fresh(strategy, replace(settings, start=self.settings.start))
        if segment.state is not None:
            carry_on(core, self.facts(segment.after), segment.state)
        # What the session said, it has said: this time is for comparing alone.
        core.state.on_message = lambda _level, _text: None
        with contextlib.redirect_stdout(io.StringIO()):
            inputs = inputs_between(self.run, segment.after, last)
            # What a broker elsewhere told of orders is what is compared: here the
            # simulated venue answers.
            _drive(core, (event for event in inputs if not isinstance(event, _ANSWERS)))
        return core.finish()

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

    def replay(self, strategy: Any = None) -> BacktestResult:
        """Run a strategy over the slices the session saw, without its interventions."""
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
            if isinstance(event, MarketDataEvent):
                core.acknowledge(core.process(event))
        return result_of(core)

    def _fresh(self, strategy: Any, settings: RunSettings) -> TradingCore:
        settings = self._with_capital(settings)
        calendar = self.portal.calendar
        end = self._last_label() if settings.end is None else settings.end
        end = calendar.label(max(calendar.number(end), calendar.number(settings.start)))
        return new_core(strategy, self.portal, replace(settings, end=end), preload=True)

    # At a broker elsewhere the account said how much there was.
    def _with_capital(self, settings: RunSettings) -> RunSettings:
        return settings if self._capital is None else replace(settings, capital_base=self._capital)

    # -- looking through the rows -----------------------------------------------------

    def _first_slice(self) -> datetime | None:
        return next(
            (e.timestamp for _s, e in self.run.events() if isinstance(e, MarketDataEvent)), None
        )

    # In the session of the last slice maybe nothing has traded: the bars end before it
    # then.
    def _last_label(self) -> date:
        slices = (row.timestamp for row in self.run.rows() if row.type == MarketDataEvent.__name__)
        last = max(slices, default=None)
        known = self.portal.calendar.label(self.portal.last_session)
        return known if last is None else max(known, self._session_of(last))

    def _session_of(self, moment: datetime) -> date:
        calendar = self.settings.sessions
        return calendar.label(calendar.session_of_us(us_of(moment)))

    def _counted(self) -> tuple[dict[datetime, int], int]:
        sequences: dict[datetime, int] = {}
        interventions = 0
        for seq, event in self.run.events():
            if isinstance(event, MarketDataEvent):
                sequences[event.timestamp] = seq
            interventions += isinstance(event, (OperatorEvent, CircuitBreakerEvent))
        return sequences, interventions


def _drive(core: TradingCore, events: Iterable[Event]) -> None:
    # A failure that ends a run ended the session too; if it did not, the comparison
    # finds what is missing. What callbacks print was printed when it happened.
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            core.acknowledge(core.start())
            for event in events:
                core.acknowledge(core.process(event))
    except Exception:  # around a user's callbacks
        if core.state.settings.on_error != "raise" and not core.state.initializing:
            raise


def _comparable(record: RunRecord, *, sessions: int | None = None) -> RunRecord:
    # Journals know what is over: sessions that are closed, and orders as they were at
    # the last close.
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
