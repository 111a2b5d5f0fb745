"""Sessions of the quiet loop, until they become rows of the record.

The rule: what is noted equals what each session alone would have left; prices of many
sessions are read at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.core.run_state import RunState
from rbtlive.core.state.order import Order
from rbtlive.core.state.quiet_days import QuietDays
from rbtlive.core.state.session_figures import SessionClose, with_prices
from rbtlive.model.arrays import NDArray, np

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import BarReads, Floats


_NEAR = 8  # sessions: those between are read too


class Stretch:
    """A close, and the sessions after it in which nothing filled.

    Args:
        close: The close before these sessions.
        places: The asset index of each position; None if nothing is held.
        is_noted: Whether the close itself is in the record already; its prices are
            unknown otherwise.
        cash_flow: Cash flow of the run up to the close.

    Attributes:
        begun: Number of the first session whose prices are unknown.
        first: Number of the first session after the close.
        next: Number of the session after the last one finished.
        odd_prices: The price of each position in sessions in which one has no close.
        recorded: Recorded variables of the last sessions.
        orders: Pictures of the orders placed in a session, by its place.
        prices: The price of each position in each session from `begun` on, once read.
    """

    __slots__ = (
        "begun",
        "cash_flow",
        "close",
        "first",
        "is_noted",
        "next",
        "odd_prices",
        "orders",
        "places",
        "prices",
        "recorded",
    )

    def __init__(
        self,
        close: SessionClose,
        places: NDArray[np.intp] | None,
        *,
        is_noted: bool,
        cash_flow: Decimal,
    ) -> None:
        self.close, self.places, self.is_noted = close, places, is_noted
        self.cash_flow = cash_flow
        self.first = self.next = close.session + 1
        self.begun = self.first if is_noted else close.session
        self.odd_prices: dict[int, Floats] = {}
        self.recorded: list[dict[str, Any]] = []
        self.orders: dict[int, Sequence[Order]] = {}
        self.prices: Floats | None = None


def stretch_after(state: RunState, close: SessionClose, *, is_noted: bool) -> Stretch:
    """Return a new stretch after a close that has just been made."""
    places = state.marks.places() if state.portfolio.positions else None
    flow = state.books.previous_cash_flow
    return Stretch(close, places, is_noted=is_noted, cash_flow=flow)


def note(state: RunState, stretches: Sequence[Stretch]) -> None:
    """Add the finished sessions to the record: stretches that follow one another."""
    rows = state.books.rows
    for group in _held_alike(stretches):
        _read_prices(group, state.market.table)
    for stretch in stretches:
        close, count, prices = stretch.close, stretch.next - stretch.first, stretch.prices
        if not stretch.is_noted:
            if prices is not None:
                close, prices = with_prices(close, prices[0]), prices[1:]
            rows.note(close)
        if count:
            days = QuietDays(
                close,
                first=stretch.first,
                count=count,
                prices=prices,
                recorded=_every_recorded(stretch, count) if stretch.recorded else None,
                orders=stretch.orders,
                no_cash=stretch.cash_flow - stretch.cash_flow,
            )
            rows.note_quiet(days)


# Stretches that hold the same positions, if at most a few sessions lie between them.
def _held_alike(stretches: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    group: list[Stretch] = []
    known: NDArray[np.intp] | None = None
    for stretch in stretches:
        places = stretch.places
        if places is None or stretch.begun == stretch.next:
            continue
        if known is not None and (
            (places is not known and places.tobytes() != known.tobytes())
            or stretch.begun - group[-1].next > _NEAR
        ):
            yield group
            group = []
        known = places
        group.append(stretch)
    if group:
        yield group


# Reads the price of each position in each session that is not noted yet, for stretches
# with the same positions.
def _read_prices(group: Sequence[Stretch], table: BarReads) -> None:
    places, begun, first = group[0].places, group[0].begun, table.first_session
    assert places is not None
    closes = table.values("close", begun - first, group[-1].next - first).take(places, axis=1)
    for stretch in group:
        prices = stretch.prices = closes[stretch.begun - begun : stretch.next - begun]
        for session, own in stretch.odd_prices.items():
            if session < stretch.next:
                prices[session - stretch.begun] = own


# Before the first variable was recorded, each session has those of the last close:
# none.
def _every_recorded(stretch: Stretch, count: int) -> list[dict[str, Any]]:
    return [stretch.close.recorded] * (count - len(stretch.recorded)) + stretch.recorded
