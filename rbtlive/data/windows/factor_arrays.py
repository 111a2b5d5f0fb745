"""Factors as arrays: finds and orders those that apply to a window of many assets.

The rule: the factors of one asset keep the order in which they took effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rbtlive.data.windows.adjustments import Factor
from rbtlive.model.arrays import NDArray, np

if TYPE_CHECKING:  # NumPy is loaded with the first array
    Ints = NDArray[np.intp]
    Floats = NDArray[np.float64]


class FactorArrays:
    """All factors that took effect: the first row that each does not change, its asset,
    and its multipliers for prices and volumes.
    """

    __slots__ = ("_assets", "_count", "_prices", "_rows", "_volumes")

    def __init__(self) -> None:
        self._count = 0
        self._rows: Ints = np.empty(0, dtype=np.intp)
        self._assets: Ints = np.empty(0, dtype=np.intp)
        self._prices: Floats = np.empty(0)
        self._volumes: Floats = np.empty(0)

    def extend(self, log: Sequence[tuple[int, Factor]]) -> None:
        """Add the new factors in `log`."""
        fresh = log[self._count :]
        if not fresh:
            return
        self._count = len(log)
        rows, assets = [row for row, _ in fresh], [factor.asset for _, factor in fresh]
        self._rows = np.append(self._rows, np.array(rows, dtype=np.intp))
        self._assets = np.append(self._assets, np.array(assets, dtype=np.intp))
        self._prices = np.append(self._prices, [factor.price for _, factor in fresh])
        self._volumes = np.append(self._volumes, [factor.volume for _, factor in fresh])

    def from_row(self, low: int, *, volume: bool) -> tuple[Ints, Ints, Floats]:
        """Return first unaffected row, asset and multiplier of each factor that changes
        row `low` or later ones, in the order in which they took effect.
        """
        met = np.flatnonzero(self._rows > low)
        numbers = self._volumes if volume else self._prices
        return self._rows[met], self._assets[met], numbers[met]


def rounds(
    assets: Ints, rows: Ints, numbers: Floats, indices: tuple[int, ...]
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield columns, number of rows and multiplier: first of every column's first
    factor, then of the second of columns that have two, and so on.

    Args:
        assets: Asset of each factor, in the order in which they took effect.
        rows: Number of rows that each changes.
        numbers: Multiplier of each.
        indices: Asset of each column; an asset may appear twice.
    """
    wanted = np.array(indices, dtype=np.intp)
    # Columns by asset; for each factor, where its asset's columns begin and their
    # number.
    by_asset = np.argsort(wanted, kind="stable")
    ordered = wanted[by_asset]
    begin = np.searchsorted(ordered, assets, side="left")
    count = np.searchsorted(ordered, assets, side="right") - begin
    factor = np.repeat(np.arange(len(assets)), count)
    if not len(factor):
        return
    nth_column = np.arange(len(factor)) - np.repeat(np.cumsum(count) - count, count)
    columns = by_asset[begin[factor] + nth_column]
    order = np.argsort(columns, kind="stable")
    columns, factor = columns[order], factor[order]
    starts = np.flatnonzero(np.r_[True, columns[1:] != columns[:-1]])
    lengths = np.diff(np.r_[starts, len(columns)])
    for number in range(int(lengths.max())):
        at = starts[lengths > number] + number
        yield columns[at], rows[factor[at]], numbers[factor[at]]
