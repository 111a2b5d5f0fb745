"""Further columns of a source are fields: a prediction, a signal, open interest."""

import io
import math
import pickle
from datetime import date

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import IncompatibleHistoryFrequency, LookAheadIndicator, StrategyError
from tests.builders import daily_frame, minute_frame

NAN = math.nan


def scored(frame: pl.DataFrame) -> pl.DataFrame:
    """Return bars with a number of their own each, and texts and truths beside."""
    return frame.with_columns(
        pl.int_range(pl.len()).cast(pl.Float64).alias("score"),
        (pl.col("close") > pl.col("open")).alias("rose"),
        pl.lit("tech").alias("sector"),
    )


def seen(data, read, *, frames="polars", **options):
    """Return what `read(data, asset)` gives in each bar of a run over the first asset."""
    found = []

    def handle_data(context, data):
        found.append(read(data, context.asset))

    def initialize(context):
        context.asset = context.symbol("AAA")

    strategy = {"initialize": initialize, "handle_data": handle_data}
    rbt.backtest(strategy, data, frames=frames, **options)
    return found


def test_a_further_column_is_read_like_a_field():
    bars = scored(daily_frame(5, 1))

    found = seen(bars, lambda data, asset: data.current(asset, "score"))

    assert found == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_boolean_is_one_or_zero():
    bars = scored(daily_frame(5, 1))

    found = seen(bars, lambda data, asset: data.current(asset, "rose"))

    assert found == bars["rose"].cast(pl.Float64).to_list()


@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_several_fields_of_one_asset_hold_further_columns(frames):
    def read(data, asset):
        found = data.current(asset, ["score", "close"])
        return float(found["score"]), float(found["close"])

    bars = scored(daily_frame(3, 1))

    assert seen(bars, read, frames=frames) == bars.select("score", "close").rows()


def shapes(data, assets):
    one, two = assets
    return {
        "current": data.current([one, two], ["score", "close"]),
        "series": data.history(one, "score", 3, "1d"),
        "by_asset": data.history([one, two], "score", 3, "1d"),
        "by_field": data.history(one, ["score", "close"], 3, "1d"),
        "long": data.history([one, two], ["score", "close"], 3, "1d"),
        "window": data.window([one, two], "score", 3),
    }


def last_shapes(bars, **options):
    found = {}

    def initialize(context):
        context.assets = context.symbols("AAA", "BBB")

    def handle_data(context, data):
        if data.current(context.assets[0], "score") >= 6:
            found.update(shapes(data, context.assets))

    rbt.backtest({"initialize": initialize, "handle_data": handle_data}, bars, **options)
    return found


def test_windows_of_polars_hold_further_columns():
    found = last_shapes(scored(daily_frame(4, 2)))

    assert found["current"]["score"].to_list() == [6.0, 7.0]
    assert found["series"].to_list() == [2.0, 4.0, 6.0]
    assert found["by_asset"].select("AAA", "BBB").rows() == [(2.0, 3.0), (4.0, 5.0), (6.0, 7.0)]
    assert found["by_field"]["score"].to_list() == [2.0, 4.0, 6.0]
    assert found["long"]["score"].to_list() == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert found["window"].tolist() == [[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]


def test_windows_of_pandas_hold_further_columns_as_floats():
    found = last_shapes(scored(daily_frame(4, 2)), frames="pandas")

    assert found["series"].tolist() == [2.0, 4.0, 6.0]
    assert found["series"].dtype == "float64"
    assert found["by_asset"].to_numpy().tolist() == [[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]
    assert found["long"]["score"].tolist() == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert found["current"]["score"].dtype == "float64"


def test_gaps_are_nan_and_never_filled():
    bars = scored(daily_frame(5, 2)).filter((pl.col("symbol") == "BBB") | (pl.col("score") != 4.0))
    bars = bars.with_columns(pl.when(pl.col("score") != 8.0).then("score").alias("score"))

    found = seen(bars, lambda data, asset: data.current(asset, "score"))
    window = seen(
        bars, lambda data, asset: data.history(asset, "score", 2, "1d").to_list(), warmup=2
    )

    assert [repr(one) for one in found] == ["0.0", "2.0", "nan", "6.0", "nan"]
    assert [repr(one) for one in window[-3:]] == ["[2.0, nan]", "[nan, 6.0]", "[6.0, nan]"]


def test_a_split_leaves_further_columns_alone():
    frame = scored(daily_frame(5, 1))
    day = frame["date"][3]
    splits = pl.DataFrame({"symbol": ["AAA"], "effective_date": [day], "ratio": [0.5]})
    portal = rbt.PolarsDataPortal(frame, splits=splits)

    found = seen(
        portal,
        lambda data, asset: data.history(asset, ["score", "close"], 5, "1d"),
        start=frame["date"][4],
    )

    assert found[-1]["score"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert found[-1]["close"][0] == frame["close"][0] / 2


def test_before_the_open_the_value_of_the_last_bar_is_known():
    found = []

    def before_trading_start(context, data):
        found.append(data.current(context.asset, "score"))

    def initialize(context):
        context.asset = context.symbol("AAA")

    rbt.backtest(
        {"initialize": initialize, "before_trading_start": before_trading_start},
        scored(daily_frame(4, 1)),
    )

    assert [repr(one) for one in found] == ["nan", "0.0", "1.0", "2.0"]


def daily_of(minutes: pl.DataFrame) -> pl.DataFrame:
    """Return the days of minutes of one symbol."""
    return (
        minutes.group_by(pl.col("timestamp").dt.date().alias("date"))
        .agg(
            pl.col("symbol", "open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .sort("date")
    )


# --- longer bars ----------------------------------------------------------------------


def minutes():
    frame = scored(minute_frame(2, 1))
    return frame.with_columns(pl.when(pl.col("score") % 5 != 4).then("score").alias("score"))


def test_a_longer_bar_has_the_last_value_known_in_it():
    portal = rbt.resample(rbt.PolarsDataPortal(None, minute_bars=minutes()), "5m")

    found = seen(portal, lambda data, asset: data.current(asset, "score"), frequency="5m")

    assert found[:3] == [3.0, 8.0, 13.0]


def test_days_made_of_minutes_have_the_last_value_known():
    found = seen(minutes(), lambda data, asset: data.current(asset, "score"), frequency="1d")

    assert seen(
        rbt.resample(rbt.PolarsDataPortal(None, minute_bars=minutes()), "1d"),
        lambda data, asset: data.current(asset, "score"),
    ) == [388.0, 778.0]
    assert found == [388.0, 778.0]


def test_a_day_so_far_has_the_last_value_known_of_its_minutes():
    found = seen(
        minutes(), lambda data, asset: data.history(asset, "score", 2, "1d").to_list(),
        frequency="1m", start=minutes()["timestamp"].dt.date()[-1],
    )  # fmt: skip

    assert found[0] == [388.0, 390.0]
    assert found[4] == [388.0, 393.0]
    assert found[-1] == [388.0, 778.0]


def test_windows_of_longer_bars_hold_the_last_value_known():
    found = seen(
        minutes(), lambda data, asset: data.history(asset, "score", 2, "5m").to_list(),
        frequency="1m", warmup=12,
    )  # fmt: skip

    assert found[:2] == [[388.0, 390.0], [388.0, 391.0]]
    assert found[5] == [393.0, 395.0]


def test_weeks_have_the_last_value_known_of_their_days():
    portal = rbt.resample(rbt.PolarsDataPortal(scored(daily_frame(9, 1))), "1w")

    found = seen(portal, lambda data, asset: data.current(asset, "score"), frequency="1w")

    assert found == [3.0, 8.0]


def test_in_the_morning_a_daily_column_of_the_day_before_is_known():
    days = daily_of(minute_frame(3, 1)).with_columns(rating=pl.Series([1.0, 2.0, 3.0]))
    portal = rbt.PolarsDataPortal(days, minute_bars=minute_frame(3, 1))
    found = []

    def initialize(context):
        context.asset = context.symbol("AAA")

    def before_trading_start(context, data):
        found.append(data.history(context.asset, "rating", 1, "1d").to_list())

    strategy = {"initialize": initialize, "before_trading_start": before_trading_start}
    rbt.backtest(strategy, portal, frequency="1m", start=days["date"][1])

    assert found == [[1.0], [2.0]]


def test_a_column_of_the_daily_bars_alone_is_read_in_days_of_a_run_over_minutes():
    days = daily_of(minute_frame(2, 1)).with_columns(rating=pl.Series([389.0, 779.0]))
    portal = rbt.PolarsDataPortal(days, minute_bars=minute_frame(2, 1))
    second = days["date"][1]

    found = seen(
        portal, lambda data, asset: data.history(asset, "rating", 2, "1d").to_list(),
        frequency="1m", start=second,
    )  # fmt: skip

    assert [repr(one) for one in found[-2]] == ["389.0", "nan"]
    assert found[-1] == [389.0, 779.0]  # the daily bar has ended
    with pytest.raises(
        KeyError, match=r'column of the daily bars: write data.history\(asset, "rat'
    ):
        seen(portal, lambda data, asset: data.current(asset, "rating"), frequency="1m")
    with pytest.raises(IncompatibleHistoryFrequency, match="'rating' is one of the daily bars"):
        seen(portal, lambda data, asset: data.window(asset, "rating", 1), frequency="1m")


# --- sources --------------------------------------------------------------------------


def scores_of(portal):
    return seen(portal, lambda data, asset: data.current(asset, "score"))


def sources(folder):
    frame = scored(daily_frame(5, 2))
    csv, parquet = folder / "bars.csv", folder / "bars.parquet"
    frame.write_csv(csv)
    frame.write_parquet(parquet)
    indexed = frame.to_pandas().set_index(["symbol", "date"])
    return {
        "polars": frame,
        "lazy": frame.lazy(),
        "pandas": frame.to_pandas(),
        "index": indexed,
        "csv": csv,
        "parquet": parquet,
        "shuffled": frame.sample(fraction=1.0, shuffle=True, seed=3),
        "by symbol": {
            s: frame.filter(pl.col("symbol") == s).drop("symbol") for s in ("AAA", "BBB")
        },
        "other names": frame.rename({"close": "Close", "date": "Day"}),
        "text": frame.write_csv(),
        "open file": io.StringIO(frame.write_csv()),
    }


SOURCES = [
    "polars",
    "lazy",
    "pandas",
    "index",
    "csv",
    "parquet",
    "shuffled",
    "by_symbol",
    "other_names",
    "text",
    "open_file",
]


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_its_further_columns(kind, tmp_path):
    source = sources(tmp_path)[kind.replace("_", " ")]
    portal = source if kind in ("polars", "pandas", "csv", "parquet") else rbt.read(source)

    assert scores_of(portal) == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_all_sources_are_the_same_data(tmp_path):
    prints = {rbt.read(source).fingerprint() for source in sources(tmp_path).values()}

    assert len(prints) == 1
    assert prints != {rbt.read(daily_frame(5, 2)).fingerprint()}


def test_a_pandas_frame_that_is_changed_later_does_not_change_the_portal():
    frame = scored(daily_frame(5, 1)).to_pandas()
    portal = rbt.PolarsDataPortal(frame)

    frame["score"] = 7.0
    frame.loc[0, "rose"] = True

    assert scores_of(portal) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_rows_that_become_no_bars_do_not_move_the_values():
    frame = scored(daily_frame(5, 1))
    holed = frame.with_columns(pl.when(pl.col("score") != 2).then("close").alias("close"))

    for portal in (rbt.PolarsDataPortal(holed), rbt.read(holed)):
        assert [repr(one) for one in scores_of(portal)] == ["0.0", "1.0", "nan", "3.0", "4.0"]


def test_a_row_that_is_there_twice_is_taken_once():
    frame = scored(daily_frame(300, 1))

    portal = rbt.read(pl.concat([frame.head(1), frame]))

    assert scores_of(portal)[:3] == [0.0, 1.0, 2.0]


def test_missing_values_of_pandas_are_nan():
    frame = scored(daily_frame(3, 1)).to_pandas()
    frame["flag"] = pd.array([True, None, False], dtype="boolean")
    frame["count"] = pd.array([1, None, 3], dtype="Int64")

    found = seen(frame, lambda data, asset: dict(data.current(asset, ["flag", "count"])))

    assert [repr(list(one.values())) for one in found] == ["[1.0, 1.0]", "[nan, nan]", "[0.0, 3.0]"]


def test_a_column_that_a_role_takes_is_no_field():
    frame = scored(daily_frame(3, 1)).rename({"close": "last"}).with_columns(close_time=1)

    portal = rbt.read(frame)

    assert portal.further.names == ("score", "rose", "close_time")


def test_an_adjusted_close_that_is_left_aside_is_a_field():
    frame = daily_frame(3, 1).with_columns((pl.col("close") / 2).alias("Adj Close"))

    found = seen(frame, lambda data, asset: data.current(asset, "Adj Close"))

    assert found == (frame["close"] / 2).to_list()


def test_the_report_says_which_columns_are_fields():
    portal = rbt.PolarsDataPortal(scored(daily_frame(3, 1)))

    assert portal.report().notes == [
        "further columns are fields: score, rose",
        "column 'sector' is not a field: it holds text",
    ]


def test_a_column_with_a_name_that_data_answers_itself_is_named():
    bars = daily_frame(3, 1).with_columns(price=pl.lit(7.0), contract=pl.lit(1), score=pl.lit(2.0))

    portal = rbt.PolarsDataPortal(bars)

    assert portal.report().notes == [
        "further columns are fields: score",
        "column 'price' is not a field: it has a name that data.current('price') answers itself; rename the column",
        "column 'contract' is not a field: it has a name that data.current('contract') answers itself; rename the column",
    ]
    assert seen(portal, lambda data, asset: data.current(asset, "price")) == [
        *bars["close"].to_list()
    ]


@pytest.mark.parametrize("name", ["score", "asset", "us", "session", "time"])
def test_the_frame_of_a_portal_has_its_further_columns(name):
    bars = daily_frame(4, 2).with_columns(pl.int_range(pl.len()).cast(pl.Float64).alias(name))
    portal = rbt.PolarsDataPortal(bars.reverse())

    written = portal.to_frame(symbols="BBB", start=bars["date"].unique().sort()[1], further=True)

    theirs = bars.filter(pl.col("symbol") == "BBB").sort("date")[1:]
    assert written[name].to_list() == theirs[name].to_list()
    again = rbt.PolarsDataPortal(portal.to_frame(further=True))
    assert again.fingerprint() == portal.fingerprint()


def test_the_frame_of_longer_bars_has_the_last_value_known():
    portal = rbt.PolarsDataPortal(None, minute_bars=scored(minute_frame(2, 1)))

    minutes, days = portal.to_frame("1m", further=True), portal.to_frame("1d", further=True)

    assert minutes["score"].to_list() == [float(number) for number in range(len(minutes))]
    assert days["score"].to_list() == [len(minutes) / 2 - 1, len(minutes) - 1]


def test_copies_of_a_portal_keep_the_columns():
    portal = rbt.PolarsDataPortal(scored(daily_frame(5, 1)).to_pandas())
    copied = pickle.loads(pickle.dumps(portal))

    assert scores_of(copied) == scores_of(portal.without_end()) == scores_of(portal)
    assert copied.fingerprint() == portal.fingerprint()


def test_bars_on_the_disk_say_how_to_have_their_columns():
    portal = rbt.PolarsDataPortal(None, minute_bars=scored(minute_frame(2, 1)), in_memory=False)

    with pytest.raises(KeyError, match=r"such a column, but it stays on the disk.*in_memory=True"):
        seen(portal, lambda data, asset: data.current(asset, "score"), frequency="1m")


def wide(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    names = ("open", "high", "low", "close", "volume", "score")
    on = {"on": "symbol", "index": "date"}
    return {name: frame.pivot(**on, values=name) for name in names}  # noqa: PD010 - of polars


def many_headed(frame: pl.DataFrame) -> pd.DataFrame:
    bars = frame.drop("sector", "rose").to_pandas()
    return bars.set_index(["date", "symbol"]).unstack()  # noqa: PD010 - a frame with two rows of names


WIDE = {
    "a frame a field": wide,
    "close and two others": lambda frame: {
        "close": wide(frame)["close"], "score": wide(frame)["score"], "x": wide(frame)["score"],
    },
    "fields over symbols": many_headed,
    "symbols over fields": lambda frame: many_headed(frame).swaplevel(axis=1),
}  # fmt: skip


@pytest.mark.parametrize("shape", list(WIDE))
def test_wide_sources_give_their_further_columns(shape):
    portal = rbt.read(WIDE[shape](scored(daily_frame(5, 2))))

    assert scores_of(portal) == [0.0, 2.0, 4.0, 6.0, 8.0]


# --- names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Score", "did you mean 'score'?"),
        ("scor", "did you mean 'score'?"),
        ("sector", "the source has such a column, but it holds text"),
    ],
)
def test_a_name_that_is_no_field_says_what_is_near(name, words):
    bars = scored(daily_frame(3, 1))

    with pytest.raises(KeyError, match=words.replace("?", r"\?")):
        seen(bars, lambda data, asset: data.current(asset, name))
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        seen(bars, lambda data, asset: data.history(asset, name, 1, "1d"))


@pytest.mark.parametrize("name", ["score", "Score"])
def test_an_attribute_of_data_that_is_a_column_says_what_to_write(name):
    with pytest.raises(AttributeError) as raised:
        seen(scored(daily_frame(3, 1)), lambda data, asset: getattr(data, name))

    assert f'BarData has no {name!r}: write data.current(asset, "score")' in raised.value.__notes__


def test_data_names_its_fields():
    (first, *_) = seen(scored(daily_frame(3, 1)), lambda data, asset: data.fields)

    assert first[-2:] == ("score", "rose")
    assert first[:5] == ("open", "high", "low", "close", "volume")


def test_an_indicator_may_have_the_name_of_a_column():
    found = []

    class Both(rbt.TradingAlgorithm):
        def initialize(self, context):
            context.asset = self.symbol("AAA")
            self.indicator("score", pl.col("score") * 10)

        def handle_data(self, context, data):
            found.append(data.current(context.asset, "score"))

    rbt.backtest(Both, scored(daily_frame(4, 1)))

    assert found == [0.0, 10.0, 20.0, 30.0]


def test_a_column_that_nobody_has_is_no_column_of_an_indicator():
    class Wrong(rbt.TradingAlgorithm):
        def initialize(self, context):
            self.indicator("x", pl.col("scores") * 10)
            context.asset = self.symbol("AAA")

        def handle_data(self, context, data):
            data.current(context.asset, "x")

    with pytest.raises(StrategyError, match=r"use the columns open, .*, price, score, rose"):
        rbt.backtest(Wrong, scored(daily_frame(4, 1)))


def test_an_indicator_over_a_column_that_looks_ahead_is_refused():
    class Ahead(rbt.TradingAlgorithm):
        def initialize(self, context):
            self.indicator("x", pl.col("score").shift(-1))
            context.asset = self.symbol("AAA")

        def handle_data(self, context, data):
            data.current(context.asset, "x")

    with pytest.raises(LookAheadIndicator):
        rbt.backtest(Ahead, scored(daily_frame(40, 1)))


# --- costs ----------------------------------------------------------------------------


def test_a_column_that_nobody_reads_is_not_converted():
    portal = rbt.PolarsDataPortal(scored(daily_frame(5, 1)))
    columns = portal.further.days[0]

    seen(portal, lambda data, asset: data.current(asset, "score"))

    assert set(columns._known) == {"score"}


def test_a_portal_without_further_columns_has_none():
    portal = rbt.PolarsDataPortal(daily_frame(5, 1))

    assert not portal.further
    assert portal.further.names == ()
    assert date(2017, 1, 3) == portal.calendar.label(portal.first_session)
