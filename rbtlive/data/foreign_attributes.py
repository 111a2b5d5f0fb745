"""Words by which frames and other libraries' data are known, and where they are here.

The rule: a portal has one place for each thing; asked for another, it names that place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rbtlive.model.other_names import by_word, no_attribute

_ELSEWHERE: Final = by_word(
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
    }
)


def portal_lacks(owner: str, name: str, names: Iterable[str]) -> AttributeError:
    """Return the error of a portal that was asked for an attribute it does not have.

    Args:
        owner: The portal's class.
        name: What was asked for.
        names: The names there are.
    """
    return no_attribute(owner, name, _ELSEWHERE, names)
