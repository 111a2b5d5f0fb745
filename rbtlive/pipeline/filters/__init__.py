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
