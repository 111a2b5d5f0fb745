"""Fill market orders that are kept as plain numbers: one alone, in rows, or in columns.

The rule: the result equals booking each of them as an object.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from rbtlive.core.run_state import RunState
from rbtlive.core.state import whole_fills
from rbtlive.core.state.order import Order
from rbtlive.core.state.portfolio import WholeFill
from rbtlive.core.state.row_log import RowLog
from rbtlive.core.state.waiting_orders import Asked
from rbtlive.core.state.whole_fills import WholeFills
from rbtlive.model.arrays import np
from rbtlive.model.asset import Asset
from rbtlive.model.number import ZERO
from rbtlive.model.order_facts import Transaction
from rbtlive.sim.matching import SimVenue

Match: TypeAlias = Callable[[RunState, dict[Asset, list[Order]]], None]


def fill_waiting(state: RunState, match: Match) -> None:
    """Fill the waiting orders in turn: those that fill completely on a bar are booked
    together, any other becomes an object and takes the slow path.

    Args:
        state: The run.
        match: The slow path, for the orders of some assets.
    """
    orders, venue = state.orders, state.venue
    assert isinstance(venue, SimVenue)
    if len(orders.waiting.amounts) == 1 and fill_only(state):
        return
    asked = orders.waiting.take()
    many = len(asked.amounts) >= whole_fills.COLUMNS_FROM
    if many and _fill_in_columns(state, venue, asked, match):
        return
    costs = venue.whole_fills(asked.amounts, state.data.floats)
    for is_whole, begun, past in asked.runs([cost is not None for cost in costs]):
        if not is_whole:
            _match_objects(state, asked, range(begun, past), match)
            continue
        fills = [
            (asset, Decimal(shares), *cost)
            for (asset, shares), cost in zip(
                asked.amounts[begun:past], costs[begun:past], strict=True
            )
            if cost is not None
        ]
        _book_whole(state, fills, asked, asked.number_at(begun))


# Does the same with prices, costs and books in columns; False if they do not fit there.
def _fill_in_columns(state: RunState, venue: SimVenue, asked: Asked, match: Match) -> bool:
    assets, sizes = [list(column) for column in zip(*asked.amounts, strict=True)]
    traded = state.data.floats.traded_in_row([asset.index for asset in assets])
    found = None if traded is None else venue.fills_in_columns(sizes, *traded)
    if found is None:
        return False
    prices, costs, fits = found
    fills = WholeFills(assets, np.array(sizes, dtype=np.int64), prices, costs)
    for is_whole, begun, past in asked.runs(fits.tolist()):
        if is_whole:
            _book_columns(state, asked, fills.cut(begun, past), begun)
        else:
            _match_objects(state, asked, range(begun, past), match)
    return True


# Lets the venue fill what does not fill completely on the bar, or is an object already.
def _match_objects(state: RunState, asked: Asked, places: range, match: Match) -> None:
    orders, turn = state.orders, {}
    for place in places:
        asset, shares = asked.amounts[place]
        if shares:
            turn[asset] = [orders.waiting.made(asked, asked.number_at(place), asset, shares)]
            continue
        orders.waiting.keep_place(asset)
        if orders.book.get(asset):
            turn[asset] = orders.book[asset]
    orders.version += 1  # the book was last checked without them
    match(state, turn)


# Books executions of consecutive waiting orders, the first at `place`, with the same
# result as the slow path.
def _book_columns(state: RunState, asked: Asked, fills: WholeFills, place: int) -> None:
    count, first, now = len(fills.assets), asked.number_at(place), state.now
    if count < whole_fills.COLUMNS_FROM or not state.portfolio.takes_columns(count):
        _book_whole(state, list(fills.rows()), asked, first)
        return
    orders, log, numbers = state.orders, state.record.transactions, range(first, first + count)
    assert isinstance(log, RowLog)
    state.portfolio.book_columns(fills, now)
    state.unbooked_charges.append(fills)
    orders.waiting.note_filled(asked, numbers, len(log))
    log.extend_packed(fills.columns(now, numbers), count)
    orders.version += count


def fill_only(state: RunState) -> bool:
    """Fill the only waiting order, if its bar has room for all of it; say whether it
    did. This costs less than a list with one entry.
    """
    orders, venue, log = state.orders, state.venue, state.record.transactions
    assert isinstance(venue, SimVenue)
    [(asset, shares)] = orders.waiting.amounts.items()
    if not shares:
        return False
    costs = venue.whole_fill(shares, *state.data.floats.traded_of(asset))
    if costs is None:
        return False
    now, fill = state.now, (asset, Decimal(shares), *costs)
    if state.unbooked_commissions or state.unbooked_charges:  # earlier fills in this step
        state.portfolio.book_whole_fills((fill,), now)
        if fill[3] > ZERO:
            state.unbooked_commissions.append((asset, fill[3]))
    else:
        state.portfolio.book_only_fill(fill, now)
    order_id = orders.waiting.note_only(len(log))
    log.append(_row(Transaction, (now, *fill, order_id, order_id + "-1")))
    orders.version += 1
    return True


# Books executions of consecutive waiting orders, with the same result as the slow path.
def _book_whole(state: RunState, fills: list[WholeFill], asked: Asked, first: int) -> None:
    if not fills:
        return
    now, orders, log = state.now, state.orders, state.record.transactions
    ids = [str(number) for number in range(first, first + len(fills))]
    state.portfolio.book_whole_fills(fills, now)
    state.unbooked_commissions += [(fill[0], fill[3]) for fill in fills if fill[3] > ZERO]
    orders.waiting.note_filled(asked, range(first, first + len(fills)), len(log))
    log.extend(
        [
            _row(Transaction, (now, *fill, order_id, order_id + "-1"))
            for fill, order_id in zip(fills, ids, strict=True)
        ]
    )
    orders.version += len(ids)


_row = tuple.__new__  # a list of hundreds: the class's own constructor calls a Python function
