"""The core: events in, commands out, the same for backtest, paper and live.

The rule: state first, strategy last. Everything an event changes is booked before a
callback runs, and everything a callback asked for leaves as commands when the event is
done. No I/O, no clock, no idea of who drives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import copy_context
from datetime import date, datetime
from decimal import getcontext, setcontext
from typing import Any, Literal, ParamSpec, TypeVar

from rbtlive.core import account_changes, corporate_actions, interventions
from rbtlive.core.bar_data import BarData
from rbtlive.core.books import SessionBooks
from rbtlive.core.bound import ACTIVE
from rbtlive.core.callbacks import BROKER_SOURCE, Callbacks, told
from rbtlive.core.context import Context
from rbtlive.core.controls import AccountControl, TradingControl
from rbtlive.core.fills import Fills
from rbtlive.core.frames import get_frames
from rbtlive.core.marking import Marks
from rbtlive.core.order import Order
from rbtlive.core.order_entry import OrderEntry
from rbtlive.core.order_manager import OrderManager
from rbtlive.core.portfolio import Portfolio
from rbtlive.core.quirks import quirks
from rbtlive.core.record import RunRecord, SessionRow
from rbtlive.core.schedule import ScheduledFunction
from rbtlive.core.settings import RunSettings
from rbtlive.core.strategy_executor import StrategyExecutor
from rbtlive.core.venue_port import RemoteVenue, Venue
from rbtlive.core.views import AccountView, OrderView, PortfolioView, TransactionView
from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.errors import EngineStopped, InvariantBroken, OutsideCalendar
from rbtlive.finance.asset_restrictions import NoRestrictions, Restrictions
from rbtlive.finance.cancel_policy import CancelPolicy, NeverCancel
from rbtlive.finance.commission import PerShare
from rbtlive.finance.slippage import FixedBasisPointsSlippage
from rbtlive.model.asset import Asset
from rbtlive.model.commands import CancelOrder, Command, SubmitOrder
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.model.number import EngineContext
from rbtlive.model.order import OrderState
from rbtlive.model.trusted import trusted
from rbtlive.sim.matching import SimVenue

P = ParamSpec("P")
R = TypeVar("R")
TradingState = Literal["running", "reducing", "halted"]
_SUBMIT_FIELDS = set(SubmitOrder.model_fields)
_CREATED, _SUBMITTED, _PENDING = OrderState.CREATED, OrderState.SUBMITTED, OrderState.PENDING


class TradingCore(OrderEntry):
    """One run of one strategy over one market.

    Args:
        strategy: The strategy, ready to run once.
        market: What is known of the market.
        settings: What was asked for.
        simulated: Whether orders are filled by the venue in memory.
        on_message: Gets (level, text) of what a user should read; nothing is logged
            here.

    Attributes:
        benchmark_returns: Daily returns to measure against where no benchmark asset is
            set, by session label.
    """

    benchmark_returns: Mapping[date, float] | None = None

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
        self.market = market
        self.settings = settings
        self.calendar = market.calendar
        self.quirks = quirks(zipline_quirks=settings.zipline_quirks)
        self.frames = get_frames(settings.frames)
        self.assets: tuple[Asset, ...] = tuple(self.frames.present_asset(a) for a in market.assets)
        self._own_assets = {id(asset) for asset in self.assets}
        self.orders = OrderManager()
        self._book = self.orders.open_by_asset()
        self.portfolio = Portfolio(settings.capital_base)
        self.marks = Marks(market, self.portfolio)
        self.restrictions: Restrictions = NoRestrictions()
        self.cancel_policy: CancelPolicy = NeverCancel()
        self.trading_controls: list[TradingControl] = []
        self.account_controls: list[AccountControl] = []
        self.scheduled: list[ScheduledFunction] = []
        self.recorded: dict[str, Any] = {}
        self.benchmark: Asset | None = None
        self.lookup_date: date | None = settings.end
        self.trading_state: TradingState = "running"
        self.halt_reason = ""
        self.paused = False
        self.initializing = True
        self.in_before_trading_start = False
        self.on_message = on_message or (lambda _level, _text: None)
        self.emit: Callable[[OrderFillEvent], None] | None = None
        self.on_session_closed: Callable[[SessionRow], None] | None = None

        self.data = BarData(
            market,
            self.frames,
            restrictions=self._is_restricted,
            loose_names=self.quirks.loose_argument_types,
        )
        self.context = Context(self)
        self.portfolio_view = PortfolioView(
            self.portfolio, self.frames, start=self.frames.session(settings.start)
        )
        self.account_view = AccountView(self.portfolio, self.frames)
        self.venue: Venue = self._sim_venue() if simulated else RemoteVenue()
        self.record = RunRecord(strategy.name, settings, self.assets)
        self.dividends = corporate_actions.Dividends(quirks=self.quirks)
        self.books = SessionBooks(self)

        self._asked: list[Order | CancelOrder] = []
        self._new_orders: dict[str, Order] = {}
        self._now, self._label = (
            (0, datetime_of(0)),
            (market.first_session, market.calendar.label(market.first_session)),
        )
        self._depth = 0
        self._decimals = EngineContext()
        self._own, self._acting = copy_context(), False
        self._own.run(ACTIVE.set, self.context)
        self._own.run(setcontext, self._decimals)
        self._advance, self._append_next = market.advance, market.append_next
        self._failure: BaseException | None = None
        self._session_open, self._start_hook_done = False, True
        self._session_span, self._bts_us = (0, 0), 0
        self._bind_callbacks(strategy)

    def _bind_callbacks(self, strategy: StrategyExecutor) -> None:
        strategy.bind_core(self)
        self.callbacks = Callbacks(self)
        self._call = self.callbacks.call
        self._notices, self._deliver_notices = self.callbacks.waiting, self.callbacks.deliver
        self.fills = Fills(self)
        self._match = self.fills.match
        self._handle_data = strategy.callback("handle_data")
        self._before_start = strategy.callback("before_trading_start")

    def _sim_venue(self) -> SimVenue:
        settings = self.settings
        return SimVenue(
            settings.slippage if settings.slippage is not None else FixedBasisPointsSlippage(),
            settings.commission if settings.commission is not None else PerShare(),
            cap_limit_price=not self.quirks.limit_may_be_passed,
            order_view=lambda order: OrderView(order, self.frames),
            transaction_view=lambda order, **facts: TransactionView(order, self.frames, **facts),
        )

    def set_slippage(self, model: Any) -> None:
        """Fill from now on by `model`; a venue elsewhere has its own."""
        if isinstance(self.venue, SimVenue):
            self.venue.set_models(slippage=model)

    def set_commission(self, model: Any) -> None:
        """Charge from now on by `model`; a venue elsewhere has its own."""
        if isinstance(self.venue, SimVenue):
            self.venue.set_models(commission=model)

    # -- time -------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """Time of the current bar or step, UTC."""
        us = self.market.now_us
        if self._now[0] != us:
            self._now = (us, datetime_of(us))
        return self._now[1]

    def session_is_open_at(self, moment: datetime) -> bool:
        """Say whether `moment` lies between the open and the close of a session."""
        us = us_of(moment)
        session = self.calendar.next_session(us)
        return int(self.calendar.opens_us[session]) <= us

    @property
    def in_session(self) -> bool:
        """Whether a session has begun and not been closed."""
        return self._session_open

    @property
    def session_label(self) -> date:
        """Label of the current session."""
        session = self.market.session
        if self._label[0] != session:
            self._label = (session, self.calendar.label(session))
        return self._label[1]

    @property
    def first_label(self) -> Any:
        """Label of the run's first session, as strategies see labels."""
        return self.frames.session(self.settings.start)

    # -- the driver's side ------------------------------------------------------------

    def start(self) -> list[Command]:
        """Run `initialize`; an exception there always ends the run."""
        return self.act(self._start)

    def _start(self) -> list[Command]:
        if self.market.session < 0:  # else a run is carried on, maybe in the middle of a session
            self.market.open_session(self.market.first_session)
        initialize = self.strategy.callback("initialize")
        if initialize is not None:
            initialize(self.context)
            self.keep_decimals()
        self.initializing = False
        self.books.check_benchmark()
        if self._session_open and self.market.now_us >= self._session_span[1]:
            self._finish_session()  # a callback of its last bar ended the run before
        return self.take_commands()

    def process(self, event: Event) -> list[Command]:
        """Take in one event whole, and return what it made the strategy ask for.

        Raises:
            EngineStopped: an earlier event failed; state would be a guess from then on.
        """
        if self._failure is not None:
            raise EngineStopped(
                f"this core failed on an earlier event with {told(self._failure)} and takes no "
                "more: "
                "attach again to recover"
            ) from self._failure
        handler = _HANDLERS.get(type(event))
        if handler is None:
            return []
        if self._depth:  # derived while another event is processed: its booking is part of that one
            handler(self, event)
            return []
        if self._acting:
            return self._process(handler, event)
        return self._own.run(self._process, handler, event)

    def _process(self, handler: Callable[[TradingCore, Any], None], event: Event) -> list[Command]:
        self._depth = 1
        if getcontext() is not self._decimals:
            setcontext(self._decimals)
        try:
            handler(self, event)
            if self.fills.balanced_version != self.portfolio.version:
                self.fills.settle()
            if self._notices:
                self._deliver_notices()
            return self.take_commands() if self._asked else []
        except BaseException as failure:
            self._failure = failure
            raise
        finally:
            self._depth = 0

    def run_session(self, session: int) -> None:
        """Process every bar of a session whose bars are all there: the backtest's inner
        loop, to be called by `act`.
        """
        self._enter_session(session)
        first, last = self.market.panel.rows_of_session(session)
        bar, decimals = self._bar, self._decimals
        for row in range(first, last):
            if getcontext() is not decimals:
                setcontext(decimals)
            if self._asked:
                self._rest_orders()
            bar(row)
        self._finish_session()
        if self._asked:
            self._rest_orders()

    def take_in(self, event: MarketDataEvent) -> None:
        """Give the market a slice of before, without acting on it."""
        us = us_of(event.timestamp)
        session = self.calendar.session_of_us(us)
        if session != self.market.session:
            self.market.open_session(session)
        self.market.advance(self.market.append_slice(us, event.bars))

    def acknowledge(self, commands: list[Command]) -> None:
        """Take the simulated venue's word for it: every submitted order rests."""
        for command in commands:
            order = self.orders.get_order(command.order_id)
            if order is not None and order.state is _SUBMITTED:
                order.move(_PENDING, order.dt)

    # What taking commands and acknowledging them does to orders; nobody wants the
    # commands themselves.
    def _rest_orders(self) -> None:
        for asked in self._asked:
            if type(asked) is Order and asked.state is _CREATED:
                asked.move(_SUBMITTED, asked.dt)
                asked.move(_PENDING, asked.dt)
        self._asked.clear()

    def finish(self) -> RunRecord:
        """Close the books of a session still open, and return what the run did."""
        return self.books.snapshot()

    def act(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function as a part of the run: `rbtlive.api` acts on it, and numbers
        are of the engine's decimal context.

        Both are kept in a context of the run's own, like whatever callbacks set of
        context variables: to enter it costs a tenth of setting them around each event
        and putting back what was there.
        """
        if self._acting or self._depth:
            return function(*args, **kwargs)
        self._acting = True
        try:
            return self._own.run(function, *args, **kwargs)
        finally:
            self._acting = False

    # -- events -----------------------------------------------------------------------

    def _on_market_data(self, event: MarketDataEvent) -> None:
        append_next = self._append_next
        row = append_next(event.timestamp, event.bars)
        if row < 0:
            self._on_other_slice(event)
            return
        self._bar(row)
        if self.market.now_us >= self._session_span[1]:
            self._finish_session()

    def _on_other_slice(self, event: MarketDataEvent) -> None:
        us = us_of(event.timestamp)
        market = self.market
        session = market.session
        opens_us, closes_us = self._session_span
        if not (self._session_open and opens_us < us <= closes_us):
            session = self.calendar.session_of_us(us)
            if session < 0:
                raise OutsideCalendar(
                    f"a slice at {event.timestamp.isoformat()} lies in no session of "
                    f"{self.calendar.name}: "
                    "feeds must close slices by the run's calendar"
                )
            self._enter_session(session)
        row = (
            market.row_at(us)
            if market.preload
            else market.append_slice(us, event.bars, session=session)
        )
        self._bar(row)
        if us >= self._session_span[1]:
            self._finish_session()

    def _on_fill(self, event: OrderFillEvent) -> None:
        self.fills.take(event)

    def _on_update(self, event: OrderUpdateEvent) -> None:
        if self.orders.get_order(event.order_id) is None and self.orders.reserve(event.order_id):
            self.on_message(
                "warning", f"order {event.order_id} is known to the venue only: {event.reason}"
            )
            return
        if self.orders.apply_update(event):
            order = self.orders.get_order(event.order_id)
            if order is not None:
                self._changed(order)
                if order.state in {OrderState.CANCELED, OrderState.EXPIRED}:
                    self.callbacks.notice("on_order_cancel", order, event.reason)
                elif order.state is OrderState.REJECTED:
                    self.callbacks.notice("on_order_reject", order, event.reason)

    def _on_reject(self, event: OrderRejectEvent) -> None:
        self._on_update(
            OrderUpdateEvent(
                timestamp=event.timestamp,
                order_id=event.order_id,
                status=OrderState.REJECTED,
                reason=event.reason,
            )
        )

    def _on_system_error(self, event: SystemErrorEvent) -> None:
        callback = self.callbacks.hook("on_broker_message")
        if callback is not None and event.source.startswith(BROKER_SOURCE) and not self.paused:
            self._call(callback, self.context, event.message)

    def _on_trigger(self, event: ScheduledTriggerEvent) -> None:
        us = us_of(event.timestamp)
        if event.name == "session_start":
            session = self.calendar.session_of_us(us)
            if session > self.market.session or not self._session_open:
                self._enter_session(session)
        elif event.name == "before_trading_start":
            self._enter_session(self.calendar.next_session(us))
            self._start_hook_if_due(us)
        elif event.name == "session_end" and self._session_open:
            self._finish_session()

    def halt(self, reason: str) -> None:
        """Deny every new order from now on, with this reason."""
        self.trading_state = "halted"
        self.halt_reason = reason
        self.on_message("warning", f"trading is halted: {reason}")

    # -- a session --------------------------------------------------------------------

    def _enter_session(self, session: int) -> None:
        if self._session_open:
            if session == self.market.session:
                return
            self._finish_session()
        if session < self.market.session:
            raise InvariantBroken(
                f"session {self.calendar.label(session)} comes after {self.session_label}: bars "
                "must not go back"
            )
        self.market.open_session(session)
        self._session_open = True
        self._note_times(session)
        self._start_hook_done = self._before_start is None
        self.books.open()
        corporate_actions.start_session(self, session)

    def _note_times(self, session: int) -> None:
        calendar = self.calendar
        self._session_span = (calendar.opens_us.item(session), calendar.closes_us.item(session))
        if self._before_start is not None:
            self._bts_us = calendar.morning_us(session)

    def _start_hook_if_due(self, us: int) -> None:
        if self._start_hook_done or us < self._bts_us:
            return
        self._start_hook_done = True
        callback = self._before_start
        if callback is None or self.paused:
            return
        self.market.before_trading_start(self.market.session)
        self.in_before_trading_start = True
        try:
            self._call(callback, self.context, self.data)
        finally:
            self.in_before_trading_start = False

    def _finish_session(self) -> None:
        if not self._session_open:
            return
        self.keep_decimals()
        self.books.close()
        self._deliver_notices()
        self.market.end_session(self.market.session)
        self._session_open = False
        if self.on_session_closed is not None:
            self.on_session_closed(self.record.sessions[-1])

    def cursor_facts(self) -> dict[str, Any]:
        """Return where in time the run is."""
        return {
            "session": self.session_label.isoformat(),
            "session_open": self._session_open,
            "start_hook_done": self._start_hook_done,
            "last_slice_us": self.market.last_slice_us,
        }

    def restore_cursor(self, facts: Mapping[str, Any]) -> None:
        """Go where `cursor_facts` was; the market must hold the bars up to there."""
        session = self.calendar.number(date.fromisoformat(facts["session"]))
        self.market.open_session(session)
        if facts["last_slice_us"] is not None:
            self.market.advance(self.market.row_at(facts["last_slice_us"]))
        self._session_open = facts["session_open"]
        self._note_times(session)
        self._start_hook_done = facts["start_hook_done"]
        if not self._session_open:
            self.market.end_session(session)

    # -- a bar ------------------------------------------------------------------------

    def _bar(self, row: int) -> None:
        if not self._start_hook_done:
            self._start_hook_if_due(int(self.market.panel.row_us[row]))
        # What is kept in an attribute and called is taken out of it first: as
        # `self._advance(row)` it would be looked for among the methods, at twice the
        # cost of the call.
        advance, handle_data = self._advance, self._handle_data
        advance(row)
        if self._book:
            self._match(self._book)
        if not self.paused:
            # `handle_data` is the one callback of every bar: called here and not by
            # `_call`, at half the cost.
            if handle_data is not None:
                try:
                    handle_data(self.context, self.data)
                except Exception as failure:  # noqa: BLE001 - around a user's callback
                    self.callbacks.survive(failure)
                else:
                    self.callbacks.failures_in_row = 0
                if self._notices:
                    self._deliver_notices()
            if self.scheduled:
                self._run_scheduled()
        if self._new_orders:
            self.flush_new_orders()

    def keep_decimals(self) -> None:
        """Put the engine's decimal context back: a callback may have put another one in
        its place.
        """
        if getcontext() is not self._decimals:
            setcontext(self._decimals)

    def flush_new_orders(self) -> None:
        """Count the orders placed or cancelled since the last bar as changed in this
        session.
        """
        self.orders.touch_all(self._new_orders)
        self._new_orders.clear()

    def _run_scheduled(self) -> None:
        market = self.market
        for (
            function
        ) in self.scheduled:  # one added by a callback may run in this very bar, as in zipline
            session = market.session
            if function.calendar is not self.calendar:
                session = function.calendar.session_of_us(market.now_us)
            if session >= 0 and function.is_due(session, market.now_us):
                self._call(function.callback, self.context, self.data)

    def mark(self) -> None:
        """Mark the portfolio at the current step; once a step is enough."""
        self.marks.mark()

    # -- what methods and views ask ---------------------------------------------------

    def add_indicator(self, name: str, expression: Any) -> None:
        """Make a column computed from each asset's bars readable."""
        self.market.add_column(name, expression)

    def _is_restricted(self, asset: Asset, now: Any) -> bool:
        return bool(self.restrictions.is_restricted(asset, now))

    def _changed(self, order: Order) -> None:
        self._new_orders.pop(order.id, None)
        self._new_orders[order.id] = order

    def take_commands(self) -> list[Command]:
        """Return what was asked for since the last time."""
        if not self._asked:
            return []
        asked, self._asked = self._asked, []
        return [self._submission(what) if isinstance(what, Order) else what for what in asked]

    def _submission(self, order: Order) -> SubmitOrder:
        if order.state is _CREATED:
            order.move(_SUBMITTED, order.dt)
        facts = {
            "order_id": order.id,
            "symbol": order.asset.symbol,
            "amount": order.amount,
            "limit": order.limit,
            "stop": order.stop,
        }
        return trusted(SubmitOrder, facts, _SUBMIT_FIELDS)


_HANDLERS: dict[type[Event], Callable[[TradingCore, Any], None]] = {
    MarketDataEvent: TradingCore._on_market_data,  # noqa: SLF001
    OrderFillEvent: TradingCore._on_fill,  # noqa: SLF001
    OrderUpdateEvent: TradingCore._on_update,  # noqa: SLF001
    OrderRejectEvent: TradingCore._on_reject,  # noqa: SLF001
    ScheduledTriggerEvent: TradingCore._on_trigger,  # noqa: SLF001
    CircuitBreakerEvent: interventions.trip,
    OperatorEvent: interventions.operate,
    SystemErrorEvent: TradingCore._on_system_error,  # noqa: SLF001
    **account_changes.HANDLERS,
}
