"""Round values for an axis."""

from __future__ import annotations

import math


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
