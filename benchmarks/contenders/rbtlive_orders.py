"""rbtlive: ways to order that are common, over A1: a variant each."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.contenders.rbtlive_engine import CrossoverOfIndicators, frame_of
from benchmarks.contenders.rbtlive_idioms import run
from benchmarks.measure import main
from benchmarks.workloads import SHARES

HOUR = 60


class Crossing(CrossoverOfIndicators):
    """Says at each bar whether the fast mean is above the slow one."""

    def initialize(self, context):
        super().initialize(context)
        context.best = 0.0

    def handle_data(self, context, data):
        context.bars += 1
        fast, slow = self.means(context, data)
        self.turn(context, data, fast > slow)

    def held(self, context):
        return context.portfolio.positions[context.asset].amount

    def cancel_all(self, context):
        for order in self.get_open_orders(context.asset):
            self.cancel_order(order)


class Percent(Crossing):
    """Asks for a percentage of the portfolio at each bar."""

    def turn(self, context, _data, above):
        self.order_target_percent(context.asset, 0.5 if above else 0)


class Checked(Crossing):
    """Asks for a target at each bar at which nothing is on order."""

    def turn(self, context, _data, above):
        if not self.get_open_orders(context.asset):
            self.order_target(context.asset, SHARES if above else 0)


class Bracket(Crossing):
    """Places a stop and a limit around the position anew each hour."""

    def turn(self, context, data, above):
        held = self.held(context)
        if not held and above:
            self.order(context.asset, SHARES)
        elif held and context.bars % HOUR == 0:
            price = data.current(context.asset, "close")
            self.cancel_all(context)
            self.order(context.asset, -held, stop_price=price * 0.995)
            self.order(context.asset, -held, limit_price=price * 1.005)


class Replace(Crossing):
    """Takes a limit back every ten bars and places it at the price of now."""

    def turn(self, context, data, above):
        if context.bars % 10 == 0:
            self.cancel_all(context)
            price = data.current(context.asset, "close")
            if above and not self.held(context):
                self.order(context.asset, SHARES, limit_price=price * 0.9995)
            elif not above and self.held(context):
                self.order(context.asset, -self.held(context), limit_price=price * 1.0005)


class Trailing(Crossing):
    """Sells once the price is below the best one since the purchase by a part."""

    def turn(self, context, data, above):
        price = data.current(context.asset, "close")
        if not self.held(context):
            if above:
                self.order(context.asset, SHARES)
                context.best = price
        else:
            context.best = max(context.best, price)
            if price < context.best * 0.998:
                self.order_target(context.asset, 0)


class Ladder(Crossing):
    """Rests five small limits below the price, anew each hour."""

    def turn(self, context, data, _above):
        if context.bars % HOUR == 0:
            self.cancel_all(context)
            if self.held(context):
                self.order_target(context.asset, 0)
            price = data.current(context.asset, "close")
            for step in range(1, 6):
                self.order(context.asset, SHARES // 5, limit_price=price * (1 - step * 0.0005))


class Shorts(Crossing):
    """Is long above and short below."""

    def turn(self, context, _data, above):
        if above != context.was_above:
            self.order_target(context.asset, SHARES if above else -SHARES)
        context.was_above = above


class Value(Crossing):
    """Buys for an amount of money, and closes."""

    def turn(self, context, _data, above):
        if above != context.was_above:
            if above:
                self.order_value(context.asset, 10_000)
            else:
                self.order_target_value(context.asset, 0)
        context.was_above = above


class Breakout(Crossing):
    """Buys by a stop above the price, and sells by one below."""

    def turn(self, context, data, above):
        if self.get_open_orders(context.asset):
            return
        price, held = data.current(context.asset, "close"), self.held(context)
        if above and not held:
            self.order(context.asset, SHARES, stop_price=price * 1.0005)
        elif not above and held:
            self.order(context.asset, -held, stop_price=price * 0.9995)


class Scaling(Crossing):
    """Buys a little every five bars, and closes all every hour."""

    def turn(self, context, _data, _above):
        if context.bars % HOUR == 0:
            self.order_target(context.asset, 0)
        elif context.bars % 5 == 0:
            self.order(context.asset, SHARES // 10)


if __name__ == "__main__":
    main(
        {
            f"orders-{one.__name__.lower()}": (frame_of, run(one, "1m"))
            for one in Crossing.__subclasses__()
        }
    )
