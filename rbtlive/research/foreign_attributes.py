"""Other libraries' names for results and sweeps, and what to write here.

The rule: a result has one place for each figure; the error for another name says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from rbtlive.model.other_names import by_word, no_attribute, what_to_write
from rbtlive.research.people_frame import ResultFrame
from rbtlive.research.ratios import RATIOS
from rbtlive.research.statistics.table import FACTS, SECTIONS

_METRICS: Final = (*RATIOS, "alpha", "beta", "final_value", "turnover", "sessions")
_STATISTICS: Final = by_word(
    {
        "sharpe": "sharpe_ratio sr",
        "sortino": "sortino_ratio",
        "calmar": "calmar_ratio mar",
        "omega": "omega_ratio",
        "annual_return": "cagr annualized_return annualised_return apr return_ann cagr_ann",
        "annual_volatility": "volatility vol annualized_volatility std stdev volatility_ann",
        "total_return": "return total_returns net_return return_pct cumulative_return",
        "max_drawdown": "max_dd mdd maxdd maximum_drawdown drawdown drawdown_pct",
        "mean_drawdown": "avg_drawdown average_drawdown",
        "max_drawdown_days": "max_drawdown_duration drawdown_duration",
        "mean_drawdown_days": "avg_drawdown_duration",
        "max_days_held": "max_trade_duration",
        "mean_days_held": "avg_trade_duration average_holding_period holding_period",
        "mean_win": "avg_win average_win",
        "mean_loss": "avg_loss average_loss",
        "value_at_risk": "var var_95",
        "conditional_value_at_risk": "cvar expected_shortfall",
        "win_rate": "winrate hit_rate win_ratio winning_rate",
        "payoff": "payoff_ratio win_loss_ratio",
        "trades": "n_trades num_trades trade_count total_trades number_of_trades",
        "mean_trade": "avg_trade average_trade",
        "kelly": "kelly_criterion",
        "exposure": "exposure_time",
        "buy_and_hold_return": "buy_and_hold buy_hold_return",
        "commission": "commissions fees total_commission costs",
        "final_value": "equity_final final_equity final_portfolio_value end_value",
        "information_ratio": "ir",
    }
)
_PLACES: Final = by_word(
    {
        'result.performance["portfolio_value"]': "equity equity_curve _equity_curve "
        "portfolio_value value prices account_value nav",
        'result.performance["returns"]': "returns daily_returns pct_returns returns_series",
        'result.performance["algorithm_period_return"]': "cumulative_returns "
        "cum_returns algorithm_period_return period_return",
        'result.performance["pnl"]': "pnl profit profits daily_pnl net_profit",
        'result.performance["benchmark_period_return"]': "benchmark benchmark_returns",
        'result.performance["gross_leverage"]': "leverage gross_leverage",
        'result.performance["ending_cash"]': "cash ending_cash",
        'result.plot("drawdown")': "underwater plot_underwater",
        "result.positions": "holdings weights get_security_weights get_weights",
        'result.plot("exposure")': "plot_weights plot_security_weights",
        "result.trades": "_trades closed_trades trade_list trades_df trade_log tradelog",
        "result.performance": "perf results portfolio df frame to_frame to_polars "
        "iloc loc head tail columns index describe keys items to_dict",
        "result.performance.to_pandas(), or result.to_zipline()": "to_pandas",
        'result.performance.write_csv("run.csv")': "to_csv",
        'result.report("run.html")': "tearsheet tear_sheet to_html html show_report "
        "create_full_tear_sheet full_tear_sheet quantstats pyfolio qs",
        'result.plot(kind), or result.save_html("plot.html")': "plots show chart figure "
        "plot_equity plot_results plot_drawdown savefig",
        'result.plot("monthly")': "monthly_heatmap heatmap plot_monthly",
        "result.monthly": "monthly_returns display_monthly_returns",
        "result.yearly": "annual_returns yearly_returns",
        "result.rolling()": "rolling_sharpe",
        "result.stats": "statistics analyzers analysis display",
        "the strategy's own class: rbt.backtest copies it before a run": "_strategy broker",
        "rbt.sweep(strategy, data, params={...}).best": "best_params best best_result",
        "result.settings": "params parameters config start end capital_base initial_capital",
        "rbt.monte_carlo(result)": "monte_carlo montecarlo bootstrap simulate",
        "rbt.compare(result, other)": "compare",
        "result.denied, and result.orders with their reason": "errors rejected rejections",
        "session.logs of a live session; a backtest logs where your logging goes": "log logs",
        "rbt.sweep(strategy, data, params={...})": "optimize optimise",
        "rbt.attach(strategy, rbt.PaperBroker(), feed=...)": "attach live go_live",
        "record(name=value) in the strategy, then result.performance": "recorded records "
        "recorded_vars indicators",
        'result.save("run.rbt"), and rbt.BacktestResult.load(path)': "pickle dump to_pickle export",
    }
)
SWEEP_WORDS: Final = by_word(
    {
        "sweep.best.params": "best_params best_parameters",
        "sweep.best.result()": "best_result best_stats best_run best_trial",
        "sweep.best.metrics": "best_value best_score best_metrics",
        "sweep.top(10)": "head topn best_n ranking nlargest",
        "sweep.frame": "results df table to_frame data trials trials_dataframe stats summary "
        "params metrics rows runs all to_polars sort sort_values filter columns",
        "sweep.frame.to_pandas()": "to_pandas",
        'sweep.frame.write_csv("sweep.csv")': "to_csv write_csv",
        "sweep.heatmap(x, y)": "plot heatmaps show plot_heatmap plot_heatmaps contour plot_contour",
        "sweep.parallel_coordinates()": "parallel plot_parallel_coordinate",
        "sweep.sensitivity()": "importance param_importances importances",
        "sweep.plateaus()": "robust stable plateau neighbours neighbors",
        "sweep.odds()": "deflated_sharpe pbo overfitting probability_of_overfitting dsr",
        "sweep.pareto()": "pareto_front best_trials",
        "sweep.errors": "failed failures exceptions",
        'rbt.sweep(..., store="runs.db"), which carries on a sweep too': "save store resume load",
        "sweep.best.attach(broker, feed=...)": "attach live trade deploy",
        "rbt.walk_forward(strategy, data, params={...})": "walk_forward walkforward",
    }
)


class FigureFrame(ResultFrame):
    """A frame of figures, which also answers other libraries' names of statistics."""

    def _figure(self, name: str) -> str | None:
        own = name if name in _PLACES else own_statistic(name)
        return _places(own).get(own)


def own_statistic(word: str) -> str:
    """Return our name for another library's statistic, e.g. "Max. Drawdown [%]"; an
    unknown name is only normalised.
    """
    plain = "_".join(re.findall("[a-z0-9]+", word.lower()))
    return _STATISTICS.get(plain, plain)


def result_lacks(name: str, attributes: Iterable[str]) -> AttributeError:
    """Return the error for an attribute that a result does not have.

    Args:
        name: The attribute requested.
        attributes: The attributes of a result.
    """
    return no_attribute("BacktestResult", name, _places(name), attributes)


# What to write instead of other libraries' attributes and statistics.
def _places(name: str) -> dict[str, str]:
    known = _STATISTICS.get(name, name)
    places = dict(_PLACES)
    if known in _METRICS:
        places[name] = f'result.metrics["{known}"]'
    elif known in FACTS or any(known in rows for rows in SECTIONS.values()):
        places[name] = f'result.stats.filter(statistic="{known}")'
    return places


def no_item(name: object, columns: Iterable[str]) -> TypeError:
    """Return the error for indexing a result.

    Args:
        name: The item requested.
        columns: Columns of its performance frame.
    """
    own = own_statistic(str(name))
    if own in columns:
        step: str | None = f'write result.performance["{own}"]'
    else:
        step = what_to_write(own, _places(own), ())
    step = step or 'write result.metrics["sharpe"]'
    return TypeError(f"a result has no items: {step}")


MONTE_CARLO_ARGUMENTS: Final = by_word(
    {
        "n=1_000": "n_sims sims simulations n_simulations num_simulations runs iterations paths",
        'method="blocks"': "kind bootstrap",
        "block=20": "block_size block_length",
    }
)


class Figures(dict[str, Any]):
    """Figures by name; the error for another library's name says which one to use."""

    def __getattr__(self, name: str) -> Any:
        own = own_statistic(name)
        if own in self:
            raise AttributeError(f'{name!r} is an item: write metrics["{own}"]')
        raise no_attribute("metrics", name, _places(name), self)

    def __missing__(self, name: object) -> Any:
        own = own_statistic(str(name))
        step = f"write {own!r}" if own in self else what_to_write(own, {}, self)
        if step is None and own in FACTS:
            step = f'write result.stats.filter(statistic="{own}")'
        raise KeyError(
            f"there is no metric {name!r}: {step or 'the metrics are ' + ', '.join(self)}"
        )

    def __reduce__(self) -> tuple[type[Figures], tuple[dict[str, Any]]]:
        return Figures, (dict(self),)
