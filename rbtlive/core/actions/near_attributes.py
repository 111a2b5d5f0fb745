"""The right name of an attribute that an object of this package does not have.

The rule: it is looked for once an error has ended a callback, never while a strategy
asks by `hasattr` or `getattr`.
"""

from __future__ import annotations

import difflib
from typing import Final

_ELSEWHERE: Final = {
    **dict.fromkeys(("equity", "value", "total_value", "net_worth"), "portfolio_value"),
    **dict.fromkeys(("quantity", "qty", "size", "shares"), "amount"),
    **dict.fromkeys(("avg_price", "average_price", "entry_price"), "cost_basis"),
    **dict.fromkeys(("market_price", "current_price"), "last_sale_price"),
    **dict.fromkeys(("buy", "sell", "market_order", "submit_order"), "order"),
    **dict.fromkeys(("limit_price",), "limit"),
    **dict.fromkeys(("stop_price",), "stop"),
    **dict.fromkeys(("get_price", "price", "close", "latest", "get"), "current"),
    **dict.fromkeys(("get_history", "bars", "prices"), "history"),
    **dict.fromkeys(("now", "datetime", "time"), "current_dt"),
}


def near_attribute(failure: AttributeError) -> str | None:
    """Return a note with the name that was meant; None where the object is not of this
    package, or nothing is near.
    """
    owner, name = getattr(failure, "obj", None), getattr(failure, "name", None)
    bases = type(owner).__mro__
    if not isinstance(name, str) or not any(b.__module__.startswith("rbtlive.") for b in bases):
        return None
    names = [one for one in dir(owner) if not one.startswith("_")]
    meant = _ELSEWHERE.get(name)
    near = [meant] if meant in names else difflib.get_close_matches(name, names, n=1)
    return f"{type(owner).__name__} has no {name!r}: did you mean {near[0]!r}?" if near else None
