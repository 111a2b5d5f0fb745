"""Execution styles: market, limit, stop and stop-limit orders, and how their prices are
rounded to the tick.

The rule: a price off the tick is rounded in the customer's favour, unless it is within
a twentieth of a tick of the next one.
"""

from __future__ import annotations

import abc
import copy
import math
from decimal import Decimal
from functools import lru_cache
from sys import float_info
from typing import Any, ClassVar, Self

from rbtlive.errors import BadOrderParameters
from rbtlive.model.asset import Asset
from rbtlive.model.number import to_decimal

DEFAULT_TICK_SIZE = Decimal("0.01")
_USUAL_DIFF = 0.95
_KEPT_PRICES = 1 << 14


class ExecutionStyle(abc.ABC):
    """Base of execution styles: determines the limit and stop price of an order.

    Attributes:
        asset: The asset whose tick is used; None means a tick of 0.01.
        binary_ticks: Whether prices are multiples of the tick in binary arithmetic, as
            zipline's are.
    """

    asset: Asset | None = None
    binary_ticks: bool = False
    _exchange: Any = None
    _price_names: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def get_limit_price(self, is_buy: bool) -> float | None:
        """Return the limit price on the tick, or None."""

    @abc.abstractmethod
    def get_stop_price(self, is_buy: bool) -> float | None:
        """Return the stop price on the tick, or None."""

    @property
    def exchange(self) -> Any:
        """The exchange to route the order to, as given."""
        return self._exchange

    def for_asset(self, asset: Asset, *, binary_ticks: bool = False) -> Self:
        """Return this style for an order of `asset`: a copy, if anything differs; an
        asset given to the style itself is kept.

        Args:
            asset: The asset whose tick is used.
            binary_ticks: Whether prices are multiples of the tick in binary arithmetic;
                then they match closes in binary thousandths, like zipline's data.
        """
        if self.asset is asset and self.binary_ticks is binary_ticks:
            return self
        style = copy.copy(self)
        style.asset = self.asset or asset
        style.binary_ticks = binary_ticks
        return style

    def __repr__(self) -> str:
        prices = ", ".join(f"{name}={getattr(self, name)}" for name in self._price_names)
        return f"{type(self).__name__}({prices})"

    def _on_tick(self, price: object, *, round_down: bool) -> float:
        asset = self.asset
        tick_size = DEFAULT_TICK_SIZE if asset is None else asset.tick_at(to_decimal(price))
        return asymmetric_round_price(price, round_down, tick_size, binary_ticks=self.binary_ticks)


class MarketOrder(ExecutionStyle):
    """Fill at the next price, whatever it is. The default."""

    def __init__(self, exchange: object = None) -> None:
        self._exchange = exchange

    def get_limit_price(self, is_buy: bool) -> None:  # noqa: ARG002 -- the base's signature
        """Return None."""
        return

    def get_stop_price(self, is_buy: bool) -> None:  # noqa: ARG002 -- the base's signature
        """Return None."""
        return


class LimitOrder(ExecutionStyle):
    """Fill at the limit or better.

    Args:
        limit_price: Highest price to pay, lowest price to accept; finite, not negative.
        asset: The asset whose tick is used.
        exchange: The exchange to route to; stored but not used.

    Raises:
        BadOrderParameters: the price is not a finite number, or is negative.
    """

    _price_names = ("limit_price",)

    def __init__(
        self, limit_price: object, asset: Asset | None = None, exchange: object = None
    ) -> None:
        check_stoplimit_prices(limit_price, "limit", asset)
        self.limit_price = limit_price
        self.asset = asset
        self._exchange = exchange

    def get_limit_price(self, is_buy: bool) -> float:
        """Return the limit on the tick: down for a buy, up for a sale."""
        return self._on_tick(self.limit_price, round_down=is_buy)

    def get_stop_price(self, is_buy: bool) -> None:  # noqa: ARG002 -- the base's signature
        """Return None."""
        return


class StopOrder(ExecutionStyle):
    """Become a market order once the price reaches the stop.

    Args:
        stop_price: Price at or above which a buy, at or below which a sale, is
            triggered; finite, not negative.
        asset: The asset whose tick is used.
        exchange: The exchange to route to; stored but not used.

    Raises:
        BadOrderParameters: the price is not a finite number, or is negative.
    """

    _price_names = ("stop_price",)

    def __init__(
        self, stop_price: object, asset: Asset | None = None, exchange: object = None
    ) -> None:
        check_stoplimit_prices(stop_price, "stop", asset)
        self.stop_price = stop_price
        self.asset = asset
        self._exchange = exchange

    def get_limit_price(self, is_buy: bool) -> None:  # noqa: ARG002 -- the base's signature
        """Return None."""
        return

    def get_stop_price(self, is_buy: bool) -> float:
        """Return the stop on the tick: up for a buy, down for a sale."""
        return self._on_tick(self.stop_price, round_down=not is_buy)


class StopLimitOrder(ExecutionStyle):
    """Become a limit order once the price reaches the stop.

    Args:
        limit_price: Highest price to pay, lowest price to accept; finite, not negative.
        stop_price: Price at or above which a buy, at or below which a sale, is
            triggered; finite, not negative.
        asset: The asset whose tick is used.
        exchange: The exchange to route to; stored but not used.

    Raises:
        BadOrderParameters: a price is not a finite number, or is negative.
    """

    _price_names = ("limit_price", "stop_price")

    def __init__(
        self,
        limit_price: object,
        stop_price: object,
        asset: Asset | None = None,
        exchange: object = None,
    ) -> None:
        check_stoplimit_prices(limit_price, "limit", asset)
        check_stoplimit_prices(stop_price, "stop", asset)
        self.limit_price = limit_price
        self.stop_price = stop_price
        self.asset = asset
        self._exchange = exchange

    def get_limit_price(self, is_buy: bool) -> float:
        """Return the limit on the tick: down for a buy, up for a sale."""
        return self._on_tick(self.limit_price, round_down=is_buy)

    def get_stop_price(self, is_buy: bool) -> float:
        """Return the stop on the tick: up for a buy, down for a sale."""
        return self._on_tick(self.stop_price, round_down=not is_buy)


def asymmetric_round_price(
    price: Any,
    prefer_round_down: bool,
    tick_size: object,
    diff: float = _USUAL_DIFF,
    *,
    binary_ticks: bool = False,
) -> float:
    """Round a price to the tick, in the customer's favour.

    When rounding down, a price moves to the tick below unless it is within (1 - diff)
    of a tick of the one above; rounding up is the mirror image. With a tick of 0.01:
    25.0094 goes down to 25.00, 25.0095 to 25.01; 75.0005 goes up to 75.00, 75.0006 to
    75.01.

    Args:
        price: Price, finite.
        prefer_round_down: True for the limit of a buy and the stop of a sale.
        tick_size: Price step, above 0.
        diff: Fraction of a tick that is always rounded away.
        binary_ticks: Multiply the number of ticks in binary arithmetic, as zipline
            does: 0.01 * 57 is then 0.5700000000000001.

    Returns:
        The float nearest to the exact multiple of the tick, or with `binary_ticks` the
        product of the floats.

    Source: zipline-reloaded 3.2.1, finance/execution.py, lines 171-205; float
    arithmetic in the same order.
    """
    exact_tick, step, shift = _tick_facts(tick_size, diff)
    ticks = (float(price) - (shift if prefer_round_down else -shift)) / step
    nearest = math.ceil(ticks) if ticks % 1 >= 0.5 else math.floor(ticks)
    return (step * nearest if binary_ticks else float(exact_tick * nearest)) + 0.0


class TickPrices:
    """Prices on a tick, as `asymmetric_round_price` rounds to it; each is computed
    once, because a market's prices repeat.

    Args:
        tick_size: Price step, above 0.
    """

    __slots__ = ("_known", "_shift", "_step", "_tick")

    def __init__(self, tick_size: Decimal) -> None:
        self._tick, self._step, self._shift = _tick_facts(tick_size, _USUAL_DIFF)
        self._known: dict[int, tuple[Decimal, float]] = {}  # by the number of ticks

    def placed(self, price: float, *, round_down: bool) -> tuple[Decimal, float]:
        """Return a finite price on the tick, as a decimal and as a float.

        Args:
            price: The price asked for.
            round_down: True for the limit of a buy and the stop of a sale.
        """
        ticks = (price - self._shift if round_down else price + self._shift) / self._step
        count = math.ceil(ticks) if ticks % 1 >= 0.5 else math.floor(ticks)
        known = self._known.get(count)
        if known is None:
            if len(self._known) >= _KEPT_PRICES:
                self._known.clear()
            nearest = float(self._tick * count) + 0.0
            known = self._known[count] = Decimal(repr(nearest)), nearest
        return known


@lru_cache(maxsize=256)
def prices_on_tick(tick_size: Decimal) -> TickPrices:
    """Return the prices on a tick, which all assets and runs with that tick share."""
    return TickPrices(tick_size)


# The tick as a number and as a float, and how far a price may be from it.
@lru_cache(maxsize=256, typed=True)
def _tick_facts(tick_size: object, diff: float) -> tuple[Decimal, float, float]:
    exact_tick = to_decimal(tick_size)
    step = float(exact_tick)
    precision = max(0, -int(to_decimal(step).as_tuple().exponent))
    shift = (diff - 0.5) * 10**-precision * int(step * 10**precision) - 10 * float_info.epsilon
    return exact_tick, step, shift


def check_stoplimit_prices(price: object, label: str, asset: Asset | None = None) -> None:
    """Raise an error for a limit or stop price that an order cannot have.

    Args:
        price: The price.
        label: "limit" or "stop".
        asset: The asset to order, for the message.

    Raises:
        BadOrderParameters: the price is not a finite number, or is negative.
    """
    if isinstance(price, float) and 0.0 <= price < math.inf:
        return
    whose = "" if asset is None else f" for {asset.symbol}"
    rule = f"{label}_price must be finite and not negative: was"
    advice = (
        "pass a price, or None for an order without one"
        if price is None
        else "pass None for an order without one"
    )
    try:
        number = float(to_decimal(price))
    except TypeError:
        kind = type(price).__name__
        raise BadOrderParameters(f"{rule} {price!r} ({kind}){whose}; {advice}") from None
    if not math.isfinite(number) or number < 0:
        raise BadOrderParameters(f"{rule} {number}{whose}; {advice}")
