"""The columns of the panel's tables, defined once for the kernel, the live view and the
static form.

The rule: a row is an object with these keys; every table is displayed by this list.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

Kind = Literal[
    "id", "time", "text", "signed", "price", "money", "gain", "share", "state", "reason", "count"
]


NARROW: Final = 560
MIDDLE: Final = 900
WIDTHS: Final = (NARROW, MIDDLE)
"""Widths in pixels from which views show more columns; `panel.css` has them too."""


class Column(NamedTuple):
    """One column.

    Attributes:
        key: The row's key.
        title: The column's heading.
        kind: Format and alignment of the values.
        wide: Minimum width in pixels at which a view shows it: 0, or one of `WIDTHS`.
    """

    key: str
    title: str
    kind: Kind
    wide: int = 0


ORDER_COLUMNS: Final = (
    Column("id", "#", "id"),
    Column("created", "Time", "time", wide=NARROW),
    Column("symbol", "Symbol", "text"),
    Column("side", "Side", "text"),
    Column("type", "Type", "text", wide=NARROW),
    Column("amount", "Amount", "signed"),
    Column("limit", "Limit", "price", wide=NARROW),
    Column("stop", "Stop", "price", wide=NARROW),
    Column("filled", "Filled", "signed"),
    Column("price", "Avg price", "price", wide=NARROW),
    Column("state", "Status", "state"),
    Column("changed", "Changed", "time", wide=MIDDLE),
    Column("reason", "Reason", "reason"),
)
"""A row also has `open`, which says whether the order can still trade."""

POSITION_COLUMNS: Final = (
    Column("symbol", "Symbol", "text"),
    Column("amount", "Amount", "signed"),
    Column("cost", "Cost", "price", wide=NARROW),
    Column("price", "Price", "price", wide=NARROW),
    Column("value", "Value", "money"),
    Column("weight", "Weight", "share", wide=NARROW),
    Column("profit", "Profit", "gain"),
    Column("elsewhere", "Others hold", "text", wide=NARROW),
)
"""`elsewhere` shows the asset's holdings of outside and other runs; only at a real
broker.
"""

BOARD_COLUMNS: Final = (
    Column("name", "Session", "text"),
    Column("strategy", "Strategy", "text", wide=MIDDLE),
    Column("broker", "Broker", "text", wide=MIDDLE),
    Column("state", "State", "text"),
    Column("trading", "Trading", "text", wide=NARROW),
    Column("value", "Value", "money", wide=NARROW),
    Column("profit", "Profit", "gain"),
    Column("day", "Day", "gain"),
    Column("drawdown", "Drawdown", "share", wide=NARROW),
    Column("positions", "Held", "count", wide=MIDDLE),
    Column("orders", "Open", "count", wide=MIDDLE),
    Column("last", "Last bar", "time", wide=MIDDLE),
    Column("errors", "Errors", "count"),
    Column("note", "Note", "reason"),
)


def described(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """Return columns as JSON values."""
    return [column._asdict() for column in columns]
