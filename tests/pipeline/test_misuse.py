"""What can only be a slip is refused where it is written, with what to write instead."""

from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.pipeline import CustomFactor, Pipeline
from rbtlive.pipeline.data import Column, DataSet, USEquityPricing
from rbtlive.pipeline.domain import US_EQUITIES
from rbtlive.pipeline.expression import BadBinaryOperator
from rbtlive.pipeline.factors import BollingerBands, Returns, SimpleMovingAverage
from rbtlive.pipeline.filters import SingleAsset, StaticAssets, StaticSids
from rbtlive.pipeline.loaders import DataFrameLoader

CLOSE = USEquityPricing.close
DAYS = [date(2016, 3, 7), date(2016, 3, 8), date(2016, 3, 9), date(2016, 3, 10)]


class Figures(DataSet):
    eps = Column(float)
    sector = Column(object, missing_value="")


def mean(**given: Any) -> Any:
    return SimpleMovingAverage(**({"inputs": [CLOSE], "window_length": 5} | given))


def price() -> Any:
    return CLOSE.latest


SLIPS = {
    "a screen of numbers": (lambda: Pipeline(screen=price()), TypeError, "factor > 5"),
    "a screen of a column": (lambda: Pipeline(screen=CLOSE), TypeError, ".latest > 5"),
    "a screen of a truth": (lambda: Pipeline(screen=True), TypeError, "& | ~"),
    "a screen of names": (lambda: Pipeline(screen=["AA"]), TypeError, "StaticAssets("),
    "columns without names": (lambda: Pipeline([price()]), TypeError, '{"close": '),
    "a list of windows": (lambda: mean(window_length=[5, 10]), TypeError, "a term for each length"),
    "a window of text": (lambda: mean(window_length="5"), TypeError, "whole number of days"),
    "half a window": (lambda: mean(window_length=5.0), TypeError, "whole number of days"),
    "a window of truth": (lambda: mean(window_length=True), TypeError, "whole number of days"),
    "an input without a list": (lambda: mean(inputs=CLOSE), TypeError, "inputs=["),
    "a window in place of inputs": (lambda: Returns(20), TypeError, "window_length=20"),
    "inputs of text": (lambda: mean(inputs=["close"]), errors.NonPipelineInputs, "'close'"),
    "a mask of numbers": (lambda: price().rank(mask=price()), TypeError, "mask of Rank"),
    "a mask of names": (lambda: mean(mask=["AA"]), TypeError, "StaticAssets("),
    "groups of numbers": (lambda: price().demean(groupby=price()), TypeError, "quantiles(5)"),
    "groups by name": (lambda: price().zscore(groupby="sector"), TypeError, "a Classifier"),
    "half a bin": (lambda: price().quantiles(2.5), TypeError, "whole number"),
    "no bin": (lambda: price().quantiles(0), ValueError, "1 or more"),
    "half an asset": (lambda: price().top(2.5), TypeError, "N of top() must be a whole number"),
    "half an asset of a group": (
        lambda: price().bottom(0.1, groupby=price().quantiles(5)),
        TypeError,
        "N of bottom()",
    ),
    "fewer than none": (lambda: price().bottom(-3), ValueError, "N of bottom() must be 0 or more"),
    "a truth of the largest": (lambda: price().top(True), TypeError, "N of top()"),
    "a number as text": (lambda: price().top("5"), BadBinaryOperator, "Rank <= str"),
    "an order of text": (lambda: price().rank(ascending="False"), TypeError, "True or False"),
    "bounds that cross": (lambda: price().clip(5, 1), ValueError, "were 5 and 1"),
    "a bound of text": (lambda: price().clip("1", 5), TypeError, "min_bound of clip()"),
    "percentiles that cross": (
        lambda: price().percentile_between(90, 10),
        errors.BadPercentileBounds,
        "min=90, max=10",
    ),
    "percentiles of a whole": (
        lambda: price().winsorize(10, 90),
        errors.BadPercentileBounds,
        "between 0.0 and 1.0",
    ),
    "a period that is none": (lambda: price().downsample("monthly"), ValueError, "month_start"),
    "a name that is a number": (lambda: price().alias(5), TypeError, "must be text"),
    "an asset by name": (lambda: SingleAsset("AA"), TypeError, "SingleAsset(symbol("),
    "assets by name": (lambda: StaticAssets(["AA"]), AttributeError, "symbol("),
    "an asset without a list": (lambda: StaticAssets(5), TypeError, "a list of assets"),
    "sids by name": (lambda: StaticSids(["AA"]), TypeError, "StaticAssets("),
    "sids as one text": (lambda: StaticSids("12"), TypeError, "StaticAssets("),
    "half a sid": (lambda: StaticSids([2.5]), TypeError, "StaticAssets("),
    "numbers of another width": (
        lambda: type("Narrow", (CustomFactor,), {"dtype": np.float32})(
            inputs=[CLOSE], window_length=1
        ),
        errors.UnsupportedDataType,
        "float64",
    ),
    "a filter times a factor": (lambda: (price() > 1) * price(), BadBinaryOperator, "Latest"),
    "a picture of pixels": (
        lambda: Pipeline({"x": price()}).show_graph("png"),
        errors.NotBuilt,
        "show_graph().svg",
    ),
    "a picture of nothing": (
        lambda: Pipeline({"x": price()}).show_graph(format="gif"),
        ValueError,
        '"svg"',
    ),
    "a column that is none": (lambda: USEquityPricing.closee, AttributeError, "'close'?"),
    "another data set's": (lambda: Figures.get_column("esp"), AttributeError, "'eps'?"),
    "all columns": (lambda: USEquityPricing.price, AttributeError, "open, high, low, close"),
    "a method that is none": (lambda: price().zscores(), AttributeError, "'zscore'?"),
    "a method of a column": (lambda: CLOSE.rank(5), AttributeError, "close.latest.rank"),
    "an output that is none": (
        lambda: BollingerBands(inputs=[CLOSE], window_length=9, k=2).uper,
        AttributeError,
        "('lower', 'middle', 'upper')",
    ),
}


TRUTHS = {
    "and": (lambda: (price() > 1) and (price() < 5), "& for `and`"),
    "or": (lambda: (price() > 1) or (price() < 5), "| for `or`"),
    "not": (lambda: not (price() > 1), "~ for `not`"),
    "between": (lambda: 1 < price() < 5, "(f > 1) & (f < 5)"),
    "the larger of two": (lambda: max(price(), mean()), "one of them was lost"),
    "a default": (lambda: (price() > 1) or StaticAssets([]), "write `is not None`"),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_a_term_is_true_as_in_zipline_with_a_warning_at_the_line(name: str):
    make, words = TRUTHS[name]

    with pytest.warns(errors.RbtliveWarning) as caught:
        make()

    assert words in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_refused_with_what_to_write(name: str):
    make, error, words = SLIPS[name]

    with pytest.raises(error) as refused:
        make()

    assert words in str(refused.value)


def test_a_whole_float_is_a_number_of_assets_and_a_missing_bound_is_none():
    """As in zipline, where old code divides a number of assets by two."""
    assert price().top(4 / 2) is price().top(2)
    assert price().bottom(np.int64(2)) is price().bottom(2)
    assert price().clip(None, 5).params["min_bound"] is None


@pytest.mark.parametrize("name", ["date", "symbol"])
def test_a_column_of_the_table_itself_is_refused_in_polars_and_kept_in_pandas(name: str):
    pipe = Pipeline({name: price()})

    with pytest.raises(errors.InvalidSetting, match=f"column '{name}' something else"):
        rbt.run_pipeline(pipe, DAYS[0], DAYS[0], market())
    found = rbt.run_pipeline(pipe, DAYS[0], DAYS[0], market(), frames="pandas")

    assert list(found.columns) == [name]


def test_a_column_says_what_it_was_declared_with():
    """Also on a domain; as in zipline, prices are amounts of money."""

    class Facts(DataSet):
        value = Column(float, metadata={"unit": "USD"}, currency_aware=True)

    for dataset in (Facts, Facts.specialize(US_EQUITIES)):
        assert dataset.value.metadata == {"unit": "USD"}
        assert dataset.value.currency_aware
        assert dataset.value.currency_conversion is None
    assert (CLOSE.currency_aware, USEquityPricing.volume.currency_aware) == (True, False)
    assert Figures.eps.metadata == {}


def test_what_is_whole_by_another_type_is_a_window():
    assert mean(window_length=np.int64(5)) is mean()


def test_what_zipline_takes_for_a_sid_is_one():
    """A float of a CSV file, and an asset, which equals its sid there."""
    asset = market().asset("AA")

    for given in ([0.0], [np.float64(0)], [asset], pd.Series([0])):
        screen = StaticSids(given)
        found = rbt.run_pipeline(Pipeline(screen=screen), DAYS[0], DAYS[0], market())
        assert found["symbol"].to_list() == ["AA"]


def test_one_letter_names_a_parameter_without_a_comma():
    class Scaled(CustomFactor):
        inputs = (CLOSE,)
        window_length = 1
        params = "k"

        def compute(self, today, assets, out, close, k):
            out[:] = close[-1] * k

    found = rbt.run_pipeline(Pipeline({"x": Scaled(k=3)}), DAYS[0], DAYS[0], market())

    assert found["x"].to_list() == [30.0, 30.0]


def test_terms_can_be_asked_for_what_they_do_not_have():
    """As libraries do that look for a protocol."""
    assert not hasattr(price(), "__array_interface__")
    assert getattr(Figures, "missing", None) is None
    assert not hasattr(CLOSE, "_ipython_display_")


# -- frames ----------------------------------------------------------------------------


def rows(**changed: Any) -> pl.DataFrame:
    held = {
        "symbol": ["AA", "AA", "BB"],
        "timestamp": [date(2016, 3, 1), DAYS[1], date(2016, 3, 1)],
        "asof": [date(2015, 12, 31), date(2016, 1, 31), date(2015, 12, 31)],
        "eps": [1.0, 2.0, 3.0],
        "sector": ["a", "b", "c"],
    }
    return pl.DataFrame({key: one for key, one in (held | changed).items() if one is not None})


@cache
def market() -> Any:
    every = pl.date_range(date(2016, 2, 29), DAYS[-1], "1d", eager=True)
    days = every.filter(every.dt.weekday() < 6)
    bars = pl.DataFrame({"date": days}).join(pl.DataFrame({"symbol": ["AA", "BB"]}), how="cross")
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), pl.lit(10.0))
    return rbt.PolarsDataPortal(bars.with_columns(**prices))


def seen(frame: Any) -> list[Any]:
    """Return what each morning knows of the first asset."""
    Figures.use(frame)
    table = rbt.run_pipeline(
        Pipeline({"eps": Figures.eps.latest, "sector": Figures.sector.latest}),
        DAYS[0],
        DAYS[-1],
        market(),
    )
    return table.filter(pl.col("symbol") == "AA").select("eps", "sector").rows()


USUAL = [(1.0, "a"), (1.0, "a"), (2.0, "b"), (2.0, "b")]


def at_midnight(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("timestamp", "asof").cast(pl.Datetime("us")))


def indexed() -> Any:
    return at_midnight(rows()).to_pandas().set_index(["timestamp", "symbol"])


@pytest.mark.parametrize(
    "frame",
    [
        rows(),
        rows().lazy(),
        rows().to_pandas(),
        at_midnight(rows()),
        at_midnight(rows()).to_pandas(),
        indexed(),
    ],
    ids=["polars", "lazy", "pandas", "midnights", "pandas midnights", "in the index"],
)
def test_a_day_of_knowledge_is_seen_the_morning_after_however_it_is_written(frame: Any):
    """pandas has no dates: midnights without a zone are days, not the hour before dawn."""
    assert seen(frame) == USUAL


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_a_midnight_among_moments_is_a_day_too(kind: str):
    """Calendars of events give a time where they know one: the others are no dawn."""
    stamps = pl.Series(
        ["2016-03-01 05:00", "2016-03-08 00:00", "2016-03-08 05:00"]
    ).str.to_datetime()
    frame = rows(symbol=["AA"] * 3, timestamp=stamps)
    equal = frame.with_columns(asof=pl.lit(date(2016, 1, 31)))

    for given in (frame, equal):
        found = seen(given if kind == "polars" else given.to_pandas())
        assert [eps for eps, _ in found] == [1.0, 3.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("hour", "expected"), [(5, [1.0, 2.0, 2.0, 2.0]), (21, [1.0, 1.0, 2.0, 2.0])]
)
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_moment_is_seen_by_the_first_morning_after_it(
    hour: int, expected: list[float], zone: str | None
):
    moments = [datetime(2016, 3, day, hour, tzinfo=UTC) for day in (1, 8, 1)]
    stamps = pl.Series(moments).cast(pl.Datetime("us", "UTC"))
    stamps = (
        stamps.dt.replace_time_zone(None) if zone is None else stamps.dt.convert_time_zone(zone)
    )

    found = seen(rows().with_columns(timestamp=stamps))

    assert [eps for eps, _sector in found] == expected


def test_rows_that_each_say_a_part_do_not_contradict_each_other():
    numbers = rows(sector=[None, None, None]).cast({"sector": pl.String})
    labels = rows(eps=[None, None, None]).cast({"eps": pl.Float64})

    assert seen(pl.concat([numbers, labels])) == USUAL
    assert seen(pl.concat([rows(), rows()])) == USUAL


WRONG = {
    "no time": (rows(timestamp=None), errors.NoTimeOfKnowledge, "what nobody knew"),
    "a row without time": (
        rows(timestamp=[DAYS[0], None, DAYS[0]]), errors.NoTimeOfKnowledge, "row 1 (AA)"
    ),
    "time as text": (rows(timestamp=["2016-03-01"] * 3), errors.WrongColumnType, "str.to_date()"),
    "time as numbers": (rows(timestamp=[20160301] * 3), errors.WrongColumnType, "Int64"),
    "no day it is about": (rows(asof=[None, *DAYS[:2]]), errors.DataError, "row 0 (AA)"),
    "a day to come": (
        rows(asof=[date(2016, 6, 30), *[date(2015, 12, 31)] * 2]), errors.DataError, "swap them"
    ),
    "sids as text": (
        rows(symbol=None).with_columns(sid=pl.lit("0")), errors.WrongColumnType, "cast(pl.Int64)"
    ),
    "no assets": (rows(symbol=None), errors.MissingColumn, "symbol"),
    "no values": (rows(eps=None), errors.MissingColumn, "eps"),
    "values as text": (rows(eps=["1", "2", "x"]), errors.WrongColumnType, "cast(pl.Float64)"),
    "contradictions": (
        pl.concat([rows(), rows(eps=[1.0, 2.5, 3.0])]), errors.DataError, "2.0 and 2.5"
    ),
    "a list": ([1, 2], errors.NotAFrame, "a list"),
    "nothing": (None, errors.NotAFrame, "polars or pandas"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_frame_that_cannot_be_right_is_refused(name: str):
    frame, error, words = WRONG[name]

    with pytest.raises(error) as refused:
        Figures.use(frame)

    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("asof", "timestamp"),
    [
        (date(2016, 3, 8), datetime(2016, 3, 7, 23, tzinfo=UTC)),  # a morning in Tokyo
        (datetime(2016, 3, 8, 2, tzinfo=UTC), date(2016, 3, 7)),  # an evening in New York
    ],
)
def test_a_day_of_another_zone_is_not_a_day_to_come(asof: date, timestamp: date):
    Figures.use(rows(symbol=["AA", "BB", "CC"], asof=[asof] * 3, timestamp=[timestamp] * 3))


def test_a_day_that_has_begun_in_no_zone_is_a_day_to_come():
    moment = datetime(2016, 3, 7, 9, 59, tzinfo=UTC)
    with pytest.raises(errors.DataError, match="a day to come"):
        Figures.use(rows(asof=[date(2016, 3, 8)] * 3, timestamp=[moment] * 3))


@pytest.mark.parametrize("lag", [-1, 1.5, True])
def test_nothing_is_seen_before_it_is_known(lag: Any):
    with pytest.raises(errors.InvalidSetting, match="before it is known"):
        Figures.use(rows(), lag=lag)


def test_an_unknown_asset_is_named_with_one_that_is_near():
    with pytest.raises(errors.UnknownSymbol, match="did you mean 'AA'"):
        seen(rows(symbol=["AA", "AA", "AAA"]))


def test_a_frame_in_place_of_a_loader_is_refused_without_being_shown():
    with pytest.raises(TypeError, match=r"Figures\.use\(frame\)") as refused:
        rbt.run_pipeline(
            Pipeline({"eps": Figures.eps.latest}), *DAYS[:2], market(), loaders={Figures: rows()}
        )

    assert len(str(refused.value)) < 300
    assert DataFrameLoader(Figures.eps, pd.DataFrame()) is not None
