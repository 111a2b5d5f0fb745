"""zipline's `zipline.utils.math_utils`: small numeric helpers that strategies import;
NaN-aware sums are numpy's.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from decimal import Decimal
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, SupportsFloat

from rbtlive.model.arrays import np

if TYPE_CHECKING:
    from numpy import nanargmax, nanargmin, nanmax, nanmean, nanmedian, nanmin, nanstd, nansum

__all__ = [
    "nanargmax",
    "nanargmin",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanstd",
    "nansum",
    "number_of_decimal_places",
    "round_if_near_integer",
    "tolerant_equals",
]


# The names above that are NumPy's, which is loaded only when one of them is used. Like
# zipline's, they do not warn about windows that contain only NaN.
def __getattr__(name: str) -> Any:
    if name in __all__:
        return _quiet(getattr(np, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return function(*arguments, **options)

    return call


def __dir__() -> list[str]:
    return __all__


def tolerant_equals(
    a: SupportsFloat,
    b: SupportsFloat,
    atol: float = 1e-6,
    rtol: float = 1e-6,
    equal_nan: bool = False,
) -> bool:
    """Say whether two numbers are equal within `atol`, or within `rtol` of the larger
    one.
    """
    left, right = float(a), float(b)
    if math.isnan(left) and math.isnan(right):
        return equal_nan
    return math.isclose(left, right, rel_tol=rtol, abs_tol=atol)


def round_if_near_integer(a: float, epsilon: float = 1e-4) -> float:
    """Return the nearest integer if it is within `epsilon`, otherwise the number
    itself.
    """
    nearest = round(a)
    return nearest if abs(a - nearest) <= epsilon else a


def number_of_decimal_places(n: object) -> int:
    """Return the number of digits after the point in the shortest decimal text of a
    number.
    """
    exponent = Decimal(str(n)).as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"a finite number is expected: was {n!r}")  # noqa: TRY004 - a number, but not a finite one
    return -exponent
