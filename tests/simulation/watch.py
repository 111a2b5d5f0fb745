"""What must hold after every event, and at the end.

The rule: a watch looks and says what it sees; it changes nothing and asks nobody for
time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from typing import Any

from rbtlive.core.state.order import LIFE
from rbtlive.core.trading_core import TradingCore
from rbtlive.model.bar import Bar
from rbtlive.model.events import (
    CashAdjustmentEvent,
    Event,
    MarketDataEvent,
    OrderFillEvent,
    SystemErrorEvent,
)
from rbtlive.model.order_facts import CLOSED_STATES, OPEN_STATES, OrderState
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.journal.journal import Journal
from tests.simulation.disk import RUN_ID, WatchedJournal
from tests.simulation.venue import Venue

_MOST_ORDER_EVENTS = 400


def _reachable() -> dict[OrderState, frozenset[OrderState]]:
    found = {state: {state, *following} for state, following in LIFE.items()}
    for _ in LIFE:
        for states in found.values():
            states |= {later for state in list(states) for later in LIFE[state]}
    return {state: frozenset(states) for state, states in found.items()}


NOT_THERE = {(OrderState.EXPIRED, "never sent"), (OrderState.REJECTED, "never arrived")}
"""How an order ends that the venue does not know."""
REACHABLE = _reachable()
"""States an order may be in after some more steps along the table of its life."""


class Watch:
    """Looks at one process after every event."""

    def __init__(self, engine: TradingEngine, journal: WatchedJournal) -> None:
        self.seen: list[str] = []
        self.booked: dict[str, int] = {}
        self._engine = engine
        self._journal = journal
        self._states: dict[str, OrderState] = {}

    def look(self, event: Event) -> None:
        """Note whatever is wrong now; registered after the core, it sees what the event
        did.
        """
        self.seen += [
            f"after {event.event_type} at {event.timestamp:%H:%M:%S.%f}: {what}"
            for what in self._wrong(event)
        ]

    def _wrong(self, event: Event) -> Iterator[str]:
        engine, core = self._engine, self._engine.core
        if self._journal.last_input is not event:
            yield "a handler saw it before it was journaled"
        if core.state.portfolio.conservation_error():
            yield f"money is off by {core.state.portfolio.conservation_error()}"
        yield from _positions_not_of_fills(core)
        yield from self._illegal_lives(core)
        if isinstance(event, OrderFillEvent):
            booked = [
                t for t in core.state.record.transactions if t.execution_id == event.execution_id
            ]
            if len(booked) > 1:
                yield f"execution {event.execution_id} is booked {len(booked)} times"
        waiting = engine.queue.depth_by_priority()
        if len(engine.queue) > engine.queue.maxsize + _MOST_ORDER_EVENTS:
            yield f"the queue is not bounded: {waiting}"

    def _illegal_lives(self, core: TradingCore) -> Iterator[str]:
        for order in [*core.state.orders, *core.state.orders.denied.values()]:
            before = self._states.get(order.id, OrderState.CREATED)
            if order.state not in REACHABLE[before]:
                yield f"order {order.id} went from {before} to {order.state}"
            if abs(order.filled) > abs(order.amount):
                yield f"order {order.id} filled {order.filled} of {order.amount}"
            self._states[order.id] = order.state


def _positions_not_of_fills(core: TradingCore) -> Iterator[str]:
    sums: dict[str, Decimal] = {}
    splits = {
        one.asset.symbol: (one.dt, one.ratio)
        for one in core.state.record.adjustments
        if one.kind == "split"
    }
    for fill in core.state.record.transactions:
        symbol = fill.asset.symbol
        if symbol in splits and fill.dt >= splits[symbol][0]:
            sums[symbol] = after_split(sums.get(symbol, Decimal(0)), splits.pop(symbol)[1])
        sums[symbol] = sums.get(symbol, Decimal(0)) + fill.amount
    for symbol, (_dt, ratio) in splits.items():
        sums[symbol] = after_split(sums.get(symbol, Decimal(0)), ratio)
    held = {position.asset.symbol: position.amount for position in core.state.portfolio}
    for symbol in sums | held:
        if sums.get(symbol, 0) != held.get(symbol, 0):
            yield f"position of {symbol} is {held.get(symbol, 0)}, its fills make {sums.get(symbol, 0)}"


def after_split(shares: Decimal, ratio: Decimal) -> Decimal:
    """Return what a split makes of shares: whole ones."""
    return (shares / ratio).to_integral_value(ROUND_DOWN)


# -- at the end ----------------------------------------------------------------------


def unlike_positions(
    core: TradingCore, venue: Venue, outside: Mapping[str, Decimal]
) -> Iterator[str]:
    """Yield every position that differs from the venue's, once all is quiet."""
    held = {position.asset.symbol: position.amount for position in core.state.portfolio}
    there = venue.positions_of_old()
    for symbol in sorted({*held, *there}):
        here = held.get(symbol, Decimal(0)) + outside.get(symbol, Decimal(0))
        if here != there.get(symbol, Decimal(0)):
            yield f"position of {symbol} is {here} here and {there.get(symbol)} at the venue"


def unlike_the_venue(core: TradingCore, venue: Venue) -> Iterator[str]:
    """Yield every difference between the engine's books and the venue's, once all is
    quiet.
    """
    theirs = {e.execution_id: e for order in _of_this_run(venue) for e in order.executions}
    ours = [fill.execution_id for fill in core.state.record.transactions]
    if sorted(ours) != sorted(theirs):
        yield f"executions differ: {sorted(set(theirs) ^ set(ours))} or some twice"
    cash = core.state.settings.capital_base - sum(
        e.amount * e.price + e.commission for e in theirs.values()
    )
    cash += sum(one.cash for one in core.state.record.adjustments)
    if core.state.portfolio.cash != cash:
        yield f"cash is {core.state.portfolio.cash} here and {cash} by the venue's executions"
    for resting in _of_this_run(venue):
        order = core.state.orders.get_order(str(resting.number))
        if order is None:
            yield f"the venue has order {resting.client_id}, which is not known here"
        elif order.cancel_requested and resting.state not in CLOSED_STATES:
            yield f"order {order.id} was to be cancelled and rests"
        elif (order.state, order.reason) in NOT_THERE and resting.state in CLOSED_STATES:
            if (
                order.filled != resting.filled
            ):  # it arrived after it was given up, and was cancelled there
                yield f"order {order.id} filled {order.filled} here, {resting.filled} at the venue"
        elif order.state is not resting.state or order.filled not in _filled(venue, resting):
            yield (
                f"order {order.id} is {order.state} with {order.filled} here, "
                f"{resting.state} with {resting.filled} at the venue"
            )


# What a reverse split has cancelled is restated here if it was heard of later.
def _filled(venue: Venue, resting: Any) -> set[Decimal]:
    night = venue.night
    if night is None or night.ratio <= 1 or night.symbol != resting.symbol:
        return {resting.filled}
    return {resting.filled, after_split(resting.filled, night.ratio)}


def _of_this_run(venue: Venue) -> Iterator[Any]:
    return (order for order in venue.book.values() if order.client_id.startswith(f"{RUN_ID}-"))


def wrong_ids(journal: Journal, core: TradingCore, venue: Venue, *, late: bool) -> Iterator[str]:
    """Yield what is wrong with the ids: those in the venue's book are those of the
    intents that arrived and were taken.

    Args:
        journal: What was intended.
        core: What became of it.
        venue: What was traded.
        late: Whether messages were so late that they came after their order had been
            given up.
    """
    yield from wrong_intents(journal, venue)
    ids = [row.data()["order_id"] for row in journal.rows() if row.type == "SubmitOrder"]
    there = {str(order.number) for order in _of_this_run(venue)}
    absent = {order.id for order in core.state.orders if (order.state, order.reason) in NOT_THERE}
    if late:
        absent -= there
    here = set(ids) - absent - {client_id.rpartition("-")[2] for client_id in venue.refused}
    if there != here:
        yield f"ids differ: only here {sorted(here - there)}, only at the venue {sorted(there - here)}"


def wrong_intents(journal: Journal, venue: Venue) -> Iterator[str]:
    """Yield each intent that was written twice, or that the venue knows as something
    else.
    """
    intents = [row.data() for row in journal.rows() if row.type == "SubmitOrder"]
    ids = [facts["order_id"] for facts in intents]
    if len(set(ids)) != len(ids):
        yield f"an intent was written twice: {ids}"
    for facts in intents:
        resting = venue.book.get(f"{RUN_ID}-{facts['order_id']}")
        if (
            resting is not None
            and resting.client_id not in venue.replaced
            and resting.asked != (facts["symbol"], Decimal(facts["amount"]))
        ):
            yield f"order {facts['order_id']} is {resting.amount} of {resting.symbol} at the venue: {facts}"


def wrong_slices(
    journal: Journal, *, whole: bool, slice_of: Callable[[int], Sequence[Bar]]
) -> Iterator[str]:
    """Yield the gaps in the slices; with `whole` also the bars that are missing.

    Args:
        journal: What the run saw.
        whole: Whether nothing was lost on the way.
        slice_of: Gives a minute's true bars.
    """
    slices = [event for _seq, event in journal.events() if isinstance(event, MarketDataEvent)]
    for one, other in pairwise(slices):
        if other.timestamp - one.timestamp != timedelta(minutes=1):
            yield f"after the slice of {one.timestamp:%H:%M} comes {other.timestamp:%H:%M}"
    if not whole:
        return
    truth = {bar.timestamp: bar for minute in range(1, 60) for bar in slice_of(minute)[:1]}
    for event in slices:
        if len(event.bars) != 2 or event.bars["AAA"] != truth.get(event.timestamp):
            yield f"the slice of {event.timestamp:%H:%M} has {len(event.bars)} bars"


def wrong_cash(journal: Journal, venue: Venue, *, foreign: bool) -> Iterator[str]:
    """Yield each activity that was booked otherwise than the account tells it, and what
    was said of cash that nothing explains although everything does.

    Args:
        journal: What was booked.
        venue: What was paid.
        foreign: Whether people traded too, whose orders the run does not book.
    """
    paid = {one.activity_id: one for one in venue.paid}
    booked: Counter[str] = Counter()
    for _seq, event in journal.events():
        if isinstance(event, CashAdjustmentEvent):
            booked[event.activity_id] += 1
            one = paid.get(event.activity_id)
            more = one is not None and abs(event.amount) > abs(one.amount)
            if one is None or event.kind != one.kind or (more and one.kind != "cash in lieu"):
                yield f"activity {event.activity_id} is booked as {event.amount} of {one}"
        elif (
            isinstance(event, SystemErrorEvent)
            and "no activity explains" in event.message
            and not foreign
        ):
            yield event.message
    yield from (f"activity {name} is booked {n} times" for name, n in booked.items() if n > 1)


def still_open(core: TradingCore) -> list[str]:
    """Return the orders whose fate is not settled."""
    return [
        o.id
        for o in core.state.orders
        if o.state in OPEN_STATES and o.state in {OrderState.SUBMITTED, OrderState.UNKNOWN}
    ]
