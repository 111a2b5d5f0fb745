"""Pipelines in research and in runs, where zipline has no say or agrees by rule."""

import asyncio
from datetime import date
from functools import cache
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import rbtlive as rbt
from rbtlive import errors
from rbtlive.pipeline import CustomFactor, Factor, Pipeline
from rbtlive.pipeline.data import Column, DataSet, USEquityPricing
from rbtlive.pipeline.factors import (
    AverageDollarVolume,
    BollingerBands,
    Returns,
    SimpleMovingAverage,
)
from tests.parity.datasets import load

START, END = "2016-02-01", "2016-03-31"


@cache
def portal() -> Any:
    """Return sixteen assets with splits, dividends, gaps, late listings and early ends."""
    data = load("pipelines_daily")
    return rbt.PolarsDataPortal(
        data.bars, assets=data.assets, splits=data.splits, dividends=data.dividends
    )


class Range(CustomFactor):
    """The range of the window, as a share of its last close."""

    inputs = (USEquityPricing.high, USEquityPricing.low, USEquityPricing.close)
    window_length = 15

    def compute(self, today, assets, out, high, low, close):
        out[:] = (high.max(axis=0) - low.min(axis=0)).sum() / close[-1]


def many() -> Pipeline:
    returns = Returns(window_length=8)
    return Pipeline(
        {
            "sma": SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=20),
            "adv": AverageDollarVolume(window_length=10),
            "upper": BollingerBands(window_length=12, k=2).upper,
            "rank": returns.rank(mask=AverageDollarVolume(window_length=10).top(9)),
            "z": returns.zscore(),
            "weekly": returns.downsample("week_start"),
            "range": Range(mask=returns > 0),
            "own": Factor.from_expr(pl.col("close").rolling_mean(5).over("symbol")),
        },
        screen=AverageDollarVolume(window_length=5).top(8),
    )


@pytest.mark.parametrize("chunks", [1, 3, 7, 20])
def test_numbers_do_not_depend_on_the_chunks(chunks: int):
    """Any cut of the days gives the same table, digit for digit."""
    whole = rbt.run_pipeline(many(), START, END, portal())

    cut = rbt.run_pipeline(many(), START, END, portal(), chunks=chunks)

    assert_frame_equal(cut, whole, check_exact=True)


def test_no_number_depends_on_the_day_or_what_follows():
    """Bars of the day itself and of later days, changed, change nothing."""
    data = load("pipelines_daily")
    day = date(2016, 3, 1)
    late = pl.col("date") >= day
    changed = data.bars.with_columns(
        [
            pl.when(late).then(pl.col(name) * 3).otherwise(pl.col(name))
            for name in ("open", "high", "low", "close")
        ]
    )
    other = rbt.PolarsDataPortal(
        changed,
        assets=data.assets,
        splits=data.splits,
        dividends=data.dividends.filter(pl.col("ex_date") <= day),
    )

    before = rbt.run_pipeline(many(), START, day, portal())

    assert_frame_equal(rbt.run_pipeline(many(), START, day, other), before, check_exact=True)


def strategy(seen: list[Any], pipe: Pipeline, **options: Any) -> dict[str, Any]:
    """Return a strategy that notes the table of each morning and trades on it."""

    def initialize(context):
        context.attach_pipeline(pipe, "pipe", **options)

    def before_trading_start(context, data):
        context.table = context.pipeline_output("pipe")
        seen.append(context.table)

    def handle_data(context, data):
        for symbol in context.table["symbol"][:2]:
            if data.can_trade(context.symbol(symbol)):
                context.order_target_percent(context.symbol(symbol), 0.2)

    return {
        "__name__": "pipes",
        "initialize": initialize,
        "before_trading_start": before_trading_start,
        "handle_data": handle_data,
    }


def test_a_strategy_sees_each_morning_what_research_shows():
    """The table of a morning is that day's rows of run_pipeline."""
    seen: list[Any] = []

    rbt.backtest(strategy(seen, many()), portal(), start=START, end=END)

    table = rbt.run_pipeline(many(), START, END, portal())
    assert_frame_equal(pl.concat(seen), table.drop("date"), check_exact=True)


def test_a_session_sees_what_its_backtest_sees():
    """On paper, a day at a time, tables, orders and fills are those of the backtest."""
    seen, live = [], []
    result = rbt.backtest(strategy(seen, many()), portal(), start=START, end=END)

    async def trade() -> Any:
        session = rbt.attach(
            strategy(live, many()),
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(portal()),
            start=START,
            end=END,
            on_error="raise",
        )
        await session.wait()
        return session.result(), session.parity()

    live_result, parity = asyncio.run(trade())

    assert parity.identical
    assert_frame_equal(live_result.transactions, result.transactions)
    sessions = len(seen)
    assert len(seen[0]) > 0
    for one, other in zip(seen, live[:sessions], strict=True):
        assert_frame_equal(one, other, check_exact=True)


def test_eager_pipelines_are_computed_each_morning_and_others_when_asked():
    """A pipeline that is eager runs without before_trading_start; a lazy one waits."""
    days: dict[str, list[Any]] = {"eager": [], "lazy": []}

    def noting(name: str) -> Pipeline:
        class Noting(CustomFactor):
            inputs = (USEquityPricing.close,)
            window_length = 1

            def compute(self, today, assets, out, close):
                days[name].append(today.date())

        return Pipeline({"x": Noting()})

    class Run(rbt.TradingAlgorithm):
        def initialize(self, context):
            self.attach_pipeline(noting("eager"), "eager", chunks=2)
            self.attach_pipeline(noting("lazy"), "lazy", eager=False)

    rbt.backtest(Run, portal(), start="2016-02-01", end="2016-02-05")

    assert days["eager"] == [date(2016, 2, day) for day in range(1, 6)]
    assert days["lazy"] == []


def refused(initialize: Any, before: Any = None) -> Any:
    return rbt.backtest(
        {"__name__": "refused", "initialize": initialize, "before_trading_start": before},
        portal(),
        start="2016-02-01",
        end="2016-02-05",
    )


def test_misuse_has_the_errors_of_zipline():
    """Names twice, names unknown, and calls at the wrong time."""

    def twice(context):
        context.attach_pipeline(Pipeline(), "a")
        context.attach_pipeline(Pipeline(), "a")

    def early(context):
        context.attach_pipeline(Pipeline(), "a")
        context.pipeline_output("a")

    def late(context, data):
        context.attach_pipeline(Pipeline(), "b")

    def unknown(context, data):
        context.pipeline_output("b")

    with pytest.raises(errors.DuplicatePipelineName):
        refused(twice)
    with pytest.raises(errors.PipelineOutputDuringInitialize):
        refused(early)
    with pytest.raises(errors.AttachPipelineAfterInitialize):
        refused(None, late)
    with pytest.raises(errors.NoSuchPipeline):
        refused(None, unknown)
    with pytest.raises(TypeError, match="expected a Pipeline"):
        refused(lambda context: context.attach_pipeline("a", "a"))


def test_chunks_that_are_used_up_end_the_run_as_in_zipline():
    """An iterator of chunks must last; the error names the day it did not."""
    with pytest.raises(RuntimeError, match=r"'a'\) are used up on 2016-02-03"):
        rbt.backtest(
            {
                "__name__": "short",
                "initialize": lambda context: context.attach_pipeline(
                    many(), "a", chunks=iter([1])
                ),
            },
            portal(),
            start="2016-02-01",
            end="2016-02-09",
        )


def test_a_window_beyond_the_data_names_the_first_day_that_works():
    """The error says which day to start on, and that day works."""
    pipe = Pipeline({"r": Returns(window_length=10)})
    with pytest.raises(errors.NoFurtherDataError, match="start on 2015-01-16 or later"):
        rbt.run_pipeline(pipe, "2015-01-08", "2015-02-02", portal())

    assert len(rbt.run_pipeline(pipe, "2015-01-16", "2015-02-02", portal()))


@pytest.mark.parametrize(
    ("frequency", "first"),
    [
        ("week_start", "2015-01-12"),
        ("month_start", "2015-02-02"),
        ("quarter_start", "2015-04-01"),
        ("year_start", "2016-01-04"),
    ],
)
def test_a_later_start_may_look_back_to_the_same_day(frequency: str, first: str):
    """A sampled term looks back further each day, until its next period begins."""
    pipe = Pipeline({"r": Returns(window_length=5).downsample(frequency)})

    with pytest.raises(errors.NoFurtherDataError, match=f"start on {first} or later"):
        rbt.run_pipeline(pipe, "2015-01-08", "2016-02-02", portal())

    assert len(rbt.run_pipeline(pipe, first, first, portal()))
    run = rbt.backtest({"initialize": lambda _: rbt.api.attach_pipeline(pipe, "p")}, portal())
    assert str(run.performance["date"][0]) == first


def test_a_window_longer_than_the_data_has_no_day_to_start_on():
    pipe = Pipeline({"r": Returns(window_length=4000)})

    with pytest.raises(errors.NoFurtherDataError, match="no later start has that much history"):
        rbt.run_pipeline(pipe, START, END, portal())


@pytest.mark.parametrize("chunks", [3, 252])
def test_days_without_assets_have_no_rows_however_they_are_cut(chunks: int):
    pipe = Pipeline({"c": USEquityPricing.close.latest})

    found = rbt.run_pipeline(pipe, "2016-04-28", "2018-04-28", portal(), chunks=chunks)

    assert [str(day) for day in found["date"].unique().sort()] == ["2016-04-28", "2016-04-29"]


def test_texts_of_pandas_frames_are_categories_however_they_are_cut():
    class Grades(DataSet):
        grade = Column(object, missing_value="")

    days = [date(2016, 3, 1), date(2016, 3, 1), date(2016, 3, 10)]
    held = {"symbol": ["AA0", "BB1", "AA0"], "timestamp": days, "grade": ["x", "y", "z"]}
    Grades.use(pl.DataFrame(held))
    pipe = Pipeline({"grade": Grades.grade.latest})

    whole, cut = (
        rbt.run_pipeline(pipe, "2016-03-01", "2016-03-18", portal(), frames="pandas", chunks=some)
        for some in (252, 3)
    )

    assert list(cut["grade"].cat.categories) == list(whole["grade"].cat.categories)
    assert cut.equals(whole)


def test_a_window_beyond_the_data_is_too_long_by_each_of_its_names():
    """zipline has a name for a window longer than an array, and one for a pipeline's."""
    pipe = Pipeline({"r": Returns(window_length=400)})

    for name in ("WindowLengthTooLong", "NoFurtherDataError", "HistoryWindowStartsBeforeData"):
        with pytest.raises(getattr(errors, name), match="looks back 400 sessions"):
            rbt.run_pipeline(pipe, START, END, portal())


@pytest.mark.parametrize("names", ["decay", [1, 2], {3: 4.0}])
def test_params_that_are_no_names_are_refused(names):
    """A text would be taken for one name a letter."""

    class Decayed(CustomFactor):
        inputs = (USEquityPricing.close,)
        window_length = 2
        params = names

    with pytest.raises(errors.InvalidTermParams, match="params of Decayed"):
        Decayed(decay=0.5)


def test_a_day_without_rows_has_its_columns():
    """Nothing passes the screen: the frame is empty, and has columns and types."""
    pipe = Pipeline({"c": USEquityPricing.close.latest}, screen=USEquityPricing.close.latest > 1e9)

    table = rbt.run_pipeline(pipe, START, END, portal())

    assert table.schema == {"date": pl.Date, "symbol": pl.String, "c": pl.Float64}
    assert table.is_empty()


def test_own_data_is_seen_from_the_session_after_it_became_known():
    """Of what is known in the morning, the row with the latest asof counts."""

    class Ratings(DataSet):
        score = Column(float)
        grade = Column(object, missing_value="")

    days = [date(2016, 2, 2), date(2016, 2, 4), date(2016, 2, 4)]
    Ratings.use(
        pl.DataFrame(
            {
                "symbol": ["AA0", "AA0", "BB1"],
                "timestamp": days,
                "asof": [date(2015, 12, 31), date(2015, 9, 30), date(2015, 12, 31)],
                "score": [1.0, 9.0, 2.0],
                "grade": ["good", "old", None],
            }
        )
    )
    pipe = Pipeline(
        {"score": Ratings.score.latest, "grade": Ratings.grade.latest},
        screen=Ratings.score.latest.notnull(),
    )

    table = rbt.run_pipeline(pipe, "2016-02-01", "2016-02-05", portal())

    assert table.filter(symbol="AA0").rows() == [
        (date(2016, 2, day), "AA0", 1.0, "good") for day in (3, 4, 5)
    ]
    assert table.filter(symbol="BB1").rows() == [(date(2016, 2, 5), "BB1", 2.0, None)]


def test_a_negative_base_and_a_missing_label_count_as_in_zipline():
    """zipline's text of (-2) ** x reads -(2 ** x), and no label is another label."""

    class Grades(DataSet):
        score = Column(float)
        sector = Column(int, missing_value=-1)

    Grades.use(
        pl.DataFrame(
            {
                "symbol": ["AA0", "BB1"],
                "timestamp": [date(2016, 2, 2)] * 2,
                "asof": [date(2015, 12, 31)] * 2,
                "score": [2.0, 3.0],
                "sector": [3, 4],
            }
        )
    )
    score, sector = Grades.score.latest, Grades.sector.latest
    pipe = Pipeline({"power": (-2) ** score, "other": sector != 3})

    table = rbt.run_pipeline(pipe, "2016-02-03", "2016-02-03", portal())

    rows = {symbol: (power, other) for _day, symbol, power, other in table.rows()}
    assert rows["AA0"] == (-4.0, False)
    assert rows["BB1"] == (-8.0, True)
    assert {other for symbol, (_power, other) in rows.items() if symbol not in {"AA0", "BB1"}} == {
        False
    }


def test_own_data_without_a_time_of_knowledge_is_refused():
    """A frame that does not say when rows were known, and a data set without one."""

    class Scores(DataSet):
        score = Column(float)

    with pytest.raises(errors.NoTimeOfKnowledge, match="'timestamp'"):
        Scores.use(pl.DataFrame({"symbol": ["AA0"], "score": [1.0]}))
    with pytest.raises(errors.NotBuilt, match=r"Scores\.use"):
        rbt.run_pipeline(Pipeline({"s": Scores.score.latest}), START, END, portal())


def test_an_expression_is_a_factor():
    """It sees bars restated to the morning, and equals the factor of the same rule."""
    own = Factor.from_expr(pl.col("close").rolling_mean(6).over("symbol"))
    sma = SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=6)

    table = rbt.run_pipeline(
        Pipeline({"own": own, "sma": sma}, screen=own.notnan()), START, END, portal()
    )

    assert len(table) > 300
    assert ((table["own"] - table["sma"]).abs() < 1e-9 * table["sma"]).all()


def test_an_expression_that_looks_ahead_is_refused():
    """A shift to the past by minus one, and a mean over all days."""
    for expression in (
        pl.col("close").shift(-1).over("symbol"),
        pl.col("close") - pl.col("close").mean().over("symbol"),
    ):
        pipe = Pipeline({"x": Factor.from_expr(expression)})
        with pytest.raises(errors.LookAheadIndicator):
            rbt.run_pipeline(pipe, START, END, portal())


def test_an_expression_is_given_the_fields_it_names():
    """A wildcard may be any of them, an expression without a field reads all."""
    ratio = pl.col("close") / pl.col("open").shift(1).over("symbol", order_by="date")

    assert [one.name for one in Factor.from_expr(ratio).inputs] == ["open", "close"]
    for every in (pl.mean_horizontal("^o.*$"), ratio + pl.all().len(), pl.lit(1.0)):
        assert len(Factor.from_expr(every).inputs) == 5


def test_an_expression_is_computed_twice_a_level_and_once_without_later_days():
    """Between two actions, once for all days and once to find a look ahead; where every
    day has its own level, the second would be the first.
    """
    data = load("pipelines_daily")
    plain = rbt.PolarsDataPortal(data.bars, assets=data.assets)
    lengths: list[int] = []

    def counted(values: pl.Series) -> pl.Series:
        lengths.append(len(values))
        return values

    own = Factor.from_expr(pl.col("close").map_batches(counted, return_dtype=pl.Float64))
    rbt.run_pipeline(Pipeline({"own": own}), START, END, plain)
    every_day = len(lengths)
    rbt.run_pipeline(Pipeline({"own": own}), START, START, plain)

    assert (every_day, len(lengths) - every_day) == (2, 1)


def test_terms_that_say_the_same_are_one_and_are_computed_once():
    """Equal terms are the same object, and share one computation."""
    calls: list[Any] = []

    class Counting(CustomFactor):
        inputs = (USEquityPricing.close,)
        window_length = 2

        def compute(self, today, assets, out, close):
            calls.append(today)
            out[:] = close[-1]

    assert Counting() is Counting(window_length=2)
    pipe = Pipeline({"a": Counting(), "b": Counting().rank(), "c": Counting() * 2.0})
    rbt.run_pipeline(pipe, "2016-02-01", "2016-02-05", portal())
    assert len(calls) == 5


def test_a_picture_escapes_what_users_wrote():
    """The SVG has a box a term, and no markup of a name."""
    pipe = Pipeline({"<script>": Returns(window_length=3).rank()})

    svg = pipe.show_graph().svg

    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg
    assert svg.count("<rect") == 4


def test_an_explanation_has_every_term_once_and_how_it_was_computed():
    """Shared terms are one step; needed ones come first; rows before the first count."""
    returns = Returns(window_length=8)
    pipe = Pipeline({"r": returns, "rank": returns.rank(), "range": Range()}, screen=returns > 0)

    found = pipe.explain("2016-02-01", date(2016, 2, 5), portal())

    rows = {row["columns"]: row for row in found.frame.iter_rows(named=True) if row["columns"]}
    assert rows["r"]["how"] == "many days at once"
    assert rows["range"]["how"] == "day by day"
    assert rows["rank"]["how"] == "whole table"
    assert rows["rank"]["needs"] == [rows["r"]["step"]]
    assert rows["r"]["rows"] == 5
    closes = found.frame.filter(term="EquityPricing<US>.close::float64")
    assert closes["rows"].to_list() == [5 + 14]  # the longest window asks for more
    assert found.frame["term"].n_unique() == len(found.frame)
    assert found.seconds >= 0.0
    assert "Range" in repr(found)
    assert "<td>many days at once</td>" in found._repr_html_()
