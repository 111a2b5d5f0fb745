"""Translate the answers of Alpaca's corporate-actions endpoint.

The rule: splits, stock dividends and new symbols are facts that a run books; every
other action is only named. Source: docs.alpaca.markets/reference/corporateactions-1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

from rbtlive.brokers.alpaca_bars import SYMBOLS_AT_ONCE
from rbtlive.brokers.alpaca_values import (
    Untranslatable,
    as_object,
    printable,
    read_positive,
    read_text,
)
from rbtlive.brokers.base import BrokerAction, BrokerSplit, BrokerSymbolChange, CorporateActions

TYPES: Final = (
    "forward_split",
    "reverse_split",
    "unit_split",
    "stock_dividend",
    "spin_off",
    "cash_merger",
    "stock_merger",
    "stock_and_cash_merger",
    "redemption",
    "name_change",
    "worthless_removal",
    "rights_distribution",
)
"""The types to query: all except cash dividends, which arrive as activities when they
are paid.
"""
SPLITS: Final = ("forward_split", "reverse_split", "stock_dividend")
"""The types that change the number of shares."""
_PATH: Final = "/v1/corporate-actions"
_MOST_PAGES: Final = 2_000
_MOST_ACTIONS: Final = 1_000
"""The endpoint's maximum page size."""
_OTHERS: Final[dict[str, tuple[str, str]]] = {
    "unit_splits": ("old_symbol", "split of the unit {old_symbol} into {new_symbol} and others"),
    "spin_offs": ("source_symbol", "spin-off of {new_symbol} from {source_symbol}"),
    "cash_mergers": ("acquiree_symbol", "cash merger: {acquiree_symbol} is paid out"),
    "stock_mergers": (
        "acquiree_symbol",
        "stock merger of {acquiree_symbol} into {acquirer_symbol}",
    ),
    "stock_and_cash_mergers": (
        "acquiree_symbol",
        "stock and cash merger of {acquiree_symbol} into {acquirer_symbol}",
    ),
    "redemptions": ("symbol", "redemption of {symbol}"),
    "worthless_removals": ("symbol", "removal of {symbol} as worthless"),
    "rights_distributions": ("source_symbol", "distribution of rights of {source_symbol}"),
}
_NAMES: Final = (
    "symbol",
    "old_symbol",
    "new_symbol",
    "source_symbol",
    "acquiree_symbol",
    "acquirer_symbol",
)


async def ask_corporate_actions(
    ask: Callable[[str, dict[str, str]], Awaitable[Any]],
    symbols: Iterable[str],
    *,
    start: date,
    end: date,
    types: Iterable[str] = TYPES,
) -> CorporateActions:
    """Return the corporate actions of some symbols between two days, both included.

    Args:
        ask: Queries the data service: a path, and a query.
        symbols: Shares; crypto pairs have no such actions.
        start: The first day.
        end: The last day.
        types: Types of actions.

    Raises:
        BrokerError: there was no answer, or it cannot be understood.
    """
    found, names = CorporateActions(), sorted(symbols)
    for first in range(0, len(names), SYMBOLS_AT_ONCE):
        query = {
            "symbols": ",".join(names[first : first + SYMBOLS_AT_ONCE]),
            "types": ",".join(types),
            "start": start.isoformat(),
            "end": end.isoformat(),
            "limit": str(_MOST_ACTIONS),
        }
        await _ask_pages(ask, query, found)
    return found


async def _ask_pages(
    ask: Callable[[str, dict[str, str]], Awaitable[Any]],
    query: dict[str, str],
    found: CorporateActions,
) -> None:
    for _page in range(_MOST_PAGES):
        body = as_object(await ask(_PATH, query), "corporate actions")
        page = read_corporate_actions(body)
        found.splits.extend(page.splits)
        found.symbol_changes.extend(page.symbol_changes)
        found.others.extend(page.others)
        if not body.get("next_page_token"):
            break
        query["page_token"] = str(body["next_page_token"])


def read_corporate_actions(body: object) -> CorporateActions:
    """Return the corporate actions in an answer of the endpoint.

    Raises:
        Untranslatable: the answer has another form.
    """
    answer = as_object(body, "answer")
    actions = as_object(answer.get("corporate_actions") or {}, "corporate_actions")
    found = CorporateActions()
    for kind in ("forward_splits", "reverse_splits"):
        found.splits.extend(map(_split, _all(actions, kind)))
    found.splits.extend(map(_stock_dividend, _all(actions, "stock_dividends")))
    for one in _all(actions, "name_changes"):
        if one.get("old_symbol") != one.get("new_symbol"):  # otherwise only its CUSIP is new
            found.symbol_changes.append(_symbol_change(one))
    for kind in _OTHERS:
        found.others.extend(_other(kind, one) for one in _all(actions, kind))
    return found


def _all(actions: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    given = actions.get(kind) or []
    if not isinstance(given, list):
        raise Untranslatable(f"{kind} must be a list: was {type(given).__name__}")
    return [as_object(one, kind) for one in given]


def _split(one: Mapping[str, Any]) -> BrokerSplit:
    return BrokerSplit(
        action_id=_id(one, "symbol"),
        symbol=read_text(one, "symbol"),
        ratio=read_positive(one, "old_rate") / read_positive(one, "new_rate"),
        ex_date=_day(one, "ex_date"),
    )


# The rate is the number of new shares per share held: 0.05 makes 105 of 100.
def _stock_dividend(one: Mapping[str, Any]) -> BrokerSplit:
    return BrokerSplit(
        action_id=_id(one, "symbol"),
        symbol=read_text(one, "symbol"),
        ratio=1 / (1 + read_positive(one, "rate")),
        ex_date=_day(one, "ex_date"),
    )


def _symbol_change(one: Mapping[str, Any]) -> BrokerSymbolChange:
    return BrokerSymbolChange(
        action_id=_id(one, "old_symbol"),
        symbol=read_text(one, "old_symbol"),
        new_symbol=read_text(one, "new_symbol"),
        effective=_day(one, "process_date"),
    )


def _other(kind: str, one: Mapping[str, Any]) -> BrokerAction:
    subject, words = _OTHERS[kind]
    names = {name: one.get(name) or "another company" for name in _NAMES}
    return BrokerAction(
        action_id=_id(one, subject),
        symbol=read_text(one, subject),
        effective=_day(one, "ex_date", "effective_date", "process_date"),
        text=printable(words.format(**names)),
    )


def _id(one: Mapping[str, Any], subject: str) -> str:
    given = one.get("id")
    if isinstance(given, str) and given:
        return given
    return f"{one.get(subject)}-{_day(one, 'ex_date', 'effective_date', 'process_date')}"


def _day(one: Mapping[str, Any], *names: str) -> date:
    value = next((one[name] for name in names if one.get(name) is not None), None)
    try:
        return date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Untranslatable(f"{names[0]} must be a date: was {value!r:.60}") from None
