"""Build an explanation from a journal: the session's actions, the events around it, and
a backtest over the same sessions.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from rbtlive.core.state.record import column
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import ResultError
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV
from rbtlive.model.events import (
    CashAdjustmentEvent,
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OperatorCallEvent,
    OperatorEvent,
    PositionAdjustmentEvent,
    SplitEvent,
    SystemErrorEvent,
)
from rbtlive.research.backtesting import result_of
from rbtlive.research.explaining.causes import Circumstances
from rbtlive.research.explaining.explanation import Explanation, explanation_of
from rbtlive.research.explaining.pairs import Decision, Executed, decision, executed
from rbtlive.research.parameters import parameters_of
from rbtlive.research.proof import Proof
from rbtlive.research.reports.writing import money
from rbtlive.research.result import BacktestResult
from rbtlive.research.run_bars import RunBars
from rbtlive.runtime.backtest import new_core, run_core
from rbtlive.runtime.journal.journal_reader import RUN_ENDED, RowKind
from rbtlive.runtime.recorded.recorded_run import Segment, settings_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOKED = (CashAdjustmentEvent, PositionAdjustmentEvent, SplitEvent)
_STOPS = {"pause", "kill", "halt", "flatten", "reduce"}


def explain(proof: Proof, against: Any = None) -> Explanation:
    """Return why a recorded session's profit differs from a backtest's.

    Args:
        proof: The session's journal.
        against: A result, or a session, whose result is used; or data (a portal, a
            frame) over which to run the session's strategy; None means the bars that
            the session saw.

    Raises:
        ResultError: no session was closed yet, or the results have no session in
            common.
        LookupError: the session's code is not loaded here.
    """
    nothing = ResultError("there is nothing to explain: the session closed no session yet")
    if not proof.saw_bars:
        raise nothing
    session = proof.result()
    labels = column(session.record.sessions, "label")
    if not labels:
        raise nothing
    read = None if isinstance(against, type) else getattr(against, "result", None)
    if callable(read):
        against = read()
    backtest = _backtest(proof, against, labels[0], labels[-1])
    last = min([labels[-1], *column(backtest.record.sessions, "label")[-1:]])
    ours, theirs = (_cut(result, labels[0], last) for result in (session, backtest))
    data = differing_bars(ours, theirs)
    is_result = isinstance(against, BacktestResult)
    known = replace(
        _circumstances(proof, data),
        other_code=_other_code(proof, against if is_result else None),
        by_data=None if is_result or data.is_empty() else _by_data(proof, backtest),
    )
    return explanation_of(ours, theirs, known, data)


def _backtest(proof: Proof, against: object, first: date, last: date) -> BacktestResult:
    if against is None:
        return proof.replay()
    if isinstance(against, BacktestResult):
        return against
    strategy, settings = proof.loaded_settings()
    portal = PolarsDataPortal.coerce(
        against, frequency=settings.frequency, calendar=settings.calendar
    )
    # Beyond the last bar, every asset would leave the market.
    last = max(first, min(last, portal.calendar.label(portal.last_session)))
    core = new_core(strategy, portal, replace(settings, start=first, end=last), preload=True)
    run_core(core)
    return result_of(core)


# The sessions that both have. A backtest that began earlier would already have a
# profit.
def _cut(result: BacktestResult, first: date, last: date) -> BacktestResult:
    record = result.record
    rows = [row for row in record.sessions if row.label <= last]
    if not rows or rows[0].label != first:
        began = rows[0].label if rows else "later"
        raise ResultError(
            f"the backtest must begin with the session's first day, {first}: it began {began}; "
            "pass start= to backtest(), or the data itself to explain()"
        )
    shorter = replace(
        record,
        sessions=rows,
        transactions=list(record.transactions[: rows[-1].transactions[1]]),
        adjustments=[one for row in rows for one in row.adjustments],
        marks={},
        pnl=None,
    )
    return BacktestResult(shorter, bars=result.bars)


# With the same code but other bars, the strategy decides differently because of the
# bars.
def _by_data(proof: Proof, backtest: BacktestResult) -> Callable[[Executed], bool]:
    @functools.cache
    def decided() -> tuple[Counter[Decision], ...]:
        runs = proof.replay(), backtest
        return tuple(Counter(map(decision, executed(run.record))) for run in runs)

    def by_data(one: Executed) -> bool:
        seen, later = decided()
        return any(
            seen[key] != later[key]
            for key in {*seen, *later}
            if key[:2] == (one.symbol, one.created)
        )

    return by_data


# How the code that ran at a moment differed from the backtest's.
def _other_code(proof: Proof, result: BacktestResult | None) -> Callable[[datetime], str]:
    segments = proof.segments
    began = [
        next((event.timestamp for _seq, event in proof.run.events(after=part.after)), None)
        for part in segments[1:]
    ]
    words = [_difference_of_code(part, segments[-1], result) for part in segments]

    def other_code(when: datetime) -> str:
        return words[sum(moment is not None and moment <= when for moment in began)]

    return other_code


def _difference_of_code(ran: Segment, last: Segment, result: BacktestResult | None) -> str:
    if result is None:
        same = (ran.source, ran.parameters) == (last.source, last.parameters)
        return "" if same else "the backtest runs the code and the parameters of later"
    theirs = parameters_of(result)
    for name in {**ran.parameters, **theirs} if theirs else ():
        values = ran.parameters.get(name, "none"), theirs.get(name, "none")
        if values[0] != values[1]:
            return f"{name} was {values[0]}, in the backtest {values[1]}"
    if result.provenance.get("source", ran.source) != ran.source:
        return "the backtest ran other code"
    ours, capital = settings_of(ran.settings).capital_base, result.record.settings.capital_base
    return "" if ours == capital else f"the backtest began with {money(capital)}"


def differing_bars(session: BacktestResult, backtest: BacktestResult) -> pl.DataFrame:
    """Return the bars that differ between the two: symbol, time, what, session,
    later.
    """
    rows: list[tuple[str, datetime, str, float | None, float | None]] = []
    ours, theirs = session.bars, backtest.bars
    if ours is not None and theirs is not None:
        span = session.record.sessions
        first, last = us_of(span[0].open) - 1, us_of(span[-1].close)
        for asset in session.record.assets:
            rows += _differing(asset.symbol, ours, theirs, first, last)
    schema = {
        "symbol": pl.String(),
        "time": pl.Datetime("us", "UTC"),
        "what": pl.String(),
        "session": pl.Float64(),
        "later": pl.Float64(),
    }
    return pl.DataFrame(sorted(rows, key=lambda row: row[1]), schema=schema, orient="row")


def _differing(
    symbol: str, ours: RunBars, theirs: RunBars, first: int, last: int
) -> Iterator[tuple[str, datetime, str, float | None, float | None]]:
    seen, later = ours.of(symbol).between(first, last), theirs.of(symbol).between(first, last)
    for us in np.setdiff1d(later.us, seen.us).tolist():
        place = int(np.searchsorted(later.us, us))
        yield symbol, _moment(us), "missing", None, float(later.close[place])
    for us in np.setdiff1d(seen.us, later.us).tolist():
        place = int(np.searchsorted(seen.us, us))
        yield symbol, _moment(us), "extra", float(seen.close[place]), None
    _both, left, right = np.intersect1d(seen.us, later.us, return_indices=True)
    differs = np.zeros(len(left), dtype=bool)
    for name in OHLCV:
        one, other = getattr(seen, name)[left], getattr(later, name)[right]
        differs |= (one != other) & ~(np.isnan(one) & np.isnan(other))
    for place in np.flatnonzero(differs).tolist():
        one, other = left[place], right[place]
        moment = _moment(int(seen.us[one]))
        yield symbol, moment, "revised", float(seen.close[one]), float(later.close[other])


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def _circumstances(proof: Proof, data: pl.DataFrame) -> Circumstances:
    found = _Happened()
    for row in proof.run.rows():
        if row.kind == RowKind.INPUT and row.type != RUN_ENDED:
            found.take(row.event())
        elif row.kind == RowKind.INTENT and found.by_person:
            found.by_hand.add(row.data()["order_id"])
    return Circumstances(
        _first(data, "revised"),
        _first(data, "missing", "extra"),
        tuple(found.late),
        frozenset(found.by_hand),
        tuple(found.halted),
        _changed(proof),
        found.booked,
        frozenset(found.split),
    )


# What a run's inputs say about it, besides its bars and the results of its orders.
# Orders that follow an input were caused by it.
@dataclass(slots=True)
class _Happened:
    now: datetime | None = None
    by_person: bool = False
    by_hand: set[str] = field(default_factory=set)
    late: list[datetime] = field(default_factory=list)
    halted: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    booked: datetime | None = None
    split: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        self.by_person = isinstance(event, (OperatorEvent, OperatorCallEvent))
        when = self.now or event.timestamp
        if isinstance(event, MarketDataEvent):
            self.now = event.timestamp
        elif isinstance(event, SystemErrorEvent) and " late" in f" {event.message}":
            self.late.append(event.timestamp)
        elif isinstance(event, OperatorEvent) and event.action in _STOPS:
            self.halted.append((when, None))
        elif isinstance(event, OperatorEvent) and event.action == "resume":
            self.halted = [(first, last or when) for first, last in self.halted]
        elif isinstance(event, CircuitBreakerEvent):
            self.halted.append((when, None))
        elif isinstance(event, _BOOKED):
            self.booked = self.booked or when
            if isinstance(event, SplitEvent):
                self.split.add(event.symbol)


def _first(data: pl.DataFrame, *kinds: str) -> datetime | None:
    moments: list[datetime] = data.filter(pl.col("what").is_in(kinds))["time"].to_list()
    return min(moments, default=None)


def _changed(proof: Proof) -> datetime | None:
    if len(proof.segments) < 2:
        return None
    after = proof.segments[1].after
    return next((e.timestamp for _s, e in proof.run.events(after=after)), None)
