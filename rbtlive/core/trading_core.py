"""The core: events in, commands out, the same for backtest, paper and live.

The rule: state first, strategy last. All changes of an event are booked before a
callback runs, and all requests of callbacks leave as commands at the end of the event.
It does no I/O, reads no clock and does not know its driver.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from decimal import getcontext, setcontext
from typing import Any, ParamSpec, TypeVar

from rbtlive.core.actions import account_changes
from rbtlive.core.actions.account_changes import CallOutcome, call_operator
from rbtlive.core.actions.bar_step import on_market_data, take_bars
from rbtlive.core.actions.callbacks import deliver, describe_error, on_system_error
from rbtlive.core.actions.cancelling import on_reject, on_update
from rbtlive.core.actions.conclusion import check_benchmark, snapshot
from rbtlive.core.actions.error_notes import noting_step
from rbtlive.core.actions.fills import let_orders_wait, on_fill, settle
from rbtlive.core.actions.interventions import operate, trip
from rbtlive.core.actions.past_days import take_past_days
from rbtlive.core.actions.quiet_sessions import run_quiet_sessions
from rbtlive.core.actions.session_close import finish_session
from rbtlive.core.actions.session_start import enter_session, on_trigger, warn_of_no_morning
from rbtlive.core.rules.plain_functions import refuse_unrun
from rbtlive.core.run_state import RunState
from rbtlive.core.state.callback_state import CallbackState
from rbtlive.core.state.order import Order
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.core.state.record import RunRecord
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.strategy.bound import ACTIVE
from rbtlive.core.strategy.context import Context
from rbtlive.core.strategy.strategy_executor import StrategyExecutor
from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import us_of
from rbtlive.errors import EngineStopped
from rbtlive.model.commands import Command, SubmitOrder
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    PastDaysEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.model.order_facts import OrderState
from rbtlive.model.trusted import Template

P = ParamSpec("P")
R = TypeVar("R")
_submit = Template(SubmitOrder)
_CREATED, _CANCELED = OrderState.CREATED, OrderState.CANCELED
_SUBMITTED, _PENDING = OrderState.SUBMITTED, OrderState.PENDING

_HANDLERS: dict[type[Event], Callable[[RunState, Any], None]] = {
    MarketDataEvent: on_market_data,
    OrderFillEvent: on_fill,
    OrderUpdateEvent: on_update,
    OrderRejectEvent: on_reject,
    ScheduledTriggerEvent: on_trigger,
    CircuitBreakerEvent: trip,
    OperatorEvent: operate,
    SystemErrorEvent: on_system_error,
    PastDaysEvent: take_past_days,
    **account_changes.HANDLERS,
}


class TradingCore:
    """One run of one strategy over one market.

    Args:
        strategy: The strategy, ready to run once.
        market: The market data.
        settings: The run's settings.
        simulated: Whether the venue in memory fills orders.
        on_message: Called with (level, text) of messages for the user; nothing is
            logged here.

    Attributes:
        state: All state that events change.
        context: First argument of callbacks.
    """

    def __init__(
        self,
        strategy: StrategyExecutor,
        market: Market,
        settings: RunSettings,
        *,
        simulated: bool = True,
        on_message: Callable[[str, str], None] | None = None,
    ) -> None:
        self.strategy = strategy
        self.state = RunState(market, settings, strategy.name, simulated)
        if on_message is not None:
            self.state.on_message = on_message
        self.context = Context(self.state)
        self.state.callbacks.bind(strategy.callback, strategy.bind, self.context)
        strategy.bind_run(self.state)
        self._depth = 0
        self._own, self._acting = copy_context(), False
        self._own.run(ACTIVE.set, self.context)
        self._own.run(setcontext, self.state.decimals)
        self._failure: BaseException | None = None

    @property
    def portfolio(self) -> Portfolio:
        """Cash and positions of the run."""
        return self.state.portfolio

    @property
    def orders(self) -> OrderManager:
        """Every order of the run."""
        return self.state.orders

    @property
    def callbacks(self) -> CallbackState:
        """Calls the strategy and counts its failures."""
        return self.state.callbacks

    @property
    def halt_reason(self) -> str:
        """Why trading is halted; empty while it is not."""
        return self.state.halt_reason

    def start(self) -> list[Command]:
        """Run `initialize`; an exception there always ends the run."""
        return self.act(self._start)

    def _start(self) -> list[Command]:
        state = self.state
        market = state.market
        if market.session < 0:  # otherwise a resumed run, perhaps in the middle of a session
            market.open_session(market.first_session)
        initialize = self.strategy.callback("initialize")
        if initialize is not None:
            with noting_step(state.settings.frames):
                refuse_unrun(initialize(self.context), "initialize")
            state.keep_decimals()
        state.initializing = False
        warn_of_no_morning(state)
        check_benchmark(state)
        if state.session_open and market.now_us >= state.session_span[1]:
            finish_session(state)  # a callback on its last bar ended the run before the close
        return self.take_commands()

    def process(self, event: Event) -> list[Command]:
        """Process one event completely, and return the commands that the strategy asked
        for.

        Raises:
            EngineStopped: an earlier event failed, so the state is no longer reliable.
        """
        if self._failure is not None:
            raise EngineStopped(
                f"this core failed on an earlier event with {describe_error(self._failure)} and "
                "takes no more: attach again to recover"
            ) from self._failure
        handler = _HANDLERS.get(type(event))
        if handler is None:
            return []
        if self._depth:  # a nested event belongs to the one being processed
            handler(self.state, event)
            return []
        if self._acting:
            return self._process(handler, event)
        return self._own.run(self._process, handler, event)

    def _process(self, handler: Callable[[RunState, Any], None], event: Event) -> list[Command]:
        state = self.state
        self._depth, state.acting = 1, True
        if getcontext() is not state.decimals:
            setcontext(state.decimals)
        try:
            handler(state, event)
            if state.balanced_version != state.portfolio.version:
                settle(state)
            if state.callbacks.waiting:
                deliver(state)
            return self.take_commands() if state.outbox else []
        except BaseException as failure:
            self._failure = failure
            raise
        finally:
            self._depth, state.acting = 0, self._acting

    def run_sessions(
        self, first: int, last: int, before_each: Callable[[], None] | None = None
    ) -> None:
        """Process every bar of consecutive sessions whose bars are all available: the
        backtest's loop.
        """
        self.act(self._run_sessions, first, last, before_each)

    def _run_sessions(self, first: int, last: int, before_each: Callable[[], None] | None) -> None:
        state, session = self.state, first
        waiting = state.orders.waiting
        let_orders_wait(state)
        try:
            while session <= last:
                if before_each is not None:
                    before_each()
                following = run_quiet_sessions(state, session, last, before_each, self._rest_orders)
                if following == session:
                    self._run_session(session)
                    following += 1
                if state.outbox:
                    self._rest_orders()
                waiting.is_rested = True
                session = following
        finally:
            waiting.end()

    def _run_session(self, session: int) -> None:
        state = self.state
        enter_session(state, session)
        first, last = state.market.table.rows_of_session(session)
        take_bars(state, range(first, last), self._rest_orders)
        finish_session(state)

    def take_in(self, event: MarketDataEvent) -> None:
        """Load a past slice into the market without acting on it."""
        state = self.state
        us = us_of(event.timestamp)
        session = state.calendar.session_of_us(us)
        if session != state.market.session:
            state.market.open_session(session)
        state.market.advance(state.market.append_slice(us, event.bars))

    def acknowledge(self, commands: list[Command]) -> None:
        """Let every submitted order rest at the simulated venue."""
        for command in commands:
            order = self.state.orders.get_order(command.order_id)
            if order is not None and order.state is _SUBMITTED:
                order.move(_PENDING, order.dt)

    # Changes orders like taking and acknowledging commands, where the commands
    # themselves are not needed.
    def _rest_orders(self) -> None:
        outbox = self.state.outbox
        for asked in outbox:
            if type(asked) is Order and asked.state is _CREATED:
                asked.rest()
        outbox.clear()
        self.state.orders.looks += 1

    def finish(self) -> RunRecord:
        """Return the run's record so far; later events do not change it."""
        return snapshot(self.state)

    def release(self) -> None:
        """Free everything that is only needed to continue: the run has ended, and its
        state can still be read.
        """
        self.state.release()
        self.strategy.release()

    def act(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function as part of the run: `rbtlive.api` acts on the run, and the
        engine's decimal context applies.

        Both are stored in the run's own context, like any context variables that
        callbacks set: entering it costs a tenth of setting and resetting them around
        each event.
        """
        if self._acting or self._depth:
            return function(*args, **kwargs)
        self._acting = self.state.acting = True
        try:
            return self._own.run(function, *args, **kwargs)
        finally:
            self._acting = self.state.acting = False

    def call_operator(
        self, function: Callable[[Any, Any], Any]
    ) -> tuple[CallOutcome, list[Command]]:
        """Run an operator's function as a callback of the run; return its outcome, and
        the commands that it caused.
        """
        outcome = self.act(call_operator, self.state, function)
        return outcome, self.take_commands()

    def take_commands(self) -> list[Command]:
        """Return the commands since the last call."""
        state = self.state
        if not state.outbox:
            return []
        asked, state.outbox = state.outbox, []
        return [
            _submission(what) if isinstance(what, Order) else what
            for what in asked
            if not (isinstance(what, Order) and _was_withdrawn(what))
        ]


# Cancelled before it was sent, so never to be sent.
def _was_withdrawn(order: Order) -> bool:
    return order.state is _CANCELED and not order.executions


def _submission(order: Order) -> SubmitOrder:
    if order.state is _CREATED:
        order.move(_SUBMITTED, order.dt)
    return _submit(
        order_id=order.id,
        symbol=order.asset.symbol,
        amount=order.amount,
        limit=order.limit,
        stop=order.stop,
    )
