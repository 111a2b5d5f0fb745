"""Classifiers: a label (a whole number or a text) per asset and day.

The rule: a missing label belongs to no group, and every comparison with it is False.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from numbers import Number
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline import rows
from rbtlive.pipeline.filters.filter import ArrayPredicate, NumExprFilter
from rbtlive.pipeline.kinds import kind, registered
from rbtlive.pipeline.mixins import (
    CustomTermMixin,
    LatestMixin,
    PositiveWindowLengthMixin,
    RestrictedDType,
    SingleInputMixin,
    StandardOutputs,
)
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import BOOL, INT, TEXT, ComputableTerm, is_missing


class InvalidClassifierComparison(TypeError):  # noqa: N818 - zipline's name
    """A classifier was compared with a value of another type."""

    def __init__(self, classifier: Any, value: Any) -> None:
        super().__init__(
            f"Can't compare classifier of dtype {classifier.dtype} to value {value} of type "
            f"{type(value).__name__}."
        )


# Texts are compared one by one; a missing one never matches.
def _texts(values: Any, fits: Callable[[str], Any]) -> Any:
    def one(value: Any) -> bool:
        return value is not None and bool(fits(value))

    return np.frompyfunc(one, 1, 1)(values).astype(bool)


def starts_with(values: Any, missing: Any, prefix: str) -> Any:
    """Return where texts start with a prefix."""
    return _texts(values, lambda v: v != missing and v.startswith(prefix))


def ends_with(values: Any, missing: Any, suffix: str) -> Any:
    """Return where texts end with a suffix."""
    return _texts(values, lambda v: v != missing and v.endswith(suffix))


def has_part(values: Any, missing: Any, part: str) -> Any:
    """Return where texts contain another text."""
    return _texts(values, lambda v: v != missing and part in v)


def fits_pattern(values: Any, missing: Any, pattern: Any) -> Any:
    """Return where texts match a pattern from their start."""
    compiled = re.compile(pattern)
    return _texts(values, lambda v: v != missing and compiled.match(v))


def is_one_of(values: Any, missing: Any, choices: frozenset[Any]) -> Any:
    """Return where labels are in a set."""
    if values.dtype.kind in "iu":
        return np.isin(values, list(choices))
    return _texts(values, lambda v: v != missing and v in choices)


def equals(values: Any, missing: Any, other: str) -> Any:
    """Return where texts equal another text."""
    return _texts(values, lambda v: v != missing and v == other)


def differs(values: Any, missing: Any, other: str) -> Any:
    """Return where texts are present and differ from another text."""
    return _texts(values, lambda v: v not in (missing, other))


class Classifier(RestrictedDType, ComputableTerm):
    """A label per asset and day."""

    ALLOWED_DTYPES = frozenset({INT, TEXT})

    def eq(self, other: Any) -> Any:
        """Return a filter of assets with this label.

        Raises:
            ValueError: `other` is the missing value; use `isnull`.
        """
        if other == self.missing_value:
            raise ValueError(
                f"Comparison against self.missing_value ({other!r}) in "
                f"{type(self).__name__}.eq().\n"
                "Missing values have NaN semantics, so the requested comparison would always "
                "produce False.\nUse the isnull() method to check for missing values."
            )
        self._comparable(other)
        if isinstance(other, Number):
            return NumExprFilter("==", (self, int(other)), BOOL)  # type: ignore[call-overload]
        return self._predicate(equals, other)

    def __ne__(self, other: object) -> Any:
        """Return a filter of assets with another label; False for assets without a
        label.
        """
        self._comparable(other)
        if isinstance(other, Number):
            label = int(other)  # type: ignore[call-overload]
            return NumExprFilter("!=", (self, label), BOOL) & NumExprFilter(
                "!=", (self, self.missing_value), BOOL
            )
        return self._predicate(differs, other)

    __hash__ = ComputableTerm.__hash__

    def _comparable(self, other: Any) -> None:
        if isinstance(other, Number) != (self.dtype == INT):
            raise InvalidClassifierComparison(self, other)

    def _predicate(self, op: Any, *arguments: Any) -> Any:
        return ArrayPredicate(self, op, (self.missing_value, *arguments))

    def __lt__(self, _other: Any) -> Any:
        raise TypeError("cannot compare classifiers with <, <=, >= or >: use eq or element_of")

    __gt__ = __le__ = __ge__ = __lt__

    def _only_texts(self, method: str) -> None:
        if self.dtype != TEXT:
            raise TypeError(
                f"{method}() is only defined on Classifiers producing strings but it was called on "
                f"a Classifier of dtype {self.dtype}."
            )

    def startswith(self, prefix: str) -> Any:
        """Return a filter of labels that start with a text."""
        self._only_texts("startswith")
        return self._predicate(starts_with, prefix)

    def endswith(self, suffix: str) -> Any:
        """Return a filter of labels that end with a text."""
        self._only_texts("endswith")
        return self._predicate(ends_with, suffix)

    def has_substring(self, substring: str) -> Any:
        """Return a filter of labels that contain a text."""
        self._only_texts("has_substring")
        return self._predicate(has_part, substring)

    def matches(self, pattern: Any) -> Any:
        """Return a filter of labels that match a regular expression from their
        start.
        """
        self._only_texts("matches")
        return self._predicate(fits_pattern, pattern)

    def relabel(self, relabeler: Callable[[str], str | None]) -> Any:
        """Return a classifier with a function applied to each label; missing labels are
        not passed to it.

        Raises:
            TypeError: when computed, if the function returns anything other than text.
        """
        self._only_texts("relabel")
        return Relabel(self, relabeler)

    def element_of(self, choices: Iterable[Any]) -> Any:
        """Return a filter of labels in a set.

        Raises:
            TypeError: the choices are not labels of this type.
            ValueError: they include the missing value; use `isnull`.
        """
        try:
            choices = frozenset(choices)
        except TypeError as error:
            raise TypeError(
                "Expected `choices` to be an iterable of hashable values, but got "
                f"{choices!r} instead."
            ) from error
        if self.missing_value in choices:
            raise ValueError(
                f"Found self.missing_value ({self.missing_value!r}) in choices supplied to "
                f"{type(self).__name__}.element_of(): use isnull() to look for missing values"
            )
        kind, name = (int, "int") if self.dtype == INT else ((str, bytes), "string")
        if not all(isinstance(choice, kind) for choice in choices):
            raise TypeError(
                f"Found non-{name} in choices for {type(self).__name__}.element_of: were {choices}"
            )
        return self._predicate(is_one_of, choices)

    def peer_count(self, mask: Any = NotSpecified) -> Any:
        """Return a factor with the number of assets that have the same label."""
        return kind("PeerCount")(inputs=[self], mask=mask)

    # Labels as whole numbers, and the number for a missing label.
    def _to_integral(self, values: Any) -> tuple[Any, int]:
        return rows.group_codes(values, self.missing_value)

    def postprocess(self, values: Any) -> Any:
        """Return labels in a pipeline's output form; a missing text is None."""
        if self.dtype == INT:
            return values
        return np.where(is_missing(values, self.missing_value), None, values)

    @classmethod
    def _principal_type(cls) -> Any:
        return Classifier


@registered("Everything")
class Everything(Classifier):
    """One label for all listed assets, or all in its mask."""

    dtype = INT
    window_length = 0
    inputs = ()
    missing_value = -1

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del inputs, dates, assets
        return np.where(mask, 0, self.missing_value).astype(np.int64)


@registered("Quantiles")
class Quantiles(SingleInputMixin, Classifier):
    """The day's quantile of a factor, from 0."""

    params: Any = ("bins",)
    dtype = INT
    window_length = 0
    missing_value = -1

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        values = np.where(mask, inputs[0], np.nan)
        labels = rows.quantile_labels(values, self.params["bins"])
        return np.where(np.isnan(labels), self.missing_value, labels).astype(np.int64)

    def graph_repr(self) -> str:
        """Return a short text for diagrams."""
        return f"Quantiles({self.params['bins']})"


class Relabel(SingleInputMixin, Classifier):
    """Another classifier's labels with a function applied."""

    window_length = 0
    params: Any = ("relabeler",)

    def __new__(cls, term: Any, relabeler: Any) -> Any:
        """Return the term with the new labels."""
        return super().__new__(
            cls,
            inputs=(term,),
            dtype=term.dtype,
            missing_value=term.missing_value,
            mask=term.mask,
            relabeler=relabeler,
        )

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        values = inputs[0]
        known = {value: self._label(value) for value in set(values.ravel().tolist())}
        out = np.frompyfunc(lambda value: known[value], 1, 1)(values)
        out[~mask] = self.missing_value
        return out

    # A missing label stays missing.
    def _label(self, value: Any) -> Any:
        missing = self.missing_value
        if value is None or value == missing:
            return missing
        label = self.params["relabeler"](value)
        if not isinstance(label, (str, bytes)) and not (label is None and missing is None):
            raise TypeError(
                f"the function of relabel() must return text: gave {label!r} for {value!r}"
            )
        return label


class CustomClassifier(PositiveWindowLengthMixin, StandardOutputs, CustomTermMixin, Classifier):
    """Base of custom classifiers: override `compute`; see `CustomFactor`."""


@registered("LatestLabel")
class Latest(LatestMixin, CustomClassifier):
    """The last known label of a column."""


__all__ = ["Classifier", "CustomClassifier", "Everything", "Latest", "Quantiles"]
