"""Rolling correlations, regressions and betas.

The rule: correlations allow no missing value; a beta allows a fraction of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.errors import IncompatibleTerms
from rbtlive.model.arrays import np
from rbtlive.pipeline import rolling, rows
from rbtlive.pipeline.array_types import Mask, Values
from rbtlive.pipeline.checks import factors_only
from rbtlive.pipeline.factors.basic import Returns
from rbtlive.pipeline.factors.factor import CustomFactor
from rbtlive.pipeline.filters.filter import SingleAsset
from rbtlive.pipeline.kinds import registered
from rbtlive.pipeline.mixins import StandardOutputs
from rbtlive.pipeline.scans import cross_moments, known_slope, rank_correlation
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import FLOAT, LISTED
from rbtlive.pipeline.whole import table_and_column
from rbtlive.pipeline.windows import InputWindows


def _check_pair(
    first: Any, second: Any, names: tuple[str, str], length: int, *, least: int
) -> None:
    factors_only(first, names[0])
    factors_only(second, names[1])
    if length < least:
        raise ValueError(f"the window must hold at least {least} days: was {length}")
    if second.ndim == 2 and first.mask is not second.mask:
        raise IncompatibleTerms(
            f"{first!r} and {second!r} must have the same mask, in order to be compared"
        )


class _RollingCorrelation(CustomFactor):
    def __new__(
        cls, base_factor: Any, target: Any, correlation_length: int, mask: Any = NotSpecified
    ) -> Any:
        """Return the rolling correlation of two terms."""
        _check_pair(base_factor, target, ("base_factor", "target"), correlation_length, least=2)
        return super().__new__(
            cls, inputs=[base_factor, target], window_length=correlation_length, mask=mask
        )


@registered("RollingPearson")
class RollingPearson(_RollingCorrelation):
    """The rolling correlation of two terms."""

    window_safe = True

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the correlations."""
        del today, assets
        vectorized_pearson_r(inputs[0], inputs[1], allowed_missing=0, out=out)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        given = table_and_column(windows, mask)
        if given is None:
            return None
        _, _, xx, xy, yy = cross_moments(given[1], given[0], self.window_length)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(mask, xy / np.sqrt(xx * yy), np.nan)


@registered("RollingSpearman")
class RollingSpearman(_RollingCorrelation):
    """The rolling rank correlation of two terms."""

    window_safe = True

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the rank correlations; NaN if a value is missing."""
        from scipy.stats import rankdata

        del today, assets
        base = inputs[0]
        target = np.broadcast_to(inputs[1], base.shape)
        lost = (np.isnan(base) | np.isnan(target)).any(axis=0)
        known = ~lost
        if known.any():
            ranks = [rankdata(values[:, known], axis=0) for values in (base, target)]
            out[known] = vectorized_pearson_r(ranks[0], ranks[1], allowed_missing=0)
        out[lost] = np.nan

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        given = table_and_column(windows, mask)
        if given is None:
            return None
        return rank_correlation(given[1], given[0], self.window_length, mask)


@registered("RollingLinearRegression")
class RollingLinearRegression(CustomFactor):
    """Ordinary least squares of one term on another, over the window."""

    outputs = ("alpha", "beta", "r_value", "p_value", "stderr")
    _names = outputs

    def __new__(
        cls,
        dependent: Any,
        independent: Any,
        regression_length: int,
        mask: Any = NotSpecified,
    ) -> Any:
        """Return the rolling regression of `dependent` on `independent`."""
        names = ("dependent", "independent")
        _check_pair(dependent, independent, names, regression_length, least=2)
        return super().__new__(
            cls, inputs=[dependent, independent], window_length=regression_length, mask=mask
        )

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the five numbers of each regression."""
        del today, assets
        dependent = inputs[0]
        independent = np.broadcast_to(inputs[1], dependent.shape)
        fit = regressions(independent, dependent)
        out.alpha, out.beta, out.r_value, out.p_value, out.stderr = fit

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        given = table_and_column(windows, mask)
        if given is None:
            return None
        length = self.window_length
        dependent, independent = given
        largest, smallest = (
            rolling.plain_extreme(independent, length, 0, largest=which) for which in (True, False)
        )
        if ((largest == smallest) & mask).any() or length == 2:
            return None  # each day is computed separately
        fit = fitted(*cross_moments(independent, dependent, length), length)
        out = self._allocate(mask.shape)
        for name, found in zip(self._names, fit, strict=True):
            out[name] = np.where(mask, found, np.nan)
        return out


# The asset itself must be computed, even if it is not listed.
def _returns_with(target: Any, length: int) -> Any:
    return Returns(window_length=length, mask=AssetExistsOr(target))


def AssetExistsOr(target: Any) -> Any:  # noqa: N802 - reads like the term it creates
    """Return the filter of listed assets, which must include the target."""
    return SingleAsset(target) | LISTED


class RollingPearsonOfReturns(RollingPearson):
    """The rolling correlation of returns with those of one asset."""

    def __new__(
        cls, target: Any, returns_length: int, correlation_length: int, mask: Any = NotSpecified
    ) -> Any:
        """Return the rolling correlation with `target`."""
        returns = _returns_with(target, returns_length)
        return super().__new__(cls, returns, returns[target], correlation_length, mask)


class RollingSpearmanOfReturns(RollingSpearman):
    """The rolling rank correlation of returns with those of one asset."""

    def __new__(
        cls, target: Any, returns_length: int, correlation_length: int, mask: Any = NotSpecified
    ) -> Any:
        """Return the rolling rank correlation with `target`."""
        returns = _returns_with(target, returns_length)
        return super().__new__(cls, returns, returns[target], correlation_length, mask)


class RollingLinearRegressionOfReturns(RollingLinearRegression):
    """Rolling regressions of returns on those of one asset."""

    window_safe = True

    def __new__(
        cls, target: Any, returns_length: int, regression_length: int, mask: Any = NotSpecified
    ) -> Any:
        """Return the rolling regressions on `target`."""
        returns = _returns_with(target, returns_length)
        return super().__new__(cls, returns, returns[target], regression_length, mask)


class SimpleBeta(CustomFactor, StandardOutputs):
    """The slope of daily returns on those of one asset.

    Args:
        target: The asset.
        regression_length: Days of the window, at least 3.
        allowed_missing_percentage: Fraction of them that may be missing, 0.0 to 1.0.
    """

    window_safe = True
    dtype = FLOAT
    params: Any = ("allowed_missing_count",)

    def __new__(
        cls, target: Any, regression_length: int, allowed_missing_percentage: float = 0.25
    ) -> Any:
        """Return the rolling beta to `target`."""
        from rbtlive.model.asset import Asset

        if not isinstance(target, Asset):
            raise TypeError(f"SimpleBeta() expected an Asset for 'target': was {target!r}")
        if regression_length < 3 or not 0.0 <= allowed_missing_percentage <= 1.0:
            raise ValueError(
                "SimpleBeta() expected a regression_length of 3 or more and an "
                "allowed_missing_percentage from 0.0 to 1.0: were "
                f"{regression_length} and {allowed_missing_percentage}"
            )
        returns = _returns_with(target, 2)
        return super().__new__(
            cls,
            inputs=[returns, returns[target]],
            window_length=regression_length,
            allowed_missing_count=int(allowed_missing_percentage * regression_length),
        )

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values, **params: Any) -> None:
        """Write the betas."""
        del today, assets
        vectorized_beta(inputs[0], inputs[1], params["allowed_missing_count"], out=out)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        given = table_and_column(windows, mask)
        if given is None:
            return None
        allowed = self.params["allowed_missing_count"]
        found = known_slope(given[1], given[0], self.window_length, allowed)
        return np.where(mask, found, np.nan)

    @property
    def target(self) -> Any:
        """The asset."""
        return self.inputs[1].asset


def regressions(independent: Values, dependent: Values) -> tuple[Any, Any, Any, Any, Any]:
    """Return alpha, beta, r, p and the standard error of the regression of each column
    on another.

    Source: `scipy.stats.linregress`, for all columns at once.

    Args:
        independent: Days x assets.
        dependent: Days x assets.

    Raises:
        ValueError: all values of an independent column are equal.
    """
    if (independent.max(axis=0) == independent.min(axis=0)).any():
        raise ValueError("Cannot calculate a linear regression if all x values are identical")
    x_mean, y_mean = independent.mean(axis=0), dependent.mean(axis=0)
    x, y = independent - x_mean, dependent - y_mean
    xx, xy, yy = (x * x).mean(axis=0), (x * y).mean(axis=0), (y * y).mean(axis=0)
    fit = fitted(x_mean, y_mean, xx, xy, yy, len(independent))
    if len(independent) > 2:
        return fit
    p = np.where(dependent[0] == dependent[1], 1.0, 0.0)
    return (*fit[:3], p, np.zeros(len(p)))


def fitted(
    x_mean: Any, y_mean: Any, xx: Any, xy: Any, yy: Any, days: int
) -> tuple[Any, Any, Any, Any, Any]:
    """Return alpha, beta, r, p and the standard error of regressions of y on x, over
    more than two days.

    Args:
        x_mean: Means of x.
        y_mean: Means of y.
        xx: Mean squared differences of x from its mean.
        xy: Mean products of both differences.
        yy: Mean squared differences of y.
        days: Number of values in a regression.
    """
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        flat = (xx == 0.0) | (yy == 0.0)
        r = np.clip(xy / np.sqrt(xx * yy), -1.0, 1.0)
        r = np.where(flat, np.where(xy == 0.0, np.nan, 0.0), r)
        beta = xy / xx
        free, tiny = days - 2, 1e-20
        t = r * np.sqrt(free / ((1.0 - r + tiny) * (1.0 + r + tiny)))
        p = 2.0 * stdtr(free, -abs(t))
        error = np.sqrt((1.0 - r**2) * yy / xx / free)
    return y_mean - beta * x_mean, beta, r, p, error


def vectorized_beta(
    dependents: Values, independent: Values, allowed_missing: int, out: Any = None
) -> Any:
    """Return the slope of each column on one other.

    Args:
        dependents: Days x assets.
        independent: Days x 1.
        allowed_missing: Number of days that may be missing.
        out: Array to write to, if given.
    """
    out = np.full(dependents.shape[1], np.nan) if out is None else out
    independent = np.where(np.isnan(dependents), np.nan, independent)
    residual = independent - rows.nanmean(independent)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(rows.nanmean(residual * dependents), rows.nanmean(residual**2), out=out)
    out[np.isnan(independent).sum(axis=0) > allowed_missing] = np.nan
    return out


def vectorized_pearson_r(
    dependents: Values, independents: Values, allowed_missing: int, out: Any = None
) -> Any:
    """Return the correlation of each column with another.

    Args:
        dependents: Days x assets.
        independents: Days x assets, or days x 1.
        allowed_missing: Number of days that may be missing.
        out: Array to write to, if given.
    """
    out = np.full(dependents.shape[1], np.nan) if out is None else out
    mean: Any = np.mean
    if allowed_missing > 0:
        lost = np.isnan(dependents) | np.isnan(independents)
        independents = np.where(lost, np.nan, independents)
        dependents = np.where(lost, np.nan, dependents)
        mean = rows.nanmean
    one = independents - mean(independents, axis=0)
    other = dependents - mean(dependents, axis=0)
    spread = np.sqrt(mean(one**2, axis=0) * mean(other**2, axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = mean(one * other, axis=0) / spread
    out[:] = np.where(np.isnan(independents).sum(axis=0) > allowed_missing, np.nan, found)
    return out
