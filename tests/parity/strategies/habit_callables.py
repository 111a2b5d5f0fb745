"""Callbacks as callables of classes, staticmethods and lambdas."""

from zipline.api import order, symbol, schedule_function, date_rules, record

CASE = {"data": "edge_daily", "start": "2017-02-15", "end": "2017-03-31", "default_safe": True}
LOG = []


class Rule:
    def __init__(self, amount):
        self.amount = amount

    def __call__(self, context, data):
        order(symbol("ALFA"), self.amount)
        LOG.append(self.amount)


class Deco:
    @staticmethod
    def stat(context, data):
        order(symbol("VOLA"), 1)

    @classmethod
    def cls(cls, context, data):
        record(cls=cls.__name__)


def deco(f):
    def inner(*args, **kwargs):
        LOG.append("in")
        return f(*args, **kwargs)

    return inner


@deco
def tracked(context, data):
    order(symbol("DIVI"), 2)


def initialize(context):
    for f in (Rule(3), Rule(-1), Deco.stat, Deco.cls, tracked, lambda c, d: record(lam=1)):
        schedule_function(f, date_rules.week_start())


handle_data = lambda context, data: record(v=context.portfolio.portfolio_value)
