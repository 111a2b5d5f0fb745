"""Top-level names of other libraries' packages, and what to write here.

The rule: it is imported only after an unknown name of the package was requested.
"""

from __future__ import annotations

from typing import Final

from rbtlive.model.other_names import by_word

_FUNCTIONS: Final = (
    "order order_target order_target_percent order_value order_percent symbol symbols"
)
_CLASSES: Final = (
    "Strategy Algorithm QCAlgorithm Algo TradingStrategy BaseStrategy add_strategy addstrategy "
    "StrategyBase algos strategy strategies StrategyTemplate CtaTemplate"
)

PLACES: Final = by_word(
    {
        "class MyStrategy(rbt.TradingAlgorithm)": _CLASSES,
        "rbt.backtest(strategy, data)": "Backtest Backtester BackTest run_backtest Cerebro "
        "cerebro simulate bt Engine BacktestEngine from_orders BacktestNode backtesting "
        "run_strategy FractionalBacktest zipline backtrader",
        "rbt.sweep(strategy, data, params={...})": "optimize optimise optimizer grid_search "
        "gridsearch GridSearch param_grid optimization hyperopt optstrategy Sweep opt "
        "parameter_sweep Param param_product",
        "rbt.walk_forward(strategy, data, params={...})": "walkforward WalkForward wfo",
        "rbt.cross_validate(strategy, data, params={...})": "cpcv CPCV cross_validation",
        "rbt.monte_carlo(result)": "montecarlo bootstrap MonteCarlo",
        "rbt.read(path or frame)": "read_csv read_parquet load load_csv from_csv from_pandas "
        "from_polars load_data read_data from_dataframe DataFrame CSVData PandasData Data "
        "DataPortal Portal data_portal ingest bundles read_excel open bundle register adddata "
        "add_data GenericCSVData CSVFeed csv DataFrameFeed Frame OHLCV",
        'rbt.fetch("yfinance", ["SPY"], start="2015-01-02")': "download fetch_data YFData yfinance "
        "get_data download_data YahooData get_bars fetch_bars "
        "from_yfinance from_yahoo get get_prices BinanceData CCXTData Ticker "
        "reqHistoricalData get_historical_data history_bars prices",
        'rbt.load_sample("us-daily")': "sample samples example_data sample_data load_example",
        "rbt.attach(strategy, rbt.PaperBroker(), feed=...)": "paper live paper_trade live_trade "
        "trade go_live start LiveEngine deploy live_trading Session session live_session "
        "TradingNode LiveNode Trader Bot run_live LiveTrader",
        "rbt.PaperBroker()": "Broker SimulatedBroker Paper PaperTrading paper_broker "
        "SimBroker BackBroker",
        "from rbtlive.brokers import AlpacaBroker": "Alpaca AlpacaBroker alpaca",
        "from rbtlive.brokers import AlpacaFeed": "AlpacaFeed AlpacaData",
        "a broker adapter: docs/custom-broker.md, docs/moving-from-ib-async.md": "IB IBKR ib "
        "InteractiveBrokers IBBroker Binance ccxt CCXTBroker Tradier Schwab TWS ib_async ib_insync "
        "ibapi connect login set_token IBStore",
        'symbols of the data, self.symbol("AAPL") in initialize: docs/moving-from-ib-async.md': (
            "Stock Contract Security Forex Crypto Equity Asset Instrument Symbol"
        ),
        "self.order(asset, 10), with limit_price= or stop_price= for such an order": "MarketOrder "
        "LimitOrder StopOrder StopLimitOrder OrderType Side OrderSide TimeInForce placeOrder "
        "place_order submit_order buy sell create_order",
        "from rbtlive.api import NAME": "date_rules time_rules",
        "docs/cookbook/live.md#custom-data-feed": "LiveFeed feeds feed Feed stream WebSocket",
        "from rbtlive.api import NAME, or the method of self or context": f"{_FUNCTIONS} record "
        "schedule_function set_commission set_slippage set_benchmark "
        "get_datetime get_open_orders cancel_order attach_pipeline pipeline_output "
        "set_max_leverage set_long_only history",
        "rbt.PerShare, rbt.PerTrade, rbt.PerDollar or rbt.NoCommission": "commission Commission "
        "commissions fees CommissionModel",
        "rbt.VolumeShareSlippage, rbt.FixedSlippage, rbt.FixedBasisPointsSlippage or "
        "rbt.NoSlippage": "slippage Slippage SlippageModel",
        'self.indicator("sma", pl.col("close").rolling_mean(20)) in initialize: '
        "docs/cookbook/indicators.md": "indicators indicator SMA sma EMA ema RSI rsi MACD ATR "
        "talib ta crossover cross crossunder MA IndicatorFactory IF BBANDS I crossed_above "
        "pandas_ta TALib Indicator",
        "result.plot(kind)": "plot plots plotting chart plot_equity plot_performance",
        'result.report("run.html")': "report tearsheet tear_sheet create_full_tear_sheet reports",
        "self.order_target_percent(asset, 0.5)": "Sizer PositionSizer Kelly sizers sizer rebalance",
        "self.record(name=value), and result.performance afterwards": "Observer record_value",
        "README.md, docs/find-it.md, or help(rbt.backtest)": "help docs quickstart tutorial "
        "examples",
        "result.stats, result.metrics": "stats sharpe metrics performance sharpe_ratio Analyzer "
        "evaluate "
        "max_drawdown cagr analyzers analyzer pf returns trades drawdown",
        'rbt.backtest(..., benchmark="SPY")': "benchmark",
        "session.parity()": "parity",
        "session.replay(), or rbt.ReplayFeed(data)": "replay Replay",
        "await session.stop(), for each of rbt.sessions()": "stop stop_all shutdown",
        "rbt.sessions(), a dict by name": "get_session list_sessions get_sessions runs",
        "rbt.open_session(name), or python -m rbtlive show NAME": "journal Journal journals",
        "python -m rbtlive.venue: docs/venue.md": "Venue exchange Exchange",
        "session.kill() or session.flatten()": "kill kill_switch flatten flatten_all panic",
        "session as the last expression of a cell, session.widget() or rbt.board()": "widget "
        "panel dashboard Panel Dashboard monitor ui",
        "rbt.bars_from_ticks(stream, interval)": "ticks tick_bars bars Ticks",
        "rbt.__version__": "version VERSION",
        "log_level= of rbt.run(...); in a notebook, logging": "set_log_level set_logging log "
        "logger logging",
        "the environment: RBTLIVE_HOME is the folder of the journals": "config settings set_home "
        "home options set_option init",
        "rbt.run_pipeline(pipe, start, end, data)": "screener screen",
        "rbtlive.pipeline": "Pipeline CustomFactor factors Factor USEquityPricing",
        "rbt.catalog()": "cache clear_cache store library Catalog",
        "rbt.compare(a, b)": "diff",
        "rbt.open_session(name)": "load_session recover resume restore",
        'calendar="XNYS" of rbt.read(...) and rbt.backtest(...)': "get_calendar calendar "
        "calendars TradingCalendar",
        "rbt.signals(entries=..., exits=..., size=...): docs/moving-from-vectorbt.md": (
            "from_signals SignalStrategy vectorized Signal vbt vectorbt vectorbtpro"
        ),
    }
)
