"""What a run over weeks or months is counted in, wherever it is shown."""

import re
from datetime import date, timedelta

import polars as pl
import pytest

import rbtlive as rbt
from tests.builders import Churn, daily_frame

BARS = daily_frame(300)


@pytest.mark.parametrize(
    ("frequency", "word", "half"), [("1d", "session", 126), ("1w", "week", 26), ("1mo", "month", 6)]
)
def test_rows_are_called_what_they_are(tmp_path, frequency, word, half):
    result = rbt.backtest(Churn, BARS, frequency=frequency, progress=False)

    rows = result.performance.height
    assert f"({rows} {word}s)" in repr(result)
    units = dict(result.stats.select("statistic", "unit").iter_rows())
    assert units["sessions"] == units["win_days_in_a_row"] == f"{word}s"
    path = tmp_path / "report.html"
    result.report(path)
    page = re.sub(r"<[^>]+>", " ", path.read_text())
    assert f", {rows} {word}s" in page
    assert f"Returns of {word}s" in page
    assert f"Sharpe ratio over {min(half, rows // 2)} {word}s" in page


class Idle(rbt.TradingAlgorithm):
    """Does nothing."""

    def handle_data(self, context, data):
        """Do nothing."""


def weeks(days=7, count=40):
    """Return bars that far apart, in the documented long form, by their Wednesdays."""
    dates = [date(2022, 1, 5) + timedelta(days * n) for n in range(count)]
    columns = {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 1e6}
    return pl.DataFrame({"date": dates}).with_columns(
        pl.lit("AAA").alias("symbol"), *(pl.lit(v).alias(name) for name, v in columns.items())
    )


def written(frame, path):
    frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)
    return path


@pytest.mark.parametrize(
    "shape",
    [
        lambda frame, _folder: frame,
        lambda frame, _folder: frame.lazy(),
        lambda frame, folder: written(frame, folder / "bars.csv"),
        lambda frame, folder: written(frame, folder / "bars.parquet"),
    ],
    ids=["frame", "lazy", "csv", "parquet"],
)
@pytest.mark.parametrize("calendar", [None, "XNYS"])
def test_bars_of_weeks_are_not_run_as_days_with_gaps(tmp_path, shape, calendar):
    source = shape(weeks(), tmp_path)

    with pytest.raises(rbt.errors.BadFrequency, match="such as '1w': was '1d'"):
        rbt.backtest(Idle, source, calendar=calendar, progress=False)
    result = rbt.backtest(Idle, source, calendar=calendar, frequency="1w", progress=False)
    assert result.performance.height == 40


def test_a_few_days_far_apart_stay_days():
    portal = rbt.PolarsDataPortal.coerce(weeks(count=5), frequency="1d")
    assert portal.daily.height == 5
