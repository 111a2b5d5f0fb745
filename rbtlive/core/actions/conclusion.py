"""The run as a whole: its benchmark, and the record of its results.

The rule: later events do not change a record that was handed out.
"""

from __future__ import annotations

import copy
from decimal import localcontext

from rbtlive.core.actions.asset_lookup import find_symbol
from rbtlive.core.run_state import RunState
from rbtlive.core.state.record import RunRecord
from rbtlive.core.state.settings import RunSettings
from rbtlive.errors import BenchmarkAssetNotAvailableTooEarly, BenchmarkAssetNotAvailableTooLate
from rbtlive.model.asset import Asset
from rbtlive.model.number import ENGINE_CONTEXT


def check_benchmark(state: RunState) -> None:
    """Refuse a run's benchmark that is not listed for the whole run.

    Raises:
        BenchmarkAssetNotAvailableTooEarly: its first bar is after the run's first
            session.
        BenchmarkAssetNotAvailableTooLate: its last bar is before the run's last
            session.
    """
    settings = state.settings
    if state.benchmark is None and settings.benchmark is not None:
        state.benchmark = find_symbol(state, settings.benchmark)
    if state.benchmark is not None:
        require_listed(state.market.assets[state.benchmark.index], settings)


def require_listed(asset: Asset, settings: RunSettings) -> None:
    """Refuse a benchmark that is not listed for the whole run; errors as of
    `check_benchmark`.
    """
    start, last, end = asset.start_date, asset.end_date, settings.end
    if start > settings.start:
        raise BenchmarkAssetNotAvailableTooEarly(
            f"benchmark {asset.symbol} does not exist on {settings.start}: it started "
            f"trading on {start}; "
            "start later or choose another benchmark"
        )
    if end is not None and last < end:
        raise BenchmarkAssetNotAvailableTooLate(
            f"benchmark {asset.symbol} does not exist on {end}: it stopped trading on {last}; "
            "end sooner or choose another benchmark"
        )


def snapshot(state: RunState) -> RunRecord:
    """Return the run's record so far; later events do not change it."""
    record = state.record
    record.denied = list(state.orders.denied.values())
    kept = record.copy()
    kept.orders = state.orders.for_good()
    kept.sessions = rows = copy.copy(state.books.rows)
    with localcontext(ENGINE_CONTEXT):
        kept.marks = {held.asset.symbol: price for held, price in state.portfolio.priced()}
        kept.pnl = state.portfolio.pnl
    if state.benchmark is not None and rows:
        first = state.calendar.number(rows[0].label)
        rows.measure(state.market.benchmark_returns(state.benchmark.index, first, len(rows)))
    elif state.benchmark_returns is not None:
        given = state.benchmark_returns
        rows.measure([given.get(label, 0.0) for label in rows.column("label")])
    return kept
