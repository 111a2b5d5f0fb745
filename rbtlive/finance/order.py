"""zipline's `zipline.finance.order`: the numbers of an order's status."""

from __future__ import annotations

from enum import IntEnum


class ORDER_STATUS(IntEnum):  # noqa: N801 - zipline's name
    """The values that `order.status` is equal to."""

    OPEN = 0
    FILLED = 1
    CANCELLED = 2
    REJECTED = 3
    HELD = 4


__all__ = ["ORDER_STATUS"]
