"""Names of `rbtlive` that are loaded on first use: the package's own, its layers,
zipline's modules, the version, and errors for other libraries' names.
`rbt.api.record(...)` needs no import of its own.

The rule: `import rbtlive` loads nothing that its first call may not need. Type checkers
do not see this: they read the imports in `rbtlive`, and a misspelt name of the package
is still an error for them.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

from rbtlive.data import forked_polars as _forked_polars  # noqa: F401 - it watches forks
from rbtlive.missing_modules import register

# By module its names; one that has another name there is written `name=other`.
_MODULES: Final = {
    "brokers.base": "BrokerAdapter",
    "brokers.paper": "PaperBroker",
    "core.shown.bar_data": "BarData",
    "core.shown.order_views": "Order=OrderView Transaction=TransactionView",
    "core.shown.portfolio_views": (
        "Account=AccountView Portfolio=PortfolioView Position=PositionView"
    ),
    "core.state.order_manager": "OrderManager",
    "core.strategy.context": "Context TradingAlgorithm",
    "core.strategy.strategy_executor": "StrategyExecutor",
    "data.catalog.shelves": "catalog",
    "data.feeds.as_feed": "DataFeed ReplayFeed",
    "data.feeds.tick_feed": "bars_from_ticks",
    "data.portal": "PolarsDataPortal",
    "data.read": "read",
    "data.resample": "resample",
    "data.samples": "load_sample",
    "finance.commission": "NoCommission PerDollar PerShare PerTrade",
    "finance.slippage": "FixedBasisPointsSlippage FixedSlippage NoSlippage VolumeShareSlippage",
    "model.bar": "Bar",
    "model.events": (
        "CircuitBreakerEvent Event MarketDataEvent OperatorEvent OrderFillEvent OrderRejectEvent "
        "OrderUpdateEvent ScheduledTriggerEvent SystemErrorEvent"
    ),
    "model.order_facts": "OrderState",
    "notebook.attach": "attach run sessions",
    "notebook.background_backtest": "backtest_async",
    "notebook.board": "board",
    "notebook.magics": "load_ipython_extension",
    "notebook.nested": "enable_nested_loop",
    "notebook.recorded_session": "open_session",
    "notebook.session": "LiveSession",
    "research.sweeping.sweep_result": "SweepResult",
    "research.sweeping.sweep": "sweep",
    "research.backtesting": "backtest",
    "research.explaining.explanation": "Explanation",
    "research.factor_sheet": "FactorSheet factor_sheet",
    "research.fetching.fetch": "fetch",
    "research.monte_carlo": "monte_carlo",
    "research.parity_report": "ParityReport",
    "research.reports.comparison": "Comparison compare",
    "research.result": "BacktestResult",
    "research.run_algorithm": "run_algorithm",
    "research.run_pipeline": "run_pipeline",
    "research.signals.strategy": "signals",
    "research.walking.cross_validation": "cross_validate",
    "research.walking.walk_forward": "walk_forward",
    "runtime.engine.breakers": "Breakers",
    "runtime.engine.dispatcher": "EventDispatcher",
    "runtime.engine.engine": "TradingEngine",
    "runtime.engine.event_queue": "EventQueue",
}
NAMES: Final = {
    pair.partition("=")[0]: (module, pair.rpartition("=")[2])
    for module, pairs in _MODULES.items()
    for pair in pairs.split()
}
"""By name the module, and its name there."""
LAZY = ("algorithm", "api", "assets", "lib", "pipeline", "protocol", "utils")
_LAYERS = (
    "brokers",
    "core",
    "data",
    "errors",
    "finance",
    "model",
    "notebook",
    "research",
    "runtime",
    "sim",
    "venue",
)
_PACKAGE = sys.modules["rbtlive"]


def _load(name: str) -> Any:
    if name in NAMES:
        module, own = NAMES[name]
        found = getattr(importlib.import_module(f"rbtlive.{module}"), own)
        vars(_PACKAGE)[name] = found
        return found
    if name in (*LAZY, *_LAYERS):
        return importlib.import_module(f"rbtlive.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("rbtlive")
    message = f"module 'rbtlive' has no attribute {name!r}"
    if not name.startswith("_"):
        from rbtlive.foreign_names import PLACES
        from rbtlive.model.other_names import spelt_alike

        word = spelt_alike(name, PLACES)
        if word is not None:
            raise AttributeError(
                f"{message}: write {PLACES[word].replace('NAME', word)}", name=name
            )
    raise AttributeError(message, name=name, obj=_PACKAGE)  # Python suggests its nearest name


def _names() -> list[str]:
    return sorted({*vars(_PACKAGE), *NAMES, *LAZY, *_LAYERS, "__version__"})


vars(_PACKAGE).update(__getattr__=_load, __dir__=_names)
register()
if "IPython" in sys.modules:  # importing the package in a notebook enables its completion
    importlib.import_module("rbtlive.notebook.completion")
