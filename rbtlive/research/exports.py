"""Convert results for other libraries: returns, positions and transactions in their own
forms.

The rule: pandas objects with the names and the time zones that they document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rbtlive.core.state.record import column, floats
from rbtlive.research.result_frames import benchmark_returns, daily_returns
from rbtlive.research.result_tables import ResultTables

if TYPE_CHECKING:
    import pandas as pd


class QuantstatsInputs(NamedTuple):
    """Arguments for quantstats' functions:
    `qs.reports.html(*to_quantstats(result))`.

    Attributes:
        returns: Daily returns, by day without a time zone.
        benchmark: The benchmark's returns, or None.
    """

    returns: pd.Series
    benchmark: pd.Series | None


class PyfolioInputs(NamedTuple):
    """Arguments for pyfolio's tear sheets.

    Attributes:
        returns: Daily returns, by day in UTC.
        positions: Money in each symbol at each close, one column per symbol, and
            `cash`.
        transactions: By time in UTC: `amount`, `price`, `symbol`.
    """

    returns: pd.Series
    positions: pd.DataFrame
    transactions: pd.DataFrame


def to_quantstats(result: ResultTables) -> QuantstatsInputs:
    """Return a result's returns, and its benchmark's, for quantstats."""
    import pandas as pd

    sessions = result.record.sessions
    days = pd.DatetimeIndex(pd.to_datetime(column(sessions, "label")), name="Date")
    returns = pd.Series(daily_returns(sessions), days, name=result.strategy_name)
    market = benchmark_returns(sessions)
    name = result.record.settings.benchmark
    benchmark = None if market is None else pd.Series(market, days, name=name)
    return QuantstatsInputs(returns, benchmark)


def to_pyfolio(result: ResultTables) -> PyfolioInputs:
    """Return a result for pyfolio's tear sheets."""
    import pandas as pd

    sessions = result.record.sessions
    days = pd.DatetimeIndex(pd.to_datetime(column(sessions, "label"))).tz_localize("UTC")
    returns = pd.Series(daily_returns(sessions), days, name="returns")
    worth = [
        {p.symbol: float(p.amount * p.last_sale_price) for p in row}
        for row in column(sessions, "positions")
    ]
    symbols = sorted({symbol for held in worth for symbol in held})
    positions = pd.DataFrame(worth, index=days, columns=symbols).fillna(0.0)
    positions["cash"] = floats(sessions, "ending_cash")
    fills = result.record.transactions
    transactions = pd.DataFrame(
        {
            "amount": [float(fill.amount) for fill in fills],
            "price": [float(fill.price) for fill in fills],
            "symbol": [fill.asset.symbol for fill in fills],
        },
        index=pd.DatetimeIndex([fill.dt for fill in fills], tz="UTC"),
    )
    return PyfolioInputs(returns, positions, transactions)
