"""zipline's `zipline.pipeline.data`."""

from rbtlive.pipeline.data.dataset import BoundColumn, Column, DataSet
from rbtlive.pipeline.data.equity_pricing import EquityPricing, USEquityPricing

__all__ = ["BoundColumn", "Column", "DataSet", "EquityPricing", "USEquityPricing"]
