"""The volatility model of futures, opened to equities by a subclass; as it is, equities
refuse it.
"""

from zipline.api import order, set_commission, set_slippage, symbols
from zipline.errors import IncompatibleCommissionModel, IncompatibleSlippageModel
from zipline.finance.commission import FutureCommissionModel
from zipline.finance.slippage import EquitySlippageModel, VolatilityVolumeShare

CASE = {"data": "edge_daily", "start": "2017-01-10", "end": "2017-03-31", "default_safe": True}
LOG = []


class EquityVolatility(VolatilityVolumeShare):
    allowed_asset_types = EquitySlippageModel.allowed_asset_types


class FuturesOnly(FutureCommissionModel):
    def calculate(self, order, transaction):
        return 0.0


def initialize(context):
    try:
        set_slippage(us_equities=VolatilityVolumeShare(volume_limit=0.1))
    except IncompatibleSlippageModel as error:
        LOG.append(type(error).__name__)
    try:
        set_commission(us_equities=FuturesOnly())
    except IncompatibleCommissionModel as error:
        LOG.append(type(error).__name__)
    set_slippage(us_equities=EquityVolatility(volume_limit=0.1))
    context.alfa, context.thin = symbols("ALFA", "THIN")
    context.day = 0


def handle_data(context, data):
    if context.day % 5 == 0:
        order(context.alfa, 40_000)
        order(context.thin, 45)
    if context.day % 5 == 3:
        order(context.alfa, -30_000)
        order(context.thin, -10)
    context.day += 1
