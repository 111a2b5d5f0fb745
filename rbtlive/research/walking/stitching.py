"""Join consecutive runs into one result.

The rule: each run begins with the money with which the previous one ended. Its
remaining positions are closed at their last price without costs, so that the joined
books balance.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from rbtlive.core.state.order import Order
from rbtlive.core.state.record import RunRecord, SessionRow
from rbtlive.model.number import ENGINE_CONTEXT, ZERO
from rbtlive.model.order_facts import Transaction


def stitch(records: Sequence[RunRecord]) -> RunRecord:
    """Return the record of consecutive runs; order ids continue from run to run."""
    first = records[0]
    capital = first.settings.capital_base
    whole = RunRecord(
        first.strategy_name,
        replace(first.settings, end=records[-1].settings.end, params={}),
        first.assets,
        marks=dict(records[-1].marks),
    )
    total, last = 0.0, len(records) - 1
    for place, record in enumerate(records):
        offset, shift = len(whole.orders) + len(whole.denied), len(whole.transactions)
        whole.orders += [_renumbered(order, offset) for order in record.orders]
        whole.denied += [_renumbered(order, offset) for order in record.denied]
        whole.transactions += [_moved(t, offset, place) for t in record.transactions]
        whole.adjustments += [replace(a, after=a.after + shift) for a in record.adjustments]
        rows = list(record.sessions)
        if place < last and rows:
            rows[-1] = _closed(rows[-1], record, whole)
        for row in rows:
            moved = _rebased(row, capital, total, shift=shift, offset=offset)
            whole.sessions.append(moved)
            total = moved.total_return
    if whole.sessions:
        whole.pnl = whole.sessions[-1].total_pnl
    return whole


def _renumbered(order: Order, offset: int) -> Order:
    picture = copy.copy(order)  # a snapshot may be shared
    picture.id = str(int(order.id) + offset)
    return picture


def _moved(transaction: Transaction, offset: int, place: int) -> Transaction:
    known = transaction.order_id
    return transaction._replace(
        order_id=None if known is None else str(int(known) + offset),
        execution_id=f"{place}-{transaction.execution_id}",
    )


# The row of a run's last session with all positions closed at their last prices.
def _closed(row: SessionRow, record: RunRecord, whole: RunRecord) -> SessionRow:
    assets = {asset.symbol: asset for asset in record.assets}
    held = list(row.positions)
    for position in held:
        whole.transactions.append(
            Transaction(
                row.close,
                assets[position.symbol],
                -position.amount,
                position.last_sale_price,
                ZERO,
                None,
                f"fold-{position.sid}-{row.label}",
            )
        )
    return replace(
        row,
        ending_cash=row.portfolio_value,
        capital_used=ENGINE_CONTEXT.add(row.capital_used, row.ending_value),
        ending_value=ZERO,
        long_value=ZERO,
        short_value=ZERO,
        longs_count=0,
        shorts_count=0,
        positions=(),
        transactions=(row.transactions[0], row.transactions[1] + len(held)),
    )


def _rebased(
    row: SessionRow, capital: Decimal, before: float, *, shift: int, offset: int
) -> SessionRow:
    pnl = ENGINE_CONTEXT.subtract(row.portfolio_value, capital)
    total = float(ENGINE_CONTEXT.divide(pnl, capital))
    low, high = row.transactions
    return replace(
        row,
        total_pnl=pnl,
        total_return=total,
        returns=(1.0 + total) / (1.0 + before) - 1.0 if before != -1.0 else 0.0,
        orders=tuple(_renumbered(order, offset) for order in row.orders),
        transactions=(low + shift, high + shift),
        adjustments=tuple(replace(a, after=a.after + shift) for a in row.adjustments),
    )
