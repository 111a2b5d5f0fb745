"""Record other libraries' figures for one small series of returns and one list of fills.

Run by a Python that has quantstats, pyfolio-reloaded, empyrical-reloaded and
backtesting, it writes tests/research/expected/peers.json, which tests compare with
rbtlive's figures:

    python scripts/make_peer_answers.py
"""

import json
import math
import warnings
from pathlib import Path

import backtesting
import empyrical
import numpy as np
import pandas as pd
import quantstats as qs

TARGET = Path(__file__).parents[1] / "tests" / "research" / "expected" / "peers.json"
DAYS = 600


def series() -> tuple[pd.Series, pd.Series]:
    """Return daily returns of a strategy and of its benchmark, the same each time."""
    random = np.random.default_rng(15)
    dates = pd.bdate_range("2015-01-02", periods=DAYS)
    market = random.standard_t(4, DAYS) * 0.007 + 0.0003
    own = 0.6 * market + random.standard_t(5, DAYS) * 0.005 + 0.0002
    own[40:55] = 0.0
    return pd.Series(own.round(8), dates), pd.Series(market.round(8), dates)


def quantstats_says(returns: pd.Series, benchmark: pd.Series) -> dict[str, float]:
    """Return quantstats' figures."""
    stats = qs.stats
    return {
        "skew": stats.skew(returns),
        "kurtosis": stats.kurtosis(returns),
        "win_days": stats.win_rate(returns),
        "ulcer_index": stats.ulcer_index(returns),
        "gain_to_pain": stats.gain_to_pain_ratio(returns),
        "kelly": stats.kelly_criterion(returns),
        "payoff": stats.payoff_ratio(returns),
        "profit_factor": stats.profit_factor(returns),
        "consecutive_wins": stats.consecutive_wins(returns),
        "consecutive_losses": stats.consecutive_losses(returns),
        "tail_ratio": stats.tail_ratio(returns),
        "omega": stats.omega(returns),
        "conditional_value_at_risk": stats.cvar(returns),
        "information_ratio": stats.information_ratio(returns, benchmark),
        "r_squared": stats.r_squared(returns, benchmark),
        "best_day": stats.best(returns),
        "worst_day": stats.worst(returns),
        "expected_day": stats.expected_return(returns),
        "sharpe": stats.sharpe(returns),
        "sortino": stats.sortino(returns),
        "max_drawdown": stats.max_drawdown(returns),
        "annual_volatility": stats.volatility(returns),
        "serenity": stats.serenity_index(returns),
        "recovery_factor": stats.recovery_factor(returns),
    }


def empyrical_says(returns: pd.Series, benchmark: pd.Series) -> dict[str, float]:
    """Return the figures of empyrical, which pyfolio prints."""
    up, down = empyrical.up_capture(returns, benchmark), empyrical.down_capture(returns, benchmark)
    return {
        "cagr": empyrical.cagr(returns),
        "calmar": empyrical.calmar_ratio(returns),
        "stability": empyrical.stability_of_timeseries(returns),
        "downside_risk": empyrical.downside_risk(returns),
        "value_at_risk": empyrical.value_at_risk(returns),
        "conditional_value_at_risk": empyrical.conditional_value_at_risk(returns),
        "alpha": empyrical.alpha(returns, benchmark),
        "beta": empyrical.beta(returns, benchmark),
        "up_capture": up,
        "down_capture": down,
        "sharpe_365": empyrical.sharpe_ratio(returns, annualization=365),
        "volatility_365": empyrical.annual_volatility(returns, annualization=365),
    }


def pyfolio_says(returns: pd.Series) -> list[dict[str, object]]:
    """Return pyfolio's five worst drawdowns: percent, dates, days."""
    from pyfolio import timeseries

    table = timeseries.gen_drawdown_table(returns, top=5)
    rows = []
    for _number, row in table.iterrows():
        recovery = row["Recovery date"]
        rows.append(
            {
                "depth": -float(row["Net drawdown in %"]) / 100.0,
                "peak": str(row["Peak date"].date()),
                "valley": str(row["Valley date"].date()),
                "recovery": None if pd.isna(recovery) else str(recovery.date()),
            }
        )
    return rows


class Listed(backtesting.Strategy):
    """Orders by a list: bar and signed size."""

    wanted: dict[int, int] | None = None

    def init(self) -> None:
        """Nothing to prepare."""

    def next(self) -> None:
        """Order what the list has for this bar."""
        size = (self.wanted or {}).get(len(self.data) - 1)
        if size is None:
            return
        if size > 0:
            self.buy(size=size)
        else:
            self.sell(size=-size)


def backtesting_says() -> dict[str, object]:
    """Return a list of orders, prices, and the trades of backtesting.py."""
    random = np.random.default_rng(6)
    close = (100 + np.cumsum(random.normal(0, 1, 60))).round(2)
    bars = pd.DataFrame(
        {
            "Open": close,
            "High": close + 1,
            "Low": close - 1,
            "Close": close,
            "Volume": 1e6,
        },
        index=pd.bdate_range("2015-01-02", periods=60),
    )
    orders = {3: 10, 6: 5, 9: -4, 12: -8, 15: -10, 20: 3, 24: 12, 30: -5, 33: 7, 38: -9, 44: 6}
    test = backtesting.Backtest(
        bars, Listed, cash=100_000, commission=0, trade_on_close=True, finalize_trades=True
    )
    trades = test.run(wanted=orders)["_trades"]
    return {
        "close": close.tolist(),
        "orders": orders,
        "trades": [
            {
                "size": int(row.Size),
                "entry_bar": int(row.EntryBar),
                "exit_bar": int(row.ExitBar),
                "entry_price": float(row.EntryPrice),
                "exit_price": float(row.ExitPrice),
                "profit": float(row.PnL),
            }
            for row in trades.itertuples()
        ],
    }


def main() -> None:
    """Write the answers."""
    warnings.simplefilter("ignore")
    returns, benchmark = series()
    answers = {
        "dates": [str(day.date()) for day in returns.index],
        "returns": returns.tolist(),
        "benchmark": benchmark.tolist(),
        "quantstats": quantstats_says(returns, benchmark),
        "empyrical": empyrical_says(returns, benchmark),
        "drawdowns": pyfolio_says(returns),
        "backtesting": backtesting_says(),
    }
    for name in ("quantstats", "empyrical"):
        answers[name] = {
            k: float(v) for k, v in answers[name].items() if v is not None and math.isfinite(v)
        }
    TARGET.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
