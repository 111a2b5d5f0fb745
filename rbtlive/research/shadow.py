"""Send a session's own orders to the simulated venue, to see how they would have
filled.

The rule: the strategy decides nothing here. Every order and every cancel comes from the
journal, at the event after which the session asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from rbtlive.core.state.order import Order
from rbtlive.core.state.record import RunRecord
from rbtlive.core.trading_core import TradingCore
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import (
    CashAdjustmentEvent,
    Event,
    MarketDataEvent,
    OperatorCallEvent,
    OrderReplacedEvent,
    PastDaysEvent,
    PositionAdjustmentEvent,
    ScheduledTriggerEvent,
    SplitEvent,
)
from rbtlive.model.order_facts import OrderState
from rbtlive.research.explaining.pairs import Executed, executed
from rbtlive.runtime.journal.journal_reader import JournalRow, RowKind

# Events of bars and books. Actions of operators and breakers are already in the orders.
_TAKEN = (
    MarketDataEvent,
    PastDaysEvent,
    ScheduledTriggerEvent,
    SplitEvent,
    CashAdjustmentEvent,
    PositionAdjustmentEvent,
)


class Shadow:
    """Sends the orders of a journal to the simulated venue.

    Args:
        core: A fresh, started core with the simulated venue: its strategy has chosen
            the cost models, and does nothing from now on.
    """

    def __init__(self, core: TradingCore) -> None:
        state = core.state
        state.paused = True
        state.trading_controls.clear()
        state.account_controls.clear()
        self._core = core
        self._numbers: dict[str, str] = {}

    def follow(self, rows: Iterable[JournalRow]) -> None:
        """Process the bars in a journal's rows, and send their orders."""
        for row in rows:
            if row.kind == RowKind.INTENT:
                self._ask(row.type, row.data())
            elif row.kind == RowKind.INPUT:
                self._take(row)

    def _take(self, row: JournalRow) -> None:
        event = row.event()
        if isinstance(event, OrderReplacedEvent):
            number = self._numbers.get(event.order_id, event.order_id)
            self._process(event.model_copy(update={"order_id": number}))
        elif isinstance(event, _TAKEN):
            self._process(event)

    def _ask(self, kind: str, facts: Mapping[str, Any]) -> None:
        state = self._core.state
        number = facts["order_id"]
        if kind == SubmitOrder.__name__:
            action = {name: facts[name] for name in ("symbol", "amount", "limit", "stop")}
            self._process(_call(self._core, {"do": "order", **action}))
            self._numbers[number] = str(state.orders.last_id)
        else:
            known = self._numbers.get(number, number)
            self._process(_call(self._core, {"do": "cancel", "order_id": known}))

    def _process(self, event: Event) -> None:
        self._core.acknowledge(self._core.process(event))

    def pairs(self, session: RunRecord) -> list[tuple[Executed, Executed | None]]:
        """Return the session's orders that were sent, each with its result at the
        simulated venue.
        """
        record = self._core.finish()
        theirs = {
            one.order.id: one
            for one in executed(record, len(record.transactions))
            if one.order is not None
        }
        return [
            (one, theirs.get(self._numbers.get(one.order.id, one.order.id)))
            for one in executed(session, len(session.transactions))
            if one.order is not None and _was_sent(one.order)
        ]


def _call(core: TradingCore, action: dict[str, str | None]) -> OperatorCallEvent:
    texts = {k: str(v) if isinstance(v, Decimal) else v for k, v in action.items()}
    return OperatorCallEvent(timestamp=core.state.now, name="shadow", actions=(texts,))


def _was_sent(order: Order) -> bool:
    return order.state not in {OrderState.DENIED, OrderState.CREATED}
