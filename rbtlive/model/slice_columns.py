"""The bars of one slice as columns of floats, for lists of thousands.

The rule: they have the same content as their bars. A bar, with its decimals, is built
on request.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from typing import Any

from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import OHLCV, Bar, trusted_bar


class Names:
    """The symbols of a slice and their JSON texts; one object for all slices with the
    same symbols.

    Args:
        symbols: Each once, in the order of the columns.

    Attributes:
        symbols: Each once, in the order of the columns.
        quoted: Each as a JSON text.
        order: Their indices in the order of the journal.
    """

    __slots__ = ("order", "quoted", "symbols")

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self.quoted = tuple(map(encode_basestring_ascii, self.symbols))
        self.order = sorted(range(len(self.symbols)), key=self.symbols.__getitem__)


class SliceColumns:
    """The bars of one slice.

    Args:
        timestamp: END of the slice, UTC.
        names: The symbols.
        values: Open, high, low, close and volume, 5 x symbols, as float64; finite, not
            negative, no high below its low.
        made: The bars by symbol, if they were given as bars.
    """

    __slots__ = ("_made", "names", "timestamp", "values")

    def __init__(
        self,
        timestamp: datetime,
        names: Names,
        values: NDArray[np.float64],
        made: dict[str, Bar] | None = None,
    ) -> None:
        self.timestamp = timestamp
        self.names = names
        self.values = values
        self._made = made

    def __len__(self) -> int:
        return len(self.names.symbols)

    @property
    def made(self) -> dict[str, Bar] | None:
        """The bars by symbol, if they have been built."""
        return self._made

    def bars(self) -> dict[str, Bar]:
        """Return the bars by symbol."""
        if self._made is None:
            self._made = {
                symbol: _bar(symbol, self.timestamp, floats)
                for symbol, floats in zip(self.names.symbols, self.rows(), strict=True)
            }
        return self._made

    def rows(self) -> list[tuple[float, float, float, float, float]]:
        """Return open, high, low, close and volume of each bar."""
        return list(zip(*self.values.tolist(), strict=True))


def _bar(symbol: str, timestamp: datetime, floats: tuple[float, ...]) -> Bar:
    values: dict[str, Any] = {"symbol": symbol, "timestamp": timestamp}
    values |= {name: Decimal(repr(value)) for name, value in zip(OHLCV, floats, strict=True)}
    return trusted_bar({**values, "_floats": floats, "_plain": True})
