"""zipline's order functions as methods. They only name arguments and call the core.

The rule: an order placed on a bar can fill from the next bar on, never on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat, overload

from rbtlive.core.actions import sizing
from rbtlive.core.actions.asset_lookup import all_orderable, check_orderable, resolve
from rbtlive.core.actions.cancelling import cancel_order
from rbtlive.core.actions.order_entry import (
    MOST_QUICK,
    ONE_SHARE,
    place_all,
    place_batch,
    place_order,
    place_whole_shares,
    show_open_orders,
    show_order,
)
from rbtlive.core.shown.order_views import OrderView
from rbtlive.core.state.target_facts import PERCENT, SHARES, VALUE
from rbtlive.core.strategy.bound import Bound
from rbtlive.errors import OrderDuringInitialize
from rbtlive.finance.execution import ExecutionStyle
from rbtlive.model.asset import Asset
from rbtlive.model.number import Number


class OrderMethods(Bound):
    """Methods that place, size, look up and cancel orders."""

    def order(
        self,
        asset: Asset,
        amount: SupportsFloat,
        limit_price: SupportsFloat | None = None,
        stop_price: SupportsFloat | None = None,
        style: ExecutionStyle | None = None,
        tag: str | None = None,
    ) -> str | None:
        """Order `amount` shares: positive buys, negative sells.

        Args:
            asset: The asset to trade.
            amount: Shares; truncated to whole lots, or rounded if within 0.0001 of one.
            limit_price: Worst acceptable price; shorthand for
                `style=LimitOrder(limit_price)`.
            stop_price: Price that triggers the order; shorthand for
                `style=StopOrder(stop_price)`.
            style: An execution style, in place of the two prices.
            tag: A label of your own, e.g. "stop": `result.trades` shows the tags of the
                orders that opened and closed each trade.

        Returns:
            The order's id, or None if nothing was ordered (zero shares, or the asset
            has left the market).

        Raises:
            UnsupportedOrderParameters: `asset` is not an asset, or a style and a price
                were passed together.
            BadOrderParameters: a price or the amount is NaN or infinite, or a price is
                negative.
            OrderInBeforeTradingStart: called from `before_trading_start`.
            OrderDuringInitialize: called from `initialize`.
            TradingControlViolation: a control with on_error="fail" refused it.
        """
        state = self._ordering("order")
        known = check_orderable(state, asset, "order")
        if known is None:
            return None
        terms = (limit_price, stop_price, style, tag)
        if type(amount) is Number and ONE_SHARE.same_quantum(amount):
            amount = int(amount)  # the amount of a position is such a number
        if type(amount) is int and -MOST_QUICK < amount < MOST_QUICK:
            return place_whole_shares(state, known, amount, terms)
        return place_order(state, known, amount, terms)

    def order_value(
        self,
        asset: Asset,
        value: SupportsFloat,
        limit_price: SupportsFloat | None = None,
        stop_price: SupportsFloat | None = None,
        style: ExecutionStyle | None = None,
        tag: str | None = None,
    ) -> str | None:
        """Order shares worth `value` at the last price.

        Raises:
            CannotOrderDelistedAsset: the asset is not listed now, or has no price yet.
        """
        state, terms = self._ordering("order_value"), (limit_price, stop_price, style, tag)
        size = sizing.quick_shares(state, asset, value)
        if size is not None:
            return place_whole_shares(state, asset, size, terms)
        known = check_orderable(state, asset, "order_value")
        if known is None:
            return None
        return place_order(state, known, sizing.shares_for_value(state, known, value), terms)

    def order_percent(
        self,
        asset: Asset,
        percent: SupportsFloat,
        limit_price: SupportsFloat | None = None,
        stop_price: SupportsFloat | None = None,
        style: ExecutionStyle | None = None,
        tag: str | None = None,
    ) -> str | None:
        """Order shares worth a fraction of the portfolio's value (0.5 is half of
        it).
        """
        state, terms = self._ordering("order_percent"), (limit_price, stop_price, style, tag)
        size = sizing.quick_shares_for_percent(state, asset, percent)
        if size is not None:
            return place_whole_shares(state, asset, size, terms)
        known = check_orderable(state, asset, "order_percent")
        if known is None:
            return None
        return place_order(state, known, sizing.shares_for_percent(state, known, percent), terms)

    def order_target(
        self,
        asset: Asset,
        target: SupportsFloat,
        limit_price: SupportsFloat | None = None,
        stop_price: SupportsFloat | None = None,
        style: ExecutionStyle | None = None,
        tag: str | None = None,
    ) -> str | None:
        """Order the shares missing to hold `target` shares; open orders of the asset
        count as filled.
        """
        state = self._ordering("order_target")
        size = sizing.quick_target(state, asset, target, SHARES)
        if size == 0 and style is None and tag is None:
            return None
        terms = (limit_price, stop_price, style, tag)
        if size is None:
            known = check_orderable(state, asset, "order_target")
            if known is None:
                return None
            amount = sizing.shares_to_target(state, known, target)
            return place_order(state, known, amount, terms)
        return place_whole_shares(state, asset, size, terms)

    def order_target_value(
        self,
        asset: Asset,
        target: SupportsFloat,
        limit_price: SupportsFloat | None = None,
        stop_price: SupportsFloat | None = None,
        style: ExecutionStyle | None = None,
        tag: str | None = None,
    ) -> str | None:
        """Order the shares missing to hold shares worth `target`; open orders of the
        asset count as filled.
        """
        state = self._ordering("order_target_value")
        size = sizing.quick_target(state, asset, target, VALUE)
        if size == 0 and style is None and tag is None:
            return None
        terms = (limit_price, stop_price, style, tag)
        if size is None:
            known = check_orderable(state, asset, "order_target_value")
            if known is None:
                return None
            amount = sizing.shares_to_target(
                state, known, sizing.shares_for_value(state, known, target)
            )
            return place_order(state, known, amount, terms)
        return place_whole_shares(state, asset, size, terms)

    def order_target_percent(
        self,
        asset: Asset,
        target: SupportsFloat,
        limit_price: SupportsFloat | None = None,
        stop_price: SupportsFloat | None = None,
        style: ExecutionStyle | None = None,
        tag: str | None = None,
    ) -> str | None:
        """Order the shares missing to hold a fraction of the portfolio's value; open
        orders count as filled.
        """
        state = self._ordering("order_target_percent")
        size = sizing.quick_target(state, asset, target, PERCENT)
        if size == 0 and style is None and tag is None:
            return None
        terms = (limit_price, stop_price, style, tag)
        if size is None:
            known = check_orderable(state, asset, "order_target_percent")
            if known is None:
                return None
            amount = sizing.shares_to_target(
                state, known, sizing.shares_for_percent(state, known, target)
            )
            return place_order(state, known, amount, terms)
        return place_whole_shares(state, asset, size, terms)

    def order_target_percents(
        self, targets: Mapping[Asset, SupportsFloat], *, tag: str | None = None
    ) -> dict[Asset, str | None]:
        """At market, order the shares that are missing to hold these fractions of the
        portfolio's value: `order_target_percent` for each asset, in the order given.

        Args:
            targets: Fraction by asset: a mapping, or a pandas Series.
            tag: A label of your own for all of them.

        Returns:
            The order's id by asset; None where nothing was ordered.

        Raises:
            TypeError: `targets` is not a mapping.
        """
        state = self._ordering("order_target_percents")
        if not hasattr(targets, "items"):
            raise TypeError(
                f"targets must map assets to fractions: was {type(targets).__name__} in "
                "order_target_percents()"
            )
        if all_orderable(state, targets):
            wanted = list(targets.items())
            sizes = sizing.shares_to_targets(state, wanted)
            assets = list(targets)
            return dict(zip(assets, place_all(state, assets, sizes, tag=tag), strict=True))
        owned = [
            (asset, check_orderable(state, asset, "order_target_percents"), target)
            for asset, target in targets.items()
        ]
        wanted = [(own, target) for _, own, target in owned if own is not None]
        sizes = sizing.shares_to_targets(state, wanted)
        ids = iter(place_all(state, [own for own, _ in wanted], sizes, tag=tag))
        return {asset: None if own is None else next(ids) for asset, own, _ in owned}

    def batch_market_order(self, share_counts: Any) -> list[str]:
        """Place market orders for many assets at once, bypassing the trading controls,
        as zipline does.

        Args:
            share_counts: Mapping or pandas Series from asset to whole shares; zeros are
                left out.

        Returns:
            Ids of the new orders.
        """
        state = self._changing("batch_market_order")
        if state.initializing and not state.quirks.loose_initialize_errors:
            raise OrderDuringInitialize(
                "batch_market_order() can only be called while the market is open"
            )
        return place_batch(state, sizing.share_counts(share_counts))

    def cancel_order(self, order_param: str | OrderView) -> None:
        """Cancel an open order, by id or by the order itself. An unknown or ended order
        is left as it is; so is None, which an order call returns if it ordered nothing.

        Raises:
            TypeError: `order_param` is something else, e.g. a list of orders.
        """
        state = self._changing("cancel_order")
        order_id = order_param.id if isinstance(order_param, OrderView) else order_param
        if isinstance(order_id, str):
            cancel_order(state, order_id)
        elif order_id is not None and not state.quirks.loose_argument_types:
            raise TypeError(
                f"order_param must be an order or its id: was {order_id!r:.80} "
                f"({type(order_id).__name__}) in cancel_order()"
            )

    def get_order(self, order_id: str) -> OrderView | None:
        """Return the order with that id as it stands now, or None."""
        state = self._running("get_order")
        return show_order(state, order_id) if isinstance(order_id, str) else None

    @overload
    def get_open_orders(self, asset: None = None) -> dict[Asset, list[OrderView]]: ...
    @overload
    def get_open_orders(self, asset: Asset) -> list[OrderView]: ...

    def get_open_orders(
        self, asset: Asset | None = None
    ) -> dict[Asset, list[OrderView]] | list[OrderView]:
        """Return the open orders of `asset` as a list, or of all assets as a dict of
        non-empty lists.
        """
        state = self._run or self._running("get_open_orders")
        if asset is not None:
            if id(asset) in state.asset_ids:
                return show_open_orders(state, asset)
            if state.quirks.loose_argument_types and not isinstance(asset, Asset):
                return []
            return show_open_orders(state, resolve(state, asset, "get_open_orders"))
        return {
            a: show_open_orders(state, a)
            for a, orders in state.orders.open_by_asset().items()
            if orders
        }
