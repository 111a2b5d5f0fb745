"""Events: frozen, each of a class that defines its own place in the queue.

The rule: an event is named for what happened, carries aware UTC time, and is never
changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import ConfigDict, Field

from rbtlive.model.bar import (
    BEYOND,
    OHLCV,
    REQUIRED_FIELDS,
    SMALLEST,
    Bar,
    Exact,
    PlainRow,
    UtcDatetime,
    aware_utc,
    numbers_of,
    plain_bar_of,
)
from rbtlive.model.order_facts import OrderState
from rbtlive.model.slice_columns import SliceColumns
from rbtlive.model.trusted import Flooding, defaults_of, make, set_values


class Priority(IntEnum):
    """Priority among waiting events; lower goes first."""

    OPERATOR = 0
    SYSTEM_ERROR = 1
    ORDER_FILL = 2
    ORDER_UPDATE = 3
    SCHEDULED_TRIGGER = 4
    MARKET_DATA = 5


class Event(Flooding):
    """Something that happened.

    Attributes:
        priority: Place in the queue, defined by the class.
        timestamp: When it happened, UTC; naive date-times are rejected.
        event_type: Name of the kind, defined by the class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    default_priority: ClassVar[Priority] = Priority.SYSTEM_ERROR
    written_if_set: ClassVar[frozenset[str]] = frozenset()
    """Optional fields that a journal stores only if they are not empty."""

    timestamp: UtcDatetime
    priority: int = -1
    event_type: str = ""

    def model_post_init(self, _context: object, /) -> None:
        """Set the fields that the class decides; raise an error if the caller gave
        other values.
        """
        cls = type(self)
        if self.priority not in (-1, cls.default_priority):
            raise ValueError(
                f"priority of {cls.__name__} is {int(cls.default_priority)}: was {self.priority}"
            )
        if self.event_type not in ("", cls.__name__):
            raise ValueError(
                f"event_type of {cls.__name__} is its class name: was {self.event_type!r}"
            )
        object.__setattr__(self, "priority", int(cls.default_priority))
        object.__setattr__(self, "event_type", cls.__name__)


class MarketDataEvent(Event):
    """One slice of the market: the bars of all assets that traded, empty where nothing
    did.
    """

    default_priority = Priority.MARKET_DATA
    bars: dict[str, Bar]

    @property
    def columns(self) -> SliceColumns | None:
        """The bars as columns, until the bars themselves are requested."""
        return self.__dict__.get("_columns")

    @property
    def row(self) -> PlainRow | None:
        """The only bar as numbers, until the bar itself is requested."""
        return self.__dict__.get("_row")

    if not TYPE_CHECKING:  # the bars of columns and of a row are built on request

        def __getattr__(self, name: str) -> Any:
            facts = self.__dict__
            if name != "bars" or not ("_columns" in facts or "_row" in facts):
                return super().__getattr__(name)
            moment = facts["timestamp"]
            if "_row" in facts:
                symbol, floats = facts["_row"]
                bars = {symbol: _bar_of(symbol, moment, floats)}
            else:
                bars = facts["_columns"].bars()
            set_values(self, {**_SLICE, "timestamp": moment, "bars": bars})
            return bars

        def __eq__(self, other: object) -> bool:
            if isinstance(other, MarketDataEvent):
                _ = self.bars, other.bars
            return super().__eq__(other)

        __hash__ = Event.__hash__

        def __iter__(self) -> Any:
            _ = self.bars
            return super().__iter__()

        def __repr_args__(self) -> Any:
            _ = self.bars
            return super().__repr_args__()

        def __getstate__(self) -> Any:
            _ = self.bars
            return super().__getstate__()

        def __copy__(self) -> Any:
            _ = self.bars
            return super().__copy__()

        def __deepcopy__(self, memo: object = None) -> Any:
            _ = self.bars
            return super().__deepcopy__(memo)

        def model_dump(self, **options: object) -> Any:
            """Return the fields as plain data."""
            _ = self.bars
            return super().model_dump(**options)

        def model_dump_json(self, **options: object) -> Any:
            """Return the fields as JSON."""
            _ = self.bars
            return super().model_dump_json(**options)

    @staticmethod
    def of(facts: Mapping[str, Any]) -> MarketDataEvent:
        """Return a slice with one bar, like `MarketDataEvent(timestamp=...,
        bars={symbol: Bar(**facts)})`.

        Args:
            facts: Every field of the bar by name, as for `Bar.of`.

        Raises:
            ValidationError: as for `Bar(**facts)`.
        """
        # A flood consists of ordinary numbers, and nothing reads its bars.
        try:
            symbol, moment = facts["symbol"], facts["timestamp"]
            first, high, low, last, volume = numbers = numbers_of(facts)
            if (
                type(first) is type(high) is type(low) is type(last) is type(volume) is float
                and SMALLEST <= low <= first <= high < BEYOND
                and low <= last <= high
                and SMALLEST <= volume < BEYOND
                and type(moment) is datetime
                and type(symbol) is str
                and symbol.isascii()
                and len(facts) == REQUIRED_FIELDS
            ):
                event: MarketDataEvent = make(MarketDataEvent)
                values = _copy_row()
                values["timestamp"] = moment if moment.tzinfo is UTC else aware_utc(moment)
                values["_row"] = (symbol, numbers)
                set_values(event, values)
                return event
        except (KeyError, TypeError, ValueError, OverflowError):
            pass  # reported by the model
        bar = plain_bar_of(facts) or Bar(**facts)
        return trusted_slice(bar.timestamp, {bar.symbol: bar})


class OrderFillEvent(Event):
    """An execution at the venue. `amount` is signed; `commission` is the cost of this
    execution.
    """

    default_priority = Priority.ORDER_FILL
    order_id: str
    execution_id: str
    amount: Exact
    price: Annotated[Exact, Field(ge=0, allow_inf_nan=False)]
    commission: Annotated[Exact, Field(allow_inf_nan=False)] = Decimal(0)


class OrderRejectEvent(Event):
    """The venue refused an order."""

    default_priority = Priority.ORDER_UPDATE
    order_id: str
    reason: str


class OrderUpdateEvent(Event):
    """The venue reported an order's new state."""

    default_priority = Priority.ORDER_UPDATE
    order_id: str
    status: OrderState
    reason: str = ""
    broker_order_id: str | None = None


TriggerName = Literal["session_start", "before_trading_start", "session_end"]
TRIGGERS: Final = frozenset(get_args(TriggerName))


class ScheduledTriggerEvent(Event):
    """The clock reached a moment that the run waited for.

    Attributes:
        name: What is due: one of `TRIGGERS`. An unknown name is rejected when the event
            is processed, so that the run goes on.
    """

    default_priority = Priority.SCHEDULED_TRIGGER
    name: str


class SystemErrorEvent(Event):
    """A failure that did not end the run."""

    default_priority = Priority.SYSTEM_ERROR
    message: str
    source: str


class CircuitBreakerEvent(Event):
    """A breaker tripped: new orders are denied with its reason until trading is
    resumed.

    Attributes:
        name: Name of the breaker.
        reason: What it detected.
        action: Its effect: "halt" all trading, "flatten" first, or let orders "reduce"
            positions only.
    """

    default_priority = Priority.OPERATOR
    name: str
    reason: str
    action: Literal["halt", "reduce", "flatten"] = "halt"


OperatorAction = Literal[
    "pause",
    "resume",
    "reduce",
    "halt",
    "flatten",
    "cancel_all",
    "cancel",
    "close",
    "kill",
]
"""The actions of an operator on a run; a session is stopped by its engine, not by an
event.
"""


class OperatorEvent(Event):
    """An operator acted on the run, on one order, or on one position.

    Attributes:
        action: The action requested.
        order_id: The order that "cancel" names.
        symbol: The position that "close" names.
        at_most: Signed shares that "flatten" and "close" may trade of each symbol; None
            closes the positions in the run's books. At a real broker, the broker's
            books set it.
        reason: The cause, if no person requested the action.
    """

    default_priority = Priority.OPERATOR
    written_if_set = frozenset({"order_id", "symbol", "at_most", "reason"})
    action: OperatorAction
    order_id: str = ""
    symbol: str = ""
    at_most: dict[str, Exact] | None = None
    reason: str = ""


class DecisionAgeEvent(Event):
    """The age of the market data for the next decisions.

    Attributes:
        late: Whether it is too old for orders to reach a broker.
        reason: The decisive age, in words; orders are denied with it.
    """

    default_priority = Priority.OPERATOR
    late: bool
    reason: str = ""


class OperatorCallEvent(Event):
    """An operator ran a function as a callback of the run.

    Attributes:
        name: The function's name.
        actions: The function's requests, in order. Recovery repeats them and never
            calls the function. An order is `{"do": "order", "symbol", "amount",
            "limit", "stop"}`, a cancel is `{"do": "cancel", "order_id"}`.
    """

    default_priority = Priority.OPERATOR
    name: str
    actions: tuple[dict[str, str | None], ...] = ()


FOLLOWED: Final = "the broker's books are followed"
"""Prefix of the reason for an adjustment that corrects a run's books to match the
broker.
"""


class PositionAdjustmentEvent(Event):
    """Shares came to the run, or left it, without an order of the run.

    Attributes:
        symbol: Symbol of the asset.
        amount: Signed shares by which the position changes.
        price: Price per share at which they are booked.
        reason: Why.
    """

    default_priority = Priority.ORDER_UPDATE
    symbol: str
    amount: Exact
    price: Annotated[Exact, Field(ge=0, allow_inf_nan=False)]
    reason: str


class CashAdjustmentEvent(Event):
    """Money came to the run, or left it, without an order of the run.

    Attributes:
        amount: Signed money.
        kind: "dividend", "interest", "fee", "deposit", "withdrawal", or "cash in lieu"
            of a part of a share.
        activity_id: The broker's unique id; each is booked once.
        symbol: The asset concerned, if any.
        reason: The broker's description.
    """

    default_priority = Priority.ORDER_UPDATE
    amount: Annotated[Exact, Field(allow_inf_nan=False)]
    kind: Literal["dividend", "interest", "fee", "deposit", "withdrawal", "cash in lieu"]
    activity_id: str
    symbol: str = ""
    reason: str = ""


class SplitEvent(Event):
    """Shares were split, and the run's data did not include the split.

    Attributes:
        symbol: Symbol of the asset.
        ratio: Factor for prices: 0.5 is two for one.
        effective: Label of the session at whose start it takes effect; None, or a
            session that has begun, means now.
        reason: The source of the information.
    """

    default_priority = Priority.OPERATOR
    written_if_set = frozenset({"effective", "reason"})
    symbol: str
    ratio: Annotated[Exact, Field(gt=0, allow_inf_nan=False)]
    effective: date | None = None
    reason: str = ""


class SymbolChangeEvent(Event):
    """A company's shares trade under another symbol: for the run the asset is the same
    and keeps the name that it had at the start.

    Attributes:
        symbol: The run's name of the asset.
        new_symbol: Its name at the broker and in the feed.
        effective: Label of the first session under the new name; None means at once.
        reason: The source of the information.
    """

    default_priority = Priority.OPERATOR
    written_if_set = frozenset({"effective", "reason"})
    symbol: str
    new_symbol: str
    effective: date | None = None
    reason: str = ""


class OrderReplacedEvent(Event):
    """The broker replaced an order by another one; for the run it is still the same
    order.

    Attributes:
        order_id: The run's order.
        amount: Its signed shares now.
        limit: Its limit price now, or None.
        stop: Its stop price now, or None.
        broker_order_id: The broker's id of the replacement.
    """

    default_priority = Priority.ORDER_UPDATE
    order_id: str
    amount: Exact
    limit: Exact | None = None
    stop: Exact | None = None
    broker_order_id: str


class BarRevisedEvent(Event):
    """A source gave another bar for a finished slice: it is recorded, but changes no
    past decision.

    Attributes:
        bar: The revised bar; its timestamp is the END of its slice.
    """

    default_priority = Priority.SYSTEM_ERROR
    bar: Bar


class UniverseChangedEvent(Event):
    """The feed's universe changed: bars of other assets are requested from now on.

    Attributes:
        symbols: The assets now requested, by the run's names.
        before: The assets requested until now, if the journal does not have them yet;
            None means all.
        whole_from: Label of the first session for which it gives all bars of the assets
            that join; None is the run's first.
    """

    default_priority = Priority.SYSTEM_ERROR
    written_if_set = frozenset({"before", "whole_from"})
    symbols: tuple[str, ...]
    before: tuple[str, ...] | None = None
    whole_from: date | None = None


class PastDaysEvent(Event):
    """A source gave daily bars of past sessions, of assets of which the feed had given
    no bars then, or not all. From now on, windows of days and tables include them; past
    decisions stand.

    Attributes:
        symbols: The assets requested; some may have no bar.
        first: Label of the first session requested.
        last: Label of the last one.
        bars: One per session and asset; the timestamp is the session's close.
        frequency: How long the bars are, if they are those of the run within the day;
            None for daily bars.
    """

    default_priority = Priority.SYSTEM_ERROR
    written_if_set = frozenset({"frequency"})
    symbols: tuple[str, ...]
    first: date
    last: date
    bars: tuple[Bar, ...]
    frequency: str | None = None


EVENT_TYPES: dict[str, type[Event]] = {
    cls.__name__: cls
    for cls in (
        MarketDataEvent,
        OrderFillEvent,
        OrderRejectEvent,
        OrderUpdateEvent,
        ScheduledTriggerEvent,
        SystemErrorEvent,
        CircuitBreakerEvent,
        OperatorEvent,
        DecisionAgeEvent,
        OperatorCallEvent,
        PositionAdjustmentEvent,
        CashAdjustmentEvent,
        SplitEvent,
        SymbolChangeEvent,
        OrderReplacedEvent,
        BarRevisedEvent,
        UniverseChangedEvent,
        PastDaysEvent,
    )
}
"""Every event class by its `event_type`."""

SLICE_DEFAULTS: Final[dict[str, Any]] = defaults_of(MarketDataEvent) | {
    "priority": int(Priority.MARKET_DATA),
    "event_type": MarketDataEvent.__name__,
}
# Every field has a place: pydantic writes fields in the order of these names.
_SLICE: Final = {name: SLICE_DEFAULTS.get(name) for name in MarketDataEvent.model_fields}
_copy_slice: Final = _SLICE.copy  # half the cost of `{**_SLICE, ...}`
_COLUMN_SLICE: Final = {name: value for name, value in _SLICE.items() if name != "bars"}
_copy_row: Final = _COLUMN_SLICE.copy


def _bar_of(symbol: str, moment: datetime, floats: Sequence[float]) -> Bar:
    bar = plain_bar_of(
        {"symbol": symbol, "timestamp": moment, **dict(zip(OHLCV, floats, strict=True))}
    )
    assert bar is not None
    return bar


def trusted_slice(timestamp: datetime, bars: dict[str, Bar]) -> MarketDataEvent:
    """Return a slice event from a time, UTC, and bars known to be valid, without
    checking them again.
    """
    event: MarketDataEvent = make(MarketDataEvent)
    facts = _copy_slice()
    facts["timestamp"], facts["bars"] = timestamp, bars
    set_values(event, facts)
    return event


def column_slice(columns: SliceColumns) -> MarketDataEvent:
    """Return a slice event from columns known to be valid."""
    event: MarketDataEvent = make(MarketDataEvent)
    set_values(event, {**_COLUMN_SLICE, "timestamp": columns.timestamp, "_columns": columns})
    return event
