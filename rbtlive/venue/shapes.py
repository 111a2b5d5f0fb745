"""Alpaca's published shapes of orders, positions, accounts, bars and updates on the
wire.

The rule: money and shares are text, times are RFC 3339 in UTC; market data is numbers.
Source: Alpaca's API reference for the Trading API v2 and Market Data v2, and its
streaming pages.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from rbtlive.core.state.position import Position
from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of, us_of
from rbtlive.model.asset import Asset
from rbtlive.model.number import ZERO, plain_text, to_money
from rbtlive.model.order_facts import OrderState
from rbtlive.venue.bars import Print
from rbtlive.venue.book import VenueBook
from rbtlive.venue.book_entries import CashActivity, Execution, Update, VenueOrder

_NEW_YORK = ZoneInfo("America/New_York")
_PAIR_TERMS = {
    "min_order_size": "0.000000001",
    "min_trade_increment": "0.000000001",
    "price_increment": "0.000000001",
}
STATUS = {
    OrderState.CREATED: "pending_new",
    OrderState.SUBMITTED: "accepted",
    OrderState.PENDING: "new",
    OrderState.PARTIALLY_FILLED: "partially_filled",
    OrderState.FILLED: "filled",
    OrderState.CANCELED: "canceled",
    OrderState.EXPIRED: "expired",
    OrderState.REJECTED: "rejected",
}
"""The wire's names for an order's states at the venue."""


def wire_time(moment: datetime | None) -> str | None:
    """Return a moment in the wire's form; None stays None."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def order_shape(book: VenueBook, placed: VenueOrder) -> dict[str, Any]:
    """Return an order."""
    request, order = placed.request, placed.order
    ended = wire_time(placed.ended)
    average = placed.average_price
    return {
        "id": str(placed.id),
        "client_order_id": request.client_order_id,
        "created_at": wire_time(placed.submitted),
        "updated_at": wire_time(placed.updated),
        "submitted_at": wire_time(placed.submitted),
        "filled_at": ended if order.state is OrderState.FILLED else None,
        "expired_at": ended if order.state is OrderState.EXPIRED else None,
        "canceled_at": ended
        if order.state is OrderState.CANCELED and placed.replaced_by is None
        else None,
        "failed_at": None,
        "replaced_at": None if placed.replaced_by is None else ended,
        "replaced_by": None if placed.replaced_by is None else str(placed.replaced_by),
        "replaces": None if placed.replaces is None else str(placed.replaces),
        "asset_id": str(book.asset_id(request.symbol)),
        "symbol": request.symbol,
        "asset_class": asset_class(request.symbol),
        "notional": optional(request.notional),
        "qty": plain_text(abs(order.amount)),
        "filled_qty": plain_text(abs(order.filled)),
        "filled_avg_price": None if average is None else plain_text(average),
        "order_class": "",
        "order_type": request.type,
        "type": request.type,
        "side": request.side,
        "position_intent": None,
        "time_in_force": request.time_in_force,
        "limit_price": optional(request.limit_price),
        "stop_price": optional(request.stop_price),
        "status": STATUS[order.state] if placed.replaced_by is None else "replaced",
        "extended_hours": request.extended_hours,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
    }


def update_shape(book: VenueBook, update: Update) -> dict[str, Any]:
    """Return a trade update; send it before anything else happens to its order."""
    data: dict[str, Any] = {
        "event": update.event,
        "execution_id": str(update.id),
        "timestamp": wire_time(update.at),
        "order": order_shape(book, update.order),
    }
    if update.execution is not None and update.position is not None:
        data["price"] = plain_text(update.execution.price)
        data["qty"] = plain_text(abs(update.execution.amount))
        data["position_qty"] = plain_text(update.position)
    return {"stream": "trade_updates", "data": data}


def activity_shape(execution: Execution) -> dict[str, Any]:
    """Return an execution as an account activity."""
    stamp = execution.at.astimezone(_NEW_YORK).strftime("%Y%m%d%H%M%S%f")[:17]
    return {
        "id": f"{stamp}::{execution.id}",
        "activity_type": "FILL",
        "transaction_time": wire_time(execution.at),
        "type": "partial_fill" if execution.leaves else "fill",
        "price": plain_text(execution.price),
        "qty": plain_text(abs(execution.amount)),
        "side": execution.order.request.side,
        "symbol": execution.order.request.symbol,
        "leaves_qty": plain_text(execution.leaves),
        "order_id": str(execution.order.id),
        "cum_qty": plain_text(execution.cumulative),
        "order_status": "partially_filled" if execution.leaves else "filled",
    }


def cash_activity_shape(one: CashActivity) -> dict[str, Any]:
    """Return an activity that changed cash but was not a trade."""
    day = one.at.astimezone(_NEW_YORK).date()
    shape = {
        "id": f"{day:%Y%m%d}000000000::{one.id}",
        "activity_type": one.code,
        "date": day.isoformat(),
        "net_amount": plain_text(one.amount),
        "description": one.code,
        "status": "executed",
    }
    return shape | ({"symbol": one.symbol} if one.symbol else {})


def asset_class(symbol: str) -> str:
    """Return the asset class of a symbol."""
    return "crypto" if "/" in symbol else "us_equity"


def _exchange(symbol: str) -> str:
    return "CRYPTO" if "/" in symbol else "NASDAQ"


def account_shape(book: VenueBook) -> dict[str, Any]:
    """Return the account."""
    portfolio, totals = book.portfolio, book.portfolio.totals()
    cash, equity, power = (
        plain_text(x) for x in (portfolio.cash, book.equity(), book.buying_power())
    )
    return {
        "id": str(book.asset_id("the account")),
        "account_number": "PAPER00001",
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "cash": cash,
        "equity": equity,
        "portfolio_value": equity,
        "last_equity": plain_text(book.last_equity),
        "buying_power": power,
        "regt_buying_power": power,
        "daytrading_buying_power": "0",
        "non_marginable_buying_power": cash,
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "long_market_value": plain_text(totals.long_value),
        "short_market_value": plain_text(totals.short_value),
        "initial_margin": plain_text(totals.gross / book.multiplier),
        "maintenance_margin": plain_text(totals.gross / book.multiplier),
        "last_maintenance_margin": "0",
        "multiplier": plain_text(book.multiplier),
        "sma": "0",
        "shorting_enabled": True,
        "pattern_day_trader": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "created_at": "2020-01-01T00:00:00Z",
    }


def position_shape(book: VenueBook, position: Position) -> dict[str, Any]:
    """Return a position; a short one has a negative quantity."""
    symbol, cost = position.asset.symbol, position.fill_cost
    price = book.portfolio.marks.of(position.asset).price
    before = book.last_prices.get(symbol, price)
    value = position.amount * price
    profit = value - cost
    today = (price - before) * position.amount
    reserved = sum(
        (
            abs(one.order.open_amount)
            for one in book.open_orders()
            if one.request.symbol == symbol and one.order.amount * position.amount < 0
        ),
        ZERO,
    )
    free = max(ZERO, abs(position.amount) - reserved)
    return {
        "asset_id": str(book.asset_id(symbol)),
        "symbol": symbol.replace("/", ""),
        "exchange": _exchange(symbol),
        "asset_class": asset_class(symbol),
        "asset_marginable": "/" not in symbol,
        "qty": plain_text(position.amount),
        "qty_available": plain_text(free if position.amount > 0 else -free),
        "side": "long" if position.amount > 0 else "short",
        "avg_entry_price": plain_text(to_money(cost / position.amount)),
        "cost_basis": plain_text(cost),
        "market_value": plain_text(value),
        "unrealized_pl": plain_text(profit),
        "unrealized_plpc": _ratio(profit, abs(cost)),
        "unrealized_intraday_pl": plain_text(today),
        "unrealized_intraday_plpc": _ratio(today, abs(before * position.amount)),
        "current_price": plain_text(price),
        "lastday_price": plain_text(before),
        "change_today": _ratio(price - before, before),
    }


def asset_shape(book: VenueBook, asset: Asset) -> dict[str, Any]:
    """Return an asset."""
    return {
        "id": str(book.asset_id(asset.symbol)),
        "class": asset_class(asset.symbol),
        "exchange": _exchange(asset.symbol),
        "symbol": asset.symbol,
        "name": asset.asset_name or asset.symbol,
        "status": "active",
        "tradable": True,
        "marginable": "/" not in asset.symbol,
        "shortable": "/" not in asset.symbol and asset.symbol not in book.hard_to_borrow,
        "easy_to_borrow": "/" not in asset.symbol and asset.symbol not in book.hard_to_borrow,
        "fractionable": asset.lot_size < 1,
        "maintenance_margin_requirement": 100 if "/" in asset.symbol else 30,
        "attributes": [],
    } | (_PAIR_TERMS if "/" in asset.symbol else {})


def clock_shape(calendar: TradingCalendar, now: datetime) -> dict[str, Any]:
    """Return the market clock; its times are New York's."""
    now_us = us_of(now)
    opens, closes = calendar.opens_us, calendar.closes_us
    session = int(closes.searchsorted(now_us, side="right"))  # the current session, or the next
    is_open = session < len(closes) and int(opens[session]) <= now_us
    next_open = session + 1 if is_open else session

    def local(us: int) -> str:
        return datetime_of(us).astimezone(_NEW_YORK).isoformat()

    return {
        "timestamp": now.astimezone(_NEW_YORK).isoformat(),
        "is_open": bool(is_open),
        "next_open": local(int(opens[min(next_open, len(opens) - 1)])),
        "next_close": local(int(closes[min(session, len(closes) - 1)])),
    }


def day_shape(calendar: TradingCalendar, session: int) -> dict[str, Any]:
    """Return a day of the market calendar."""
    opened, closed = (
        moment.astimezone(_NEW_YORK) for moment in (calendar.open(session), calendar.close(session))
    )
    return {
        "date": calendar.label(session).isoformat(),
        "open": opened.strftime("%H:%M"),
        "close": closed.strftime("%H:%M"),
        "session_open": "0400",
        "session_close": "2000",
        "settlement_date": calendar.label(min(session + 1, len(calendar) - 1)).isoformat(),
    }


def bar_shape(one: Print) -> dict[str, Any]:
    """Return a bar; `t` is its start."""
    return {
        "t": wire_time(one.start),
        "o": one.open,
        "h": one.high,
        "l": one.low,
        "c": one.close,
        "v": int(one.volume) if one.volume == int(one.volume) else one.volume,
        "n": 1,
        "vw": one.close,
    }


def trade_shape(one: Print) -> dict[str, Any]:
    """Return a bar's last price as the trade that closed it."""
    return {
        "t": wire_time(datetime_of(one.end_us)),
        "x": "V",
        "p": one.close,
        "s": one.volume,
        "c": ["@"],
        "i": one.end_us // 1000,
        "z": "C",
    }


def optional(value: Decimal | None) -> str | None:
    """Return a number in the wire's form; None stays None."""
    return None if value is None else plain_text(value)


def _ratio(part: Decimal, whole: Decimal) -> str:
    return plain_text(to_money(part / whole)) if whole else plain_text(ZERO)
