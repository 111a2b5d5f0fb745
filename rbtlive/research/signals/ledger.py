"""Cash, positions and returns of many runs.

The rule: money is counted in a power of ten below 1, in which prices and costs of usual
markets are whole numbers, so that sums are exact. The figures are then those of the
event engine to the last bit; if a number is not whole in it, to about the twelfth
digit.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from rbtlive.model.arrays import np
from rbtlive.model.money_units import DECIMALS, UNIT, units_of
from rbtlive.research.signals.asset_span import AssetSpan, Traded, joined

if TYPE_CHECKING:
    from rbtlive.research.signals.asset_span import Ints
    from rbtlive.research.signals.costs import Floats

_WHOLE: Final = 2.0**53
"""Whole numbers below this are exact in a float."""
_RANGE: Final = 2.0**8
"""Values that differ by this factor, of 53 bits each, fit into 63 bits."""
_HALF: Final = 31
_LOWER: Final = (1 << _HALF) - 1
"""Bits of the lower half of a whole number."""
_GROWTH: Final = 8.0
"""Values up to this multiple of the capital are exact."""


class Ledger:
    """Cash and positions of all runs, summed over assets; matrices are runs x sessions.

    Args:
        sessions: Number of sessions.
        runs: Number of runs.
        capital: Money at the start.
    """

    def __init__(self, sessions: int, runs: int, capital: float) -> None:
        decimals = int(math.log10(_WHOLE / _GROWTH / capital))
        self._tens = 10.0 ** min(max(decimals, 0), DECIMALS)
        self._capital = float(self._scaled(np.array([capital]))[0])
        self._cash: Floats = np.zeros((runs, sessions))
        self._net: Floats = np.zeros((runs, sessions))
        self._gross: Floats | None = None  # that of `_net` until a position is short
        self._counts = {name: np.zeros(runs) for name in ("orders", "fills", "commission")}
        self._traded: list[tuple[Ints, Floats]] = []

    # Numbers in units; whole if their decimals fit.
    def _scaled(self, values: Floats) -> Floats:
        whole = np.rint(values * self._tens)
        return np.where(whole / self._tens == values, whole, values * self._tens)

    # Money is rounded to twelve decimals before, as in the engine.
    def _scaled_money(self, values: Floats) -> tuple[Floats, Floats]:
        units = units_of(values)
        if units is None:
            return self._scaled(values), values
        whole, rest = np.divmod(units, int(UNIT / self._tens))
        return whole + rest / (UNIT / self._tens), units / float(UNIT)

    def add(self, traded: Traded, span: AssetSpan) -> None:
        """Add the trades of the runs in an asset."""
        fills, runs = joined(traded.fills), len(self._cash)
        for session, amount, shares in traded.dividends:
            self._cash[:, session] += shares * self._scaled(np.array([amount]))
        amounts = fills.lots * span.lot
        prices, shown = self._scaled_money(fills.prices)
        costs, _ = self._scaled_money(fills.costs)
        # Negative if the minimum was paid for more shares than a split has left.
        paid = prices * amounts + np.maximum(costs, 0.0)
        # By one index: numpy takes three times as long for two.
        places = fills.runs * self._cash.shape[1] + fills.sessions
        np.subtract.at(self._cash.reshape(-1), places, paid)
        self._counts["orders"] += traded.orders
        self._counts["fills"] += np.bincount(fills.runs, minlength=runs)
        self._counts["commission"] += np.bincount(fills.runs, costs, minlength=runs)
        self._traded.append((fills.runs, np.abs(amounts * shown)))
        value = traded.held
        if span.lot != 1.0:
            value *= span.lot
        value *= self._scaled(np.nan_to_num(span.prices))
        if self._gross is None and value.min() < 0.0:
            self._gross = self._net.copy()
        if self._gross is not None:
            self._gross += np.abs(value)
        self._net += value

    @cached_property
    def _units(self) -> Floats:
        total = np.cumsum(self._cash, axis=1)
        total += self._net
        total += self._capital
        return total

    @cached_property
    def values(self) -> Floats:
        """Portfolio values."""
        values: Floats = self._units / self._tens
        return values

    def returns(self) -> Floats:
        """Return daily returns: (1 + total) / (1 + total before) - 1."""
        growth = 1.0 + (self._units - self._capital) / self._capital
        found = growth - 1.0
        with np.errstate(all="ignore"):
            np.divide(growth[:, 1:], growth[:, :-1], out=found[:, 1:])
            found[:, 1:] -= 1.0
        found[:, 1:][growth[:, :-1] == 0.0] = 0.0
        return found

    def figures(self, a_year: int) -> dict[str, Any]:
        """Return the metrics that count orders and money."""
        values = self.values
        runs, sessions = values.shape
        mean = np.array([_sum(row) for row in values]) / sessions
        gross = self._net if self._gross is None else self._gross
        with np.errstate(all="ignore"):
            leverage = (gross / self._units).max(axis=1)
            years = sessions / a_year
            turnover = np.where(mean > 0, self._money_traded() / 2 / mean / years, np.nan)
        return {
            "sessions": np.full(runs, sessions),
            "orders": self._counts["orders"],
            "denied": np.zeros(runs),
            "fills": self._counts["fills"],
            "commission": self._counts["commission"] / self._tens,
            "turnover": turnover,
            "max_gross_leverage": leverage,
            "final_value": values[:, -1],
        }

    # Each run's sum is rounded once, whatever the order of the fills.
    def _money_traded(self) -> Floats:
        whose, money = (np.concatenate(parts) for parts in zip(*self._traded, strict=True))
        runs = len(self._cash)
        ends = np.cumsum(np.bincount(whose, minlength=runs))
        parts = np.split(money[np.argsort(whose, kind="stable")], ends[:-1])
        return np.array([math.fsum(part.tolist()) for part in parts])


# The sum of a run's values, rounded once like that of `math.fsum`. Multiplied by a
# power of two, most are whole and fit into 63 bits; their halves add up exactly.
def _sum(values: Floats) -> float:
    sizes = np.abs(values)
    least, most = float(sizes.min()), float(sizes.max())
    if not 1e-9 < least <= most < 1e18 or most / least > _RANGE:
        return math.fsum(values.tolist())
    bits = 53 - math.frexp(least)[1]
    whole = (values * 2.0**bits).astype(np.int64)
    total = (int((whole >> _HALF).sum()) << _HALF) + int((whole & _LOWER).sum())
    return total / (1 << bits) if bits >= 0 else float(total << -bits)
