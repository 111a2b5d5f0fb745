"""Common factors of prices and volumes.

The rule: formulas are zipline's, including the treatment of missing values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline import rows, whole
from rbtlive.pipeline.array_types import Mask, Values
from rbtlive.pipeline.data import EquityPricing
from rbtlive.pipeline.factors.factor import CustomFactor
from rbtlive.pipeline.groups import groups_by_size
from rbtlive.pipeline.kinds import registered
from rbtlive.pipeline.mixins import SingleInputMixin
from rbtlive.pipeline.windows import InputWindows


def exponential_weights(length: int, decay_rate: float) -> Any:
    """Return weights from the oldest to the newest: decay^(length + 1) to decay^2."""
    return np.full(length, decay_rate, np.float64) ** np.arange(length + 1, 1, -1)


class Returns(CustomFactor):
    """The change of the close over the window, as a fraction of its first value."""

    inputs = (EquityPricing.close,)
    window_safe = True

    def _validate(self) -> None:
        super()._validate()
        _at_least_two(self)

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the change."""
        del today, assets
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:] = (inputs[0][-1] - inputs[0][0]) / inputs[0][0]

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        return whole.change(windows, mask)


def _at_least_two(term: Any) -> None:
    if term.window_length < 2:
        raise ValueError(
            f"{type(term).__name__!r} expected a window length of at least 2, but was given "
            f"{term.window_length}. For daily returns, use a window length of 2."
        )


class PercentChange(SingleInputMixin, CustomFactor):
    """The change over the window, as a fraction of its first value's size."""

    window_safe = True

    def _validate(self) -> None:
        super()._validate()
        _at_least_two(self)

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the change."""
        del today, assets
        values = inputs[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:] = (values[-1] - values[0]) / abs(values[0])

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        return whole.change(windows, mask, sized=True)


class DailyReturns(Returns):
    """The change of the close from one day to the next."""

    window_length = 2


class SimpleMovingAverage(SingleInputMixin, CustomFactor):
    """The mean without missing values."""

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the mean."""
        del today, assets
        out[:] = rows.nanmean(inputs[0])

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        return whole.mean(windows, mask)


class WeightedAverageValue(CustomFactor):
    """The mean of the first input, weighted by the second."""

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the weighted mean."""
        del today, assets
        base, weight = inputs
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:] = rows.nansum(base * weight) / rows.nansum(weight)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        return whole.weighted_average(windows, mask)


class VWAP(WeightedAverageValue):
    """The mean close, weighted by volume."""

    inputs = (EquityPricing.close, EquityPricing.volume)


class MaxDrawdown(SingleInputMixin, CustomFactor):
    """The largest drop from a peak, in money, as a fraction of its end value."""

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the drawdown."""
        del today, assets
        values = inputs[0]
        drops = np.fmax.accumulate(values, axis=0) - values
        drops[np.isnan(drops)] = -np.inf
        ends = np.argmax(drops, axis=0)
        before = np.arange(len(values))[:, None] <= ends
        peaks = rows.nanmax(np.where(before, values, np.nan))
        low = values[ends, np.arange(values.shape[1])]
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:] = (peaks - low) / low

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        return whole.drawdown(windows, mask)


class AverageDollarVolume(CustomFactor):
    """Money traded per day, over all days of the window."""

    inputs = (EquityPricing.close, EquityPricing.volume)

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the money a day."""
        del today, assets
        close, volume = inputs
        out[:] = rows.nansum(close * volume) / len(close)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        return whole.dollar_volume(windows, mask)


class _ExponentialWeightedFactor(SingleInputMixin, CustomFactor):
    params: Any = ("decay_rate",)

    @classmethod
    def from_span(cls, inputs: Any, window_length: int, span: float, **kwargs: Any) -> Any:
        """Return the factor with the decay for a span, which must be above 1."""
        if span <= 1:
            raise ValueError(f"`span` must be a positive number. {span} was passed.")
        decay = 1.0 - 2.0 / (1.0 + span)
        return cls(inputs=inputs, window_length=window_length, decay_rate=decay, **kwargs)

    @classmethod
    def from_halflife(cls, inputs: Any, window_length: int, halflife: float, **kwargs: Any) -> Any:
        """Return the factor with the decay for a half-life, in days."""
        if halflife <= 0:
            raise ValueError(f"`span` must be a positive number. {halflife} was passed.")
        decay = float(np.exp(np.log(0.5) / halflife))
        return cls(inputs=inputs, window_length=window_length, decay_rate=decay, **kwargs)

    @classmethod
    def from_center_of_mass(
        cls, inputs: Any, window_length: int, center_of_mass: float, **kwargs: Any
    ) -> Any:
        """Return the factor with the decay for a centre of mass, in days."""
        decay = 1.0 - 1.0 / (1.0 + center_of_mass)
        return cls(inputs=inputs, window_length=window_length, decay_rate=decay, **kwargs)


class ExponentialWeightedMovingAverage(_ExponentialWeightedFactor):
    """The mean with decaying weights; NaN if a value is missing."""

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values, **params: Any) -> None:
        """Write the mean."""
        del today, assets
        weights = exponential_weights(len(inputs[0]), params["decay_rate"])
        out[:] = np.average(inputs[0], axis=0, weights=weights)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        weights = exponential_weights(self.window_length, self.params["decay_rate"])
        return whole.weighted_mean(windows, mask, weights)


class ExponentialWeightedMovingStdDev(_ExponentialWeightedFactor):
    """The standard deviation with decaying weights, corrected for bias."""

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values, **params: Any) -> None:
        """Write the standard deviation."""
        del today, assets
        weights = exponential_weights(len(inputs[0]), params["decay_rate"])
        mean = np.average(inputs[0], axis=0, weights=weights)
        variance = np.average((inputs[0] - mean) ** 2, axis=0, weights=weights)
        total = np.sum(weights) ** 2
        out[:] = np.sqrt(variance * (total / (total - np.sum(weights**2))))

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        weights = exponential_weights(self.window_length, self.params["decay_rate"])
        found = whole.weighted_spread(windows, mask, weights)
        total = np.sum(weights) ** 2
        return None if found is None else found * np.sqrt(total / (total - np.sum(weights**2)))


class LinearWeightedMovingAverage(SingleInputMixin, CustomFactor):
    """The mean with weights 1, 2, 3, …; missing values count as 0."""

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the mean."""
        del today, assets
        days = len(inputs[0])
        weights = np.arange(1, days + 1, dtype=np.float64).reshape(days, 1)
        out[:] = rows.nansum(inputs[0] * weights) / (days * (days + 1) / 2)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        return whole.linear_mean(windows, mask)


class AnnualizedVolatility(CustomFactor):
    """The annualised population standard deviation of daily returns."""

    inputs = (Returns(window_length=2),)
    params: Any = {"annualization_factor": 252.0}  # noqa: RUF012 - zipline's form
    window_length = 252

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values, **params: Any) -> None:
        """Write the volatility."""
        del today, assets
        out[:] = rows.nanstd(inputs[0]) * params["annualization_factor"] ** 0.5

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        found = whole.moments(windows, mask)
        return None if found is None else found[1] * self.params["annualization_factor"] ** 0.5


@registered("PeerCount")
class PeerCount(SingleInputMixin, CustomFactor):
    """The number of assets with the same label."""

    window_length = 1

    def _validate(self) -> None:
        super()._validate()
        if self.window_length != 1:
            raise ValueError(
                f"'PeerCount' expected a window length of 1, but was given {self.window_length}."
            )

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the counts."""
        del today, assets
        labels, none = self.inputs[0]._to_integral(inputs[0][0])  # noqa: SLF001
        _, places, counts = np.unique(labels, return_counts=True, return_inverse=True)
        np.copyto(out, counts[places], where=labels != none)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Values | None:
        values = whole.plain_table(windows, mask)
        if values is None:
            return None
        labels, none = self.inputs[0]._to_integral(values)  # noqa: SLF001
        out: Values = np.full(mask.shape, np.nan)
        for cells in groups_by_size(labels, mask & (labels != none)):
            out.reshape(-1)[cells] = cells.shape[1]
        return out


@registered("Clip")
class Clip(CustomFactor):
    """Values limited to two bounds."""

    window_length = 1
    params: Any = ("min_bound", "max_bound")

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values, **params: Any) -> None:
        """Write the limited values."""
        del today, assets
        np.clip(inputs[0][-1], params["min_bound"], params["max_bound"], out=out)


EWMA = ExponentialWeightedMovingAverage
EWMSTD = ExponentialWeightedMovingStdDev
