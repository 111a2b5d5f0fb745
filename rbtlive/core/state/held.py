"""Holdings at a moment, without prices.

The rule: closes share the numbers that did not change between them; if many changed,
they are packed, equal in value and in their written form.
"""

from __future__ import annotations

from array import array
from decimal import Decimal
from operator import is_not
from typing import Any, Final, TypeAlias

from rbtlive.core.state.row_log import Texts
from rbtlive.core.state.whole_fills import CostsAfter
from rbtlive.model.asset import Asset
from rbtlive.model.number import ENGINE_CONTEXT, ZERO

Amounts: TypeAlias = "list[Decimal] | array[int]"
"""Signed shares of positions; integers if they are packed."""

_LARGE = 1 << 60
_MANY = 8
"""Positions are packed if there are at least this many and at least one in this many
has changed; otherwise closes share the unchanged numbers.
"""


class Held:
    """Holdings at a moment, without prices.

    Args:
        assets: Asset of each position.
        amounts: Signed shares of each.
        costs: Signed money behind each cost basis. If a log provides it, the list of
            assets and the amounts (integers) are kept unchanged.
        before: The holdings of the moment before, and their costs; None at first.

    Attributes:
        amounts: Signed shares of each position.
    """

    __slots__ = ("_assets", "_costs", "_rows", "amounts")

    def __init__(
        self,
        assets: list[Asset],
        amounts: Any,
        costs: list[Decimal] | CostsAfter,
        before: tuple[Held, list[Decimal]] | None = None,
    ) -> None:
        self._rows: list[tuple[str, int, Decimal, Decimal]] | None = None
        self._assets = assets
        self.amounts: Amounts = amounts
        self._costs: list[Decimal] | Texts | CostsAfter = costs
        if isinstance(costs, CostsAfter):
            return
        changed = len(costs)
        if changed < _MANY:
            return
        if before is not None and before[0]._assets == assets:  # noqa: SLF001 - of this class
            self._assets = before[0]._assets  # noqa: SLF001
            changed = sum(map(is_not, costs, before[1]))
        if changed * _MANY > len(costs):
            self._costs = Texts(costs)
            if all(map(ZERO.same_quantum, amounts)) and max(map(abs, amounts)) < _LARGE:
                self.amounts = array("q", map(int, amounts))

    def __len__(self) -> int:
        return len(self.amounts)

    def places(self) -> list[int]:
        """Return the asset index of each position."""
        return [asset.index for asset in self._assets]

    def rows(self) -> list[tuple[str, int, Decimal, Decimal]]:
        """Return symbol, sid, signed amount and cost basis of each position."""
        if self._rows is not None:
            return self._rows
        costs = self._costs if isinstance(self._costs, list) else self._costs.values()
        amounts = map(Decimal, self.amounts) if isinstance(self.amounts, array) else self.amounts
        rows = [
            (
                asset.symbol,
                asset.sid,
                amount,
                ENGINE_CONTEXT.divide(cost, amount) if amount else ZERO,
            )
            for asset, amount, cost in zip(self._assets, amounts, costs, strict=True)
        ]
        if costs is self._costs:  # packed costs are not kept as objects
            self._rows = rows
        return rows


NOTHING_HELD: Final = Held([], [], [])
"""Shared by all closes at which nothing is held."""
