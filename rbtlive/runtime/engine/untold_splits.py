"""Find price jumps in past days that look like splits unknown to the run.

The rule: a jump only causes a warning and changes no number, so false positives are
acceptable.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import isnan
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from rbtlive.core.run_state import RunState
    from rbtlive.model.bar import Bar

_USUAL: Final = (1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
"""New shares per old share, or old shares per new share."""
_NEAR: Final = 0.05
"""Maximum overnight change of the price, besides the split."""


class Jump(NamedTuple):
    """A price jump that looks like a split.

    Attributes:
        symbol: The asset.
        label: Label of the session that opened at the new level.
        ratio: The factor for prices.
    """

    symbol: str
    label: date
    ratio: float

    @property
    def words(self) -> str:
        """The jump as words for a message."""
        return f"{self.symbol} on {self.label} (ratio {self.ratio:.4g})"


def untold_splits(state: RunState, symbol: str, bars: Mapping[date, Bar]) -> list[Jump]:
    """Return the jumps from one day's close to the next open that no split of the run
    explains.

    Args:
        state: The run's state.
        symbol: The asset.
        bars: Its daily bars, by label.
    """
    market, calendar = state.market, state.calendar
    index = next(asset.index for asset in market.assets if asset.symbol == symbol)
    closes = {calendar.number(label): float(bars[label].close) for label in bars}
    jumps = []
    for label in sorted(bars):
        session = calendar.number(label)
        before = closes.get(session - 1)
        if before is None:
            known = market.days.closes_before(session)
            before = float("nan") if known is None else float(known[index])
        if isnan(before) or before <= 0.0 or market.ratio_of(index, session) is not None:
            continue
        ratio = _split_near(float(bars[label].open) / before)
        if ratio is not None:
            jumps.append(Jump(symbol, label, ratio))
    return jumps


def _split_near(change: float) -> float | None:
    for usual in _USUAL:
        for ratio in (1.0 / usual, float(usual)):
            if abs(change / ratio - 1.0) <= _NEAR:
                return ratio
    return None
