"""Daily bars as a data set."""

from __future__ import annotations

from rbtlive.pipeline.data.dataset import Column, DataSet
from rbtlive.pipeline.domain import US_EQUITIES
from rbtlive.pipeline.term import FLOAT


class EquityPricing(DataSet):
    """Daily bars: prices adjusted for splits and dividends, volume for splits."""

    open = Column(FLOAT)
    high = Column(FLOAT)
    low = Column(FLOAT)
    close = Column(FLOAT)
    volume = Column(FLOAT)


USEquityPricing = EquityPricing.specialize(US_EQUITIES)
USEquityPricing.__qualname__ = "USEquityPricing"  # its name for pickling
