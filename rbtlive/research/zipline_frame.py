"""The pandas frame of zipline's run_algorithm, built from a run's record.

The rule: the same columns, types and values, and the same index (each session's last
minute, UTC), so that code written for zipline's frame works with it. The column order
differs: zipline's changes from run to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.core.state.order import Order
from rbtlive.core.state.record import PositionRow, RunRecord, SessionRow
from rbtlive.model.asset import Asset
from rbtlive.model.order_facts import Transaction
from rbtlive.research.result_frames import book_columns, recorded_columns, statistic_columns

if TYPE_CHECKING:
    import pandas as pd


def zipline_frame(record: RunRecord) -> pd.DataFrame:
    """Return one row per session with zipline's columns; works with pandas 2 and 3.

    Money and amounts are floats (whole amounts ints), date-times pandas Timestamps in
    UTC with nanoseconds. `orders`, `transactions` and `positions` contain lists of
    dicts. Values that do not exist yet are None or NaN, as in zipline.
    """
    import pandas as pd

    sessions = record.sessions
    columns: dict[Any, Sequence[Any]] = {
        "period_open": [_time(row.open) for row in sessions],
        "period_close": [_time(row.close) for row in sessions],
        **book_columns(sessions),
        **_lists(record),
    }
    columns |= {
        name: _recorded(name, sessions, columns.get(name)) for name in recorded_columns(sessions)
    }
    for name, values in statistic_columns(sessions).items():
        columns[name] = [None if value != value else value for value in values]  # noqa: PLR0124 - NaN
    columns["period_label"] = [row.label.strftime("%Y-%m") for row in sessions]
    # From rows, so that pandas chooses the same dtypes as for zipline.
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(columns), index=_index([row.close for row in sessions]))
    for name in ("period_open", "period_close"):
        frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("ns")
    return frame


# In zipline, a variable that was not recorded yet is NaN, not None; one with the name
# of a column does not change that column until then.
def _recorded(
    name: object, sessions: Sequence[SessionRow], until: Sequence[Any] | None
) -> list[Any]:
    before = [float("nan")] * len(sessions) if until is None else until
    recorded: list[Mapping[Any, Any]] = [row.recorded for row in sessions]
    return [
        zipline_value(values[name]) if name in values else kept
        for values, kept in zip(recorded, before, strict=True)
    ]


def zipline_value(value: Any) -> Any:
    """Return `value` with decimals converted to floats, also inside lists and
    mappings.
    """
    if isinstance(value, Decimal):
        return float(value)
    if type(value) in {list, tuple}:
        return type(value)(zipline_value(item) for item in value)
    if type(value) is dict:
        return {key: zipline_value(item) for key, item in value.items()}
    return value


def _lists(record: RunRecord) -> dict[Any, list[Any]]:
    by_sid = {asset.sid: asset for asset in record.assets}
    return {
        "orders": [[_order(order) for order in row.orders] for row in record.sessions],
        "transactions": [
            [_transaction(t) for t in record.transactions[slice(*row.transactions)]]
            for row in record.sessions
        ],
        "positions": [
            [_position(p, by_sid[p.sid]) for p in row.positions] for row in record.sessions
        ],
    }


def _order(order: Order) -> dict[str, Any]:
    fields = {
        "id": order.id,
        "dt": _time(order.dt),
        "reason": order.reason,
        "created": _time(order.created),
        "amount": _amount(order.amount),
        "filled": _amount(order.filled),
        "commission": float(order.commission),
        "stop": None if order.stop is None else float(order.stop),
        "limit": None if order.limit is None else float(order.limit),
        "stop_reached": order.stop_reached,
        "limit_reached": order.limit_reached,
        "sid": order.asset,
        "status": int(order.status),
    }
    if order.broker_order_id is not None:
        fields["broker_order_id"] = order.broker_order_id
    return fields


# zipline's transactions have a field `commission` that is never filled; the order has
# the sum.
def _transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "amount": _amount(transaction.amount),
        "dt": _time(transaction.dt),
        "price": float(transaction.price),
        "order_id": transaction.order_id or None,
        "sid": transaction.asset,
        "commission": None,
    }


def _position(position: PositionRow, asset: Asset) -> dict[str, Any]:
    return {
        "sid": asset,
        "amount": _amount(position.amount),
        "cost_basis": float(position.cost_basis),
        "last_sale_price": float(position.last_sale_price),
    }


def _amount(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _time(moment: datetime) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(moment).tz_convert("UTC")


def _index(moments: Sequence[datetime]) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex([pd.Timestamp(moment) for moment in moments], tz="UTC").as_unit("ns")
