"""The columns of the panel's tables, once for the kernel, the live view and the still
form.

The rule: a row is an object with these keys; who shows a table goes through this list.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

Kind = Literal[
    "id", "time", "text", "signed", "price", "money", "gain", "share", "state", "reason", "count"
]


class Column(NamedTuple):
    """One column.

    Attributes:
        key: The row's key.
        title: What stands above it.
        kind: How a value is written and aligned.
        optional: Whether a narrow view leaves it out.
    """

    key: str
    title: str
    kind: Kind
    optional: bool = False


ORDER_COLUMNS: Final = (
    Column("id", "#", "id"),
    Column("created", "Time", "time"),
    Column("symbol", "Symbol", "text"),
    Column("side", "Side", "text"),
    Column("type", "Type", "text", optional=True),
    Column("amount", "Amount", "signed"),
    Column("limit", "Limit", "price", optional=True),
    Column("stop", "Stop", "price", optional=True),
    Column("filled", "Filled", "signed"),
    Column("price", "Avg price", "price"),
    Column("state", "Status", "state"),
    Column("changed", "Changed", "time", optional=True),
    Column("reason", "Reason", "reason"),
)
"""`open` beside them says whether the order can still trade."""

POSITION_COLUMNS: Final = (
    Column("symbol", "Symbol", "text"),
    Column("amount", "Amount", "signed"),
    Column("cost", "Cost", "price", optional=True),
    Column("price", "Price", "price"),
    Column("value", "Value", "money"),
    Column("weight", "Weight", "share"),
    Column("profit", "Profit", "gain"),
    Column("elsewhere", "Others hold", "text", optional=True),
)
"""`elsewhere` says what outside and other runs hold of the asset; at a real broker
only.
"""

BOARD_COLUMNS: Final = (
    Column("name", "Session", "text"),
    Column("strategy", "Strategy", "text", optional=True),
    Column("broker", "Broker", "text", optional=True),
    Column("state", "State", "text"),
    Column("trading", "Trading", "text"),
    Column("value", "Value", "money"),
    Column("profit", "Profit", "gain"),
    Column("day", "Day", "gain"),
    Column("drawdown", "Drawdown", "share"),
    Column("positions", "Held", "count"),
    Column("orders", "Open", "count"),
    Column("last", "Last bar", "time"),
    Column("errors", "Errors", "count"),
    Column("note", "Note", "reason"),
)


def described(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """Return columns as plain JSON."""
    return [column._asdict() for column in columns]
