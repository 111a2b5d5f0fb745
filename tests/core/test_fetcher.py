"""Values from elsewhere: what a row counts for, and what is refused."""

from datetime import date

import pandas as pd
import polars as pl
import pytest

from rbtlive.errors import NotAFrame, NotBuilt, UnreadableFile
from tests.core.plays import on_bar, played
from tests.data.markets import DAYS

PRICES = {"A": [10.0] * 8, "B": [20.0] * 8}
ROWS = pl.DataFrame(
    {
        "date": ["2017-01-04", "2017-01-07", "2017-01-04"],
        "symbol": ["A", "a", "B"],
        "score": [1.5, 2.5, 7.0],
    }
)


def scores(source, *, frames="polars", names=("A",), column="score", **options):
    seen = []

    def initialize(context):
        context.fetch_csv(source, **options)

    def look(context, data):
        of = [context.symbol(name) if name in PRICES else name for name in names]
        values = [data.current(asset, column) for asset in of]
        seen.append([None if value != value else value for value in values])

    played(PRICES, look, initialize=initialize, frames=frames)
    return seen


@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_a_row_counts_from_its_session_or_the_next_until_the_following_row(frames):
    seen = scores(ROWS, frames=frames, names=("A", "B"))

    monday = DAYS.index(date(2017, 1, 9))
    assert seen == [[None, None]] + [[1.5, 7.0]] * (monday - 1) + [[2.5, 7.0]] * (8 - monday)


@pytest.mark.parametrize(
    "source", [ROWS.lazy(), pd.DataFrame(ROWS.to_dict(as_series=False))], ids=["lazy", "pandas"]
)
def test_frames_of_every_kind_are_read_and_left_as_they_were(source):
    assert scores(source)[1] == [1.5]
    if isinstance(source, pd.DataFrame):
        assert list(source.columns) == ["date", "symbol", "score"]


def test_a_file_is_read_with_what_pandas_takes(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("day;name;score\n2017-01-04;A;3\n", encoding="utf-8")

    assert scores(path, date_column="day", symbol_column="name", sep=";")[-1] == [3]
    assert scores(
        str(path), date_column="day", symbol_column="name", sep=";", usecols=["name", "score"]
    )[-1] == [3]


def test_a_series_of_its_own_is_asked_for_by_its_name():
    assert scores(ROWS.head(1), names=("MOOD",), symbol="MOOD")[2] == [1.5]


def test_functions_before_and_after_see_pandas_frames_and_may_return_polars_ones():
    seen = scores(
        ROWS,
        pre_func=lambda rows: pl.DataFrame(
            {name: rows[name].tolist() for name in rows}
        ).with_columns(pl.col("score") * 2),
        post_func=lambda rows: rows.assign(twice=rows["score"] * 2),
        column="twice",
    )

    assert seen[1] == [6.0]


def test_rows_without_a_date_or_a_known_symbol_are_dropped():
    rows = pl.DataFrame(
        {
            "date": ["2017-01-04", "someday", "2017-01-04"],
            "symbol": ["A", "A", "NOBODY"],
            "score": [1.0, 2.0, 3.0],
        }
    )

    assert scores(rows)[1:] == [[1.0]] * 7


def test_dates_of_another_zone_are_moved_to_utc():
    rows = pl.DataFrame({"date": ["2017-01-04 20:00"], "symbol": ["A"], "score": [1.0]})

    assert scores(rows, timezone="America/New_York")[1:3] == [[None], [1.0]]


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ("https://example.com/scores.csv", {}, NotBuilt, "download it first"),
        ("nowhere.csv", {}, UnreadableFile, "nowhere.csv"),
        (7, {}, NotAFrame, "was 7"),
        (ROWS, {"colour": "red"}, TypeError, "colour"),
        (ROWS, {"sep": ";"}, TypeError, "for files"),
        (ROWS, {"date_column": "day"}, KeyError, "date, symbol, score"),
        (ROWS, {"symbol_column": "name"}, KeyError, "date, symbol, score"),
        (ROWS, {"special_params_checker": print}, NotBuilt, "URLs"),
    ],
)
def test_what_cannot_be_read_is_refused(source, options, error, message):
    with pytest.raises(error, match=message):
        scores(source, **options)


def test_a_date_format_has_no_effect_and_says_so():
    with pytest.warns(UserWarning, match="no effect"):
        scores(ROWS, date_format="%Y-%m-%d")


def test_the_rows_are_returned_as_they_were_understood():
    found = []

    played(PRICES, on_bar({}), initialize=lambda context: found.append(context.fetch_csv(ROWS)))

    assert found[0].fields == ["score", "sid"]
    assert [asset.symbol for asset in found[0].df["sid"]] == ["A", "B", "A"]


def test_a_text_that_some_assets_do_not_have_is_null_in_a_table():
    seen = []
    words = pl.DataFrame({"date": ["2017-01-04"], "symbol": ["A"], "word": ["up"]})

    def look(context, data):
        seen.append(data.current(context.symbols(*PRICES), ["word", "close"]))

    played(PRICES, look, initialize=lambda context: context.fetch_csv(words))

    assert seen[1]["word"].to_list() == ["up", None]
    assert seen[1].schema == {"symbol": pl.String, "word": pl.String, "close": pl.Float64}
