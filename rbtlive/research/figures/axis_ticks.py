"""Round values for an axis, their text, and the bins between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rbtlive.model.arrays import NDArray, np

PERCENT = "~%"
"""Percent with as many digits as the steps need, in the format of d3 and plotly."""


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round values from `low` to `high`, both within or beyond the span."""
    if high <= low:
        return [low, low + (abs(low) or 1.0) * 0.01]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first = math.floor(low / step)
    last = math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def tick_texts(values: Sequence[float], *, percent: bool = False) -> list[str]:
    """Return the texts of an axis's values, each with enough digits to differ from its
    neighbours.
    """
    if percent:
        return [f"{_trimmed(value * 100)}%" for value in values]
    largest = max(map(abs, values), default=0.0)
    unit, letter = next(
        ((unit, letter) for unit, letter in ((1e9, "B"), (1e6, "M")) if largest >= 10 * unit),
        (1.0, ""),
    )
    return [f"{_trimmed(value / unit)}{letter if value else ''}" for value in values]


def signed(text: str) -> str:
    """Return a number's text with the minus sign of plotly's axes."""
    return text.replace("-", "−")  # noqa: RUF001 - intended


def bin_counts(
    values: NDArray[np.float64], *, most: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the number of values in each bin, and the edges of the bins.

    Zero is an edge if both signs occur, so that no bin mixes gains and losses. A single
    repeated value is in the middle bin of eleven.

    Args:
        values: At least one, all finite.
        most: Approximate maximum number of bins.
    """
    low, high = float(values.min()), float(values.max())
    step = (high - low) / min(most, max(10, len(values) // 12))
    if step <= 1e-12 * max(abs(low), abs(high), 1e-3):
        step = max(abs(low) * 0.1, 1e-4)
        places = np.arange(12, dtype=np.float64) - 5.5 + low / step
    else:
        first, last = math.floor(low / step), math.ceil(high / step + 1e-9)
        places = np.arange(first, last + 1, dtype=np.float64)
    edges: NDArray[np.float64] = step * places
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    counts: NDArray[np.intp] = np.histogram(values, bins=edges)[0]
    return counts, edges


# Six significant digits are enough for any round step.
def _trimmed(value: float) -> str:
    size = math.floor(math.log10(abs(value))) if value else 0
    text = f"{round(value, 5 - min(size, 0)) + 0.0:,.{min(12, 5 - min(size, 0))}f}"
    return text.rstrip("0").rstrip(".")
