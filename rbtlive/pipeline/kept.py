"""A day's table of a pipeline as plain facts, and back, for journals and parity
reports.

The rule: numbers keep all their bits.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rbtlive.model.arrays import np
from rbtlive.pipeline.engine import Computed
from rbtlive.pipeline.term import TEXT

Facts = Mapping[str, Any]
"""`symbols` (list), and `columns` by name: `type` and `values`; texts as a list, other
types as compressed bytes.
"""


class Apart(NamedTuple):
    """The first difference between two tables.

    Attributes:
        column: Name of the column; "screen" if one table lacks the asset.
        symbol: The asset.
        left: Its value in the first table.
        right: Its value in the second.
    """

    column: str
    symbol: str
    left: Any
    right: Any


def day_facts(computed: Computed, row: int) -> dict[str, Any]:
    """Return the rows shown on a day as plain facts."""
    chosen = computed.screen[row]
    shown = [asset.symbol for asset, yes in zip(computed.assets, chosen, strict=True) if yes]
    columns = {name: _packed(values[row][chosen]) for name, values in computed.columns.items()}
    return {"symbols": shown, "columns": columns}


def _packed(values: Any) -> dict[str, Any]:
    if values.dtype == TEXT:
        return {"type": "text", "values": values.tolist()}
    kind = [list(one) for one in values.dtype.descr] if values.dtype.names else values.dtype.str
    data = zlib.compress(np.ascontiguousarray(values).tobytes(), 1)
    return {"type": kind, "values": base64.b85encode(data).decode()}


def _unpacked(column: Mapping[str, Any]) -> Any:
    if column["type"] == "text":
        values = np.empty(len(column["values"]), dtype=object)
        values[:] = column["values"]
        return values
    kind = column["type"]
    dtype = np.dtype(kind if isinstance(kind, str) else [(name, code) for name, code in kind])
    return np.frombuffer(zlib.decompress(base64.b85decode(column["values"])), dtype=dtype)


def computed_of(
    facts: Facts, terms: Mapping[str, Any], assets: Sequence[Any], *, session: int, label: Any
) -> Computed | None:
    """Return a day's table from its facts; None if its columns or assets differ.

    Args:
        facts: The result of `day_facts`.
        terms: The pipeline's columns.
        assets: All assets.
        session: Number of the session.
        label: Label of the session.
    """
    import pandas as pd

    by_symbol = {asset.symbol: asset for asset in assets}
    columns = facts["columns"]
    if set(columns) != set(terms) or not by_symbol.keys() >= set(facts["symbols"]):
        return None
    shown = tuple(by_symbol[symbol] for symbol in facts["symbols"])
    values = {name: _unpacked(columns[name])[None, :] for name in terms}
    everything = np.ones((1, len(shown)), dtype=bool)
    dates = pd.DatetimeIndex([np.datetime64(label, "ns")])
    return Computed(session, dates, shown, values, everything, dict(terms))


def first_apart(left: Facts, right: Facts) -> Apart | None:
    """Return the first difference between two tables: by asset, then by column."""
    one = {symbol: place for place, symbol in enumerate(left["symbols"])}
    other = {symbol: place for place, symbol in enumerate(right["symbols"])}
    for symbol in dict.fromkeys([*one, *other]):
        if symbol not in one or symbol not in other:
            return Apart("screen", symbol, symbol in one, symbol in other)
    names = list(dict.fromkeys([*left["columns"], *right["columns"]]))
    for name in names:
        if name not in left["columns"] or name not in right["columns"]:
            return Apart(name, "all assets", name in left["columns"], name in right["columns"])
    values = {
        name: (_unpacked(left["columns"][name]), _unpacked(right["columns"][name]))
        for name in names
    }
    for symbol in left["symbols"]:
        for name in names:
            a, b = values[name][0][one[symbol]], values[name][1][other[symbol]]
            if not _same(a, b):
                return Apart(name, symbol, _plain(a), _plain(b))
    return None


# Bits are compared, so two missing values are equal.
def _same(left: Any, right: Any) -> bool:
    if hasattr(left, "tobytes") and hasattr(right, "tobytes"):
        return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())
    return bool(left == right)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, (np.floating, np.integer, np.bool_)) else value
