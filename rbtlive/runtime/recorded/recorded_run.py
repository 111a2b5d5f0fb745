"""What a journal alone says about its run: segments, record, and the state in which it
stopped.

The rule: everything here comes from the journal's rows; no strategy code is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from rbtlive.brokers.paper import PaperBroker
from rbtlive.core.actions.past_days import take_past_days
from rbtlive.core.serialization import capture, order_of, recorded_of, restore, session_of
from rbtlive.core.state.order import Order
from rbtlive.core.state.record import RunRecord, SessionRow
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.trading_core import TradingCore
from rbtlive.model.asset import Asset
from rbtlive.model.commands import CancelOrder, SubmitOrder
from rbtlive.model.events import (
    Event,
    MarketDataEvent,
    OrderFillEvent,
    PastDaysEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.model.order_facts import OrderState, Transaction
from rbtlive.runtime.journal.journal_reader import JournalRow, RecordedRun, RowKind
from rbtlive.runtime.journal.recorder import FAILED, SESSION_CLOSED, STOPPED, SWAPPED


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a run under one strategy's code and settings.

    Attributes:
        after: The rows of the segment come after this one.
        strategy: Name of the strategy.
        source: Hash of its source.
        settings: Its settings as facts.
        state: The core's state at its start; None for the run's first segment.
        parameters: Texts of the strategy's plain parameters, including defaults.
    """

    after: int
    strategy: str
    source: str
    settings: Mapping[str, Any]
    state: Mapping[str, Any] | None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str, str]:
        """The values that identify the same code under the same settings."""
        return self.strategy, self.source, repr(sorted(self.settings.items()))


def segments_of(run: RecordedRun) -> list[Segment]:
    """Return the segments of a run, oldest first."""
    found = [_segment(0, run.header, None)]
    for row in run.rows_of_kind(RowKind.STATE):
        if row.type == SWAPPED:
            facts = row.data()
            found.append(_segment(row.seq, facts, facts["state"]))
    return found


def _segment(after: int, facts: Mapping[str, Any], state: Mapping[str, Any] | None) -> Segment:
    return Segment(
        after,
        facts["strategy"],
        facts["source"],
        facts["settings"],
        state,
        facts.get("parameters", {}),
    )


def swap_facts(segment: Segment, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of the row that starts a segment from a state."""
    return {
        "strategy": segment.strategy,
        "source": segment.source,
        "settings": segment.settings,
        "parameters": segment.parameters,
        "state": state,
    }


class Facts:
    """The record of a run from its rows, up to a given row.

    Args:
        run: The journal.
        assets: By symbol.
        upto: The last row that counts; None is the journal's last.
        with_slices: Whether to read slices too; the record does not need them.
    """

    def __init__(
        self,
        run: RecordedRun,
        assets: Mapping[str, Asset],
        *,
        upto: int | None = None,
        with_slices: bool = True,
    ) -> None:
        self.sessions: list[SessionRow] = []
        self.transactions: list[Transaction] = []
        self.denied: list[Order] = []
        self.slices: list[MarketDataEvent] = []
        self.past_days: list[PastDaysEvent] = []
        self.tail: list[JournalRow] = []
        self.state: Mapping[str, Any] | None = None
        # Facts from the end of the run, if nothing happened after it.
        self.ending: Mapping[str, Any] = {}
        self._assets = assets
        self._simulated = run.header.get("broker") == PaperBroker.name
        self._symbols: dict[str, str] = {}
        self._orders: dict[str, Order] = {}
        self._open: dict[str, Any] = {}
        for row in run.rows() if with_slices else run.rows_without_slices():
            if upto is not None and row.seq > upto:
                break
            self._take(row)

    def _take(self, row: JournalRow) -> None:
        if row.kind == RowKind.NOTE:
            if row.type in {STOPPED, FAILED}:
                self.ending = row.data()
            return
        self.ending = {}
        if row.type == SESSION_CLOSED:
            facts = row.data()
            del self.transactions[self.closed_transactions :]
            session, transactions = session_of(facts["row"], self._assets, len(self.transactions))
            self.sessions.append(session)
            self.transactions += transactions
            self.denied += [order_of(order, self._assets) for order in facts.get("denied", ())]
            self.state = self.whole(facts["state"])
            self._orders |= {order.id: order for order in session.orders}
            self.tail = []
            return
        self.tail.append(row)
        if row.kind == RowKind.INTENT and row.type == SubmitOrder.__name__:
            facts = row.data()
            self._symbols[facts["order_id"]] = facts["symbol"]
        elif row.type == MarketDataEvent.__name__:
            event = row.event()
            assert isinstance(event, MarketDataEvent)
            self.slices.append(event)
        elif row.type == PastDaysEvent.__name__:
            past = row.event()
            assert isinstance(past, PastDaysEvent)
            self.past_days.append(past)
        elif row.type == OrderFillEvent.__name__:
            self._fill(row)

    def whole(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return a state with all open orders in it: a row contains only those that
        changed since the previous one.
        """
        self._open |= {order["id"]: order for order in state["open_orders"]}
        self._open = {order_id: self._open[order_id] for order_id in state["open_ids"]}
        return {**state, "open_orders": list(self._open.values())}

    @property
    def closed_transactions(self) -> int:
        """Number of transactions in finished sessions."""
        return self.sessions[-1].transactions[1] if self.sessions else 0

    def _fill(self, row: JournalRow) -> None:
        fill = row.event()
        assert isinstance(fill, OrderFillEvent)
        symbol = self._symbols.get(fill.order_id)
        if symbol is not None:
            self.transactions.append(
                Transaction(
                    fill.timestamp,
                    self._assets[symbol],
                    fill.amount,
                    fill.price,
                    fill.commission,
                    fill.order_id,
                    fill.execution_id,
                )
            )

    def orders(self) -> list[Order]:
        """Return the latest snapshot of every order of the finished sessions, and the
        orders open at their end.
        """
        known = dict(self._orders)
        if self.state is not None:
            changed = (*self.state["open_orders"], *self.state["news"])
            known |= {order["id"]: order_of(order, self._assets) for order in changed}
        self._send(known)
        return [
            known[order_id]
            for order_id in sorted(known, key=int)
            if known[order_id].state != OrderState.DENIED
        ]

    # Requests of the last callbacks were sent after their session's books were closed.
    def _send(self, known: Mapping[str, Order]) -> None:
        for row in self.tail:
            if row.kind != RowKind.INTENT or row.type != SubmitOrder.__name__:
                continue
            order = known.get(row.data()["order_id"])
            if order is not None and order.state is OrderState.CREATED:
                order.move(OrderState.SUBMITTED, order.dt)
                if self._simulated:
                    order.move(OrderState.PENDING, order.dt)

    def record(self, strategy: str, settings: RunSettings) -> RunRecord:
        """Return the run's record up to the end of its last session."""
        return RunRecord(
            strategy,
            settings,
            tuple(sorted(self._assets.values(), key=lambda asset: asset.index)),
            list(self.sessions),
            list(self.transactions),
            self.orders(),
            list(self.denied),
            [adjustment for row in self.sessions for adjustment in row.adjustments],
        )


def refill(core: TradingCore, facts: Facts) -> None:
    """Load the bars seen earlier, and the days that arrived later, into a fresh core's
    market without calling the strategy.
    """
    if not core.state.market.preload:
        for event in facts.slices:
            core.take_in(event)
    for past in facts.past_days:
        take_past_days(core.state, past)


def carry_on(core: TradingCore, facts: Facts, state: Mapping[str, Any]) -> None:
    """Bring a fresh core to the start of a segment: bars, orders, money and time as
    they were, before its own code runs.
    """
    refill(core, facts)
    core.state.record.transactions = list(facts.transactions)
    restore(core.state, state, facts.sessions)
    core.state.orders.restore_denied(facts.denied)


def state_at_end(
    facts: Facts, new_core: Callable[[], TradingCore], *, simulated: bool
) -> Mapping[str, Any]:
    """Return the state in which a run stopped, from its rows alone.

    A stopped run has written it. For a failed or killed run it is rebuilt from the last
    session's close and the events since. Only if it was killed, the values that its
    callbacks recorded since then are lost.

    Args:
        facts: The run's facts.
        new_core: Creates a core on a remote venue, with a strategy that does nothing.
        simulated: Whether the run's orders were at the in-memory venue, which answers
            at once and watches prices itself.
    """
    if "state" in facts.ending:
        return facts.whole(facts.ending["state"])
    core = new_core()
    if facts.state is not None:
        carry_on(core, _before_tail(facts), facts.state)
    for row in facts.tail:
        if row.kind == RowKind.INTENT:
            _apply_intent(core, row.data(), row, simulated=simulated)
        elif row.type == MarketDataEvent.__name__:
            _take_bar(core, row.event(), simulated=simulated)
        elif row.kind in {RowKind.INPUT, RowKind.DERIVED} and row.type != SystemErrorEvent.__name__:
            core.process(row.event())
    core.state.recorded = recorded_of(facts.ending.get("recorded", core.state.recorded))
    return capture(core.state)


# A session's last bar leaves it open: its fills come after it, and the next segment
# closes the session.
def _take_bar(core: TradingCore, event: Event, *, simulated: bool) -> None:
    assert isinstance(event, MarketDataEvent)
    core.process(ScheduledTriggerEvent(timestamp=event.timestamp, name="session_start"))
    core.take_in(event)
    for order in core.state.orders.get_active_orders() if simulated else ():
        bar = event.bars.get(order.asset.symbol)
        if bar is not None and bar.volume:
            order.check_triggers(bar.close, event.timestamp)


def _before_tail(facts: Facts) -> Facts:
    begun = {row.timestamp for row in facts.tail if row.type == MarketDataEvent.__name__}
    facts.slices = [event for event in facts.slices if event.timestamp not in begun]
    facts.transactions = facts.transactions[: facts.closed_transactions]
    return facts


def _apply_intent(
    core: TradingCore, facts: Mapping[str, Any], row: JournalRow, *, simulated: bool
) -> None:
    order = core.state.orders.get_order(facts["order_id"])
    if row.type == CancelOrder.__name__:
        if order is not None and order.is_open and simulated:
            core.state.orders.move(order, OrderState.CANCELED, row.timestamp)
            core.state.orders.touch(order)
        elif order is not None and order.is_open:
            order.cancel_reason = ""
        return
    if order is None:
        order = _order_of(core, facts, row)
        core.state.orders.adopt(order)
        core.state.orders.touch(order)
    if order.state is OrderState.CREATED:
        order.move(OrderState.SUBMITTED, order.dt)
    if simulated and order.state is OrderState.SUBMITTED:
        order.move(OrderState.PENDING, order.dt)


def _order_of(core: TradingCore, facts: Mapping[str, Any], row: JournalRow) -> Order:
    symbol = {asset.symbol: asset for asset in core.state.assets}
    return Order(
        facts["order_id"],
        symbol[facts["symbol"]],
        Decimal(facts["amount"]),
        row.timestamp,
        row.timestamp,
        None if facts["limit"] is None else Decimal(facts["limit"]),
        None if facts["stop"] is None else Decimal(facts["stop"]),
    )


def settings_of(facts: Mapping[str, Any]) -> RunSettings:
    """Return settings from their facts; cost models of the user's own class become
    None.

    No code is imported or run to rebuild a model: pass such models again.
    """
    values = dict(facts)
    return RunSettings(
        capital_base=Decimal(values["capital_base"]),
        frequency=values["frequency"],
        calendar=values["calendar"],
        start=date.fromisoformat(values["start"]),
        end=None if values["end"] is None else date.fromisoformat(values["end"]),
        frames=values["frames"],
        zipline_quirks=values["zipline_quirks"],
        params=dict(values["params"]),
        benchmark=values["benchmark"],
        on_error=values["on_error"],
        max_errors=values["max_errors"],
    )


def inputs_between(run: RecordedRun, first: int, last: int | None) -> Iterator[Event]:
    """Yield a run's inputs after row `first` up to row `last`."""
    for seq, event in run.events(after=first):
        if last is not None and seq > last:
            return
        yield event
