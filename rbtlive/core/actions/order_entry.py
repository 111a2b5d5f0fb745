"""Turn a strategy's order call into an order in the book: rounding, controls, breakers.

The rule: an order call is checked at once and completely; it results in an order, a
denied order, or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast

from rbtlive.core.actions import sizing
from rbtlive.core.actions.asset_lookup import resolve
from rbtlive.core.actions.callbacks import notice
from rbtlive.core.run_state import RunState
from rbtlive.core.shown.order_views import OrderPicture, OrderView
from rbtlive.core.state.order import Order, every_field
from rbtlive.errors import BadOrderParameters, UnsupportedOrderParameters
from rbtlive.finance.execution import (
    ExecutionStyle,
    LimitOrder,
    StopLimitOrder,
    StopOrder,
)
from rbtlive.model.arrays import np
from rbtlive.model.asset import Asset
from rbtlive.model.foreign_text import as_utf8
from rbtlive.model.number import Number, plain_text, to_decimal

ZIPLINES_MAX_SHARES = Decimal(10**11)
MAX_SHARES = Decimal(10**20)
"""The most that 38 digits can hold: amounts in billionths at prices in billionths."""
MOST_QUICK = 10**9
"""Orders below this many shares take the fast path."""
_MOST = Decimal(MOST_QUICK)
_FEWEST = -_MOST
ONE_SHARE = Decimal(1)
_FAR = 1e12
LONGEST_TAG = 1_000
"""Longest tag of an order, in characters."""

Terms: TypeAlias = tuple[Any, Any, Any, str | None]
"""Limit price, stop price, style and tag of an order call, as the strategy gave them. A
plain tuple needs no constructor call.
"""


def place_order(
    state: RunState,
    asset: Asset,
    amount: Any,
    terms: Terms,
) -> str | None:
    """Check and place an order; return its id, or None for zero shares."""
    limit_price, stop_price, style, tag = terms
    if tag is not None:
        tag = _checked_tag(tag)
    kind = type(amount)
    if (
        (kind is int or (kind is Decimal and ONE_SHARE.same_quantum(amount)))
        and state.plain_assets[asset.index]
        and _FEWEST < amount < _MOST
    ):
        shares = Decimal(amount)
    else:
        if isinstance(amount, np.integer):  # NumPy integers do not compare with Decimal
            amount = int(amount)
        shares = sizing.whole_lots(amount, asset.lot_size, binary=state.quirks.round_in_binary)
        if shares != amount and not state.quirks.round_in_binary:
            shares = _whole_position(state, asset, amount, shares)
    at_market = limit_price is None and stop_price is None
    if style is not None and not at_market:
        given = "limit_price" if limit_price is not None else "stop_price"
        raise UnsupportedOrderParameters(
            f"order() takes a style or prices, not both: style was {style!r} and {given} was "
            "given; put it in the style"
        )
    if state.trading_controls:
        _check_controls(state, asset, shares)
    if not (_FEWEST < shares < _MOST and shares) and not _is_order(state, asset, shares):
        if amount:
            state.record.notes.note_rounded(asset.symbol)
        return None
    if style is None and at_market:
        return enter(state, asset, shares, tag=tag)
    limit, stop = _prices(state, asset, shares, terms)
    return enter(state, asset, shares, limit=limit, stop=stop, tag=tag)


# Limit and stop price of an order, each None if it has none.
def _prices(
    state: RunState, asset: Asset, shares: Decimal, terms: Terms
) -> tuple[Decimal | None, Decimal | None]:
    limit_price, stop_price, style, _ = terms
    if style is None:
        if stop_price is None:
            limit = _price(state, asset, limit_price, round_down=shares > 0)
            if limit is not None:
                return limit, None
        elif limit_price is None:
            stop = _price(state, asset, stop_price, round_down=shares < 0)
            if stop is not None:
                return None, stop
        style = _style(asset, limit_price, stop_price)
    return _prices_of_style(state, asset, shares, style)


# The price that a style gives; None if the slow path must decide: the tick depends on
# the price, or this is not a valid price.
def _price(state: RunState, asset: Asset, asked: Any, *, round_down: bool) -> Decimal | None:
    kind, prices = type(asked), state.tick_prices[asset.index]
    if prices is None or not (kind is float or kind is Number or kind is int):
        return None
    price = float(asked)
    if not 0.0 <= price < _FAR:
        return None
    placed, nearest = prices.placed(price, round_down=round_down)
    if price != nearest or (kind is Number and asked != placed):
        # Most prices move less than the maximum so far, and floats can show that.
        moved = state.moved_parts
        if abs(nearest - price) >= moved.get(asset.index, 0.0) * price:
            notes, exact = state.record.notes, to_decimal(asked)
            moved[asset.index] = notes.note_moved(asset.symbol, exact, placed)
    return placed


def place_whole_shares(  # noqa: C901 - a call less at every order
    state: RunState, asset: Asset, shares: int, terms: Terms
) -> str | None:
    """Do the same as `place_order` for fewer than 1E9 whole shares, faster where the
    order has no other terms.
    """
    limit_price, stop_price, style, tag = terms
    if style is not None or tag is not None or state.trading_controls:
        return place_order(state, asset, shares, terms)
    if not shares:
        return None
    if state.plain_assets[asset.index]:
        if limit_price is not None:
            if stop_price is None:
                limit = _price(state, asset, limit_price, round_down=shares > 0)
                if limit is not None:
                    return _submit(state, asset, Decimal(shares), limit=limit)
        elif stop_price is not None:
            stop = _price(state, asset, stop_price, round_down=shares < 0)
            if stop is not None:
                return _submit(state, asset, Decimal(shares), stop=stop)
        elif state.trading_state == "running":
            order_id = state.orders.let_one_wait(asset, shares, us=state.market.now_us)
            if order_id is not None:
                return order_id
    return place_order(state, asset, shares, terms)


def place_all(
    state: RunState, assets: Sequence[Asset], amounts: Sequence[int | Decimal], *, tag: str | None
) -> list[str | None]:
    """Check and place market orders one after the other; return each id, or None for
    zero shares.
    """
    if tag is not None:
        tag = _checked_tag(tag)
    sizes = _whole_sizes(state, assets, amounts)
    if sizes is None:
        terms: Terms = (None, None, None, tag)
        return [
            place_order(state, asset, amount, terms)
            for asset, amount in zip(assets, amounts, strict=True)
        ]
    for asset, size, amount in zip(assets, sizes, amounts, strict=True):
        if amount and not size:
            state.record.notes.note_rounded(asset.symbol)
    asked = {asset: size for asset, size in zip(assets, sizes, strict=True) if size}
    ids = state.orders.let_wait(asked, us=state.market.now_us, tag=tag) if asked else []
    if len(ids) == len(sizes):
        return cast(list[str | None], ids)
    following = iter(ids)
    return [next(following) if size else None for size in sizes]


# The amounts as `place_order` would round them, if all are plain orders that may wait.
def _whole_sizes(
    state: RunState, assets: Sequence[Asset], amounts: Sequence[int | Decimal]
) -> list[int] | None:
    orders, is_plain = state.orders, state.plain_assets
    if (
        state.trading_controls
        or not _may_wait(state)
        or state.quirks.round_in_binary
        or not all(is_plain[asset.index] for asset in assets)
        or not (orders.book.keys().isdisjoint(assets) if orders.book else True)
        or not (
            orders.waiting.amounts.keys().isdisjoint(assets) if orders.waiting.amounts else True
        )
    ):
        return None
    sizes: list[int] = []
    for asset, amount in zip(assets, amounts, strict=True):
        if type(amount) is int:
            sizes.append(amount)
            continue
        if isinstance(amount, Decimal) and not amount.is_finite():
            return None  # it is refused in its turn, after those before it
        shares = sizing.whole_lots(amount, asset.lot_size, binary=False)
        if shares != amount:
            shares = _whole_position(state, asset, amount, shares)
        if not ONE_SHARE.same_quantum(shares):
            return None
        sizes.append(int(shares))
    return sizes if max(sizes, default=0) < _MOST and min(sizes, default=0) > _FEWEST else None


# Whether plain market orders can stay plain numbers until the next bar.
def _may_wait(state: RunState) -> bool:
    return state.orders.waiting.takes and state.trading_state == "running"


# A position that is not in whole lots (taken over from an account, or left by a split)
# is closed completely.
def _whole_position(state: RunState, asset: Asset, amount: object, shares: Decimal) -> Decimal:
    held = state.portfolio.amount_of(asset)
    return -held if held % asset.lot_size and to_decimal(amount) == -held else shares


# The tag is journaled with every snapshot of its order.
def _checked_tag(tag: object) -> str:
    if not isinstance(tag, str):
        raise TypeError(
            f"tag must be a text: was {tag!r:.80} ({type(tag).__name__}) in an order call"
        )
    if len(tag) > LONGEST_TAG:
        raise ValueError(
            f"tag must not be longer than {LONGEST_TAG:,} characters: has {len(tag):,} in an order "
            "call; keep long notes on context"
        )
    return tag if tag.isascii() else as_utf8(tag)


def _check_controls(state: RunState, asset: Asset, shares: Decimal) -> None:
    state.marks.mark()
    amount, now = state.presenter.amount(shares), state.presenter.timestamp(state.market.now_us)
    for control in state.trading_controls:
        control.validate(asset, amount, state.portfolio_view, now, state.data)


# Returns the limit and stop price of a style.
def _prices_of_style(
    state: RunState, asset: Asset, shares: Decimal, style: Any
) -> tuple[Decimal | None, Decimal | None]:
    if not hasattr(style, "get_stop_price") and not state.quirks.loose_argument_types:
        raise TypeError(
            f"style must be an execution style: was {style!r:.80} ({type(style).__name__}) in an "
            "order call; pass limit_price= or stop_price=, or rbtlive.api.execution.LimitOrder(...)"
        )
    if hasattr(style, "for_asset"):
        style = style.for_asset(asset, binary_ticks=state.quirks.round_history)
    is_buy = shares > 0
    stop, limit = style.get_stop_price(is_buy), style.get_limit_price(is_buy)
    for name, placed in (("limit_price", limit), ("stop_price", stop)):
        asked = getattr(style, name, None)
        if asked is not None and placed is not None and asked != placed:
            state.record.notes.note_moved(asset.symbol, to_decimal(asked), to_decimal(placed))
    return (
        None if limit is None else to_decimal(limit),
        None if stop is None else to_decimal(stop),
    )


def place_batch(state: RunState, counts: list[tuple[Asset, Decimal]]) -> list[str]:
    """Place market orders for all of `counts`, bypassing the controls; return their ids
    in order.
    """
    orders = [(resolve(state, asset, "batch_market_order"), shares) for asset, shares in counts]
    wanted = [(asset, shares) for asset, shares in orders if _is_order(state, asset, shares)]
    return [enter(state, asset, shares) for asset, shares in wanted]


def enter(
    state: RunState,
    asset: Asset,
    shares: Decimal,
    *,
    limit: Decimal | None = None,
    stop: Decimal | None = None,
    tag: str | None = None,
) -> str:
    """Put an order in the book and queue its submission, unless trading is halted."""
    if (
        limit is stop is None
        and _FEWEST < shares < _MOST
        and ONE_SHARE.same_quantum(shares)
        and state.trading_state == "running"
        and state.plain_assets[asset.index]
    ):
        us = state.market.now_us
        order_id = state.orders.let_one_wait(asset, int(shares), us=us, tag=tag)
        if order_id is not None:
            return order_id
    return _submit(state, asset, shares, limit=limit, stop=stop, tag=tag)


# The same for an order that is an object from the start.
def _submit(
    state: RunState,
    asset: Asset,
    shares: Decimal,
    *,
    limit: Decimal | None = None,
    stop: Decimal | None = None,
    tag: str | None = None,
) -> str:
    order = state.orders.submit_order(asset, shares, dt=state.now, limit=limit, stop=stop)
    if tag is not None:
        order.tag = tag
    if state.operator_actions is not None:
        state.operator_actions.append(_order_action(order))
    if state.late_reason or state.trading_state != "running":
        reason = _denial(state, order)
        if reason is not None:
            state.orders.deny(order, reason, order.created)
            notice(state, "on_order_reject", order, reason)
            return order.id
    state.changed_orders[order.id] = order
    state.outbox.append(order)
    return order.id


def _denial(state: RunState, order: Order) -> str | None:
    if state.late_reason:
        return state.late_reason
    if state.trading_state == "reducing":
        held = state.portfolio.amount_of(order.asset)
        after = abs(order.amount + _leaving(state, order, held))
        if held * order.amount < 0 and after <= abs(held):
            return None
    return state.halt_reason


# The shares by which other open orders reduce a position, except those being cancelled:
# together they must not turn it around.
def _leaving(state: RunState, order: Order, held: Decimal) -> Decimal:
    others = (o for o in state.orders.get_active_orders(order.asset) if o is not order)
    return sum(
        (o.open_amount for o in others if o.amount * held < 0 and not o.cancel_requested),
        Decimal(0),
    )


def show_order(state: RunState, order_id: str) -> OrderView | None:
    """Return a view of an order as it is now; it does not show later changes."""
    order = state.orders.get_order(order_id)
    return None if order is None else OrderView(order.__copy__(), state.presenter)


def show_open_orders(state: RunState, asset: Asset) -> list[OrderView]:
    """Return views of an asset's open orders, as they are now; in a backtest of the
    same pictures as long as nothing happens to any order.
    """
    orders, waiting, presenter = state.orders, state.orders.waiting, state.presenter
    if waiting.amounts:
        waiting.make_one(asset)
    open_orders = orders.book.get(asset)
    if not open_orders:
        return []
    known, looks = orders.pictures.get(asset), orders.version + orders.looks
    if known is None or known[0] != looks:
        known = (looks, list(map(every_field, open_orders)))
        if waiting.takes:
            orders.pictures[asset] = known
    return [OrderPicture(facts, presenter) for facts in known[1]]


def _order_action(order: Order) -> dict[str, str | None]:
    return {
        "do": "order",
        "symbol": order.asset.symbol,
        "amount": plain_text(order.amount),
        "limit": None if order.limit is None else plain_text(order.limit),
        "stop": None if order.stop is None else plain_text(order.stop),
    }


def _is_order(state: RunState, asset: Asset, shares: Decimal) -> bool:
    if state.quirks.round_in_binary and shares > ZIPLINES_MAX_SHARES:
        raise OverflowError(
            f"amount must be at most {ZIPLINES_MAX_SHARES} shares: was {shares} of {asset.symbol} "
            "in order()"
        )
    if abs(shares) > MAX_SHARES:
        raise BadOrderParameters(
            f"amount must be at most 1E20: was {shares:.6E} of {asset.symbol} in order(); check "
            "the price it was made from"
        )
    return bool(shares)


def _style(asset: Asset, limit_price: object, stop_price: object) -> ExecutionStyle:
    if limit_price is not None and stop_price is not None:
        return StopLimitOrder(limit_price, stop_price, asset=asset)
    if limit_price is not None:
        return LimitOrder(limit_price, asset=asset)
    return StopOrder(stop_price, asset=asset)
