"""Arguments of runs by the names that other libraries give them.

The rule: a wrong name is refused with what to write here.
"""

from __future__ import annotations

from typing import Final

from rbtlive.model.other_names import by_word

RUN_ARGUMENTS: Final = {
    "data_frequency": 'frequency="1m" for "minute", frequency="1d" for "daily"',
    "interval": 'frequency="5m"',
    "timeframe": 'frequency="5m"',
    "broker": "rbt.attach(strategy, broker, ...) for a live or paper session",
    "cash": "capital_base=100_000",
    "initial_cash": "capital_base=100_000",
    "capital": "capital_base=100_000",
    "init_cash": "capital_base=100_000",
    "trading_calendar": 'calendar="XNYS"',
    "exchange": 'calendar="XNYS"',
    "bundle": "data=..., a portal, a frame or a path",
    "bars": "data=..., a portal, a frame or a path",
    "start_date": 'start="2020-01-02"',
    "end_date": 'end="2020-12-31"',
    "fees": "commission=rbt.api.commission.PerShare(...)",
    "benchmark_symbol": 'benchmark="SPY"',
    "initialize": "the functions as one strategy: "
    '{"initialize": initialize, "handle_data": handle_data}',
    "handle_data": "the functions as one strategy: "
    '{"initialize": initialize, "handle_data": handle_data}',
    "symbol": 'data=rbt.read(source, symbol="AAPL")',
    "session_name": 'name="..."',
    "live": "rbt.attach(...), and paper=False at the broker",
    **by_word(
        {
            "self.set_max_leverage(2) in initialize; cash may go below zero without it": "leverage "
            "margin max_leverage",
            "self.set_long_only() in initialize": "short allow_short long_only shorting",
            "nothing: orders fill at the next bar, as in a session": "trade_on_close "
            "fill_on_close cheat_on_close coc",
            "self.cancel_order for each of self.get_open_orders(), or order_target_percent, which "
            "counts what is held": "exclusive_orders",
            "self.symbols(...) in initialize; the data has all its symbols": "symbols universe "
            "tickers assets instruments",
            "progress=True": "verbose show_progress progress_bar",
            "self.record(...), and result.plot(kind) afterwards": "plot show_plot",
            'result.report("run.html") afterwards': "report tearsheet output",
            "rbt.sweep(strategy, data, params={...})": "optimize maximize param_grid",
            "commission=rbt.PerDollar(0.001), slippage=rbt.FixedBasisPointsSlippage(5)": "costs "
            "commission_model slippage_model transaction_costs spread",
            "capital_base=100_000": "init_capital initial_capital starting_cash equity budget",
            'rbt.fetch("yfinance", ["SPY"], start=...) for data=': "vendor source provider",
        }
    ),
}
