"""Attributes by which other libraries' results are known, and where they are here.

The rule: a result has one place for each figure; asked for another, it names that
place.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from rbtlive.research.ratios import RATIOS
from rbtlive.research.statistics.table import FACTS, SECTIONS

_METRICS: Final = (*RATIOS, "alpha", "beta", "final_value", "turnover", "sessions")
_PLACES: Final = {
    **dict.fromkeys(
        ("equity", "equity_curve", "_equity_curve", "portfolio_value", "value", "prices"),
        'result.performance["portfolio_value"]',
    ),
    **dict.fromkeys(("returns", "daily_returns"), 'result.performance["returns"]'),
    **dict.fromkeys(("_trades", "closed_trades", "trade_list"), "result.trades"),
    **dict.fromkeys(("perf", "results", "portfolio"), "result.performance"),
    "positions": 'result.performance["positions"] or result.trades',
    "statistics": "result.stats",
    "plots": "result.plot(kind)",
}


def where_it_is(name: str, attributes: Iterable[str]) -> str:
    """Return the message of an attribute that a result does not have.

    Args:
        name: What was asked for.
        attributes: Names that a result has.
    """
    missing = f"'BacktestResult' object has no attribute {name!r}"
    if name in _PLACES:
        return f"{missing}: see {_PLACES[name]}"
    if name.startswith("_"):
        return missing
    if name in _METRICS:
        return f'{missing}: it is result.metrics["{name}"]'
    if name in FACTS or any(name in rows for rows in SECTIONS.values()):
        return f'{missing}: it is a row of result.stats: .filter(statistic="{name}")'
    public = [one for one in attributes if not one.startswith("_")]
    near = difflib.get_close_matches(name, public, n=1)
    return f"{missing}: did you mean {near[0]!r}?" if near else missing
