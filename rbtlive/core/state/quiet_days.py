"""Sessions in which nothing traded, stored together.

The rule: rows built from them later equal those that each session alone would have
left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.core.state.session_figures import SessionClose

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.calendars.calendar import TradingCalendar


class QuietDays:
    """Consecutive sessions after a close, in which nothing traded.

    Args:
        before: The close before the first of them.
        first: Number of the first session.
        count: Number of sessions.
        prices: Price of each position, sessions x positions; None if nothing is held.
        recorded: Recorded variables of each session; None if they equal those of
            `before`.
        orders: Pictures of the orders placed in a session, by the session's place in
            the stretch.
        no_cash: A cash flow of zero, with as many decimals as the books write.
    """

    __slots__ = ("before", "count", "first", "no_cash", "orders", "prices", "recorded")

    def __init__(
        self,
        before: SessionClose,
        *,
        first: int,
        count: int,
        prices: Floats | None,
        recorded: Sequence[dict[str, Any]] | None,
        orders: Mapping[int, Sequence[Any]],
        no_cash: Decimal,
    ) -> None:
        self.before = before
        self.first = first
        self.count = count
        self.prices = prices
        self.recorded = recorded
        self.orders = orders
        self.no_cash = no_cash

    def pattern(self) -> SessionClose:
        """Return the first close, without prices: the part that all closes share."""
        before = self.before
        executed = before.transactions[1]
        return before._replace(
            starting_cash=before.cash,
            starting_base=before.capital_base,
            starting_value=None,
            capital_used=self.no_cash,
            previous_return=None,
            totals=before.totals if self.prices is None else None,
            orders=(),
            transactions=(executed, executed),
            adjustments=(),
        )

    def closes(self, calendar: TradingCalendar) -> Iterator[SessionClose]:
        """Return the close of each session."""
        pattern = self.pattern()
        times = calendar.closes_us[self.first : self.first + self.count].tolist()
        for place, close_us in enumerate(times):
            yield pattern._replace(
                session=self.first + place,
                close_us=close_us,
                prices=pattern.prices if self.prices is None else self.prices[place],
                recorded=pattern.recorded if self.recorded is None else self.recorded[place],
                orders=self.orders.get(place, ()),
            )


def every_close(
    parts: Iterable[SessionClose | QuietDays], calendar: TradingCalendar
) -> list[SessionClose]:
    """Return the close of each session of all parts."""
    closes: list[SessionClose] = []
    for part in parts:
        if isinstance(part, QuietDays):
            closes.extend(part.closes(calendar))
        else:
            closes.append(part)
    return closes


def session_numbers(parts: Iterable[SessionClose | QuietDays]) -> list[int]:
    """Return the number of each session of all parts."""
    numbers: list[int] = []
    for part in parts:
        if isinstance(part, QuietDays):
            numbers.extend(range(part.first, part.first + part.count))
        else:
            numbers.append(part.session)
    return numbers


def recorded_of_each(parts: Iterable[SessionClose | QuietDays]) -> list[dict[str, Any]]:
    """Return the recorded variables of each session of all parts."""
    recorded: list[dict[str, Any]] = []
    for part in parts:
        if not isinstance(part, QuietDays):
            recorded.append(part.recorded)
        elif part.recorded is None:
            recorded.extend([part.before.recorded] * part.count)
        else:
            recorded.extend(part.recorded)
    return recorded
