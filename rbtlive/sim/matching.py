"""The simulated venue: fills open orders on the current bar, by zipline's rules.

The rule: it decides only price and amount of an execution. Orders and portfolio are
changed where every execution is booked, before the next one is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from rbtlive.finance import many_orders
from rbtlive.finance.many_orders import Floats
from rbtlive.finance.slippage import SlippageModel
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.events import OrderFillEvent
from rbtlive.model.money_units import floats_of, units_of
from rbtlive.model.number import ZERO, money_of_price, to_decimal, to_money
from rbtlive.model.trusted import Template
from rbtlive.sim.resting import RestingBounds


class RestingOrder(Protocol):
    """The fields of an order that the venue reads."""

    id: str
    asset: Asset
    amount: Decimal
    limit: Decimal | None
    stop: Decimal | None
    executions: int


EmitWhole = Callable[[Any, Decimal, Decimal], None]
"""Books an order's first execution, which fills it completely: order, price per share,
commission.
"""

Emit = Callable[[Any, Decimal, Decimal, Decimal], None]
"""Books an execution: order, signed amount, price per share, commission."""


class Slippage(Protocol):
    """A slippage model: yields (order view, price, signed amount) for each execution,
    in turn.
    """

    def simulate(
        self, data: Any, asset: Asset, orders_for_asset: Sequence[Any]
    ) -> Iterable[tuple[Any, Any, Any]]:
        """Yield the executions of `orders_for_asset` on the current bar."""
        ...


class Commission(Protocol):
    """A commission model."""

    def calculate(self, order: Any, transaction: Any) -> Any:
        """Return the cost of `transaction`."""
        ...


class SimVenue:
    """Fills orders at the close of the bar after the one they were placed on, or later.

    Args:
        slippage: Model that decides price and amount.
        commission: Model that decides the cost of a fill.
        cap_limit_price: Never fill a limit order at a price worse than its limit (off:
            the slippage model decides).
        order_view: Converts an order to the view that users' models see; our own models
            read the order itself.
        transaction_view: Converts an execution to the view that users' commission
            models see.
    """

    cancels_at_once = True

    def __init__(
        self,
        slippage: Slippage,
        commission: Commission,
        *,
        cap_limit_price: bool,
        order_view: Callable[[Any], Any],
        transaction_view: Callable[..., Any],
    ) -> None:
        self.set_models(slippage, commission)
        self._cap_limit_price = cap_limit_price
        self._order_view = order_view
        self._transaction_view = transaction_view
        self._resting = RestingBounds()
        self._trade = _Trade()

    def set_models(
        self, slippage: Slippage | None = None, commission: Commission | None = None
    ) -> None:
        """Use `slippage` for fills and `commission` for charges from now on; None keeps
        the present one.
        """
        if slippage is not None:
            self.slippage = slippage
            self._shows_orders = not _is_ours(slippage)
            # A model with its own loop decides for itself which orders to examine.
            self._may_skip = getattr(type(slippage), "simulate", None) is SlippageModel.simulate
            self._price_of_all = _own_way(slippage, "price_of_all")
            self._prices_of_all = many_orders.PRICES.get(type(slippage))
        if commission is not None:
            self.commission = commission
            self._shows_fills = not _is_ours(commission)
            self._cost_of_first = _own_way(commission, "cost_of_first")
            self._costs_of_first = many_orders.COSTS.get(type(commission))

    @property
    def fills_whole(self) -> bool:
        """Whether both models have a fast method for complete fills."""
        return self._price_of_all is not None and self._cost_of_first is not None

    def fills_in_columns(
        self, sizes: Sequence[int], closes: Floats, volumes: Floats
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]] | None:
        """Return price per share and commission of some new market orders, in units of
        money, and whether the bar has room for each completely; None if they do not fit
        in columns.

        Args:
            sizes: Signed whole shares of each.
            closes: Close of each order's bar.
            volumes: Volume of each order's bar.
        """
        if self._prices_of_all is None or self._costs_of_first is None:
            return None
        shares = np.array(sizes, dtype=np.float64)
        with np.errstate(all="ignore"):
            asked = self._prices_of_all(self.slippage, shares, closes, volumes)
            fits = (closes > 0.0) & (volumes > 0.0) & (asked > 0.0) & (asked < _FAR)
            fits &= shares != 0.0
            prices = units_of(np.where(fits, asked, 0.0))
            exact = None if prices is None else floats_of(prices)
            costs = (
                None
                if exact is None
                else units_of(self._costs_of_first(self.commission, shares, exact))
            )
        return None if prices is None or costs is None else (prices, costs, fits)

    def whole_fills(
        self, asked: Iterable[tuple[Asset, int]], data: Any
    ) -> list[tuple[Decimal, Decimal] | None]:
        """Return price per share and commission of each of some new market orders, or
        None if the bar does not have room for all of it.

        Args:
            asked: Asset and signed whole shares of each order; the assets' bars have a
                volume, and the assets have no other order.
            data: Provides closes and volumes as floats.
        """
        orders = list(asked)
        traded = data.traded([asset for asset, _ in orders])
        whole_fill = self.whole_fill
        return [
            whole_fill(amount, close, volume)
            for (_, amount), (close, volume) in zip(orders, traded, strict=True)
        ]

    def whole_fill(
        self, amount: int, close: float, volume: float
    ) -> tuple[Decimal, Decimal] | None:
        """Return the same for one order of this many shares on a bar."""
        if not (amount and close > 0.0 and volume > 0.0):
            return None
        shares = float(amount)
        price = self._price_of_all(shares, close, volume)
        if price is None or not 0.0 < price < _FAR:
            return None
        exact = money_of_price(price) if type(price) is float else to_money(price)
        cost = self._cost_of_first(shares, float(exact))
        return exact, to_money(cost)  # sizes and prices repeat, and so do costs

    def has_nothing_to_do(
        self,
        book: Mapping[Asset, Sequence[Any]],
        *,
        version: int,
        close_of: Callable[[int], float],
    ) -> bool:
        """Say whether `match` would do nothing on the current bar, at a fifth of its
        cost: most bars touch no resting order.

        Args:
            book: As in `match`.
            version: As in `match`.
            close_of: As in `match`.
        """
        return self._may_skip and self._resting.touches_none(
            book, version=version, close_of=close_of
        )

    def calm_range(
        self, book: Mapping[Asset, Sequence[Any]], *, version: int
    ) -> tuple[int, float, float] | None:
        """Return an asset's index, and the prices between which its close touches no
        order; None unless the book has only one asset and its orders all rest.

        Args:
            book: As in `match`.
            version: As in `match`.
        """
        if not self._may_skip or len(book) != 1:
            return None
        return self._resting.only_range(book, version)

    def match(
        self,
        book: Mapping[Asset, Sequence[Any]],
        *,
        data: object,
        now: datetime,
        emit: Emit,
        emit_whole: EmitWhole | None = None,
        version: int = 0,
        close_of: Callable[[int], float] | None = None,
    ) -> None:
        """Fill open orders on the current bar, in the order of the book; each fill is
        emitted before the next.

        Args:
            book: Open orders by asset.
            version: Changes whenever an open order may have been added, ended or
                adjusted.
            close_of: Returns the bar's close by asset index, NaN if there is none; None
                examines every order.
            data: The bar data that slippage models read.
            now: END of the bar, UTC.
            emit: Books an execution: order, signed amount, price per share, commission.
            emit_whole: Books an execution that fills an order completely, at half the
                cost; None books all with `emit`.
        """
        short = emit_whole if self._price_of_all and self._cost_of_first else None
        bounded_by = close_of if self._may_skip else None
        seen = data if self._shows_orders else getattr(data, "floats", data)
        for asset, orders in list(book.items()):
            first = orders[0] if orders else None
            # A market order fills on any bar that has a close; other orders have
            # bounds.
            waits = first is None or first.limit is not None or first.stop is not None
            if (
                waits
                and bounded_by is not None
                and not self._resting.may_touch(
                    asset, orders, version=version, close=bounded_by(asset.index)
                )
            ):
                continue
            if short is not None and self._fill_whole(orders, seen, short):
                continue
            if waits:
                self._resting.forget(asset)
            shown = (
                [self._order_view(order) for order in orders]
                if self._shows_orders
                else list(orders)
            )
            for view, price, amount in self.slippage.simulate(seen, asset, shown):
                order = view.raw if self._shows_orders else view
                execution = self._execution(view, order, price, amount=amount, now=now)
                if (
                    emit_whole is not None
                    and len(orders) == 1  # it still is the only one
                    and _fills_whole(order, execution)
                ):
                    emit_whole(order, execution[1], execution[2])
                else:
                    emit(order, *execution)

    # Fills the only order of an asset that the bar touches, for whole shares, if the
    # bar has room for all of it, with the same result as the slow path.
    def _fill_whole(self, orders: Sequence[Any], data: Any, emit: EmitWhole) -> bool:
        asset = orders[0].asset
        if not (asset.has_volume and asset.lot_size == _ONE):
            return False
        traded = data.current(asset, "close"), data.current(asset, "volume")
        return self.fill_only_touched(orders, traded, emit)

    def fill_only_touched(
        self, orders: Sequence[object], traded: tuple[float, float], emit: EmitWhole
    ) -> bool:
        """Fill the one order that a bar touches, if the bar has room for all of it; say
        whether it did. It does what `match` does.

        Args:
            orders: The open orders of an asset that trades in whole shares.
            traded: Close and volume of its bar.
            emit: As `emit_whole` in `match`.
        """
        close, volume = traded
        if not (close > 0.0 and volume > 0.0):
            return False
        order = self._only_touched(orders, to_decimal(close))
        if order is None or order.executions or not _ONE.same_quantum(order.amount):
            return False
        shares = float(order.amount)
        price = self._price_of_all(shares, close, volume)
        if price is None or not 0.0 < price < _FAR:
            return False
        exact, limit = to_money(price), order.limit
        if limit is not None and (exact > limit if shares > 0.0 else exact < limit):
            return False
        if limit is not None or order.stop is not None:
            order.latch()
        emit(order, exact, to_money(self._cost_of_first(shares, float(exact))))
        return True

    # The only order that fills on a bar with this close; None if there are more, or one
    # has two prices.
    def _only_touched(self, orders: Sequence[Any], close: Decimal) -> Any:
        touched = None
        for order in orders:
            if order.stop is not None or order.limit is not None:
                if not self._may_skip or (order.stop is not None and order.limit is not None):
                    return None
                if not (order.is_touched(close) or order.triggered):
                    continue
            if touched is not None:
                return None
            touched = order
        return touched

    # Amount, price and cost of an execution that a model has decided.
    def _execution(
        self, shown: object, order: RestingOrder, price: object, *, amount: object, now: datetime
    ) -> tuple[Decimal, Decimal, Decimal]:
        # Plain decimals: a strategy's own number class would slow the ledger down.
        signed = amount if type(amount) is Decimal else Decimal(to_decimal(amount))
        exact_price = to_money(price)
        if self._cap_limit_price and order.limit is not None:
            exact_price = (
                min(exact_price, order.limit) if signed > 0 else max(exact_price, order.limit)
            )
        cost = to_money(self._cost(shown, order, amount=signed, price=exact_price, now=now))
        if exact_price < ZERO or not signed.is_finite():
            raise ValueError(
                f"a fill must have a finite amount and no negative price: was {signed} at "
                f"{exact_price} for order {order.id} "
                f"({order.asset.symbol}); see the slippage model"
            )
        return signed, exact_price, cost

    def _cost(
        self, shown: object, order: object, *, amount: Decimal, price: Decimal, now: datetime
    ) -> Any:
        if not self._shows_fills:
            trade = self._trade
            trade.amount, trade.price = amount, price
            return self.commission.calculate(order, trade)
        view = shown if self._shows_orders else self._order_view(order)
        fill = self._transaction_view(order, amount=amount, price=price, dt=now)
        return _as_cost(self.commission.calculate(view, fill), self.commission)


# Whether an execution is an order's only one, in whole shares, at a price in money.
def _fills_whole(order: RestingOrder, execution: tuple[Decimal, Decimal, Decimal]) -> bool:
    amount, price, _ = execution
    return (
        amount == order.amount
        and not order.executions
        and _ONE.same_quantum(amount)
        and _ONE.same_quantum(order.amount)
        and price is not order.limit
    )


# Our own models read orders and fills directly, and store neither; other models get
# views, which cost three times the fill itself.
class _Trade:
    __slots__ = ("amount", "price")

    amount: Decimal
    price: Decimal


# A user's model may have forgotten to return a value.
def _as_cost(cost: object, model: object) -> Decimal:
    what = f"calculate of {type(model).__name__} must return the money that a fill costs"
    try:
        number = to_decimal(cost)
    except TypeError:
        raise TypeError(f"{what}, a number: was {cost!r:.80}; return 0 for none") from None
    if not number.is_finite():
        raise ValueError(f"{what}: was {cost!r:.80}; return 0 for none")
    return number


def _is_ours(model: object) -> bool:
    return str(type(model).__module__).startswith(_OURS)


_OURS = "rbtlive.finance."
_ONE = Decimal(1)
_FAR = 1e12


# A method of the model's own class, unless a derived class overrides it.
def _own_way(model: object, name: str) -> Any:
    return getattr(model, name) if _is_ours(model) and name in vars(type(model)) else None


def execution_id(order: RestingOrder) -> str:
    """Return the id of an order's next execution."""
    return f"{order.id}-{order.executions + 1}"


def fill_event(
    order: RestingOrder, amount: Decimal, price: Decimal, commission: Decimal, *, now: datetime
) -> OrderFillEvent:
    """Return the event for an execution that is not booked yet."""
    return _fill(
        timestamp=now,
        order_id=order.id,
        execution_id=execution_id(order),
        amount=amount,
        price=price,
        commission=commission,
    )


_fill = Template(
    OrderFillEvent,
    priority=int(OrderFillEvent.default_priority),
    event_type=OrderFillEvent.__name__,
)
