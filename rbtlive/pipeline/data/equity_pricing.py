"""Daily bars as a data set."""

from __future__ import annotations

from rbtlive.pipeline.data.dataset import Column, DataSet
from rbtlive.pipeline.domain import US_EQUITIES
from rbtlive.pipeline.term import FLOAT


class EquityPricing(DataSet):
    """Daily bars: prices adjusted for splits and dividends, volume for splits."""

    open = Column(FLOAT, currency_aware=True)
    high = Column(FLOAT, currency_aware=True)
    low = Column(FLOAT, currency_aware=True)
    close = Column(FLOAT, currency_aware=True)
    volume = Column(FLOAT)


USEquityPricing = EquityPricing.specialize(US_EQUITIES)
USEquityPricing.__qualname__ = "USEquityPricing"  # its name for pickling
