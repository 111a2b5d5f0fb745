"""Factors: a number or a time per asset and day.

The rule: methods create new terms; only the private terms at the end compute anything,
on a day's cross-section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from rbtlive.errors import UnknownRankMethod
from rbtlive.model.arrays import np
from rbtlive.pipeline import groups, ranks, rows
from rbtlive.pipeline.checks import (
    bad_bounds,
    bounds_in_order,
    count_of,
    first_few,
    float_only,
    labels_of,
    optional_mask,
)
from rbtlive.pipeline.expression import NumericalExpression, factor_methods
from rbtlive.pipeline.kinds import kind, registered
from rbtlive.pipeline.mixins import (
    CustomTermMixin,
    LatestMixin,
    PositiveWindowLengthMixin,
    RestrictedDType,
    SingleInputMixin,
)
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import FLOAT, INT, LISTED, TIME, ComputableTerm, is_missing

RANK_METHODS: Final = ("average", "min", "max", "dense", "ordinal")
SUMMARIES: Final[dict[str, Any]] = {
    "mean": rows.nanmean,
    "stddev": rows.nanstd,
    "max": rows.nanmax,
    "min": rows.nanmin,
    "median": rows.nanmedian,
    "sum": rows.nansum,
    "notnull_count": lambda values, axis: (~np.isnan(values)).sum(axis=axis),
}


class Factor(RestrictedDType, ComputableTerm):
    """A number (float64, int64) or a time per asset and day.

    Operators and mathematical functions give factors; comparisons give filters.
    """

    ALLOWED_DTYPES = frozenset({FLOAT, INT, TIME})

    locals().update(factor_methods())

    def demean(self, mask: Any = NotSpecified, groupby: Any = NotSpecified) -> Any:
        """Return the difference from the day's mean, or from the group's."""
        float_only(self, "demean")
        return self._by_row(groups.demean, mask, groupby, window_safe=self.window_safe)

    def zscore(self, mask: Any = NotSpecified, groupby: Any = NotSpecified) -> Any:
        """Return the difference from the day's mean in population standard
        deviations.
        """
        float_only(self, "zscore")
        return self._by_row(groups.zscore, mask, groupby, window_safe=True)

    def winsorize(
        self,
        min_percentile: float,
        max_percentile: float,
        mask: Any = NotSpecified,
        groupby: Any = NotSpecified,
    ) -> Any:
        """Return values with the day's lowest and highest replaced by the next ones.

        Args:
            min_percentile: Fraction of the lowest values, 0.0 to 1.0.
            max_percentile: Fraction above which values are the highest.
            mask: Filter of the assets to include.
            groupby: Classifier whose groups are treated separately.

        Raises:
            BadPercentileBounds: the fractions are out of order.
        """
        float_only(self, "winsorize")
        if not 0.0 <= min_percentile < max_percentile <= 1.0:
            raise bad_bounds(min_percentile, max_percentile, 1.0)
        cuts = (min_percentile, max_percentile)
        return self._by_row(groups.winsorize, mask, groupby, cuts, window_safe=self.window_safe)

    # Any function of a day's row, within a mask and groups.
    def _by_row(
        self,
        transform: Any,
        mask: Any,
        groupby: Any,
        arguments: tuple[Any, ...] = (),
        *,
        window_safe: bool,
    ) -> Any:
        return GroupedRowTransform(
            transform, arguments, self, groupby, mask=mask, window_safe=window_safe
        )

    def rank(
        self,
        method: str = "ordinal",
        ascending: bool = True,
        mask: Any = NotSpecified,
        groupby: Any = NotSpecified,
    ) -> Any:
        """Return the rank in the day's cross-section, from 1.

        Args:
            method: "ordinal" gives equal values different ranks, in order of their
                sids; "min", "max", "average" and "dense" as in scipy.
            ascending: Whether the smallest value has rank 1.
            mask: Filter of the assets to rank.
            groupby: Classifier whose groups are ranked separately.

        Raises:
            UnknownRankMethod: the method is unknown.
            TypeError: `ascending` is neither True nor False.
        """
        if not isinstance(ascending, (bool, np.bool_)) and ascending not in (0, 1):
            raise TypeError(f"ascending of rank() must be True or False: was {ascending!r}")
        if groupby is NotSpecified:
            return Rank(self, method, ascending=ascending, mask=mask)
        transform = ranks.row_ranks if ascending else ranks.row_ranks_descending
        return self._by_row(transform, mask, groupby, (method,), window_safe=True)

    def pearsonr(self, target: Any, correlation_length: int, mask: Any = NotSpecified) -> Any:
        """Return the rolling correlation with another term, or with one asset's
        values.
        """
        return kind("RollingPearson")(
            base_factor=self, target=target, correlation_length=correlation_length, mask=mask
        )

    def spearmanr(self, target: Any, correlation_length: int, mask: Any = NotSpecified) -> Any:
        """Return the rolling rank correlation with another term."""
        return kind("RollingSpearman")(
            base_factor=self, target=target, correlation_length=correlation_length, mask=mask
        )

    def linear_regression(
        self, target: Any, regression_length: int, mask: Any = NotSpecified
    ) -> Any:
        """Return alpha, beta, r_value, p_value and stderr of rolling regressions."""
        return kind("RollingLinearRegression")(
            dependent=self, independent=target, regression_length=regression_length, mask=mask
        )

    def quantiles(self, bins: int, mask: Any = NotSpecified) -> Any:
        """Return a classifier of the day's quantile, from 0; -1 if missing.

        Raises:
            ValueError: there is no bin.
        """
        mask = self.mask if mask is NotSpecified else mask
        count = count_of(bins, "bins")
        if count < 1:
            raise ValueError(f"bins of quantiles() must be 1 or more: was {count}")
        return kind("Quantiles")(inputs=(self,), bins=count, mask=mask)

    def quartiles(self, mask: Any = NotSpecified) -> Any:
        """Return a classifier of the day's quarter, from 0."""
        return self.quantiles(4, mask)

    def quintiles(self, mask: Any = NotSpecified) -> Any:
        """Return a classifier of the day's fifth, from 0."""
        return self.quantiles(5, mask)

    def deciles(self, mask: Any = NotSpecified) -> Any:
        """Return a classifier of the day's tenth, from 0."""
        return self.quantiles(10, mask)

    def top(self, N: int, mask: Any = NotSpecified, groupby: Any = NotSpecified) -> Any:  # noqa: N803
        """Return a filter of the day's N largest, or of each group's.

        Raises:
            TypeError: `N` is no whole number.
            ValueError: `N` is negative.
        """
        count = first_few(N, "top")
        if count == 1:
            return kind("MaximumFilter")(self, groupby=groupby, mask=mask)
        return self._first(count, mask, groupby, ascending=False)

    def bottom(self, N: int, mask: Any = NotSpecified, groupby: Any = NotSpecified) -> Any:  # noqa: N803
        """Return a filter of the day's N smallest, or of each group's; see `top`."""
        return self._first(first_few(N, "bottom"), mask, groupby, ascending=True)

    # Without groups, only the boundary needs to be ranked.
    def _first(self, count: Any, mask: Any, groupby: Any, *, ascending: bool) -> Any:
        if groupby is NotSpecified and isinstance(count, int):
            return kind("FirstRanked")(self, count, ascending=ascending, mask=mask)
        return self.rank(ascending=ascending, mask=mask, groupby=groupby) <= count

    def percentile_between(
        self, min_percentile: float, max_percentile: float, mask: Any = NotSpecified
    ) -> Any:
        """Return a filter of values between two percentiles of the day, 0 to 100, both
        included.

        Raises:
            BadPercentileBounds: the percentiles are out of order.
        """
        return kind("PercentileFilter")(self, min_percentile, max_percentile, mask=mask)

    def isnan(self) -> Any:
        """Return a filter of missing values."""
        float_only(self, "isnan")
        return self != self  # noqa: PLR0124 - a term, not a truth value

    def notnan(self) -> Any:
        """Return a filter of values that are not missing."""
        float_only(self, "notnan")
        return ~self.isnan()

    def isfinite(self) -> Any:
        """Return a filter of values that are neither missing nor infinite."""
        float_only(self, "isfinite")
        return (self > -np.inf) & (self < np.inf)  # type: ignore[operator]

    def clip(self, min_bound: Any, max_bound: Any, mask: Any = NotSpecified) -> Any:
        """Return values limited to two bounds. As in zipline, the mask has no
        effect.

        Raises:
            TypeError: a bound is no number.
            ValueError: `min_bound` is above `max_bound`.
        """
        del mask
        bounds_in_order(min_bound, max_bound)
        return kind("Clip")(inputs=[self], min_bound=min_bound, max_bound=max_bound)

    @staticmethod
    def from_expr(expression: Any, *, window_safe: bool = False) -> Any:
        """Return a factor from a polars expression over the daily bars.

        Args:
            expression: Uses the columns `date`, `symbol`, `open`, `high`, `low`,
                `close`, `volume` of all assets, sorted by symbol and date, adjusted to
                the current day; use `.over("symbol")` for operations along time, and
                `.over("date")` for operations across assets.
            window_safe: Whether other terms may use windows of it.

        Raises:
            LookAheadIndicator: when computed, if a value depends on later bars.
        """
        return kind("ExprFactor")(expression, window_safe=window_safe)

    @classmethod
    def _principal_type(cls) -> Any:
        return Factor


def _summary(name: str) -> Any:
    def method(self: Any, mask: Any = NotSpecified) -> Any:
        float_only(self, name)
        return DailySummary(name, self, optional_mask(mask))

    method.__name__ = name
    method.__doc__ = f"Return the day's {name} over all assets, one value a day."
    return method


for _name in SUMMARIES:
    setattr(Factor, _name, _summary(_name))


@registered("NumExprFactor")
class NumExprFactor(NumericalExpression, Factor):
    """A factor computed by an operator or function."""


class GroupedRowTransform(Factor):
    """A function of each day's row, applied group by group."""

    window_length = 0
    transform: Any
    arguments: tuple[Any, ...]

    def __new__(
        cls,
        transform: Any,
        arguments: tuple[Any, ...],
        factor: Any,
        groupby: Any,
        *,
        mask: Any,
        window_safe: bool,
    ) -> Any:
        """Return the term of `transform` over the rows of `factor`."""
        optional_mask(mask)
        mask = factor.mask if mask is NotSpecified else _both(mask, factor.mask)
        groupby = kind("Everything")(mask=mask) if groupby is NotSpecified else labels_of(groupby)
        ranked = transform in {ranks.row_ranks, ranks.row_ranks_descending}
        return super().__new__(
            cls,
            inputs=(factor, groupby),
            mask=mask,
            dtype=FLOAT if ranked else factor.dtype,
            missing_value=np.nan if ranked else factor.missing_value,
            window_safe=window_safe,
            facts={"transform": transform, "arguments": arguments},
        )

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        values = inputs[0]
        labels, none = self.inputs[1]._to_integral(inputs[1])  # noqa: SLF001
        chosen = mask & (labels != none)
        out = np.full(values.shape, self.missing_value, dtype=self.dtype)
        return groups.by_group(values, labels, chosen, self.transform, self.arguments, out)

    def graph_repr(self) -> str:
        """Return a short text for diagrams."""
        return f"GroupedRowTransform({self.transform.__name__})"


# zipline's filters support `&` with any boolean term; the default mask is not a filter.
def _both(mask: Any, other: Any) -> Any:
    return mask & other


class Rank(SingleInputMixin, Factor):
    """Ranks of each day."""

    window_length = 0
    dtype = FLOAT
    window_safe = True
    method: str
    ascending: bool

    def __new__(cls, factor: Any, method: str, *, ascending: bool, mask: Any) -> Any:
        """Return the term of the ranks of `factor`."""
        return super().__new__(
            cls, inputs=(factor,), mask=mask, facts={"method": method, "ascending": ascending}
        )

    def _validate(self) -> None:
        if self.method not in RANK_METHODS:
            raise UnknownRankMethod(
                f"method in rank() must be one of {', '.join(RANK_METHODS)}: was {self.method!r}"
            )
        super()._validate()

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        missing = self.inputs[0].missing_value
        return ranks.masked_ranks(
            inputs[0], mask, missing, method=self.method, ascending=self.ascending
        )

    def __repr__(self) -> str:
        masked = "" if self.mask is LISTED else f", mask={self.mask.recursive_repr()}"
        return f"Rank({self.inputs[0].recursive_repr()}, method={self.method!r}{masked})"


class CustomFactor(PositiveWindowLengthMixin, CustomTermMixin, Factor):
    """Base of custom factors: override `compute`, and set `inputs` and
    `window_length`.

    ```python
    class Gap(CustomFactor):
        inputs = [USEquityPricing.open, USEquityPricing.close]
        window_length = 2

        def compute(self, today, assets, out, opens, closes):
            out[:] = opens[-1] / closes[0] - 1.0
    ```

    With `outputs`, `out` has an attribute for each name, and so does the factor.
    """

    dtype = FLOAT

    def __getattribute__(self, name: str) -> Any:
        outputs = object.__getattribute__(self, "outputs")
        if outputs is NotSpecified or name.startswith("__"):
            return super().__getattribute__(name)
        return RecarrayField(self, name) if name in outputs else super().__getattribute__(name)

    if not TYPE_CHECKING:  # else every name would have a type

        def __getattr__(self, name: str) -> NoReturn:
            """Refuse a name that is not there.

            Raises:
                AttributeError: always.
            """
            outputs = object.__getattribute__(self, "outputs")
            if outputs is NotSpecified:
                super().__getattr__(name)
            raise AttributeError(
                f"Instance of {type(self).__name__} has no output named {name!r}. Possible choices "
                f"are: {outputs}."
            )

    def __iter__(self) -> Any:
        outputs = object.__getattribute__(self, "outputs")
        if outputs is NotSpecified:
            raise ValueError(f"{type(self).__name__} does not have multiple outputs.")
        return (RecarrayField(self, name) for name in outputs)


class RecarrayField(SingleInputMixin, Factor):
    """One output of a factor with several outputs."""

    window_length = 0
    attribute: str

    def __new__(cls, factor: Any, attribute: str) -> Any:
        """Return the output of `factor` with that name."""
        return super().__new__(
            cls,
            inputs=[factor],
            mask=factor.mask,
            dtype=factor.dtype,
            missing_value=factor.missing_value,
            window_safe=factor.window_safe,
            facts={"attribute": attribute},
        )

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets, mask
        return np.asarray(inputs[0][self.attribute])

    def graph_repr(self) -> str:
        """Return a short text for diagrams."""
        return f"{self.inputs[0].recursive_repr()}.{self.attribute}"


@registered("LatestNumber")
class Latest(LatestMixin, CustomFactor):
    """The last known number of a column."""

    compute = LatestMixin.compute  # of the class that can compute many days at once

    def _whole(self, windows: Any, mask: Any) -> Any:
        from rbtlive.pipeline.whole import latest

        return latest(windows, mask)


class DailySummary(SingleInputMixin, Factor):
    """One number per day over all assets."""

    ndim = 1
    window_length = 0
    dtype = FLOAT
    summary: str

    def __new__(cls, summary: str, factor: Any, mask: Any) -> Any:
        """Return the term of a day's summary of `factor`."""
        return super().__new__(
            cls,
            inputs=[factor],
            mask=mask,
            window_safe=factor.window_safe,
            facts={"summary": summary},
        )

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        lost = ~mask | is_missing(inputs[0], self.inputs[0].missing_value)
        values = np.where(lost, np.nan, inputs[0])
        return SUMMARIES[self.summary](values, axis=1)[:, None].astype(np.float64)

    def __repr__(self) -> str:
        return f"{self.inputs[0].recursive_repr()}.{self.summary}()"


__all__ = ["CustomFactor", "Factor", "Latest", "RecarrayField"]
