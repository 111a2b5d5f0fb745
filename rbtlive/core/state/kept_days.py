"""Daily sessions stored together: what each left, in columns.

The rule: closes built from them later equal those that each session alone would have
left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from operator import itemgetter, sub
from typing import TYPE_CHECKING, Any, NamedTuple

from rbtlive.core.state.held import Held
from rbtlive.core.state.order_archive import KeptPictures
from rbtlive.core.state.session_figures import NO_TOTALS, SessionClose
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.number import ENGINE_CONTEXT, ZERO

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.calendars.calendar import TradingCalendar

_CASH, _BASE, _STARTING_CASH, _STARTING_BASE, _USED = range(5)


class Books(NamedTuple):
    """What a session with fills left.

    Attributes:
        place: Its place: 0 is the first session.
        cash: Cash at its close.
        flow: Cash flow of the run up to then.
        held: The holdings at its close.
        executed: Number of the run's transactions up to then.
    """

    place: int
    cash: Decimal
    flow: Decimal
    held: Held
    executed: int


_place_of = itemgetter(Books._fields.index("place"))


class KeptDays:
    """Consecutive sessions after a close, in which only fills changed the books: a
    session without fills leaves those of the session before it.

    Args:
        before: The close before the first of them, which the record has.
        flow: Cash flow of the run up to it.
        pictures: Receives the orders placed or changed in a session.

    Attributes:
        first: Number of the first session.
        count: Number of finished sessions.
        books: What each session with fills left; the first entry is `before`.
        recorded: Recorded variables of the last sessions; those before have none.
        odd_prices: The price of each position in sessions in which one has no close, by
            the session's place.
        prices: The price of each position in each session, one after the other.
    """

    __slots__ = ("before", "books", "count", "first", "odd_prices", "pictures", "prices",
                 "recorded")  # fmt: skip

    def __init__(self, before: SessionClose, *, flow: Decimal, pictures: KeptPictures) -> None:
        self.before = before
        self.first = before.session + 1
        self.count = 0
        executed = before.transactions[1]
        self.books = [Books(-1, before.cash, flow, before.held, executed)]
        self.recorded: list[dict[str, Any]] = []
        self.odd_prices: dict[int, Floats] = {}
        self.pictures = pictures
        self.prices: Floats = np.empty(0)

    def lengths(self) -> list[int]:
        """Return for how many sessions each of the books held."""
        begun = [0, *map(_place_of, self.books[1:])]
        return list(map(sub, [*begun[1:], self.count], begun))

    def every_recorded(self) -> list[dict[str, Any]]:
        """Return the recorded variables of each session."""
        return [self.before.recorded] * (self.count - len(self.recorded)) + self.recorded

    def money(self) -> tuple[list[Decimal], NDArray[np.intp]]:
        """Return amounts of money, and for each session the places of its cash, capital
        base, starting cash, starting base and capital used.
        """
        known = [books.cash for books in self.books]
        flows = [books.flow for books in self.books]
        used = list(map(ENGINE_CONTEXT.subtract, flows[1:], flows))
        states = np.repeat(np.arange(len(known)), self.lengths())
        rows = np.zeros((self.count, 5), dtype=np.intp)
        rows[:, _CASH] = rows[:, _STARTING_CASH] = 2 + states
        rows[:, _BASE] = rows[:, _STARTING_BASE] = 1
        changed = [books.place for books in self.books[1:]]
        rows[changed, _STARTING_CASH] -= 1
        rows[changed, _USED] = 2 + len(known) + np.arange(len(changed))
        return [ZERO, self.before.capital_base, *known, *used], rows

    def closes(self, calendar: TradingCalendar) -> Iterator[SessionClose]:
        """Return the close of each session."""
        times = calendar.closes_us[self.first : self.first + self.count].tolist()
        base = self.before.capital_base
        now, turn, at = self.books[0], 1, 0
        none = ENGINE_CONTEXT.subtract(now.flow, now.flow)
        for place, (close_us, recorded) in enumerate(
            zip(times, self.every_recorded(), strict=True)
        ):
            start, used = now, none
            if turn < len(self.books) and self.books[turn].place == place:
                now, turn = self.books[turn], turn + 1
                used = ENGINE_CONTEXT.subtract(now.flow, start.flow)
                none = ENGINE_CONTEXT.subtract(now.flow, now.flow)
            held = len(now.held)
            yield SessionClose(
                session=self.first + place,
                close_us=close_us,
                starting_cash=start.cash,
                starting_base=base,
                starting_value=None,
                cash=now.cash,
                capital_base=base,
                capital_used=used,
                previous_return=None,
                held=now.held,
                prices=self.prices[at : at + held] if held else (),
                totals=None if held else NO_TOTALS,
                recorded=recorded,
                orders=self.pictures.at(place),
                transactions=(start.executed, now.executed),
            )
            at += held


def every_close(
    parts: Iterable[SessionClose | KeptDays], calendar: TradingCalendar
) -> list[SessionClose]:
    """Return the close of each session of all parts."""
    closes: list[SessionClose] = []
    for part in parts:
        if isinstance(part, KeptDays):
            closes.extend(part.closes(calendar))
        else:
            closes.append(part)
    return closes


def session_numbers(parts: Iterable[SessionClose | KeptDays]) -> list[int]:
    """Return the number of each session of all parts."""
    numbers: list[int] = []
    for part in parts:
        if isinstance(part, KeptDays):
            numbers.extend(range(part.first, part.first + part.count))
        else:
            numbers.append(part.session)
    return numbers


def recorded_of_each(parts: Iterable[SessionClose | KeptDays]) -> list[dict[str, Any]]:
    """Return the recorded variables of each session of all parts."""
    recorded: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, KeptDays):
            recorded.extend(part.every_recorded())
        else:
            recorded.append(part.recorded)
    return recorded


def held_blocks(parts: Sequence[SessionClose | KeptDays]) -> list[tuple[Held, int]]:
    """Return the holdings of consecutive sessions, each with their number."""
    blocks: list[tuple[Held, int]] = []
    for part in parts:
        if isinstance(part, KeptDays):
            blocks += [
                (books.held, count)
                for books, count in zip(part.books, part.lengths(), strict=True)
                if count
            ]
        else:
            blocks.append((part.held, 1))
    return blocks
