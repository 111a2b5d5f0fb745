"""What a broker class gets wrong: answers that cannot be, and positions that flicker.

The rule: an answer is changed on its way back; what the venue did stays done.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from rbtlive.brokers.base import BrokerOrder

MESSAGES = ('{"odd": 1}', "[]", '{"at": "never"}', '{"order_id": null, "state": "filled"}')
"""Messages of a stream that tell nothing."""


def answer(given: Any, what: str, size: int) -> Any:
    """Return an answer as it arrives.

    Args:
        given: What the venue has answered.
        what: "odd answer" changes it into one that cannot be, "flicker" leaves a
            position out; anything else changes nothing.
        size: Which of the odd answers.
    """
    if what == "flicker" and isinstance(given, dict) and given:
        left_out = sorted(given)[size % len(given)]
        return {symbol: n for symbol, n in given.items() if symbol != left_out}
    if what != "odd answer":
        return given
    if isinstance(given, BrokerOrder):
        return _odd_order(given, size)
    if isinstance(given, Decimal):  # the account's cash; another number would be believed
        return Decimal("NaN") if size % 2 else None
    if isinstance(given, dict):
        return {**given, "AAA": (None, float("nan"), "many")[size % 3]}
    if isinstance(given, list) and given and isinstance(given[0], BrokerOrder) and size % 3:
        return [_odd_order(given[0], size), *given[1:]]
    return (7, b"?", {"odd": 1})[size % 3]


def _odd_order(given: BrokerOrder, size: int) -> Any:
    changes: list[dict[str, Any]] = [
        {"filled": Decimal("NaN")},
        {"updated_at": given.updated_at.replace(tzinfo=None)},
        {"state": "held"},
        {"amount": None},
    ]
    return replace(given, **changes[size % len(changes)])
