"""zipline's Pipeline: screens and factors over all assets, each morning.

The rule: terms describe, plans order, the engine computes; numbers are those of
zipline-reloaded 3.2.1.
"""

from rbtlive.pipeline import data as _data  # noqa: F401 - they register kinds
from rbtlive.pipeline import loaders as _loaders  # noqa: F401 - likewise
from rbtlive.pipeline.classifiers import Classifier, CustomClassifier
from rbtlive.pipeline.domain import Domain
from rbtlive.pipeline.factors import CustomFactor, Factor
from rbtlive.pipeline.factors.expr import ExprFactor as _ExprFactor  # noqa: F401 - it registers
from rbtlive.pipeline.filters import CustomFilter, Filter
from rbtlive.pipeline.missing import ENGINE_NAMES as _ENGINE_NAMES
from rbtlive.pipeline.missing import refusing as _refusing
from rbtlive.pipeline.pipeline import Pipeline
from rbtlive.pipeline.term import ComputableTerm, LoadableTerm, Term

__getattr__ = _refusing(__name__, _ENGINE_NAMES)
__all__ = [
    "Classifier",
    "ComputableTerm",
    "CustomClassifier",
    "CustomFactor",
    "CustomFilter",
    "Domain",
    "Factor",
    "Filter",
    "LoadableTerm",
    "Pipeline",
    "Term",
]
