"""Loaders: they provide the values of data sets.

The rule: a value is visible from the first session after it became known.
"""

from rbtlive.pipeline.loaders.base import PipelineLoader
from rbtlive.pipeline.loaders.frame import DataFrameLoader, FrameLoader
from rbtlive.pipeline.missing import LOADER_NAMES, VENDOR_NAMES, refusing

__getattr__ = refusing(__name__, LOADER_NAMES | VENDOR_NAMES)
__all__ = ["DataFrameLoader", "FrameLoader", "PipelineLoader"]
