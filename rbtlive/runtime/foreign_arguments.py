"""Arguments of runs under the names that other libraries use.

The rule: the error for a wrong name says what to write here.
"""

from __future__ import annotations

from typing import Final

from rbtlive.model.other_names import by_word

RUN_ARGUMENTS: Final = {
    "data_frequency": 'frequency="1m" for "minute", frequency="1d" for "daily"',
    "interval": 'frequency="5m"',
    **by_word({'frequency="5m"': "timeframe tf bar bar_size freq timeframes resolution"}),
    "broker": "rbt.attach(strategy, broker, ...) for a live or paper session",
    "cash": "capital_base=100_000",
    "initial_cash": "capital_base=100_000",
    "capital": "capital_base=100_000",
    "init_cash": "capital_base=100_000",
    "trading_calendar": 'calendar="XNYS"',
    **by_word({'calendar="XNYS"': "exchange market"}),
    "bundle": "data=..., a portal, a frame or a path",
    "bars": "data=..., a portal, a frame or a path",
    **by_word(
        {
            'start="2020-01-02"': "start_date from_date fromdate start_time begin since",
            'end="2020-12-31"': "end_date to_date todate end_time until",
            'start="2020-01-02", end="2020-12-31"': "period date_range dates years",
        }
    ),
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
            "commission_model slippage_model transaction_costs spread fee slip commissions",
            "self.order(asset, -10, stop_price=95.0) in a callback": "stop_loss take_profit "
            "trailing_stop sl tp",
            "rbt.sweep(strategy, data, params={...}, workers=2) for many runs": "n_jobs workers "
            "parallel",
            "nothing: a backtest draws no random numbers": "seed random_state random_seed",
            "rbt.PaperBroker(), or a broker's own paper account: AlpacaBroker()": "paper is_paper "
            "paper_trading dry_run sandbox testnet",
            'data=rbt.read(source, tz="America/New_York")': "tz timezone",
            "nothing: prices and capital are of one currency": "currency base_currency",
            "nothing: positions are netted; docs/not-there.md": "hedging",
            "nothing: ratios are over a rate of zero": "risk_free risk_free_rate rf",
            "capital_base=100_000": "init_capital initial_capital starting_cash equity budget",
            'rbt.fetch("yfinance", ["SPY"], start=...) for data=': "vendor source provider",
        }
    ),
}
