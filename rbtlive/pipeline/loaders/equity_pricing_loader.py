"""zipline's `zipline.pipeline.loaders.equity_pricing_loader`: refused by name."""

from rbtlive.pipeline.missing import LOADER_NAMES, refusing

__getattr__ = refusing(__name__, LOADER_NAMES)
