"""Commission models: the cost of a fill beyond its price.

The rule: `calculate` sees the order as it was before the fill, and returns only the
cost that the fill adds.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from rbtlive.errors import NotBuilt, RbtliveWarning
from rbtlive.finance.financial_model import FinancialModel, Future, checked_number
from rbtlive.finance.protocols import OrderLike, TransactionLike
from rbtlive.model.asset import Asset, Equity
from rbtlive.model.calls import warn_user

DEFAULT_PER_SHARE_COST = 0.001
DEFAULT_PER_CONTRACT_COST = 0.85
DEFAULT_PER_DOLLAR_COST = 0.0015
DEFAULT_MINIMUM_COST_PER_EQUITY_TRADE = 0.0
DEFAULT_MINIMUM_COST_PER_FUTURE_TRADE = 0.0


class CommissionModel(FinancialModel, abc.ABC):
    """Base of commission models; to define your own, derive from it and write
    `calculate`.

    Our own models have a faster method for the first fill of an order, `cost_of_first`.
    Both give the same money.
    """

    @abc.abstractmethod
    def calculate(self, order: OrderLike, transaction: TransactionLike) -> Any:
        """Return the money that this fill adds to the order's commission.

        Args:
            order: The order, with `filled` and `commission` as they were before this
                fill.
            transaction: The fill: signed `amount`, `price`.

        Returns:
            Money, any number type. A negative value is shown with the order but not
                booked, as in zipline.
        """


class NoCommission(CommissionModel):
    """Trading is free."""

    @staticmethod
    def calculate(order: OrderLike, transaction: TransactionLike) -> float:  # noqa: ARG004 -- the base's signature
        """Return 0."""
        return 0.0

    @staticmethod
    def cost_of_first(shares: float, price: float) -> float:  # noqa: ARG004 -- as its siblings
        """Return 0."""
        return 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class EquityCommissionModel(CommissionModel):
    """Base of commission models for equities only."""

    allowed_asset_types: ClassVar[tuple[type[Asset], ...]] = (Equity,)
    _marks_asset_types = True


class FutureCommissionModel(CommissionModel):
    """Base of commission models for futures only."""

    allowed_asset_types: ClassVar[tuple[type[Asset], ...]] = (Future,)
    _marks_asset_types = True


# As in zipline, a rebate is not booked.
def _cost(value: object, name: str, owner: str, *, does: str = "nothing is charged") -> float:
    number = checked_number(value, name, owner)
    if number < 0:
        warn_user(
            f"{name} of {owner} is below zero, and as in zipline {does}: was {value!r}; a "
            "rebate is not booked: pass what trading costs",
            RbtliveWarning,
        )
    return number


def calculate_per_unit_commission(
    order: OrderLike,
    transaction: TransactionLike,
    cost_per_unit: float,
    initial_commission: float,
    min_trade_cost: float,
) -> float:
    """Return the commission that a fill adds when an order pays per unit, with a
    minimum for the whole order.

    The first fill pays max(minimum, |shares| * cost + initial). A later one pays the
    amount by which the order's per-unit total, including this fill, exceeds earlier
    charges; nothing while that total is below the minimum.

    Source: zipline-reloaded 3.2.1, finance/commission.py, lines 106-141; float
    arithmetic in the same order.
    """
    charged = float(order.commission)
    this_fill = abs(float(transaction.amount) * cost_per_unit)
    if charged == 0:
        return max(min_trade_cost, this_fill + initial_commission)
    whole_order = abs(float(order.filled) * cost_per_unit) + this_fill + initial_commission
    return 0.0 if whole_order < min_trade_cost else whole_order - charged


class PerShare(EquityCommissionModel):
    """Charge per share, with a minimum for the whole order.

    commission = |shares| * cost; an order's first fill pays at least `min_trade_cost`,
    later fills only the amount above earlier charges. `PerShare()` is the default for
    equities.

    Args:
        cost: Money per share. A negative value gives a warning, and its absolute value
            is charged, as in zipline.
        min_trade_cost: Minimum commission of an order that fills at all; None and 0
            mean no minimum.

    Source: zipline-reloaded 3.2.1, finance/commission.py, lines 144-189.
    """

    def __init__(
        self,
        cost: float = DEFAULT_PER_SHARE_COST,
        min_trade_cost: float | None = DEFAULT_MINIMUM_COST_PER_EQUITY_TRADE,
    ) -> None:
        owner = type(self).__name__
        self.cost_per_share = _cost(cost, "cost", owner, does="its absolute value is charged")
        self.min_trade_cost = min_trade_cost or 0
        _cost(self.min_trade_cost, "min_trade_cost", owner, does="it is no minimum")

    def __repr__(self) -> str:
        parameters = f"cost_per_share={self.cost_per_share}, min_trade_cost={self.min_trade_cost}"
        return f"{type(self).__name__}({parameters})"

    def calculate(self, order: OrderLike, transaction: TransactionLike) -> float:
        """Return the commission that this fill adds."""
        return calculate_per_unit_commission(
            order=order,
            transaction=transaction,
            cost_per_unit=self.cost_per_share,
            initial_commission=0,
            min_trade_cost=float(self.min_trade_cost),
        )

    def cost_of_first(self, shares: float, price: float) -> float:  # noqa: ARG002 -- as its siblings
        """Return the commission of an order's first fill."""
        return max(float(self.min_trade_cost), abs(shares * self.cost_per_share))


class PerTrade(CommissionModel):
    """Charge a flat sum, all of it on an order's first fill.

    Args:
        cost: Money per order. A negative value gives a warning, and nothing is charged,
            as in zipline.

    Source: zipline-reloaded 3.2.1, finance/commission.py, lines 283-323.
    """

    def __init__(self, cost: float = DEFAULT_MINIMUM_COST_PER_EQUITY_TRADE) -> None:
        self.cost = _cost(cost, "cost", type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(cost_per_trade={self.cost})"

    def calculate(self, order: OrderLike, transaction: TransactionLike) -> float:  # noqa: ARG002 -- the base's signature
        """Return the whole cost for the first fill, 0 for later ones."""
        return self.cost if float(order.commission) == 0 else 0.0

    def cost_of_first(self, shares: float, price: float) -> float:  # noqa: ARG002 -- as its siblings
        """Return the whole cost."""
        return self.cost


class PerDollar(EquityCommissionModel):
    """Charge a share of the money traded: commission = |shares| * (price * cost), on
    every fill.

    Args:
        cost: Money per unit of money traded; 0.0015 is 15 basis points. A negative
            value gives a warning, and nothing is charged, as in zipline.

    Source: zipline-reloaded 3.2.1, finance/commission.py, lines 362-390.
    """

    def __init__(self, cost: float = DEFAULT_PER_DOLLAR_COST) -> None:
        self.cost_per_dollar = _cost(cost, "cost", type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(cost_per_dollar={self.cost_per_dollar})"

    def calculate(self, order: OrderLike, transaction: TransactionLike) -> float:  # noqa: ARG002 -- the base's signature
        """Return the commission that this fill adds."""
        return abs(float(transaction.amount)) * (float(transaction.price) * self.cost_per_dollar)

    def cost_of_first(self, shares: float, price: float) -> float:
        """Return the commission that this fill adds."""
        return abs(shares) * (price * self.cost_per_dollar)


class PerContract(FutureCommissionModel):
    """Charge per futures contract: only the name exists, because futures are not
    supported.

    Raises:
        NotBuilt: always, at construction.
    """

    def __init__(
        self,
        cost: object,  # noqa: ARG002 -- zipline's signature
        exchange_fee: object,  # noqa: ARG002 -- zipline's signature
        min_trade_cost: float = DEFAULT_MINIMUM_COST_PER_FUTURE_TRADE,  # noqa: ARG002 -- zipline's signature
    ) -> None:
        _refuse_futures(type(self).__name__)

    def calculate(self, order: OrderLike, transaction: TransactionLike) -> float:  # noqa: ARG002 -- the base's signature
        """Raise NotBuilt: the class has no instances."""
        raise _futures_not_built(type(self).__name__)


class PerFutureTrade(PerContract):
    """Charge per futures order: only the name exists, because futures are not
    supported.

    Raises:
        NotBuilt: always, at construction.
    """

    def __init__(self, cost: object = DEFAULT_MINIMUM_COST_PER_FUTURE_TRADE) -> None:  # noqa: ARG002 -- zipline's signature
        _refuse_futures(type(self).__name__)


def _futures_not_built(name: str) -> NotBuilt:
    return NotBuilt(
        f"futures are not built: {name}(...) was called; for equities use PerShare, PerTrade or "
        "PerDollar"
    )


def _refuse_futures(name: str) -> None:
    raise _futures_not_built(name)
