"""What a run leaves, as texts that compare in every digit."""

from typing import Any

from rbtlive.core.state.order import every_field
from rbtlive.research.result import BacktestResult


def record_facts(result: BacktestResult) -> dict[str, Any]:
    """Return orders, fills, changes of splits, pictures, positions and rows of a run."""
    record = result.record
    names = [n for n in record.sessions[0].__slots__ if n not in {"orders", "positions"}]
    return {
        "orders": [str(every_field(order)) for order in record.orders],
        "fills": [str(tuple(fill)) for fill in record.transactions],
        "adjustments": [str(one) for one in record.adjustments],
        "pictures": [[str(every_field(o)) for o in row.orders] for row in record.sessions],
        "positions": [str(list(row.positions)) for row in record.sessions],
        "rows": [[str(getattr(row, name)) for name in names] for row in record.sessions],
    }
