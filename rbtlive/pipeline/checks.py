"""Check the arguments of a term's methods."""

from __future__ import annotations

from typing import Any

from rbtlive.errors import BadPercentileBounds
from rbtlive.model.arrays import np
from rbtlive.pipeline.arguments import no_filter
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import BOOL, FLOAT, INT, TEXT, ComputableTerm, LoadableTerm, Term


def float_only(term: Any, method: str) -> None:
    """Raise an error for a method of a term other than float64.

    Raises:
        TypeError: the term has other values.
    """
    if term.dtype != FLOAT:
        raise TypeError(
            f"{method}() is only defined on Factors of dtype float64, but it was called "
            "on a Factor "
            f"of dtype {term.dtype}: use isnull() or notnull() to look for missing values"
        )


def optional_mask(mask: object) -> object:
    """Return a mask if it is a filter or was left out.

    Raises:
        TypeError: `mask` is neither.
    """
    if mask is NotSpecified or (isinstance(mask, Term) and mask.dtype == BOOL):
        return mask
    column, term = isinstance(mask, LoadableTerm), isinstance(mask, Term)
    raise no_filter("mask", mask, column=column, term=term)


def labels_of(groupby: object) -> ComputableTerm:
    """Return what groups are made by, if it is a classifier.

    Raises:
        TypeError: it is not.
    """
    if isinstance(groupby, ComputableTerm) and groupby.dtype in {INT, TEXT}:
        return groupby
    write = "take factor.quantiles(5), or a data set's .latest"
    raise TypeError(
        f"groupby must be a Classifier: was {groupby!r} ({type(groupby).__name__}); {write}"
    )


def count_of(value: object, name: str) -> int:
    """Return a count that is a whole number.

    Raises:
        TypeError: it is not.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    raise TypeError(f"{name} must be a whole number: was {value!r} ({type(value).__name__})")


def first_few(count: object, method: str) -> object:
    """Return how many to take, if it is a whole number that is not negative; 5.0 is
    one, as in zipline. What is no number is left to the comparison of ranks.

    Raises:
        TypeError: it is part of a number, or yes or no.
        ValueError: it is negative.
    """
    if isinstance(count, (float, np.floating)) and float(count).is_integer():
        count = int(count)
    if not isinstance(count, (int, float, np.number, np.bool_)):
        return count
    whole = count_of(count, f"N of {method}()")
    if whole < 0:
        raise ValueError(f"N of {method}() must be 0 or more: was {whole}")
    return whole


def bounds_in_order(low: object, high: object) -> None:
    """Raise an error if two bounds cannot limit a number; None is no bound.

    Raises:
        TypeError: one of them is no number.
        ValueError: the lower one is above the upper one.
    """
    for name, bound in (("min_bound", low), ("max_bound", high)):
        if bound is not None and not isinstance(bound, (int, float, np.number)):
            raise TypeError(f"{name} of clip() must be a number: was {bound!r}")
    if low is not None and high is not None and low > high:  # type: ignore[operator]
        raise ValueError(
            f"min_bound of clip() must not be above max_bound: were {low!r} and {high!r}"
        )


def factors_only(term: Any, name: str) -> Term:
    """Return `term` if it is a numeric factor.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(term, Term) or term.dtype.kind not in "fi":
        raise TypeError(f"{name} must be a Factor of numbers: was {term!r}")
    return term


def bad_bounds(low: float, high: float, upper: float) -> BadPercentileBounds:
    """Return the error for percentiles that are out of order."""
    return BadPercentileBounds(
        f"percentile bounds must fall between 0.0 and {upper}, and min must be less than max: "
        f"were min={low}, max={high}"
    )
