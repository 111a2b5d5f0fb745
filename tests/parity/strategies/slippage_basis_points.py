"""Basis points with a tight volume limit, commission per dollar."""

from zipline.api import order, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-03-31", "default_safe": True}
LOG = []


def initialize(context):
    set_slippage(
        us_equities=slippage.FixedBasisPointsSlippage(basis_points=12.5, volume_limit=0.03)
    )
    set_commission(us_equities=commission.PerDollar(cost=0.0021))
    for wrong in ({"basis_points": -1}, {"volume_limit": 0}):
        try:
            slippage.FixedBasisPointsSlippage(**wrong)
        except Exception as error:
            LOG.append(type(error).__name__)
    context.assets = symbols("THIN", "GAPS", "VOLA")
    context.day = 0


def handle_data(context, data):
    for number, asset in enumerate(context.assets):
        if (context.day + number) % 4 == 0:
            order(asset, (14, 2_900, 500)[number])
        if (context.day + number) % 6 == 0:
            order(asset, -(11, 1_200, 650)[number])
    context.day += 1
