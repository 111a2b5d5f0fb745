"""What a run over weeks or months is counted in, wherever it is shown."""

import re

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
