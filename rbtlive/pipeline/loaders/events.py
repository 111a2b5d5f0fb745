"""zipline's `zipline.pipeline.loaders.events`: refused by name."""

from rbtlive.pipeline.missing import VENDOR_NAMES, refusing

__getattr__ = refusing(__name__, VENDOR_NAMES)
