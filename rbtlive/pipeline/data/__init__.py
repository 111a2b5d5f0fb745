"""zipline's `zipline.pipeline.data`."""

from rbtlive.pipeline.data.dataset import BoundColumn, Column, DataSet
from rbtlive.pipeline.data.equity_pricing import EquityPricing, USEquityPricing
from rbtlive.pipeline.missing import FAMILY_NAMES, VENDOR_NAMES, refusing

__getattr__ = refusing(__name__, FAMILY_NAMES | VENDOR_NAMES)
__all__ = ["BoundColumn", "Column", "DataSet", "EquityPricing", "USEquityPricing"]
