"""Suggest what to write where a strategy used a name that this package's objects do not
have.

The rule: suggestions are computed only after an error has ended a callback, never while
a strategy calls `hasattr` or `getattr`.
"""

from __future__ import annotations

import re
from typing import Final

from rbtlive.core.actions.asset_lookup import FOR_MANY
from rbtlive.model.other_names import SYMBOL_LIKE, by_word, spelt_alike, what_to_write

_CURRENT: Final = 'data.current(asset, "close")'
_HISTORY: Final = 'data.history(asset, "close", 20, "1d")'
_POSITION: Final = "context.portfolio.positions[asset]"
_VALUE: Final = "context.portfolio.portfolio_value"

_STRATEGY: Final = by_word(
    {
        "self.order(asset, 10), or -10 to sell": "buy sell market_order go_long submit_order "
        "order_market market_buy market_sell create_order place_order",
        "self.order(asset, 10, limit_price=99.5)": "limit_order order_limit buy_limit sell_limit",
        "self.order(asset, -10, stop_price=95.0)": "stop_loss stop_order order_stop take_profit "
        "trailing_stop bracket_order set_stop_loss set_take_profit sl tp",
        "self.order_target_percent(asset, 0.5)": "set_holdings set_target_percent target_percent "
        "order_target_weight",
        "def rebalance(self, context, data), with self.order_target_percent(asset, 0.5) in it": (
            "rebalance"
        ),
        "self.order_target_percent(asset, 0)": "close_position liquidate exit exit_position "
        "close_all flatten",
        "self.order_target_percent(asset, 0) to close a position; a price is "
        'data.current(asset, "close")': "close",
        "from rbtlive.api import date_rules, time_rules, then date_rules.every_day()": "date_rules "
        "time_rules dateRules DateRules TimeRules every_day",
        "context, the first argument of each callback": "context",
        "from rbtlive.api import commission, slippage": "commission slippage",
        "self.get_open_orders(asset), or self.get_order(order_id)": "orders openOrders",
        "for order in self.get_open_orders(asset): self.cancel_order(order)": "cancel_all "
        "cancel_all_orders cancel_orders",
        _POSITION: "position positions get_position getposition get_positions holdings "
        "positions_dict invested",
        "context.portfolio.cash": "cash get_cash getcash balance",
        _VALUE: "equity value net_worth total_value portfolio_value getvalue get_value nav",
        "context.portfolio.pnl": "pnl profit",
        "context.account": "buying_power",
        "context.datetime": "now time current_time current_dt date today",
        _CURRENT: "price get_price last_price get_last_price current get_current reqMktData ticker",
        f"{_HISTORY}; data is an argument of the callback": "data bars prices "
        "get_history get_bars history_bars data0 datas get_historical_prices historical_prices "
        "reqHistoricalData copy_rates",
        'self.indicator("sma", polars expression) in initialize': "I sma SMA ema EMA rsi RSI "
        "macd MACD atr ATR indicators add_indicator crossover cross crossunder crossed_above",
        "self.record(name=value)": "plot log_value",
        "print(...) or logging.getLogger(__name__).info(...)": "log logger "
        "info debug warning notify Debug Log",
        "self.schedule_function(f, date_rules.month_start(), time_rules.market_open())": "schedule "
        "run_daily run_weekly run_monthly schedule_daily on_schedule add_timer timer every",
        "the attribute itself: a parameter is an attribute of the class": "params p parameters "
        "parameter config",
        "nothing: a run starts where its history windows and pipelines fit": "is_warming_up "
        "set_warm_up warmup",
        "self.symbols(...) in initialize, or a pipeline": "universe add_equity add_symbol "
        "update_universe set_universe subscribe add_crypto add_forex",
        "capital_base=100_000 of rbt.backtest(...)": "set_cash set_initial_cash set_capital",
        "rbt.attach(strategy, broker): a strategy does not know its broker": "broker env vbt ib "
        "api",
        "result.trades after the run; on_order_fill(context, order, transaction) during it": (
            "trades closed_trades fills transactions"
        ),
        "result.performance after the run; context.portfolio during it": "perf performance results "
        "stats analyzer analyzers",
        "nothing: the callback is called again at the next bar": "sleep wait",
        "nothing: a run ends with its data; place no more orders": "stop quit",
        "def handle_data(self, context, data)": "next on_bar on_data",
        "a counter of your own, one more each handle_data": "bar_index bar_count bars_since",
        "def on_order_fill(self, context, order, transaction)": "notify_order notify_trade",
    }
)
_DATA: Final = by_word(
    {
        _CURRENT: "price close get latest last get_price current_price Close open high low volume "
        "get_current last_price quote get_spot_value fetch",
        _HISTORY: "bars prices get_history get_bars df dataframe frame historical iloc loc shift "
        "tail head rolling ohlcv values get_history_window",
        "self.symbol(text) in initialize": "symbol asset",
        "self.symbols(...) in initialize": "symbols assets universe size shape columns keys",
        "context.portfolio": "portfolio account positions",
        "data.current_dt": "now time datetime date index timestamp current_time simulation_dt_func",
        "rbt.read(path), given to the run as data=": "fetch_csv read_csv",
        "context.portfolio.positions[asset]": "position",
    }
)
_PORTFOLIO: Final = by_word(
    {
        _VALUE: "equity value total_value net_worth nav net_liquidation total balance get_value",
        "context.account.buying_power": "buying_power margin free_margin",
        "len(context.portfolio.positions) > 0": "invested is_invested",
        "result.performance after the run": "stats history performance equity_curve",
        _POSITION: "position get get_position holdings",
        "context.portfolio.pnl": "profit unrealized_pnl realized_pnl total_pnl",
        "result.drawdowns after the run": "drawdown max_drawdown",
        "context.portfolio.current_portfolio_weights": "weights weight",
        "context.account.leverage": "leverage",
    }
)
_HELD: Final = by_word(
    {
        "position.amount": "quantity qty size shares position",
        "position.cost_basis": "avg_price average_price entry_price avg_cost average_cost price "
        "avg_entry_price",
        "position.amount * position.cost_basis": "cost total_cost invested",
        "position.last_sale_price / position.cost_basis - 1": "pl_pct pnl_pct return_pct "
        "unrealized_plpc",
        "position.last_sale_price": "market_price current_price last_price",
        "position.amount * position.last_sale_price": "market_value value exposure",
        "position.amount * (position.last_sale_price - position.cost_basis)": "pnl profit "
        "unrealized_pnl unrealised_pnl unrealized_pl pl",
        "self.order_target(asset, 0)": "close",
        "position.amount > 0": "is_long is_open",
        "position.amount < 0": "is_short",
    }
)
_POSITIONS: Final = by_word(
    {
        "position of context.portfolio.positions[asset], or loop over .items()": "iloc loc at iat "
        "asset symbol amount quantity size",
        "len(context.portfolio.positions)": "count total shape length",
        "pl.DataFrame([(a.symbol, p.amount) for a, p in context.portfolio.positions.items()])": (
            "to_frame df frame to_pandas to_df dataframe"
        ),
        "[asset.symbol for asset in context.portfolio.positions]": "symbols assets index tickers",
        "{a: p for a, p in context.portfolio.positions.items() if p.amount > 0}": "long longs "
        "short shorts long_positions short_positions",
        "context.portfolio.positions_value": "value market_value exposure sum",
    }
)
_ORDER: Final = by_word(
    {
        "order.amount": "quantity qty size shares",
        "order.limit": "limit_price",
        "order.stop": "stop_price",
        "order.filled": "filled_qty filled_quantity executed",
        "order.asset": "symbol instrument",
        "self.cancel_order(order)": "cancel",
        "order.created": "created_at submitted_at time",
        "order.id": "ref order_id client_order_id",
        "order.amount > 0": "is_long isbuy is_buy side",
        "order.amount < 0": "is_short issell is_sell",
        "order.status: 0 open, 1 filled, 2 cancelled, 3 rejected": "Completed Canceled Rejected "
        "Submitted Accepted completed done",
        "transaction.price in on_order_fill(context, order, transaction)": "price avg_price "
        "average_price fill_price avg_fill_price filled_avg_price cost value",
    }
)
_ACCOUNT: Final = by_word(
    {
        _VALUE: "equity value balance",
        "context.portfolio.cash": "cash",
        "context.portfolio.starting_cash": "initial_capital capital_base initial_cash",
    }
)
_ASSET: Final = by_word(
    {
        "asset.asset_name": "name",
        _CURRENT: "price close open high low volume last last_price current",
        _HISTORY: "history prices bars",
        "a column of a DataSet of your own in a pipeline": "sector industry market_cap",
    }
)

_OF: Final = {
    "Context": _STRATEGY,
    "TradingAlgorithm": _STRATEGY,
    "BarData": _DATA,
    "PortfolioView": _PORTFOLIO,
    "PositionView": _HELD,
    "PositionsView": _POSITIONS,
    "OrderView": _ORDER,
    "AccountView": _ACCOUNT,
    "Asset": _ASSET,
}
_ITEMS: Final = {
    "BarData": f"data[asset] is zipline before its version 1: write {_CURRENT} or {_HISTORY}",
    "PortfolioView": f"write {_POSITION}",
}
_ARGUMENTS: Final = by_word(
    {
        "limit_price=99.5": "limit price lmt limitPrice",
        "stop_price=95.0": "stop stop_loss sl stopPrice trigger_price",
        "a second order once the first has filled, in on_order_fill": "take_profit tp "
        "trailing_stop trail_percent bracket",
        "amount, the second argument": "size qty quantity shares",
        "target, the second argument": "percent weight pct",
        "asset, the first argument": "symbol sid stock data",
        "a negative amount to sell": "side",
        "set_cancel_policy(cancel_policy.EODCancel()) for orders of the day": "tif time_in_force",
    }
)
_SYMBOLS: Final = {
    "BarData": 'data.current(self.symbol("{}"), "close")',
    "PositionsView": 'context.portfolio.positions[self.symbol("{}")]',
}
"""What to write where the name is the symbol of an asset."""
_NAMES: Final = {
    **by_word(
        {
            "import logging, then logging.getLogger(__name__).info(...)": "log logger",
            "import polars as pl": "pl polars",
            "import numpy as np": "np numpy",
            "import pandas as pd": "pd pandas",
            "import rbtlive as rbt": "rbt rbtlive",
            "an argument of the callback: def handle_data(self, context, data)": "data context",
            "limit_price=99.5 of self.order(...), or from rbtlive.finance.execution import "
            "LimitOrder": "LimitOrder",
            "stop_price=95.0 of self.order(...), or from rbtlive.finance.execution import "
            "StopOrder": "StopOrder StopLimitOrder",
            "self.order(asset, 10): without prices it is a market order": "MarketOrder",
            "from rbtlive.api import {}": "date_rules time_rules calendars commission slippage "
            "cancel_policy execution",
            "from rbtlive.api import {0}, or context.{0}(...)": "attach_pipeline "
            "batch_market_order cancel_order continuous_future fetch_csv future_symbol "
            "get_datetime get_environment "
            "get_open_orders get_order history order order_percent order_target "
            "order_target_percent order_target_percents order_target_value order_value "
            "pipeline_output record schedule_function set_asset_restrictions set_benchmark "
            "set_cancel_policy set_commission set_do_not_order_list set_long_only "
            "set_max_leverage set_max_order_count set_max_order_size set_max_position_size "
            "set_min_leverage set_slippage set_symbol_lookup_date sid symbol symbols",
        }
    ),
}
_UNEXPECTED: Final = re.compile(
    r"OrderMethods\.(\w+)\(\) got an unexpected keyword argument '(\w+)'"
)
_WITHOUT: Final = re.compile(r"\w+\.(\w+)\(\) missing \d+ required positional argument")
_WHOLE: Final = {
    "history": _HISTORY,
    "current": _CURRENT,
    "indicator": 'self.indicator("sma", pl.col("close").rolling_mean(20))',
}
"""Whole calls, where an argument is missing."""
_ONLY_ASSET: Final = re.compile(
    r"OrderMethods\.(order\w*)\(\) missing 1 required positional argument: '(\w+)'"
)


def near_attribute(failure: AttributeError) -> str | None:
    """Return a note that suggests the right name; None if the object is not of this
    package or no name is close.
    """
    owner, name = getattr(failure, "obj", None), getattr(failure, "name", None)
    bases = type(owner).__mro__
    if not isinstance(name, str) or not any(b.__module__.startswith("rbtlive.") for b in bases):
        return None
    elsewhere = next((_OF[base.__name__] for base in bases if base.__name__ in _OF), {})
    if SYMBOL_LIKE.fullmatch(name) and name not in elsewhere and type(owner).__name__ in _SYMBOLS:
        written = _SYMBOLS[type(owner).__name__].format(name)
        return f"{type(owner).__name__} has no {name!r}: if it is a symbol, write {written}"
    fields: tuple[str, ...] = getattr(owner, "fields", ()) if elsewhere is _DATA else ()
    if (field := spelt_alike(name, fields)) is not None and name not in _DATA:
        return f'BarData has no {name!r}: write data.current(asset, "{field}")'
    step = what_to_write(name, elsewhere, dir(owner))
    return f"{type(owner).__name__} has no {name!r}: {step}" if step else None


def near_name(failure: NameError) -> str | None:
    """Return a note on where to import a name from that a callback used, or on what to
    write instead; None if the name is not known.
    """
    name = failure.name
    if name not in _NAMES or isinstance(failure, UnboundLocalError):
        return None
    return f"{name!r} is not defined: write {_NAMES[name].format(name)}"


def near_use(failure: TypeError) -> str | None:
    """Return a note on what to write instead of `data[asset]`, of a call that lacks an
    argument, or of an order argument from another library; None for other errors.
    """
    text = str(failure)
    for owner, step in _ITEMS.items():
        if f"'{owner}' " in text:
            return step
    missing = _ONLY_ASSET.search(text)
    if missing:
        return f"{missing[1]}(asset, {missing[2]}) takes both arguments; {FOR_MANY}"
    whole = _WITHOUT.search(text)
    if whole and whole[1] in _WHOLE:
        return f"{whole[1]}() lacks an argument: write {_WHOLE[whole[1]]}"
    found = _UNEXPECTED.search(text)
    if found and found[2] in _ARGUMENTS:
        return f"{found[1]}() has no argument {found[2]!r}: write {_ARGUMENTS[found[2]]}"
    return None
