"""Validate a list of bars by columns.

The rule: ordinary rows are checked together, at a tenth of the cost of checking bar by
bar; any other row is left to the check of single bars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from operator import le
from typing import Any, Final

import polars as pl

from rbtlive.data.feeds.bar_rows import RefusedBar, moment_of_stamp
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV, Bar
from rbtlive.model.slice_columns import Names

FEWEST: Final = 8
"""Shorter lists are checked bar by bar."""
_SMALLEST, _BEYOND = 1e-30, 1e31
_WHOLE: Final = float(1 << 53)
_LONGEST: Final = 17
"""A decimal with this many characters has at most 15 digits before its point and 15
after it.
"""


@dataclass(slots=True)
class JudgedList:
    """The ordinary rows of a list, and the odd ones.

    Attributes:
        moment: The stamp of all ordinary rows.
        names: The wanted symbols.
        values: Open, high, low, close and volume of their bars, 5 x symbols.
        made: Their bars, if they were given as bars.
        odd: The rows to check one by one.
    """

    moment: datetime | date
    names: Names
    values: Any
    made: dict[str, Bar] | None = None
    odd: list[object] = field(default_factory=list)


class ListJudge:
    """Checks the lists of one source.

    Args:
        known: The known symbols by their upper-case spelling; None accepts any.
        wants: Says whether bars of a symbol go into the slices; None means all.
    """

    def __init__(
        self, known: Mapping[str, str] | None, wants: Callable[[str], bool] | None
    ) -> None:
        self._known = known
        self._wants = wants
        self._spellings = -1 if known is None else len(known)
        self._given: list[Any] = []
        self._proper: list[str] = []
        self._fits: Any = None
        self._names = Names(())

    def judge(self, items: Sequence[Any]) -> JudgedList | None:
        """Return the content of a list; None if it must be checked bar by bar."""
        kinds = set(map(type, items))
        if kinds == {dict}:
            return self._of_mappings(items)
        if kinds == {Bar}:
            return self._of_bars(items)
        return None

    def _of_mappings(self, items: Sequence[dict[str, Any]]) -> JudgedList | None:
        try:
            symbols = [item["symbol"] for item in items]
            stamps = [item["timestamp"] for item in items]
            columns = [[item[name] for item in items] for name in OHLCV]
        except KeyError:
            return None
        if not all(map(_are_numbers, columns)):
            return self._without_odd(items, columns)
        return self._placed(items, symbols, stamps, np.array(columns, dtype=np.float64))

    # If some values are not numbers, those rows are odd; if most are not, all are.
    def _without_odd(
        self, items: Sequence[dict[str, Any]], columns: list[list[Any]]
    ) -> JudgedList | None:
        good = [
            all(type(value) in _numbers() for value in row) for row in zip(*columns, strict=True)
        ]
        if 2 * sum(good) < len(good):
            return None
        judged = self._of_mappings([i for i, fits in zip(items, good, strict=True) if fits])
        if judged is not None:
            judged.odd += [item for item, fits in zip(items, good, strict=True) if not fits]
        return judged

    def _of_bars(self, items: Sequence[Bar]) -> JudgedList | None:
        facts = [bar.__dict__ for bar in items]
        try:
            symbols = [row["symbol"] for row in facts]
            stamps = [row["timestamp"] for row in facts]
            columns = [[row[name] for row in facts] for name in OHLCV]
            values = _floats_of(columns)
        except KeyError:
            return None
        if values is None:
            return None
        judged = self._placed(items, symbols, stamps, values)
        if judged is None or judged.odd or symbols != self._proper:
            return None
        bars = zip(symbols, items, strict=True)
        wanted = set(judged.names.symbols) if len(judged.names.symbols) < len(items) else None
        judged.made = {name: bar for name, bar in bars if wanted is None or name in wanted}
        return judged

    def _placed(
        self, items: Sequence[Any], symbols: list[Any], stamps: list[Any], values: Any
    ) -> JudgedList | None:
        stamp = stamps[0]
        if len(set(map(type, stamps))) > 1 or stamps.count(stamp) < len(stamps):
            return None
        try:
            moment = moment_of_stamp(stamp)
        except RefusedBar:
            return None
        if not self._learn(symbols):
            return None
        fits = self._fits & _are_ordinary(values)
        proper = self._proper
        all_fit = bool(fits.all())
        odd = [] if all_fit else [item for item, fit in zip(items, fits, strict=True) if not fit]
        if 2 * len(odd) > len(items):
            return None
        keep = fits
        if self._wants is not None:
            wanted = list(map(self._wants, proper))
            if not all(wanted):
                all_fit, keep = False, fits & np.array(wanted)
        if not all_fit:
            values = values[:, keep]
            proper = [name for name, kept in zip(proper, keep, strict=True) if kept]
        return JudgedList(moment, self._names_of(proper), values, odd=odd)

    def _names_of(self, symbols: list[str]) -> Names:
        if self._names.symbols != tuple(symbols):
            self._names = Names(symbols)
        return self._names

    # A list nearly always has the same symbols as the previous one.
    def _learn(self, symbols: list[Any]) -> bool:
        known = self._known
        spellings = -1 if known is None else len(known)
        if symbols == self._given and spellings == self._spellings:
            return True
        if set(map(type, symbols)) != {str}:
            return False
        seen: set[str] = set()
        proper, fits = [], []
        for symbol in symbols:
            name = symbol if known is None else known.get(symbol.upper(), "")
            fits.append(name != "" and name not in seen and symbol.isascii() and name.isascii())
            seen.add(name)
            proper.append(name)
        self._given, self._spellings = symbols, spellings
        self._proper, self._fits = proper, np.array(fits)
        return True


def _numbers() -> frozenset[type]:
    return frozenset((float, int, np.float64, np.float32, np.int64, np.int32))


def _are_numbers(column: list[Any]) -> bool:
    return set(map(type, column)) <= _numbers()


# Numbers that need no check: of a tradable size, and whole numbers that are exact as
# floats.
def _are_ordinary(values: Any) -> Any:
    fits = (values >= _SMALLEST) & (values < _BEYOND) | (values == 0.0) & ~np.signbit(values)
    whole = (values < _WHOLE) | (values != np.rint(values))
    priced = (values[:4] > 0.0).all(axis=0)
    ordinary: Any = (fits & whole).all(axis=0) & priced & (values[2] <= values[1])
    return ordinary


# The numbers of bars; None if some are not written in full, or too long.
def _floats_of(columns: list[list[Any]]) -> Any:
    if any(set(map(type, column)) != {Decimal} for column in columns):
        return None
    texts = list(map(str, chain.from_iterable(columns)))
    joined = "".join(texts)
    if (
        max(map(len, texts)) > _LONGEST
        or not (joined.isascii() and joined.replace(".", "").isdecimal())
        or not all(map(le, columns[2], columns[1]))
    ):
        return None
    # polars parses numbers as exactly as `float`, at a fifth of its cost.
    numbers = pl.Series(texts, dtype=pl.String).cast(pl.Float64)
    return numbers.to_numpy().reshape(len(columns), -1)
