"""Other libraries' names for results and sweeps, and what to write here.

The rule: a result has one place for each figure; the error for another name says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

import polars as pl
from polars.exceptions import ColumnNotFoundError

from rbtlive.model.foreign_text import add_note
from rbtlive.model.other_names import by_word, no_attribute, spelt_alike, what_to_write
from rbtlive.research.ratios import RATIOS
from rbtlive.research.statistics.table import FACTS

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
        "nothing: rbt.backtest(strategy, data) has run it, and returns this result": "run execute",
        "result.stats, whose figures of trades come after those of returns": "trade_analysis wins "
        "losses won lost trade_stats trade_analyzer",
        "result.performance.height, the number of sessions": "duration n_bars length",
        "result.orders, result.transactions, result.positions": "deep_getattr asset_value "
        "asset_flow",
        "the portal that the run was given: portal.to_frame()": "data ohlcv",
        "result.settings, whose strategy is its name": "name title id",
        "result.denied, and result.orders with their reason": "errors rejected rejections",
        "session.logs of a live session; a backtest logs where your logging goes": "log logs",
        "rbt.sweep(strategy, data, params={...})": "optimize optimise",
        "rbt.attach(strategy, rbt.PaperBroker(), feed=...)": "attach live go_live",
        "record(name=value) in the strategy, then result.performance": "recorded records "
        "recorded_vars indicators",
        'result.save("run.rbt"), and rbt.BacktestResult.load(path)': "pickle dump to_pickle export",
    }
)
_PANDAS: Final = by_word(
    {
        "frame.row(-1, named=True), or frame.to_pandas().iloc[-1]": "iloc iat",
        'frame.filter(pl.col("date") == day), or frame.to_pandas()': "loc at xs query ix",
        'frame["date"]: polars frames have no index': "index set_index reset_index reindex",
        "frame.to_numpy()": "values to_records",
        'frame.write_csv("run.csv")': "to_csv",
        'frame.write_parquet("run.parquet")': "to_parquet",
        'frame.write_excel("run.xlsx"), with xlsxwriter': "to_excel",
        'frame.sort("date")': "sort_values sort_index",
        "frame.group_by(name)": "groupby",
        'frame.group_by_dynamic("date", every="1mo")': "resample",
        "frame.iter_rows(named=True)": "iterrows itertuples iteritems items",
        "frame.drop_nulls()": "dropna",
        "frame.fill_null(0)": "fillna ffill bfill",
        "frame.cast({name: pl.Float64})": "astype",
        'frame.join(other, on="date")': "merge append",
        "frame.is_empty()": "empty",
        "the frame itself: it has a row for each record": "records_readable records readable df",
        "frame.to_pandas(), for pandas' own calls": "apply applymap pct_change cumsum cumprod "
        "rolling ewm diff info isnull isna notnull plot_equity cov ndim",
    }
)
# Columns of tables, and other libraries' words for them.
_COLUMNS: Final = {
    "net_profit": "pnl profit net_pnl realized_pnl pl net_profits",
    "gross_profit": "gross_pnl",
    "return": "return_pct returns ret pnl_pct roi",
    "quantity": "size qty shares amount units",
    "amount": "quantity size qty shares units",
    "side": "direction type",
    "symbol": "asset ticker instrument column",
    "entry_time": "entry_date entry_timestamp entry_bar entry_index opened",
    "exit_time": "exit_date exit_timestamp exit_bar exit_index closed",
    "entry_price": "avg_entry_price",
    "exit_price": "avg_exit_price",
    "bars_held": "bars barlen holding_period",
    "costs": "commission commissions fees",
    "entry_tag": "tag",
    "created": "created_at submitted submitted_at time date timestamp",
    "dt": "date time timestamp datetime",
    "last_sale_price": "price market_price last_price current_price",
    "cost_basis": "avg_price average_price entry_price avg_cost",
    "filled": "filled_qty executed filled_quantity",
    "status": "state",
}
ROW_WORDS: Final = by_word(
    {
        "row.result()": "backtest run stats trades performance orders positions transactions "
        "equity fills hints drawdowns returns",
        "row.result().plot()": "plot show",
        'row.result().report("run.html")': "report tearsheet",
        "row.params": "parameters param values config kwargs",
        "row.metrics": "value score statistics",
        "row.number": "index id",
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


PLOT_ARGUMENTS: Final = by_word(
    {
        "result.plot(kind).show(), or the figure as the last expression of a cell": "show "
        "open_browser block",
        'result.save_html("plot.html")': "filename path file save savefig",
        'result.plot(kind).update_layout(title="...", width=900, height=600)': "title width "
        "height figsize size plot_width template theme",
        'rbt.backtest(..., benchmark="SPY"), whose benchmark is drawn': "benchmark",
        'kind="drawdown"': "plot_drawdown drawdown",
        'kind="equity"': "plot_equity plot_return equity",
        'kind="trades"': "plot_trades trades",
        'kind="price"': "plot_volume plot_pl candles style",
        'symbol="AAPL", with kind="price"': "asset ticker column symbols",
    }
)


class FigureFrame(pl.DataFrame):
    """A table of a result. Its errors for names that polars does not have, but other
    libraries have, say what to write.
    """

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(f"'DataFrame' object has no attribute {name!r}", name=name)
        raise no_attribute("DataFrame", name, self._instead(name), ())

    def __call__(self, *_args: object, **_arguments: object) -> NoReturn:
        """Raise an error: a table is an attribute, e.g. `result.trades`."""
        raise TypeError("a table of a result is not called: write it without (), as result.trades")

    if not TYPE_CHECKING:  # polars' own annotations hold

        def __getitem__(self, key: object) -> object:
            try:
                return super().__getitem__(key)
            except ColumnNotFoundError as failure:
                step = self._instead(str(key)).get(str(key))
                if step:
                    add_note(failure, f"there is no column {key!r}: write {step}")
                raise

        @property
        def plot(self) -> object:
            """Return polars' plots, which need altair."""
            try:
                return super().plot
            except ModuleNotFoundError as failure:
                add_note(failure, "without altair, write result.plot(), which draws with plotly")
                raise

    def _instead(self, name: str) -> dict[str, str]:
        own = name if name in _PLACES else own_statistic(name)
        figure = _places(own).get(own)
        column = self._column(name)
        words = dict(_PANDAS)
        if "statistic" in self.columns:
            words["loc"] = words["at"] = 'frame.filter(statistic="sharpe")'
        if column is not None:
            words[name] = f'frame["{column}"]'
        elif figure is not None:
            words.setdefault(name, figure)
        return words

    def _column(self, name: str) -> str | None:
        if (own := spelt_alike(name, self.columns)) is not None:
            return own
        meant = (column for column, words in _COLUMNS.items() if spelt_alike(name, words.split()))
        return next((column for column in meant if column in self.columns), None)


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
    elif known in FACTS:
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
        of_run = f', a row for each session, or result.metrics["{own}"], the run\'s'
        step: str | None = f'write result.performance["{own}"]{of_run if own in _METRICS else ""}'
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


def row_lacks(
    name: str, params: Mapping[str, object], metrics: Mapping[str, object], names: Iterable[str]
) -> AttributeError:
    """Return the error for an attribute that a sweep's row does not have.

    Args:
        name: The attribute requested.
        params: The row's parameters.
        metrics: The row's metrics.
        names: The attributes of a row.
    """
    own = own_statistic(name)
    known = dict(ROW_WORDS)
    if name in params:
        known[name] = f'row.params["{name}"]'
    elif own in metrics:
        known[name] = f'row.metrics["{own}"]'
    return no_attribute("SweepRow", name, known, names)


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
        step = step or _places(own).get(own)
        raise KeyError(
            f"there is no metric {name!r}: {step or 'the metrics are ' + ', '.join(self)}"
        )

    def __reduce__(self) -> tuple[type[Figures], tuple[dict[str, Any]]]:
        return Figures, (dict(self),)
