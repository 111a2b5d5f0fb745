"""Built-in factors for many days at once.

The rule: results equal zipline's formula on each day's window; None if a window must be
computed separately.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rbtlive.model.arrays import np
from rbtlive.pipeline import rolling
from rbtlive.pipeline.array_types import Mask, Places, Values
from rbtlive.pipeline.scans import deepest_drop, place_of_largest
from rbtlive.pipeline.windows import InputWindows, Loaded, Restatements


class Tables(NamedTuple):
    """The inputs of a formula that is computed over all windows at once.

    Attributes:
        values: By input, rows x assets, at one level.
        levels: By input, the factor from that level to each window's; None if there is
            none.
        first: Session number of the first row.
        length: Number of rows in a window.
        kept: What other terms have computed of the same inputs, and will; None if there
            are none.
    """

    values: Sequence[Values]
    levels: Sequence[Any]
    first: int
    length: int
    kept: dict[object, Values] | None = None

    def shared(self, name: str, function: Callable[[], Values]) -> Values:
        """Return the result of a function, computed once for all terms of the same
        windows; each of them gets a copy.
        """
        if self.kept is None:
            return function()
        key = name, self.first
        if key not in self.kept:
            self.kept[key] = function()
        found: Values = self.kept[key].copy()
        return found

    def mean(self) -> Values:
        """Return the means of the first input, ignoring missing values."""
        span = self.length, self.first
        return self.shared("mean", lambda: rolling.known_mean(self.values[0], *span))

    def sum_of_products(self) -> Values:
        """Return the sums of the products of both inputs, ignoring missing values."""
        one, other = self.values
        span = self.length, self.first
        return self.shared("products", lambda: rolling.known_sum(one * other, *span))

    def at_level(self, found: Values, *numbers: int) -> Values:
        """Return results at each window's level of some inputs, given by number."""
        for number in numbers:
            if self.levels[number] is not None:
                found = found * self.levels[number]
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


def several(
    windows: Sequence[Any], mask: Mask, formula: Callable[[Tables], Sequence[Values]]
) -> list[Values] | None:
    """Return a formula's results over the windows of a term; None if these must be
    computed one by one.

    Windows without a split or dividend are computed from the values as recorded, so
    that what happened before them does not change a digit. The others are computed from
    values at the level of the first session of all.
    """
    if not can_be_whole(windows, mask):
        return None
    loaded: list[Loaded] = [one.loaded for one in windows]
    first, length = loaded[0].first, windows[0].length
    recorded = [one.values for one in loaded]
    found = list(formula(Tables(recorded, [None] * len(loaded), first, length, windows[0].kept)))
    actions = [Restatements.of(one.restatements) for one in loaded]
    restated = np.unique(np.concatenate([one.columns for one in actions]))
    if len(restated):
        pairs = [one.levelled(length, restated) for one in loaded]
        levelled = Tables([one for one, _ in pairs], [one for _, one in pairs], first, length)
        crossed = _crossed(actions, restated, len(found[0]), length)
        for number, part in enumerate(formula(levelled)):
            found[number][:, restated] = np.where(crossed, part, found[number][:, restated])
    return [_masked(one, mask) for one in found]


def single(
    windows: Sequence[Any], mask: Mask, formula: Callable[[Tables], Values]
) -> Values | None:
    """Return the result of a formula that has one, as `several` does."""
    found = several(windows, mask, lambda given: [formula(given)])
    return None if found is None else found[0]


# Whether each window has a row before a split or dividend that it knows: windows x
# columns.
def _crossed(actions: Sequence[Restatements], columns: Places, windows: int, length: int) -> Mask:
    depth = np.zeros((windows + 1, len(columns)), dtype=np.int32)
    for one in actions:
        places = np.searchsorted(columns, one.columns)
        np.add.at(depth, (np.maximum(one.rows - length + 1, 0), places), 1)
        np.add.at(depth, (np.minimum(one.rows + 1, windows), places), -1)
    found: Mask = depth.cumsum(axis=0)[:-1] > 0
    return found


def _masked(found: Values, mask: Mask) -> Values:
    if not mask.all():
        np.copyto(found, np.nan, where=~mask)
    return found


def latest(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the last value of each one-row window."""
    if not can_be_whole(windows, mask) or windows[0].length != 1:
        return None
    loaded: Loaded = windows[0].loaded
    values = loaded.values
    if loaded.restatements:
        values, actions = values.copy(), Restatements.of(loaded.restatements)
        np.multiply.at(values, (actions.rows, actions.columns), actions.ratios)
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

    def formula(given: Tables) -> Values:
        return given.at_level(given.mean(), 0)

    return single(windows, mask, formula)


def dollar_volume(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the money traded per day over each window."""

    def formula(given: Tables) -> Values:
        found = given.sum_of_products()
        found /= given.length
        return given.at_level(found, 0, 1)

    return single(windows, mask, formula)


def weighted_average(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the mean of the first input of each window, weighted by the second."""

    def formula(given: Tables) -> Values:
        found = given.sum_of_products()
        total = rolling.known_sum(given.values[1], given.length, given.first)
        with np.errstate(divide="ignore", invalid="ignore"):
            found /= total
        return given.at_level(found, 0)

    return single(windows, mask, formula)


def relative_strength(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the relative strength index of each window, 0 to 100."""
    if not can_be_whole(windows, mask) or windows[0].length < 2:
        return None

    def formula(given: Tables) -> Values:
        values = given.values[0]
        changes = values[1:] - values[:-1]
        span = given.length - 1, given.first + 1
        found = rolling.known_mean(np.maximum(changes, 0.0), *span)
        downs = rolling.known_mean(np.minimum(changes, 0.0, out=changes), *span)
        with np.errstate(divide="ignore", invalid="ignore"):
            for low, high in rolling.cached_rows(*found.shape):
                some, down = found[low:high], downs[low:high]
                some /= np.abs(down, out=down)
                some += 1
                np.divide(100, some, out=some)
                np.subtract(100, some, out=some)
        return found

    return single(windows, mask, formula)


def moments(windows: Sequence[Any], mask: Mask) -> list[Values] | None:
    """Return mean and population standard deviation of each window, as a pair."""

    def formula(given: Tables) -> list[Values]:
        span = given.length, given.first
        found = rolling.known_moments(given.values[0], *span, given.mean())
        return [given.at_level(one, 0) for one in found]

    return several(windows, mask, formula)


def drawdown(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the largest fall in each window, as a fraction of its end value."""
    return single(windows, mask, lambda given: deepest_drop(given.values[0], given.length))


def places_of_extremes(windows: Sequence[Any], mask: Mask) -> list[Values] | None:
    """Return the row of each window's first lowest low and first highest high; -1 if
    all are missing.
    """

    def formula(given: Tables) -> list[Values]:
        lows, highs = given.values
        return [place_of_largest(one, given.length).astype(float) for one in (-lows, highs)]

    return several(windows, mask, formula)


def oscillator(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the position of the last close between each window's low and high, 0 to
    100.
    """

    def formula(given: Tables) -> Values:
        closes, lows, highs = given.values
        span = given.length, given.first
        close = given.at_level(closes[given.length - 1 :], 0)
        low = given.at_level(rolling.known_extreme(lows, *span, largest=False), 1)
        high = given.at_level(rolling.known_extreme(highs, *span, largest=True), 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Values = ((close - low) / (high - low)) * 100
        return found

    return single(windows, mask, formula)


def weighted_mean(windows: Sequence[Any], mask: Mask, weights: Values) -> Values | None:
    """Return the mean of each window, weighted by day; NaN if a value is missing."""

    def formula(given: Tables) -> Values:
        return given.at_level(rolling.weighted_mean(given.values[0], weights), 0)

    return single(windows, mask, formula)


def weighted_spread(windows: Sequence[Any], mask: Mask, weights: Values) -> Values | None:
    """Return the standard deviation of each window, weighted by day; NaN if a value is
    missing.
    """

    def formula(given: Tables) -> Values:
        values = given.values[0]
        centre = rolling.weighted_mean(values, weights)
        return given.at_level(np.sqrt(rolling.weighted_mean(values, weights, centre)), 0)

    return single(windows, mask, formula)


def linear_mean(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the mean of each window with weights 1, 2, 3, …; missing values count as
    0.
    """

    def formula(given: Tables) -> Values:
        values = np.where(np.isnan(given.values[0]), 0.0, given.values[0])
        found = rolling.weighted_mean(values, np.arange(1.0, given.length + 1))
        return given.at_level(found, 0)

    return single(windows, mask, formula)


def true_range(windows: Sequence[Any], mask: Mask) -> Values | None:
    """Return the last day's range of each window, including the gap from the previous
    day.
    """
    if not can_be_whole(windows, mask) or windows[0].length != 2:
        return None

    def formula(given: Tables) -> Values:
        high, low = (given.at_level(given.values[number][1:], number) for number in (0, 1))
        close = given.at_level(given.values[2][:-1], 2)
        found: Values = np.fmax(np.fmax(high - low, abs(high - close)), abs(low - close))
        return found

    return single(windows, mask, formula)


def signal_line(windows: Sequence[Any], mask: Mask, weights: Sequence[Any]) -> Values | None:
    """Return the weighted mean of the difference of two other weighted means.

    Args:
        windows: One input.
        mask: The wanted assets.
        weights: Weights of the fast, the slow and the signal line.
    """
    fast, slow, signal = weights

    def formula(given: Tables) -> Values:
        values = given.values[0]
        long = rolling.weighted_mean(values, slow)
        short = rolling.weighted_mean(values, fast)[-len(long) :]
        return given.at_level(rolling.weighted_mean(short - long, signal), 0)

    return single(windows, mask, formula)


def cloud_middle(windows: Sequence[Any], mask: Mask, lengths: Sequence[int]) -> list[Values] | None:
    """Return the midpoints between high and low over the last days of each window; NaN
    if one is missing.

    Args:
        windows: Highs and lows.
        mask: The wanted assets.
        lengths: Number of days, one per midpoint.
    """

    def formula(given: Tables) -> list[Values]:
        middles = []
        for length in lengths:
            skipped = given.length - length
            span = length, given.first + skipped
            high = rolling.plain_extreme(given.values[0][skipped:], *span, largest=True)
            low = rolling.plain_extreme(given.values[1][skipped:], *span, largest=False)
            middles.append((given.at_level(high, 0) + given.at_level(low, 1)) / 2)
        return middles

    return several(windows, mask, formula)


def value_at(windows: Sequence[Any], mask: Mask, place: int) -> Values | None:
    """Return the value at one place of each window."""
    if not can_be_whole(windows, mask) or place >= windows[0].length:
        return None

    def formula(given: Tables) -> Values:
        return given.at_level(given.values[0][place : place + len(mask)].copy(), 0)

    return single(windows, mask, formula)
