"""Where the values of data sets come from.

The rule: a value is seen from the first session after it became known.
"""

from rbtlive.pipeline.loaders.frame import DataFrameLoader, FrameLoader

__all__ = ["DataFrameLoader", "FrameLoader"]
