"""Numbers and texts in the panel's messages: JSON values of bounded size."""

from __future__ import annotations

import math
from decimal import Decimal

from rbtlive.core.strategy.strategy_executor import StrategyExecutor

TEXT_LIMIT = 400
PARAMS_SHOWN = 24


def plain(value: Decimal | float | None, digits: int = 6) -> float | int | None:
    """Return a number in JSON form: rounded, None if it is not finite."""
    if value is None:
        return None
    number = float(value)
    if number.is_integer():
        return int(number)
    if not math.isfinite(number):
        return None
    rounded = round(number, digits)
    return int(rounded) if rounded.is_integer() else rounded


def plain_price(value: Decimal | float | None) -> float | int | None:
    """Return a price with at least six significant digits."""
    if value is None:
        return None
    number = abs(float(value))
    digits = 4 if number >= 1 or number == 0 or not math.isfinite(number) else 12
    return plain(value, digits)


def cut(text: object, limit: int = TEXT_LIMIT) -> str:
    """Return a text of at most `limit` characters; a longer one ends in an ellipsis."""
    shown = str(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def parameter_texts(strategy: StrategyExecutor) -> dict[str, str]:
    """Return a strategy's parameters by name, as short texts."""
    shown = list(strategy.parameters().items())[:PARAMS_SHOWN]
    return {name: cut(repr(value), 60) for name, value in shown}
