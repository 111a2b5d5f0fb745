"""A backtest that keeps only its figures: a sweep runs it thousands of times.

The rule: the figures equal those of `backtest` to the last bit; the run's objects are
freed at once, without a garbage collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from rbtlive.core.state.record import RunRecord
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import HistoryWindowStartsBeforeData
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.metrics import Metrics, metrics_of
from rbtlive.research.result import BacktestResult
from rbtlive.research.result_frames import daily_returns
from rbtlive.research.sweeping.params import own
from rbtlive.runtime.backtest import later_start, new_core, run_core


class LeanRun:
    """A finished run as figures; frames can be built until it is released."""

    def __init__(self, core: TradingCore) -> None:
        self._core: TradingCore | None = core
        self._record: RunRecord | None = core.act(core.finish)
        assert self._record is not None
        self.returns: NDArray[np.float64] = daily_returns(self._record.sessions)

    @property
    def values(self) -> NDArray[np.float64]:
        """Portfolio values, one per session."""
        assert self._record is not None
        return np.array([float(row.portfolio_value) for row in self._record.sessions])

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics of the run."""
        assert self._record is not None
        return metrics_of(self._record)

    @cached_property
    def _result(self) -> BacktestResult:
        assert self._record is not None
        assert self._core is not None
        return BacktestResult(self._record, context=self._core.context)

    def result(self) -> BacktestResult:
        """Return the run's whole result, for objectives that need more than metrics."""
        return self._result

    def release(self) -> None:
        """Free the run's objects."""
        core, self._record, self._core = self._core, None, None
        if core is not None:
            core.release()
        vars(self).pop("_result", None)


def run_lean(
    strategy: object,
    portal: PolarsDataPortal,
    settings: RunSettings,
    params: Mapping[str, Any],
    *,
    free_start: bool = False,
) -> LeanRun:
    """Run a strategy with some parameters; `analyze` is not called.

    Args:
        strategy: The strategy, as `backtest` takes it.
        portal: The bars.
        settings: Checked settings.
        params: The parameters.
        free_start: Begin where the windows fit, if they begin before the data.
    """
    settings = replace(settings, params=own(params))
    while True:
        core = new_core(strategy, portal, settings, preload=True)
        core.strategy.own_class_values()
        try:
            run_core(core, progress=False)
        except HistoryWindowStartsBeforeData as early:
            if not free_start:
                raise
            core.release()
            settings = later_start(replace(settings, params=own(params)), early, portal)
            early.__traceback__ = None  # its frames hold the run
        else:
            return LeanRun(core)
