"""From what a strategy asks for to an order in the book: checks, rounding, controls,
breakers.

The rule: an order call is judged at once and whole; it leaves an order, a denied order,
or nothing.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.core import sizing
from rbtlive.core.fetcher import Fetcher
from rbtlive.core.order import Order
from rbtlive.core.views import OrderView
from rbtlive.errors import OrderDuringInitialize, SymbolNotFound, UnsupportedOrderParameters
from rbtlive.finance.execution import LimitOrder, StopLimitOrder, StopOrder
from rbtlive.model.asset import Asset
from rbtlive.model.commands import CancelOrder
from rbtlive.model.number import plain_text, to_decimal
from rbtlive.model.order import OrderState

if TYPE_CHECKING:
    from rbtlive.core.callbacks import Callbacks
    from rbtlive.core.controls import TradingControl
    from rbtlive.core.fetcher import FetchedValues, FetchOptions
    from rbtlive.core.frames import Frames
    from rbtlive.core.order_manager import OrderManager
    from rbtlive.core.portfolio import Portfolio
    from rbtlive.core.quirks import Quirks
    from rbtlive.core.settings import RunSettings
    from rbtlive.core.trading_core import TradingState
    from rbtlive.core.venue_port import Venue
    from rbtlive.core.views import PortfolioView
    from rbtlive.data.bars.market import Market
    from rbtlive.data.calendars.calendar import TradingCalendar

MAX_SHARES = Decimal(10**11)


class OrderEntry:
    """The part of a core that takes orders from a strategy."""

    market: Market
    settings: RunSettings
    calendar: TradingCalendar
    quirks: Quirks
    frames: Frames
    assets: tuple[Asset, ...]
    orders: OrderManager
    callbacks: Callbacks
    portfolio: Portfolio
    portfolio_view: PortfolioView
    data: Any
    venue: Venue
    trading_controls: list[TradingControl]
    trading_state: TradingState
    halt_reason: str
    lookup_date: date | None
    initializing: bool
    on_message: Callable[[str, str], None]
    _own_assets: set[int]
    _asked: list[Order | CancelOrder]
    _new_orders: dict[str, Order]
    _fetcher: Fetcher | None = None
    late_reason: str = ""
    """Why orders are denied because of the age of their data; empty while it is current."""
    actions: list[dict[str, str | None]] | None = None
    """What a person's function asks for, while one runs."""

    if TYPE_CHECKING:

        @property
        def now(self) -> datetime: ...  # noqa: D102
        @property
        def session_label(self) -> date: ...  # noqa: D102
        def mark(self) -> None: ...  # noqa: D102
        def _changed(self, order: Order) -> None: ...

    # -- which asset ------------------------------------------------------------------

    def resolve(self, asset: Any, method: str) -> Asset:
        """Return the run's own object for `asset`, which may come from the portal.

        Raises:
            UnsupportedOrderParameters: it is no asset of this run.
        """
        if id(asset) in self._own_assets:
            return asset  # type: ignore[no-any-return]
        if (
            isinstance(asset, Asset)
            and asset.index < len(self.assets)
            and self.assets[asset.index].sid == asset.sid
        ):
            return self.assets[asset.index]
        raise UnsupportedOrderParameters(
            f"{method}() takes an asset: was {asset!r} ({type(asset).__name__}); use symbol('...') "
            "or sid(...)"
        )

    def find_symbol(self, text: str) -> Asset:
        """Return the asset of that ticker, in any case, as of the look-up date.

        Raises:
            SymbolNotFound: there is none, or it lists only later.
            TypeError: not a text.
        """
        if not isinstance(text, str):
            raise TypeError(
                f"symbol_str must be a text: was {text!r} ({type(text).__name__}) in symbol()"
            )
        wanted = text.upper()
        for asset in self.assets:
            if asset.symbol.upper() == wanted:
                if self.lookup_date is not None and _plain(asset.start_date) > self.lookup_date:
                    raise SymbolNotFound(
                        f"symbol {text!r} was not known on {self.lookup_date}: its first bar is of "
                        f"{asset.start_date}"
                    )
                return asset
        known = {a.symbol.upper(): a.symbol for a in self.assets}
        nearest = difflib.get_close_matches(wanted, known, n=1)
        hint = (
            f"did you mean {known[nearest[0]]!r}?"
            if nearest
            else f"the data holds {', '.join(sorted(known)[:10])}"
        )
        raise SymbolNotFound(f"symbol {text!r} was not found: {hint}")

    def check_orderable(self, asset: Any, method: str) -> Asset | None:
        """Return the run's object for `asset`, or None if it has left the market (said
        in a message).

        Raises:
            UnsupportedOrderParameters: not an asset.
            OrderDuringInitialize: no bar has come yet.
        """
        known: Asset = asset if id(asset) in self._own_assets else self.resolve(asset, method)
        if self.initializing:
            if self.quirks.loose_initialize_errors:
                raise AssertionError("Algorithm should have a timezone.utc datetime, None")
            raise OrderDuringInitialize(
                f"{method}() cannot be called in initialize: no bar has come yet; order in "
                "handle_data"
            )
        session, lives = self.market.session, self.market.lives
        if session > lives.last[known.index] or session > lives.auto_close[known.index]:
            self.on_message(
                "warning",
                f"{known.symbol} has left the market and cannot be ordered; a position in it is "
                "closed on "
                f"{_plain(known.auto_close_date)}",
            )
            return None
        return known

    def fetch_csv(
        self, source: Any, options: FetchOptions, read_options: dict[str, Any]
    ) -> FetchedValues:
        """Read values from a CSV file or a frame and make them readable through
        `data.current`.
        """
        if self._fetcher is None:
            last = None if self.settings.end is None else self.calendar.number(self.settings.end)
            self._fetcher = Fetcher(self.market, self.assets, last)
        return self._fetcher.fetch(source, options, read_options)

    # -- placing ----------------------------------------------------------------------

    def place_order(
        self,
        asset: Asset,
        amount: Any,
        *,
        limit_price: Any = None,
        stop_price: Any = None,
        style: Any = None,
    ) -> str | None:
        """Check and place an order; return its id, or None for zero shares."""
        shares = sizing.whole_lots(amount, asset.lot_size, binary=self.quirks.round_in_binary)
        at_market = limit_price is None and stop_price is None
        if style is not None and not at_market:
            given = "limit_price" if limit_price is not None else "stop_price"
            raise UnsupportedOrderParameters(
                f"order() takes a style or prices, not both: style was {style!r} and {given} was "
                "given; put it in the style"
            )
        if self.trading_controls:
            self._check_controls(asset, shares)
        if style is None and at_market:
            return self.enter(asset, shares) if _is_order(asset, shares) else None
        return self._enter_style(asset, shares, style or _style(asset, limit_price, stop_price))

    def _check_controls(self, asset: Asset, shares: Decimal) -> None:
        self.mark()
        now = self.frames.timestamp(self.market.now_us)
        for control in self.trading_controls:
            control.validate(asset, self.frames.amount(shares), self.portfolio_view, now, self.data)

    def _enter_style(self, asset: Asset, shares: Decimal, style: Any) -> str | None:
        if not _is_order(asset, shares):
            return None
        if hasattr(style, "for_asset"):
            style = style.for_asset(asset, binary_ticks=self.quirks.round_history)
        is_buy = shares > 0
        stop, limit = style.get_stop_price(is_buy), style.get_limit_price(is_buy)
        return self.enter(
            asset,
            shares,
            limit=None if limit is None else to_decimal(limit),
            stop=None if stop is None else to_decimal(stop),
        )

    def place_batch(self, counts: list[tuple[Asset, Decimal]]) -> list[str]:
        """Place market orders for all of `counts`, past the controls; return the ids."""
        orders = [(self.resolve(asset, "batch_market_order"), shares) for asset, shares in counts]
        return [self.enter(asset, shares) for asset, shares in orders if _is_order(asset, shares)]

    def enter(
        self,
        asset: Asset,
        shares: Decimal,
        *,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
    ) -> str:
        """Put an order in the book and ask for its submission, unless trading is
        halted.
        """
        order = self.orders.submit_order(asset, shares, dt=self.now, limit=limit, stop=stop)
        if self.actions is not None:
            self.actions.append(_order_action(order))
        if self.late_reason or self.trading_state != "running":
            reason = self._denial(order)
            if reason is not None:
                self.orders.deny(order, reason, order.created)
                self.callbacks.notice("on_order_reject", order, reason)
                return order.id
        self._new_orders[order.id] = order
        self._asked.append(order)
        return order.id

    def _denial(self, order: Order) -> str | None:
        if self.late_reason:
            return self.late_reason
        if self.trading_state == "reducing":
            held = self.portfolio.amount_of(order.asset)
            if held * order.amount < 0 and abs(order.amount + self._leaving(order, held)) <= abs(
                held
            ):
                return None
        return self.halt_reason

    # What other orders will take off a position, those aside that were told to end:
    # together they must not turn it around.
    def _leaving(self, order: Order, held: Decimal) -> Decimal:
        others = (o for o in self.orders.get_active_orders(order.asset) if o is not order)
        return sum(
            (o.open_amount for o in others if o.amount * held < 0 and not o.cancel_requested),
            Decimal(0),
        )

    # -- cancelling -------------------------------------------------------------------

    def cancel_order(self, order_id: str, reason: str = "cancelled by the strategy") -> None:
        """Cancel an open order; an unknown or ended one is left alone."""
        order = self.orders.get_order(order_id)
        if order is None or not order.is_open or order.cancel_requested:
            return
        if self.actions is not None:
            self.actions.append({"do": "cancel", "order_id": order_id})
        if order.state is not OrderState.CREATED:
            # Where it is done at once, the command is still to be written down.
            self._asked.append(CancelOrder(order_id=order_id))
            if not self.venue.cancels_at_once:
                order.cancel_requested = True
                return
        self.end_order(order, reason)

    def end_order(self, order: Order, reason: str, *, report: bool = True) -> None:
        """Mark an order cancelled now; `report` puts it among the session's changed
        orders.
        """
        if order.state is OrderState.CREATED:
            # Never sent, never to be sent.
            self._asked = [asked for asked in self._asked if asked is not order]
        self.orders.move(order, OrderState.CANCELED, self.now, reason=reason)
        if report:
            self._changed(order)
        else:
            self._new_orders.pop(order.id, None)
        self.callbacks.notice("on_order_cancel", order, reason)

    def cancel_everything(self, reason: str) -> None:
        """Cancel every open order."""
        for order in self.orders.get_active_orders():
            self.cancel_order(order.id, reason)

    # -- showing ----------------------------------------------------------------------

    def show_order(self, order_id: str) -> OrderView | None:
        """Return a picture of an order as it is now; later changes do not show in it."""
        order = self.orders.get_order(order_id)
        return None if order is None else OrderView(copy.copy(order), self.frames)

    def show_open_orders(self, asset: Asset) -> list[OrderView]:
        """Return pictures of an asset's open orders."""
        return [
            OrderView(copy.copy(order), self.frames)
            for order in self.orders.get_active_orders(asset)
        ]

    # -- controls and environment -----------------------------------------------------

    def add_trading_control(self, control: TradingControl) -> None:
        """Check every order by `control`, in order of registration; what it only logs
        becomes a message.
        """
        control.report = lambda text: self.on_message("warning", text)
        self.trading_controls.append(control)

    def environment(self) -> dict[str, Any]:
        """Return what `get_environment` answers, in zipline's words."""
        first = self.calendar.number(self.settings.start)
        last = None if self.settings.end is None else self.calendar.number(self.settings.end)
        return {
            "arena": "backtest",
            "data_frequency": "minute" if self.settings.intraday else "daily",
            "start": self.frames.timestamp(self.calendar.first_minute_us(first)),
            "end": None
            if last is None
            else self.frames.timestamp(int(self.calendar.closes_us[last])),
            "capital_base": self.frames.number(self.settings.capital_base),
            "platform": "zipline",
        }


def _order_action(order: Order) -> dict[str, str | None]:
    return {
        "do": "order",
        "symbol": order.asset.symbol,
        "amount": plain_text(order.amount),
        "limit": None if order.limit is None else plain_text(order.limit),
        "stop": None if order.stop is None else plain_text(order.stop),
    }


def _is_order(asset: Asset, shares: Decimal) -> bool:
    if shares > MAX_SHARES:
        raise OverflowError(
            f"amount must be at most {MAX_SHARES} shares: was {shares} of {asset.symbol} in order()"
        )
    return bool(shares)


def _style(asset: Asset, limit_price: Any, stop_price: Any) -> Any:
    if limit_price is not None and stop_price is not None:
        return StopLimitOrder(limit_price, stop_price, asset=asset)
    if limit_price is not None:
        return LimitOrder(limit_price, asset=asset)
    return StopOrder(stop_price, asset=asset)


def _plain(label: date) -> date:
    return label.date() if isinstance(label, datetime) else label
