"""zipline's module-level functions, bound to the algorithm whose callback is running.

The binding is a context variable, so that two sessions in one kernel never mix. Outside
a callback every function raises CalledOutsideStrategy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar

from rbtlive.core.rules import schedule as events
from rbtlive.core.rules.schedule import calendars, date_rules, time_rules
from rbtlive.core.strategy.bound import ACTIVE
from rbtlive.core.strategy.context import TradingMethods
from rbtlive.errors import CalledOutsideStrategy
from rbtlive.finance import cancel_policy, commission, execution, slippage
from rbtlive.finance.asset_restrictions import (
    RESTRICTION_STATES,
    HistoricalRestrictions,
    Restriction,
    StaticRestrictions,
)
from rbtlive.finance.cancel_policy import EODCancel, NeverCancel
from rbtlive.finance.slippage import FixedBasisPointsSlippage, FixedSlippage, VolumeShareSlippage
from rbtlive.utils import math_utils

P = ParamSpec("P")
R = TypeVar("R")


def _function(method: Callable[Concatenate[Any, P], R]) -> Callable[P, R]:
    name = method.__name__

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        algorithm = ACTIVE.get()
        if algorithm is None:
            raise CalledOutsideStrategy(
                f"{name}() must be called during a run: use it inside a callback of a strategy "
                "given to rbtlive.backtest() or rbtlive.attach()"
            )
        result: R = getattr(algorithm, name)(*args, **kwargs)
        return result

    # It belongs to this module, not to the method: a strategy that calls it is pickled
    # by this name for the workers of a sweep.
    call.__module__, call.__qualname__ = __name__, name
    own = signature(method)
    call.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=list(own.parameters.values())[1:]
    )
    return call


attach_pipeline = _function(TradingMethods.attach_pipeline)
batch_market_order = _function(TradingMethods.batch_market_order)
cancel_order = _function(TradingMethods.cancel_order)
continuous_future = _function(TradingMethods.continuous_future)
fetch_csv = _function(TradingMethods.fetch_csv)
future_symbol = _function(TradingMethods.future_symbol)
get_datetime = _function(TradingMethods.get_datetime)
get_environment = _function(TradingMethods.get_environment)
get_open_orders = _function(TradingMethods.get_open_orders)
get_order = _function(TradingMethods.get_order)
history = _function(TradingMethods.history)
order = _function(TradingMethods.order)
order_percent = _function(TradingMethods.order_percent)
order_target = _function(TradingMethods.order_target)
order_target_percent = _function(TradingMethods.order_target_percent)
order_target_percents = _function(TradingMethods.order_target_percents)
order_target_value = _function(TradingMethods.order_target_value)
order_value = _function(TradingMethods.order_value)
pipeline_output = _function(TradingMethods.pipeline_output)
record = _function(TradingMethods.record)
schedule_function = _function(TradingMethods.schedule_function)
set_asset_restrictions = _function(TradingMethods.set_asset_restrictions)
set_benchmark = _function(TradingMethods.set_benchmark)
set_cancel_policy = _function(TradingMethods.set_cancel_policy)
set_commission = _function(TradingMethods.set_commission)
set_do_not_order_list = _function(TradingMethods.set_do_not_order_list)
set_long_only = _function(TradingMethods.set_long_only)
set_max_leverage = _function(TradingMethods.set_max_leverage)
set_max_order_count = _function(TradingMethods.set_max_order_count)
set_max_order_size = _function(TradingMethods.set_max_order_size)
set_max_position_size = _function(TradingMethods.set_max_position_size)
set_min_leverage = _function(TradingMethods.set_min_leverage)
set_slippage = _function(TradingMethods.set_slippage)
set_symbol_lookup_date = _function(TradingMethods.set_symbol_lookup_date)
sid = _function(TradingMethods.sid)
symbol = _function(TradingMethods.symbol)
symbols = _function(TradingMethods.symbols)

__all__ = [
    "RESTRICTION_STATES",
    "EODCancel",
    "FixedBasisPointsSlippage",
    "FixedSlippage",
    "HistoricalRestrictions",
    "NeverCancel",
    "Restriction",
    "StaticRestrictions",
    "VolumeShareSlippage",
    "attach_pipeline",
    "batch_market_order",
    "calendars",
    "cancel_order",
    "cancel_policy",
    "commission",
    "continuous_future",
    "date_rules",
    "events",
    "execution",
    "fetch_csv",
    "future_symbol",
    "get_datetime",
    "get_environment",
    "get_open_orders",
    "get_order",
    "history",
    "math_utils",
    "order",
    "order_percent",
    "order_target",
    "order_target_percent",
    "order_target_percents",
    "order_target_value",
    "order_value",
    "pipeline_output",
    "record",
    "schedule_function",
    "set_asset_restrictions",
    "set_benchmark",
    "set_cancel_policy",
    "set_commission",
    "set_do_not_order_list",
    "set_long_only",
    "set_max_leverage",
    "set_max_order_count",
    "set_max_order_size",
    "set_max_position_size",
    "set_min_leverage",
    "set_slippage",
    "set_symbol_lookup_date",
    "sid",
    "slippage",
    "symbol",
    "symbols",
    "time_rules",
]
