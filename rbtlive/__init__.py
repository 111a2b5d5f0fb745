"""rbtlive: one strategy cell, backtested, traded on paper, and proved equal."""

from rbtlive import lazy_modules as _lazy_modules  # noqa: F401 - it registers zipline's module names
from rbtlive.brokers.base import BrokerAdapter
from rbtlive.brokers.paper import PaperBroker
from rbtlive.core.shown.bar_data import BarData
from rbtlive.core.shown.order_views import OrderView as Order
from rbtlive.core.shown.order_views import TransactionView as Transaction
from rbtlive.core.shown.portfolio_views import AccountView as Account
from rbtlive.core.shown.portfolio_views import PortfolioView as Portfolio
from rbtlive.core.shown.portfolio_views import PositionView as Position
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.strategy.context import Context, TradingAlgorithm
from rbtlive.core.strategy.strategy_executor import StrategyExecutor
from rbtlive.data.catalog.shelves import catalog
from rbtlive.data.feeds.as_feed import DataFeed, ReplayFeed
from rbtlive.data.feeds.tick_feed import bars_from_ticks
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.data.read import read
from rbtlive.data.resample import resample
from rbtlive.data.samples import load_sample
from rbtlive.finance.commission import NoCommission, PerDollar, PerShare, PerTrade
from rbtlive.finance.slippage import (
    FixedBasisPointsSlippage,
    FixedSlippage,
    NoSlippage,
    VolumeShareSlippage,
)
from rbtlive.model.bar import Bar
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderReplacedEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.model.order_facts import OrderState
from rbtlive.notebook.attach import attach, run, sessions
from rbtlive.notebook.background_backtest import backtest_async
from rbtlive.notebook.board import board
from rbtlive.notebook.magics import load_ipython_extension
from rbtlive.notebook.nested import enable_nested_loop
from rbtlive.notebook.recorded_session import open_session
from rbtlive.notebook.session import LiveSession
from rbtlive.notebook.sweep_rows import SweepResult, sweep
from rbtlive.research.backtesting import backtest
from rbtlive.research.explaining.explanation import Explanation
from rbtlive.research.factor_sheet import FactorSheet, factor_sheet
from rbtlive.research.fetching.fetch import fetch
from rbtlive.research.monte_carlo import monte_carlo
from rbtlive.research.parity_report import ParityReport
from rbtlive.research.reports.comparison import Comparison, compare
from rbtlive.research.result import BacktestResult
from rbtlive.research.run_algorithm import run_algorithm
from rbtlive.research.run_pipeline import run_pipeline
from rbtlive.research.signals.strategy import signals
from rbtlive.research.walking.cross_validation import cross_validate
from rbtlive.research.walking.walk_forward import walk_forward
from rbtlive.runtime.engine.breakers import Breakers
from rbtlive.runtime.engine.dispatcher import EventDispatcher
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.engine.event_queue import EventQueue

__all__ = [
    "Account",
    "BacktestResult",
    "Bar",
    "BarData",
    "Breakers",
    "BrokerAdapter",
    "CircuitBreakerEvent",
    "Comparison",
    "Context",
    "DataFeed",
    "Event",
    "EventDispatcher",
    "EventQueue",
    "Explanation",
    "FactorSheet",
    "FixedBasisPointsSlippage",
    "FixedSlippage",
    "LiveSession",
    "MarketDataEvent",
    "NoCommission",
    "NoSlippage",
    "OperatorEvent",
    "Order",
    "OrderFillEvent",
    "OrderManager",
    "OrderRejectEvent",
    "OrderReplacedEvent",
    "OrderState",
    "OrderUpdateEvent",
    "PaperBroker",
    "ParityReport",
    "PerDollar",
    "PerShare",
    "PerTrade",
    "PolarsDataPortal",
    "Portfolio",
    "Position",
    "ReplayFeed",
    "ScheduledTriggerEvent",
    "StrategyExecutor",
    "SweepResult",
    "SystemErrorEvent",
    "TradingAlgorithm",
    "TradingEngine",
    "Transaction",
    "VolumeShareSlippage",
    "attach",
    "backtest",
    "backtest_async",
    "bars_from_ticks",
    "board",
    "catalog",
    "compare",
    "cross_validate",
    "enable_nested_loop",
    "factor_sheet",
    "fetch",
    "load_ipython_extension",
    "load_sample",
    "monte_carlo",
    "open_session",
    "read",
    "resample",
    "run",
    "run_algorithm",
    "run_pipeline",
    "sessions",
    "signals",
    "sweep",
    "walk_forward",
]
