"""Built-in factors for many days at once.

The rule: results equal zipline's formula on each day's window; None if a window must be
computed separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline import rolling
from rbtlive.pipeline.array_types import Mask, Values
from rbtlive.pipeline.windows import InputWindows, Loaded


class _Inputs:
    """The inputs of a term, adjusted to one common level.

    Args:
        windows: Windows as the engine passes them to a term.
        mask: The wanted assets.

    Attributes:
        values: By input, rows x assets.
        levels: By input, the factor from the common level to each day's level; None if
            nothing is adjusted.
        first: Session number of the first row.
    """

    def __init__(self, windows: Sequence[InputWindows], mask: Mask) -> None:
        pairs = [one.loaded.levelled(one.length) for one in windows]
        self.values = [values for values, _ in pairs]
        self.levels = [levels for _, levels in pairs]
        self.first = windows[0].loaded.first
        self.length = windows[0].length
        self._mask = mask

    def at_level(self, found: Values, *numbers: int) -> Values:
        """Return results at each day's level of some inputs, given by number."""
        for number in numbers:
            if self.levels[number] is not None:
                found = found * self.levels[number]
        return found

    def masked(self, found: Values) -> Values:
        """Return results with NaN for assets that are not wanted."""
        if not self._mask.all():
            np.copyto(found, np.nan, where=~self._mask)
        return found


def table_and_column(windows: Sequence[Any], mask: Mask) -> tuple[Any, Any] | None:
    """Return the values of two inputs without adjustments, the second of which may be
    one column; otherwise None.
    """
    for one in windows:
        plain = isinstance(one, InputWindows) and one.loaded.values.dtype.kind == "f"
        if not plain or one.loaded.restatements or one.loaded.revisions:
            return None
    first, second = (one.loaded.values for one in windows)
    if first.shape[1] != mask.shape[1] or second.shape[1] not in {1, mask.shape[1]}:
        return None
    return first, second


def plain_table(windows: Sequence[InputWindows], mask: Mask) -> Values | None:
    """Return the values of one input, of any type, if it is a table that only factors
    restate; None otherwise.
    """
    loaded: Loaded | None = getattr(windows[0], "loaded", None)
    if loaded is None or loaded.revisions or loaded.values.shape[1] != mask.shape[1]:
        return None
    found: Values = loaded.values
    return found


def can_be_whole(windows: Sequence[Any], mask: Mask) -> bool:
    """Say whether the inputs of a term are tables of numbers that only factors
    adjust.
    """
    return all(
        isinstance(one, InputWindows)
        and one.loaded.values.dtype.kind == "f"
        and one.loaded.values.shape[1] == mask.shape[1]
        and not one.loaded.revisions
        for one in windows
    )


def inputs_of(windows: Sequence[Any], mask: Mask) -> _Inputs | None:
    """Return the inputs of a term, if they can be used as whole tables."""
    return _Inputs(windows, mask) if can_be_whole(windows, mask) else None


def latest(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the last value of each one-row window."""
    if not can_be_whole(windows, mask) or windows[0].length != 1:
        return None
    loaded: Loaded = windows[0].loaded
    values = loaded.values
    if loaded.restatements:
        values = values.copy()
        for row, column, ratio in loaded.restatements:
            values[row, column] *= ratio
    return values if mask.all() else np.where(mask, values, np.nan)


def change(
    windows: Sequence[Any], mask: Mask, *, scale: float = 1.0, sized: bool = False
) -> Values | None:
    """Return the change over each window, as a fraction of its first value.

    Args:
        windows: One input.
        mask: The wanted assets.
        scale: 100 for percent.
        sized: Whether it is a fraction of the first value's size, so that its sign is
            that of the difference.
    """
    if not can_be_whole(windows, mask):
        return None
    first, last = windows[0].loaded.ends(windows[0].length)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = last - first
        found /= abs(first) if sized else first
        if scale != 1.0:
            found *= scale
    if not mask.all():
        np.copyto(found, np.nan, where=~mask)
    result: Values = found
    return result


def mean(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the mean of each window."""
    given = inputs_of(windows, mask)
    if given is None:
        return None
    found = rolling.known_mean(given.values[0], given.length, given.first)
    return given.masked(given.at_level(found, 0))


def dollar_volume(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the money traded per day over each window."""
    given = inputs_of(windows, mask)
    if given is None:
        return None
    money = given.values[0] * given.values[1]
    found = rolling.known_sum(money, given.length, given.first)
    found /= given.length
    return given.masked(given.at_level(found, 0, 1))


def weighted_average(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the mean of the first input of each window, weighted by the second."""
    given = inputs_of(windows, mask)
    if given is None:
        return None
    base, weight = given.values
    found = rolling.known_sum(base * weight, given.length, given.first)
    total = rolling.known_sum(weight, given.length, given.first)
    with np.errstate(divide="ignore", invalid="ignore"):
        found /= total
    return given.masked(given.at_level(found, 0))


def relative_strength(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the relative strength index of each window, 0 to 100."""
    given = inputs_of(windows, mask)
    if given is None or given.length < 2:
        return None
    changes = np.diff(given.values[0], axis=0)
    span = given.length - 1, given.first + 1
    ups = rolling.known_mean(np.maximum(changes, 0.0), *span)
    downs = rolling.known_mean(np.minimum(changes, 0.0), *span)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = ups
        found /= np.abs(downs, out=downs)
        found += 1
        np.divide(100, found, out=found)
        np.subtract(100, found, out=found)
    return given.masked(found)


def moments(windows: Sequence[Any], mask: Mask) -> tuple[Values, ...] | None:
    """Return mean and population standard deviation of each window, as a pair."""
    given = inputs_of(windows, mask)
    if given is None:
        return None
    found = rolling.known_moments(given.values[0], given.length, given.first)
    return tuple(given.masked(given.at_level(one, 0)) for one in found)


def oscillator(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the position of the last close between each window's low and high, 0 to
    100.
    """
    given = inputs_of(windows, mask)
    if given is None:
        return None
    closes, lows, highs = given.values
    span = given.length, given.first
    close = given.at_level(closes[given.length - 1 :], 0)
    low = given.at_level(rolling.known_extreme(lows, *span, largest=False), 1)
    high = given.at_level(rolling.known_extreme(highs, *span, largest=True), 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return given.masked(((close - low) / (high - low)) * 100)


def weighted_mean(windows: Sequence[Any], mask: Mask, weights: Values) -> Values | None:
    """Return the mean of each window, weighted by day; NaN if a value is missing."""
    given = inputs_of(windows, mask)
    if given is None:
        return None
    found = rolling.weighted_mean(given.values[0], weights)
    return given.masked(given.at_level(found, 0))


def weighted_spread(windows: Sequence[Any], mask: Mask, weights: Values) -> Values | None:
    """Return the standard deviation of each window, weighted by day; NaN if a value is
    missing.
    """
    given = inputs_of(windows, mask)
    if given is None:
        return None
    values = given.values[0]
    centre = rolling.weighted_mean(values, weights)
    found = np.sqrt(rolling.weighted_mean(values, weights, centre))
    return given.masked(given.at_level(found, 0))


def linear_mean(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the mean of each window with weights 1, 2, 3, …; missing values count as
    0.
    """
    given = inputs_of(windows, mask)
    if given is None:
        return None
    values = np.where(np.isnan(given.values[0]), 0.0, given.values[0])
    found = rolling.weighted_mean(values, np.arange(1.0, given.length + 1))
    return given.masked(given.at_level(found, 0))


def true_range(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the last day's range of each window, including the gap from the previous
    day.
    """
    given = inputs_of(windows, mask)
    if given is None or given.length != 2:
        return None
    high, low = (given.at_level(given.values[number][1:], number) for number in (0, 1))
    close = given.at_level(given.values[2][:-1], 2)
    return given.masked(np.fmax(np.fmax(high - low, abs(high - close)), abs(low - close)))


def signal_line(windows: Sequence[Any], mask: Mask, weights: Sequence[Any]) -> Values | None:
    """Return the weighted mean of the difference of two other weighted means.

    Args:
        windows: One input.
        mask: The wanted assets.
        weights: Weights of the fast, the slow and the signal line.
    """
    given = inputs_of(windows, mask)
    if given is None:
        return None
    fast, slow, signal = weights
    values = given.values[0]
    long = rolling.weighted_mean(values, slow)
    short = rolling.weighted_mean(values, fast)[-len(long) :]
    found = rolling.weighted_mean(short - long, signal)
    return given.masked(given.at_level(found, 0))


def cloud_middle(windows: Sequence[Any], mask: Mask, lengths: Sequence[int]) -> list[Values] | None:
    """Return the midpoints between high and low over the last days of each window; NaN
    if one is missing.

    Args:
        windows: Highs and lows.
        mask: The wanted assets.
        lengths: Number of days, one per midpoint.
    """
    given = inputs_of(windows, mask)
    if given is None:
        return None
    middles = []
    for length in lengths:
        skipped = given.length - length
        span = length, given.first + skipped
        high = rolling.plain_extreme(given.values[0][skipped:], *span, largest=True)
        low = rolling.plain_extreme(given.values[1][skipped:], *span, largest=False)
        middles.append(given.masked((given.at_level(high, 0) + given.at_level(low, 1)) / 2))
    return middles


def value_at(windows: Sequence[Any], mask: Mask, place: int) -> Values | None:
    """Return the value at one place of each window."""
    given = inputs_of(windows, mask)
    if given is None or place >= given.length:
        return None
    found = given.values[0][place : place + len(mask)].copy()
    return given.masked(given.at_level(found, 0))
