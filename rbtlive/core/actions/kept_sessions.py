"""Sessions of the quiet loop, until they become rows of the record.

The rule: what is noted equals what each session alone would have left; prices of many
sessions are read at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbtlive.core.run_state import RunState
from rbtlive.core.state.kept_days import Books, KeptDays
from rbtlive.core.state.order_archive import KeptPictures
from rbtlive.core.state.session_figures import SessionClose
from rbtlive.model.arrays import np

if TYPE_CHECKING:
    from rbtlive.core.state.order_archive import OrderArchive
    from rbtlive.data.bars.bar_reads import BarReads, Floats

_FEW = 64
"""So many prices are read one by one: for more, an array costs less."""


def days_after(state: RunState, close: SessionClose, archive: OrderArchive) -> KeptDays:
    """Return what keeps the sessions after a close that is in the record."""
    flow = state.books.previous_cash_flow
    return KeptDays(close, flow=flow, pictures=KeptPictures(archive))


def keep_traded(state: RunState, days: KeptDays) -> None:
    """Keep the books that a session with fills, which ends, leaves."""
    portfolio, touched = state.portfolio, state.orders.touched
    cash, flow, executed = portfolio.cash, portfolio.cash_flow, len(state.record.transactions)
    if touched:
        days.pictures.note(days.count, touched.items(), days.books[-1].executed)
        touched.clear()
    days.books.append(_row(Books, (days.count, cash, flow, portfolio.held(), executed)))


_row = tuple.__new__  # the class's own way calls a function of Python


def note(state: RunState, days: KeptDays, *, version: int, has_ended: bool) -> None:
    """Add the finished sessions to the record, and let the next figures count from
    them.

    Args:
        state: The run.
        days: The sessions.
        version: The portfolio's at the last close.
        has_ended: No session has begun after them.
    """
    books, last = state.books, days.books[-1]
    if days.count:
        days.prices = _prices(days, state.market.table)
        books.rows.note_days(days)
    if len(days.books) > 1:
        books.closed_marks = -1
    books.closed_version = version
    books.previous_cash_flow, books.previous_return = last.flow, None
    books.reported_transactions = last.executed
    books.rows_before = len(books.rows)
    traded_last = has_ended and last.place == days.count - 1 >= 0
    start = days.books[-2] if traded_last else last
    books.starting_cash, books.starting_base = start.cash, days.before.capital_base
    books.starting_value = None
    if has_ended:
        books.rows_before -= 1
        books.first_transaction = start.executed
    else:
        books.begin()


# The price of each position in each session.
def _prices(days: KeptDays, table: BarReads) -> Floats:
    begun = days.first - table.first_session
    closes, width = table.values("close", begun, begun + days.count), table.width
    parts: list[Floats] = []
    given: dict[int, Floats] = {}
    places: list[int] = []  # of single prices after those of the parts
    session = size = 0
    for books, count in zip(days.books, days.lengths(), strict=True):
        held = books.held.places()
        if count * len(held) <= _FEW:
            row, past = session * width, (session + count) * width
            if len(held) == 1:  # as in most runs
                places += range(row + held[0], past, width)
            else:
                places += [first + place for first in range(row, past, width) for place in held]
        else:
            parts += [
                closes.take(places),
                closes[session : session + count].take(held, axis=1).reshape(-1),
            ]
            places = []
        for odd in range(session, session + count) if days.odd_prices else ():
            if odd in days.odd_prices:
                given[size + (odd - session) * len(held)] = days.odd_prices[odd]
        session += count
        size += count * len(held)
    prices = np.concatenate([*parts, closes.take(places)])
    for place, known in given.items():
        prices[place : place + len(known)] = known
    return prices
