"""Sets targets while earlier orders of the asset are still open: zipline looks at the
position only.
"""

from zipline.api import order_target, order_target_percent, order_target_value, record, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-03-31",
    "quirks": ["target_ignores_open_orders"],
}


def initialize(context):
    context.thin, context.gaps, context.alfa = symbols("THIN", "GAPS", "ALFA")
    context.day = 0


def handle_data(context, data):
    order_target(context.thin, 200 if context.day % 10 < 5 else 50)
    order_target_value(context.gaps, 200_000 if context.day % 8 < 4 else 0)
    order_target_percent(context.alfa, 0.2)
    order_target_percent(context.alfa, 0.2)
    record(
        thin=context.portfolio.positions[context.thin].amount,
        gaps=context.portfolio.positions[context.gaps].amount,
    )
    context.day += 1
