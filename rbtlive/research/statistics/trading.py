"""Statistics of trades, holdings and trading costs.

The rule: closed trades count, in net money; open ones are counted separately.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from rbtlive.core.state.record import RunRecord, floats
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import np
from rbtlive.model.order_facts import OrderState
from rbtlive.research.expanding import Floats
from rbtlive.research.run_bars import RunBars, SymbolBars, traded_symbols
from rbtlive.research.statistics.returns import Values, longest_streak

DAY_US = 86_400_000_000
VOLUME_SHARE = 0.1
"""The fraction of a bar's volume that an execution may be, for capacity."""


def trade_statistics(trades: pl.DataFrame) -> Values:
    """Return the statistics of round trips, a frame like `result.trades`.

    Source: backtesting.py for SQN and Kelly (on money), otherwise textbook definitions.
    """
    closed = trades.filter(~pl.col("open"))
    profits = closed["net_profit"].cast(pl.Float64).to_numpy()
    counts: Values = {
        "trades": float(len(profits)),
        "open_trades": float(len(trades) - len(closed)),
        "long_trades": float((closed["side"] == "long").sum()),
        "short_trades": float((closed["side"] == "short").sum()),
        "gross_profit": 0.0,
        "gross_loss": 0.0,
        "wins_in_a_row": 0.0,
        "losses_in_a_row": 0.0,
    }
    if not len(profits):
        return counts
    wins, losses = profits[profits > 0.0], profits[profits < 0.0]
    won, lost = float(wins.sum()), float(-losses.sum())
    rate = len(wins) / len(profits)
    payoff = float(wins.mean() / -losses.mean()) if len(wins) and len(losses) else None
    deviation = float(np.std(profits, ddof=1)) if len(profits) > 1 else 0.0
    sqn = math.sqrt(len(profits)) * float(profits.mean()) / deviation if deviation else None
    in_time = closed.sort("exit_time", maintain_order=True)["net_profit"].cast(pl.Float64)
    return (
        counts
        | {
            "win_rate": rate,
            "profit_factor": won / lost if lost else None,
            "expectancy": float(profits.mean()),
            "payoff": payoff,
            "sqn": sqn,
            "kelly": rate - (1.0 - rate) / payoff if payoff else None,
            "gross_profit": won,
            "gross_loss": -lost,
            "mean_win": float(wins.mean()) if len(wins) else None,
            "mean_loss": float(losses.mean()) if len(losses) else None,
            "wins_in_a_row": float(longest_streak(in_time.to_numpy() > 0.0)),
            "losses_in_a_row": float(longest_streak(in_time.to_numpy() < 0.0)),
        }
        | _of_trades(closed)
    )


def _of_trades(closed: pl.DataFrame) -> Values:
    returns, held = closed["return"], closed["duration"].dt.total_microseconds() / DAY_US
    return {
        "best_trade": _number(returns.max()),
        "worst_trade": _number(returns.min()),
        "mean_trade": _number(returns.mean()),
        "median_trade": _number(returns.median()),
        "mean_mae": _number(closed["mae"].mean()),
        "mean_mfe": _number(closed["mfe"].mean()),
        "mean_bars_held": _number(closed["bars_held"].mean()),
        "mean_days_held": _number(held.mean()),
        "max_days_held": _number(held.max()),
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def holding_statistics(record: RunRecord, bars: RunBars | None) -> Values:
    """Return statistics of the holdings: fractions of sessions, leverage, and the
    return of holding the same symbols all the time.
    """
    sessions = record.sessions
    if not sessions:
        return {}
    gross = np.array(floats(sessions, "gross_leverage"), dtype=np.float64)
    net = np.array(floats(sessions, "net_leverage"), dtype=np.float64)
    return {
        "exposure": float(np.mean(gross != 0.0)),
        "mean_gross_leverage": float(gross.mean()),
        "max_gross_leverage": float(gross.max()),
        "mean_net_leverage": float(net.mean()),
        "buy_and_hold_return": _buy_and_hold(record, bars),
    }


def _buy_and_hold(record: RunRecord, bars: RunBars | None) -> float | None:
    if bars is None:
        return None
    first = us_of(record.sessions[0].open) - 1
    last = us_of(record.sessions[-1].close)
    grown = [
        held
        for symbol in traded_symbols(record)
        if (held := growth_of(bars, symbol, first, last)) is not None
    ]
    return float(np.mean(grown)) if grown else None


def growth_of(bars: RunBars, symbol: str, first_us: int, last_us: int) -> float | None:
    """Return the return of holding a symbol between two moments, with splits applied
    but without dividends; None without two bars.
    """
    seen = bars.of(symbol).between(first_us, last_us)
    if len(seen.us) < 2:
        return None
    shares = 1.0
    for us, ratio in bars.splits(symbol):
        if int(seen.us[0]) < us <= int(seen.us[-1]):
            shares /= ratio
    return float(seen.close[-1] * shares / seen.close[0] - 1.0)


def cost_statistics(
    record: RunRecord, bars: RunBars | None, returns: Floats, a_year: int
) -> Values:
    """Return statistics of trading volume and its costs.

    Slippage is the distance of each execution from its bar's close. Capacity is the
    portfolio value at which nineteen of twenty executions are within a tenth of their
    bar's volume.
    """
    orders, fills = record.orders, record.transactions
    states = [order.state for order in orders]
    values: Values = {
        "orders": float(len(orders)),
        "denied": float(len(record.denied)),
        "rejected": float(states.count(OrderState.REJECTED)),
        "canceled": float(states.count(OrderState.CANCELED) + states.count(OrderState.EXPIRED)),
        "fills": float(len(fills)),
    }
    traded = math.fsum(abs(float(t.amount * t.price)) for t in fills)
    commission = math.fsum(float(t.commission) for t in fills)
    equity = floats(record.sessions, "portfolio_value")
    mean = math.fsum(equity) / len(equity) if equity else 0.0
    values |= {
        "traded_value": traded,
        "turnover": traded / 2 / mean / (len(returns) / a_year) if mean > 0 else None,
        "commission": commission,
        "commission_bps": commission / traded * 1e4 if traded else None,
        "dividends": math.fsum(float(a.cash) for a in record.adjustments if a.kind == "dividend"),
    }
    if not fills:
        return values | {"slippage": 0.0}
    if bars is None:
        return values
    slipped, shares = _against_bars(record, bars)
    busiest = float(np.quantile(shares, 0.95)) if shares else 0.0
    return values | {
        "slippage": math.fsum(slipped) if slipped else None,
        "slippage_bps": math.fsum(slipped) / traded * 1e4 if slipped and traded else None,
        "max_volume_share": max(shares, default=None),
        "capacity": mean * VOLUME_SHARE / busiest if busiest else None,
    }


# For each execution: its cost relative to its bar's close, and its share of the volume.
def _against_bars(record: RunRecord, bars: RunBars) -> tuple[list[float], list[float]]:
    slipped: list[float] = []
    shares: list[float] = []
    known: dict[str, SymbolBars] = {}
    for fill in record.transactions:
        symbol = fill.asset.symbol
        seen = known.get(symbol)
        if seen is None:
            seen = known[symbol] = bars.of(symbol)
        place = int(np.searchsorted(seen.us, us_of(fill.dt)))
        if fill.order_id is None or place >= len(seen.us):
            continue
        amount = float(fill.amount)
        slipped.append((float(fill.price) - float(seen.close[place])) * amount)
        if seen.volume[place] > 0:
            shares.append(abs(amount) / float(seen.volume[place]))
    return slipped, shares


GROUPS: Mapping[str, pl.Expr] = {
    "symbol": pl.col("symbol"),
    "side": pl.col("side"),
    "weekday": pl.col("entry_time").dt.weekday().cast(pl.Int64),
    "hour": pl.col("entry_time").dt.hour().cast(pl.Int64),
    "month": pl.col("entry_time").dt.month().cast(pl.Int64),
    "entry_tag": pl.col("entry_tag"),
    "exit_tag": pl.col("exit_tag"),
}
"""Ways to group trades; times are those of the entry, in the exchange's time zone.
"""


def grouped_trades(trades: pl.DataFrame, by: str, timezone: str) -> pl.DataFrame:
    """Return closed trades by group: the group, `trades`, `win_rate`, `net_profit`,
    `mean_return`, `profit_factor`, `mean_bars_held`.

    Args:
        trades: A frame like `result.trades`.
        by: One of `GROUPS`.
        timezone: The exchange's time zone, for hours and weekdays.
    """
    profit = pl.col("net_profit").cast(pl.Float64)
    lost = -profit.filter(profit < 0.0).sum()
    local = trades.with_columns(pl.col("entry_time").dt.convert_time_zone(timezone))
    return (
        local.filter(~pl.col("open"))
        .group_by(GROUPS[by].alias(by))
        .agg(
            pl.len().cast(pl.Int64).alias("trades"),
            (profit > 0.0).mean().alias("win_rate"),
            pl.col("net_profit").sum(),
            pl.col("return").mean().alias("mean_return"),
            pl.when(lost > 0.0)
            .then(profit.filter(profit > 0.0).sum() / lost)
            .alias("profit_factor"),
            pl.col("bars_held").mean().alias("mean_bars_held"),
        )
        .sort(by, nulls_last=True)
    )
