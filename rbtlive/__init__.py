"""rbtlive: one strategy cell, backtested, traded on paper, and proved equal."""

from rbtlive.core.context import TradingAlgorithm
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.data.samples import load_sample
from rbtlive.model.bar import Bar
from rbtlive.research.backtesting import backtest
from rbtlive.research.parity_report import ParityReport
from rbtlive.research.result import BacktestResult

__all__ = [
    "Bar",
    "BacktestResult",
    "ParityReport",
    "PolarsDataPortal",
    "TradingAlgorithm",
    "backtest",
    "load_sample",
]
