"""Names that frames and other libraries use for data, and what to write here.

The rule: a portal has one place for each thing; the error for another name says which.
"""

from __future__ import annotations

from typing import Final

from rbtlive.model.other_names import by_word

BARS_OF: Final = 'portal.to_frame().filter(symbol="{}")'
"""What to write for the bars of a symbol."""
PORTAL_WORDS: Final = by_word(
    {
        "portal.to_frame(), a polars frame": "df frame data bars head tail describe columns shape "
        "schema select filter get history close closes open high low volume prices ohlcv to_polars "
        "collect sample loc iloc lazy table values",
        "portal.to_frame().to_pandas()": "to_pandas pandas to_df",
        'portal.to_frame().write_parquet("bars.parquet")': "save to_parquet write_parquet",
        'portal.to_frame().write_csv("bars.csv")': "to_csv write_csv",
        "[asset.symbol for asset in portal.assets]": "symbols tickers instruments universe names",
        "portal.asset(symbol)": "symbol get_asset lookup_symbol",
        "portal.report().first, portal.report().last": "start end first last start_date end_date "
        "date_range",
        "portal.report()": "info summary quality validate check gaps missing hints",
        'rbt.resample(portal, "1h")': "resample to_interval aggregate timeframe",
        "portal.calendar": "sessions trading_days tz timezone",
        "rbt.backtest(strategy, portal)": "backtest run",
        'result.plot("price") after a run': "plot chart show",
    }
)


READ_ARGUMENTS: Final = by_word(
    {
        'symbol="AAPL"': "ticker name instrument symbols tickers",
        'interval="5m"': "freq frequency timeframe bar_size period resolution",
        'tz="America/New_York"': "timezone time_zone zone",
        'columns={"close": "PX_LAST"}': "names usecols rename column_map mapping header",
        'columns={"timestamp": "Date"}, where the time is not found by itself': "index_col "
        "parse_dates date_col datetime_col time_col dtformat date_format index",
        "nothing: separators and decimal commas are found": "sep separator delimiter decimal "
        "thousands skiprows encoding engine compression",
        "rbt.PolarsDataPortal(bars, splits=..., dividends=...)": "splits dividends adjustments "
        "actions",
        'rbt.backtest(..., start="2020-01-02")': "start end start_date end_date",
        'calendar="XNYS"': "exchange trading_calendar market",
        'labels="start", for bars stamped with their start': "label closed",
        'columns={"close": "Adj Close"}, for prices adjusted by the vendor': "adjusted adjust "
        "auto_adjust",
    }
)
REPLAY_ARGUMENTS: Final = by_word(
    {
        "speed=60: a minute of the data in a second; without it, as fast as it can": "pace pace_s "
        "delay interval_s rate realtime real_time sleep_s throttle tick_s timestep factor",
        "start=, end= of rbt.attach(...)": "start end start_date end_date",
        "the data: rbt.ReplayFeed(rbt.read(path))": "path symbols symbol source",
    }
)
FETCH_ARGUMENTS: Final = by_word(
    {
        'vendor, the first argument: "yfinance", "alpaca", "stooq" or "ccxt:binance"': "source "
        "provider exchange",
        "symbols, the second argument": "symbol ticker tickers instruments",
        'start="2015-01-02"': "start_date since from_date period",
        'end="2020-12-31"': "end_date until to_date",
        'interval="5m"': "freq frequency timeframe bar_size resolution granularity",
        "refresh=True, to ask the vendor again": "cache use_cache force overwrite",
        "the environment variables APCA_API_KEY_ID and APCA_API_SECRET_KEY": "api_key key secret "
        "token",
    }
)
