"""Quantopian's `pipeline.experimental`: refused by name."""

from rbtlive.pipeline.missing import UNIVERSE_NAMES, VENDOR_NAMES, refusing

__getattr__ = refusing(__name__, UNIVERSE_NAMES | VENDOR_NAMES)
