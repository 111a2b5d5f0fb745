"""Filters: yes or no per asset and day.

The rule: the result of an operator is False if the asset is not listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline import groups, ranks, rows
from rbtlive.pipeline.array_types import Mask
from rbtlive.pipeline.checks import bad_bounds
from rbtlive.pipeline.expression import NumericalExpression, logical
from rbtlive.pipeline.kinds import kind, registered
from rbtlive.pipeline.mixins import (
    CustomTermMixin,
    IfElseMixin,
    LatestMixin,
    PositiveWindowLengthMixin,
    RestrictedDType,
    SingleInputMixin,
    StandardOutputs,
    no_such_asset,
)
from rbtlive.pipeline.picking import FEW_CALLS, blank, blocks
from rbtlive.pipeline.rolling import known_counts
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import BOOL, ComputableTerm, is_missing
from rbtlive.pipeline.whole import plain_table
from rbtlive.pipeline.windows import InputWindows


class Filter(RestrictedDType, ComputableTerm):
    """Yes or no per asset and day; combined with `&`, `|`, `~`."""

    ALLOWED_DTYPES = frozenset({BOOL})
    dtype = BOOL
    window_safe = True
    __and__ = __rand__ = logical("&")
    __or__ = __ror__ = logical("|")

    def __invert__(self) -> Any:
        return NumExprFilter("~", (self,), BOOL)

    def if_else(self, if_true: Any, if_false: Any) -> Any:
        """Return a term with `if_true` where this is True, otherwise `if_false`.

        Raises:
            TypeError: they are of different kinds or types.
            ValueError: their outputs or missing values differ.
        """
        for value in (if_true, if_false):
            if not isinstance(value, ComputableTerm):
                raise TypeError(f"if_else() takes two terms: was {value!r}")
        kinds = [value._principal_type().__name__ for value in (if_true, if_false)]  # noqa: SLF001
        if kinds[0] != kinds[1]:
            raise TypeError(
                f"Mismatched types in if_else(): if_true={kinds[0]}, but if_false={kinds[1]}"
            )
        for name, problem in (("dtype", TypeError), ("outputs", ValueError)):
            a, b = getattr(if_true, name), getattr(if_false, name)
            if a != b:
                raise problem(
                    f"Mismatched {name}s in if_else(): if_true.{name} = {a}, if_false.{name} = {b}"
                )
        a, b = if_true.missing_value, if_false.missing_value
        if not (a == b or (a != a and b != b)):  # noqa: PLR0124 - NaN
            raise ValueError(
                f"Mismatched missing values in if_else(): if_true.missing_value = {a!r}, "
                f"if_false.missing_value = {b!r}"
            )
        return type(if_true)._with_mixin(IfElseMixin)(self, if_true, if_false)  # noqa: SLF001

    @classmethod
    def _principal_type(cls) -> Any:
        return Filter


@registered("NumExprFilter")
class NumExprFilter(NumericalExpression, Filter):
    """A filter computed by an operator."""

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        return super()._compute(inputs, dates, assets, mask) & mask


@registered("NullFilter")
class NullFilter(SingleInputMixin, Filter):
    """Where a term's value is missing."""

    window_length = 0

    def __new__(cls, term: Any) -> Any:
        """Return the filter of missing values."""
        return super().__new__(cls, inputs=(term,))

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets, mask
        return is_missing(inputs[0], self.inputs[0].missing_value)


@registered("NotNullFilter")
class NotNullFilter(SingleInputMixin, Filter):
    """Where a term's value is not missing."""

    window_length = 0

    def __new__(cls, term: Any) -> Any:
        """Return the filter of present values."""
        return super().__new__(cls, inputs=(term,))

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets, mask
        return ~is_missing(inputs[0], self.inputs[0].missing_value)


@registered("FirstRanked")
class FirstRanked(SingleInputMixin, Filter):
    """The day's largest or smallest few; among equal ones, those with lower sids."""

    window_length = 0
    count: int
    ascending: bool

    def __new__(cls, factor: Any, count: int, *, ascending: bool, mask: Any) -> Any:
        """Return the filter of the first `count` of `factor`."""
        facts = {"count": count, "ascending": ascending}
        return super().__new__(cls, inputs=(factor,), mask=mask, facts=facts)

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        missing = self.inputs[0].missing_value
        return ranks.first_ranked(
            inputs[0], mask, missing, count=self.count, ascending=self.ascending
        )

    def __repr__(self) -> str:
        method = "bottom" if self.ascending else "top"
        return f"{self.inputs[0].recursive_repr()}.{method}({self.count})"


@registered("PercentileFilter")
class PercentileFilter(SingleInputMixin, Filter):
    """Values between two percentiles of the day, both included."""

    window_length = 0
    low: float
    high: float

    def __new__(cls, factor: Any, low: float, high: float, *, mask: Any) -> Any:
        """Return the filter of `factor` between `low` and `high`."""
        return super().__new__(cls, inputs=(factor,), mask=mask, facts={"low": low, "high": high})

    def _validate(self) -> None:
        if not 0.0 <= self.low < self.high <= 100.0:
            raise bad_bounds(self.low, self.high, 100.0)
        super()._validate()

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        given, out = inputs[0], np.empty(mask.shape, dtype=bool)
        for some in blocks(*mask.shape, numbers=FEW_CALLS):
            values = given[some].astype(np.float64)
            blank(values, ~mask[some])
            edges = rows.percentiles(values, (self.low, self.high))
            np.less_equal(edges[:, :1], values, out=out[some])
            out[some] &= values <= edges[:, 1:]
        return out


class CustomFilter(PositiveWindowLengthMixin, CustomTermMixin, Filter):
    """Base of custom filters: override `compute`; see `CustomFactor`."""


class ArrayPredicate(SingleInputMixin, Filter):
    """A function of a term's whole table."""

    window_length = 0
    params: Any = ("op", "opargs")

    def __new__(cls, term: Any, op: Any, opargs: tuple[Any, ...]) -> Any:
        """Return the filter of `op(values, *opargs)`."""
        return super().__new__(cls, op=op, opargs=tuple(opargs), inputs=(term,), mask=term.mask)

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        return self.params["op"](inputs[0], *self.params["opargs"]) & mask


@registered("LatestFlag")
class Latest(LatestMixin, CustomFilter):
    """The last known yes or no of a column."""


class SingleAsset(Filter):
    """One asset, which must be listed on all days."""

    inputs = ()
    window_length = 1
    asset: Any

    def __new__(cls, asset: Any) -> Any:
        """Return the filter of `asset` only.

        Raises:
            TypeError: it is not an asset.
        """
        if not hasattr(asset, "sid"):
            raise TypeError(
                f"SingleAsset takes an asset: was {asset!r}; write SingleAsset(symbol('AAPL'))"
            )
        return super().__new__(cls, facts={"asset": asset})

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del inputs
        mine = assets.values == self.asset.sid
        out = np.broadcast_to(mine, mask.shape).copy()
        if mine.sum() != 1 or (out & mask).sum() != len(mask):
            raise no_such_asset(self.asset, dates)
        return out


# As in zipline, an asset stands for its sid, and 24.0, e.g. of a CSV file, for 24.
def _sid(name: str, one: object) -> int:
    sid = getattr(one, "sid", one)
    if isinstance(sid, (float, np.floating)) and float(sid).is_integer():
        return int(sid)
    if isinstance(sid, (int, np.integer)):
        return int(sid)
    raise TypeError(
        f"sids of {name} must be whole numbers: was {one!r}; write "
        "StaticAssets([symbol('AAPL')]) for symbols"
    )


class StaticSids(Filter):
    """Assets with given sids."""

    inputs = ()
    window_length = 0
    params: Any = ("sids",)

    def __new__(cls, sids: Iterable[int]) -> Any:
        """Return the filter of the assets with these sids.

        Raises:
            TypeError: `sids` is not a list of whole numbers or assets.
        """
        given = frozenset([sids] if isinstance(sids, str) else sids)
        return super().__new__(cls, sids=frozenset(_sid(cls.__name__, one) for one in given))

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del inputs, dates
        return assets.isin(list(self.params["sids"]))[None, :] & mask


class StaticAssets(StaticSids):
    """Given assets."""

    def __new__(cls, assets: Iterable[Any]) -> Any:
        """Return the filter of these assets.

        Raises:
            TypeError: `assets` is not a list.
            AttributeError: one of them is not an asset.
        """
        write = "write StaticAssets([symbol('AAPL'), symbol('IBM')])"
        if not isinstance(assets, Iterable):
            raise TypeError(f"StaticAssets takes a list of assets: was {assets!r}; {write}")
        chosen = tuple(assets)
        strange = [one for one in chosen if not hasattr(one, "sid")]
        if strange:  # of zipline's class
            raise AttributeError(f"StaticAssets takes assets: was {strange[0]!r}; {write}")
        return super().__new__(cls, frozenset(asset.sid for asset in chosen))


class AllPresent(CustomFilter, SingleInputMixin, StandardOutputs):
    """Assets whose input is present on all days of the window."""

    def _validate(self) -> None:
        if isinstance(self.inputs[0], Filter):
            raise TypeError("Input to filter `AllPresent` cannot be a Filter.")
        super()._validate()

    def compute(self, today: Any, assets: Any, out: Any, *inputs: Any) -> None:
        """Write whether no value in the window is missing."""
        del today, assets
        out[:] = ~is_missing(inputs[0], self.inputs[0].missing_value).any(axis=0)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Mask | None:
        values = plain_table(windows, mask)
        if values is None:
            return None
        missing = is_missing(values, self.inputs[0].missing_value)
        found: Mask = known_counts(missing, self.window_length) == self.window_length
        return found & mask


@registered("MaximumFilter")
class MaximumFilter(Filter, StandardOutputs):
    """The day's largest value, per group.

    As in zipline, it compares the bits of numbers as if they were whole numbers: among
    negative ones it takes the lowest.
    """

    window_length = 0

    def __new__(cls, factor: Any, *, groupby: Any, mask: Any) -> Any:
        """Return the filter of the largest of `factor`."""
        groupby = kind("Everything")() if groupby is NotSpecified else groupby
        return super().__new__(cls, inputs=(factor, groupby), mask=mask)

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        values = np.ascontiguousarray(inputs[0])
        labels, none = self.inputs[1]._to_integral(inputs[1])  # noqa: SLF001
        wanted = mask & (labels != none) & ~is_missing(values, self.inputs[0].missing_value)
        return groups.largest_by_group(values.view(np.int64), labels, wanted)
