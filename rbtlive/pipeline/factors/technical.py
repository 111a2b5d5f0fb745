"""Technical indicators as factors.

The rule: formulas are zipline's, including its quirks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline import rows, whole
from rbtlive.pipeline.array_types import Mask, Values
from rbtlive.pipeline.data import EquityPricing
from rbtlive.pipeline.factors.basic import (
    VWAP,
    LinearWeightedMovingAverage,
    MaxDrawdown,
    SimpleMovingAverage,
    WeightedAverageValue,
    exponential_weights,
)
from rbtlive.pipeline.factors.factor import CustomFactor
from rbtlive.pipeline.mixins import SingleInputMixin
from rbtlive.pipeline.windows import InputWindows


class RSI(SingleInputMixin, CustomFactor):
    """Relative strength: simple means of the rises and falls in the window."""

    window_length = 15
    inputs = (EquityPricing.close,)
    window_safe = True

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the index, 0 to 100."""
        del today, assets
        changes = np.diff(inputs[0], axis=0)
        ups = rows.nanmean(np.clip(changes, 0, np.inf))
        downs = abs(rows.nanmean(np.clip(changes, -np.inf, 0)))
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:] = 100 - (100 / (1 + (ups / downs)))

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        return whole.relative_strength(windows, mask)


class BollingerBands(CustomFactor):
    """A moving average and bands of k population standard deviations around it."""

    params: Any = ("k",)
    inputs = (EquityPricing.close,)
    outputs = ("lower", "middle", "upper")

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values, **params: Any) -> None:
        """Write the three lines."""
        del today, assets
        distance = params["k"] * rows.nanstd(inputs[0])
        out.middle = middle = rows.nanmean(inputs[0])
        out.upper = middle + distance
        out.lower = middle - distance

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        found = whole.moments(windows, mask)
        if found is None:
            return None
        middle, spread = found
        out = self._allocate(mask.shape)
        distance = self.params["k"] * spread
        out.middle, out.upper, out.lower = middle, middle + distance, middle - distance
        return out


class Aroon(CustomFactor):
    """How recently the window had its high and its low, 0 to 100."""

    inputs = (EquityPricing.low, EquityPricing.high)
    outputs = ("down", "up")

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write both lines."""
        del today, assets
        lows, highs = inputs
        days = self.window_length - 1
        out.up = 100 * rows.nanargmax(highs) / days
        out.down = 100 * rows.nanargmax(-lows) / days

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        places = whole.places_of_extremes(windows, mask)
        if places is None or self.window_length < 2:
            return None
        out = self._allocate(mask.shape)
        for name, rows_of in zip(self.outputs, places, strict=True):
            if (mask & (rows_of < 0)).any():
                return None  # each day is computed separately, up to the one without values
            out[name] = 100 * rows_of / (self.window_length - 1)
        return out


class FastStochasticOscillator(CustomFactor):
    """Position of the close between the window's low and high, 0 to 100."""

    inputs = (EquityPricing.close, EquityPricing.low, EquityPricing.high)
    window_safe = True
    window_length = 14

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the position of the close."""
        del today, assets
        closes, lows, highs = inputs
        low, high = rows.nanmin(lows), rows.nanmax(highs)
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:] = ((closes[-1] - low) / (high - low)) * 100

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        return whole.oscillator(windows, mask)


class IchimokuKinkoHyo(CustomFactor):
    """The five lines of the Ichimoku cloud.

    As in zipline, the chikou span is the close `chikou_span_length` days after the
    window's first.
    """

    params: Any = {"tenkan_sen_length": 9, "kijun_sen_length": 26, "chikou_span_length": 26}  # noqa: RUF012 - zipline's form
    inputs = (EquityPricing.high, EquityPricing.low, EquityPricing.close)
    outputs = ("tenkan_sen", "kijun_sen", "senkou_span_a", "senkou_span_b", "chikou_span")
    window_length = 52

    def _validate(self) -> None:
        super()._validate()
        for name, length in self.params.items():
            if length > self.window_length:
                raise ValueError(
                    f"{name} must be <= the window_length: {length} > {self.window_length}"
                )

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values, **params: Any) -> None:
        """Write the five lines."""
        del today, assets
        high, low, close = inputs

        def middle(days: int) -> Any:
            return (high[-days:].max(axis=0) + low[-days:].min(axis=0)) / 2

        tenkan, kijun = middle(params["tenkan_sen_length"]), middle(params["kijun_sen_length"])
        out.tenkan_sen, out.kijun_sen = tenkan, kijun
        out.senkou_span_a = (tenkan + kijun) / 2
        out.senkou_span_b = middle(len(high))
        out.chikou_span = close[params["chikou_span_length"]]

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        lengths = [self.params[f"{name}_length"] for name in ("tenkan_sen", "kijun_sen")]
        middles = whole.cloud_middle(windows[:2], mask, [*lengths, self.window_length])
        close = whole.value_at(windows[2:], mask, self.params["chikou_span_length"])
        if middles is None or close is None:
            return None
        out = self._allocate(mask.shape)
        out.tenkan_sen, out.kijun_sen, out.senkou_span_b = middles
        out.senkou_span_a = (middles[0] + middles[1]) / 2
        out.chikou_span = close
        return out


class RateOfChangePercentage(CustomFactor):
    """The change over the window in percent."""

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the change."""
        del today, assets
        first, last = inputs[0][0], inputs[0][-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:] = ((last - first) / first) * 100

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        return whole.change(windows, mask, scale=100.0)


class TrueRange(CustomFactor):
    """The day's range, including the gap from the previous close."""

    inputs = (EquityPricing.high, EquityPricing.low, EquityPricing.close)
    window_length = 2

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values) -> None:
        """Write the range."""
        del today, assets
        highs, lows, closes = inputs
        ranges = (
            highs[1:] - lows[1:],
            abs(highs[1:] - closes[:-1]),
            abs(lows[1:] - closes[:-1]),
        )
        out[:] = rows.nanmax(np.dstack(ranges), 2)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        return whole.true_range(windows, mask)


class MovingAverageConvergenceDivergenceSignal(CustomFactor):
    """The signal line: an exponential mean of the difference of two other means."""

    inputs = (EquityPricing.close,)
    params: Any = ("fast_period", "slow_period", "signal_period")

    def __new__(
        cls,
        fast_period: int = 12,
        slow_period: int = 26,
        signal_period: int = 9,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Return the signal line for three periods, in days."""
        periods: dict[str, Any] = {
            "fast_period": fast_period,
            "slow_period": slow_period,
            "signal_period": signal_period,
        }
        for name, period in periods.items():
            if period < 1:
                raise ValueError(
                    f"MACDSignal() expected a value greater than or equal to 1 for argument "
                    f"{name!r}, but got {period} instead."
                )
        if slow_period <= fast_period:
            raise ValueError(
                "'slow_period' must be greater than 'fast_period', but got\n"
                f"slow_period={slow_period}, fast_period={fast_period}"
            )
        length = slow_period + signal_period - 1
        made: Any = super().__new__
        return made(cls, *args, window_length=length, **periods, **kwargs)

    def compute(self, today: Any, assets: Values, out: Any, *inputs: Values, **params: Any) -> None:
        """Write the signal line."""
        del today, assets
        closes, signal = inputs[0], params["signal_period"]
        slow = _rolling_mean(closes, params["slow_period"])
        fast = _rolling_mean(closes, params["fast_period"])[-signal:]
        out[:] = _decaying_mean(fast - slow, signal, axis=0)

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Any:
        names = ("fast_period", "slow_period", "signal_period")
        weights = [_span_weights(self.params[name]) for name in names]
        return whole.signal_line(windows, mask, weights)


def _span_weights(length: int) -> Any:
    return exponential_weights(length, 1.0 - 2.0 / (1.0 + length))


def _decaying_mean(values: Values, length: int, axis: int) -> Any:
    return np.average(values, axis=axis, weights=_span_weights(length))


def _rolling_mean(values: Values, length: int) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    return _decaying_mean(windows, length, axis=2)


MACDSignal = MovingAverageConvergenceDivergenceSignal

__all__ = [
    "RSI",
    "VWAP",
    "Aroon",
    "BollingerBands",
    "FastStochasticOscillator",
    "IchimokuKinkoHyo",
    "LinearWeightedMovingAverage",
    "MACDSignal",
    "MaxDrawdown",
    "MovingAverageConvergenceDivergenceSignal",
    "RateOfChangePercentage",
    "SimpleMovingAverage",
    "TrueRange",
    "WeightedAverageValue",
]
