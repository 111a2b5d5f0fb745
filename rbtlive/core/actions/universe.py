"""Choose the assets whose bars a run requests, where its pipelines decide that.

The rule: assets that are held or have open orders come first, then those that the
screens show, in the order of the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbtlive.core.run_state import RunState

if TYPE_CHECKING:
    from rbtlive.pipeline.engine import Computed


def follow(state: RunState, name: str, computed: Computed, row: int) -> None:
    """Request bars of the assets that a pipeline shows today, if it decides that; once
    a day.

    Args:
        state: The run's state.
        name: Name of the pipeline.
        computed: The pipeline's tables.
        row: Today's row of the tables.
    """
    attached, session = state.pipelines.by_name[name], state.market.session
    if not attached.subscribes or attached.followed == session:
        return
    attached.followed = session
    chosen = computed.screen[row].tolist()
    attached.shown = tuple(
        asset.symbol for asset, yes in zip(computed.assets, chosen, strict=True) if yes
    )
    if state.pipelines.on_universe is not None:
        state.pipelines.on_universe(wanted(state))


def wanted(state: RunState) -> list[str]:
    """Return the symbols whose bars a run wants, the most important first."""
    needed = [position.asset.symbol for position in state.portfolio.positions.values()]
    needed += [order.asset.symbol for order in state.orders.get_active_orders()]
    if state.settings.benchmark is not None:
        needed.append(state.settings.benchmark)
    for attached in state.pipelines.by_name.values():
        needed += attached.shown
    return list(dict.fromkeys(needed))
