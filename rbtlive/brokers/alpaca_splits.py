"""Splits within the days from which a feed builds weeks and months.

The rule: they are queried before the first bar of a later day is used, so that no week
mixes prices of two kinds of shares.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rbtlive.brokers.alpaca_actions import SPLITS, ask_corporate_actions
from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.model.interval import MONTH


class LearnedSplits:
    """The known splits.

    Args:
        ask: Queries the data service: a path, and a query.
    """

    def __init__(self, ask: Callable[[str, dict[str, str]], Awaitable[Any]]) -> None:
        self._ask = ask
        self._splits: dict[str, list[tuple[int, float]]] = {}
        self._through: date | None = None
        self._asked: set[str] = set()

    async def through(
        self,
        bars: Iterable[Mapping[str, Any]],
        symbols: Iterable[str],
        *,
        later: Mapping[str, str],
        calendar: TradingCalendar,
    ) -> Mapping[str, Sequence[tuple[int, float]]]:
        """Return the splits up to the days of some bars, by symbol: the END of each
        one's session, µs UTC, and its ratio, in order.

        Args:
            bars: The bars about to be used.
            symbols: The symbols.
            later: Symbols by their later names.
            calendar: The calendar of the sessions.

        Raises:
            BrokerError: they could not be fetched.
        """
        stamps = (bar["timestamp"] for bar in bars)
        labels = [stamp for stamp in stamps if not isinstance(stamp, datetime)]
        names = set(symbols)
        if not labels or (
            self._through is not None and max(labels) <= self._through and names <= self._asked
        ):
            return self._splits
        found = await ask_corporate_actions(
            self._ask,
            names,
            start=min(labels) - MONTH.duration,
            end=max(labels),
            types=SPLITS,
        )
        self._splits = {}
        for split in sorted(found.splits, key=lambda one: one.ex_date):
            symbol = later.get(split.symbol, split.symbol)
            first_us = calendar.closes_us.item(calendar.at_or_after(split.ex_date))
            self._splits.setdefault(symbol, []).append((first_us, float(split.ratio)))
        self._through, self._asked = max(labels), names
        return self._splits
