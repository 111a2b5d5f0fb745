"""rbtlive: strategies over ten daily years that trade often, on one asset and on ten: a
variant each.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import polars as pl

import rbtlive as rbt
from benchmarks.contenders.rbtlive_engine import frame_of
from benchmarks.contenders.rbtlive_idioms import run
from benchmarks.measure import main
from benchmarks.workloads import FAST, SHARES, SLOW, WINDOW, symbols
from rbtlive.api import date_rules

WIDTH = 10
BEST = 3


class Daily(rbt.TradingAlgorithm):
    """One asset; what it holds is read from the portfolio."""

    def initialize(self, context):
        context.asset, context.best = self.symbol("A000"), 0.0
        self.define()

    def define(self):
        pass

    def held(self, context):
        return context.portfolio.positions[context.asset].amount

    def cancel_all(self, context):
        for order in self.get_open_orders(context.asset):
            self.cancel_order(order)


class Crossing(Daily):
    """Holds nearly everything while the fast mean is above."""

    def define(self):
        self.indicator("fast", pl.col("close").rolling_mean(FAST))
        self.indicator("slow", pl.col("close").rolling_mean(SLOW))

    def handle_data(self, context, data):
        above = data.current(context.asset, "fast") > data.current(context.asset, "slow")
        held = self.held(context)
        if above and not held:
            self.order_target_percent(context.asset, 0.95)
        elif held and not above:
            self.order_target(context.asset, 0)


class Windows(Daily):
    """Computes both means of a window, and asks for a target each day."""

    def handle_data(self, context, data):
        closes = data.history(context.asset, "close", SLOW, "1d")
        above = closes[-FAST:].mean() > closes.mean()
        self.order_target_percent(context.asset, 0.95 if above else 0)


class Strength(Daily):
    """Buys at a low relative strength and sells at a high one."""

    def define(self):
        change = pl.col("close").diff()
        gain = change.clip(lower_bound=0).rolling_mean(14)
        loss = (-change).clip(lower_bound=0).rolling_mean(14)
        self.indicator("strength", 100 - 100 / (1 + gain / loss))

    def handle_data(self, context, data):
        strength, held = data.current(context.asset, "strength"), self.held(context)
        if strength < 40 and not held:
            self.order(context.asset, SHARES)
        elif strength > 60 and held:
            self.order_target(context.asset, 0)


class Half(Daily):
    """Asks for half of the portfolio each day."""

    def handle_data(self, context, _data):
        self.order_target_percent(context.asset, 0.5)


class Volatility(Daily):
    """Aims at one percent a day."""

    def define(self):
        self.indicator("deviation", pl.col("close").pct_change().rolling_std(WINDOW))

    def handle_data(self, context, data):
        deviation = data.current(context.asset, "deviation")
        if deviation > 0:
            self.order_target_percent(context.asset, min(1.0, 0.01 / deviation))


class Alternating(Daily):
    """Buys one day and closes the next."""

    def handle_data(self, context, _data):
        if self.held(context):
            self.order_target(context.asset, 0)
        else:
            self.order(context.asset, SHARES)


class Reversal(Daily):
    """Is long below the mean of five days, and short above it."""

    def define(self):
        self.indicator("mean", pl.col("close").rolling_mean(5))

    def handle_data(self, context, data):
        mean, price = data.current(context.asset, "mean"), data.current(context.asset, "close")
        is_long = price < mean
        held = self.held(context)
        if is_long and held <= 0:
            self.order_target_percent(context.asset, 0.9)
        elif not is_long and held >= 0:
            self.order_target_percent(context.asset, -0.9)


class Limits(Daily):
    """Places a limit each day, and takes that of the day before back."""

    def handle_data(self, context, data):
        self.cancel_all(context)
        price, held = data.current(context.asset, "close"), self.held(context)
        if held:
            self.order(context.asset, -held, limit_price=price * 1.005)
        else:
            self.order(context.asset, SHARES, limit_price=price * 0.995)


class Stops(Daily):
    """Enters and leaves by stops, placed anew each day."""

    def handle_data(self, context, data):
        self.cancel_all(context)
        price, held = data.current(context.asset, "close"), self.held(context)
        if held:
            self.order(context.asset, -held, stop_price=price * 0.99)
        else:
            self.order(context.asset, SHARES, stop_price=price * 1.01)


class Bracket(Daily):
    """Places a stop and a limit around each position."""

    def handle_data(self, context, data):
        held = self.held(context)
        if not held:
            self.cancel_all(context)
            self.order(context.asset, SHARES)
        elif len(self.get_open_orders(context.asset)) < 2:
            self.cancel_all(context)
            price = data.current(context.asset, "close")
            self.order(context.asset, -held, stop_price=price * 0.98)
            self.order(context.asset, -held, limit_price=price * 1.02)


class Trailing(Daily):
    """Sells once the price is two percent below the best one since the purchase."""

    def handle_data(self, context, data):
        price = data.current(context.asset, "price")
        if not self.held(context):
            self.order(context.asset, SHARES)
            context.best = price
        else:
            context.best = max(context.best, price)
            if price < context.best * 0.98:
                self.order_target(context.asset, 0)


class Profit(Daily):
    """Closes at a percent of profit or loss, by the position's cost basis."""

    def handle_data(self, context, data):
        price, position = (
            data.current(context.asset, "price"),
            context.portfolio.positions[context.asset],
        )
        if not position.amount:
            self.order_target_percent(context.asset, 0.9)
        elif not position.cost_basis * 0.99 <= price <= position.cost_basis * 1.01:
            self.order_target(context.asset, 0)


class Recording(Crossing):
    """Records three values each day."""

    def handle_data(self, context, data):
        super().handle_data(context, data)
        asset = context.asset
        self.record(
            fast=data.current(asset, "fast"),
            slow=data.current(asset, "slow"),
            price=data.current(asset, "close"),
        )


class Ten(rbt.TradingAlgorithm):
    """Ten assets, each a tenth of the portfolio at each turn."""

    turn = None

    def initialize(self, context):
        context.assets = [self.symbol(name) for name in symbols(WIDTH)]
        self.schedule_function(self.rebalance, type(self).turn())

    def rebalance(self, context, _data):
        for asset in context.assets:
            self.order_target_percent(asset, 1 / WIDTH)


class TenDaily(Ten):
    turn = date_rules.every_day


class TenMapped(Ten):
    """Names all targets in one call."""

    turn = date_rules.every_day

    def rebalance(self, context, _data):
        self.order_target_percents(dict.fromkeys(context.assets, 1 / WIDTH))


class TenWeekly(Ten):
    turn = date_rules.week_start


class TenMonthly(Ten):
    turn = date_rules.month_start


class TenMomentum(Ten):
    """Holds the three that rose most in twenty days."""

    turn = date_rules.month_start

    def rebalance(self, context, data):
        closes = data.history(context.assets, "close", WINDOW + 1, "1d")
        risen = {
            asset: closes[asset.symbol][-1] / closes[asset.symbol][0] - 1
            for asset in context.assets
        }
        best = sorted(risen, key=risen.get, reverse=True)[:BEST]
        for asset in context.assets:
            self.order_target_percent(asset, 1 / BEST if asset in best else 0)


class TenReversal(Ten):
    """Weighs each asset against its last change, each day."""

    turn = date_rules.every_day

    def rebalance(self, context, data):
        closes = data.history(context.assets, "close", 2, "1d")
        changes = {a: closes[a.symbol][1] / closes[a.symbol][0] - 1 for a in context.assets}
        mean = sum(changes.values()) / WIDTH
        total = sum(abs(change - mean) for change in changes.values())
        if total > 0:
            for asset, change in changes.items():
                self.order_target_percent(asset, (mean - change) / total)


if __name__ == "__main__":
    main(
        {
            f"daily-{one.__name__.lower()}": (frame_of, run(one, "1d"))
            for one in (*Daily.__subclasses__(), Recording)
        }
        | {
            f"ten-{one.__name__.lower().removeprefix('ten')}": (frame_of, run(one, "1d"))
            for one in Ten.__subclasses__()
        }
    )
