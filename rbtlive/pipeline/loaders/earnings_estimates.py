"""zipline's `zipline.pipeline.loaders.earnings_estimates`: refused by name."""

from rbtlive.pipeline.missing import ESTIMATE_NAMES, refusing

__getattr__ = refusing(__name__, ESTIMATE_NAMES)
