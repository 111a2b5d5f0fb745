"""Base of slippage and commission models: the assets that they serve, and checks of
their parameters.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from rbtlive.errors import NotBuilt
from rbtlive.model.asset import Asset, Equity
from rbtlive.model.number import ENGINE_CONTEXT, to_decimal

_NEAR_A_LOT = Decimal("1E-9")


class Future(Asset):
    """The asset type of futures contracts: only a name, for models that would serve
    them. No instance can be created.
    """

    __slots__ = ()

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        raise NotBuilt(
            "futures are not built: Future(...) was called; trade equities, or anything else as an "
            "Equity"
        )


class FinancialModel:
    """Base of slippage and commission models.

    A class derived from several marked bases (EquitySlippageModel, FutureSlippageModel
    and so on) serves the asset types of all of them, unless it defines its own.

    Attributes:
        allowed_asset_types: The asset types the model serves.
    """

    allowed_asset_types: ClassVar[tuple[type[Asset], ...]] = (Equity, Future)
    _marks_asset_types: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "allowed_asset_types" in cls.__dict__:
            return
        marked = [base for base in cls.__bases__ if getattr(base, "_marks_asset_types", False)]
        types = [served for base in marked for served in base.allowed_asset_types]  # type: ignore[attr-defined]
        if types:
            cls.allowed_asset_types = tuple(dict.fromkeys(types))


def checked_number(
    value: object,
    name: str,
    owner: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
) -> float:
    """Return a parameter as a finite float within its bounds.

    Args:
        value: The caller's value.
        name: The parameter's name, for the message.
        owner: The class with this parameter, for the message.
        at_least: Minimum value.
        above: Value that must be exceeded.

    Raises:
        TypeError: `value` is not a number.
        ValueError: it is not finite, or out of bounds.
    """
    try:
        number = float(to_decimal(value))
    except TypeError:
        kind = type(value).__name__
        raise TypeError(
            f"{name} of {owner} must be a number: was {value!r} ({kind}); pass an int or float"
        ) from None
    expected = "finite"
    if at_least is not None:
        expected += f" and at least {at_least:g}"
    if above is not None:
        expected += f" and above {above:g}"
    too_low = (at_least is not None and number < at_least) or (
        above is not None and number <= above
    )
    if not math.isfinite(number) or too_low:
        raise ValueError(f"{name} of {owner} must be {expected}: was {value!r}")
    return number


def plain_moment(moment: Any) -> datetime:
    """Return a moment, which may be a pandas Timestamp, as a date-time."""
    plain: datetime = moment.to_pydatetime() if hasattr(moment, "to_pydatetime") else moment
    return plain


def whole_lots(quantity: Any, lot_size: Decimal) -> Decimal:
    """Truncate a quantity toward zero to a multiple of the lot size.

    Whole shares are truncated exactly as in zipline. For other lot sizes, a quantity
    that binary arithmetic left a billionth of a lot short of a multiple counts as that
    multiple.

    Args:
        quantity: Signed quantity, any number.
        lot_size: Smallest tradable amount, above zero.
    """
    if lot_size == 1:
        return Decimal(int(quantity))
    lots = ENGINE_CONTEXT.divide(to_decimal(quantity), lot_size)
    nearest = lots.to_integral_value(context=ENGINE_CONTEXT)
    if abs(lots - nearest) > _NEAR_A_LOT:
        nearest = Decimal(int(lots))
    return ENGINE_CONTEXT.multiply(nearest, lot_size)
