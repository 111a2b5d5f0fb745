"""Find an asset by the symbol that a user writes.

The rule: case does not matter, unless two symbols differ only in case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rbtlive.data.checking.corporate import unknown_symbol_message
from rbtlive.errors import MultipleSymbolsFound, UnknownSymbol
from rbtlive.model.asset import Equity


def find_by_symbol(
    symbol: str, exact_names: Mapping[str, Equity], upper_names: Mapping[str, Sequence[Equity]]
) -> Equity:
    """Return the asset with a symbol.

    Args:
        symbol: The symbol, in upper or lower case.
        exact_names: The assets by their symbols.
        upper_names: The assets by upper-case symbol.

    Raises:
        UnknownSymbol: no asset has this symbol; the message suggests the nearest.
        MultipleSymbolsFound: several symbols differ from this one only in case.
        TypeError: `symbol` is not a string.
    """
    if not isinstance(symbol, str):
        raise TypeError(
            f"symbol must be text: was {symbol!r} ({type(symbol).__name__}); pass e.g. 'AAPL'"
        )
    exact = exact_names.get(symbol)
    if exact is not None:
        return exact
    alike = upper_names.get(symbol.upper(), [])
    if len(alike) > 1:
        names = " and ".join(asset.symbol for asset in alike)
        raise MultipleSymbolsFound(
            f"symbol must mean one asset: was {symbol!r}, which may be {names}; write it as "
            "the data does"
        )
    if not alike:
        raise UnknownSymbol(unknown_symbol_message(symbol, exact_names, where="the portal"))
    return alike[0]
