"""What a run is judged by: results, metrics, charts and the parity report. Heavy
libraries are imported when used.
"""

from rbtlive.research.exports import to_pyfolio, to_quantstats
from rbtlive.research.parity_report import Difference, ParityReport, parity_report
from rbtlive.research.reports.comparison import Comparison
from rbtlive.research.result import BacktestResult, compare

__all__ = [
    "BacktestResult",
    "Comparison",
    "Difference",
    "ParityReport",
    "compare",
    "parity_report",
    "to_pyfolio",
    "to_quantstats",
]
