"""A strategy on the paper broker as a plain script; Ctrl-C stops it gracefully.

    python examples/live_trading_simple.py [SPEED]

The bars are replayed SPEED times faster than they happened, by default two weeks of
trading in a second. If it is stopped and started again, the session continues with the
bar after the last one it saw; its journal is in `.rbtlive`.
"""

import sys

import rbtlive as rbt
from rbtlive.api import order_target_percent, record, symbol

SPEED = 14 * 24 * 3600


def initialize(context):
    context.asset = symbol("IBM")


def handle_data(context, data):
    prices = data.history(context.asset, "close", 50, "1d")
    price = data.current(context.asset, "close")
    order_target_percent(context.asset, 1 if price > prices.mean() else 0)
    record(price=price)


def on_order_fill(context, order, transaction):
    print(
        f"{transaction.dt:%Y-%m-%d}  {transaction.amount:>6} {order.asset.symbol} at "
        f"{transaction.price:.2f}"
    )


def main():
    speed = float(sys.argv[1]) if len(sys.argv) > 1 else SPEED
    session = rbt.run(
        sys.modules[__name__],
        rbt.PaperBroker(),
        feed=rbt.ReplayFeed(rbt.load_sample("us-daily"), speed=speed),
        name="live-trading-simple",
        start="2005-01-03",
        end="2005-12-30",
    )
    print(session.result())
    print(session.parity())


if __name__ == "__main__":
    main()
