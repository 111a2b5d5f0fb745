"""zipline's `zipline.pipeline.filters`."""

from rbtlive.pipeline.filters.filter import (
    AllPresent,
    ArrayPredicate,
    CustomFilter,
    Filter,
    Latest,
    MaximumFilter,
    NotNullFilter,
    NullFilter,
    NumExprFilter,
    PercentileFilter,
    SingleAsset,
    StaticAssets,
    StaticSids,
)
from rbtlive.pipeline.filters.smoothing import All, AtLeastN
from rbtlive.pipeline.filters.smoothing import Any_ as Any
from rbtlive.pipeline.missing import UNIVERSE_NAMES, refusing

__getattr__ = refusing(__name__, UNIVERSE_NAMES)
__all__ = [
    "All",
    "AllPresent",
    "Any",
    "ArrayPredicate",
    "AtLeastN",
    "CustomFilter",
    "Filter",
    "Latest",
    "MaximumFilter",
    "NotNullFilter",
    "NullFilter",
    "NumExprFilter",
    "PercentileFilter",
    "SingleAsset",
    "StaticAssets",
    "StaticSids",
]
