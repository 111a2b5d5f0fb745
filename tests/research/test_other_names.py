"""Who asks for a name of another library reads what to write, and that exists."""

import asyncio
import copy
import inspect
import pickle
import re

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import api, foreign_names
from rbtlive.api import date_rules, time_rules
from rbtlive.core.actions import near_attributes
from rbtlive.core.rules import schedule
from rbtlive.core.shown.order_views import OrderView
from rbtlive.core.shown.portfolio_views import (
    AccountView,
    PortfolioView,
    PositionsView,
    PositionView,
)
from rbtlive.core.strategy.context import Context
from rbtlive.data import foreign_attributes as of_portals
from rbtlive.errors import ResultError, UnreadableFile
from rbtlive.model.asset import Equity
from rbtlive.model.other_names import by_word
from rbtlive.notebook import observed_session, recorded_session
from rbtlive.research import foreign_attributes as of_results
from rbtlive.research.sweeping.sweep_result import SweepResult, SweepRow
from rbtlive.runtime import foreign_arguments
from tests.builders import daily_frame

OWNERS = {
    "rbt": rbt,
    "result": rbt.BacktestResult,
    "session": [*dir(rbt.LiveSession), "engine", "logs"],
    "sweep": SweepResult,
    "portal": rbt.PolarsDataPortal,
    "report": rbt.read(daily_frame(5)).report(),
    "self": rbt.TradingAlgorithm,
    "context": Context,
    "portfolio": PortfolioView,
    "account": AccountView,
    "position": PositionView,
    "order": OrderView,
    "asset": Equity,
    "data": rbt.BarData,
    "performance": pl.DataFrame,
    "row": [*dir(SweepRow), "params", "metrics", "number"],
    "date_rules": date_rules,
    "time_rules": time_rules,
    "frame": pl.DataFrame,
}
TABLES = {
    "package": foreign_names.PLACES,
    "portal": of_portals.PORTAL_WORDS,
    "result": of_results._PLACES,
    "sweep": of_results.SWEEP_WORDS,
    "session": observed_session._ELSEWHERE,
    "recorded": recorded_session._ELSEWHERE,
    "items": near_attributes._ITEMS,
    "arguments": near_attributes._ARGUMENTS,
    "runs": foreign_arguments.RUN_ARGUMENTS,
    "reading": of_portals.READ_ARGUMENTS,
    "fetching": of_portals.FETCH_ARGUMENTS,
    "replaying": of_portals.REPLAY_ARGUMENTS,
    "plotting": of_results.PLOT_ARGUMENTS,
    "row": of_results.ROW_WORDS,
    "dates": schedule._DATES,
    "times": schedule._TIMES,
    "names": near_attributes._NAMES,
    **near_attributes._OF,
}
OWN = {
    "package": rbt,
    "portal": rbt.PolarsDataPortal,
    "result": rbt.BacktestResult,
    "sweep": SweepResult,
    "row": SweepRow,
    "dates": date_rules,
    "times": time_rules,
    "session": rbt.LiveSession,
    "recorded": recorded_session.RecordedSession,
    "Context": Context,
    "TradingAlgorithm": rbt.TradingAlgorithm,
    "BarData": rbt.BarData,
    "PortfolioView": PortfolioView,
    "PositionView": PositionView,
    "PositionsView": PositionsView,
    "OrderView": OrderView,
    "AccountView": AccountView,
    "Asset": Equity,
}


class Sized(rbt.TradingAlgorithm):
    """Buys as many as its parameter says."""

    size = 1

    def handle_data(self, context, data):
        self.order_target(self.symbol("AAA"), self.size)


class Holds(rbt.TradingAlgorithm):
    """Buys once."""

    def initialize(self, context):
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        self.order_target(context.asset, 1)


@pytest.fixture(scope="module")
def result():
    return rbt.backtest(Holds, daily_frame(30))


@pytest.mark.parametrize("table", TABLES)
def test_what_a_message_says_to_write_exists(table, result):
    for written in TABLES[table].values():
        code = re.sub(r'"[^"]*"', '""', written)
        for owner, name in re.findall(r"\b([a-z]+)(?:\(\))?\.([a-z_]\w*)", code):
            known = OWNERS.get(owner)
            if owner == "context" and name in ("portfolio", "account"):
                assert name in dir(rbt.TradingAlgorithm)
            elif known is not None:
                assert name in (known if isinstance(known, list) else dir(known)), (
                    f"{written}: {owner} has no {name}"
                )
        for column in re.findall(r'performance\["(\w+)"\]', written):
            assert column in result.performance.columns


@pytest.mark.parametrize("table", OWN)
def test_no_word_hides_a_name_that_is_there(table):
    assert not set(TABLES[table]) & set(dir(OWN[table]))


def test_every_statistic_is_told_by_its_words(result):
    for word, statistic in of_results._STATISTICS.items():
        with pytest.raises(AttributeError, match=statistic):
            getattr(result, word)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("optimize", "write rbt.sweep("),
        ("order_target_percent", "write from rbtlive.api import order_target_percent"),
        ("Optimizer", "write rbt.sweep("),
        ("GRID_SEARCH", "write rbt.sweep("),
        ("FromSignals", "write rbt.signals("),
        ("OrderTargetPercent", "write from rbtlive.api import order_target_percent"),
        ("AlpacaBroker", "write from rbtlive.brokers import AlpacaBroker"),
        ("nothing_like_it", "has no attribute 'nothing_like_it'$"),
    ],
)
def test_the_package_answers_names_of_other_libraries(name, step):
    with pytest.raises(AttributeError, match=re.escape(step).replace(r"\$", "$")):
        getattr(rbt, name)


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("from rbtlive import Strategy", "write class MyStrategy(rbt.TradingAlgorithm)"),
        ("from rbtlive import backtest, TradingNode", "write rbt.attach("),
        ("from rbtlive import backtst", "did you mean 'backtest'"),
        ("from rbtlive.brokers import IB", "from 'rbtlive.brokers': write a broker adapter"),
        ("from rbtlive.indicators import SMA", "write self.indicator("),
        ("import rbtlive.feeds", "docs/cookbook/live.md#custom-data-feed"),
    ],
)
def test_an_import_of_another_librarys_name_says_what_to_write(statement, step):
    with pytest.raises(ImportError, match=re.escape(step)):
        exec(statement)


def test_an_import_of_an_unknown_name_fails_as_any_other():
    with pytest.raises(ImportError, match="cannot import name 'nothing_like_it'"):
        exec("from rbtlive import nothing_like_it")
    with pytest.raises(ModuleNotFoundError, match=r"No module named .*nothing_like_it"):
        exec("import rbtlive.nothing_like_it")


def test_a_word_has_one_replacement():
    with pytest.raises(ValueError, match=r"two replacements: close$"):
        by_word({"order_target": "close exit", "current": "price close"})


@pytest.mark.parametrize(
    ("look", "step"),
    [
        (lambda: rbt.Portfolio.from_signals, "write rbt.signals(entries=..., exits=..., size=...)"),
        (lambda: date_rules.monthly, "write date_rules.month_start()"),
        (lambda: date_rules.everyDay, "did you mean 'every_day'"),
        (lambda: time_rules.at("9:30"), "write time_rules.market_open(hours=1, minutes=30)"),
        (lambda: rbt.backtst, "did you mean 'backtest'"),
        (lambda: rbt.date_rules, "write from rbtlive.api import date_rules"),
    ],
)
def test_a_class_and_the_package_answer_names_of_other_libraries(look, step):
    with pytest.raises(AttributeError, match=re.escape(step)):
        look()


def test_the_package_knows_its_version():
    assert re.match(r"\d+\.\d+", rbt.__version__)


def test_metrics_answer_the_names_of_other_libraries(result):
    assert result.metrics == dict(result.metrics)
    assert pickle.loads(pickle.dumps(result.metrics)) == result.metrics
    with pytest.raises(KeyError, match="write 'annual_return'"):
        result.metrics["CAGR"]
    with pytest.raises(KeyError, match="write 'sharpe'"):
        result.metrics["Sharpe Ratio"]
    with pytest.raises(KeyError, match=r"statistic=.win_rate"):
        result.metrics["Win Rate"]
    with pytest.raises(KeyError, match="the metrics are total_return, "):
        result.metrics["weather"]


@pytest.mark.parametrize(
    ("look", "step"),
    [
        (lambda r: r.performance.portfolio_value, 'write frame["portfolio_value"]'),
        (lambda r: r.performance.iloc[-1], "write frame.row(-1, named=True)"),
        (lambda r: r.trades.records_readable, "write the frame itself"),
        (lambda r: r.orders.to_csv("x"), 'write frame.write_csv("run.csv")'),
        (lambda r: r.stats.sharpe, 'write result.metrics["sharpe"]'),
        (lambda r: r.stats["Sharpe Ratio"], 'write result.metrics["sharpe"]'),
        (lambda r: r.stats["_trades"], "write result.trades"),
        (lambda r: r.stats.loc["sharpe"], 'write frame.filter(statistic="sharpe")'),
        (lambda r: r.trades.pnl, 'write frame["net_profit"]'),
        (lambda r: r.trades["ReturnPct"], 'write frame["return"]'),
        (lambda r: r.trades["EntryPrice"], 'write frame["entry_price"]'),
        (lambda r: r.transactions["qty"], 'write frame["amount"]'),
        (lambda r: r.orders.created_at, 'write frame["created"]'),
        (lambda r: r.trades.win_rate(), 'write result.stats.filter(statistic="win_rate")'),
        (lambda r: r.stats["# Trades"], 'write result.stats.filter(statistic="trades")'),
    ],
)
def test_a_table_of_a_result_answers_the_names_of_other_libraries(result, look, step):
    with pytest.raises((AttributeError, pl.exceptions.ColumnNotFoundError)) as raised:
        look(result)

    assert step in " ".join([str(raised.value), *getattr(raised.value, "__notes__", ())])


def test_a_table_of_a_result_that_is_called_is_told_to_be_an_attribute(result):
    for table in (result.stats, result.trades, result.performance, result.positions):
        with pytest.raises(TypeError, match=r"write it without \(\), as result\.trades"):
            table()


def test_a_row_of_a_sweep_answers_the_names_of_its_parts():
    row = rbt.sweep(Sized, daily_frame(30), {"size": [1, 2]}).best

    for look, step in (
        (lambda: row.sharpe_ratio, 'row.metrics["sharpe"]'),
        (lambda: row.size, 'row.params["size"]'),
        (lambda: row.plot, "write row.result().plot()"),
        (lambda: row.trades, "write row.result()"),
    ):
        with pytest.raises(AttributeError, match=re.escape(step)):
            look()
    with pytest.raises(TypeError, match=r'write row\.params\["fast"\]'):
        row["size"]
    assert copy.copy(row).params == row.params


def test_a_table_of_a_result_is_a_frame_of_polars(result):
    for frame in (result.performance, result.stats, result.trades):
        again = pickle.loads(pickle.dumps(frame))

        assert again.equals(frame)
        assert copy.deepcopy(frame).equals(frame)
        assert not hasattr(frame, "nothing_like_it")
        assert pl.concat([frame, again]).height == 2 * frame.height


def test_a_portal_answers_the_names_of_frames():
    portal = rbt.read(daily_frame(5))

    with pytest.raises(AttributeError, match=r"write portal.to_frame\(\)"):
        portal.head()
    assert not hasattr(portal, "to_pandas")
    with pytest.raises(TypeError, match=r'write portal\.to_frame\(\)\.filter\(symbol="AAA"\)'):
        portal["AAA"]
    with pytest.raises(AttributeError, match=r'write portal\.to_frame\(\)\.filter\(symbol="AAA"\)'):
        portal.AAA.mean()
    with pytest.raises(TypeError, match=r"portal\.to_frame\(\) for all bars"):
        list(portal)


@pytest.mark.parametrize(
    ("act", "note"),
    [
        (lambda c, d: c.order(c.asset, 1, limit=3), "write limit_price=99.5"),
        (lambda c, d: c.order(c.asset, 1, size=3), "write amount, the second argument"),
        (lambda c, d: c.portfolio["AAA"], "write context.portfolio.positions[asset]"),
        (lambda c, d: c.liquidate(), "write self.order_target_percent(asset, 0)"),
        (lambda c, d: c.closed_trades, "on_order_fill(context, order, transaction) during it"),
        (lambda c, d: c.portfolio.invested, "write len(context.portfolio.positions) > 0"),
        (lambda c, d: c.portfolio.positions.iloc[0], "or loop over .items()"),
        (lambda c, d: c.get_order(c.order(c.asset, 1)).isbuy(), "write order.amount > 0"),
        (lambda c, d: d.get_spot_value(c.asset), 'write data.current(asset, "close")'),
        (lambda c, d: c.asset.price, 'write data.current(asset, "close")'),
        (lambda c, d: d.AAA, 'write data.current(self.symbol("AAA"), "close")'),
        (lambda c, d: c.portfolio.positions.AAA, 'positions[self.symbol("AAA")]'),
        (
            lambda c, d: c.date_rules,
            "import date_rules, time_rules, then date_rules.every_day()",
        ),
        (
            lambda c, d: d.history(c.asset, "close", 3),
            'write data.history(asset, "close", 20, "1d")',
        ),
        (
            lambda c, d: c.indicator(pl.col("close")),
            'write self.indicator("sma", pl.col("close").rolling_mean(20))',
        ),
        (lambda c, d: c.ib.placeOrder(1), "a strategy does not know its broker"),
    ],
)
def test_a_strategys_error_names_what_to_write(act, note):
    strategy = {
        "initialize": lambda context: setattr(context, "asset", context.symbol("AAA")),
        "handle_data": act,
    }
    with pytest.raises((TypeError, AttributeError)) as raised:
        rbt.backtest(strategy, daily_frame(5))

    assert any(one.endswith(note) for one in raised.value.__notes__)


@pytest.mark.parametrize(
    ("code", "notes"),
    [
        ("record(x=1)", ["write from rbtlive.api import record, or context.record(...)"]),
        ("log.info('x')", ["write import logging, then logging.getLogger(__name__).info(...)"]),
        ("date_rules.every_day()", ["write from rbtlive.api import date_rules"]),
        ("pl.col('close')", ["write import polars as pl"]),
        ("weather()", []),
    ],
)
def test_a_name_that_a_strategy_did_not_import_is_told_where_it_is(code, notes):
    names = {}
    exec(f"def handle_data(context, data):\n    {code}", names)

    with pytest.raises(NameError) as raised:
        rbt.backtest({"handle_data": names["handle_data"]}, daily_frame(5))

    where, *found = raised.value.__notes__
    assert where.startswith("at the bar ")
    assert [one.partition(": ")[2] for one in found] == notes


def test_every_function_of_the_api_is_told_where_it_is_used_without_an_import():
    functions = {name for name in api.__all__ if inspect.isfunction(getattr(api, name))}

    assert functions <= set(near_attributes._NAMES)


@pytest.mark.parametrize(
    ("call", "step"),
    [
        (lambda: rbt.backtest(Holds, daily_frame(5), leverage=2), "self.set_max_leverage(2)"),
        (lambda: rbt.backtest(Holds, daily_frame(5), capital_bas=2), "did you mean 'capital_base'"),
        (lambda: rbt.backtest(Holds, daily_frame(5), fast=2), "it has strategy, data, start"),
        (lambda: rbt.backtest(Holds, daily_frame(5), fromdate="2017"), "write start="),
        (lambda: rbt.backtest(Holds, daily_frame(5), stopLoss=0.1), "stop_price=95.0"),
        (lambda: rbt.read(daily_frame(5), freq="1d"), 'write interval="5m"'),
        (lambda: rbt.read(daily_frame(5), weather=1), "it has source, symbol, interval"),
        (lambda: rbt.monte_carlo(None, n_sims=5), "write n=1_000"),
        (lambda: rbt.fetch("yfinance", tickers=["SPY"]), "write symbols, the second argument"),
        (
            lambda: rbt.ReplayFeed(daily_frame(5), pace=1),
            "ReplayFeed() has no argument 'pace': write speed=60",
        ),
        (
            lambda: rbt.backtest(Holds, daily_frame(5), "2017-01-03"),
            "without their names: write the name of every other argument, e.g. start='2017-01-03'",
        ),
        (
            lambda: rbt.backtest(Holds, daily_frame(5)).plot(title="x"),
            "write result.plot(kind).update_layout(title=",
        ),
    ],
)
def test_an_argument_of_another_library_is_refused_with_what_to_write(call, step):
    with pytest.raises(TypeError, match=re.escape(step)):
        call()


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("Sharpe Ratio", 'write result.performance["sharpe"]'),
        ("Sharpe Ratio", 'a row for each session, or result.metrics["sharpe"], the run'),
        ("CAGR", 'write result.metrics["annual_return"]'),
        ("portfolio_value", 'write result.performance["portfolio_value"]'),
        ("Win Rate [%]", 'statistic="win_rate"'),
        (0, 'write result.metrics["sharpe"]'),
    ],
)
def test_an_item_of_a_result_is_told_by_where_it_is(result, name, step):
    with pytest.raises(TypeError, match=re.escape(step)):
        result[name]


def test_a_recorded_session_answers_the_names_of_a_running_one(tmp_path):
    feed = rbt.ReplayFeed(daily_frame(5))
    asyncio.run(
        rbt.attach(Holds, rbt.PaperBroker(), feed=feed, journal=tmp_path, loop="thread").wait()
    )
    recorded = rbt.open_session("Holds", journal=tmp_path)

    for name, step in (
        ("orders", "write recorded.result().orders"),
        ("state", "write recorded.ended"),
        ("resume", "write rbt.attach(strategy, broker, name=...)"),
    ):
        with pytest.raises(AttributeError, match=re.escape(step)):
            getattr(recorded, name)


def test_what_a_user_looks_at_has_a_readable_form(result):
    always = rbt.signals(entries=pl.col("close") > 1, exits=lambda p: pl.col("close") < 1, size=5)

    assert (
        repr(always)
        == 'Signals(entries=[(col("close")) > (dyn int: 1)], exits=a function of p, size=5)'
    )
    assert repr(rbt.ReplayFeed(rbt.read(daily_frame(5)), speed=60)).endswith(
        "calendar XNYS), speed=60)"
    )
    assert repr(rbt.ReplayFeed("bars.csv")) == "ReplayFeed('bars.csv')"
    assert repr(result.bars) == 'MarketBars: of("AAPL") returns the bars of a symbol'


@pytest.mark.parametrize("write", ["report", "save_html"])
def test_a_page_that_is_to_be_a_pdf_is_refused(result, write, tmp_path):
    with pytest.raises(ResultError, match=r"a page is HTML: was run\.pdf; write run\.html"):
        getattr(result, write)(tmp_path / "run.pdf")


def test_a_symbol_in_the_place_of_a_file_asks_for_a_vendors_bars():
    with pytest.raises(UnreadableFile, match=re.escape("rbt.fetch(\"yfinance\", ['BRK-B']")):
        rbt.read("BRK-B")
    with pytest.raises(UnreadableFile, match="check the path"):
        rbt.read("aapl.csv")
