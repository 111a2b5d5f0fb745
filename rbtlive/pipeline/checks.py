"""Checks of what is passed to a term's methods."""

from __future__ import annotations

from typing import Any

from rbtlive.errors import BadPercentileBounds
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import BOOL, FLOAT, Term


def float_only(term: Any, method: str) -> None:
    """Refuse a method on anything but float64.

    Raises:
        TypeError: the term has other values.
    """
    if term.dtype != FLOAT:
        raise TypeError(
            f"{method}() is only defined on Factors of dtype float64, but it was called "
            "on a Factor "
            f"of dtype {term.dtype}: use isnull() or notnull() to look for missing values"
        )


def optional_mask(mask: Any) -> Any:
    """Return a mask if it is a filter or left out.

    Raises:
        TypeError: it is neither.
    """
    if mask is NotSpecified or (isinstance(mask, Term) and mask.dtype == BOOL):
        return mask
    raise TypeError(f"mask must be a Filter: was {mask!r} ({type(mask).__name__})")


def factors_only(term: Any, name: str) -> Term:
    """Return `term` if it is a factor of numbers.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(term, Term) or term.dtype.kind not in "fi":
        raise TypeError(f"{name} must be a Factor of numbers: was {term!r}")
    return term


def bad_bounds(low: float, high: float, upper: float) -> BadPercentileBounds:
    """Return the error of percentiles that are out of order."""
    return BadPercentileBounds(
        f"percentile bounds must fall between 0.0 and {upper}, and min must be less than max: "
        f"were min={low}, max={high}"
    )
