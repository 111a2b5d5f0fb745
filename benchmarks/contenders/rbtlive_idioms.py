"""rbtlive, as most strategies are written: each variant is A1 or A2 with one more idiom."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd  # noqa: F401 - imports are not counted, of pandas either

import rbtlive as rbt
from benchmarks.contenders.rbtlive_engine import (
    COSTS,
    Crossover,
    CrossoverOfIndicators,
    Rotation,
    RotationOfWindows,
    frame_of,
)
from benchmarks.measure import Outcome, main
from benchmarks.workloads import COMMISSION, EVERY, FAST, SHARES, SLOW, WINDOW, symbols
from rbtlive.api import date_rules, time_rules
from rbtlive.finance.commission import PerDollar
from rbtlive.finance.slippage import NoSlippage

# A1: one asset, minutes


class Position(CrossoverOfIndicators):
    """Asks for the position at each bar, in place of a flag of its own."""

    def handle_data(self, context, data):
        fast, slow = self.means(context, data)
        held = context.portfolio.positions[context.asset].amount
        if fast > slow and held == 0:
            self.order_target(context.asset, SHARES)
        elif fast < slow and held > 0:
            self.order_target(context.asset, 0)


class PositionInLoop(CrossoverOfIndicators):
    """Goes through all positions at each bar."""

    def handle_data(self, context, data):
        fast, slow = self.means(context, data)
        held = 0
        for asset, position in context.portfolio.positions.items():
            if asset == context.asset:
                held = position.amount
        if fast > slow and held == 0:
            self.order_target(context.asset, SHARES)
        elif fast < slow and held > 0:
            self.order_target(context.asset, 0)


class Recording(CrossoverOfIndicators):
    """Records three values at each bar."""

    def handle_data(self, context, data):
        super().handle_data(context, data)
        fast, slow = self.means(context, data)
        self.record(fast=fast, slow=slow, price=data.current(context.asset, "close"))


class CanTrade(CrossoverOfIndicators):
    """Asks whether the asset can be traded, and for its price, at each bar."""

    def handle_data(self, context, data):
        if data.can_trade(context.asset):
            context.price = data.current(context.asset, "price")
            super().handle_data(context, data)


class TwoFields(CrossoverOfIndicators):
    """Reads two fields in one call at each bar."""

    def handle_data(self, context, data):
        bar = data.current(context.asset, ["open", "close"])
        context.rises = bar["close"] > bar["open"]
        super().handle_data(context, data)


class Value(CrossoverOfIndicators):
    """Looks at the portfolio's value and cash at each bar."""

    def handle_data(self, context, data):
        context.room = context.portfolio.cash / context.portfolio.portfolio_value
        super().handle_data(context, data)


class Stops(CrossoverOfIndicators):
    """Holds each position with a stop that works, taken back when the position is closed."""

    def initialize(self, context):
        super().initialize(context)
        context.stop = None

    def handle_data(self, context, data):
        fast, slow = self.means(context, data)
        held = context.portfolio.positions[context.asset].amount
        if held > 0 and context.stop is None:
            price = data.current(context.asset, "price")
            context.stop = self.order(context.asset, -held, stop_price=price * 0.8)
        above = fast > slow
        if above and held == 0 and not self.get_open_orders(context.asset):
            self.order_target(context.asset, SHARES)
        elif not above and held > 0 and context.stop is not None:
            self.cancel_order(context.stop)
            context.stop = None
            self.order(context.asset, -held)


class Scheduled(CrossoverOfIndicators):
    """Has a function scheduled an hour after the open beside its bars."""

    def initialize(self, context):
        super().initialize(context)
        context.looks = 0
        self.schedule_function(self.look, date_rules.every_day(), time_rules.market_open(hours=1))

    def look(self, context, _data):
        context.looks += 1


class Pandas(Crossover):
    """Takes windows as pandas Series."""


class FieldWindows(CrossoverOfIndicators):
    """Takes a window of two fields at each bar."""

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars < SLOW:
            return
        frame = data.history(context.asset, ["open", "close"], SLOW, "1m")
        context.gap = frame["close"].mean() - frame["open"].mean()
        self.cross(context, *self.means(context, data))

    def cross(self, context, fast, slow):
        above = fast > slow
        if context.was_above is not None and above != context.was_above:
            self.order_target(context.asset, SHARES if above else 0)
        context.was_above = above


class DualMovingAverage(FieldWindows):
    """zipline's example: two windows of prices, and the price and both means recorded."""

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars < SLOW:
            return
        fast = data.history(context.asset, "price", FAST, "1m").mean()
        slow = data.history(context.asset, "price", SLOW, "1m").mean()
        self.cross(context, fast, slow)
        self.record(price=data.current(context.asset, "price"), fast=fast, slow=slow)


class OwnList(FieldWindows):
    """Keeps prices in a list of its own, and takes means of its end."""

    def initialize(self, context):
        super().initialize(context)
        context.closes = []

    def handle_data(self, context, data):
        context.closes.append(float(data.current(context.asset, "price")))
        if len(context.closes) >= SLOW:
            fast = sum(context.closes[-FAST:]) / FAST
            self.cross(context, fast, sum(context.closes[-SLOW:]) / SLOW)


class Leverage(CrossoverOfIndicators):
    """Looks at the account's leverage at each bar."""

    def handle_data(self, context, data):
        if context.account.leverage < 2:
            super().handle_data(context, data)


class OpenOrders(CrossoverOfIndicators):
    """Asks for open orders at each bar, and waits while there are some."""

    def handle_data(self, context, data):
        if not self.get_open_orders(context.asset):
            super().handle_data(context, data)


class Clock(CrossoverOfIndicators):
    """Looks at the clock at each bar."""

    def handle_data(self, context, data):
        if self.get_datetime().hour < 24:
            super().handle_data(context, data)


class Profit(CrossoverOfIndicators):
    """Compares the price with the position's cost at each bar, for a stop of its own."""

    def handle_data(self, context, data):
        position = context.portfolio.positions[context.asset]
        if position.amount > 0 and position.last_sale_price < position.cost_basis * 0.8:
            self.order_target(context.asset, 0)
        super().handle_data(context, data)


class Limits(CrossoverOfIndicators):
    """Buys by limit orders that work for some bars."""

    def handle_data(self, context, data):
        fast, slow = self.means(context, data)
        held = context.portfolio.positions[context.asset].amount
        if fast > slow and held == 0:
            if not self.get_open_orders(context.asset):
                limit = data.current(context.asset, "close") * 0.999
                self.order(context.asset, SHARES, limit_price=limit)
        elif fast < slow and held > 0:
            self.order_target(context.asset, 0)


# A2: fifty assets, days


class Listed(Rotation):
    """Reads the closes of all assets as a mapping, and their windows as a frame."""

    def averages(self, context, data):
        frame = data.history(context.universe, "close", 20, "1d")
        closes = data.current(context.universe, "close")
        return list(closes.values()), [column.mean() for column in frame.get_columns()[1:]]


class Held(RotationOfWindows):
    """Goes through all positions each day, and adds up what they are worth."""

    def handle_data(self, context, data):
        worth = 0
        for position in context.portfolio.positions.values():
            worth += position.amount * position.last_sale_price
        context.worth = worth
        super().handle_data(context, data)


class Asked(RotationOfWindows):
    """Asks for each asset's position, and whether it can be traded, each day."""

    def handle_data(self, context, data):
        context.open = 0
        for asset in getattr(context, "universe", ()):
            if data.can_trade(asset) and context.portfolio.positions[asset].amount > 0:
                context.open += 1
        super().handle_data(context, data)


class Monthly(RotationOfWindows):
    """Rebalances at the start of each month by a scheduled function."""

    def initialize(self, context):
        super().initialize(context)
        self.schedule_function(self.rebalance, date_rules.month_start())

    def handle_data(self, context, data):
        context.day += 1
        if context.day == 0:
            context.universe = [self.symbol(name) for name in symbols(context.width)]
        if context.day >= 20:
            context.closes, context.means = self.averages(context, data)

    def rebalance(self, context, _data):
        if context.day >= 20:
            for asset in context.universe:
                self.order_target_percent(asset, 1 / context.width)


class RecordingDays(RotationOfWindows):
    """Records three values each day."""

    def handle_data(self, context, data):
        super().handle_data(context, data)
        self.record(
            leverage=context.account.leverage,
            cash=context.portfolio.cash,
            positions=len(context.portfolio.positions),
        )


class LimitDays(RotationOfWindows):
    """Buys with limits that work for days, and takes them back at the next turn."""

    def handle_data(self, context, data):
        context.day += 1
        if context.day == 0:
            context.universe = [self.symbol(name) for name in symbols(context.width)]
        if context.day < 20:
            return
        context.closes, context.means = self.averages(context, data)
        if context.day % EVERY == 0:
            for orders in self.get_open_orders().values():
                for order in orders:
                    self.cancel_order(order)
            for asset, close in zip(context.universe, context.closes, strict=True):
                self.order_target_percent(asset, 1 / context.width, limit_price=float(close) * 0.99)


class Momentum(Rotation):
    """Holds the ten assets of the largest rise over a window of prices, by the month."""

    def initialize(self, context):
        super().initialize(context)
        self.schedule_function(self.rebalance, date_rules.month_start())

    def handle_data(self, context, _data):
        context.day += 1
        if context.day == 0:
            context.universe = [self.symbol(name) for name in symbols(context.width)]

    def rebalance(self, context, data):
        if context.day < WINDOW:
            return
        frame = data.history(context.universe, "price", WINDOW, "1d")
        first, last = frame.row(0)[1:], frame.row(-1)[1:]
        rises = sorted(range(len(first)), key=lambda place: -last[place] / first[place])
        best = {context.universe[place] for place in rises[:10]}
        for asset in context.universe:
            self.order_target_percent(asset, 0.1 if asset in best else 0)


class OneByOne(RotationOfWindows):
    """Takes a window of each asset by itself, each day."""

    def averages(self, context, data):
        windows = [data.history(asset, "close", WINDOW, "1d") for asset in context.universe]
        return [window[-1] for window in windows], [window.mean() for window in windows]


class PandasDays(Rotation):
    """Takes windows as pandas frames."""

    def averages(self, context, data):
        frame = data.history(context.universe, "close", 20, "1d")
        return frame.iloc[-1], frame.mean()


def run(strategy, frequency, frames="polars"):
    def of(frame):
        if frequency == "1d":
            width = frame["symbol"].n_unique()

            class Sized(strategy):
                def initialize(self, context):
                    strategy.initialize(self, context)
                    context.width = width

            chosen = Sized
        else:
            chosen = strategy
        result = rbt.backtest(
            chosen,
            frame,
            frequency=frequency,
            commission=PerDollar(COMMISSION),
            slippage=NoSlippage(),
            frames=frames,
            progress=False,
            **COSTS,
        )
        return Outcome(result.performance["portfolio_value"][-1], result.transactions.height)

    return of


A1 = {
    "A1-position": Position,
    "A1-loop": PositionInLoop,
    "A1-record": Recording,
    "A1-can-trade": CanTrade,
    "A1-fields": TwoFields,
    "A1-value": Value,
    "A1-stops": Stops,
    "A1-scheduled": Scheduled,
    "A1-field-windows": FieldWindows,
    "A1-dual-average": DualMovingAverage,
    "A1-own-list": OwnList,
    "A1-leverage": Leverage,
    "A1-open-orders": OpenOrders,
    "A1-clock": Clock,
    "A1-profit": Profit,
    "A1-limits": Limits,
}
A2 = {
    "A2-current": Listed,
    "A2-held": Held,
    "A2-asked": Asked,
    "A2-monthly": Monthly,
    "A2-record": RecordingDays,
    "A2-limits": LimitDays,
    "A2-momentum": Momentum,
    "A2-one-by-one": OneByOne,
}

if __name__ == "__main__":
    main(
        {name: (frame_of, run(strategy, "1m")) for name, strategy in A1.items()}
        | {name: (frame_of, run(strategy, "1d")) for name, strategy in A2.items()}
        | {
            "A1-pandas": (frame_of, run(Pandas, "1m", "pandas")),
            "A2-pandas": (frame_of, run(PandasDays, "1d", "pandas")),
            "A1": (frame_of, run(Crossover, "1m")),
            "A1-indicators": (frame_of, run(CrossoverOfIndicators, "1m")),
            "A2": (frame_of, run(Rotation, "1d")),
            "A2-windows": (frame_of, run(RotationOfWindows, "1d")),
        }
    )
