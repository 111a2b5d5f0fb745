"""Orders before an asset lists: order() is taken and waits for the first bar; orders by
value are refused.
"""

from zipline.api import (
    get_open_orders,
    order,
    order_percent,
    order_target,
    order_target_percent,
    order_value,
    symbols,
)

CASE = {
    "data": "edge_daily",
    "start": "2017-03-20",
    "end": "2017-04-28",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


def initialize(context):
    context.late = symbols("LATE")[0]
    context.day = 0


def attempt(function, *arguments, **settings):
    try:
        return function(*arguments, **settings)
    except Exception as error:
        return type(error).__name__


def handle_data(context, data):
    late = context.late
    if context.day in (1, 8, 9, 10, 11):
        LOG.append(
            [
                data.current_dt,
                attempt(order, late, 20),
                attempt(order, late, 5, stop_price=14.0),
                attempt(order_value, late, 500.0),
                attempt(order_percent, late, 0.1),
                attempt(order_target_percent, late, 0.1),
                attempt(order_target, late, 30) if context.day < 8 else None,
            ]
        )
    LOG.append(
        [
            data.current(late, ["price", "volume", "last_traded"]),
            data.can_trade(late),
            data.is_stale(late),
        ]
    )
    LOG.append(
        [
            len(get_open_orders(late)),
            context.portfolio.positions[late].amount,
            context.portfolio.positions_value,
        ]
    )
    context.day += 1
