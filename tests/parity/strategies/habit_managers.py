"""A class that holds everything; bound methods as callbacks and scheduled functions; generators."""

from zipline.api import (
    symbol,
    order_target_percent,
    order,
    schedule_function,
    date_rules,
    time_rules,
    record,
    get_open_orders,
)
import functools, itertools, enum, copy, pickle

CASE = {"data": "edge_daily", "start": "2017-03-01", "end": "2017-06-30", "default_safe": True}
LOG = []


class Side(enum.IntEnum):
    FLAT = 0
    LONG = 1
    SHORT = -1


class Signal:
    __slots__ = ("prices", "n")

    def __init__(self, n):
        self.n, self.prices = n, []

    def __call__(self, p):
        self.prices = (self.prices + [p])[-self.n :]
        return (
            Side.LONG
            if p >= max(self.prices)
            else Side.SHORT
            if p <= min(self.prices)
            else Side.FLAT
        )


class Manager:
    def __init__(self, *names):
        self.names = names

    def initialize(self, context):
        self.signals = {symbol(n): Signal(5 + i) for i, n in enumerate(self.names)}
        context.manager = self
        context.gen = self.ladder()
        schedule_function(
            functools.partial(self.rebalance, scale=0.2),
            date_rules.every_day(),
            time_rules.market_open(),
        )
        schedule_function(self.weekly, date_rules.week_end(days_offset=1))

    @staticmethod
    def ladder():
        for n in itertools.count(1):
            got = yield n * 5
            if got:
                LOG.append(["sent", got])

    def rebalance(self, context, data, scale=0.1):
        for a, s in self.signals.items():
            side = s(data.current(a, "price"))
            if side:
                order_target_percent(a, scale * side)

    def weekly(self, context, data):
        order(symbol("DIVI"), next(context.gen))
        if len(context.portfolio.positions) > 2:
            context.gen.send("x")
        LOG.append(
            [
                len(pickle.dumps(self.signals[symbol("ALFA")].prices)) > 0,
                copy.copy(context.portfolio.positions).keys().__len__(),
            ]
        )


m = Manager("ALFA", "VOLA", "SPLT")
initialize = m.initialize
COUNT = 0


def handle_data(context, data):
    global COUNT
    COUNT += 1
    record(count=COUNT, open=sum(map(len, get_open_orders().values())))
    record("a", 1, "b", 2.5, c=None)
