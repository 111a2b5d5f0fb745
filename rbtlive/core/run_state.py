"""The state of one run: everything that events and callbacks change, in one object.

The rule: it does not know the code that acts on it. Functions that act take the state
as their first argument; `TradingCore` only drives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, getcontext, setcontext
from functools import lru_cache
from typing import Any, Literal

from rbtlive.core.rules.controls import AccountControl, TradingControl
from rbtlive.core.rules.quirks import Quirks, quirks
from rbtlive.core.rules.schedule import Schedule
from rbtlive.core.shown.bar_data import BarData
from rbtlive.core.shown.fetcher import Fetcher
from rbtlive.core.shown.order_views import OrderView, TransactionView
from rbtlive.core.shown.portfolio_views import AccountView, PortfolioView
from rbtlive.core.shown.presenter import Presenter, get_presenter
from rbtlive.core.state.attached_pipelines import AttachedPipelines
from rbtlive.core.state.callback_state import CallbackState
from rbtlive.core.state.column_portfolio import ColumnPortfolio
from rbtlive.core.state.dividends import Dividends
from rbtlive.core.state.marks import Marks
from rbtlive.core.state.order import Order
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.state.record import RunRecord, SessionRow, SessionRows
from rbtlive.core.state.row_log import RowLog
from rbtlive.core.state.session_books import SessionBooks
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.state.symbol_changes import SymbolChanges
from rbtlive.core.state.target_facts import TargetFacts
from rbtlive.core.state.venue_port import RemoteVenue, Venue
from rbtlive.core.state.whole_fills import WholeFills
from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of, us_of
from rbtlive.finance.asset_restrictions import NoRestrictions, Restrictions
from rbtlive.finance.cancel_policy import CancelPolicy, NeverCancel
from rbtlive.finance.defaults import default_commission, default_slippage
from rbtlive.finance.execution import TickPrices, prices_on_tick
from rbtlive.model.asset import Asset, fixed_tick
from rbtlive.model.commands import CancelOrder
from rbtlive.model.events import OrderFillEvent
from rbtlive.model.number import EngineContext
from rbtlive.sim.matching import SimVenue

_ONE = Decimal(1)

TradingState = Literal["running", "reducing", "halted"]


def _midnight_us(label: date) -> int:
    return us_of(datetime(label.year, label.month, label.day, tzinfo=UTC))


_moment_of = lru_cache(maxsize=1 << 13)(datetime_of)  # a sweep's runs trade at the same moments


def _ignore(_level: str, _text: str) -> None:
    """Discard a message."""


@dataclass(slots=True, eq=False, repr=False, weakref_slot=True)
class RunState:
    """The whole state of one run.

    Args:
        market: The market data.
        settings: The run's settings.
        strategy_name: Class, module or dict name of the strategy.
        simulated: Whether the venue in memory fills orders.

    Attributes:
        assets: The run's assets as strategies see them, in the order of the data.
        asset_ids: `id` of each, to recognize them quickly.
        assets_by_symbol: The first asset of each upper-case ticker; filled when one is
            first looked up.
        symbol_changes: Current symbols of renamed assets.
        trading_state: "running"; "reducing" takes orders that reduce positions only;
            "halted" takes none.
        halt_reason: Why trading is halted or only reduces.
        late_reason: Why orders are denied because their data is too old; empty while it
            is current.
        operator_actions: Requests of an operator's function while it runs.
        paused: Callbacks are skipped; bars are still processed and orders stay alive.
        acting: The run is executing its own code: calls made now belong to it.
        thread_now: Returns the id of the calling thread; None disables the check.
        own_thread: The run's thread; None is any.
        outbox: Orders to submit and cancels to send at the end of the event.
        changed_orders: Orders placed or cancelled since the last bar, latest last.
        moved_parts: By asset index, which part of its price the limit or stop that
            rounding moved most moved for certain.
        unbooked_commissions: Commissions of this step's fills, charged after all of
            them.
        unbooked_charges: The same for fills that were booked in columns.
        target_facts: Of the target that was last sized of each asset, by its `id`.
        balanced_version: The portfolio's version when its books last balanced.
        auto_close_us: When each asset leaves the market, µs UTC.
        first_auto_close_us: The earliest of them.
        plain_assets: Whether each asset trades in single shares and its bars have a
            volume.
        float_sized: The same, and sizes are rounded as floats can decide.
        tick_prices: The prices on the tick of each asset; None if it depends on the
            price, or if prices are rounded to it in binary.
        session_open: A session has begun and is not closed yet.
        session_span: Its first and last minute, µs UTC.
        start_hook_done: `before_trading_start` has run in this session, or is not
            defined.
        morning_us: When `before_trading_start` is due, µs UTC.
        on_message: Called with (level, text) of messages for the user; nothing is
            logged here.
        emit: Called with each fill of the in-memory venue as an event, instead of
            booking it at once; None books it.
        on_session_closed: Called with the row of each closed session; with None, rows
            are built only when they are read.
        benchmark_returns: Daily returns by session label, used if no benchmark asset is
            set.
        decimals: The decimal context for all money.
    """

    market: Market
    settings: RunSettings
    strategy_name: InitVar[str]
    simulated: InitVar[bool]
    on_message: Callable[[str, str], None] = _ignore
    emit: Callable[[OrderFillEvent], None] | None = None
    on_session_closed: Callable[[SessionRow], None] | None = None

    calendar: TradingCalendar = field(init=False)
    quirks: Quirks = field(init=False)
    presenter: Presenter = field(init=False)
    assets: tuple[Asset, ...] = field(init=False)
    asset_ids: set[int] = field(init=False)
    assets_by_symbol: dict[str, Asset] = field(default_factory=dict)
    symbol_changes: SymbolChanges = field(default_factory=SymbolChanges)

    orders: OrderManager = field(default_factory=OrderManager)
    portfolio: ColumnPortfolio = field(init=False)
    marks: Marks = field(init=False)
    dividends: Dividends = field(init=False)
    record: RunRecord = field(init=False)
    books: SessionBooks = field(init=False)
    venue: Venue = field(init=False)
    callbacks: CallbackState = field(default_factory=CallbackState)

    data: BarData = field(init=False)
    portfolio_view: PortfolioView = field(init=False)
    account_view: AccountView = field(init=False)
    fetcher: Fetcher | None = None

    restrictions: Restrictions = field(default_factory=NoRestrictions)
    cancel_policy: CancelPolicy = field(default_factory=NeverCancel)
    trading_controls: list[TradingControl] = field(default_factory=list)
    account_controls: list[AccountControl] = field(default_factory=list)
    scheduled: Schedule = field(default_factory=Schedule)
    pipelines: AttachedPipelines = field(default_factory=AttachedPipelines)
    recorded: dict[str, Any] = field(default_factory=dict)
    benchmark: Asset | None = None
    benchmark_returns: Mapping[date, float] | None = None
    lookup_date: date | None = field(init=False)

    trading_state: TradingState = "running"
    halt_reason: str = ""
    late_reason: str = ""
    operator_actions: list[dict[str, str | None]] | None = None
    paused: bool = False
    initializing: bool = True
    in_before_trading_start: bool = False
    acting: bool = False
    thread_now: Callable[[], int] | None = None
    own_thread: int | None = None

    outbox: list[Order | CancelOrder] = field(default_factory=list)
    changed_orders: dict[str, Order] = field(default_factory=dict)
    target_facts: dict[int, TargetFacts] = field(default_factory=dict)
    moved_parts: dict[int, float] = field(default_factory=dict)
    unbooked_commissions: list[tuple[Asset, Any]] = field(default_factory=list)
    unbooked_charges: list[WholeFills] = field(default_factory=list)
    balanced_version: int = -1

    auto_close_us: list[int] = field(init=False)
    first_auto_close_us: int = field(init=False)
    plain_assets: list[bool] = field(init=False)
    float_sized: list[bool] = field(init=False)
    tick_prices: list[TickPrices | None] = field(init=False)
    session_open: bool = False
    session_span: tuple[int, int] = (0, 0)
    start_hook_done: bool = True
    morning_us: int = 0

    decimals: EngineContext = field(default_factory=EngineContext)
    _now: tuple[int, datetime] = field(init=False, repr=False)
    _label: tuple[int, date] = field(init=False, repr=False)

    def __post_init__(self, strategy_name: str, simulated: bool) -> None:
        market, settings = self.market, self.settings
        self.calendar = market.calendar
        self.quirks = quirks(zipline_quirks=settings.zipline_quirks)
        self.presenter = presenter = get_presenter(settings.frames)
        self.assets = tuple(presenter.present_asset(asset) for asset in market.assets)
        self.asset_ids = {id(asset) for asset in self.assets}
        self.marks = Marks(market)
        self.portfolio = ColumnPortfolio(settings.capital_base, self.marks)
        self.dividends = Dividends(lose_off_session=self.quirks.lose_dividend_off_session)
        rows = SessionRows(self.calendar)
        self.record = RunRecord(strategy_name, settings, self.assets, rows)
        transactions = self.record.transactions
        # No other code holds a backtest's orders.
        if market.preload and isinstance(transactions, RowLog):
            self.orders.keep_in_columns(transactions)
        self.books = SessionBooks(self.record, rows, settings.capital_base)
        self.venue = self._venue_in_memory() if simulated else RemoteVenue()
        self.data = BarData(
            market,
            presenter,
            restrictions=self._is_restricted,
            loose_names=self.quirks.loose_argument_types,
        )
        self.portfolio_view = PortfolioView(
            self.portfolio,
            presenter,
            start=presenter.session(settings.start),
            assets=self.assets,
        )
        self.account_view = AccountView(self.portfolio, presenter)
        self.lookup_date = settings.end
        self.auto_close_us = [_midnight_us(asset.auto_close_date) for asset in market.assets]
        self.first_auto_close_us = min(self.auto_close_us, default=0)
        self.plain_assets = [
            a.has_volume and a.lot_size == _ONE and _ONE.same_quantum(a.lot_size)
            for a in market.assets
        ]
        in_floats = not (self.quirks.round_in_binary or self.quirks.round_history)
        self.float_sized = [is_plain and in_floats for is_plain in self.plain_assets]
        self.tick_prices = [
            None
            if self.quirks.round_history or (tick := fixed_tick(asset)) is None
            else prices_on_tick(tick)
            for asset in market.assets
        ]
        self._now = (0, datetime_of(0))
        first = market.first_session
        self._label = (first, self.calendar.label(first))

    def _venue_in_memory(self) -> SimVenue:
        settings, presenter = self.settings, self.presenter
        return SimVenue(
            default_slippage(self.assets) if settings.slippage is None else settings.slippage,
            default_commission(self.assets) if settings.commission is None else settings.commission,
            cap_limit_price=not self.quirks.limit_may_be_passed,
            order_view=lambda order: OrderView(order, presenter),
            transaction_view=lambda order, **facts: TransactionView(order, presenter, **facts),
        )

    def _is_restricted(self, asset: Asset, now: object) -> bool:
        return bool(self.restrictions.is_restricted(asset, now))

    @property
    def now(self) -> datetime:
        """Time of the current bar or step, UTC."""
        us = self.market.now_us
        if self._now[0] != us:
            self._now = (us, _moment_of(us))
        return self._now[1]

    @property
    def session_label(self) -> date:
        """Label of the current session."""
        session = self.market.session
        if self._label[0] != session:
            self._label = (session, self.calendar.label(session))
        return self._label[1]

    @property
    def first_label(self) -> date:
        """Label of the run's first session, as strategies see labels."""
        return self.presenter.session(self.settings.start)

    def session_is_open_at(self, moment: datetime) -> bool:
        """Say whether `moment` lies between the open and the close of a session."""
        us = us_of(moment)
        session = self.calendar.next_session(us)
        return int(self.calendar.opens_us[session]) <= us

    def note_change(self, order: Order) -> None:
        """Mark an order as the one changed last."""
        if self.orders.waiting.amounts:
            self.orders.waiting.flush()  # they were placed before
        changed = self.changed_orders
        if order.id in changed:
            del changed[order.id]
        changed[order.id] = order

    def flush_changes(self) -> None:
        """Mark the orders placed or cancelled since the last bar as changed in this
        session.
        """
        if self.orders.waiting.amounts:
            self.orders.waiting.flush()
        if self.changed_orders:
            self.orders.touched.put_all_last(self.changed_orders)

    def order_news(self) -> tuple[Collection[Any], ...]:
        """Return the collections that are non-empty if orders were placed or cancelled
        since the last bar or wait to be sent; they stay the same objects during a
        backtest.
        """
        return self.changed_orders, self.outbox, self.orders.waiting.amounts

    def take_standing(self, other: RunState) -> None:
        """Copy another state's trading status: whether trading is halted, and why."""
        self.paused, self.trading_state = other.paused, other.trading_state
        self.halt_reason, self.late_reason = other.halt_reason, other.late_reason

    def halt(self, reason: str) -> None:
        """Deny every new order from now on for this reason; a repeated reason is
        reported once.
        """
        standing = self.trading_state == "halted" and self.halt_reason == reason
        self.trading_state = "halted"
        self.halt_reason = reason
        if not standing:
            self.on_message("warning", f"trading is halted: {reason}")

    @property
    def is_in_callback(self) -> bool:
        """Whether the current call belongs to the run, so that a replay repeats it."""
        if self.own_thread is None or self.thread_now is None:
            return self.acting
        return self.acting and self.thread_now() == self.own_thread

    def release(self) -> None:
        """Break a finished run's reference cycles, so that its memory is freed with its
        result. It can still be read.
        """
        self.marks.catch_up()
        self.portfolio.release()
        self.callbacks.release()
        self.scheduled.clear()
        self.data.release(self.restrictions.is_restricted)
        self.market.release()

    def keep_decimals(self) -> None:
        """Restore the engine's decimal context, which a callback may have replaced."""
        if getcontext() is not self.decimals:
            setcontext(self.decimals)
