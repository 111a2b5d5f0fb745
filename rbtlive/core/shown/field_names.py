"""The names that `data` accepts: fields of every bar, indicators, further columns.

The rule: the error for any other name suggests a close one, or says why it is not
available.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rbtlive.core.shown.arguments import refuse
from rbtlive.model.bar import OHLCV

if TYPE_CHECKING:
    from rbtlive.data.bars.market import Market

HISTORY_FIELDS: Final = (*OHLCV, "price")
SLICED_FIELDS: Final = frozenset(HISTORY_FIELDS)
"""Fields whose windows are slices of a column."""
CURRENT_FIELDS: Final = (*HISTORY_FIELDS, "last_traded", "contract")


def names_now(market: Market) -> tuple[str, ...]:
    """Return the names that `current` accepts."""
    names = (*CURRENT_FIELDS, *market.indicators.names, *market.sources)
    return (*names, *market.further.names)


def refuse_now(market: Market, name: str) -> KeyError:
    """Return the error for a name that `current` does not accept."""
    known = tuple(one for one in names_now(market) if one != "contract")
    advice = market.further.advice(name, market.table, known)
    return KeyError(
        f"fields in data.current() must name a field: was {name!r}; pass one of "
        f"{', '.join(known)}{advice}"
    )


def check_window_field(market: Market, name: object, method: str) -> None:
    """Raise an error for a name that windows do not accept.

    Raises:
        TypeError: the name is not a string.
        ValueError: there is no such field.
    """
    if not isinstance(name, str):
        refuse("fields", name, method, "a field name or a list of them")
    if name in HISTORY_FIELDS or name in market.indicators:
        return
    further = market.further
    if not further.is_field(name, market.table):
        known = (*HISTORY_FIELDS, *market.indicators.names, *further.names)
        raise ValueError(
            f"fields in data.{method}() must name a field: was {name!r}; pass one of "
            f"{', '.join(known)}{further.advice(name, market.table, known)}"
        )
