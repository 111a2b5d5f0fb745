"""Analysis of runs: results, metrics, charts and the parity report. Heavy libraries are
imported on first use.
"""

from rbtlive.research.exports import to_pyfolio, to_quantstats
from rbtlive.research.parity_parts import Costs, Decisions, Difference, Executions
from rbtlive.research.parity_report import ParityReport, parity_report
from rbtlive.research.reports.comparison import Comparison
from rbtlive.research.result import BacktestResult, compare

__all__ = [
    "BacktestResult",
    "Comparison",
    "Costs",
    "Decisions",
    "Difference",
    "Executions",
    "ParityReport",
    "compare",
    "parity_report",
    "to_pyfolio",
    "to_quantstats",
]
